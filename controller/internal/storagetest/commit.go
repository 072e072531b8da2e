package storagetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
)

var commitCases = []testCase{
	{"a batch that was committed is known to be", committed},
	{"a batch that was asked about before it commits never does", neverWill},
	{"tidying up keeps what is young", tidy},
	{"a context that has ended changes nothing", ended},
	{"batches at once lose no change", atOnce},
}

func committed(t *testing.T, b bench) {
	id := journal.NewBatchID()
	err := b.Apply(t.Context(), id, decide.Needs{}, func(decide.Snapshot) (decide.Changes, error) {
		return created(newPayment("p1")), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if yes, err := b.Committed(t.Context(), id); err != nil || !yes {
			t.Fatalf("Committed = %v, %v; want true", yes, err)
		}
	}
}

func neverWill(t *testing.T, b bench) {
	id := journal.NewBatchID()
	if yes, err := b.Committed(t.Context(), id); err != nil || yes {
		t.Fatalf("Committed = %v, %v; want false", yes, err)
	}
	err := b.Apply(t.Context(), id, decide.Needs{}, func(decide.Snapshot) (decide.Changes, error) {
		return created(newPayment("p1")), nil
	})
	if err == nil {
		t.Fatal("a batch that was said never to be committed was")
	}
	if _, err := b.PaymentByID(t.Context(), "p1"); !errors.Is(err, journal.ErrNotFound) {
		t.Fatalf("its payment is there: %v", err)
	}
}

func tidy(t *testing.T, b bench) {
	id := journal.NewBatchID()
	err := b.Apply(t.Context(), id, decide.Needs{}, func(decide.Snapshot) (decide.Changes, error) {
		return created(newPayment("p1")), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if yes, err := b.Committed(t.Context(), id); err != nil || !yes {
		t.Fatalf("Committed = %v, %v after tidying up; want true", yes, err)
	}
}

func ended(t *testing.T, b bench) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := b.Apply(ctx, journal.NewBatchID(), decide.Needs{}, func(decide.Snapshot) (decide.Changes, error) {
		return created(newPayment("p1")), nil
	})
	if err == nil {
		t.Fatal("Apply = nil on a context that has ended")
	}
	if _, err := b.PaymentByID(t.Context(), "p1"); !errors.Is(err, journal.ErrNotFound) {
		t.Fatalf("its payment is there: %v", err)
	}
	b.add(t, created(newPayment("p2"))) // the connection works still
}

// atOnce lets writers count on the same terminals, in all orders.
func atOnce(t *testing.T, b bench) {
	const writers, times = 4, 25
	names := []string{"t1", "t2", "t3"}
	b.shop(t, names...)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range times {
				var needs decide.Needs
				for k := range names {
					needs.Terminals = append(needs.Terminals, terminalID(names[(w+i+k)%len(names)]))
				}
				needs.Sort()
				for {
					err := b.Apply(t.Context(), journal.NewBatchID(), needs, func(s decide.Snapshot) (decide.Changes, error) {
						var c decide.Changes
						for _, id := range needs.Terminals {
							terminal := s.Terminals[id]
							terminal.Want()
							c.Terminals = append(c.Terminals, terminal)
						}
						return c, nil
					})
					if err == nil {
						break
					}
					if !errors.Is(err, journal.ErrAgain) && !errors.Is(err, journal.ErrLocked) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	for _, name := range names {
		if got, err := b.Terminal(t.Context(), terminalID(name)); err != nil || got.Seq != writers*times {
			t.Errorf("%s counts %d, %v; want %d", name, got.Seq, err, writers*times)
		}
	}
}
