package callback_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback"
	"github.com/galla-pay/galla/controller/internal/callback/callbacktest"
)

const shop = "http://pos.example.in/cb"

// A server that is dead for good: gaps of 1, 2, 4, 8 s ... up to 1 h, +-20 %,
// for 24 h, then the dead letter, and nothing after it.
func TestRetriesForADayThenGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		pos.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
		lan.serve("pos.example.in", pos)
		b := newBench(t, nil)
		b.DialThrough(lan.dial)
		stop := b.start(t)

		began := time.Now()
		b.sell(t, "M1", "e1", shop)
		b.settled(t, "e1", callback.StateDead)
		if took := time.Since(began); took > 24*time.Hour || took < 24*time.Hour-72*time.Minute {
			t.Errorf("given up after %v", took)
		}
		got := pos.received()
		if len(got) < 30 || len(got) > 45 {
			t.Errorf("%d attempts", len(got))
		}
		for i := 1; i < len(got); i++ {
			gap, want := got[i].at.Sub(got[i-1].at), callback.Gap(i)
			if gap < want*8/10 || gap > want*12/10+time.Second/10 {
				t.Errorf("gap %d is %v, want %v +-20 %%", i, gap, want)
			}
		}
		tries := b.attempts(t, "e1")
		if len(tries) != len(got) {
			t.Errorf("%d attempts are written, %d were received", len(tries), len(got))
		}
		for _, a := range tries {
			if !a.Finished || a.Outcome.HTTPStatus != 500 || a.Outcome.Result != callback.ResultStatus {
				t.Errorf("attempt %+v", a)
			}
		}
		<-time.After(48 * time.Hour)
		if again := pos.received(); len(again) != len(got) {
			t.Errorf("%d more attempts after the dead letter", len(again)-len(got))
		}
		if _, dead, _ := b.meter.count(""); dead != 1 {
			t.Errorf("%d dead letters are counted", dead)
		}
		stop()
	})
}

// Down, then up: delivered by the first attempt that finds it up, with one
// event id over all attempts and a new time and signature on each.
func TestDownThenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		b := newBench(t, nil)
		b.DialThrough(lan.dial)
		stop := b.start(t)
		b.sell(t, "M1", "e1", shop)
		<-time.After(10 * time.Second)
		pos.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
		lan.serve("pos.example.in", pos)
		<-time.After(10 * time.Second)
		pos.answers(nil)
		up := time.Now()
		b.settled(t, "e1", callback.StateDelivered)
		if took := time.Since(up); took > 30*time.Second {
			t.Errorf("delivered %v after the server was up", took)
		}
		got := pos.received()
		if len(got) < 2 {
			t.Fatalf("received %d times", len(got))
		}
		times, signatures := map[string]bool{}, map[string]bool{}
		for _, r := range got {
			if id := r.header.Get(callback.HeaderEventID); id != "e1" {
				t.Errorf("event id %q", id)
			}
			times[r.header.Get(callback.HeaderTimestamp)] = true
			signatures[r.header.Get(callback.HeaderSignature)] = true
		}
		if len(times) != len(got) || len(signatures) != len(got) {
			t.Errorf("%d times and %d signatures on %d attempts", len(times), len(signatures), len(got))
		}
		stop()
	})
}

// Failure matrix R12: the merchant had it, its answer was lost: sent again with
// the same id.
func TestReplyLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		lose := true
		pos.answers(func(http.ResponseWriter, *http.Request) {
			if lose {
				lose = false
				panic(http.ErrAbortHandler) // the server's own way to drop a connection
			}
		})
		lan.serve("pos.example.in", pos)
		b := newBench(t, nil)
		b.DialThrough(lan.dial)
		stop := b.start(t)
		b.sell(t, "M1", "e1", shop)
		b.settled(t, "e1", callback.StateDelivered)
		got := pos.received()
		if len(got) != 2 || got[0].header.Get(callback.HeaderEventID) != got[1].header.Get(callback.HeaderEventID) ||
			string(got[0].body) != string(got[1].body) {
			t.Fatalf("received %+v, want the same notice twice", got)
		}
		if a := b.attempts(t, "e1"); len(a) != 2 || a[0].Outcome.Result != callback.ResultProtocol {
			t.Fatalf("attempts %+v", a)
		}
		stop()
	})
}

// Failure matrix S11: a controller that is killed between writing the attempt
// and sending it. The next one sends it, with the same event id, as soon as the
// lease is over, and the unfinished attempt stays on record.
func TestCrashBetweenWriteAndSend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		lan.serve("pos.example.in", pos)
		b := newBench(t, nil)
		b.DialThrough(lan.dial)
		b.put(t, "M1", "e1", shop)
		killed, err := b.Lease(t.Context(), callback.Ask{Limit: 1, Lease: callback.LeaseTime})
		if err != nil || len(killed) != 1 {
			t.Fatalf("leased %v, %v", killed, err)
		}
		began := time.Now()
		stop := b.start(t)
		b.settled(t, "e1", callback.StateDelivered)
		if took := time.Since(began); took > callback.LeaseTime+time.Second {
			t.Errorf("sent again %v after the crash", took)
		}
		got, tries := pos.received(), b.attempts(t, "e1")
		if len(got) != 1 || got[0].header.Get(callback.HeaderEventID) != killed[0].EventID {
			t.Errorf("received %+v", got)
		}
		if len(tries) != 2 || tries[0].Finished || !tries[1].Finished {
			t.Errorf("attempts %+v, want the first unfinished", tries)
		}
		stop()
	})
}

// The attempt is on record before the first byte reaches the merchant.
func TestAttemptIsWrittenBeforeItIsSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		b := newBench(t, nil)
		var written []callbacktest.Attempt
		lan.plug("pos.example.in", func(c net.Conn) { written, _ = b.Attempts(context.Background(), "e1"); _ = c.Close() })
		b.DialThrough(lan.dial)
		stop := b.start(t)
		b.sell(t, "M1", "e1", shop)
		b.until(t, func() bool { r, _ := b.Row(t.Context(), "e1"); return r.DueIn > 0 })
		if len(written) != 1 || written[0].N != 1 || written[0].Finished {
			t.Fatalf("at the dial the attempts were %+v, want the first, unfinished", written)
		}
		lan.serve("pos.example.in", pos)
		b.settled(t, "e1", callback.StateDelivered)
		stop()
	})
}

// Rows that were left behind go out as soon as a sender starts, and rows that
// nobody woke it for within its poll.
func TestOverdueAndUnannouncedRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		lan.serve("pos.example.in", pos)
		b := newBench(t, nil)
		b.DialThrough(lan.dial)
		b.put(t, "M1", "overdue", shop)
		<-time.After(36 * time.Hour)
		began := time.Now()
		stop := b.start(t)
		b.settled(t, "overdue", callback.StateDelivered)
		if took := time.Since(began); took > time.Second {
			t.Errorf("an overdue row went out after %v", took)
		}
		synctest.Wait()
		began = time.Now()
		b.put(t, "M1", "unannounced", shop)
		b.settled(t, "unannounced", callback.StateDelivered)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("an unannounced row went out after %v", took)
		}
		synctest.Wait()
		began = time.Now()
		b.sell(t, "M1", "announced", shop)
		b.settled(t, "announced", callback.StateDelivered)
		if took := time.Since(began); took != 0 {
			t.Errorf("a row that the sender was woken for went out after %v", took)
		}
		stop()
	})
}

// A row of two days ago that had been tried is tried once more, then given up.
func TestOverdueBeyondADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.DialThrough(newWire().dial)
		b.put(t, "M1", "e1", shop)
		if _, err := b.Lease(t.Context(), callback.Ask{Limit: 1, Lease: time.Second}); err != nil {
			t.Fatal(err)
		}
		<-time.After(48 * time.Hour)
		stop := b.start(t)
		b.settled(t, "e1", callback.StateDead)
		if a := b.attempts(t, "e1"); len(a) != 2 || a[1].Outcome.Result != callback.ResultConnect {
			t.Errorf("attempts %+v", a)
		}
		stop()
	})
}

// A graceful stop begins nothing new, and finishes and records what is under way.
func TestStopFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		arrived, hold := make(chan struct{}), make(chan struct{})
		pos.answers(func(http.ResponseWriter, *http.Request) {
			close(arrived)
			<-hold
		})
		lan.serve("pos.example.in", pos)
		b := newBench(t, nil)
		b.DialThrough(lan.dial)
		stop := b.start(t)
		b.sell(t, "M1", "e1", shop)
		<-arrived
		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		synctest.Wait()
		b.sell(t, "M2", "e2", "http://pos.example.in/other")
		synctest.Wait()
		select {
		case <-stopped:
			t.Fatal("stopped with an attempt under way")
		default:
		}
		close(hold)
		<-stopped
		if a := b.attempts(t, "e1"); len(a) != 1 || a[0].Outcome.Result != callback.ResultDelivered {
			t.Errorf("attempts %+v", a)
		}
		if a := b.attempts(t, "e2"); len(a) != 0 || len(pos.received()) != 1 {
			t.Errorf("a stopping sender began %+v", a)
		}
	})
}
