package decide

import (
	"errors"

	"github.com/galla-pay/galla/controller/internal/payment"
)

// Refusals of Refund.
var (
	// ErrNotRefundable: the original was never paid.
	ErrNotRefundable = errors.New("payment was not paid")
	// ErrExcessRefund: more than was paid would go back.
	ErrExcessRefund = errors.New("refund is more than what is left of the payment")
)

// Refund gives part or all of a payment back (phonepe-api: Refund). What is
// promised is taken off the original at once, so that any number of refunds
// that race never give back more than was paid (failure matrix I9).
type Refund struct {
	// Payment is the refund: its own id, key and amount, and who asked.
	Payment payment.Payment
	// Original is what the merchant calls the payment; OriginalID, where it is
	// not empty, what we call it.
	Original   payment.Key
	OriginalID string
	Actor      string
}

// Needs names the refund's key and the original.
func (d Refund) Needs() Needs {
	n := Needs{Keys: []payment.Key{d.Payment.Key}}
	if d.OriginalID != "" {
		n.Payments = []string{d.OriginalID}
	} else {
		n.Keys = append(n.Keys, d.Original)
	}
	return n
}

// Decide reserves the amount and asks the network for it.
func (d Refund) Decide(tx *Tx) (payment.Payment, error) {
	none := payment.Payment{}
	if _, taken := tx.Taken(d.Payment.Key); taken {
		return none, ErrDuplicate
	}
	id := d.OriginalID
	if id == "" {
		id, _ = tx.Taken(d.Original)
	}
	original, ok := tx.Payment(id)
	switch {
	case !ok || original.MerchantID != d.Payment.MerchantID || original.Solution == payment.Refund:
		return none, ErrNoPayment
	case original.State != payment.Succeeded:
		return none, ErrNotRefundable
	case d.Payment.Amount > original.Amount-original.Refunded:
		return none, ErrExcessRefund
	}
	original.Refunded += d.Payment.Amount
	tx.PutPayment(original)

	p := d.Payment
	p.Solution, p.Original, p.ExpiresAt = payment.Refund, original.ID, tx.Now().Add(payment.ParkAfter)
	p.StoreID, p.Payee, p.OrderID = original.StoreID, original.Payee, original.OrderID
	p, events, err := p.Apply(payment.Happening{Event: payment.EventInit, At: tx.Now(), Actor: d.Actor})
	if err != nil {
		return none, err
	}
	tx.PutPayment(p, events...)
	// From here on only the network knows how it ends.
	p, err = move(tx, p, payment.Happening{Event: payment.EventPayStarted, Actor: d.Actor, Payer: original.Payer})
	if err != nil {
		return none, err
	}
	tx.AddNetwork(NetworkRequest{ID: p.ID + "-refund", Kind: NetworkRefund, PaymentID: p.ID, Amount: p.Amount})
	return p, nil
}

// errNoOriginal: a decision that may fail a refund did not name its original.
var errNoOriginal = errors.New("a refund fails, and its original is not at hand")

// giveBack frees what a failed refund had reserved. The original must be among
// the decision's needs.
func giveBack(tx *Tx, refund payment.Payment) error {
	original, ok := tx.Payment(refund.Original)
	if !ok {
		return errNoOriginal
	}
	original.Refunded -= refund.Amount
	tx.PutPayment(original)
	return nil
}

// Remind sends a collect request that is still open to the customer once more.
type Remind struct {
	Key payment.Key
	ID  string // of the message, drawn for this reminder
}

// Needs names the merchant's key.
func (d Remind) Needs() Needs { return Needs{Keys: []payment.Key{d.Key}} }

// Decide asks the network to remind, and returns the payment. One that is not
// waiting for its customer is only returned.
func (d Remind) Decide(tx *Tx) (payment.Payment, error) {
	id, ok := tx.Taken(d.Key)
	if !ok {
		return payment.Payment{}, ErrNoPayment
	}
	p, ok := tx.Payment(id)
	if !ok || p.Solution != payment.Collect {
		return payment.Payment{}, ErrNoPayment
	}
	if p.State.Unpaid() {
		tx.AddNetwork(NetworkRequest{ID: d.ID, Kind: NetworkCollectRemind, PaymentID: p.ID, Amount: p.Amount})
	}
	return p, nil
}
