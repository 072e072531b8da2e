package storagetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// Memory is a storage that forgets: plain maps under one lock. It passes the
// same contract as the others, so it is what they are compared with, and what a
// test of something else may use in their place. The outbox is only kept.
type Memory struct {
	mu        sync.Mutex
	rows      rows
	batches   map[journal.BatchID]bool
	directory merchant.Data
	secrets   map[string][]byte
	last      time.Time
}

// rows are copied to be changed, and put in place when that is done.
type rows struct {
	terminals   map[protocol.Identity]fleet.Terminal
	payments    map[string]payment.Payment
	keys        map[payment.Key]string
	quotes      map[string]quote.Quote
	events      map[eventKey]payment.Record
	quoteEvents map[eventKey]decide.QuoteEvent
	messages    map[decide.MessageKey]decide.Message
	reqPays     map[decide.TxnKey]decide.ReqPay
	credits     map[decide.TxnKey]decide.Credit
	callbacks   map[string]decide.Callback
	short       map[decide.ShortKey]decide.ShortOrder
	network     map[string]decide.NetworkRequest
}

type eventKey struct {
	of  string
	seq int64
}

// NewMemory makes an empty one.
func NewMemory() *Memory {
	return &Memory{
		rows: rows{
			map[protocol.Identity]fleet.Terminal{}, map[string]payment.Payment{}, map[payment.Key]string{},
			map[string]quote.Quote{}, map[eventKey]payment.Record{}, map[eventKey]decide.QuoteEvent{},
			map[decide.MessageKey]decide.Message{}, map[decide.TxnKey]decide.ReqPay{},
			map[decide.TxnKey]decide.Credit{}, map[string]decide.Callback{},
			map[decide.ShortKey]decide.ShortOrder{}, map[string]decide.NetworkRequest{},
		},
		batches: map[journal.BatchID]bool{}, secrets: map[string][]byte{},
	}
}

func (r rows) clone() rows {
	return rows{
		maps.Clone(r.terminals), maps.Clone(r.payments), maps.Clone(r.keys), maps.Clone(r.quotes), maps.Clone(r.events),
		maps.Clone(r.quoteEvents), maps.Clone(r.messages), maps.Clone(r.reqPays), maps.Clone(r.credits), maps.Clone(r.callbacks),
		maps.Clone(r.short), maps.Clone(r.network),
	}
}

// Apply is journal.Storage's.
func (m *Memory) Apply(ctx context.Context, batch journal.BatchID, needs decide.Needs,
	run func(decide.Snapshot) (decide.Changes, error)) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: %w: %w", journal.ErrAway, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	snap := m.load(needs)
	changes, err := run(snap)
	if err != nil || changes.Empty() {
		return err
	}
	next := m.rows.clone()
	if err := next.save(snap, changes); err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	if m.batches[batch] {
		return fmt.Errorf("memory: batch: %w", journal.ErrAgain)
	}
	m.rows, m.batches[batch] = next, true
	return nil
}

func (m *Memory) load(needs decide.Needs) decide.Snapshot {
	snap := decide.NewSnapshot(m.now())
	payments := slices.Clone(needs.Payments)
	for _, id := range needs.Terminals {
		if t, ok := m.rows.terminals[id]; ok {
			t.Waiting = slices.Clone(t.Waiting)
			snap.Terminals[id] = t
			payments = append(append(payments, t.Sale), t.Waiting...)
		}
	}
	for _, k := range needs.Keys {
		payments = append(payments, m.rows.keys[k])
	}
	for _, k := range needs.Short {
		if o, ok := m.rows.short[k]; ok {
			snap.Short[k] = o
			payments = append(payments, o.PaymentID)
		}
	}
	for _, k := range needs.Credits {
		if c, ok := m.rows.credits[k]; ok {
			snap.Credits[k] = c
		}
	}
	for _, id := range payments {
		if p, ok := m.rows.payments[id]; ok {
			snap.Payments[id], snap.Keys[p.Key] = p, id
		}
	}
	for _, token := range needs.Tokens {
		if q, ok := m.rows.quotes[token]; ok {
			snap.Quotes[token] = q
		}
	}
	for _, k := range needs.Messages {
		if _, ok := m.rows.messages[k]; ok {
			snap.Messages[k] = true
		}
	}
	for _, k := range needs.Txns {
		if r, ok := m.rows.reqPays[k]; ok {
			snap.Txns[k] = r
		}
	}
	return snap
}

func (r rows) save(snap decide.Snapshot, c decide.Changes) error {
	for _, err := range []error{
		table.Payments.Check(c.NewPayments), table.Payments.Check(c.Payments), table.Terminals.Check(c.Terminals),
		table.Quotes.Check(c.NewQuotes), table.Quotes.Check(c.Quotes), table.Events.Check(c.Events),
		table.QuoteEvents.Check(c.QuoteEvents), table.Messages.Check(c.Messages), table.ReqPays.Check(c.NewReqPays), table.ReqPays.Check(c.ReqPays),
		table.Credits.Check(c.NewCredits), table.Callbacks.Check(c.Callbacks), table.ShortOrders.Check(c.NewShort),
		table.NetworkRequests.Check(c.Network),
	} {
		if err != nil {
			return err
		}
	}
	for _, p := range c.NewPayments {
		if _, taken := r.keys[p.Key]; taken {
			return fmt.Errorf("key: %w", journal.ErrAgain)
		}
		r.keys[p.Key] = p.ID
	}
	return errors.Join(
		addAll(r.payments, c.NewPayments, func(p payment.Payment) string { return p.ID }),
		addAll(r.quotes, c.NewQuotes, func(q quote.Quote) string { return q.Token }),
		addAll(r.events, c.Events, func(e payment.Record) eventKey { return eventKey{e.PaymentID, e.Seq} }),
		addAll(r.quoteEvents, c.QuoteEvents, func(e decide.QuoteEvent) eventKey { return eventKey{e.Token, e.Seq} }),
		addAll(r.messages, c.Messages, func(m decide.Message) decide.MessageKey { return m.MessageKey }),
		addAll(r.reqPays, c.NewReqPays, func(p decide.ReqPay) decide.TxnKey { return p.TxnKey }),
		addAll(r.credits, c.NewCredits, func(x decide.Credit) decide.TxnKey { return x.TxnKey }),
		addAll(r.callbacks, c.Callbacks, func(x decide.Callback) string { return x.EventID }),
		changeAll(r.terminals, snap.Terminals, c.Terminals, func(t fleet.Terminal) protocol.Identity { return t.Identity }),
		changeAll(r.payments, snap.Payments, c.Payments, func(p payment.Payment) string { return p.ID }),
		addAll(r.short, c.NewShort, func(o decide.ShortOrder) decide.ShortKey { return o.ShortKey }),
		addAll(r.network, c.Network, func(x decide.NetworkRequest) string { return x.ID }),
		changeAll(r.short, snap.Short, c.Short, func(o decide.ShortOrder) decide.ShortKey { return o.ShortKey }),
		changeAll(r.reqPays, snap.Txns, c.ReqPays, func(p decide.ReqPay) decide.TxnKey { return p.TxnKey }),
		changeAll(r.credits, snap.Credits, c.Credits, func(x decide.Credit) decide.TxnKey { return x.TxnKey }),
		changeAll(r.quotes, snap.Quotes, c.Quotes, func(q quote.Quote) string { return q.Token }),
		r.check(),
	)
}

// check is the CHECK constraints.
func (r rows) check() error {
	for _, p := range r.payments {
		known := slices.Contains([]payment.Solution{payment.DQRDevice, payment.EDC, payment.ForeignQR,
			payment.QRString, payment.Collect, payment.Refund}, p.Solution)
		if p.Refunded < 0 || p.Refunded > p.Amount || p.Amount <= 0 || p.State == payment.None || !slices.Contains(payment.States, p.State) || !known {
			return fmt.Errorf("payment %s is of no kind that there is", p.ID)
		}
	}
	return nil
}

func addAll[K comparable, V any](m map[K]V, rows []V, key func(V) K) error {
	for _, v := range rows {
		if _, taken := m[key(v)]; taken {
			return fmt.Errorf("%T: %w", v, journal.ErrAgain)
		}
		m[key(v)] = v
	}
	return nil
}

func changeAll[K comparable, V any](m, loaded map[K]V, rows []V, key func(V) K) error {
	for _, v := range rows {
		if _, ok := loaded[key(v)]; !ok {
			return fmt.Errorf("a %T is changed that was not loaded", v)
		}
		m[key(v)] = v
	}
	return nil
}

// Committed is journal.Storage's.
func (m *Memory) Committed(_ context.Context, batch journal.BatchID) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.batches[batch]
	m.batches[batch] = true
	return was, nil
}

// Tidy is journal.Storage's: there is nothing to do.
func (m *Memory) Tidy(context.Context) error { return nil }

// now is in whole microseconds, each later than the one before.
func (m *Memory) now() time.Time {
	at := micro(time.Now().UTC())
	if !at.After(m.last) {
		at = m.last.Add(time.Microsecond)
	}
	m.last = at
	return at
}
