package storagetest

import (
	"context"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback"
	"github.com/galla-pay/galla/controller/internal/journal"
)

// Callbacks is the outbox as a storage offers it.
type Callbacks interface {
	LeaseCallbacks(ctx context.Context, limit int, lease time.Duration, filter journal.CallbackFilter) ([]journal.CallbackDelivery, error)
	RecordCallbacks(ctx context.Context, outcomes []journal.CallbackOutcome) error
	NextCallback(ctx context.Context, filter journal.CallbackFilter) (time.Duration, bool, error)
	ExpireCallbacks(ctx context.Context, lanes []string, age time.Duration) (int, error)
}

// Outbox makes a callback.Outbox of a storage, so that callbacktest.Contract can
// be run on it.
type Outbox struct{ Storage Callbacks }

// Lease is callback.Outbox's.
func (o Outbox) Lease(ctx context.Context, ask callback.Ask) ([]callback.Delivery, error) {
	leased, err := o.Storage.LeaseCallbacks(ctx, ask.Limit, ask.Lease, journal.CallbackFilter(ask.Filter))
	var out []callback.Delivery
	for _, d := range leased {
		out = append(out, callback.Delivery(d))
	}
	return out, err
}

// Record is callback.Outbox's.
func (o Outbox) Record(ctx context.Context, outcomes []callback.Outcome) error {
	var in []journal.CallbackOutcome
	for _, x := range outcomes {
		in = append(in, journal.CallbackOutcome(x))
	}
	return o.Storage.RecordCallbacks(ctx, in)
}

// NextDue is callback.Outbox's.
func (o Outbox) NextDue(ctx context.Context, filter callback.Filter) (time.Duration, bool, error) {
	return o.Storage.NextCallback(ctx, journal.CallbackFilter(filter))
}

// Expire is callback.Outbox's.
func (o Outbox) Expire(ctx context.Context, lanes []string, age time.Duration) (int, error) {
	return o.Storage.ExpireCallbacks(ctx, lanes, age)
}

var _ callback.Outbox = Outbox{}
