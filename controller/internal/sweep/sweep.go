// Package sweep ends what time ends: payments past their expiresIn, and the
// wait of a sale behind one that a customer held. It finds what is due in the
// storage and submits a decision for each; the decision looks again, so any
// number of controllers may sweep (DESIGN section 3.1).
package sweep

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
)

const (
	// most is how long the sweeper sleeps at most: another controller may have
	// added something, which it is not told of.
	most = time.Second
	// soonest keeps a sweeper that cannot reach the database from spinning.
	soonest = 5 * time.Millisecond
	limit   = 512
	// patience bounds one sweep, so that a database that hangs ends no sweeper.
	patience = 10 * time.Second
)

// Sweeper does it. Give it Find and a Journal, and Run it.
type Sweeper struct {
	Journal *journal.Journal
	Find    func(ctx context.Context, limit int) (journal.Due, error)
	// TimedOut ends a wait for a merchant as the door does that holds its message.
	TimedOut func(decide.Hold) decide.TimedOut
	Log      *slog.Logger
}

// Run sweeps until ctx ends.
func (s *Sweeper) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(s.once(ctx))
	}
}

// once sweeps and returns how long to sleep.
func (s *Sweeper) once(ctx context.Context) time.Duration {
	work, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	due, err := s.Find(work, limit)
	if err != nil {
		if ctx.Err() == nil {
			s.Log.Warn("cannot look for expired payments", "error", err)
		}
		return most
	}
	var wg sync.WaitGroup
	var moved atomic.Bool
	do := func(d decide.Decision[bool]) {
		did, err := journal.Do(work, s.Journal, d)
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("sweep failed; it will be tried again", "error", err)
		}
		if did {
			moved.Store(true)
		}
	}
	for _, id := range due.Payments {
		wg.Go(func() { do(decide.Expire{PaymentID: id}) })
	}
	for _, id := range due.Attempts {
		wg.Go(func() { do(decide.Attend{PaymentID: id}) })
	}
	for _, h := range due.Holds {
		wg.Go(func() { do(ended{s.TimedOut(h)}) })
	}
	for _, id := range due.Terminals {
		wg.Go(func() { do(decide.Promote{Identity: id}) })
	}
	wg.Wait()
	switch {
	case moved.Load() && max(len(due.Payments), len(due.Attempts), len(due.Holds), len(due.Terminals)) == limit:
		return soonest // there may be more that is due already
	case due.HasNext:
		return min(max(due.Next, soonest), most)
	}
	return most
}

// ended is a TimedOut of which it matters only whether it did anything.
type ended struct{ decide.TimedOut }

func (d ended) Decide(tx *decide.Tx) (bool, error) {
	answer, err := d.TimedOut.Decide(tx)
	return answer.HeldUntil.IsZero(), err
}
