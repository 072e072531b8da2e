package mqttlink_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

// elsewhere does something at another controller over the same database: the link
// here is told nothing of what that commits.
func (w *world) elsewhere(do func()) {
	w.t.Helper()
	here := w.link.Swap(nil)
	do()
	w.link.Store(here)
}

// TestAnothersSale: what another controller commits it also tells. Here nothing
// is said about it, unless it is still not acknowledged when that controller has
// had its time: then it has died.
func TestAnothersSale(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, w *world, r *recorder) {
		w.start()
		h := newHand(t, w, till(1))
		h.sync("N1")
		pass(1500 * time.Millisecond) // between two sweeps
		r.heard()
		w.elsewhere(func() { w.sale(t, h.id, "A") })
		pass(time.Second)
		if got := r.heard(); len(got) != 0 {
			t.Errorf("the other controller is telling it, and we say %+v", got)
		}
		h.beat(1) // it has told it
		pass(time.Minute)
		if got := r.heard(); len(got) != 0 {
			t.Errorf("acknowledged, and told again: %+v", got)
		}
		h.beat(1) // still there
		pass(500 * time.Millisecond)
		w.elsewhere(func() { w.pay(t, w.payment(t, "GPA")) })
		pass(2 * time.Second)
		if got := r.heard(); len(got) != 1 || got[0].state.Result == nil {
			t.Errorf("the other controller has died, and we say %+v", got)
		}
	})
}

// TestNotToldTwice: a state that is on its way is not told again by a sweep that
// happens to come.
func TestNotToldTwice(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, w *world, r *recorder) {
		w.start()
		h := newHand(t, w, till(1))
		h.sync("N1")
		pass(1900 * time.Millisecond)
		r.heard()
		w.sale(t, h.id, "A")
		pass(800 * time.Millisecond) // the sweep comes after 100 ms
		if got := r.heard(); len(got) != 1 {
			t.Errorf("told %d times within 800 ms", len(got))
		}
		pass(400 * time.Millisecond)
		if got := r.heard(); len(got) != 1 {
			t.Errorf("not acknowledged for a second, and told %d times more", len(got))
		}
	})
}

// TestKeysOfASession: where controllers share the reports, another one may have
// heard that a terminal is back, perhaps with fewer keys than it had. Its first
// state from here brings the key set again, and only that.
func TestKeysOfASession(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, w *world, r *recorder) {
		w.start()
		h := newHand(t, w, till(1))
		h.sync("N1")
		pass(0)
		r.heard()
		w.sale(t, h.id, "A")
		pass(0)
		if got := r.heard(); len(got) != 1 || got[0].keySet {
			t.Fatalf("in the session of its sync it is told %+v", got)
		}
		h.session = "S2"
		w.elsewhere(func() {
			_, err := journal.Do(t.Context(), w.Journal, decide.Report{Report: protocol.Report{
				Header: h.header(protocol.TypeSync), Session: h.session, Epoch: "E1", AckSeq: 1, Mode: protocol.ModeIdle, Nonce: "N2",
			}})
			must(t, err)
		})
		w.pay(t, w.payment(t, "GPA"))
		pass(0)
		if got := r.heard(); len(got) != 2 || !got[0].keySet || got[1].keySet || got[1].state.Result == nil {
			t.Fatalf("in a session whose sync came elsewhere it is told %+v", got)
		}
		w.sale(t, h.id, "B")
		pass(0)
		if got := r.heard(); len(got) != 1 || got[0].keySet {
			t.Errorf("after that it is told %+v", got)
		}
	})
}

// TestKeyOfATerminal: a terminal's key is read once, however long it reports. It
// is worth nothing from the moment on when another controller replaces it
// (failure matrix I11).
func TestKeyOfATerminal(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, w *world, _ *recorder) {
		var reads atomic.Int32
		count := func() { reads.Add(1) }
		w.reader.gate.Store(&count)
		w.start()
		h := newHand(t, w, till(1))
		h.sync("N1")
		for range 20 {
			pass(15 * time.Second)
			h.beat(0)
		}
		pass(time.Second) // they wait for others
		if got := reads.Load(); got != 1 || w.counted("heartbeat") != 20 {
			t.Errorf("in 20 heartbeats (%d) the key is read %d times", w.counted("heartbeat"), got)
		}
		old := *h
		w.elsewhere(func() { h.SigningKey, _ = w.enrol(t, h.id) })
		pass(time.Second)
		before := w.terminal(t, h.id).LastSeen
		old.beat(0)
		pass(time.Second) // remembered when it came, replaced when it was decided
		for range 2 {
			old.beat(0)
			pass(0)
		}
		if row := w.terminal(t, h.id); !row.LastSeen.Equal(before) || w.counted("heartbeat") != 20 || w.counted("report_refused") != 3 {
			t.Errorf("a replaced key is believed: seen %v, before %v; %d heartbeats, %d refused",
				row.LastSeen, before, w.counted("heartbeat"), w.counted("report_refused"))
		}
		h.beat(0)
		pass(time.Second)
		if w.counted("heartbeat") != 21 {
			t.Error("the new key is not believed")
		}
	})
}
