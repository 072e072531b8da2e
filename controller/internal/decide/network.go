package decide

import (
	"errors"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// ErrContradiction: the network says the opposite of what it said before, or
// speaks of other money. Nothing is changed; somebody has to look at it.
var ErrContradiction = errors.New("the network contradicts what was settled")

// TxnStatus is how a transaction stands at the network, the answer to a
// ReqChkTxn.
type TxnStatus string

// The statuses. Values are on the wire: never change one.
const (
	TxnSuccess  TxnStatus = "SUCCESS"
	TxnFailed   TxnStatus = "FAILED"
	TxnPending  TxnStatus = "PENDING"
	TxnReversed TxnStatus = "REVERSED"
	// TxnUnknown is ours: the network does not know the transaction. Of an attempt
	// that says nothing, since unknown is never failed (failure matrix 0.6).
	TxnUnknown TxnStatus = ""
)

// AskAnswered is the network's answer to NetworkAsk: how a collect request at
// its end, an attempt under way or a refund stands (DESIGN section 3.2,
// PayUnknown and Resolved).
type AskAnswered struct {
	PaymentID string
	Original  string // of a refund, the payment that it gives back
	OrgID     string // who answered
	// TxnID is that of the money: of a collect request the bank's, which is known
	// only when it was paid; of an attempt its own.
	TxnID     string
	Status    TxnStatus
	Amount    protocol.Paise // of the transaction, where there is one
	Reference string         // the RRN of a success
	Fee       quote.Fee
}

// Needs names the payment, a refund's original, and the credit.
func (d AskAnswered) Needs() Needs {
	n := Needs{Payments: withOriginal(d.PaymentID, d.Original)}
	if d.TxnID != "" {
		n.Credits, n.Txns = []TxnKey{{d.OrgID, d.TxnID}}, []TxnKey{{d.OrgID, d.TxnID}}
	}
	return n
}

// Decide settles what the answer settles, once, and returns the payment.
func (d AskAnswered) Decide(tx *Tx) (payment.Payment, error) {
	p, ok := tx.Payment(d.PaymentID)
	if !ok {
		return p, ErrNoPayment
	}
	var err error
	switch p.Solution {
	case payment.Refund:
		err = d.refund(tx, p)
	case payment.Collect:
		err = d.collect(tx, p)
	default:
		err = d.attempt(tx, p)
	}
	p, _ = tx.Payment(d.PaymentID)
	return p, err
}

// collect takes the last word on a collect request: unless the money is there,
// it ends now and not after its grace.
func (d AskAnswered) collect(tx *Tx, p payment.Payment) error {
	if d.Status == TxnSuccess {
		key := TxnKey{d.OrgID, d.TxnID}
		if _, known := tx.Credit(key); known || tx.TxnUsed(key) {
			return nil // its ReqCollectResult was quicker
		}
		row, err := d.money(key).take(tx, p)
		if err == nil {
			tx.PutReqPay(*row)
		}
		return err
	}
	if p.AskedAt.IsZero() {
		return nil // its time is not up
	}
	return expireCollect(tx, p, "upi:"+d.OrgID)
}

func (d AskAnswered) money(key TxnKey) arrived {
	return arrived{TxnKey: key, Amount: d.Amount, Reference: d.Reference, Fee: d.Fee}
}

// attempt settles a payment that the customer began by ReqPay.
func (d AskAnswered) attempt(tx *Tx, p payment.Payment) error {
	switch {
	case p.State.Unpaid() || p.State == payment.Succeeded:
		return nil // not begun, or settled as this answer would
	case d.Status == TxnSuccess:
		key := TxnKey{d.OrgID, d.TxnID}
		if _, known := tx.Credit(key); known {
			return nil
		}
		_, err := d.money(key).take(tx, p) // its ReqPay used the TxnID up
		return err
	case p.State.Final():
		return nil
	case d.Status == TxnFailed, d.Status == TxnReversed:
		_, err := move(tx, p, payment.Happening{
			Event: payment.EventPayFailed, Actor: "upi:" + d.OrgID, Reason: payment.ReasonUPIPrefix + string(d.Status),
		})
		return err
	}
	return nil
}

func (d AskAnswered) refund(tx *Tx, p payment.Payment) error {
	s := RefundSettled{PaymentID: p.ID, OrgID: d.OrgID}
	switch d.Status {
	case TxnSuccess:
		if d.Amount != p.Amount {
			return ErrContradiction
		}
		s.Reference = d.Reference
	case TxnFailed, TxnReversed:
		s.Failed = string(d.Status)
	default:
		return nil
	}
	_, err := s.Decide(tx)
	return err
}

// RefundSettled is the network's answer to NetworkRefund: the money has gone
// back, or never will (phonepe-api: Refund). What a failed refund had reserved
// is free again.
type RefundSettled struct {
	PaymentID string // the refund
	Original  string // the payment that it gives back
	OrgID     string // who answered
	Reference string // the RRN of a success
	Failed    string // the network's code, where it refused
}

// Needs names the refund and its original.
func (d RefundSettled) Needs() Needs { return Needs{Payments: withOriginal(d.PaymentID, d.Original)} }

// withOriginal names a payment and, of a refund, its original.
func withOriginal(id, original string) []string {
	if original == "" {
		return []string{id}
	}
	return []string{id, original}
}

// Decide settles it, once, and returns the refund. The opposite of what was
// settled before is ErrContradiction.
func (d RefundSettled) Decide(tx *Tx) (payment.Payment, error) {
	p, ok := tx.Payment(d.PaymentID)
	if !ok || p.Solution != payment.Refund {
		return p, ErrNoPayment
	}
	if p.State.Final() {
		if (p.State == payment.Succeeded) != (d.Failed == "") {
			return p, ErrContradiction
		}
		return p, nil
	}
	h := payment.Happening{
		Event: payment.EventPaySucceeded, Actor: "upi:" + d.OrgID, Reference: d.Reference, Settlement: p.Amount,
	}
	if d.Failed != "" {
		h = payment.Happening{
			Event: payment.EventPayFailed, Actor: "upi:" + d.OrgID, Reason: payment.ReasonUPIPrefix + d.Failed,
		}
	}
	return move(tx, p, h)
}

// CollectRefused is the network refusing a collect request: nobody has been
// asked to pay, so that the payment fails as one that a terminal cannot take.
type CollectRefused struct {
	PaymentID string
	OrgID     string // who answered
	Code      string // the network's
}

// Needs names the payment.
func (d CollectRefused) Needs() Needs { return Needs{Payments: []string{d.PaymentID}} }

// Decide ends a payment that still waits, and returns it.
func (d CollectRefused) Decide(tx *Tx) (payment.Payment, error) {
	p, ok := tx.Payment(d.PaymentID)
	if !ok || p.Solution != payment.Collect {
		return p, ErrNoPayment
	}
	if !p.State.Unpaid() {
		return p, nil
	}
	return move(tx, p, payment.Happening{
		Event: payment.EventRefused, Actor: "upi:" + d.OrgID, Reason: payment.ReasonUPIPrefix + d.Code,
	})
}

// ReversalDone is the network's answer to NetworkReversal: the credit has been
// given back. Where the network refuses it for good, the money stays with us in
// suspense, for an operator.
type ReversalDone struct {
	TxnKey
	Refused bool
}

// Needs names the credit and the ReqPay that brought it.
func (d ReversalDone) Needs() Needs {
	return Needs{Credits: []TxnKey{d.TxnKey}, Txns: []TxnKey{d.TxnKey}}
}

// Decide moves the credit, once, and returns it.
func (d ReversalDone) Decide(tx *Tx) (Credit, error) {
	c, ok := tx.Credit(d.TxnKey)
	if !ok {
		return c, ErrNoPayment
	}
	switch {
	case c.State == CreditSuspense && !d.Refused: // an operator had it sent again
	case c.State != CreditReversing:
		return c, nil
	}
	c.State = CreditReversed
	if d.Refused {
		c.State = CreditSuspense
	}
	tx.PutCredit(c)
	if r, ok := tx.ReqPay(d.TxnKey); ok && c.State == CreditReversed && r.Status != StatusReversed {
		r.Status = StatusReversed
		tx.PutReqPay(r)
	}
	return c, nil
}
