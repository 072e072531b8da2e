package storagetest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
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

// Payment finds a payment of a merchant by the merchant's id, else by ours.
func (m *Memory) Payment(_ context.Context, merchantID, id string) (payment.Payment, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ours, ok := m.rows.keys[payment.Key{MerchantID: merchantID, TransactionID: id}]; ok {
		id = ours
	}
	p, ok := m.rows.payments[id]
	if !ok || p.MerchantID != merchantID {
		return payment.Payment{}, journal.ErrNotFound
	}
	return p, nil
}

// PaymentByID finds a payment by our id.
func (m *Memory) PaymentByID(_ context.Context, id string) (payment.Payment, error) {
	return found(m, func() map[string]payment.Payment { return m.rows.payments }, id)
}

// Quote finds a quote by its token.
func (m *Memory) Quote(_ context.Context, token string) (quote.Quote, error) {
	return found(m, func() map[string]quote.Quote { return m.rows.quotes }, token)
}

// LatestQuote finds the latest quote of a payment.
func (m *Memory) LatestQuote(_ context.Context, paymentID string) (latest quote.Quote, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	err = journal.ErrNotFound
	for _, q := range m.rows.quotes {
		if paymentID != "" && q.PaymentID == paymentID && (err != nil || q.CreatedAt.After(latest.CreatedAt)) {
			latest, err = q, nil
		}
	}
	return latest, err
}

// Unprocessed lists validations whose additional processing is not done.
func (m *Memory) Unprocessed(_ context.Context, limit int) (left []quote.Quote, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, q := range slices.SortedFunc(maps.Values(m.rows.quotes), func(a, b quote.Quote) int { return a.CreatedAt.Compare(b.CreatedAt) }) {
		if q.ProcessedAt.IsZero() && len(left) < limit {
			left = append(left, q)
		}
	}
	return left, nil
}

// ReqPay finds a ReqPay.
func (m *Memory) ReqPay(_ context.Context, key decide.TxnKey) (decide.ReqPay, error) {
	return found(m, func() map[decide.TxnKey]decide.ReqPay { return m.rows.reqPays }, key)
}

// Terminal finds a terminal.
func (m *Memory) Terminal(_ context.Context, id protocol.Identity) (fleet.Terminal, error) {
	return found(m, func() map[protocol.Identity]fleet.Terminal { return m.rows.terminals }, id)
}

func found[K comparable, V any](m *Memory, in func() map[K]V, key K) (V, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := in()[key]
	if !ok {
		return v, journal.ErrNotFound
	}
	return v, nil
}

// Events are a payment's events in order.
func (m *Memory) Events(_ context.Context, paymentID string) ([]payment.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var events []payment.Record
	for k, e := range m.rows.events {
		if k.of == paymentID {
			events = append(events, e)
		}
	}
	slices.SortFunc(events, func(a, b payment.Record) int { return cmp.Compare(a.Seq, b.Seq) })
	return events, nil
}

// Wanted reads terminals with the payments that their wanted states name.
func (m *Memory) Wanted(_ context.Context, ids []protocol.Identity) ([]decide.Wanted, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := table.NewWanted(ids)
	for _, id := range ids {
		if t, ok := m.rows.terminals[id]; ok {
			name, edc := "", false
			for _, x := range m.directory.Merchants {
				if x.ID == id.MerchantID {
					name, edc = x.Name, x.EDC
				}
			}
			w.Terminal(t, name, edc)
		}
	}
	for _, id := range w.Needs() {
		if p, ok := m.rows.payments[id]; ok {
			w.Payment(p)
		}
	}
	return w.All(m.now()), nil
}

func (m *Memory) sortedTerminals() []fleet.Terminal {
	return slices.SortedFunc(maps.Values(m.rows.terminals), func(a, b fleet.Terminal) int {
		return cmp.Or(strings.Compare(a.MerchantID, b.MerchantID), strings.Compare(a.StoreID, b.StoreID),
			strings.Compare(a.TerminalID, b.TerminalID))
	})
}

// Unacked lists terminals to be told.
func (m *Memory) Unacked(_ context.Context, limit int) ([]protocol.Identity, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []protocol.Identity
	now := m.now()
	for _, t := range m.sortedTerminals() {
		if t.NeedsTelling() && t.Enrolled() && t.Present(now) && len(ids) < limit {
			ids = append(ids, t.Identity)
		}
	}
	return ids, nil
}

// Due finds what time alone has made due.
func (m *Memory) Due(_ context.Context, limit int) (journal.Due, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	var due journal.Due
	next := func(at time.Time) {
		if in := at.Sub(now); !due.HasNext || in < due.Next {
			due.Next, due.HasNext = in, true
		}
	}
	byTime := slices.SortedFunc(maps.Values(m.rows.payments), func(a, b payment.Payment) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
	for _, p := range byTime {
		switch {
		case !p.State.Unpaid():
		case p.ExpiresAt.After(now):
			next(p.ExpiresAt)
		case len(due.Payments) < limit:
			due.Payments = append(due.Payments, p.ID)
		}
	}
	byAttend := slices.SortedFunc(maps.Values(m.rows.payments), func(a, b payment.Payment) int { return a.AttendAt.Compare(b.AttendAt) })
	for _, p := range byAttend {
		switch {
		case p.AttendAt.IsZero():
		case p.AttendAt.After(now):
			next(p.AttendAt)
		case len(due.Attempts) < limit:
			due.Attempts = append(due.Attempts, p.ID)
		}
	}
	byDue := slices.SortedFunc(maps.Values(m.rows.reqPays), func(a, b decide.ReqPay) int { return a.DueAt.Compare(b.DueAt) })
	for _, r := range byDue {
		switch at := r.DueAt.Add(time.Second); {
		case r.DueAt.IsZero():
		case at.After(now):
			next(at)
		case len(due.Holds) < limit:
			due.Holds = append(due.Holds, decide.Hold{TxnKey: r.TxnKey, PaymentID: r.PaymentID, Token: r.Token})
		}
	}
	for _, t := range m.sortedTerminals() {
		sale := m.rows.payments[t.Sale]
		switch {
		case len(t.Waiting) == 0 || sale.State == payment.InProgress:
		case sale.State.Unpaid() && t.Busy != fleet.BusyReplace && (t.Busy != fleet.BusyByProduct || sale.Solution != payment.DQRDevice):
		case sale.State.Unpaid() && sale.HoldUntil.After(now):
			next(sale.HoldUntil)
		case len(due.Terminals) < limit:
			due.Terminals = append(due.Terminals, t.Identity)
		}
	}
	return due, nil
}

// Resolve is journal.Storage's.
func (m *Memory) Resolve(_ context.Context, needs decide.Needs) (journal.Resolved, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := journal.NewResolved()
	payments := slices.Clone(needs.Payments)
	for _, token := range needs.Tokens {
		if q, ok := m.rows.quotes[token]; ok {
			r.Tokens[token] = q.PaymentID
			payments = append(payments, q.PaymentID)
		}
	}
	for _, k := range needs.Keys {
		if id, ok := m.rows.keys[k]; ok {
			r.Keys[k] = id
			payments = append(payments, id)
		}
	}
	for _, k := range needs.Short {
		if o, ok := m.rows.short[k]; ok {
			r.Short[k] = o.PaymentID
			payments = append(payments, o.PaymentID)
		}
	}
	for _, id := range payments {
		if t, ok := m.rows.payments[id].Identity(); ok {
			r.Terminals[id] = t
		}
	}
	return r, nil
}

// Seed adds what is missing.
func (m *Memory) Seed(_ context.Context, d merchant.Data) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	have := &m.directory
	have.Merchants = missing(have.Merchants, d.Merchants, func(x merchant.Merchant) string { return x.ID })
	have.Stores = missing(have.Stores, d.Stores, func(x merchant.Store) [2]string { return [2]string{x.MerchantID, x.ID} })
	have.Terminals = missing(have.Terminals, d.Terminals, func(x merchant.Terminal) protocol.Identity { return x.Identity })
	have.Payees = missing(have.Payees, d.Payees, func(x merchant.Payee) protocol.VPA { return x.VPA })
	have.Providers = missing(have.Providers, d.Providers, func(x merchant.Provider) string { return x.ID })
	have.Organisations = missing(have.Organisations, d.Organisations, func(x merchant.Organisation) string { return x.ID })
	have.SaltKeys = missing(have.SaltKeys, d.SaltKeys, func(x merchant.SaltKey) [2]string { return [2]string{x.Owner, x.Index} })
	have.FeeRules = missing(have.FeeRules, d.FeeRules, func(x merchant.FeeRule) [2]string { return [2]string{x.MerchantID, x.MCC} })
	for _, t := range d.Terminals {
		if _, ok := m.rows.terminals[t.Identity]; !ok {
			m.rows.terminals[t.Identity] = fleet.Terminal{Identity: t.Identity, Label: t.Label, Active: t.Active, Integrated: t.Integrated,
				WindowSeconds: t.PaymentWindowSeconds, Busy: fleet.Busy(t.Busy), Language: t.Language}
		}
	}
	return nil
}

func missing[K comparable, V any](have, more []V, key func(V) K) []V {
	for _, v := range more {
		if !slices.ContainsFunc(have, func(x V) bool { return key(x) == key(v) }) {
			have = append(have, v)
		}
	}
	return have
}

// Directory reads everyone.
func (m *Memory) Directory(context.Context) (*merchant.Directory, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return merchant.New(m.directory), nil
}

// Secret reads a secret.
func (m *Memory) Secret(_ context.Context, name string) ([]byte, error) {
	return found(m, func() map[string][]byte { return m.secrets }, name)
}

// PutSecret keeps a secret, once.
func (m *Memory) PutSecret(_ context.Context, name string, value []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !table.Keepable(name) {
		return nil, journal.ErrText
	}
	if _, ok := m.secrets[name]; !ok {
		m.secrets[name] = slices.Clone(value)
	}
	return m.secrets[name], nil
}

// Migrate has nothing to do.
func (m *Memory) Migrate(context.Context) error { return nil }

// Now is the process's time.
func (m *Memory) Now(context.Context) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now(), nil
}

// Ping answers.
func (m *Memory) Ping(context.Context) error { return nil }
