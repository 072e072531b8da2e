package storagetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// Settling is a storage as a day's settlement sees it.
type Settling interface {
	Storage
	Settled(ctx context.Context, merchantID string, from, until time.Time, each func(payment.Payment) error) error
}

// RunSettled runs the contract of the settlement's reading. open makes a storage
// that is migrated and empty.
func RunSettled(t *testing.T, open func(t *testing.T) Settling) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, Settling)
	}{
		{"what succeeded in the time is there, in order", settledOrder},
		{"every column that the settlement shows is read", settledColumns},
		{"the reader's error ends it", settledStops},
		{"a day is of one moment, and stops nobody", settledMany},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

// endedIn is a payment that ended so.
func endedIn(merchantID, id string, state payment.State, at time.Time) payment.Payment {
	p := newPayment(id)
	p.MerchantID, p.State, p.EndedAt = merchantID, state, at
	return p
}

func settledIDs(t *testing.T, s Settling, merchantID string, from, until time.Time) []string {
	t.Helper()
	ids := []string{}
	err := s.Settled(t.Context(), merchantID, from, until, func(p payment.Payment) error {
		ids = append(ids, p.MerchantID+"/"+p.ID)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func settledOrder(t *testing.T, s Settling) {
	from := time.Date(2026, 11, 20, 18, 30, 0, 0, time.UTC)
	until := from.Add(24 * time.Hour)
	bench{s}.add(t, created(
		endedIn(merchantB, "b2", payment.Succeeded, from.Add(time.Hour)), endedIn(merchantB, "b1", payment.Succeeded, from.Add(2*time.Hour)),
		endedIn(merchantA, "z", payment.Succeeded, from.Add(time.Minute)), endedIn(merchantA, "a", payment.Succeeded, from.Add(time.Minute)),
		endedIn(merchantA, "first", payment.Succeeded, from), endedIn(merchantA, "last", payment.Succeeded, until.Add(-time.Microsecond)),
		endedIn(merchantA, "before", payment.Succeeded, from.Add(-time.Microsecond)), endedIn(merchantA, "after", payment.Succeeded, until),
		endedIn(merchantA, "failed", payment.Failed, from.Add(time.Hour)), endedIn(merchantA, "expired", payment.Expired, from.Add(time.Hour)),
		endedIn(merchantA, "pending", payment.Created, time.Time{}),
	))
	want := []string{"MERCHANTA/first", "MERCHANTA/a", "MERCHANTA/z", "MERCHANTA/last", "MERCHANTB/b2", "MERCHANTB/b1"}
	if got := settledIDs(t, s, "", from, until); !reflect.DeepEqual(got, want) {
		t.Errorf("everybody's are %v, want %v", got, want)
	}
	if got := settledIDs(t, s, merchantB, from, until); !reflect.DeepEqual(got, want[4:]) {
		t.Errorf("one's are %v, want %v", got, want[4:])
	}
	if got := settledIDs(t, s, "MERCHANTC", from, until); len(got) != 0 {
		t.Errorf("nobody's are %v", got)
	}
	if got := settledIDs(t, s, "", until, until); len(got) != 0 {
		t.Errorf("of no time there are %v", got)
	}
}

func settledColumns(t *testing.T, s Settling) {
	p := endedIn(merchantA, "p", payment.Succeeded, day)
	p.StoreID, p.TerminalID, p.ContextTerminal, p.OrderID = "store", "terminal", "context", "order ₹"
	p.Amount, p.Settlement, p.Instrument, p.Solution = 5000, 4975, protocol.PayDQR, payment.EDC
	p.Payee, p.Reference, p.UPITxnID = "payee@upi", "rrn", "txn"
	bench{s}.add(t, created(p))
	var got []payment.Payment
	err := s.Settled(t.Context(), merchantA, day, day.Add(1), func(p payment.Payment) error {
		got = append(got, p)
		return nil
	})
	if err != nil || len(got) != 0 {
		t.Fatalf("before the next microsecond there are %v, %v", got, err)
	}
	err = s.Settled(t.Context(), merchantA, day, day.Add(time.Microsecond), func(p payment.Payment) error {
		got = append(got, p)
		return nil
	})
	if err != nil || len(got) != 1 {
		t.Fatalf("there are %v, %v", got, err)
	}
	// What the settlement does not show is not read.
	want := p
	want.CreatedAt, want.ExpiresAt, want.Seq = time.Time{}, time.Time{}, 0
	same(t, "the payment", got[0], want)
}

func settledStops(t *testing.T, s Settling) {
	bench{s}.add(t, created(endedIn(merchantA, "a", payment.Succeeded, day), endedIn(merchantA, "b", payment.Succeeded, day)))
	stop, seen := errors.New("stop"), 0
	err := s.Settled(t.Context(), "", day, day.Add(time.Hour), func(payment.Payment) error {
		seen++
		return stop
	})
	if err != stop || seen != 1 {
		t.Errorf("it ended in %v after %d rows", err, seen)
	}
	// The connection is free again.
	if got := settledIDs(t, s, "", day, day.Add(time.Hour)); len(got) != 2 {
		t.Errorf("then there are %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Settled(ctx, "", day, day.Add(time.Hour), func(payment.Payment) error { return nil }); err == nil {
		t.Error("after the end of its context it went on")
	}
}

// settledMany: others read and write while a day is handed over, and what they
// write is not in it: it is of one moment.
func settledMany(t *testing.T, s Settling) {
	const n = 3000
	b := bench{s}
	for i := 0; i < n; i += 500 {
		var c decide.Changes
		for j := range 500 {
			c.NewPayments = append(c.NewPayments, endedIn(merchantA, fmt.Sprintf("p%05d", i+j), payment.Succeeded, day.Add(time.Duration(i+j)*time.Millisecond)))
		}
		b.add(t, c)
	}
	seen := 0
	err := s.Settled(t.Context(), "", day, day.Add(time.Hour), func(p payment.Payment) error {
		if want := fmt.Sprintf("p%05d", seen); p.ID != want {
			t.Fatalf("row %d is %s", seen, p.ID)
		}
		if seen++; seen == 10 {
			b.add(t, created(endedIn(merchantA, "late", payment.Succeeded, day.Add(30*time.Minute))))
		}
		return nil
	})
	if err != nil || seen != n {
		t.Errorf("%d rows, %v; want %d", seen, err, n)
	}
	if got := settledIDs(t, s, "", day, day.Add(time.Hour)); len(got) != n+1 {
		t.Errorf("then there are %d", len(got))
	}
}
