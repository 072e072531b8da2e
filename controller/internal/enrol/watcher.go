package enrol

import (
	"context"
	"log/slog"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Within is how long after a revocation the connection is cut at the latest,
// while database and broker answer.
const Within = watchEvery + revokeLimit

const (
	// watchEvery is how often revocations are looked for.
	watchEvery = 2 * time.Second
	// revokeLimit bounds one call of the broker, so that a revocation is over
	// before Settle ends.
	revokeLimit = 2 * time.Second
	// atOnce is how many terminals are cut at the same time.
	atOnce = 16
)

// Watcher cuts off terminals whose credentials were taken away, by whichever
// process: another controller, or galla-controller terminal revoke. Every
// running controller runs one.
type Watcher struct {
	Storage interface {
		Revoked(ctx context.Context) ([]Revocation, error)
	}
	Broker Broker
	Log    *slog.Logger
}

// Run watches until ctx ends. What was revoked while no controller ran is made
// up for at its start. What the broker does not take is tried again.
func (w *Watcher) Run(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	done := map[protocol.Identity]time.Time{} // revocations that were carried out
	for {
		done = w.look(ctx, done)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look carries out what is new, and returns what is carried out then.
func (w *Watcher) look(ctx context.Context, done map[protocol.Identity]time.Time) map[protocol.Identity]time.Time {
	asked, cancel := context.WithTimeout(ctx, watchEvery)
	revoked, err := w.Storage.Revoked(asked)
	cancel()
	if err != nil {
		if ctx.Err() == nil {
			w.Log.Warn("revocations could not be read; they are read again", "error", err)
		}
		return done
	}
	type result struct {
		r  Revocation
		ok bool
	}
	now := map[protocol.Identity]time.Time{}
	results := make(chan result, len(revoked))
	slots := make(chan struct{}, atOnce)
	waiting := 0
	for _, r := range revoked {
		if at, ok := done[r.Identity]; ok && at.Equal(r.At) {
			now[r.Identity] = at
			continue
		}
		waiting++
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			results <- result{r, w.revoke(ctx, r)}
		}()
	}
	for range waiting {
		if x := <-results; x.ok {
			now[x.r.Identity] = x.r.At
		}
	}
	return now
}

func (w *Watcher) revoke(ctx context.Context, r Revocation) bool {
	one, cancel := context.WithTimeout(ctx, revokeLimit)
	defer cancel()
	if err := w.Broker.Revoke(one, r.Identity); err != nil {
		if ctx.Err() == nil {
			w.Log.Warn("terminal could not be cut off; it is tried again", "terminal", r.Identity, "error", err)
		}
		return false
	}
	w.Log.Info("terminal cut off", "terminal", r.Identity, "by", r.Actor)
	return true
}
