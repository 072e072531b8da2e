package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
)

// NetworkRows is the outbox to the UPI network as a storage offers it.
type NetworkRows interface {
	LeaseNetwork(ctx context.Context, limit int, lease time.Duration) ([]journal.NetworkDelivery, error)
	RecordNetwork(ctx context.Context, outcome journal.NetworkOutcome) error
	NextNetwork(ctx context.Context) (time.Duration, bool, error)
	NetworkQueue(ctx context.Context) (journal.NetworkQueue, error)
}

// NetworkStorage is a storage with that outbox.
type NetworkStorage interface {
	Storage
	NetworkRows
}

// RunNetwork runs the contract of the outbox to the UPI network. open makes a
// storage that is migrated and empty.
func RunNetwork(t *testing.T, open func(t *testing.T) NetworkStorage) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, networkBench)
	}{
		{"an empty outbox has nothing to lease and nothing next", emptyNetwork},
		{"a row is leased as it was made, once", networkLeased},
		{"a lease that runs out frees its row for the next attempt", networkLeaseRunsOut},
		{"at most the limit is leased, what is free for longest first", networkLimit},
		{"of a payment one row is leased at a time, in the order of their making", onePerPayment},
		{"a row that waits for its next attempt lets a later one of its payment pass", waitingLetsPass},
		{"a later one that is under way keeps an earlier one back", laterKeepsBack},
		{"what is done or dead is not leased again", networkEnds},
		{"the outcome of an attempt that was overtaken moves nothing but to done", networkOvertaken},
		{"an outcome that cannot be kept is refused", networkBadOutcome},
		{"the queue counts what waits and what was given up", networkQueue},
		{"many who lease at once never take a row twice, nor two of a payment", networkRace},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			c.test(t, networkBench{bench{s}, s})
		})
	}
}

// networkBench is such a storage whose errors fail the test.
type networkBench struct {
	bench
	rows NetworkRows
}

// ask adds rows that are due since the given time before now.
func (b networkBench) ask(t *testing.T, ago time.Duration, rows ...decide.NetworkRequest) {
	t.Helper()
	at := b.now(t).Add(-ago)
	for i := range rows {
		rows[i].At = at
		if rows[i].Kind == "" {
			rows[i].Kind = decide.NetworkAsk
		}
	}
	b.add(t, decide.Changes{Network: rows})
}

func (b networkBench) lease(t *testing.T, limit int, lease time.Duration) []journal.NetworkDelivery {
	t.Helper()
	leased, err := b.rows.LeaseNetwork(t.Context(), limit, lease)
	if err != nil {
		t.Fatal(err)
	}
	return leased
}

// leases wants these rows, in their order, each with its attempt: "id 1".
func (b networkBench) leases(t *testing.T, limit int, want ...string) {
	t.Helper()
	got := []string{}
	for _, d := range b.lease(t, limit, time.Minute) {
		got = append(got, fmt.Sprint(d.ID, " ", d.Attempt))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("leased %v, want %v", got, want)
	}
}

func (b networkBench) record(t *testing.T, o journal.NetworkOutcome) {
	t.Helper()
	if err := b.rows.RecordNetwork(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

func (b networkBench) next(t *testing.T) (time.Duration, bool) {
	t.Helper()
	next, some, err := b.rows.NextNetwork(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return next, some
}

func (b networkBench) queue(t *testing.T) journal.NetworkQueue {
	t.Helper()
	q, err := b.rows.NetworkQueue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func request(id, payment string) decide.NetworkRequest {
	return decide.NetworkRequest{ID: id, PaymentID: payment}
}

func emptyNetwork(t *testing.T, b networkBench) {
	b.leases(t, 8)
	if next, some := b.next(t); some {
		t.Errorf("the next row comes in %v", next)
	}
	if q := b.queue(t); q != (journal.NetworkQueue{}) {
		t.Errorf("the queue is %+v", q)
	}
}

func networkLeased(t *testing.T, b networkBench) {
	want := decide.NetworkRequest{
		ID: "RV-CARD-GP1:526800112233", Kind: decide.NetworkReversal, PaymentID: "GP1",
		TxnKey: decide.TxnKey{OrgID: "CARD", TxnID: "GP1:526800112233"}, Amount: 24500,
	}
	b.ask(t, time.Second, want)
	if next, some := b.next(t); !some || next != 0 {
		t.Errorf("the next row comes in %v, %v; want now", next, some)
	}
	before := b.now(t)
	leased := b.lease(t, 8, time.Minute)
	if len(leased) != 1 {
		t.Fatalf("leased %+v", leased)
	}
	got := leased[0]
	if age := got.Age(); age < time.Second || age > time.Minute || got.LeasedAt.Before(before) || got.Attempt != 1 {
		t.Errorf("leased at %v, %v old, attempt %d", got.LeasedAt, age, got.Attempt)
	}
	if got.At.Location() != time.UTC || got.LeasedAt.Location() != time.UTC {
		t.Errorf("times in %v and %v", got.At.Location(), got.LeasedAt.Location())
	}
	want.At = got.At
	same(t, "what was leased", got.NetworkRequest, want)
	b.leases(t, 8)
	if next, some := b.next(t); !some || next < 50*time.Second || next > time.Minute {
		t.Errorf("the next row comes in %v, %v; want at the lease's end", next, some)
	}
	later := decide.NetworkRequest{ID: "later", Kind: decide.NetworkAsk, PaymentID: "GP2", At: b.now(t).Add(time.Hour)}
	b.add(t, decide.Changes{Network: []decide.NetworkRequest{later}})
	b.leases(t, 8)
}

func networkLeaseRunsOut(t *testing.T, b networkBench) {
	b.ask(t, time.Second, request("a", "p"))
	for attempt := 1; attempt <= 3; attempt++ {
		leased := b.lease(t, 8, time.Microsecond)
		for len(leased) == 0 { // the database's clock has to tick
			leased = b.lease(t, 8, time.Microsecond)
		}
		if len(leased) != 1 || leased[0].Attempt != attempt {
			t.Fatalf("leased %+v, want attempt %d", leased, attempt)
		}
	}
}

func networkLimit(t *testing.T, b networkBench) {
	b.ask(t, time.Second, request("a-late", "p1"))
	b.ask(t, 3*time.Second, request("c-first", "p3"))
	b.ask(t, 2*time.Second, request("b-second", "p2"))
	b.leases(t, 2, "c-first 1", "b-second 1")
	b.leases(t, 2, "a-late 1")
}

func onePerPayment(t *testing.T, b networkBench) {
	b.ask(t, 2*time.Second, request("z-collect", "p"))
	b.ask(t, time.Second, request("a-cancel", "p"), request("a-other", "q"))
	b.leases(t, 8, "z-collect 1", "a-other 1")
	b.leases(t, 8)
	b.record(t, journal.NetworkOutcome{ID: "z-collect", Attempt: 1, State: journal.NetworkDone})
	b.leases(t, 8, "a-cancel 1")
}

func waitingLetsPass(t *testing.T, b networkBench) {
	b.ask(t, 2*time.Second, request("a-collect", "p"))
	b.ask(t, time.Second, request("b-cancel", "p"))
	b.leases(t, 8, "a-collect 1")
	b.record(t, journal.NetworkOutcome{ID: "a-collect", Attempt: 1, State: journal.NetworkPending, Next: time.Hour, Error: "no answer"})
	b.leases(t, 8, "b-cancel 1")
	b.record(t, journal.NetworkOutcome{ID: "b-cancel", Attempt: 1, State: journal.NetworkDone})
	if next, some := b.next(t); !some || next < 59*time.Minute || next > time.Hour {
		t.Errorf("the next row comes in %v, %v; want in an hour", next, some)
	}
	b.leases(t, 8)
}

func laterKeepsBack(t *testing.T, b networkBench) {
	b.ask(t, 2*time.Second, request("a-refund", "p"))
	b.ask(t, time.Second, request("b-ask", "p"))
	b.leases(t, 8, "a-refund 1")
	b.record(t, journal.NetworkOutcome{ID: "a-refund", Attempt: 1, State: journal.NetworkPending, Next: 50 * time.Millisecond, Error: "no answer"})
	b.leases(t, 8, "b-ask 1")
	for next, _ := b.next(t); next > 0; next, _ = b.next(t) { // until the first is due again
	}
	b.leases(t, 8)
	b.record(t, journal.NetworkOutcome{ID: "b-ask", Attempt: 1, State: journal.NetworkDone})
	b.leases(t, 8, "a-refund 2")
}

func networkEnds(t *testing.T, b networkBench) {
	b.ask(t, time.Second, request("a", "p"), request("b", "q"))
	b.leases(t, 8, "a 1", "b 1")
	b.record(t, journal.NetworkOutcome{ID: "a", Attempt: 1, State: journal.NetworkDone})
	b.record(t, journal.NetworkOutcome{ID: "b", Attempt: 1, State: journal.NetworkDead, Error: "refused: ZQ"})
	b.leases(t, 8)
	if next, some := b.next(t); some {
		t.Errorf("the next row comes in %v", next)
	}
	// An end is never taken back to waiting.
	for _, id := range []string{"a", "b"} {
		b.record(t, journal.NetworkOutcome{ID: id, Attempt: 1, State: journal.NetworkPending})
	}
	b.leases(t, 8)
}

func networkOvertaken(t *testing.T, b networkBench) {
	b.ask(t, time.Second, request("a", "p"))
	b.lease(t, 8, time.Microsecond)
	for len(b.lease(t, 8, time.Hour)) == 0 {
	}
	for _, o := range []journal.NetworkOutcome{
		{ID: "a", Attempt: 1, State: journal.NetworkPending},
		{ID: "a", Attempt: 1, State: journal.NetworkDead, Error: "late"},
		{ID: "a", Attempt: 3, State: journal.NetworkDone}, // an attempt that never was
		{ID: "nobody", Attempt: 1, State: journal.NetworkDone},
	} {
		b.record(t, o)
		if next, some := b.next(t); !some || next < 59*time.Minute {
			t.Fatalf("%+v moved the row: next %v, %v", o, next, some)
		}
	}
	b.record(t, journal.NetworkOutcome{ID: "a", Attempt: 1, State: journal.NetworkDone})
	if next, some := b.next(t); some {
		t.Errorf("it was done, and is due in %v", next)
	}
}

func networkBadOutcome(t *testing.T, b networkBench) {
	b.ask(t, time.Second, request("a", "p"))
	b.leases(t, 8, "a 1")
	for _, text := range []string{"a\x00b", "\xff"} {
		err := b.rows.RecordNetwork(t.Context(), journal.NetworkOutcome{ID: "a", Attempt: 1, State: journal.NetworkDead, Error: text})
		if !errors.Is(err, journal.ErrText) {
			t.Errorf("%q: %v, want ErrText", text, err)
		}
	}
	if err := b.rows.RecordNetwork(t.Context(), journal.NetworkOutcome{ID: "a", Attempt: 1, State: "lost"}); err == nil {
		t.Error("a state that is none was taken")
	}
	if next, some := b.next(t); !some || next == 0 {
		t.Errorf("the row moved: %v, %v", next, some)
	}
}

func networkQueue(t *testing.T, b networkBench) {
	b.ask(t, time.Minute, request("a", "p"), request("b", "q"), request("c", "r"))
	if q := b.queue(t); q.Pending != 3 || q.Dead != 0 || q.Oldest < time.Minute || q.Oldest > 2*time.Minute {
		t.Errorf("the queue is %+v", q)
	}
	b.leases(t, 8, "a 1", "b 1", "c 1")
	b.record(t, journal.NetworkOutcome{ID: "a", Attempt: 1, State: journal.NetworkDone})
	b.record(t, journal.NetworkOutcome{ID: "b", Attempt: 1, State: journal.NetworkDead, Error: "refused"})
	if q := b.queue(t); q != (journal.NetworkQueue{Pending: 1, Dead: 1}) {
		t.Errorf("the queue is %+v", q)
	}
}

func networkRace(t *testing.T, b networkBench) {
	const payments, each, leasers = 12, 3, 6
	var rows []decide.NetworkRequest
	for n := range payments * each {
		rows = append(rows, request("r"+number(n), "p"+number(n%payments)))
	}
	b.ask(t, time.Second, rows...)
	var mu sync.Mutex
	held, taken := map[string]string{}, map[string]bool{}
	var all sync.WaitGroup
	for range leasers {
		all.Go(func() {
			for {
				leased, err := b.rows.LeaseNetwork(t.Context(), 2, time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, d := range leased {
					if other := held[d.PaymentID]; other != "" || taken[d.ID] {
						t.Errorf("%s was leased while %q of %s was, or twice", d.ID, other, d.PaymentID)
					}
					held[d.PaymentID], taken[d.ID] = d.ID, true
				}
				done := len(taken) == len(rows)
				mu.Unlock()
				for _, d := range leased {
					mu.Lock()
					delete(held, d.PaymentID)
					mu.Unlock()
					if err := b.rows.RecordNetwork(t.Context(), journal.NetworkOutcome{ID: d.ID, Attempt: 1, State: journal.NetworkDone}); err != nil {
						t.Error(err)
						return
					}
				}
				if done {
					return
				}
			}
		})
	}
	all.Wait()
	if q := b.queue(t); q != (journal.NetworkQueue{}) || len(taken) != len(rows) {
		t.Errorf("%d of %d rows were taken; the queue is %+v", len(taken), len(rows), q)
	}
}
