package network

import (
	"context"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
)

// Run sends what is due until ctx ends, and then waits for what is under way,
// which ends with ctx and is due again at once. A Worker runs once at a time.
func (w *Worker) Run(ctx context.Context) {
	if !w.running.CompareAndSwap(false, true) {
		w.cfg.Log.Error("network worker is already running")
		return
	}
	defer w.running.Store(false)
	if w.cfg.URL == "" {
		w.mute(ctx)
		return
	}
	r := &run{Worker: w, done: make(chan struct{}, w.cfg.Concurrency)}
	for wait := time.Duration(0); ctx.Err() == nil; {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-timer.C:
		case <-r.done:
			r.busy--
		}
		timer.Stop()
		if ctx.Err() == nil {
			wait = r.take(ctx)
		}
	}
	for ; r.busy > 0; r.busy-- {
		<-r.done
	}
	w.transport.CloseIdleConnections()
}

// run is one Run. Its fields belong to the goroutine of the loop.
type run struct {
	*Worker
	busy    int           // attempts under way
	done    chan struct{} // one for each that ends
	failing int           // database calls in a row that failed
}

// take leases all that can be sent now and returns how long to sleep. It looks
// before it leases, so that a worker with nothing to do writes nothing.
func (r *run) take(ctx context.Context) time.Duration {
	for {
		free := r.cfg.Concurrency - r.busy
		if free <= 0 {
			return pollEvery // an attempt that ends wakes the loop
		}
		next, some, err := r.next(ctx)
		switch {
		case err != nil:
			return r.backOff(ctx, "ask when a network request is due", err)
		case !some:
			r.failing = 0
			return pollEvery
		case next > 0:
			r.failing = 0
			return min(pollEvery, max(next, shortest))
		}
		due, err := r.lease(ctx, free)
		if err != nil {
			return r.backOff(ctx, "lease network requests", err)
		}
		r.failing = 0
		for _, row := range due {
			r.busy++
			go func() {
				defer func() { r.done <- struct{}{} }()
				r.attempt(ctx, row)
			}()
		}
		if len(due) == 0 {
			return blockedPoll
		}
	}
}

// lease outlives ctx: a lease that the database has given and nobody heard of would
// hold its rows back until its end.
func (r *run) lease(ctx context.Context, limit int) ([]journal.NetworkDelivery, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dbTimeout)
	defer cancel()
	return r.cfg.Rows.LeaseNetwork(ctx, limit, leaseTime)
}

func (w *Worker) next(ctx context.Context) (time.Duration, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, dbTimeout)
	defer cancel()
	return w.cfg.Rows.NextNetwork(ctx)
}

// backOff says it once and waits longer each time, up to maxBackOff.
func (r *run) backOff(ctx context.Context, what string, err error) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	if r.failing == 0 {
		r.cfg.Log.Warn(what, "error", err)
	}
	r.failing = min(r.failing+1, 8)
	return min(50*time.Millisecond<<r.failing, maxBackOff)
}

// mute is Run where there is no network: what is to be sent waits, and that is
// said once. A collect request then ends with its time, and a refund stays
// pending until it is parked.
func (w *Worker) mute(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if _, some, err := w.next(ctx); err == nil && some {
			w.cfg.Log.Warn("there are messages for the UPI network, and no network is configured: they wait (--upi-network)")
			<-ctx.Done()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-tick.C:
		}
	}
}
