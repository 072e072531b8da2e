package npci

import (
	"fmt"
	"slices"
	"sync"

	"github.com/galla-pay/galla/protocol"
)

// State is where the money of one transaction is.
type State string

// The states.
const (
	InFlight State = "in_flight" // debited, the answer is awaited
	Paid     State = "paid"      // the controller says that the merchant has it
	Returned State = "returned"  // the customer has it back
	Unknown  State = "unknown"   // debited, and the controller has not said how it ended
)

// Entry is one transaction in the books.
type Entry struct {
	TxnID     string         `json:"txnId"`
	PayerAddr string         `json:"payerAddr"`
	PayeeAddr string         `json:"payeeAddr"`
	Amount    protocol.Paise `json:"amountPaise"`  // debited once, however often the ReqPay is sent
	Settled   protocol.Paise `json:"settledPaise"` // what the controller says the merchant gets
	State     State          `json:"state"`
	Code      string         `json:"code"` // status of the last answer; "" before the first
	Rrn       string         `json:"rrn"`  // from ReqChkTxn
	Sent      int            `json:"sent"` // ReqPays with this TxnID
	Accepted  int            `json:"accepted"`
}

// Ledger is the books at one moment: the entries in the order of their debits,
// and whatever the controller said that contradicts what it said before.
//
// A ReqPay debits its payer, once for each TxnID. The answer to the first one
// moves the money: 00 without Result pays it; a refusal, FAILED or REVERSED
// returns it; TIMEOUT, 96 or no answer leaves it unknown until a ReqChkTxn says
// more. The answer to a repetition moves nothing: that it is refused says
// nothing about the first.
type Ledger struct {
	Entries        []Entry  `json:"entries"`
	Contradictions []string `json:"contradictions"`
}

// Sum returns the money of all entries in a state.
func (l Ledger) Sum(s State) protocol.Paise {
	var sum protocol.Paise
	for _, e := range l.Entries {
		if e.State == s {
			sum += e.Amount
		}
	}
	return sum
}

// Ledger returns a copy of the books.
func (c *Client) Ledger() Ledger { return c.books.snapshot() }

// Return gives the customer the money of an unknown transaction back, as the
// network does when it gives up asking. What the controller says afterwards can
// contradict it.
func (c *Client) Return(txnID string) error {
	b := &c.books
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[txnID]
	if e == nil || e.State != Unknown {
		return fmt.Errorf("transaction %s is not in doubt", txnID)
	}
	e.State = Returned
	return nil
}

// books is the ledger while it is kept. The zero value is empty books.
type books struct {
	mu             sync.Mutex
	entries        map[string]*Entry
	order          []string
	contradictions []string
}

// debit takes the money and reports whether the TxnID is new.
func (b *books) debit(req ReqPay) (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[req.TxnID]; e != nil {
		e.Sent++
		return false
	}
	if b.entries == nil {
		b.entries = map[string]*Entry{}
	}
	b.entries[req.TxnID] = &Entry{
		TxnID: req.TxnID, PayerAddr: req.PayerAddr, PayeeAddr: req.PayeeAddr, Amount: req.Amount, State: InFlight, Sent: 1,
	}
	b.order = append(b.order, req.TxnID)
	return true
}

func (b *books) answered(txnID string, first bool, resp RespPay, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[txnID]
	if err == nil {
		e.Code = resp.Status
		if resp.Paid() {
			e.Accepted++
		}
	}
	if !first {
		if err == nil && resp.Paid() {
			b.contradict(txnID, "paid again by a repeated ReqPay")
		}
		return
	}
	if e.State != InFlight { // a ReqChkTxn was quicker
		if err == nil && resp.Paid() && e.State == Returned {
			b.contradict(txnID, "answered as paid, but it was checked as failed")
		}
		return
	}
	switch {
	case err != nil, resp.Status == "96", resp.Result == "TIMEOUT":
		e.State = Unknown
	case resp.Paid():
		e.State, e.Settled = Paid, resp.SettlementAmount
	default:
		e.State = Returned
	}
}

func (b *books) checked(resp RespChkTxn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[resp.TxnID]
	if e == nil || resp.Status != "00" {
		return
	}
	if resp.Rrn != "" {
		e.Rrn = resp.Rrn
	}
	if resp.Amount != e.Amount {
		b.contradict(resp.TxnID, "checked as "+resp.Amount.Rupees()+", debited "+e.Amount.Rupees())
	}
	switch resp.TxnStatus {
	case "SUCCESS":
		if e.State == Returned {
			b.contradict(resp.TxnID, "checked as SUCCESS, but the customer has the money back")
			return
		}
		e.State, e.Settled = Paid, resp.SettlementAmount
	case "FAILED", "REVERSED":
		if e.State == Paid && resp.TxnStatus == "FAILED" {
			b.contradict(resp.TxnID, "checked as FAILED, but it was answered as paid")
			return
		}
		e.State, e.Settled = Returned, 0
	}
}

func (b *books) contradict(txnID, what string) {
	b.contradictions = append(b.contradictions, txnID+": "+what)
}

func (b *books) snapshot() Ledger {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := Ledger{Contradictions: slices.Clone(b.contradictions)}
	for _, id := range b.order {
		l.Entries = append(l.Entries, *b.entries[id])
	}
	return l
}
