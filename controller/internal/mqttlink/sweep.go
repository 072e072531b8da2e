package mqttlink

import (
	"context"
	"slices"
	"time"

	"github.com/galla-pay/galla/protocol"
)

const (
	// sweepEvery is how often unacknowledged states are looked for.
	sweepEvery = time.Second
	// underWay is how long a state that was told here may take to be acknowledged:
	// telling it again sooner would load a house that is slow already.
	underWay = sweepEvery * 9 / 10
	// sweepMost is how many terminals a sweep looks at: more than most houses have.
	sweepMost = 1 << 14
	// tellAgainMost is how many of them it has told again: those that were not told for
	// the longest time. It is what a house can do beside its work that is so slow that
	// nobody acknowledges in time.
	tellAgainMost = 4 * tellBatch
)

// sweep publishes again what terminals that are there have not acknowledged.
func (l *Link) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	var before map[protocol.Identity]bool
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		read, cancel := context.WithTimeout(ctx, patience)
		ids, err := l.Reader.Unacked(read, sweepMost)
		cancel()
		if err != nil {
			continue
		}
		before = l.tellAgain(ids, before)
	}
}

// tellAgain tells those of the terminals in ids again whose time has come, and
// returns ids as a set. What was told here since the sweep before, or was found by
// it, is due when it is not under way any more. What neither is true of is another
// controller's, who is telling it just now; when another sweep finds it still,
// that controller may be gone. A terminal of which something waits to be looked at may
// have acknowledged: to tell it again would bring another answer, and a house that is
// slow already would be the slower the longer its queues are.
func (l *Link) tellAgain(ids []protocol.Identity, before map[protocol.Identity]bool) map[protocol.Identity]bool {
	now, set := time.Now(), make(map[protocol.Identity]bool, len(ids))
	var due []protocol.Identity
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		set[id] = true
		ago := now.Sub(l.told[id].tried)
		if ago >= underWay && (ago <= sweepEvery || before[id]) && !l.inbox.speaks(id) {
			due = append(due, id)
		}
	}
	if len(due) > tellAgainMost {
		slices.SortFunc(due, func(a, b protocol.Identity) int { return l.told[a].tried.Compare(l.told[b].tried) })
		due = due[:tellAgainMost]
	}
	for _, id := range due {
		l.note(id, errand{})
	}
	return set
}
