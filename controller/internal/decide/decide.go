// Package decide is the use cases, each a pure decision: a function from the
// rows that it names to the rows that it changes, the events and outbox rows
// that it adds, and the answer that it gives (DESIGN section 3.1).
//
// A decision never does I/O, never reads a clock and never draws a random
// number: ids, tokens and signed links come in as its fields, time is the
// batch's. So it may be run again, with the same outcome, whenever a batch has
// to be.
//
// Package journal runs decisions; the storages load and save; the doors submit.
package decide

import (
	"cmp"
	"sort"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// Decision is one write and its answer.
type Decision[A any] interface {
	// Needs names the rows to load and lock. It is asked once, before the
	// decision is queued.
	Needs() Needs
	// Decide reads and changes rows through tx. An error is a refusal: nothing
	// of this decision is kept, the others of its batch are not touched, and
	// the caller gets the error as it is.
	Decide(tx *Tx) (A, error)
}

// MessageKey is unique for ever: one UPI message of an organisation.
type MessageKey struct{ OrgID, MsgID string }

// TxnKey is unique for ever: one transaction of an organisation.
type TxnKey struct{ OrgID, TxnID string }

// ShortKey names a short order id of a store.
type ShortKey struct{ MerchantID, StoreID, Code string }

// Needs names rows. The storage adds what follows from them: the payment of a
// token, the terminal of a payment, the sale and the waiting sales of a
// terminal. References that never change (token to payment, payment to
// terminal) are followed before anything is locked; then rows are locked in
// the order terminals, payments, quotes, short orders, credits, ReqPays, each in key order.
type Needs struct {
	Terminals []protocol.Identity
	Payments  []string      // by our id
	Keys      []payment.Key // by the merchant's; absence is an answer too
	Tokens    []string      // quotes
	Messages  []MessageKey  // asked: was it used?
	Txns      []TxnKey      // ReqPays; absence is an answer too
	Short     []ShortKey    // the short order and the payment that it stands for
	Credits   []TxnKey      // absence is an answer too
}

// Add joins the needs of two decisions.
func (n *Needs) Add(m Needs) {
	n.Terminals = append(n.Terminals, m.Terminals...)
	n.Payments = append(n.Payments, m.Payments...)
	n.Keys = append(n.Keys, m.Keys...)
	n.Tokens = append(n.Tokens, m.Tokens...)
	n.Messages = append(n.Messages, m.Messages...)
	n.Txns = append(n.Txns, m.Txns...)
	n.Short = append(n.Short, m.Short...)
	n.Credits = append(n.Credits, m.Credits...)
}

// Sort puts every list in key order and drops repeats: the order in which rows
// are locked.
func (n *Needs) Sort() {
	n.Terminals = sorted(n.Terminals, func(a, b protocol.Identity) bool { return a.String() < b.String() })
	n.Payments = sorted(n.Payments, func(a, b string) bool { return a < b })
	n.Keys = sorted(n.Keys, func(a, b payment.Key) bool {
		return a.MerchantID < b.MerchantID || a.MerchantID == b.MerchantID && a.TransactionID < b.TransactionID
	})
	n.Tokens = sorted(n.Tokens, func(a, b string) bool { return a < b })
	n.Messages = sorted(n.Messages, func(a, b MessageKey) bool {
		return a.OrgID < b.OrgID || a.OrgID == b.OrgID && a.MsgID < b.MsgID
	})
	n.Txns = sorted(n.Txns, TxnKey.less)
	n.Credits = sorted(n.Credits, TxnKey.less)
	n.Short = sorted(n.Short, func(a, b ShortKey) bool {
		return cmp.Or(cmp.Compare(a.MerchantID, b.MerchantID), cmp.Compare(a.StoreID, b.StoreID), cmp.Compare(a.Code, b.Code)) < 0
	})
}

func (k TxnKey) less(l TxnKey) bool {
	return k.OrgID < l.OrgID || k.OrgID == l.OrgID && k.TxnID < l.TxnID
}

func sorted[T comparable](in []T, less func(a, b T) bool) []T {
	sort.Slice(in, func(i, j int) bool { return less(in[i], in[j]) })
	out := in[:0]
	for i, v := range in {
		if i == 0 || v != in[i-1] {
			out = append(out, v)
		}
	}
	return out
}
