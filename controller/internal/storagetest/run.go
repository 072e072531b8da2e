// Package storagetest is the contract that every storage keeps, as tests:
// package postgres and its embedded twin sqlite pass the same ones, and so does
// Memory, the storage with less behind it that other tests may use.
//
// Tests alone import it. It is split by topic; a change of a storage's
// behaviour belongs here first.
package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// Storage is all that a storage does but the outbox, whose contract is
// callbacktest's (see Outbox).
type Storage interface {
	journal.Storage

	Payment(ctx context.Context, merchantID, id string) (payment.Payment, error)
	PaymentByID(ctx context.Context, id string) (payment.Payment, error)
	Events(ctx context.Context, paymentID string) ([]payment.Record, error)
	Quote(ctx context.Context, token string) (quote.Quote, error)
	LatestQuote(ctx context.Context, paymentID string) (quote.Quote, error)
	Unprocessed(ctx context.Context, limit int) ([]quote.Quote, error)
	ReqPay(ctx context.Context, key decide.TxnKey) (decide.ReqPay, error)
	Terminal(ctx context.Context, id protocol.Identity) (fleet.Terminal, error)
	Wanted(ctx context.Context, ids []protocol.Identity) ([]decide.Wanted, error)
	Unacked(ctx context.Context, limit int) ([]protocol.Identity, error)
	Due(ctx context.Context, limit int) (journal.Due, error)

	Seed(ctx context.Context, d merchant.Data) error
	Directory(ctx context.Context) (*merchant.Directory, error)
	Secret(ctx context.Context, name string) ([]byte, error)
	PutSecret(ctx context.Context, name string, value []byte) (stored []byte, err error)

	Migrate(ctx context.Context) error
	Now(ctx context.Context) (time.Time, error)
	Ping(ctx context.Context) error
}

// Run runs the contract. open makes a storage that is migrated and empty, and
// that the test's end closes.
func Run(t *testing.T, open func(t *testing.T) Storage) {
	t.Helper()
	for _, topic := range []struct {
		name  string
		cases []testCase
	}{
		{"apply", applyCases},
		{"unique", uniqueCases},
		{"commit", commitCases},
		{"read", readCases},
		{"wanted", wantedCases},
		{"due", dueCases}, {"UPI", upiCases},
		{"directory", directoryCases},
		{"model", modelCases},
	} {
		t.Run(topic.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range topic.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.test(t, bench{open(t)})
				})
			}
		})
	}
}

type testCase struct {
	name string
	test func(*testing.T, bench)
}

// bench is a storage whose errors fail the test where none is wanted.
type bench struct{ Storage }

// apply applies one batch that changes what it is given.
func (b bench) apply(t *testing.T, needs decide.Needs, run func(decide.Snapshot) decide.Changes) error {
	t.Helper()
	needs.Sort()
	return b.Apply(t.Context(), journal.NewBatchID(), needs, func(s decide.Snapshot) (decide.Changes, error) { return run(s), nil })
}

// must wants the batch to be saved.
func (b bench) must(t *testing.T, needs decide.Needs, run func(decide.Snapshot) decide.Changes) {
	t.Helper()
	if err := b.apply(t, needs, run); err != nil {
		t.Fatal(err)
	}
}

// add saves new rows.
func (b bench) add(t *testing.T, c decide.Changes) {
	t.Helper()
	b.must(t, decide.Needs{}, func(decide.Snapshot) decide.Changes { return c })
}

// load loads needs and changes nothing.
func (b bench) load(t *testing.T, needs decide.Needs) (snap decide.Snapshot) {
	t.Helper()
	b.must(t, needs, func(s decide.Snapshot) decide.Changes {
		snap = s
		return decide.Changes{}
	})
	return snap
}

func (b bench) payment(t *testing.T, id string) payment.Payment {
	t.Helper()
	p, err := b.PaymentByID(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (b bench) now(t *testing.T) time.Time {
	t.Helper()
	at, err := b.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// The people of the tests.
const merchantA, merchantB = "MERCHANTA", "MERCHANTB"

func terminalID(name string) protocol.Identity {
	return protocol.Identity{MerchantID: merchantA, StoreID: "store1", TerminalID: name}
}

// shop seeds merchant A with terminals.
func (b bench) shop(t *testing.T, terminals ...string) {
	t.Helper()
	d := merchant.Data{Merchants: []merchant.Merchant{{ID: merchantA, Name: "Shop A", Active: true}}}
	for _, name := range terminals {
		d.Terminals = append(d.Terminals, merchant.Terminal{Identity: terminalID(name), Active: true, Integrated: true})
	}
	if err := b.Seed(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

// change changes one terminal.
func (b bench) change(t *testing.T, name string, do func(*fleet.Terminal)) {
	t.Helper()
	id := terminalID(name)
	b.must(t, decide.Needs{Terminals: []protocol.Identity{id}}, func(s decide.Snapshot) decide.Changes {
		terminal, ok := s.Terminals[id]
		if !ok {
			t.Fatalf("no terminal %s", id)
		}
		do(&terminal)
		return decide.Changes{Terminals: []fleet.Terminal{terminal}}
	})
}

// newPayment is a payment of merchant A that nothing is special about.
func newPayment(id string) payment.Payment {
	return payment.Payment{
		ID: id, Key: payment.Key{MerchantID: merchantA, TransactionID: "merchants-" + id}, StoreID: "store1",
		Amount: 24500, Solution: payment.DQRDevice, State: payment.Created,
		CreatedAt: day, ExpiresAt: day.Add(time.Minute), Seq: 1,
	}
}

// day is a time that every storage keeps as it is.
var day = time.Date(2026, 11, 21, 10, 30, 0, 123456000, time.UTC)

func created(p ...payment.Payment) decide.Changes { return decide.Changes{NewPayments: p} }
