package storagetest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// Added are rows that decisions only ever add and no reader of a storage reads,
// with a value of its own in every field. A storage's tests save them and read
// them back by their tables.
func Added(t *testing.T) decide.Changes {
	t.Helper()
	c := decide.Changes{
		QuoteEvents: make([]decide.QuoteEvent, 2), Messages: make([]decide.Message, 2),
		NewReqPays: make([]decide.ReqPay, 2), NewCredits: make([]decide.Credit, 2), Callbacks: make([]decide.Callback, 2),
		Network: make([]decide.NetworkRequest, 2),
	}
	n := 0
	for _, rows := range []any{&c.QuoteEvents, &c.Messages, &c.NewReqPays, &c.NewCredits, &c.Callbacks, &c.Network} {
		for i := range reflect.ValueOf(rows).Elem().Len() {
			fillValue(t, reflect.ValueOf(rows).Elem().Index(i), &n)
		}
	}
	c.NewReqPays[0].Status, c.NewReqPays[1].Status = "REVERSED", "PENDING"
	c.NewCredits[0].State, c.NewCredits[1].State = decide.CreditReversing, decide.CreditSuspense
	return c
}

// Same fails unless rows that were read back are those that were saved, in any
// order.
func Same[T any](t *testing.T, got, want []T) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows of %T, want %d", len(got), want, len(want))
	}
	for _, w := range want {
		found := false
		for _, g := range got {
			found = found || reflect.DeepEqual(g, w)
		}
		if !found {
			t.Errorf("%T: among\n  %+v there is no\n  %+v", w, got, w)
		}
	}
}

// RunOutbox is what becomes of the callbacks that decisions add. (What becomes
// of them later is callbacktest's contract.)
func RunOutbox(t *testing.T, open func(t *testing.T) interface {
	Storage
	Callbacks
}) {
	t.Helper()
	s := open(t)
	b := bench{s}
	at := b.now(t).Add(-time.Second)
	b.add(t, decide.Changes{Callbacks: []decide.Callback{
		{EventID: "EV1", PaymentID: "p1", MerchantID: merchantA, URL: "https://POS.example.in/a?b=c", Method: "PUT", At: at},
		{EventID: "EV2", PaymentID: "p2", MerchantID: merchantB, URL: "http://pos.example.in:8080/x", At: at.Add(time.Millisecond)},
	}})
	if next, some, err := s.NextCallback(t.Context(), journal.CallbackFilter{}); err != nil || !some || next != 0 {
		t.Fatalf("NextCallback = %v, %v, %v; want one now", next, some, err)
	}
	leased, err := s.LeaseCallbacks(t.Context(), 10, time.Minute, journal.CallbackFilter{})
	if err != nil || len(leased) != 2 {
		t.Fatalf("leased %+v, %v; want both", leased, err)
	}
	for i, want := range []journal.CallbackDelivery{
		{EventID: "EV1", PaymentID: "p1", MerchantID: merchantA, Lane: merchantA + " pos.example.in:443", URL: "https://POS.example.in/a?b=c", Method: "PUT"},
		{EventID: "EV2", PaymentID: "p2", MerchantID: merchantB, Lane: merchantB + " pos.example.in:8080", URL: "http://pos.example.in:8080/x"},
	} {
		want.Attempt, want.LeasedAt = 1, leased[i].LeasedAt
		if leased[i] != want {
			t.Errorf("leased %+v, want %+v", leased[i], want)
		}
	}
	if err := s.RecordCallbacks(t.Context(), []journal.CallbackOutcome{{EventID: "EV1", Attempt: 1, State: journal.CallbackDelivered, Error: "a\x00b"}}); !errors.Is(err, journal.ErrText) {
		t.Errorf("an outcome that cannot be kept = %v, want ErrText", err)
	}
}

// Canaries are secrets and what must not be found of them in a storage's files:
// all are put in, and the test then reads the raw bytes.
func Canaries(t *testing.T, s Storage) []string {
	t.Helper()
	const salt, root, later = "canary-salt-key-7f3a", "canary-root-key-91be", "canary-second-44d0"
	d := merchant.Data{
		Merchants: []merchant.Merchant{{ID: merchantA, Name: "Shop A"}},
		SaltKeys:  []merchant.SaltKey{{Owner: merchantA, Index: "1", Secret: salt}, {Owner: merchantA, Index: "2", Secret: later}},
	}
	if err := s.Seed(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutSecret(t.Context(), "root", []byte(root)); err != nil {
		t.Fatal(err)
	}
	bench{s}.add(t, created(payment.Payment{ID: "not-a-secret", Amount: 1, Solution: payment.EDC, State: payment.Created, CreatedAt: day, ExpiresAt: day}))
	dir, err := s.Directory(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if k, ok := dir.SaltKey(merchantA, "2"); !ok || string(k.Secret) != later {
		t.Fatal("a salt key does not come back")
	}
	return []string{salt, root, later}
}
