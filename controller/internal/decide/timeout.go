package decide

import (
	"crypto/sha256"
	"time"

	"github.com/galla-pay/galla/controller/internal/payment"
)

// Hold is a ReqPay whose merchant is being waited for.
type Hold struct {
	TxnKey
	PaymentID string
	Token     string
}

// TimedOut ends the wait for a merchant who has not answered: the payment fails
// with UPI:TIMEOUT, and the money goes back (PRD 5.3; upi-switch: Timeout and
// reversal). The door that holds the message submits it, and the sweeper does
// for a door that is gone; whoever is second changes nothing.
type TimedOut struct {
	Hold
	// Reverse asks for the automatic reversal (PRD 7.2,
	// dynamic_qr_merchant_timeout). Without it the money stays in suspense, for an
	// operator.
	Reverse bool
	// Booked: there is no network to send the reversal to, as in a sandbox of one
	// machine, so that our own books are all that there is to put right.
	Booked bool
	// Render writes the answer, so that its hash is kept; nil where nobody waits
	// for it. It must be pure.
	Render func(PayAnswer) []byte
}

// Needs names the transaction, its quote, its payment and its credit.
func (d TimedOut) Needs() Needs {
	return Needs{
		Payments: []string{d.PaymentID}, Tokens: []string{d.Token},
		Txns: []TxnKey{d.TxnKey}, Credits: []TxnKey{d.TxnKey},
	}
}

// Decide returns the answer, or one that is still held where the time is not up
// by the database's clock.
func (d TimedOut) Decide(tx *Tx) (PayAnswer, error) {
	r, ok := tx.ReqPay(d.TxnKey)
	if !ok {
		return PayAnswer{}, ErrNoPayment
	}
	if tx.Now().Before(r.DueAt) {
		return PayAnswer{Now: tx.Now(), HeldUntil: r.DueAt, PaymentID: r.PaymentID}, nil
	}
	// PRD 5.3 step 3: Return the timeout response to the customer.
	answer := PayAnswer{Now: tx.Now(), Code: CodeOK, Result: ResultTimeout, PaymentID: r.PaymentID}
	if d.Render != nil {
		answer.Body = d.Render(answer)
	}
	first := !r.DueAt.IsZero()
	if first {
		if err := d.end(tx, &r); err != nil {
			return PayAnswer{}, err
		}
	}
	if answer.Body != nil && r.ResponseHash == [sha256.Size]byte{} {
		r.ResponseHash = sha256.Sum256(answer.Body)
	} else if !first {
		return answer, nil
	}
	tx.PutReqPay(r)
	return answer, nil
}

// end fails the payment and sends the money back.
func (d TimedOut) end(tx *Tx, r *ReqPay) error {
	r.DueAt, r.Result = time.Time{}, ResultTimeout
	p, ok := tx.Payment(r.PaymentID)
	if !ok {
		return ErrNoPayment
	}
	// PRD 5.3 step 5: Allow the customer to retry: with a new QR, for this one is
	// spent. A payment that the network's answer settled meanwhile stays as it is.
	if !p.State.Final() {
		if _, err := move(tx, p, payment.Happening{
			Event: payment.EventPayFailed, Actor: "upi:" + r.OrgID, Reason: payment.ReasonUPIPrefix + ResultTimeout,
		}); err != nil {
			return err
		}
	}
	if q, ok := tx.Quote(d.Token); ok {
		tx.PutQuote(chain(tx, q, quoteTimedOut, CodeOK))
	}
	c, ok := tx.Credit(d.TxnKey)
	if !ok {
		return ErrNoPayment
	}
	// PRD 5.3 step 4: Optionally trigger the automatic reversal.
	switch {
	case !d.Reverse:
		c.State, r.Status = CreditSuspense, StatusFailed
		tx.PutCredit(c)
	case d.Booked:
		c.State, r.Status = CreditReversed, StatusReversed
		tx.PutCredit(c)
	default:
		reverse(tx, c)
	}
	return nil
}
