package callback_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback"
)

// An operator resends from another process: nobody wakes the sender, which
// finds out by itself within 2 s, however long nothing was to be done.
func TestResendIsPickedUp(t *testing.T) {
	t.Parallel()
	for _, state := range []string{callback.StateDelivered, callback.StateDead} {
		synctest.Test(t, func(t *testing.T) {
			lan, pos := newWire(), &till{}
			lan.serve("pos.example.in", pos)
			b := newBench(t, nil)
			b.DialThrough(lan.dial)
			b.put(t, "M1", "e1", shop)
			if state == callback.StateDead {
				if _, err := b.Lease(t.Context(), callback.Ask{Limit: 1, Lease: time.Minute}); err != nil {
					t.Fatal(err)
				}
				if err := b.Record(t.Context(), []callback.Outcome{{EventID: "e1", Attempt: 1, State: state}}); err != nil {
					t.Fatal(err)
				}
			}
			stop := b.start(t)
			b.settled(t, "e1", state)
			<-time.After(time.Hour + 123*time.Millisecond)
			before := len(pos.received())
			began := time.Now()
			if ok, err := b.Resend(t.Context(), "e1"); err != nil || !ok {
				t.Fatal(ok, err)
			}
			b.settled(t, "e1", callback.StateDelivered)
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%s: delivered %v after the resend", state, took)
			}
			got := pos.received()
			if len(got) != before+1 || got[before].header.Get(callback.HeaderEventID) != "e1" {
				t.Errorf("%s: received %d times more", state, len(got)-before)
			}
			stop()
		})
	}
}

// A notice that was given up has a fresh day when it is resent: gaps from 1 s
// on, and 24 h until it is given up again.
func TestResendBeginsADayAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		pos.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
		lan.serve("pos.example.in", pos)
		b := newBench(t, nil)
		b.DialThrough(lan.dial)
		stop := b.start(t)
		b.sell(t, "M1", "e1", shop)
		b.settled(t, "e1", callback.StateDead)
		before := len(pos.received())
		<-time.After(time.Hour)
		again := time.Now()
		if ok, err := b.Resend(t.Context(), "e1"); err != nil || !ok {
			t.Fatal(ok, err)
		}
		b.settled(t, "e1", callback.StateDead)
		if took := time.Since(again); took > 24*time.Hour+time.Minute || took < 24*time.Hour-72*time.Minute {
			t.Errorf("given up %v after the resend", took)
		}
		got := pos.received()[before:]
		if len(got) < 30 || len(got) > 45 {
			t.Errorf("%d attempts", len(got))
		}
		// The lane is failing from before: its breaker may hold the first ones back.
		for i := 6; i < len(got); i++ {
			gap, want := got[i].at.Sub(got[i-1].at), callback.Gap(i)
			if gap < want*8/10 || gap > want*12/10+time.Second/10 {
				t.Errorf("gap %d is %v, want %v +-20 %%", i, gap, want)
			}
		}
		if _, dead, _ := b.meter.count(""); dead != 2 {
			t.Errorf("%d dead letters are counted", dead)
		}
		stop()
	})
}

// A breaker is counted when it opens, not each time that a probe fails.
func TestBreakerOpensAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		lan.plug("pos.example.in", hang)
		b := newBench(t, nil)
		b.DialThrough(lan.dial)
		stop := b.start(t)
		b.sell(t, "M1", "e1", shop)
		b.sell(t, "M1", "e2", shop)
		<-time.After(20 * time.Minute)
		if b.meter.opened != 1 {
			t.Errorf("opened %d times, want once", b.meter.opened)
		}
		lan.serve("pos.example.in", pos)
		b.settled(t, "e1", callback.StateDelivered)
		b.settled(t, "e2", callback.StateDelivered)
		pos.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		b.sell(t, "M1", "e3", shop)
		<-time.After(20 * time.Minute)
		if b.meter.opened != 2 {
			t.Errorf("opened %d times, want twice", b.meter.opened)
		}
		stop()
	})
}

// Compose makes what is sent, to the byte, for whoever hands it over himself.
func TestComposeIsWhatIsSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		lan.serve("pos.example.in", pos)
		b := newBench(t, nil)
		b.DialThrough(lan.dial)
		stop := b.start(t)
		at := time.Now()
		b.sell(t, "M1", "e1", shop)
		b.settled(t, "e1", callback.StateDelivered)
		stop()
		header, body, err := b.Compose(t.Context(), "e1", "pay-e1", at)
		if err != nil {
			t.Fatal(err)
		}
		sent := pos.received()[0]
		if string(sent.body) != string(body) || sent.method != callback.Method("") || callback.Method("PUT") != http.MethodPut {
			t.Errorf("composed %s, sent %s %s", body, sent.method, sent.body)
		}
		sent.header.Del("Content-Length")
		for name := range sent.header {
			if len(header[name]) != 1 && http.CanonicalHeaderKey(callback.HeaderVerify) != name {
				t.Errorf("%s is sent and not composed", name)
			}
		}
		for name, values := range header {
			if got := sent.header.Values(name); len(values) != 1 || len(got) != 1 || got[0] != values[0] {
				t.Errorf("%s: composed %q, sent %q", name, values, got)
			}
		}
	})
}
