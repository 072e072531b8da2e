package mqttlink

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// TestSweepsTakeTurns: when more terminals have not acknowledged than are told again
// at once, those are told that were not told for the longest time; and nobody is of
// whom something waits to be looked at.
func TestSweepsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		l.Attach(nil)
		const silent = 3*tellAgainMost - 10
		var ids []protocol.Identity
		for n := range silent {
			ids = append(ids, someone(n))
		}
		speaking := someone(silent)
		l.inbox.put(message(silent, "report 1"))
		var before map[protocol.Identity]bool
		told := map[protocol.Identity]int{}
		for sweep := range 7 {
			before = l.tellAgain(append(ids, speaking), before)
			inOne := 0
			for {
				batch, taken := l.take()
				if taken == 0 {
					break
				}
				for id := range batch {
					told[id]++
					inOne++
				}
			}
			if want := min(sweep, 1) * tellAgainMost; inOne != want {
				t.Errorf("sweep %d tells %d terminals, want %d", sweep, inOne, want)
			}
			time.Sleep(sweepEvery) // of the bubble
		}
		for _, id := range ids {
			if n := told[id]; n != 2 && n != 3 {
				t.Errorf("%s was told %d times in six sweeps, want 2 or 3", id, n)
			}
		}
		if told[speaking] != 0 {
			t.Error("what a terminal has said waits, and it is told again")
		}
	})
}
