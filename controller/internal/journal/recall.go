package journal

import (
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/protocol"
)

// recalled is of how many tokens at least the journal knows where they lead, for it
// has written that itself: a customer pays within a minute or two of asking. Each
// takes some 200 bytes.
const recalled = 1 << 14

// lead is where a token leads: to a payment, "" for a QR made elsewhere, and to its
// terminal, where it has one.
type lead struct {
	payment  string
	terminal protocol.Identity
	has      bool
}

// remember keeps where the tokens of a committed batch lead. Where a payment is one
// that the batch did not change its terminal is not known here; then the database
// is asked.
func (j *Journal) remember(c decide.Changes) {
	for _, q := range c.NewQuotes {
		to := lead{payment: q.PaymentID}
		known := q.PaymentID == ""
		for _, p := range c.Payments {
			if p.ID == q.PaymentID {
				to.terminal, to.has = p.Identity()
				known = true
			}
		}
		if known {
			j.leads.Put(q.Token, to)
		}
	}
	for _, q := range c.Quotes {
		if q.PaymentID == "" {
			continue
		}
		if to, known := j.leads.Get(q.Token); known && to.payment != q.PaymentID {
			j.leads.Forget(q.Token)
		}
	}
}

// recall follows the references of needs that consist of tokens that are
// remembered, and of keys, whose payments are loaded by them. It reports false where
// the database must be asked. What it says may be old, when another controller has
// moved a quote or a payment since: then a payment is loaded whose terminal is not
// locked, or a quote and not its payment, and the batch is run again with both.
func (j *Journal) recall(n decide.Needs) (decide.Needs, bool) {
	if len(n.Terminals)+len(n.Payments)+len(n.Short) > 0 || len(n.Tokens) == 0 {
		return n, false
	}
	found := Resolved{Tokens: map[string]string{}, Terminals: map[string]protocol.Identity{}}
	for _, token := range n.Tokens {
		to, known := j.leads.Get(token)
		if !known {
			return n, false
		}
		if to.payment == "" {
			continue
		}
		found.Tokens[token] = to.payment
		if to.has {
			found.Terminals[to.payment] = to.terminal
		}
	}
	if len(found.Tokens) == 0 {
		return n, true
	}
	return follow(n, found), true
}
