package npci

import (
	"fmt"
	"slices"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// State is where the money of one transaction is.
type State string

// The states.
const (
	InFlight State = "in_flight" // debited, the answer is awaited
	Paid     State = "paid"      // the controller says that the merchant has it
	Returned State = "returned"  // the payment does not stand, the customer has it back
	Unknown  State = "unknown"   // debited, and the controller has not said how it ended
)

// Kind is which way a transaction came about.
type Kind string

// The kinds.
const (
	KindPay     Kind = "pay"     // a ReqPay of ours
	KindCollect Kind = "collect" // a collect request of the controller that the payer paid
)

// Back is why the money of a transaction that does not stand came back.
type Back string

// The reasons.
const (
	BackRefused  Back = "refused"  // the ReqPay, or the result of the collect request, was refused
	BackFailed   Back = "failed"   // the controller says FAILED
	BackReversed Back = "reversed" // the controller says REVERSED, or has sent a reversal
	BackGivenUp  Back = "given_up" // nobody knows it, and the asking was given up
)

// Entry is one transaction in the books: what the customer was debited, what
// they have back, and what the merchant is settled.
type Entry struct {
	TxnID     string    `json:"txnId"`
	Kind      Kind      `json:"kind"`
	OrgTxnID  string    `json:"orgTxnId,omitempty"` // of a collect request: the controller's TxnID
	PayerAddr string    `json:"payerAddr"`
	PayeeAddr string    `json:"payeeAddr"`
	At        time.Time `json:"at"` // of the debit, by the clock of the books

	// Debited is in paise, once however often the ReqPay is sent. Of a payment in
	// another currency it is the InrAmount that was quoted; Base is what the
	// ReqPay said, in hundredths of Curr.
	Debited protocol.Paise `json:"debitedPaise"`
	Curr    string         `json:"curr,omitempty"` // "" is INR
	Base    protocol.Paise `json:"base,omitempty"`

	Returned protocol.Paise `json:"returnedPaise"` // by refunds of a payment that stands, or all of it
	Settled  protocol.Paise `json:"settledPaise"`  // what the controller says the merchant gets; of a collect request it does not
	State    State          `json:"state"`
	Back     Back           `json:"back,omitempty"`     // of a Returned one
	Reversal string         `json:"reversal,omitempty"` // TxnID of the reversal that came

	Code     string    `json:"code"`             // status of the last answer; "" before the first
	Result   string    `json:"result,omitempty"` // of the last answer
	Rrn      string    `json:"rrn"`              // from ReqChkTxn
	Sent     int       `json:"sent"`             // ReqPays with this TxnID
	Accepted int       `json:"accepted"`         // answers that said paid
	PaidAt   time.Time `json:"paidAt,omitzero"`  // Timestamp of the answer that said paid
}

// Ledger is the books at one moment: the entries in the order of their debits,
// and whatever the controller said that contradicts what it said before.
//
// A ReqPay debits its payer, once for each TxnID. The answer to the first one
// moves the money: 00 without Result pays it; a refusal, FAILED or REVERSED
// returns it; TIMEOUT, 96 or no answer leaves it unknown until a ReqChkTxn or a
// reversal says more. The answer to a repetition moves nothing: that it is
// refused says nothing about the first.
//
// Where a Network keeps the same books, REVERSED alone returns nothing: the
// money is back when the reversal has come. Refunds raise what was returned and
// leave the payment standing.
type Ledger struct {
	Entries        []Entry  `json:"entries"`
	Contradictions []string `json:"contradictions"`
}

// Sum returns what was debited by all entries in a state.
func (l Ledger) Sum(s State) protocol.Paise {
	var sum protocol.Paise
	for _, e := range l.Entries {
		if e.State == s {
			sum += e.Debited
		}
	}
	return sum
}

// Entry returns the entry of a transaction.
func (l Ledger) Entry(txnID string) (Entry, bool) {
	i := slices.IndexFunc(l.Entries, func(e Entry) bool { return e.TxnID == txnID })
	if i < 0 {
		return Entry{}, false
	}
	return l.Entries[i], true
}

// Ledger returns a copy of the client's books.
func (c *Client) Ledger() Ledger { return c.books().Ledger() }

// Return gives the customer the money of an unknown transaction back, as the
// network does when it gives up asking. What the controller says afterwards can
// contradict it.
func (c *Client) Return(txnID string) error {
	if !c.books().giveUp(txnID) {
		return fmt.Errorf("transaction %s is not in doubt", txnID)
	}
	return nil
}
