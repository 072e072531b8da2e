package callback

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"time"
)

// Run sends what is due until ctx ends, then waits for what is under way and
// records it, which takes 12 s at most. A Sender runs once at a time.
func (s *Sender) Run(ctx context.Context) {
	if !s.running.CompareAndSwap(false, true) {
		s.cfg.Log.Error("callback sender is already running")
		return
	}
	defer s.running.Store(false)

	r := &run{
		Sender:  s,
		lanes:   newLanes(s.cfg.Concurrency),
		done:    make(chan ended, s.cfg.Concurrency),
		outcome: make(chan Outcome, s.cfg.Concurrency),
	}
	recorded := r.startRecorder(ctx)
	for wait := time.Duration(0); ctx.Err() == nil; {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		case e := <-r.done:
			r.land(e)
		}
		timer.Stop()
		r.landAll()
		if ctx.Err() == nil {
			wait = r.take(ctx)
		}
	}
	for r.lanes.inFlight > 0 {
		r.land(<-r.done)
	}
	close(r.outcome)
	<-recorded
	s.transport.CloseIdleConnections()
}

// run is one Run. Its fields belong to the goroutine of the loop; attempts
// and the recorder speak to it by channels that hold all that can be in flight.
type run struct {
	*Sender
	lanes   *lanes
	done    chan ended
	outcome chan Outcome

	failing  int // database calls in a row that failed
	expireAt time.Time
}

// ended is an attempt that is over.
type ended struct {
	flight  flight
	verdict verdict
	outcome Outcome
}

// take leases all that can be sent now and returns how long to sleep.
func (r *run) take(ctx context.Context) time.Duration {
	r.expire(ctx)
	for {
		r.landAll()
		began := time.Now()
		filter, limit := r.lanes.filter(began)
		if limit <= 0 {
			return pollEvery // an attempt that lands wakes the loop
		}
		due, err := r.lease(ctx, Ask{Limit: limit, Lease: leaseTime, Filter: filter})
		if err != nil {
			return r.backOff(ctx, "lease callbacks", err)
		}
		for _, d := range due {
			r.launch(ctx, d, began.Add(leaseTime))
		}
		if len(due) == 0 {
			return r.sleep(ctx, filter)
		}
	}
}

// lease outlives ctx: a lease that the database has given and nobody heard of would
// hold its rows back until its end.
func (r *run) lease(ctx context.Context, ask Ask) ([]Delivery, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dbTimeout)
	defer cancel()
	return r.cfg.Outbox.Lease(ctx, ask)
}

// sleep is how long nothing can be due: until the next row, until a breaker
// lets a probe through, and never longer than pollEvery.
func (r *run) sleep(ctx context.Context, filter Filter) time.Duration {
	dbCtx, cancel := context.WithTimeout(ctx, dbTimeout)
	defer cancel()
	next, some, err := r.cfg.Outbox.NextDue(dbCtx, filter)
	if err != nil {
		return r.backOff(ctx, "ask when a callback is due", err)
	}
	r.failing = 0
	wait := pollEvery
	if some {
		// A row that is due but locked by somebody else must not make us spin.
		wait = min(wait, max(next, 20*time.Millisecond))
	}
	open, reopens := r.lanes.open(time.Now())
	r.cfg.Meter.CallbackLanesOpen(open)
	if open > 0 {
		wait = min(wait, reopens)
	}
	return wait
}

// expire gives up what has been left behind by dead lanes.
func (r *run) expire(ctx context.Context) {
	now := time.Now()
	if now.Before(r.expireAt) {
		return
	}
	r.expireAt = now.Add(expireEvery)
	dead := r.lanes.dead()
	if len(dead) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, dbTimeout)
	defer cancel()
	n, err := r.cfg.Outbox.Expire(ctx, dead, giveUp)
	if err != nil {
		r.cfg.Log.Warn("give up old callbacks", "error", err)
	}
	if n > 0 {
		r.cfg.Meter.CallbackDead(n)
		r.cfg.Log.Error("callbacks given up: their merchants' servers did not answer for a day", "count", n)
	}
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

// launch sends one leased row in its own goroutine. The attempt outlives ctx:
// a graceful stop finishes what it has begun.
func (r *run) launch(ctx context.Context, d Delivery, overBy time.Time) {
	began := time.Now()
	f := r.lanes.start(d, began)
	go func() {
		a := r.send(context.WithoutCancel(ctx), d, overBy)
		took := time.Since(began)
		r.report(d, a, took)
		r.done <- ended{flight: f, verdict: a.verdict(), outcome: a.outcome(d, took, rand.Float64())}
	}()
}

func (a answer) verdict() verdict {
	switch a.result {
	case ResultDelivered:
		return good
	case ResultLocal, ResultBadURL:
		return neutral
	default:
		return bad
	}
}

// outcome decides what follows. at is the jitter's random number.
func (a answer) outcome(d Delivery, took time.Duration, at float64) Outcome {
	o := Outcome{
		EventID: d.EventID, Attempt: d.Attempt, Result: a.result,
		HTTPStatus: a.status, Error: errorText(a.err), Took: took,
	}
	switch a.result {
	case ResultDelivered:
		o.State = StateDelivered
	case ResultBadURL:
		o.State = StateDead
	default:
		o.State, o.Next = after(d.Attempt-d.Resent, d.Age+took, at)
	}
	return o
}

func (r *run) report(d Delivery, a answer, took time.Duration) {
	r.cfg.Meter.CallbackAttempt(a.result, took)
	if r.cfg.Attempted != nil {
		r.cfg.Attempted(d, a.result, a.status, took)
	}
	level := slog.LevelInfo
	if a.err != nil {
		level = slog.LevelWarn
	}
	host := ""
	if u, err := url.Parse(d.URL); err == nil {
		host = u.Host
	}
	r.cfg.Log.Log(context.Background(), level, "callback attempt",
		"merchant", d.MerchantID, "payment", d.PaymentID, "event", d.EventID, "host", host,
		"attempt", d.Attempt, "result", a.result, "status", a.status, "error", errorText(a.err), "took", took)
}

// land counts an attempt out and passes its outcome on.
func (r *run) land(e ended) {
	if r.lanes.finish(e.flight, e.verdict, time.Now()) {
		r.breakers.CallbackBreakerOpened()
		r.cfg.Log.Warn("callbacks to a server that does not answer are held back: it is tried now and then",
			"merchant", e.flight.merchant, "event", e.outcome.EventID, "result", e.outcome.Result)
	}
	if e.outcome.State == StateDead {
		r.cfg.Meter.CallbackDead(1)
		r.cfg.Log.Error("callback given up", "merchant", e.flight.merchant, "event", e.outcome.EventID,
			"attempt", e.outcome.Attempt, "result", e.outcome.Result)
	}
	r.outcome <- e.outcome
}

func (r *run) landAll() {
	for {
		select {
		case e := <-r.done:
			r.land(e)
		default:
			return
		}
	}
}
