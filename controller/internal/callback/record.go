package callback

import (
	"context"
	"errors"
	"time"
)

const (
	// recordFor is how long a result is held for a database that does not take
	// it. After that the row's lease is long over and the notice goes out
	// again, with the same event id.
	recordFor   = 30 * time.Second
	recordBatch = 256
)

// startRecorder writes outcomes down, those that arrive together in one
// transaction, until the channel is closed. It outlives ctx by stopTime at
// most. The returned channel is closed when all is written.
func (r *run) startRecorder(ctx context.Context) <-chan struct{} {
	finished := make(chan struct{})
	writeCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() { time.AfterFunc(stopTime, cancel) })
	go func() {
		defer close(finished)
		defer cancel()
		defer unhook()
		for first := range r.outcome {
			r.record(writeCtx, r.gather(first))
			// The rows have a new due time, or the merchant's next is free.
			r.Wake()
		}
	}()
	return finished
}

// gather takes what has arrived together with first.
func (r *run) gather(first Outcome) []Outcome {
	batch := []Outcome{first}
	for len(batch) < recordBatch {
		select {
		case o, ok := <-r.outcome:
			if !ok {
				return batch
			}
			batch = append(batch, o)
		default:
			return batch
		}
	}
	return batch
}

// record tries a batch again and again until recordFor is over or ctx ends. If
// the database answers, but not with yes, each outcome is tried alone, so that
// one which it will not take spoils no other.
func (r *run) record(ctx context.Context, batch []Outcome) {
	ctx, cancel := context.WithTimeout(ctx, recordFor)
	defer cancel()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := r.recordOnce(ctx, batch)
		if err == nil {
			return
		}
		if len(batch) > 1 && !errors.Is(err, context.DeadlineExceeded) {
			var left []Outcome
			for _, o := range batch {
				if alone := r.recordOnce(ctx, []Outcome{o}); alone != nil {
					left, err = append(left, o), alone
				}
			}
			if batch = left; len(batch) == 0 {
				return
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			for _, o := range batch {
				r.cfg.Log.Error("result of a callback attempt is lost; it will be sent again",
					"event", o.EventID, "attempt", o.Attempt, "result", o.Result, "error", err)
			}
			return
		}
	}
}

func (r *run) recordOnce(ctx context.Context, batch []Outcome) error {
	ctx, cancel := context.WithTimeout(ctx, dbTimeout)
	defer cancel()
	return r.cfg.Outbox.Record(ctx, batch)
}
