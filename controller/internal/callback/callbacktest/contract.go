package callbacktest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback"
)

// Store is an Outbox that can be filled and looked into.
type Store interface {
	callback.Outbox
	Add(ctx context.Context, r Row) error
	// Resend has a row sent again, if it is there and has a URL.
	Resend(ctx context.Context, eventID string) (bool, error)
	Row(ctx context.Context, eventID string) (Row, error)
	Attempts(ctx context.Context, eventID string) ([]Attempt, error)
}

// long is a lease that does not run out within a test.
const long = time.Hour

// Contract is what every Outbox keeps. open makes an empty one.
func Contract(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, bench)
	}{
		{"a lease writes the attempt and hides the row", leaseWrites},
		{"a row is not leased before it is due", notBeforeDue},
		{"one row a merchant, its earliest, merchants earliest first", onePerMerchant},
		{"the filter", filter},
		{"a lease that ran out is leased again as the next attempt", leaseRunsOut},
		{"outcomes move the row and complete the attempt", outcomes},
		{"a sender that was overtaken moves nothing, unless it delivered", overtaken},
		{"final rows stay", final},
		{"unknown events and attempts change nothing", unknown},
		{"rows of dead lanes expire", expire},
		{"a row that is resent is due now and begins its day anew", resend},
		{"a row that is resent while it is being sent goes out once more, never twice at once", resendLeased},
		{"a delivery from before the resend does not end it", resendOvertakes},
		{"a row that is resent does not expire before it was sent", resendExpires},
		{"a row without a URL is never leased, resent or given up", withoutURL},
		{"concurrent senders share the rows", concurrent},
		{"a context that has ended leases nothing", ended},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, bench{open(t)})
		})
	}
}

// bench is a Store whose errors fail the test.
type bench struct{ Store }

func (b bench) add(t *testing.T, merchant, event string, dueIn time.Duration) {
	t.Helper()
	err := b.Add(t.Context(), Row{
		EventID: event, PaymentID: "pay-" + event, MerchantID: merchant, Lane: merchant + " pos.example.in:443",
		URL: "https://pos.example.in/" + event, Method: "PUT", DueIn: dueIn,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (b bench) lease(t *testing.T, ask callback.Ask) []callback.Delivery {
	t.Helper()
	if ask.Limit == 0 {
		ask.Limit = 100
	}
	if ask.Lease == 0 {
		ask.Lease = long
	}
	rows, err := b.Lease(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// leased leases all and wants these events in this order.
func (b bench) leased(t *testing.T, ask callback.Ask, want ...string) []callback.Delivery {
	t.Helper()
	rows := b.lease(t, ask)
	var got []string
	for _, r := range rows {
		got = append(got, r.EventID)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("leased %v, want %v", got, want)
	}
	return rows
}

func (b bench) record(t *testing.T, outcomes ...callback.Outcome) {
	t.Helper()
	if err := b.Record(t.Context(), outcomes); err != nil {
		t.Fatal(err)
	}
}

func (b bench) is(t *testing.T, event, state string, attempts int) {
	t.Helper()
	r, err := b.Row(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	if r.State != state || r.Attempts != attempts {
		t.Fatalf("%s is %s after %d attempts, want %s after %d", event, r.State, r.Attempts, state, attempts)
	}
}

func (b bench) attempts(t *testing.T, event string) []Attempt {
	t.Helper()
	a, err := b.Attempts(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// due waits until something can be leased.
func (b bench) due(t *testing.T, f callback.Filter) {
	t.Helper()
	for {
		next, some, err := b.NextDue(t.Context(), f)
		if err != nil || !some {
			t.Fatalf("NextDue = %v, %v, %v; want some", next, some, err)
		}
		if next <= 0 {
			return
		}
		<-time.After(next)
	}
}

func (b bench) nextDue(t *testing.T, f callback.Filter, atLeast, atMost time.Duration) {
	t.Helper()
	next, some, err := b.NextDue(t.Context(), f)
	if err != nil || !some || next < atLeast || next > atMost {
		t.Fatalf("NextDue = %v, %v, %v; want %v..%v", next, some, err, atLeast, atMost)
	}
}

func (b bench) nothingDue(t *testing.T, f callback.Filter) {
	t.Helper()
	if next, some, err := b.NextDue(t.Context(), f); err != nil || some {
		t.Fatalf("NextDue = %v, %v, %v; want none", next, some, err)
	}
}

func leaseWrites(t *testing.T, b bench) {
	b.nothingDue(t, callback.Filter{})
	b.leased(t, callback.Ask{})
	b.add(t, "M1", "e1", -time.Second)
	b.nextDue(t, callback.Filter{}, 0, 0)
	d := b.leased(t, callback.Ask{}, "e1")[0]
	want := callback.Delivery{
		EventID: "e1", PaymentID: "pay-e1", MerchantID: "M1", Lane: "M1 pos.example.in:443",
		URL: "https://pos.example.in/e1", Method: "PUT", Attempt: 1, LeasedAt: d.LeasedAt,
	}
	if d != want || d.LeasedAt.IsZero() {
		t.Fatalf("leased %+v, want %+v with a time", d, want)
	}
	b.is(t, "e1", callback.StatePending, 1)
	if a := b.attempts(t, "e1"); len(a) != 1 || a[0].N != 1 || a[0].Finished || a[0].StartedAt.IsZero() {
		t.Fatalf("attempts %+v, want one that is started and not finished", a)
	}
	b.leased(t, callback.Ask{})
	b.nextDue(t, callback.Filter{}, long-time.Minute, long)
}

func notBeforeDue(t *testing.T, b bench) {
	b.add(t, "M1", "e1", long)
	b.leased(t, callback.Ask{})
	b.nextDue(t, callback.Filter{}, long-time.Minute, long)
	b.add(t, "M2", "e2", 50*time.Millisecond)
	b.due(t, callback.Filter{})
	b.leased(t, callback.Ask{}, "e2")
}

func onePerMerchant(t *testing.T, b bench) {
	b.add(t, "M1", "b", -3*time.Second)
	b.add(t, "M1", "a", -2*time.Second)
	b.add(t, "M2", "c", -4*time.Second)
	b.add(t, "M3", "d", -time.Second)
	b.leased(t, callback.Ask{Limit: 2}, "c", "b")
	b.leased(t, callback.Ask{}, "a", "d")
	b.leased(t, callback.Ask{})
}

func filter(t *testing.T, b bench) {
	lane := func(m string) []string { return []string{m + " pos.example.in:443", "never seen:443"} }
	for i, m := range []string{"M1", "M2", "M3", "M4"} {
		b.add(t, m, fmt.Sprint("e", i+1), time.Duration(i-10)*time.Second)
	}
	f := callback.Filter{SkipMerchants: []string{"M1", "M9"}, SkipLanes: lane("M2")}
	b.leased(t, callback.Ask{Limit: 1, Filter: f}, "e3")
	f.OnlyLanes = append(lane("M2"), lane("M4")...)
	b.leased(t, callback.Ask{Filter: f}, "e4")
	b.leased(t, callback.Ask{Filter: f})
	// What is leased can be due again later; what is skipped is not looked at.
	b.nextDue(t, f, long-time.Minute, long)
	b.nextDue(t, callback.Filter{SkipMerchants: []string{"M1", "M3", "M4"}}, 0, 0)
	b.nothingDue(t, callback.Filter{SkipMerchants: []string{"M1", "M3"}, SkipLanes: append(lane("M2"), lane("M4")...)})
	b.nothingDue(t, callback.Filter{OnlyLanes: []string{"never seen:443"}})
	b.leased(t, callback.Ask{}, "e1", "e2")
}

func leaseRunsOut(t *testing.T, b bench) {
	b.add(t, "M1", "e1", -time.Hour)
	first := b.leased(t, callback.Ask{Lease: 50 * time.Millisecond}, "e1")[0]
	b.due(t, callback.Filter{})
	second := b.leased(t, callback.Ask{}, "e1")[0]
	// Storages may cut times to a millisecond.
	off := (second.Age - second.LeasedAt.Sub(first.LeasedAt)).Abs()
	if second.Attempt != 2 || second.Age < 49*time.Millisecond || off > time.Millisecond {
		t.Fatalf("second lease %+v after %+v", second, first)
	}
	if a := b.attempts(t, "e1"); len(a) != 2 || a[0].Finished || a[1].Finished || a[1].N != 2 {
		t.Fatalf("attempts %+v, want two that are not finished", a)
	}
}

func outcomes(t *testing.T, b bench) {
	for _, e := range []string{"e1", "e2", "e3"} {
		b.add(t, "M-"+e, e, -time.Second)
	}
	b.leased(t, callback.Ask{}, "e1", "e2", "e3")
	given := []callback.Outcome{
		{EventID: "e1", Attempt: 1, State: callback.StateDelivered, Result: callback.ResultDelivered,
			HTTPStatus: 204, Took: 1500 * time.Millisecond},
		{EventID: "e2", Attempt: 1, State: callback.StatePending, Next: long, Result: callback.ResultStatus,
			HTTPStatus: 500, Error: "HTTP 500", Took: time.Second},
		{EventID: "e3", Attempt: 1, State: callback.StateDead, Result: callback.ResultBadURL, Error: "URL has no host"},
	}
	b.record(t, given...)
	b.is(t, "e1", callback.StateDelivered, 1)
	b.is(t, "e2", callback.StatePending, 1)
	b.is(t, "e3", callback.StateDead, 1)
	for _, g := range given {
		a := b.attempts(t, g.EventID)
		if len(a) != 1 || !a[0].Finished {
			t.Fatalf("attempts of %s: %+v, want one that is finished", g.EventID, a)
		}
		got := a[0].Outcome
		if got.Result != g.Result || got.HTTPStatus != g.HTTPStatus || got.Error != g.Error || got.Took != g.Took {
			t.Fatalf("attempt of %s is kept as %+v, want %+v", g.EventID, got, g)
		}
	}
	// The lease is over; the row is due after Next.
	b.nextDue(t, callback.Filter{}, long-time.Minute, long)
	b.leased(t, callback.Ask{})

	b.add(t, "M4", "e4", -time.Second)
	b.leased(t, callback.Ask{}, "e4")
	b.record(t, callback.Outcome{EventID: "e4", Attempt: 1, State: callback.StatePending, Next: 50 * time.Millisecond})
	b.due(t, callback.Filter{})
	if d := b.leased(t, callback.Ask{}, "e4")[0]; d.Attempt != 2 || d.Age < 49*time.Millisecond {
		t.Fatalf("leased %+v, want attempt 2", d)
	}
}

func overtaken(t *testing.T, b bench) {
	b.add(t, "M1", "e1", -time.Second)
	b.leased(t, callback.Ask{Lease: time.Millisecond}, "e1")
	b.due(t, callback.Filter{})
	b.leased(t, callback.Ask{}, "e1")

	b.record(t, callback.Outcome{EventID: "e1", Attempt: 1, State: callback.StateDead, Error: "late"})
	b.is(t, "e1", callback.StatePending, 2)
	b.record(t, callback.Outcome{EventID: "e1", Attempt: 1, State: callback.StatePending, Error: "later"})
	b.leased(t, callback.Ask{}) // the second lease holds
	if a := b.attempts(t, "e1"); !a[0].Finished || a[1].Finished {
		t.Fatalf("attempts %+v, want the first finished", a)
	}
	b.record(t, callback.Outcome{EventID: "e1", Attempt: 1, State: callback.StateDelivered, HTTPStatus: 200})
	b.is(t, "e1", callback.StateDelivered, 2)
	b.record(t, callback.Outcome{EventID: "e1", Attempt: 2, State: callback.StatePending, Error: "too late"})
	b.is(t, "e1", callback.StateDelivered, 2)
	b.nothingDue(t, callback.Filter{})
}

func final(t *testing.T, b bench) {
	b.add(t, "M1", "e1", -time.Second)
	b.leased(t, callback.Ask{}, "e1")
	b.record(t, callback.Outcome{EventID: "e1", Attempt: 1, State: callback.StateDead})
	b.record(t, callback.Outcome{EventID: "e1", Attempt: 1, State: callback.StatePending})
	b.is(t, "e1", callback.StateDead, 1)
	b.nothingDue(t, callback.Filter{})
	// The merchant did get it: that is the truth.
	b.record(t, callback.Outcome{EventID: "e1", Attempt: 1, State: callback.StateDelivered, HTTPStatus: 200})
	b.is(t, "e1", callback.StateDelivered, 1)
}

func unknown(t *testing.T, b bench) {
	b.record(t)
	b.record(t, callback.Outcome{EventID: "nobody", Attempt: 1, State: callback.StateDelivered})
	b.add(t, "M1", "e1", -time.Second)
	b.leased(t, callback.Ask{}, "e1")
	b.record(t, callback.Outcome{EventID: "e1", Attempt: 7, State: callback.StateDead})
	b.is(t, "e1", callback.StatePending, 1)
}

func expire(t *testing.T, b bench) {
	lanes := []string{"M-old pos.example.in:443", "M-new pos.example.in:443", "M-busy pos.example.in:443"}
	for _, m := range []string{"M-old", "M-new", "M-busy", "M-alive"} {
		b.add(t, m, m[2:], -long)
	}
	b.lease(t, callback.Ask{Filter: callback.Filter{SkipMerchants: []string{"M-new"}}})
	for _, e := range []string{"old", "alive"} {
		b.record(t, callback.Outcome{EventID: e, Attempt: 1, State: callback.StatePending, Next: long})
	}
	count := func(age time.Duration, want int) {
		t.Helper()
		if n, err := b.Expire(t.Context(), lanes, age); err != nil || n != want {
			t.Fatalf("Expire(%v) = %d, %v; want %d", age, n, err, want)
		}
	}
	count(long, 0)
	<-time.After(2 * time.Millisecond) // an age is above 0 once time has gone by
	count(0, 1)
	b.is(t, "old", callback.StateDead, 1)
	b.is(t, "new", callback.StatePending, 0)   // never sent: it must be, once
	b.is(t, "busy", callback.StatePending, 1)  // under way
	b.is(t, "alive", callback.StatePending, 1) // its lane is not dead
	count(0, 0)
}

func concurrent(t *testing.T, b bench) {
	const merchants, each, senders = 5, 8, 6
	for m := range merchants {
		for e := range each {
			b.add(t, fmt.Sprint("M", m), fmt.Sprintf("e%d-%d", m, e), -time.Second)
		}
	}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[string]int{}
	)
	for range senders {
		wg.Go(func() {
			for {
				rows, err := b.Lease(t.Context(), callback.Ask{Limit: 3, Lease: long})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, r := range rows {
					seen[r.EventID]++
				}
				all := len(seen) == merchants*each
				mu.Unlock()
				if all {
					return
				}
				// Rows that another transaction holds locked are passed over:
				// an empty answer does not mean that all are taken.
				if _, some, err := b.NextDue(t.Context(), callback.Filter{}); err != nil || !some {
					t.Errorf("NextDue = %v, %v", some, err)
					return
				}
			}
		})
	}
	wg.Wait()
	for e, n := range seen {
		if n != 1 {
			t.Errorf("%s was leased %d times", e, n)
		}
		b.is(t, e, callback.StatePending, 1)
	}
	if len(seen) != merchants*each {
		t.Errorf("%d rows were leased, want %d", len(seen), merchants*each)
	}
}

func ended(t *testing.T, b bench) {
	b.add(t, "M1", "e1", -time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if rows, err := b.Lease(ctx, callback.Ask{Limit: 1, Lease: long}); err == nil || len(rows) > 0 {
		t.Fatalf("Lease = %v, %v; want an error", rows, err)
	}
	b.is(t, "e1", callback.StatePending, 0)
}
