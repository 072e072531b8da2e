package decide

import (
	"fmt"

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
	h := payment.Happening{Event: payment.EventExpired, Actor: "sweeper", Reason: payment.ReasonQRExpired}
	switch {
	case p.Solution == payment.EDC && p.State == payment.Created:
		h.Event, h.Reason = payment.EventHandoverTimedOut, payment.ReasonHandoverTimeout
	case p.Solution == payment.Collect && p.AskedAt.IsZero():
		// The network is asked once more before the request is given up
		// (phonepe-api: Collect).
		p.AskedAt, p.ExpiresAt = tx.Now(), tx.Now().Add(payment.AskGrace)
		tx.PutPayment(p)
		tx.AddNetwork(NetworkRequest{ID: p.ID + "-last", Kind: NetworkAsk, PaymentID: p.ID})
		return true, nil
	case p.Solution == payment.Collect:
		h.Reason = payment.ReasonCollectExpired
	}
	_, err := move(tx, p, h)
	return err == nil, err
}

// Attend looks after a payment that a customer began and nobody has ended: the
// network is asked on schedule, the terminal is freed, and in the end the
// payment is parked for an operator (DESIGN section 3.2, PayUnknown).
type Attend struct{ PaymentID string }

// Needs names the payment.
func (d Attend) Needs() Needs { return Needs{Payments: []string{d.PaymentID}} }

// Decide does what is due, once.
func (d Attend) Decide(tx *Tx) (bool, error) {
	p, ok := tx.Payment(d.PaymentID)
	if !ok || p.State != payment.InProgress || p.AttendAt.IsZero() || tx.Now().Before(p.AttendAt) {
		return false, nil
	}
	free(tx, p)
	park := p.StartedAt.Add(payment.ParkAfter)
	if !tx.Now().Before(park) {
		_, err := move(tx, p, payment.Happening{Event: payment.EventParked, Actor: "sweeper"})
		return err == nil, err
	}
	next, asked := park, 0
	for n, after := range payment.Asks() {
		if at := p.StartedAt.Add(after); tx.Now().Before(at) {
			next = at
			break
		}
		asked = n + 1
	}
	p.AttendAt = next
	tx.PutPayment(p)
	if p.Instrument != protocol.PayCard { // a card's bank answers its reader alone
		tx.AddNetwork(NetworkRequest{
			ID: fmt.Sprintf("%s-ask%d", p.ID, asked), Kind: NetworkAsk, PaymentID: p.ID,
		})
	}
	return true, nil
}

// free takes a payment whose end nobody knows off its terminal, which says so
// and goes on to the next sale.
func free(tx *Tx, p payment.Payment) {
	t, ok := terminalOf(tx, p)
	if !ok || !t.Drop(p.ID, true) {
		return
	}
	if next := t.Next(); next != "" {
		t.Offer(next)
	}
	tx.PutTerminal(t)
}

// Promote gives a display the sale that waits there, once the customer's hold
// on the shown one is over.
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
		next, ok := tx.Payment(t.Waiting[0])
		if !ok || !replaces(t, shown, next) || !replaceable(tx, shown) {
			return false, nil
		}
		return true, supersede(tx, shown.ID, t.Waiting[0])
	}
	t.Sale = ""
	t.Offer(t.Next())
	tx.PutTerminal(t)
	return true, nil
}
