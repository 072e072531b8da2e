package journal_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// BenchmarkUpdate is a decision that checks a payment's state, changes its row and
// adds an event, and inserts nothing else: the network still does not know how an
// attempt ended. As most decisions about a payment do, it locks the terminal.
func BenchmarkUpdate(b *testing.B) { compare(b, updates) }

// paymentsEach is how many payments a caller has, to be changed in turn.
const paymentsEach = 16

var updates = work{
	each: 1,
	prepare: func(ctx context.Context, j *journal.Journal, caller int) error {
		for n := range paymentsEach {
			p := benchPayment(caller, n)
			p.TerminalID, p.Solution = benchTerminal(caller).TerminalID, payment.DQRDevice
			needs := decide.Needs{Terminals: []protocol.Identity{benchTerminal(caller)}, Keys: []payment.Key{p.Key}}
			_, err := journal.Do(ctx, j, decision[int]{needs, func(tx *decide.Tx) (int, error) {
				p.ExpiresAt = tx.Now().Add(time.Minute)
				made, first, err := p.Apply(payment.Happening{Event: payment.EventInit, At: tx.Now(), Actor: "pos"})
				if err != nil {
					return 0, err
				}
				made, second, err := made.Apply(payment.Happening{Event: payment.EventPayStarted, At: tx.Now(), Actor: "network"})
				tx.PutPayment(made, append(first, second...)...)
				return 0, err
			}})
			if err != nil {
				return err
			}
		}
		return nil
	},
	do: func(ctx context.Context, j *journal.Journal, caller, n int) error {
		id := benchPayment(caller, n%paymentsEach).ID
		needs := decide.Needs{Terminals: []protocol.Identity{benchTerminal(caller)}, Payments: []string{id}}
		_, err := journal.Do(ctx, j, decision[int]{needs, func(tx *decide.Tx) (int, error) {
			p, ok := tx.Payment(id)
			if !ok || p.State != payment.InProgress {
				return 0, fmt.Errorf("%s is %q", id, p.State)
			}
			moved, events, err := p.Apply(payment.Happening{Event: payment.EventPayUnknown, At: tx.Now(), Actor: "network"})
			if err == nil {
				tx.PutPayment(moved, events...)
			}
			return 0, err
		}})
		return err
	},
}
