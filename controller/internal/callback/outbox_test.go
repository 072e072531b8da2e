package callback_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback"
)

// A stop takes no longer than it may, whatever the merchant and the database do.
func TestStopIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan := newWire()
		lan.plug("pos.example.in", hang)
		flaky := &flakyOutbox{}
		b := newBench(t, func(c *callback.Config) { flaky.Outbox, c.Outbox = c.Outbox, flaky })
		b.DialThrough(lan.dial)
		stop := b.start(t)
		b.sell(t, "M1", "e1", shop)
		synctest.Wait()
		flaky.set(nil, nil, stuck)
		began := time.Now()
		stop()
		if took := time.Since(began); took > callback.StopTime {
			t.Errorf("the stop took %v", took)
		}
		if !strings.Contains(b.log.String(), "result of a callback attempt is lost") {
			t.Error("the lost result is not in the log")
		}
	})
}

// flakyOutbox puts faults before another's methods.
type flakyOutbox struct {
	callback.Outbox
	mu                     sync.Mutex
	lease, nextDue, record func(context.Context, []callback.Outcome) error
}

func (o *flakyOutbox) set(lease, nextDue, record func(context.Context, []callback.Outcome) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lease, o.nextDue, o.record = lease, nextDue, record
}

func (o *flakyOutbox) fault(ctx context.Context, which *func(context.Context, []callback.Outcome) error, outcomes []callback.Outcome) error {
	o.mu.Lock()
	fault := *which
	o.mu.Unlock()
	if fault == nil {
		return nil
	}
	return fault(ctx, outcomes)
}

func (o *flakyOutbox) Lease(ctx context.Context, ask callback.Ask) ([]callback.Delivery, error) {
	if err := o.fault(ctx, &o.lease, nil); err != nil {
		return nil, err
	}
	return o.Outbox.Lease(ctx, ask)
}

func (o *flakyOutbox) NextDue(ctx context.Context, f callback.Filter) (time.Duration, bool, error) {
	if err := o.fault(ctx, &o.nextDue, nil); err != nil {
		return 0, false, err
	}
	return o.Outbox.NextDue(ctx, f)
}

func (o *flakyOutbox) Record(ctx context.Context, outcomes []callback.Outcome) error {
	if err := o.fault(ctx, &o.record, outcomes); err != nil {
		return err
	}
	return o.Outbox.Record(ctx, outcomes)
}

var errDown = errors.New("database is down")

func down(context.Context, []callback.Outcome) error { return errDown }

func stuck(ctx context.Context, _ []callback.Outcome) error {
	<-ctx.Done()
	return ctx.Err()
}

// A database that is away: nothing is lost, it is said once, and work goes on
// when it is back.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	for _, fault := range []func(context.Context, []callback.Outcome) error{down, stuck} {
		synctest.Test(t, func(t *testing.T) {
			lan, pos := newWire(), &till{}
			lan.serve("pos.example.in", pos)
			flaky := &flakyOutbox{}
			b := newBench(t, func(c *callback.Config) { flaky.Outbox, c.Outbox = c.Outbox, flaky })
			b.DialThrough(lan.dial)
			flaky.set(fault, fault, fault)
			stop := b.start(t)
			b.sell(t, "M1", "e1", shop)
			<-time.After(10 * time.Minute)
			if n := strings.Count(b.log.String(), "lease callbacks"); n != 1 {
				t.Errorf("the fault is logged %d times", n)
			}
			flaky.set(nil, nil, nil)
			back := time.Now()
			b.settled(t, "e1", callback.StateDelivered)
			if took := time.Since(back); took > 10*time.Second {
				t.Errorf("delivered %v after the database was back", took)
			}
			stop()
		})
	}
}

// A result that cannot be written: for a while it is held, and written late;
// for long, and the notice goes out again with the same id.
func TestResultThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		away     time.Duration
		received int
	}{{3 * time.Second, 1}, {5 * time.Minute, 2}} {
		synctest.Test(t, func(t *testing.T) {
			lan, pos := newWire(), &till{}
			lan.serve("pos.example.in", pos)
			flaky := &flakyOutbox{}
			b := newBench(t, func(c *callback.Config) { flaky.Outbox, c.Outbox = c.Outbox, flaky })
			b.DialThrough(lan.dial)
			flaky.set(nil, nil, down)
			stop := b.start(t)
			b.sell(t, "M1", "e1", shop)
			synctest.Wait()
			if len(pos.received()) != 1 {
				t.Fatalf("received %d times", len(pos.received()))
			}
			// The whole database is away, as it would be.
			flaky.set(down, down, down)
			<-time.After(tt.away)
			flaky.set(nil, nil, nil)
			b.settled(t, "e1", callback.StateDelivered)
			got := pos.received()
			if len(got) != tt.received {
				t.Errorf("away for %v: received %d times, want %d", tt.away, len(got), tt.received)
			}
			for _, r := range got {
				if r.header.Get(callback.HeaderEventID) != "e1" {
					t.Errorf("event id %q", r.header.Get(callback.HeaderEventID))
				}
			}
			stop()
		})
	}
}

// One outcome that the database will not take spoils none of those that came
// with it.
func TestGuiltyOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		lan.serve("pos.example.in", pos)
		flaky := &flakyOutbox{}
		b := newBench(t, func(c *callback.Config) { flaky.Outbox, c.Outbox = c.Outbox, flaky })
		b.DialThrough(lan.dial)
		// Hold the first batch back until all three results are waiting.
		release := make(chan struct{})
		flaky.set(nil, nil, func(_ context.Context, outcomes []callback.Outcome) error {
			<-release
			for _, o := range outcomes {
				if o.EventID == "guilty" {
					return errors.New("invalid byte sequence")
				}
			}
			return nil
		})
		stop := b.start(t)
		for _, e := range []string{"first", "guilty", "innocent"} {
			b.sell(t, "M-"+e, e, shop)
			synctest.Wait()
		}
		close(release)
		synctest.Wait()
		for _, e := range []string{"first", "innocent"} {
			if r, _ := b.Row(t.Context(), e); r.State != callback.StateDelivered {
				t.Errorf("%s is %s", e, r.State)
			}
		}
		flaky.set(nil, nil, nil)
		b.settled(t, "guilty", callback.StateDelivered)
		if n := len(pos.received()); n != 3 {
			t.Errorf("received %d notices, want 3", n)
		}
		stop()
	})
}

// Failure matrix R20: a controller that sleeps after its lease was written
// wakes too late to send under it: it sends nothing, and the row comes again.
func TestLeaseThatTookTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		lan.serve("pos.example.in", pos)
		slept := false
		b := newBench(t, func(c *callback.Config) {
			render := c.Render
			c.Render = func(ctx context.Context, paymentID string) (callback.Notice, error) {
				if !slept {
					slept = true
					<-time.After(time.Minute)
					if len(pos.received()) != 1 {
						t.Error("the other controller has not sent it")
					}
				}
				return render(ctx, paymentID)
			}
		})
		b.DialThrough(lan.dial)
		stop := b.start(t)
		b.sell(t, "M1", "e1", shop)
		synctest.Wait()

		// The other controller, on the same outbox.
		other := newBench(t, func(c *callback.Config) { c.Outbox = &b.Outbox })
		other.DialThrough(lan.dial)
		stopOther := other.start(t)
		b.settled(t, "e1", callback.StateDelivered)
		<-time.After(2 * time.Minute)
		if n := len(pos.received()); n != 1 {
			t.Errorf("received %d times", n)
		}
		if a := b.attempts(t, "e1"); len(a) != 2 || a[0].Outcome.Result != callback.ResultLocal {
			t.Errorf("attempts %+v, want the first not sent", a)
		}
		stopOther()
		stop()
	})
}

// A row that is due but locked by an outsider's transaction is asked for again
// and again, but not without a pause.
func TestLockedRowDoesNotSpin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		lan.serve("pos.example.in", pos)
		locked := &lockedOutbox{locked: true}
		b := newBench(t, func(c *callback.Config) { locked.Outbox, c.Outbox = c.Outbox, locked })
		b.DialThrough(lan.dial)
		stop := b.start(t)
		b.sell(t, "M1", "e1", shop)
		<-time.After(10 * time.Second)
		asked := locked.unlock()
		if asked < 100 || asked > 1000 {
			t.Errorf("asked %d times in 10 s", asked)
		}
		began := time.Now()
		b.settled(t, "e1", callback.StateDelivered)
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("sent %v after the row was free", took)
		}
		stop()
	})
}

// lockedOutbox leases nothing while an outsider holds its rows, as SKIP LOCKED does.
type lockedOutbox struct {
	callback.Outbox
	mu     sync.Mutex
	locked bool
	asked  int
}

func (o *lockedOutbox) Lease(ctx context.Context, ask callback.Ask) ([]callback.Delivery, error) {
	o.mu.Lock()
	o.asked++
	locked := o.locked
	o.mu.Unlock()
	if locked {
		return nil, nil
	}
	return o.Outbox.Lease(ctx, ask)
}

func (o *lockedOutbox) unlock() (asked int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.locked = false
	return o.asked
}

// Two controllers on one outbox send each notice once.
func TestTwoSenders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		lan.serve("pos.example.in", pos)
		b := newBench(t, nil)
		b.DialThrough(lan.dial)
		other := newBench(t, func(c *callback.Config) { c.Outbox = &b.Outbox })
		other.DialThrough(lan.dial)
		stop, stopOther := b.start(t), other.start(t)
		events := map[string]bool{}
		for i := range 50 {
			e := "e" + strings.Repeat("x", i)
			events[e] = true
			b.sell(t, "M"+e[:1+i%7], e, shop)
			other.Wake()
		}
		for e := range events {
			b.settled(t, e, callback.StateDelivered)
		}
		stop()
		stopOther()
		for _, r := range pos.received() {
			if id := r.header.Get(callback.HeaderEventID); !events[id] {
				t.Errorf("%q was sent twice, or never sold", id)
			} else {
				delete(events, id)
			}
		}
		if len(events) > 0 {
			t.Errorf("%d notices were never received", len(events))
		}
	})
}
