package mqttlink

import (
	"context"
	"time"

	"github.com/galla-pay/galla/protocol"
)

const (
	// sweepEvery is how often unacknowledged states are looked for.
	sweepEvery = time.Second
	// underWay is how long a state that was told here may take to be acknowledged:
	// telling it again sooner would load a house that is slow already.
	underWay = sweepEvery * 9 / 10
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
		ids, err := l.Reader.Unacked(read, 4*tellBatch)
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
// that controller may be gone.
func (l *Link) tellAgain(ids []protocol.Identity, before map[protocol.Identity]bool) map[protocol.Identity]bool {
	now, set := time.Now(), make(map[protocol.Identity]bool, len(ids))
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		set[id] = true
		ago := now.Sub(l.told[id].tried)
		if ago >= underWay && (ago <= sweepEvery || before[id]) {
			l.note(id, "")
		}
	}
	return set
}
