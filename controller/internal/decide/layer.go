package decide

import (
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// layer is a set of changes that can be read through and laid over another. Its
// order is that of the first change, so that the changes are deterministic; rows
// holds what is only ever added.
type layer struct {
	terminals ordered[protocol.Identity, fleet.Terminal]
	payments  ordered[string, payment.Payment]
	quotes    ordered[string, quote.Quote]
	keys      ordered[payment.Key, string]
	messages  ordered[MessageKey, bool]
	txns      ordered[TxnKey, ReqPay]
	short     ordered[ShortKey, ShortOrder]
	credits   ordered[TxnKey, Credit]
	rows      Changes
}

func newLayer() *layer { return &layer{} }

func (l *layer) putPayment(p payment.Payment) {
	l.payments.put(p.ID, p)
	l.keys.put(p.Key, p.ID)
}

// add lays o over l.
func (l *layer) add(o *layer) {
	l.terminals.add(&o.terminals)
	l.payments.add(&o.payments)
	l.quotes.add(&o.quotes)
	l.keys.add(&o.keys)
	l.messages.add(&o.messages)
	l.txns.add(&o.txns)
	l.short.add(&o.short)
	l.credits.add(&o.credits)
	l.rows.Events = append(l.rows.Events, o.rows.Events...)
	l.rows.QuoteEvents = append(l.rows.QuoteEvents, o.rows.QuoteEvents...)
	l.rows.Messages = append(l.rows.Messages, o.rows.Messages...)
	l.rows.Callbacks = append(l.rows.Callbacks, o.rows.Callbacks...)
	l.rows.Network = append(l.rows.Network, o.rows.Network...)
}

// empty makes l a layer without changes, which may be filled again: what it holds
// was copied where it was added.
func (l *layer) empty() {
	l.terminals.empty()
	l.payments.empty()
	l.quotes.empty()
	l.keys.empty()
	l.messages.empty()
	l.txns.empty()
	l.short.empty()
	l.credits.empty()
	l.rows = Changes{
		Events: emptied(l.rows.Events), QuoteEvents: emptied(l.rows.QuoteEvents), Messages: emptied(l.rows.Messages),
		Callbacks: emptied(l.rows.Callbacks), Network: emptied(l.rows.Network),
	}
}

// changes sorts the rows into new ones and changed ones.
func (l *layer) changes(snap Snapshot) Changes {
	c := l.rows
	c.Terminals, _ = sorts(&l.terminals, func(protocol.Identity) bool { return false })
	c.NewPayments, c.Payments = sorts(&l.payments, in(snap.Payments))
	c.NewQuotes, c.Quotes = sorts(&l.quotes, in(snap.Quotes))
	c.NewShort, c.Short = sorts(&l.short, in(snap.Short))
	c.NewReqPays, c.ReqPays = sorts(&l.txns, in(snap.Txns))
	c.NewCredits, c.Credits = sorts(&l.credits, in(snap.Credits))
	return c
}

func in[K comparable, V any](m map[K]V) func(K) bool {
	return func(k K) bool {
		_, there := m[k]
		return there
	}
}

// sorts copies the rows out: the new ones, and those that were there before.
func sorts[K comparable, V any](o *ordered[K, V], there func(K) bool) (fresh, old []V) {
	for i, k := range o.names {
		if there(k) {
			old = append(old, o.values[i])
		} else {
			fresh = append(fresh, o.values[i])
		}
	}
	return fresh, old
}

// ordered is rows by name, in the order in which they were first put. The zero value
// has none. Most decisions change one row of a kind, so that an index is made only
// where there are many.
type ordered[K comparable, V any] struct {
	names  []K
	values []V
	place  map[K]int // of all names; nil up to few
}

// few is how many names are looked through.
const few = 8

func (o *ordered[K, V]) find(k K) int {
	if o.place != nil {
		if i, ok := o.place[k]; ok {
			return i
		}
		return -1
	}
	for i := range o.names {
		if o.names[i] == k {
			return i
		}
	}
	return -1
}

func (o *ordered[K, V]) get(k K) (V, bool) {
	if i := o.find(k); i >= 0 {
		return o.values[i], true
	}
	var none V
	return none, false
}

func (o *ordered[K, V]) put(k K, v V) {
	if i := o.find(k); i >= 0 {
		o.values[i] = v
		return
	}
	o.names, o.values = append(o.names, k), append(o.values, v)
	switch {
	case o.place != nil:
		o.place[k] = len(o.names) - 1
	case len(o.names) > few:
		o.place = make(map[K]int, 4*few)
		for i, name := range o.names {
			o.place[name] = i
		}
	}
}

func (o *ordered[K, V]) add(p *ordered[K, V]) {
	for i, k := range p.names {
		o.put(k, p.values[i])
	}
}

func (o *ordered[K, V]) empty() {
	o.names, o.values, o.place = emptied(o.names), emptied(o.values), nil
}

func emptied[T any](s []T) []T {
	clear(s)
	return s[:0]
}
