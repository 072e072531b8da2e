package journal_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// decision is a small decision of the tests' own.
type decision[A any] struct {
	needs decide.Needs
	do    func(*decide.Tx) (A, error)
}

func (d decision[A]) Needs() decide.Needs             { return d.needs }
func (d decision[A]) Decide(tx *decide.Tx) (A, error) { return d.do(tx) }

const shop = "MERCHANTA"

func terminal(name string) protocol.Identity {
	return protocol.Identity{MerchantID: shop, StoreID: "store1", TerminalID: name}
}

// seedTerminals makes the terminals of the shop.
func seedTerminals(t testing.TB, s interface {
	Seed(context.Context, merchant.Data) error
}, names ...string) {
	t.Helper()
	var d merchant.Data
	for _, name := range names {
		d.Terminals = append(d.Terminals, merchant.Terminal{Identity: terminal(name), Active: true, Integrated: true})
	}
	if err := s.Seed(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

// count raises a terminal's Seq by one and answers it.
func count(names ...string) decision[uint64] {
	var needs decide.Needs
	for _, n := range names {
		needs.Terminals = append(needs.Terminals, terminal(n))
	}
	return decision[uint64]{needs, func(tx *decide.Tx) (uint64, error) {
		var last uint64
		for _, id := range needs.Terminals {
			x, ok := tx.Terminal(id)
			if !ok {
				return 0, decide.ErrNoTerminal
			}
			x.Want()
			tx.PutTerminal(x)
			last = x.Seq
		}
		return last, nil
	}}
}

// initOf is a POS's init of a payment with this id on this terminal.
func initOf(id, name string) decide.Init {
	return decide.Init{Actor: "pos:" + shop, ExpiresIn: time.Minute, Payment: payment.Payment{
		ID: id, Key: payment.Key{MerchantID: shop, TransactionID: "merchants-" + id},
		StoreID: "store1", TerminalID: name, Amount: 24500, Solution: payment.DQRDevice, CallbackURL: "https://pos.example.in/",
	}}
}

// cancel cancels a payment that is named by its key, or by a token, alone.
func cancel(needs decide.Needs, id string) decision[payment.State] {
	return decision[payment.State]{needs, func(tx *decide.Tx) (payment.State, error) {
		p, ok := tx.Payment(id)
		if !ok {
			return "", journal.ErrNotFound
		}
		moved, events, err := p.Apply(payment.Happening{Event: payment.EventCancelRequested, At: tx.Now(), Actor: "pos",
			Reason: payment.ReasonCancelledByMerchant})
		if err != nil {
			return p.State, err
		}
		if t, ok := p.Identity(); ok {
			x, ok := tx.Terminal(t)
			if !ok {
				return "", fmt.Errorf("the terminal of %s is not loaded", id)
			}
			x.Drop(id, true)
			tx.PutTerminal(x)
		}
		tx.PutPayment(moved, events...)
		return moved.State, nil
	}}
}

// start runs a journal until the test ends.
func start(t testing.TB, cfg journal.Config) *journal.Journal {
	t.Helper()
	j, run := unstarted(t, cfg)
	run()
	return j
}

// unstarted makes a journal that collects decisions until run is called.
func unstarted(t testing.TB, cfg journal.Config) (j *journal.Journal, run func()) {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	j, err := journal.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var runs sync.WaitGroup
	var once sync.Once
	run = func() {
		once.Do(func() {
			runs.Go(func() {
				if err := j.Run(context.WithoutCancel(t.Context())); err != nil {
					t.Error(err)
				}
			})
		})
	}
	t.Cleanup(func() {
		run()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := j.Close(ctx); err != nil {
			t.Error(err)
		}
		runs.Wait()
	})
	return j, run
}

// together gives decisions to a journal that is not running yet, so that they
// make one batch, and returns what they are answered.
func together[A any](t testing.TB, j *journal.Journal, run func(), decisions ...decide.Decision[A]) (answers []A, errs []error) {
	t.Helper()
	answers, errs = make([]A, len(decisions)), make([]error, len(decisions))
	var callers sync.WaitGroup
	for i, d := range decisions {
		callers.Go(func() { answers[i], errs[i] = journal.Do(t.Context(), j, d) })
		waitFor(t, "the decision to be taken in", func() bool { return j.Pending() == i+1 })
	}
	run()
	callers.Wait()
	return answers, errs
}

// waitFor polls what has no event to wait for.
func waitFor(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Errorf("waited for %s in vain", what)
			return
		}
	}
}
