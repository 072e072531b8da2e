package mqttlink_test

import (
	"testing"
	"time"
)

// TestHeartbeatsWaitForEachOther: heartbeats that say nothing else are decided
// together, of each terminal the last, within a second (performance: idle terminals).
func TestHeartbeatsWaitForEachOther(t *testing.T) {
	t.Parallel()
	const tills = 600
	inBubble(t, tills, func(t *testing.T, w *world, r *recorder) {
		var hands []*hand
		for n := range tills {
			hands = append(hands, newHand(t, w, till(n+1)))
		}
		w.start()
		for _, h := range hands {
			h.sync("N1")
		}
		pass(time.Second)
		r.heard()
		before := w.commits()
		for range 2 {
			for _, h := range hands {
				h.beat(0)
			}
			pass(100 * time.Millisecond)
		}
		if got := w.counted("heartbeat"); got != 0 {
			t.Errorf("%d heartbeats wait for nobody", got)
		}
		pass(time.Second)
		if got, commits := w.counted("heartbeat"), w.commits()-before; got != tills || commits > tills/10 {
			t.Errorf("%d heartbeats are decided, want %d, in %d transactions", got, tills, commits)
		}
		for _, h := range hands {
			if row := w.terminal(t, h.id); time.Since(row.LastSeen) > 800*time.Millisecond {
				t.Fatalf("%s was seen %v ago", h.id, time.Since(row.LastSeen))
			}
		}
		if got := r.heard(); len(got) != 0 {
			t.Errorf("heartbeats are answered %+v", got[0])
		}
	})
}

// TestHeartbeatThatIsNews: one that says what the terminal has stored is decided at
// once, and one that has not stored what it was told is answered at once.
func TestHeartbeatThatIsNews(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, w *world, r *recorder) {
		w.start()
		h := newHand(t, w, till(1))
		h.sync("N1")
		w.sale(t, h.id, "A")
		w.reader.noSweep.Store(true) // which would tell it, too
		pass(5 * time.Second)
		r.heard()
		for _, row := range []struct {
			name   string
			acked  uint64
			stored uint64
			told   int
		}{
			{"it has not stored the sale", 0, 0, 1},
			{"and says so again before it can have it", 0, 0, 0},
			{"it has", 1, 1, 0},
		} {
			before := w.counted("heartbeat")
			h.beat(row.acked)
			pass(0)
			if got := r.heard(); len(got) != row.told || w.counted("heartbeat") != before+1 || w.terminal(t, h.id).AckedSeq != row.stored {
				t.Errorf("%s: it is told %+v, %d heartbeats are decided, and %d is stored", row.name, got, w.counted("heartbeat")-before, w.terminal(t, h.id).AckedSeq)
			}
		}
		h.beat(1)
		pass(0)
		if got := w.counted("heartbeat"); got != 3 {
			t.Error("a heartbeat that says nothing new waits for nobody")
		}
		pass(time.Second)
		if got := w.counted("heartbeat"); got != 4 {
			t.Error("it waits without end")
		}
	})
}

// TestHeartbeatsThatWait: what a terminal says after its heartbeat counts more; and
// those that wait when the link ends are not waited for.
func TestHeartbeatsThatWait(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(t *testing.T, w *world, _ *recorder) {
		w.start()
		gone, here := newHand(t, w, till(1)), newHand(t, w, till(2))
		for _, h := range []*hand{gone, here} {
			h.sync("N1")
			pass(0)
			h.beat(0)
		}
		pass(0)
		gone.gone("S1")
		here.report(0)
		pass(0)
		seen := w.terminal(t, gone.id).LastSeen
		pass(time.Second)
		if row := w.terminal(t, gone.id); row.GoneAt.IsZero() || !row.LastSeen.Equal(seen) || w.counted("heartbeat") != 0 {
			t.Errorf("gone at %v, seen %v before and %v now; %d heartbeats", row.GoneAt, seen, row.LastSeen, w.counted("heartbeat"))
		}
		here.beat(0)
		pass(0)
		w.stop()
		pass(time.Minute)
		if got := w.counted("heartbeat"); got != 0 {
			t.Errorf("%d heartbeats are decided by a link that has ended", got)
		}
	})
}

// commits is how many batches have changed a terminal.
func (w *world) commits() int { return w.counted("commit") }

// TestHeartbeatOfAnotherController: a link that told a terminal nothing, since another
// controller did, learns by the first heartbeat what it has stored.
func TestHeartbeatOfAnotherController(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, w *world, _ *recorder) {
		w.start()
		h := newHand(t, w, till(1))
		h.sync("N1")
		pass(0)
		w.elsewhere(func() { w.sale(t, h.id, "A") })
		h.beat(1)
		pass(0)
		if w.counted("heartbeat") != 1 || w.terminal(t, h.id).AckedSeq != 1 {
			t.Error("what it has stored is news, and waits")
		}
		h.beat(1)
		pass(0)
		if w.counted("heartbeat") != 1 {
			t.Error("it is news again")
		}
	})
}
