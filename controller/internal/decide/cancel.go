package decide

import (
	"errors"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// ErrNoPayment: the merchant has no such payment.
var ErrNoPayment = errors.New("no such payment")

// Cancel is a POS taking its request back. One outcome is decided here, and
// the same one is told to POS, terminal, callback and status (DESIGN section
// 3.2, CancelRequested).
type Cancel struct {
	Key   payment.Key
	Actor string
}

// Cancelled is what came of it. The payment's state says which: cancelled by
// the merchant; in progress, where a success will still stand; or the final
// state that it had already.
type Cancelled struct {
	Payment payment.Payment
	// Ended: the payment is cancelled by the merchant, now or before.
	Ended bool
	// Asked: the customer is paying; the cancel holds if that fails.
	Asked bool
}

// Needs names the merchant's key.
func (d Cancel) Needs() Needs { return Needs{Keys: []payment.Key{d.Key}} }

// Decide ends the payment, or asks for its end.
func (d Cancel) Decide(tx *Tx) (Cancelled, error) {
	id, ok := tx.Taken(d.Key)
	if !ok {
		return Cancelled{}, ErrNoPayment
	}
	p, ok := tx.Payment(id)
	if !ok || p.Solution == payment.Refund {
		return Cancelled{}, ErrNoPayment
	}
	if !p.State.Final() {
		before := p.State
		var err error
		p, err = move(tx, p, payment.Happening{
			Event: payment.EventCancelRequested, Actor: d.Actor, Reason: payment.ReasonCancelledByMerchant,
		})
		if err != nil {
			return Cancelled{}, err
		}
		if p.Solution == payment.Collect && before.Unpaid() {
			tx.AddNetwork(NetworkRequest{ID: p.ID + "-cancel", Kind: NetworkCollectCancel, PaymentID: p.ID})
		}
	}
	return Cancelled{
		Payment: p, Asked: !p.State.Final(),
		Ended: p.State == payment.Cancelled && p.Reason == payment.ReasonCancelledByMerchant,
	}, nil
}

// Resolve settles a payment that nobody could say the end of, by evidence of
// the network that an operator has (DESIGN section 3.2, Resolved).
type Resolve struct {
	PaymentID string
	Original  string // of a refund, the payment that it gives back
	Paid      bool
	Reference string // the UTR or RRN of the evidence, where it was paid
	// Fee is what a payment by UPI is settled at. A card's acquirer takes its own,
	// and a refund has none.
	Fee   quote.Fee
	Actor string
}

// Needs names the payment, a refund's original, and the credit that the evidence
// is of.
func (d Resolve) Needs() Needs {
	return Needs{Payments: withOriginal(d.PaymentID, d.Original), Credits: []TxnKey{d.credit()}}
}

func (d Resolve) credit() TxnKey { return TxnKey{OrgID: "EVIDENCE", TxnID: d.PaymentID} }

// Decide settles it. A payment that has ended, or that nobody has begun to pay,
// is refused with *payment.RefusedError.
func (d Resolve) Decide(tx *Tx) (payment.Payment, error) {
	p, ok := tx.Payment(d.PaymentID)
	if !ok {
		return p, ErrNoPayment
	}
	h := payment.Happening{Event: payment.EventResolvedUnpaid, Actor: d.Actor, Reason: payment.ReasonResolvedUnpaid}
	if d.Paid {
		h = payment.Happening{
			Event: payment.EventResolvedPaid, Actor: d.Actor, Reference: d.Reference, Settlement: p.Amount,
		}
		if p.Solution != payment.Refund && p.Instrument != protocol.PayCard {
			h.Settlement = d.Fee.Settlement(p.Amount)
		}
	}
	replay := p.State.Final()
	p, err := move(tx, p, h)
	if err != nil {
		return p, err
	}
	if d.Paid && !replay && p.Solution != payment.Refund { // a refund's money left
		tx.PutCredit(Credit{TxnKey: d.credit(), PaymentID: p.ID, Amount: p.Amount, State: CreditApplied, At: tx.Now()})
	}
	return p, nil
}
