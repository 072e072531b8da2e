package npci

import (
	"fmt"
	"slices"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// CollectState is where a collect request is at the payer's bank.
type CollectState string

// The states.
const (
	CollectWaiting   CollectState = "waiting"
	CollectPaid      CollectState = "paid"
	CollectDeclined  CollectState = "declined"
	CollectExpired   CollectState = "expired"
	CollectCancelled CollectState = "cancelled"
)

// CollectEntry is one collect request in the books.
type CollectEntry struct {
	TxnID     string         `json:"txnId"`     // the controller's
	BankTxnID string         `json:"bankTxnId"` // the bank's own
	Payer     string         `json:"payer"`     // address or mobile number
	Payee     string         `json:"payee"`
	Amount    protocol.Paise `json:"amountPaise"`
	Note      string         `json:"note,omitempty"`
	State     CollectState   `json:"state"`
	ExpiresAt time.Time      `json:"expiresAt"`
	Rrn       string         `json:"rrn,omitempty"` // of a payment
	Sent      int            `json:"sent"`          // ReqCollects of kind NEW
	Reminders int            `json:"reminders"`
	// Told is the controller's answer to the result, "" before one; Result is its
	// Result, and Tries how often it was told.
	Told   string `json:"told"`
	Result string `json:"result,omitempty"`
	Tries  int    `json:"tries"`
	// Debited is what the payer paid, Returned what he has back, by the entry of
	// BankTxnID.
	Debited  protocol.Paise `json:"debitedPaise"`
	Returned protocol.Paise `json:"returnedPaise"`
}

// RefundEntry is one refund or reversal in the books.
type RefundEntry struct {
	TxnID    string         `json:"txnId"`
	OrgTxnID string         `json:"orgTxnId"` // a BankTxnID, or of money that another party knows
	Type     string         `json:"type"`
	Amount   protocol.Paise `json:"amountPaise"`
	Payee    string         `json:"payee,omitempty"`
	State    string         `json:"state"` // moved, pending or failed
	Rrn      string         `json:"rrn,omitempty"`
	Sent     int            `json:"sent"` // ReqRefunds with this TxnID
	MovedAt  time.Time      `json:"movedAt,omitzero"`
}

// The states of a refund.
const (
	RefundStateMoved   = "moved"
	RefundStatePending = "pending"
	RefundStateFailed  = "failed"
)

// Question is one ReqChkTxn and what it was answered.
type Question struct {
	OrgTxnID string `json:"orgTxnId"`
	Answer   string `json:"answer"` // TxnStatus, or the code of the refusal
}

// Refusal is one message that was refused.
type Refusal struct {
	Path string `json:"path"`
	Code string `json:"code"`
	Why  string `json:"why"`
}

// NetworkLedger is a Network's books at one moment, each list in the order of
// its first messages, and whatever the controller said that cannot be. Entries
// are the customers' accounts, as Ledger has them.
type NetworkLedger struct {
	Entries        []Entry        `json:"entries"`
	Collects       []CollectEntry `json:"collects"`
	Refunds        []RefundEntry  `json:"refunds"`
	Questions      []Question     `json:"questions"`
	Refusals       []Refusal      `json:"refusals"`
	Contradictions []string       `json:"contradictions"`
}

// Collect returns the entry of a collect request.
func (l NetworkLedger) Collect(txnID string) (CollectEntry, bool) {
	i := slices.IndexFunc(l.Collects, func(c CollectEntry) bool { return c.TxnID == txnID })
	if i < 0 {
		return CollectEntry{}, false
	}
	return l.Collects[i], true
}

// Refund returns the entry of a refund or reversal.
func (l NetworkLedger) Refund(txnID string) (RefundEntry, bool) {
	i := slices.IndexFunc(l.Refunds, func(r RefundEntry) bool { return r.TxnID == txnID })
	if i < 0 {
		return RefundEntry{}, false
	}
	return l.Refunds[i], true
}

// Ledger returns a copy of the books.
func (n *Network) Ledger() NetworkLedger {
	n.mu.Lock()
	defer n.mu.Unlock()
	accounts := n.accounts.Ledger()
	l := NetworkLedger{
		Entries: append([]Entry{}, accounts.Entries...), Collects: []CollectEntry{}, Refunds: []RefundEntry{},
		Questions: append([]Question{}, n.books.Questions...), Refusals: append([]Refusal{}, n.books.Refusals...),
		Contradictions: append([]string{}, accounts.Contradictions...),
	}
	for _, id := range n.order.collects {
		c := n.collects[id].CollectEntry
		e, _ := n.accounts.entry(c.BankTxnID)
		c.Debited, c.Returned = e.Debited, e.Returned
		l.Collects = append(l.Collects, c)
	}
	for _, id := range n.order.refunds {
		l.Refunds = append(l.Refunds, n.refunds[id].RefundEntry)
	}
	return l
}

// contradict writes down what cannot be.
func (n *Network) contradict(txnID, format string, args ...any) {
	n.accounts.mu.Lock()
	defer n.accounts.mu.Unlock()
	n.accounts.contradict(txnID, fmt.Sprintf(format, args...))
}

// save writes down how a collect request stands now. The caller holds the lock.
func (n *Network) save(c *collect) error {
	copied := *c
	return n.accounts.file.append(record{Collect: &copied})
}
