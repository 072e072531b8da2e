package mqttlink_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/mqttlink"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

// TestToldUntilAcknowledged: a state is published at once, then each second
// with fresh time left, until the terminal says that it has stored it; after
// that nothing is said (DESIGN section 4).
func TestToldUntilAcknowledged(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, w *world, r *recorder) {
		w.start()
		h := newHand(t, w, till(1))
		h.sync("N1")
		pass(0)
		if got := r.heard(); len(got) != 2 || !got[0].keySet || got[1].state.Nonce != "N1" {
			t.Fatalf("a sync is answered %+v", got)
		}
		start := time.Now()
		w.sale(t, h.id, "A")
		pass(0)
		for second := range 11 {
			got := r.heard()
			if len(got) != 1 || got[0].keySet || got[0].state.Seq != 1 || got[0].state.Nonce != "" {
				t.Fatalf("second %d: %+v", second, got)
			}
			gone := got[0].arrived.Sub(start)
			if gone > time.Duration(second)*time.Second || got[0].state.Sale.LeftMillis != 180_000-gone.Milliseconds() {
				t.Errorf("second %d: after %v %d ms are left", second, gone, got[0].state.Sale.LeftMillis)
			}
			pass(time.Second)
		}
		r.heard()
		h.beat(1)
		pass(0)
		if got := r.heard(); len(got) != 0 {
			t.Errorf("a heartbeat that acknowledges is answered %+v", got)
		}
		pass(time.Minute)
		if got := r.heard(); len(got) != 0 {
			t.Errorf("acknowledged, and told again: %+v", got)
		}
	})
}

// TestWhatIsNotLost: whatever fails between commit and terminal, the sweep
// makes good within a second.
func TestWhatIsNotLost(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		fail func(t *testing.T, w *world)
	}{
		{"the publisher fails three times", func(_ *testing.T, w *world) { w.mouth.fail.Store(3) }},
		{"the database fails three times", func(_ *testing.T, w *world) { w.strangers.Store(true); w.reader.noWanted.Store(3) }},
		{"the controller is killed after the commit", func(_ *testing.T, w *world) { w.stop() }},
		{"another controller commits it", func(_ *testing.T, w *world) { w.link.Store(nil) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, 1, func(t *testing.T, w *world, r *recorder) {
				w.start()
				h := newHand(t, w, till(1))
				h.sync("N1")
				pass(0)
				r.heard()
				running := w.link.Load()
				row.fail(t, w)
				w.sale(t, h.id, "A")
				pass(0)
				if got := r.heard(); len(got) != 0 {
					t.Fatalf("nothing failed: %+v", got)
				}
				if row.name == "the controller is killed after the commit" {
					w.start()
				} else {
					w.link.Store(running)
				}
				pass(3*time.Second + 10*time.Millisecond)
				got := r.heard()
				if len(got) > 0 && got[0].keySet { // of a link that is new
					got = got[1:]
				}
				if len(got) == 0 || got[0].state.Sale == nil || got[0].state.Sale.PaymentID != "GPA" {
					t.Fatalf("told %+v", got)
				}
			})
		})
	}
}

// TestUnansweredSync: a sync whose answer was lost is answered when it comes
// again, the key set first.
func TestUnansweredSync(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, w *world, r *recorder) {
		w.start()
		h := newHand(t, w, till(1))
		for n, fail := range []func(){
			func() { w.mouth.fail.Store(1) }, func() { w.reader.noWanted.Store(1) }, func() { w.mouth.fail.Store(1) }, func() {},
		} {
			fail()
			h.sync(fmt.Sprint("N", n))
			pass(0)
		}
		got := r.heard()
		if len(got) != 2 || !got[0].keySet || got[1].state.Nonce != "N3" {
			t.Errorf("answered %+v", got)
		}
	})
}

// TestGoneIsNotTold: a terminal whose last will came is told when it is back,
// and the will of an older session, come late, counts for nothing.
func TestGoneIsNotTold(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, w *world, r *recorder) {
		w.start()
		h := newHand(t, w, till(1))
		h.sync("N1")
		h.session = "S2"
		h.sync("N2")
		h.gone("S1")
		pass(0)
		if row := w.terminal(t, h.id); !row.GoneAt.IsZero() {
			t.Errorf("an old session's will counts: %+v", row)
		}
		h.gone("S2")
		pass(0)
		if row := w.terminal(t, h.id); row.GoneAt.IsZero() {
			t.Errorf("its own will does not count: %+v", row)
		}
		w.sale(t, h.id, "A")
		pass(0)
		r.heard()
		pass(time.Minute)
		if got := r.heard(); len(got) != 0 {
			t.Errorf("gone, and told %d times", len(got))
		}
		h.session = "S3"
		h.sync("N3")
		pass(0)
		if got := r.heard(); len(got) != 2 || got[1].state.Sale == nil || got[1].state.Nonce != "N3" {
			t.Errorf("back, and told %+v", got)
		}
	})
}

// TestManyAtOnce: more terminals than are read at once are all told, each once.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	const tills = 600
	inBubble(t, tills, func(t *testing.T, w *world, r *recorder) {
		for n := range tills {
			newHand(t, w, till(n+1))
		}
		var wg sync.WaitGroup
		for n := range tills {
			wg.Go(func() { w.sale(t, till(n+1), fmt.Sprint(n)) })
		}
		wg.Wait()
		w.start()
		w.reader.noSweep.Store(true)
		changes := decide.Changes{}
		for n := range tills {
			changes.Terminals = append(changes.Terminals, w.terminal(t, till(n+1)))
		}
		w.link.Load().Committed(changes)
		pass(0)
		told := map[protocol.Identity]int{}
		for _, m := range r.heard() {
			told[m.to]++
		}
		if len(told) != tills || w.counted("state_published") != tills {
			t.Errorf("%d terminals told in %d messages", len(told), w.counted("state_published"))
		}
		w.link.Load().Committed(changes) // as another decision of theirs would
		pass(0)
		if got := r.heard(); len(got) != 0 {
			t.Errorf("the same state is told again %d times", len(got))
		}
	})
}

// TestOverflow: what a terminal says while nobody is free for it is bounded, and holds
// up nobody; what it says again takes the place of what it said before, which is not
// looked at; what has no room is taken when it comes again.
func TestOverflow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	record(t, w)
	w.start()
	h, other := newHand(t, w, till(1)), newHand(t, w, till(2))
	p := w.sale(t, h.id, "A")
	blocked, open := make(chan struct{}, 1024), make(chan struct{})
	gate := func() {
		blocked <- struct{}{}
		<-open
	}
	w.reader.gate.Store(&gate)
	h.beat(0)
	<-blocked // somebody is at it
	h.report(0, fact(1, protocol.FactReceived, p.ID))
	for range 20 {
		h.report(1, fact(1, protocol.FactReceived, p.ID), fact(2, protocol.FactPresented, p.ID))
	}
	for n := range 10 { // each is of another connection
		h.gone(fmt.Sprint("S", n))
	}
	if replaced, dropped := w.counted("report_replaced"), w.counted("report_dropped"); replaced != 20 || dropped != 3 {
		t.Errorf("%d reports are replaced and %d messages dropped, want 20 and 3", replaced, dropped)
	}
	w.reader.gate.Store(nil)
	other.sync("N1")
	w.await(t, "another terminal is heard meanwhile", func() bool { return w.counted("sync") == 1 })
	close(open)
	w.await(t, "what had room is taken", func() bool { return w.counted("presence") == 7 })
	if got := w.counted("report"); got != 1 || w.payment(t, p.ID).State != payment.Presented {
		t.Errorf("%d reports are looked at, want the newest, and the payment is %s", got, w.payment(t, p.ID).State)
	}
	h.gone(h.session)
	w.await(t, "there is room again", func() bool { return w.counted("presence") == 8 })
}

// TestRunEnds: at the end of its context a link returns, whatever its workers
// wait for; TestMain sees that nothing is left.
func TestRunEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	record(t, w)
	entered := make(chan struct{}, 1)
	l := mqttlink.New(mqttlink.Config{Journal: w.Journal, Reader: hanging{entered, t.Context()}, Keys: oneKey(nil), Log: w.log})
	l.Attach(w.mouth)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Run(ctx)
	}()
	w.link.Store(l)
	newHand(t, w, till(1)).sync("N1")
	<-entered // a worker is reading
	cancel()
	select {
	case <-done:
	case <-time.After(3 * time.Second):
		t.Fatal("Run goes on")
	}
}

// hanging is a database that answers only when it is given up, or at the end of the
// test: a reading for several is not given up with one of them.
type hanging struct {
	entered chan struct{}
	test    context.Context
}

func (h hanging) Terminal(ctx context.Context, _ protocol.Identity) (t fleet.Terminal, err error) {
	h.entered <- struct{}{}
	select {
	case <-ctx.Done():
	case <-h.test.Done():
	}
	return t, context.Canceled
}

func (h hanging) Wanted(ctx context.Context, _ []protocol.Identity) ([]decide.Wanted, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (h hanging) Unacked(ctx context.Context, _ int) ([]protocol.Identity, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestForeignTopics: what is on no terminal's topic is counted and not looked at.
func TestForeignTopics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	record(t, w)
	w.start()
	topics := []string{
		"", "galla", "galla/v1/", "galla/v1/a.b.c", "galla/v1/a.b/report", "galla/v1/a.b.c.d/report", "galla/v1/a.b.c/report/x",
		"galla/v2/a.b.c/report", "galla/v1/a.b.+/report", "galla/v1/a.b.#/report", "$SYS/broker/version", "galla/v1/a.b.c/state",
	}
	for _, topic := range topics {
		w.hear(topic, protocoltest.JWS("report"))
	}
	if got := w.counted("bad_topic"); got != len(topics) {
		t.Errorf("%d of %d topics are foreign", got, len(topics))
	}
	w.hear("galla/v1/a.b.c/report", protocoltest.JWS("report")) // of no terminal of ours
	w.await(t, "a stranger is refused", func() bool { return w.counted("report_refused") == 1 })
}

// TestKeyOfAnotherController: a terminal that enrolled anew by another
// controller, which tells nobody, is shut out with its old key within five
// seconds (failure matrix I11), and let in with the new one at once.
func TestKeyOfAnotherController(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, w *world, _ *recorder) {
		w.start()
		old := newHand(t, w, till(1))
		p := w.sale(t, old.id, "A")
		old.beat(0)
		pass(time.Second) // until it is decided
		running := w.link.Load()
		w.link.Store(nil) // so this link is not told
		fresh := newHand(t, w, till(1))
		w.link.Store(running)
		pass(5 * time.Second)
		old.report(1, fact(1, protocol.FactReceived, p.ID))
		pass(0)
		if got := w.counted("report_refused"); got != 1 || w.payment(t, p.ID).State != payment.Created {
			t.Errorf("%d refused, the payment is %s", got, w.payment(t, p.ID).State)
		}
		fresh.report(1, fact(1, protocol.FactReceived, p.ID))
		pass(0)
		if got := w.payment(t, p.ID).State; got != payment.HandedOver {
			t.Errorf("the new key's report leaves the payment %s", got)
		}
		w.link.Store(nil)
		anew := newHand(t, w, till(1))
		w.link.Store(running)
		anew.report(1, fact(2, protocol.FactPresented, p.ID)) // at once, the other key still remembered
		pass(0)
		if got := w.payment(t, p.ID).State; got != payment.Presented {
			t.Errorf("the newest key's report leaves the payment %s", got)
		}
	})
}

// TestShutOut: what a terminal says once it is not active any more is refused
// at once, whether or not its key is remembered (failure matrix T2).
func TestShutOut(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(t *testing.T, w *world, _ *recorder) {
		w.start()
		known, unknown := newHand(t, w, till(1)), newHand(t, w, till(2))
		known.beat(0)
		pass(0)
		for _, h := range []*hand{known, unknown} {
			_, err := journal.Do(t.Context(), w.Journal, shutOut{h.id})
			must(t, err)
			pass(0)
			before := w.terminal(t, h.id)
			h.sync("N1")
			h.report(0, fact(1, protocol.FactReceived, "GPA"))
			pass(0)
			if after := w.terminal(t, h.id); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("shut out, and changed from %+v to %+v", before, after)
			}
		}
		if got := w.counted("report_refused"); got != 4 {
			t.Errorf("%d messages refused, want 4", got)
		}
	})
}

// TestTwoDevicesOfOneIdentity: a copy that takes turns with the right device is
// noticed, kept and told (failure matrix T2); a device that starts again is not.
func TestTwoDevicesOfOneIdentity(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, w *world, _ *recorder) {
		w.start()
		right := newHand(t, w, till(1))
		stolen := *right
		for n, turn := range []struct {
			h      *hand
			boot   string
			shared int
		}{
			{right, "boot-one", 0}, {right, "boot-two", 0}, {&stolen, "boot-copy", 0}, {right, "boot-two", 1}, {&stolen, "boot-copy", 2},
		} {
			turn.h.boot, turn.h.session = turn.boot, fmt.Sprint("session-", n)
			turn.h.sync("N1")
			pass(time.Second)
			row := w.terminal(t, right.id)
			if got := w.counted("identity_shared"); got != turn.shared || row.SharedAt.IsZero() != (turn.shared == 0) {
				t.Errorf("after %s: noticed %d times, at %v, want %d", turn.boot, got, row.SharedAt, turn.shared)
			}
		}
	})
}

// shutOut makes a terminal inactive, as an operator does.
type shutOut struct{ id protocol.Identity }

func (d shutOut) Needs() decide.Needs { return decide.Needs{Terminals: []protocol.Identity{d.id}} }

func (d shutOut) Decide(tx *decide.Tx) (bool, error) {
	row, ok := tx.Terminal(d.id)
	row.Active = false
	tx.PutTerminal(row)
	return ok, nil
}

// TestGoldens: the messages of the protocol's goldens are understood as they
// are, and answered.
func TestGoldens(t *testing.T) {
	t.Parallel()
	inBubble(t, 0, func(t *testing.T, w *world, r *recorder) {
		w.start()
		id := till(0)
		_, err := journal.Do(t.Context(), w.Journal, decide.Enrol{
			Identity: id, PublicKey: protocoltest.Public("device"), TokenHash: make([]byte, 32),
		})
		must(t, err)
		w.hear(protocol.ReportTopic(id), protocoltest.JWS("sync"))
		pass(0)
		if got := r.heard(); len(got) != 2 || got[1].state.Nonce != "10ACE" || got[1].state.Epoch != "E90C4" {
			t.Errorf("sync is answered %+v", got)
		}
		w.hear(protocol.ReportTopic(id), protocoltest.JWS("report"))
		pass(0)
		if got := r.heard(); len(got) != 1 || got[0].state.AckSeq != 5 {
			t.Errorf("report is answered %+v", got)
		}
		w.hear(protocol.ReportTopic(id), protocoltest.JWS("heartbeat"))
		w.hear(protocol.PresenceTopic(id), protocoltest.JWS("presence"))
		pass(0)
		if row := w.terminal(t, id); row.Session != "5E551011" || row.Mode != protocol.ModeIdle || row.GoneAt.IsZero() {
			t.Errorf("row %+v", row)
		}
		for _, name := range []string{"state-sale", "state-result", "state-sync", "keys"} {
			w.hear(protocol.ReportTopic(id), protocoltest.JWS(name))
		}
		pass(0)
		if got := w.counted("report_refused"); got != 4 {
			t.Errorf("%d of the controller's own messages are refused, want 4", got)
		}
	})
}
