package decide

import (
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// Expire ends a payment whose time is up, strictly at expiresIn by the
// database's clock, and never while the customer is paying: an attempt begun
// in time may finish (DESIGN section 3.2). Any number of sweepers may ask.
type Expire struct{ PaymentID string }

// Needs names the payment.
func (d Expire) Needs() Needs { return Needs{Payments: []string{d.PaymentID}} }

// Decide ends the payment, or finds that there is nothing to do.
func (d Expire) Decide(tx *Tx) (bool, error) {
	p, ok := tx.Payment(d.PaymentID)
	if !ok || !p.State.Unpaid() || tx.Now().Before(p.ExpiresAt) {
		return false, nil
	}
	_, err := move(tx, p, payment.Happening{Event: payment.EventExpired, Actor: "sweeper", Reason: payment.ReasonQRExpired})
	return err == nil, err
}

// Promote gives a DQR display the sale that waits there, once the customer's
// hold on the shown one is over.
type Promote struct{ Identity protocol.Identity }

// Needs names the terminal.
func (d Promote) Needs() Needs { return Needs{Terminals: []protocol.Identity{d.Identity}} }

// Decide supersedes the shown sale, which brings the waiting one up.
func (d Promote) Decide(tx *Tx) (bool, error) {
	t, ok := tx.Terminal(d.Identity)
	if !ok || len(t.Waiting) == 0 {
		return false, nil
	}
	if shown, ok := tx.Payment(t.Sale); ok && !shown.State.Final() {
		if !replaceable(tx, shown) {
			return false, nil
		}
		return true, supersede(tx, shown.ID, t.Waiting[0])
	}
	t.Sale = ""
	t.Offer(t.Next())
	tx.PutTerminal(t)
	return true, nil
}
