package card_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/firmware-sim/card"
	"github.com/galla-pay/galla/protocol"
)

// A card and the end of the sale at the same moment: either the card was read,
// and then the terminal is told so and the ledger has it, or none was.
func TestCardAtTheLastMoment(t *testing.T) {
	t.Parallel()
	var reads, ends int
	for i := range 400 {
		synctest.Test(t, func(t *testing.T) {
			r := open(t)
			ctx, cancel := context.WithCancel(t.Context())
			p := pay(ctx, r, "P1", 24_500)
			synctest.Wait()
			hand, tired := context.WithCancel(t.Context())
			tired()
			if i%2 == 0 {
				cancel()
			}
			_, err := r.Tap(hand, card.Tap{Outcome: card.Approve})
			cancel()
			<-p.done
			_, lastErr := r.Last(t.Context(), "P1")
			switch {
			case err == nil:
				reads++
				if !is(p.started) || lastErr != nil || len(r.Ledger()) != 1 || p.err != nil && !errors.Is(p.err, context.Canceled) {
					t.Fatalf("a card was read: started %v, Pay = %v, Last = %v, the ledger has %v", is(p.started), p.err, lastErr, r.Ledger())
				}
			case errors.Is(err, card.ErrNotAsked):
				ends++
				if is(p.started) || !errors.Is(lastErr, agent.ErrCardUnknownRef) || !errors.Is(p.err, context.Canceled) || len(r.Ledger()) != 0 {
					t.Fatalf("no card was read: started %v, Pay = %v, Last = %v, the ledger has %v", is(p.started), p.err, lastErr, r.Ledger())
				}
			default:
				t.Fatal(err)
			}
			if r.Doing() != card.Idle {
				t.Fatalf("the reader is %s", r.Doing())
			}
		})
	}
	if reads == 0 {
		t.Fatalf("%d cards were read, %d sales ended first: there was no race", reads, ends)
	}
}

// Many sales and many cards at once: each card pays for one sale, and each
// approval has a number of its own.
func TestCrowd(t *testing.T) {
	t.Parallel()
	r := open(t)
	const sales = 32
	var all sync.WaitGroup
	for i := range sales {
		all.Go(func() {
			ref := fmt.Sprintf("P%d", i)
			got, err := r.Pay(t.Context(), ref, protocol.Paise(100+i), func() {})
			if err != nil || got.AmountPaise != protocol.Paise(100+i) {
				t.Errorf("%s: %+v, %v", ref, got, err)
			}
		})
		all.Go(func() {
			if _, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	rrns, refs := map[string]bool{}, map[string]bool{}
	for _, e := range r.Ledger() {
		rrns[e.RRN], refs[e.Ref] = true, true
	}
	if len(r.Ledger()) != sales || len(rrns) != sales || len(refs) != sales {
		t.Fatalf("%d cards, %d numbers, %d sales; want %d of each", len(r.Ledger()), len(rrns), len(refs), sales)
	}
}
