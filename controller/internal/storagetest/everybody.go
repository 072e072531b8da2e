package storagetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// Listing is a storage as the administration's list of payments sees it.
type Listing interface {
	Storage
	Payments(ctx context.Context, q journal.PaymentQuery) ([]payment.Payment, error)
}

// RunEverybody runs the contract of the lists of everybody's payments. open makes a
// storage that is migrated and empty.
func RunEverybody(t *testing.T, open func(t *testing.T) Listing) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, Listing)
	}{
		{"page after page, each payment is there once, in the order of our ids", everybodysPages},
		{"of a state: those that ended by our ids, those that are open by their time", everybodysStates},
		{"pages while payments are added", everybodysGrowing},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

// crowd is payments of two merchants, whose ids and times run against each other.
func crowd(from, to int, state payment.State) []payment.Payment {
	var all []payment.Payment
	for i := from; i < to; i++ {
		p := newPayment(fmt.Sprintf("p%03d", i))
		p.MerchantID, p.State = []string{merchantA, merchantB}[i%2], state
		p.CreatedAt = day.Add(-time.Duration(i) * time.Second)
		all = append(all, p)
	}
	return all
}

// pages asks for one page after the other.
func pages(t *testing.T, s Listing, q journal.PaymentQuery, between func()) (ids []string) {
	t.Helper()
	for {
		found, err := s.Payments(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range found {
			ids = append(ids, p.ID)
		}
		if len(found) < q.Limit {
			return ids
		}
		last := found[len(found)-1]
		q.AfterTime, q.AfterID = last.CreatedAt, last.ID
		between()
	}
}

func idsOf(all []payment.Payment) (ids []string) {
	for _, p := range all {
		ids = append(ids, p.ID)
	}
	return ids
}

func everybodysPages(t *testing.T, s Listing) {
	all := crowd(0, 50, payment.Succeeded)
	want := idsOf(all)
	bench{s}.add(t, created(all...)) // which sorts them
	for _, limit := range []int{7, 50, 200} {
		if got := pages(t, s, journal.PaymentQuery{Limit: limit}, func() {}); !slices.Equal(got, want) {
			t.Errorf("pages of %d are %v, want %v", limit, got, want)
		}
	}
	slices.Reverse(want)
	if got := pages(t, s, journal.PaymentQuery{Limit: 7, Newest: true}, func() {}); !slices.Equal(got, want) {
		t.Errorf("newest first they are %v, want %v", got, want)
	}
	if found, err := s.Payments(t.Context(), journal.PaymentQuery{}); err != nil || len(found) != 50 {
		t.Errorf("without a limit %d, %v", len(found), err)
	}
	// What else is asked for is kept to.
	found, err := s.Payments(t.Context(), journal.PaymentQuery{TransactionID: "merchants-p007"})
	if err != nil || len(found) != 1 || found[0].ID != "p007" {
		t.Errorf("by the merchant's id %v, %v", idsOf(found), err)
	}
}

func everybodysStates(t *testing.T, s Listing) {
	want := map[payment.State][]string{}
	for i, state := range payment.States[1:] {
		some := crowd(10*i, 10*i+5, state)
		want[state] = idsOf(some)
		bench{s}.add(t, created(some...))
		if !state.Final() {
			slices.Reverse(want[state]) // the higher the number, the older
		}
	}
	for state, ids := range want {
		if got := pages(t, s, journal.PaymentQuery{State: state, Limit: 2}, func() {}); !slices.Equal(got, ids) {
			t.Errorf("%s: %v, want %v", state, got, ids)
		}
	}
	if found, err := s.Payments(t.Context(), journal.PaymentQuery{State: "nonsense"}); err != nil || len(found) != 0 {
		t.Errorf("of a state that is none: %v, %v", idsOf(found), err)
	}
}

func everybodysGrowing(t *testing.T, s Listing) {
	bench{s}.add(t, created(crowd(0, 20, payment.Failed)...))
	next := 20
	got := pages(t, s, journal.PaymentQuery{State: payment.Failed, Limit: 5}, func() {
		if next < 30 {
			bench{s}.add(t, created(crowd(next, next+2, payment.Failed)...))
			next += 2
		}
	})
	if want := idsOf(crowd(0, next, payment.Failed)); !slices.Equal(got, want) {
		t.Errorf("they are %v, want %v", got, want)
	}
}
