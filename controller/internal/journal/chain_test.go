package journal_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// Payments go through their lives on all storages, from several callers at once;
// at the end each one's events are a whole chain that leads to its state.
func TestEventsAreAWholeChain(t *testing.T) {
	t.Parallel()
	for _, s := range storages {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			db := s.open(t)
			names := []string{"t0", "t1", "t2"}
			seedTerminals(t, db, names...)
			j := start(t, journal.Config{Storage: db, Writers: 2, MaxBatch: 16})
			const callers, times = 9, 6
			var lives sync.WaitGroup
			for c := range callers {
				lives.Go(func() {
					for i := range times {
						id := fmt.Sprintf("p%d-%d", c, i)
						if _, err := journal.Do(t.Context(), j, initOf(id, names[c%3])); err != nil {
							t.Error(err)
							return
						}
						r := protocol.Report{
							Header: protocol.Header{Type: protocol.TypeReport, Identity: terminal(names[c%3])}, Epoch: id, Session: "s",
							Facts: []protocol.Fact{{N: 1, Kind: protocol.FactPresented, PaymentID: id}},
						}
						if _, err := journal.Do(t.Context(), j, decide.Report{Report: r}); err != nil {
							t.Error(err)
						}
						_, err := journal.Do(t.Context(), j, cancel(decide.Needs{Payments: []string{id}}, id))
						if refused := (*payment.RefusedError)(nil); err != nil && !errors.As(err, &refused) {
							t.Error(err)
						}
					}
				})
			}
			lives.Wait()
			for c := range callers {
				for i := range times {
					if state := verify(t, db, fmt.Sprintf("p%d-%d", c, i)); state != payment.Cancelled {
						t.Errorf("payment %d-%d is %s", c, i, state)
					}
				}
			}
		})
	}
}

// verify checks a payment's chain and returns its state.
func verify(t testing.TB, db database, id string) payment.State {
	t.Helper()
	p, err := db.PaymentByID(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	events, err := db.Events(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	state, err := payment.VerifyChain(events)
	if err != nil || state != p.State || len(events) == 0 {
		t.Fatalf("%s is %s; its events lead to %s, %v", id, p.State, state, err)
	}
	if last := events[len(events)-1]; last.Hash != p.Hash || last.Seq != p.Seq {
		t.Fatalf("%s ends at event %d, the payment says %d", id, last.Seq, p.Seq)
	}
	return state
}
