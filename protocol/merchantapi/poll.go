package merchantapi

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"
)

// Schedule says when to ask for a status. Each step asks every Every for For; a
// last step whose For is 0 goes on until the context ends.
type Schedule []Step

// Step is a stretch of a schedule.
type Step struct{ Every, For time.Duration }

// DocumentedSchedule is PhonePe's, for "Check Status API - Reconciliation": the
// first check 20 to 25 s after the start, then every 3 s for 30 s, 6 s for 60 s,
// 10 s for 60 s, 30 s for 60 s, then every minute until it is over. A callback
// is faster; this is what to fall back on.
func DocumentedSchedule() Schedule {
	const s = time.Second
	return Schedule{{20 * s, 20 * s}, {3 * s, 30 * s}, {6 * s, 60 * s}, {10 * s, 60 * s}, {30 * s, 60 * s}, {60 * s, 0}}
}

// QuickSchedule is for a controller on the same network: at once and every
// 500 ms for 10 s, then every second.
func QuickSchedule() Schedule {
	return Schedule{{500 * time.Millisecond, 10 * time.Second}, {time.Second, 0}}
}

// Delays are the waits before each ask.
func (s Schedule) Delays() iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		for _, step := range s {
			every := max(step.Every, time.Millisecond) // a schedule is no busy loop
			for spent := every; step.For == 0 || spent <= step.For; spent += every {
				if !yield(every) {
					return
				}
			}
		}
	}
}

// Poll asks for the status of id until it is final, first after the schedule's
// first wait; an empty schedule is the documented one. Lost answers,
// INTERNAL_SERVER_ERROR and 429 are waited out; a refusal ends it, and NotFound
// says that the payment never arrived. When ctx ends, or a schedule that has an
// end, it returns what it saw last and ErrUnknown. The context should outlast
// the payment's expiry, and may have any end: an attempt that began in time can
// still be pending after it.
func (c *Client) Poll(ctx context.Context, id string, s Schedule) (Payment, error) {
	return poll(ctx, s, func() (Payment, error) { return c.Status(ctx, id) })
}

// PollTransaction is Poll for QRInit, Charge and Refund.
func (c *Client) PollTransaction(ctx context.Context, id string, s Schedule) (Transaction, error) {
	return poll(ctx, s, func() (Transaction, error) { return c.TransactionStatus(ctx, id) })
}

func poll[T interface{ Final() bool }](ctx context.Context, s Schedule, ask func() (T, error)) (T, error) {
	if len(s) == 0 {
		s = DocumentedSchedule()
	}
	var last T
	var why error = errors.New("the schedule is over")
	held := time.Duration(0) // by Retry-After
	for wait := range s.Delays() {
		if !sleep(ctx, max(wait, held)) {
			return last, fmt.Errorf("%w: %w", ErrUnknown, context.Cause(ctx))
		}
		held = 0
		got, err := ask()
		var fault *Error
		switch {
		case err == nil && got.Final():
			return got, nil
		case err == nil:
			last, why = got, errors.New("the schedule is over")
		case errors.As(err, &fault) && (fault.HTTPStatus == http.StatusTooManyRequests || errors.Is(err, ErrUnknown)):
			held, why = fault.RetryAfter, err
		case errors.Is(err, ErrUnknown):
			why = err
		default:
			return last, err
		}
	}
	return last, fmt.Errorf("%w: %w", ErrUnknown, why)
}

// sleep waits, or reports that ctx has ended.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
