package cardlink_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/cardlink"
	wire "github.com/galla-pay/galla/protocol/cardlink"
)

// A reader that is not there is waited for: tried again after 250 ms, twice as
// long each time, 5 s at most, and said once in the log.
func TestReconnects(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.does(good())
		synctest.Wait()
		r.mu.Lock()
		r.opens = nil
		r.mu.Unlock()
		began := time.Now()
		r.cut(errCable)
		if _, err := r.Check(t.Context()); !errors.Is(err, cardlink.ErrNoLine) || time.Since(began) != 5*time.Second {
			t.Fatalf("Check = %v after %v", err, time.Since(began))
		}
		time.Sleep(25*time.Second - time.Since(began))
		r.mu.Lock()
		var gaps []time.Duration
		for i, at := range r.opens {
			since := began
			if i > 0 {
				since = r.opens[i-1]
			}
			gaps = append(gaps, at.Sub(since))
		}
		r.mu.Unlock()
		ms := time.Millisecond
		if want := []time.Duration{250 * ms, 500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 5000 * ms, 5000 * ms, 5000 * ms}; !slices.Equal(gaps[:8], want) {
			t.Fatalf("it was tried after %v, want %v", gaps, want)
		}
		if n := strings.Count(r.log(), "card reader is not connected"); n != 1 {
			t.Fatalf("said %d times: %s", n, r.log())
		}
		r.back()
		p := r.pay(t.Context())
		if <-p.done; p.err != nil || p.card != approvedCard {
			t.Fatalf("Pay = %+v, %v", p.card, p.err)
		}
	})
}

// A line that dies while nobody has a card yet ends Pay, and nothing of a card is
// said: the terminal makes the call again.
func TestTheLineDiesBeforeACard(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.does(map[wire.Kind][]wire.Message{wire.Sale: {of(wire.Waiting)}})
		p := r.pay(t.Context())
		r.cut(nil)
		if !is(p.done) || !errors.Is(p.err, cardlink.ErrLineBroke) || is(p.started) {
			t.Fatalf("Pay = %v", p.err)
		}
		r.does(good())
		p = r.pay(t.Context())
		if <-p.done; p.err != nil || p.card != approvedCard {
			t.Fatalf("Pay = %+v, %v", p.card, p.err)
		}
	})
}

// A line that dies in the middle of an approval, wherever: Pay has no answer, and
// Last has, over the next line.
func TestTheLineDiesInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string]map[wire.Kind][]wire.Message{
		"before NOTED is heard":   {wire.Sale: {of(wire.Read)}},
		"while the bank thinks":   {wire.Sale: {of(wire.Read)}, wire.Noted: {of(wire.Pending)}},
		"before the approval":     {wire.Sale: {of(wire.Waiting), of(wire.Read)}, wire.Noted: {of(wire.Pending), of(wire.Remove)}},
		"before it stands":        {wire.Sale: {of(wire.Read)}, wire.Noted: {approves(24_500)}},
		"after it was asked for":  {wire.Sale: {of(wire.Read)}, wire.Noted: {of(wire.Pending), approves(24_500)}},
		"with a card of earlier":  {wire.Sale: {of(wire.Pending)}},
		"with an earlier verdict": {wire.Sale: {approves(24_500)}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.does(answers)
				p := r.pay(t.Context())
				if is(p.done) || !is(p.started) {
					t.Fatalf("Pay = %v", p.err)
				}
				r.cut(errCable)
				if !is(p.done) || !errors.Is(p.err, cardlink.ErrLineBroke) {
					t.Fatalf("Pay = %v", p.err)
				}
				r.does(good())
				asked := make(chan error, 1)
				go func() {
					card, err := r.Last(t.Context(), "P1")
					if err == nil && card != approvedCard {
						t.Errorf("Last = %+v", card)
					}
					asked <- err
				}()
				time.Sleep(3 * time.Second)
				r.back()
				if err := <-asked; err != nil {
					t.Fatalf("Last = %v", err)
				}
			})
		})
	}
}

// A line that dies under a Last is asked again over the next one, until ctx ends.
func TestLastGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.does(map[wire.Kind][]wire.Message{wire.Last: {of(wire.Pending)}})
		synctest.Wait()
		asked := make(chan error, 1)
		go func() { _, err := r.Last(t.Context(), "P1"); asked <- err }()
		r.wantTold("LAST P1")
		r.cut(nil)
		r.does(good())
		if err := <-asked; err != nil {
			t.Fatalf("Last = %v", err)
		}
		r.wantTold("LAST P1", "LAST P1", "TOOK P1")
		r.cut(errCable)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, err := r.Last(ctx, "P1"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Fatalf("Last = %v after %v", err, time.Since(began))
		}
	})
}

// A reader that was started anew remembers nothing of the line: on a cable that
// stays plugged in that is seen by its session, and every call ends as if the line
// had died.
func TestTheReaderIsStartedAnew(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.does(map[wire.Kind][]wire.Message{wire.Sale: {of(wire.Read)}, wire.Noted: {of(wire.Pending)}})
		p := r.pay(t.Context())
		anew, err := wire.Encode(wire.Frame{Kind: wire.Keep, Session: "qkzvbtwx"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.line.Write(anew); err != nil {
			t.Fatal(err)
		}
		if !is(p.done) || !errors.Is(p.err, cardlink.ErrRestarted) || !is(p.started) {
			t.Fatalf("Pay = %v", p.err)
		}
		r.does(good())
		if card, err := r.Last(t.Context(), "P1"); err != nil || card != approvedCard {
			t.Fatalf("Last = %+v, %v", card, err)
		}
	})
}

// A reader that falls silent, without the line breaking, is dead after 7 s.
func TestTheReaderFallsSilent(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.pay(t.Context())
		r.say(of(wire.Waiting))
		// Whatever it writes is lost on the way from now on.
		began := time.Now()
		r.mute()
		<-p.done
		if took := time.Since(began); !errors.Is(p.err, cardlink.ErrLineBroke) || !errors.Is(p.err, wire.ErrSilent) || took > 8*time.Second {
			t.Fatalf("Pay = %v after %v", p.err, took)
		}
	})
}

// What a reader says of another payment is not an answer, and is in the log once,
// without a word of it.
func TestAnotherPayment(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		other := approves(24_500)
		other.Tag = wire.TagOf("P2")
		r.does(map[wire.Kind][]wire.Message{
			wire.Sale:  {of(wire.Waiting), of(wire.Read)},
			wire.Noted: {other, {Kind: wire.Declined, Tag: wire.TagOf("P3"), Code: "STOLEN_CARD"}, other, {Kind: wire.Kept, Tag: wire.TagOf("P2")}},
			wire.Last:  {other},
		})
		p := r.pay(t.Context())
		if <-p.done; !errors.Is(p.err, agent.ErrCardNoAnswer) {
			t.Fatalf("Pay = %+v, %v", p.card, p.err)
		}
		if _, err := r.Last(t.Context(), "P1"); !errors.Is(err, cardlink.ErrNoWord) {
			t.Fatalf("Last = %v", err)
		}
		r.wantTold("SALE P1 INR24500", "NOTED P1", "LAST P1")
		log := r.log()
		if strings.Count(log, "level=ERROR") != 1 || !strings.Contains(log, "was not asked about") {
			t.Fatalf("the log says %s", log)
		}
		for _, word := range []string{"STOLEN", "4242", "632512004217", string(wire.TagOf("P2"))} {
			if strings.Contains(log, word) {
				t.Errorf("the log has %s: %s", word, log)
			}
		}
	})
}

// Close ends everything at once.
func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.does(map[wire.Kind][]wire.Message{wire.Sale: {of(wire.Read)}, wire.Noted: {of(wire.Pending)}})
		p := r.pay(t.Context())
		if err := r.Close(); err != nil || !is(p.done) || p.err == nil {
			t.Fatalf("Close = %v, Pay = %v", err, p.err)
		}
		if _, err := r.Last(t.Context(), "P1"); !errors.Is(err, cardlink.ErrClosed) {
			t.Fatalf("Last = %v", err)
		}
		if _, err := r.Check(t.Context()); !errors.Is(err, cardlink.ErrClosed) {
			t.Fatalf("Check = %v", err)
		}
	})
}

// What cannot be a line is refused when it is configured; what is not there is
// not.
func TestOpeners(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "192.168.1.50:9100", "tcp://192.168.1.50", "tcp://:9100", "tcp://192.168.1.50:0", "tcp://192.168.1.50:99999",
		"http://192.168.1.50:9100", "tcp://user@192.168.1.50:9100", "tcp://192.168.1.50:9100/path", "tcp://192.168.1.50:9100?x=1", "tcp://%zz:1"} {
		if open, err := cardlink.Address(address); err == nil || open != nil || !strings.Contains(err.Error(), "tcp://HOST:PORT") {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, address := range []string{"tcp://192.168.1.50:9100", "tcp://[::1]:9100", "tcp://reader.local:1"} {
		if _, err := cardlink.Address(address); err != nil {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, baud := range []int{-1, 1, 300, 1200, 4800, 9601, 1_000_001} {
		if open, err := cardlink.Port("/dev/ttyACM0", baud); err == nil || open != nil || !strings.Contains(err.Error(), "9600") {
			t.Errorf("%d baud: %v", baud, err)
		}
	}
	if _, err := cardlink.Port("", 9600); err == nil {
		t.Error("a line without a path")
	}
}
