package session

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/protocol"
)

func TestReportsAreRepeatedUntilTheyAreAcknowledged(t *testing.T) {
	bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
		r.ctrl.Silence(true)
		begun := time.Now()
		facts := idleStanding
		facts.Mode, facts.PaymentID = protocol.ModePresenting, "A"
		facts.Facts = []protocol.Fact{{N: 1, Kind: protocol.FactReceived, PaymentID: "A"}}
		r.s.Tell(facts, false)
		time.Sleep(100 * time.Second)
		r.ctrl.Silence(false)
		reports := func() int { return len(r.ups()) }
		before := reports()
		for reports() == before {
			time.Sleep(time.Second)
		}
		if took := time.Since(begun); took > 100*time.Second+36*time.Second {
			t.Fatalf("repeated only after %v", took)
		}
		ups := r.ups()
		if got := ups[len(ups)-1]; got != "report 1:received" {
			t.Fatalf("last message is %q", got)
		}
		// The event loop has taken the acknowledgement: silence.
		facts.Facts = nil
		r.s.Tell(facts, false)
		n := reports()
		time.Sleep(5 * time.Minute)
		if reports() != n {
			t.Fatalf("%d reports about nothing: %q", reports()-n, r.ups()[n:])
		}
		// A second fact is reported at once.
		facts.Facts = []protocol.Fact{{N: 2, Kind: protocol.FactPresented, PaymentID: "A"}}
		r.s.Tell(facts, false)
		if ups := r.ups(); len(ups) != n+1 || ups[n] != "report 2:presented" {
			t.Fatalf("messages are %q", ups[n:])
		}
		r.noWrong()
	})
}

// TestGaps holds every gap against what is promised for it.
func TestGaps(t *testing.T) {
	t.Parallel()
	d := duties{}
	now := time.Now()
	d.begin(now)
	is := idleStanding
	is.Facts = []protocol.Fact{{N: 1}}
	within := func(what string, got, want time.Duration) {
		t.Helper()
		if got < want*4/5 || got > want*6/5 {
			t.Errorf("%s comes after %v, want %v give or take a fifth", what, got, want)
		}
	}
	nonce := d.nonce
	for i, want := range []time.Duration{2, 3, 4500 * time.Millisecond / time.Second, 5, 5} {
		d.look(now, is, true, false)
		if typ, ok := d.due(now); !ok || typ != protocol.TypeSync || d.nonce != nonce {
			t.Fatalf("sync %d: due is %q, %v, nonce %q", i, typ, ok, d.nonce)
		}
		d.sent(now, protocol.TypeSync, is)
		gap := want * time.Second
		if i == 2 {
			gap = 4500 * time.Millisecond
		}
		within(fmt.Sprint("sync ", i+1), d.syncAt.Sub(now), gap)
		now = d.syncAt
	}
	if !d.answered(nonce) || d.answered(nonce) || d.answered("") {
		t.Fatal("a question is answered once")
	}
	d.reportAt, d.repGap = now, 0
	for i, want := range []time.Duration{2, 4, 8, 16, 30, 30} {
		d.sent(now, protocol.TypeReport, is)
		within(fmt.Sprint("report ", i+1), d.reportAt.Sub(now), want*time.Second)
		now = d.reportAt
	}
	// A doubt asks again, with a new nonce, but not at once.
	d.look(now, is, true, false)
	if d.nonce == nonce || d.nonce == "" {
		t.Fatal("no new question")
	}
	d.asked, d.nonce = now, ""
	d.look(now, is, true, false)
	if got := d.syncAt.Sub(now); got != syncLeastGap {
		t.Fatalf("asked again after %v", got)
	}
}

func TestHeartbeats(t *testing.T) {
	bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		beats := 0
		for _, up := range r.ctrl.Ups() {
			if h := up.Heartbeat; h != nil {
				beats++
				if h.AckSeq != 1 || h.Mode != protocol.ModeIdle || h.Session == "" {
					t.Fatalf("heartbeat is %+v", h)
				}
			}
		}
		if beats < 600/18 || beats > 600/12+1 {
			t.Fatalf("%d heartbeats in ten minutes", beats)
		}
		r.wantEvents("up", "state 1 answer true") // the link lived all the while
		r.noWrong()
	})
}

// TestTheQuestionIsRepeatedUntilItIsAnswered: the broker is up, the controller
// comes later. One nonce, so that an answer to any of the repeats counts.
func TestTheQuestionIsRepeatedUntilItIsAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := startSilent(t)
		defer r.ctrl.Broker.Close()
		defer r.stop()
		time.Sleep(10 * time.Minute)
		r.wantEvents("up")
		r.ctrl.Silence(false)
		time.Sleep(6 * time.Second)
		r.wantEvents("state 1 answer true")
		// The same nonce again means nothing.
		r.ctrl.Repeat()
		r.wantEvents("state 1 answer false")
	})
}

// startSilent is a rig whose controller says nothing from the start.
func startSilent(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, ctrl: sessiontest.NewController(), log: &lines{}}
	r.ctrl.Silence(true)
	credentials, err := r.ctrl.Enrol("")
	if err != nil {
		t.Fatal(err)
	}
	r.s, err = New(Config{Credentials: credentials, Dial: r.ctrl.Broker.Dial, Log: slog.New(slog.NewTextHandler(r.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	r.s.Tell(idleStanding, false)
	go func() { defer close(done); r.s.Run(ctx) }()
	r.stop = sync.OnceFunc(func() { cancel(); <-done })
	return r
}

// TestAnAnswerIsConfirmedAtOnce: until then the controller tells the state again
// and again.
func TestAnAnswerIsConfirmedAtOnce(t *testing.T) {
	bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
		r.wantEvents("up", "state 1 answer true")
		r.s.Tell(idleStanding, true) // the event loop has stored it
		if ups := r.ups(); len(ups) != 2 || ups[0] != "sync" || ups[1] != "report" {
			t.Fatalf("messages are %q", ups)
		}
	})
}

func TestConfirm(t *testing.T) {
	bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
		n := len(r.ups())
		for range 100 { // a controller that repeats itself in a loop
			r.s.Tell(idleStanding, true)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		if got := len(r.ups()) - n; got < 1 || got > 2 {
			t.Fatalf("%d reports in a second", got)
		}
	})
}
