// Package callbacktest is the callback outbox with less behind it: an Outbox in
// memory, and the contract that every Outbox passes, in memory, in PostgreSQL
// or in SQLite. Tests alone import it.
package callbacktest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback"
)

// Row is a row of the outbox.
type Row struct {
	EventID, PaymentID, MerchantID, Lane, URL, Method string
	// DueIn counts from the clock of the outbox at Add or at the look-up; below
	// 0 the row is overdue.
	DueIn time.Duration
	// State and Attempts are of no account at Add: a row with a URL begins
	// pending, one without is none.
	State    string
	Attempts int
}

// Attempt is the record of one attempt.
type Attempt struct {
	N         int
	StartedAt time.Time
	// Finished is false of an attempt that was written and whose end was not.
	Finished bool
	// Outcome holds Result, HTTPStatus, Error and Took once it is finished.
	Outcome callback.Outcome
}

// Outbox keeps its rows in memory and its time by the process's clock. The zero
// value is empty and ready.
type Outbox struct {
	mu      sync.Mutex
	rows    map[string]*row
	changed chan struct{}
}

type row struct {
	Row
	due, leasedUntil time.Time
	resent           int // attempts made when it was last resent
	attempts         []Attempt
}

// Add puts a row in. The error says that its event id is taken.
func (o *Outbox) Add(_ context.Context, r Row) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.rows == nil {
		o.rows = map[string]*row{}
	}
	if o.rows[r.EventID] != nil {
		return fmt.Errorf("event %q is in the outbox already", r.EventID)
	}
	r.State, r.Attempts = callback.StatePending, 0
	if r.URL == "" {
		r.State = callback.StateNone
	}
	o.rows[r.EventID] = &row{Row: r, due: time.Now().Add(r.DueIn)}
	o.tell()
	return nil
}

// Row looks one up.
func (o *Outbox) Row(_ context.Context, eventID string) (Row, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.rows[eventID]
	if r == nil {
		return Row{}, fmt.Errorf("no event %q in the outbox", eventID)
	}
	found := r.Row
	found.DueIn = time.Until(r.due)
	return found, nil
}

// Attempts are the records of a row's attempts, in order.
func (o *Outbox) Attempts(_ context.Context, eventID string) ([]Attempt, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.rows[eventID]
	if r == nil {
		return nil, fmt.Errorf("no event %q in the outbox", eventID)
	}
	return slices.Clone(r.attempts), nil
}

// Resend has a row sent again: due now, whatever it was, with a schedule that
// begins anew. It reports whether there is such a row with a URL.
func (o *Outbox) Resend(_ context.Context, eventID string) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.rows[eventID]
	if r == nil || r.State == callback.StateNone {
		return false, nil
	}
	r.State, r.due, r.resent = callback.StatePending, time.Now(), r.Row.Attempts
	o.tell()
	return true, nil
}

// Changed is closed at the next change of any row.
func (o *Outbox) Changed() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.changed
}

func (o *Outbox) tell() {
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
}

// Lease is callback.Outbox's.
func (o *Outbox) Lease(ctx context.Context, ask callback.Ask) ([]callback.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	var due []*row
	for _, r := range o.rows {
		if r.open(ask.Filter) && !r.freeAt().After(now) {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b *row) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.EventID, b.EventID))
	})
	var leased []callback.Delivery
	taken := map[string]bool{}
	for _, r := range due {
		if len(leased) == ask.Limit {
			break
		}
		if taken[r.MerchantID] {
			continue
		}
		taken[r.MerchantID] = true
		r.Row.Attempts++
		r.leasedUntil = now.Add(ask.Lease)
		r.attempts = append(r.attempts, Attempt{N: r.Row.Attempts, StartedAt: now})
		leased = append(leased, callback.Delivery{
			EventID: r.EventID, PaymentID: r.PaymentID, MerchantID: r.MerchantID, Lane: r.Lane,
			URL: r.URL, Method: r.Method, Attempt: r.Row.Attempts,
			LeasedAt: now, Age: now.Sub(r.attempts[r.resent].StartedAt), Resent: r.resent,
		})
	}
	if len(leased) > 0 {
		o.tell()
	}
	return leased, nil
}

// Record is callback.Outbox's.
func (o *Outbox) Record(ctx context.Context, outcomes []callback.Outcome) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range outcomes {
		r := o.rows[c.EventID]
		if r == nil || c.Attempt < 1 || c.Attempt > len(r.attempts) {
			continue
		}
		r.attempts[c.Attempt-1].Finished = true
		r.attempts[c.Attempt-1].Outcome = c
		latest := c.Attempt == r.Row.Attempts
		if latest {
			r.leasedUntil = time.Time{}
		}
		switch {
		case c.Attempt <= r.resent: // from before it was resent
		case c.State == callback.StateDelivered:
			r.State = callback.StateDelivered
		case r.State == callback.StatePending && latest:
			r.State = c.State
			if c.State == callback.StatePending {
				r.due = time.Now().Add(c.Next)
			}
		}
	}
	o.tell()
	return nil
}

// NextDue is callback.Outbox's.
func (o *Outbox) NextDue(ctx context.Context, f callback.Filter) (next time.Duration, some bool, err error) {
	if err := ctx.Err(); err != nil {
		return 0, false, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.rows {
		if !r.open(f) {
			continue
		}
		if left := max(0, time.Until(r.freeAt())); !some || left < next {
			next, some = left, true
		}
	}
	return next, some, nil
}

// Expire is callback.Outbox's.
func (o *Outbox) Expire(ctx context.Context, lanes []string, age time.Duration) (n int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	for _, r := range o.rows {
		if r.State == callback.StatePending && slices.Contains(lanes, r.Lane) && !r.leasedUntil.After(now) &&
			len(r.attempts) > r.resent && now.Sub(r.attempts[r.resent].StartedAt) > age {
			r.State = callback.StateDead
			n++
		}
	}
	if n > 0 {
		o.tell()
	}
	return n, nil
}

func (r *row) open(f callback.Filter) bool {
	return r.State == callback.StatePending &&
		!slices.Contains(f.SkipMerchants, r.MerchantID) &&
		!slices.Contains(f.SkipLanes, r.Lane) &&
		(len(f.OnlyLanes) == 0 || slices.Contains(f.OnlyLanes, r.Lane))
}

func (r *row) freeAt() time.Time {
	if r.leasedUntil.After(r.due) {
		return r.leasedUntil
	}
	return r.due
}
