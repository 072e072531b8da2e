package assess

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
)

const (
	// limit is how many validations are taken at once.
	limit = 256
	// most is how long the worker sleeps: another controller may have left work.
	most = 2 * time.Second
	// together is how long the worker waits, once there is something to do, for more
	// to come: nobody waits for what it does, and a round for many costs little more
	// than one for each.
	together = 50 * time.Millisecond
	// patience bounds one round.
	patience = 10 * time.Second
	// backoffMost is the longest pause after rounds that failed.
	backoffMost = 30 * time.Second
)

// Worker does the additional processing of validations.
type Worker struct {
	Journal *journal.Journal
	// Find lists validations that were not processed, the oldest first.
	Find func(ctx context.Context, limit int) ([]quote.Quote, error)
	// Payee looks a payee up.
	Payee func(protocol.VPA) decide.PayeeFacts
	Judge *Judge
	Log   *slog.Logger

	once sync.Once
	wake chan struct{}
}

func (w *Worker) init() { w.once.Do(func() { w.wake = make(chan struct{}, 1) }) }

// Committed looks whether a batch left something to do. It never blocks.
func (w *Worker) Committed(c decide.Changes) {
	for _, q := range c.NewQuotes {
		if q.ProcessedAt.IsZero() {
			w.init()
			select {
			case w.wake <- struct{}{}:
			default:
			}
			return
		}
	}
}

// Run works until ctx ends.
func (w *Worker) Run(ctx context.Context) {
	w.init()
	timer := time.NewTimer(0)
	defer timer.Stop()
	failures := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
			if failures > 0 {
				continue // the timer says when to try again
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(together):
			}
		case <-timer.C:
		}
		more, err := w.round(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failures++
			pause := min(backoffMost, 100*time.Millisecond<<min(failures, 10))
			w.Log.Warn("validations could not be processed; it will be tried again", "error", err, "in", pause)
			timer.Reset(pause)
		case more:
			failures = 0
			timer.Reset(0)
		default:
			failures = 0
			timer.Reset(most)
		}
	}
}

// round processes what there is and reports whether there may be more.
func (w *Worker) round(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	quotes, err := w.Find(ctx, limit)
	if err != nil {
		return false, err
	}
	cases := make([]Case, len(quotes))
	for i, q := range quotes {
		cases[i] = Case{Payee: w.Payee(q.Payee), Amount: q.Amount}
	}
	verdicts, err := w.Judge.AskAll(ctx, risk.Validation, cases)
	if err != nil {
		return false, err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	// PRD 5.1 step 21: Spawn an asynchronous task for additional processing.
	for i, q := range quotes {
		wg.Go(func() {
			if _, failed := journal.Do(ctx, w.Journal, decide.Assess{Token: q.Token, Verdict: *verdicts[i]}); failed != nil {
				mu.Lock()
				err = failed
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return len(quotes) == limit, err
}
