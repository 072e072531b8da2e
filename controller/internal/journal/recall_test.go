package journal_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/storagetest"
	"github.com/galla-pay/galla/protocol"
)

// asked is Memory that counts how often it is asked where references lead.
type asked struct {
	*storagetest.Memory
	resolved atomic.Int64
}

func (a *asked) Resolve(ctx context.Context, needs decide.Needs) (journal.Resolved, error) {
	a.resolved.Add(1)
	return a.Memory.Resolve(ctx, needs)
}

// promise makes quotes, of a payment or, with "", of a QR made elsewhere. The payment
// is put as well, as the first ReqValQr of it does.
func promise(paymentID string, tokens ...string) decision[int] {
	needs := decide.Needs{}
	if paymentID != "" {
		needs = decide.Needs{Terminals: []protocol.Identity{terminal("t1")}, Payments: []string{paymentID}}
	}
	return decision[int]{needs, func(tx *decide.Tx) (int, error) {
		for _, token := range tokens {
			tx.PutQuote(quote.Quote{Token: token, PaymentID: paymentID, CreatedAt: tx.Now(), ExpiresAt: tx.Now().Add(time.Minute)})
		}
		if p, ok := tx.Payment(paymentID); ok {
			p.HoldUntil = tx.Now().Add(time.Minute)
			tx.PutPayment(p)
		}
		return 0, nil
	}}
}

// spend names a token alone, and answers what it leads to: the payment and its
// terminal, both locked.
func spend(token string) decision[string] {
	return decision[string]{decide.Needs{Tokens: []string{token}}, func(tx *decide.Tx) (string, error) {
		q, ok := tx.Quote(token)
		if !ok {
			return "nothing", nil
		}
		if q.PaymentID == "" {
			return "no payment", nil
		}
		p, ok := tx.Payment(q.PaymentID)
		if !ok {
			return "", fmt.Errorf("the payment of %s is not loaded", token)
		}
		if id, has := p.Identity(); has {
			if _, ok := tx.Terminal(id); !ok {
				return "", fmt.Errorf("the terminal of %s is not loaded", token)
			}
		}
		return p.ID, nil
	}}
}

// Where a token leads that the journal itself has written, nobody is asked; where
// somebody else moved it meanwhile, the decision finds it all the same.
func TestTokensAreRecalled(t *testing.T) {
	t.Parallel()
	storage := &asked{Memory: storagetest.NewMemory()}
	seedTerminals(t, storage, "t1")
	j, other := start(t, journal.Config{Storage: storage}), start(t, journal.Config{Storage: storage.Memory})
	do := func(j *journal.Journal, d decide.Decision[int]) {
		t.Helper()
		if _, err := journal.Do(t.Context(), j, d); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := journal.Do(t.Context(), j, initOf("p1", "t1")); err != nil {
		t.Fatal(err)
	}
	do(j, promise("p1", "ours"))
	do(j, promise("", "foreign", "moved", "moved here"))
	do(other, promise("", "another's"))

	// Another controller, and this one, make a payment for a QR from elsewhere.
	pays := func(token, id string) decision[int] {
		return decision[int]{decide.Needs{Tokens: []string{token}, Keys: []payment.Key{{MerchantID: shop, TransactionID: id}}}, func(tx *decide.Tx) (int, error) {
			p := payment.Payment{ID: id, Key: payment.Key{MerchantID: shop, TransactionID: id}, Amount: 1, Solution: payment.ForeignQR,
				ExpiresAt: tx.Now().Add(time.Minute)}
			p, events, err := p.Apply(payment.Happening{Event: payment.EventInit, At: tx.Now(), Actor: "upi"})
			if err != nil {
				return 0, err
			}
			tx.PutPayment(p, events...)
			q, _ := tx.Quote(token)
			q.PaymentID = id
			tx.PutQuote(q)
			return 0, nil
		}}
	}
	do(other, pays("moved", "f1"))
	storage.resolved.Store(0)
	do(j, pays("moved here", "f2"))

	for _, tt := range []struct {
		token, want string
		asks        int64 // so far
	}{
		{"ours", "p1", 0},
		{"foreign", "no payment", 0},
		{"moved", "f1", 0},
		{"moved here", "f2", 1},
		{"another's", "no payment", 2},
		{"unknown", "nothing", 3},
	} {
		got, err := journal.Do(t.Context(), j, spend(tt.token))
		if err != nil || got != tt.want || storage.resolved.Load() != tt.asks {
			t.Errorf("%s leads to %q after %d questions, %v; want %q after %d", tt.token, got, storage.resolved.Load(), err, tt.want, tt.asks)
		}
	}
}

// A batch's id begins with its time, so that ids that are made one after another
// stand together, and is never another's.
func TestBatchIDsAreInOrderOfTime(t *testing.T) {
	t.Parallel()
	seen := map[journal.BatchID]bool{}
	before := journal.NewBatchID()
	for range 10_000 {
		id := journal.NewBatchID()
		if seen[id] || string(id[:6]) < string(before[:6]) {
			t.Fatalf("%x after %x", id, before)
		}
		seen[id], before = true, id
	}
}
