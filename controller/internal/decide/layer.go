package decide

import (
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// layer is a set of changes that can be read through and laid over another.
// The order slices keep the changes deterministic; rows holds what is only
// ever added.
type layer struct {
	terminals     map[protocol.Identity]fleet.Terminal
	payments      map[string]payment.Payment
	quotes        map[string]quote.Quote
	keys          map[payment.Key]string
	messages      map[MessageKey]bool
	txns          map[TxnKey]ReqPay
	short         map[ShortKey]ShortOrder
	credits       map[TxnKey]Credit
	shortOrder    []ShortKey
	creditOrder   []TxnKey
	txnOrder      []TxnKey
	terminalOrder []protocol.Identity
	paymentOrder  []string
	quoteOrder    []string
	rows          Changes
}

func newLayer() *layer {
	return &layer{
		terminals: map[protocol.Identity]fleet.Terminal{}, payments: map[string]payment.Payment{},
		quotes: map[string]quote.Quote{}, keys: map[payment.Key]string{},
		messages: map[MessageKey]bool{}, txns: map[TxnKey]ReqPay{},
		short: map[ShortKey]ShortOrder{}, credits: map[TxnKey]Credit{},
	}
}

func (l *layer) putTerminal(t fleet.Terminal) {
	if _, ok := l.terminals[t.Identity]; !ok {
		l.terminalOrder = append(l.terminalOrder, t.Identity)
	}
	l.terminals[t.Identity] = t
}

func (l *layer) putPayment(p payment.Payment) {
	if _, ok := l.payments[p.ID]; !ok {
		l.paymentOrder = append(l.paymentOrder, p.ID)
	}
	l.payments[p.ID] = p
	l.keys[p.Key] = p.ID
}

func (l *layer) putQuote(q quote.Quote) {
	if _, ok := l.quotes[q.Token]; !ok {
		l.quoteOrder = append(l.quoteOrder, q.Token)
	}
	l.quotes[q.Token] = q
}

func (l *layer) putShort(o ShortOrder) {
	if _, ok := l.short[o.ShortKey]; !ok {
		l.shortOrder = append(l.shortOrder, o.ShortKey)
	}
	l.short[o.ShortKey] = o
}

func (l *layer) putCredit(c Credit) {
	if _, ok := l.credits[c.TxnKey]; !ok {
		l.creditOrder = append(l.creditOrder, c.TxnKey)
	}
	l.credits[c.TxnKey] = c
}

func (l *layer) putReqPay(r ReqPay) {
	if _, ok := l.txns[r.TxnKey]; !ok {
		l.txnOrder = append(l.txnOrder, r.TxnKey)
	}
	l.txns[r.TxnKey] = r
}

// add lays o over l.
func (l *layer) add(o *layer) {
	for _, id := range o.terminalOrder {
		l.putTerminal(o.terminals[id])
	}
	for _, id := range o.paymentOrder {
		l.putPayment(o.payments[id])
	}
	for _, token := range o.quoteOrder {
		l.putQuote(o.quotes[token])
	}
	for _, k := range o.shortOrder {
		l.putShort(o.short[k])
	}
	for _, k := range o.creditOrder {
		l.putCredit(o.credits[k])
	}
	for k := range o.messages {
		l.messages[k] = true
	}
	for _, k := range o.txnOrder {
		l.putReqPay(o.txns[k])
	}
	l.rows.Events = append(l.rows.Events, o.rows.Events...)
	l.rows.QuoteEvents = append(l.rows.QuoteEvents, o.rows.QuoteEvents...)
	l.rows.Messages = append(l.rows.Messages, o.rows.Messages...)
	l.rows.Callbacks = append(l.rows.Callbacks, o.rows.Callbacks...)
	l.rows.Network = append(l.rows.Network, o.rows.Network...)
}

// changes sorts the rows into new ones and changed ones.
func (l *layer) changes(snap Snapshot) Changes {
	c := l.rows
	for _, id := range l.terminalOrder {
		c.Terminals = append(c.Terminals, l.terminals[id])
	}
	for _, id := range l.paymentOrder {
		if _, old := snap.Payments[id]; old {
			c.Payments = append(c.Payments, l.payments[id])
		} else {
			c.NewPayments = append(c.NewPayments, l.payments[id])
		}
	}
	for _, token := range l.quoteOrder {
		if _, old := snap.Quotes[token]; old {
			c.Quotes = append(c.Quotes, l.quotes[token])
		} else {
			c.NewQuotes = append(c.NewQuotes, l.quotes[token])
		}
	}
	for _, k := range l.shortOrder {
		if _, old := snap.Short[k]; old {
			c.Short = append(c.Short, l.short[k])
		} else {
			c.NewShort = append(c.NewShort, l.short[k])
		}
	}
	for _, k := range l.txnOrder {
		if _, old := snap.Txns[k]; old {
			c.ReqPays = append(c.ReqPays, l.txns[k])
		} else {
			c.NewReqPays = append(c.NewReqPays, l.txns[k])
		}
	}
	for _, k := range l.creditOrder {
		if _, old := snap.Credits[k]; old {
			c.Credits = append(c.Credits, l.credits[k])
		} else {
			c.NewCredits = append(c.NewCredits, l.credits[k])
		}
	}
	return c
}
