package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/merchant"
)

// Administer makes one change of the people and things that payments are for, in
// one transaction: it loads what is needed, calls decide once, and saves its
// changes with their lines of the audit log. Nobody else writes meanwhile.
//
// What decide returns is returned as it is, and nothing is saved. Other errors
// wrap journal.ErrAgain, ErrAway, ErrText or ErrCommitUnknown where those say
// what happened.
func (db *DB) Administer(ctx context.Context, needs record.Needs, decide func(record.Snapshot) (record.Changes, error)) error {
	w := db.writer
	return w.transact(ctx, func() error {
		snap, err := look(ctx, w.query, needs)
		if err != nil {
			return failed(err)
		}
		changes, err := decide(snap)
		if err != nil {
			return err
		}
		if changes.Empty() {
			return errNothing
		}
		if err := db.saveChanges(ctx, changes); err != nil {
			return failed(err)
		}
		return nil
	})
}

// Look reads rows, all of one moment.
func (db *DB) Look(ctx context.Context, needs record.Needs) (record.Snapshot, error) {
	tx, err := db.read.BeginTx(ctx, nil)
	if err != nil {
		return record.Snapshot{}, fmt.Errorf("sqlite: look: %w", err)
	}
	defer tx.Rollback() // it has only read
	snap, err := look(ctx, tx.QueryContext, needs)
	if err != nil {
		return record.Snapshot{}, fmt.Errorf("sqlite: look: %w", err)
	}
	return snap, nil
}

// look loads what needs name.
func look(ctx context.Context, ask query, needs record.Needs) (record.Snapshot, error) {
	snap := record.NewSnapshot(now())
	var errs []error
	for _, id := range needs.Merchants {
		errs = append(errs, fetch(ctx, ask, table.Merchants, 1, func(m merchant.Merchant) { snap.Merchants[m.ID] = m }, id))
	}
	for _, k := range needs.Stores {
		errs = append(errs, fetch(ctx, ask, table.Stores, 2, func(s merchant.Store) { snap.Stores[k] = s }, k.MerchantID, k.ID))
	}
	for _, id := range needs.Terminals {
		errs = append(errs, fetch(ctx, ask, table.Counters, 3, func(t merchant.Terminal) { snap.Terminals[id] = t },
			id.MerchantID, id.StoreID, id.TerminalID))
	}
	for _, vpa := range needs.Payees {
		errs = append(errs, fetch(ctx, ask, table.Payees, 1, func(p merchant.Payee) { snap.Payees[vpa] = p }, string(vpa)))
	}
	for _, id := range needs.Providers {
		errs = append(errs,
			fetch(ctx, ask, table.AdminProviders, 1, func(p record.Provider) { snap.Providers[id] = p }, id),
			fetch(ctx, ask, table.ProviderMerchants, 1, func(m table.ProviderMerchant) {
				snap.Mappings[id] = append(snap.Mappings[id], m.MerchantID)
			}, id))
	}
	for _, id := range needs.Organisations {
		errs = append(errs, fetch(ctx, ask, table.AdminOrganisations, 1, func(o record.Organisation) { snap.Organisations[id] = o }, id))
	}
	for _, owner := range needs.Owners {
		keys, err := page(ctx, ask, table.KeyList, record.Page{Within: []string{owner}})
		if len(keys) > 0 {
			snap.Keys[owner] = keys
		}
		errs = append(errs, err)
	}
	for _, name := range needs.Tokens {
		errs = append(errs, fetch(ctx, ask, table.Tokens, 1, func(t record.Token) { snap.Tokens[name] = t }, name))
	}
	for _, k := range needs.Fees {
		errs = append(errs, fetch(ctx, ask, table.FeeRules, 2, func(f merchant.FeeRule) { snap.Fees[k] = f }, k.MerchantID, k.MCC))
	}
	return snap, errors.Join(errs...)
}

// fetch reads the rows whose first n columns of the key are these, in the order
// of the key.
func fetch[T any](ctx context.Context, ask query, t table.Table[T], n int, found func(T), key ...string) error {
	s := newShape(t)
	where, args := equal(t.Key[:n], key)
	rows, err := ask(ctx, "SELECT "+s.names+" FROM "+t.Name+" WHERE "+where+" ORDER BY "+strings.Join(t.Key, ", "), args...)
	if err != nil {
		return err
	}
	all, err := s.all(rows)
	for _, v := range all {
		found(v)
	}
	return err
}

// equal is a condition on columns and its arguments.
func equal(columns, values []string) (where string, args []any) {
	conditions := []string{"true"}
	for i, v := range values {
		args = append(args, v)
		conditions = append(conditions, columns[i]+" = ?")
	}
	return strings.Join(conditions, " AND "), args
}

// page reads a part of a listing; all of it with a limit of 0.
func page[T any](ctx context.Context, ask query, l table.Listing[T], p record.Page) ([]T, error) {
	if len(p.Within) > len(l.Within) || len(p.After) > 0 && len(p.After) != len(l.Order) {
		return nil, fmt.Errorf("%s cannot be listed so", l.Table.Name)
	}
	s := newShape(l.Table)
	where, args := equal(l.Within, p.Within)
	order := strings.Join(l.Order, ", ")
	if len(p.After) > 0 {
		where += " AND (" + order + ") > (" + marks(len(p.After)) + ")"
		for _, v := range p.After {
			args = append(args, v)
		}
	}
	limit := p.Limit
	if limit == 0 {
		limit = -1
	}
	rows, err := ask(ctx, "SELECT "+s.names+" FROM "+l.Table.Name+" WHERE "+where+" ORDER BY "+order+" LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, err
	}
	return s.all(rows)
}

func (db *DB) saveChanges(ctx context.Context, c record.Changes) error {
	if err := c.Check(); err != nil {
		return err
	}
	w := db.writer
	var mappings []table.ProviderMerchant
	for _, m := range c.NewMappings {
		mappings = append(mappings, table.ProviderMerchant(m))
	}
	for _, step := range []func() error{
		func() error { return put(ctx, w, table.Merchants, c.NewMerchants, c.Merchants) },
		func() error { return put(ctx, w, table.Stores, c.NewStores, c.Stores) },
		func() error { return put(ctx, w, table.Counters, c.NewTerminals, c.Terminals) },
		func() error { return put(ctx, w, table.Payees, c.NewPayees, c.Payees) },
		func() error { return put(ctx, w, table.AdminProviders, c.NewProviders, c.Providers) },
		func() error { return unmap(ctx, w, c.OldMappings) },
		func() error { return put(ctx, w, table.ProviderMerchants, mappings, nil) },
		func() error { return put(ctx, w, table.AdminOrganisations, c.NewOrganisations, c.Organisations) },
		func() error { return put(ctx, w, table.SaltKeys, table.SealKeys(db.box, c.NewKeys), nil) },
		func() error { return put(ctx, w, table.KeyTimes, nil, c.Keys) },
		func() error { return put(ctx, w, table.Tokens, c.NewTokens, c.Tokens) },
		func() error { return removeFees(ctx, w, c.OldFees) },
		func() error { return put(ctx, w, table.FeeRules, c.NewFees, c.Fees) },
		func() error { return audit(ctx, w, c.Audit) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// put writes new rows and changed ones, which must be there.
func put[T any](ctx context.Context, w *writer, t table.Table[T], added, changed []T) error {
	if err := insert(ctx, w, t, added); err != nil {
		return err
	}
	if err := t.Check(changed); err != nil {
		return err
	}
	var set []string
	for _, c := range t.Changing() {
		set = append(set, c.Name+" = ?")
	}
	if t.Name == table.Terminals.Name {
		set = append(set, "version = version + 1") // the journal's compare-and-set
	}
	where, _ := equal(t.Key, t.Key)
	for i := range changed {
		var args []any
		for _, c := range append(t.Changing(), t.KeyColumns()...) {
			args = append(args, value(c, &changed[i]))
		}
		n, err := w.changed(ctx, "UPDATE "+t.Name+" SET "+strings.Join(set, ", ")+" WHERE "+where, args...)
		if err == nil && n != 1 {
			err = fmt.Errorf("%d rows of %s were changed, not 1", n, t.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func unmap(ctx context.Context, w *writer, mappings []record.Mapping) error {
	for _, m := range mappings {
		n, err := w.changed(ctx, "DELETE FROM provider_merchants WHERE provider_id = ? AND merchant_id = ?", m.ProviderID, m.MerchantID)
		if err == nil && n != 1 {
			err = fmt.Errorf("%d mappings were deleted, not 1", n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// audit adds lines to the audit log, which get the ids that follow.
func audit(ctx context.Context, w *writer, lines []record.Entry) error {
	if err := table.Audit.Check(lines); err != nil {
		return err
	}
	columns := table.Audit.Columns[1:]
	for i := range lines {
		var names []string
		var args []any
		for _, c := range columns {
			names = append(names, c.Name)
			args = append(args, value(c, &lines[i]))
		}
		err := w.exec(ctx, "INSERT INTO audit_log (id, "+strings.Join(names, ", ")+") SELECT coalesce(max(id), 0) + 1, "+
			marks(len(columns))+" FROM audit_log", args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// list reads a page of a listing.
func list[T any](ctx context.Context, db *DB, l table.Listing[T], p record.Page) ([]T, error) {
	all, err := page(ctx, db.read.QueryContext, l, p)
	if err != nil {
		return nil, fmt.Errorf("sqlite: list %s: %w", l.Table.Name, err)
	}
	return all, nil
}

// The lists of the administration, each in the order of its keys.

// MerchantPage lists merchants.
func (db *DB) MerchantPage(ctx context.Context, p record.Page) ([]merchant.Merchant, error) {
	return list(ctx, db, table.MerchantList, p)
}

// StorePage lists stores, within a merchant.
func (db *DB) StorePage(ctx context.Context, p record.Page) ([]merchant.Store, error) {
	return list(ctx, db, table.StoreList, p)
}

// TerminalPage lists terminals, within a merchant or a store.
func (db *DB) TerminalPage(ctx context.Context, p record.Page) ([]merchant.Terminal, error) {
	return list(ctx, db, table.TerminalList, p)
}

// PayeePage lists payees, within a merchant.
func (db *DB) PayeePage(ctx context.Context, p record.Page) ([]merchant.Payee, error) {
	return list(ctx, db, table.PayeeList, p)
}

// ProviderPage lists providers.
func (db *DB) ProviderPage(ctx context.Context, p record.Page) ([]record.Provider, error) {
	return list(ctx, db, table.ProviderList, p)
}

// OrganisationPage lists organisations.
func (db *DB) OrganisationPage(ctx context.Context, p record.Page) ([]record.Organisation, error) {
	return list(ctx, db, table.OrgList, p)
}

// KeyPage lists salt keys, within an owner, without their secrets. After is the
// owner and the index of a key.
func (db *DB) KeyPage(ctx context.Context, p record.Page) ([]merchant.SaltKey, error) {
	if len(p.After) == 2 {
		p.After = table.KeyPlace(p.After[0], p.After[1])
	}
	return list(ctx, db, table.KeyList, p)
}

// TokenPage lists tokens of the admin door.
func (db *DB) TokenPage(ctx context.Context, p record.Page) ([]record.Token, error) {
	return list(ctx, db, table.TokenList, p)
}

// TokenByHash finds a token of the admin door, revoked or not, or returns
// journal.ErrNotFound.
func (db *DB) TokenByHash(ctx context.Context, hash []byte) (record.Token, error) {
	s := newShape(table.Tokens)
	return first(ctx, db, s, "SELECT "+s.names+" FROM admin_tokens WHERE hash = ?", "token", hash)
}

// AuditPage lists lines of the audit log, oldest first.
func (db *DB) AuditPage(ctx context.Context, q record.AuditQuery) ([]record.Entry, error) {
	s := newShape(table.Audit)
	where, args := "id > ?", []any{q.After}
	for column, v := range map[string]string{"actor": q.Actor, "action": q.Action, "target": q.Target} {
		if v != "" {
			where, args = where+" AND "+column+" = ?", append(args, v)
		}
	}
	for bound, at := range map[string]time.Time{">=": q.Since, "<": q.Until} {
		if !at.IsZero() {
			where, args = where+" AND at "+bound+" ?", append(args, at.UnixMicro())
		}
	}
	order := "id"
	if q.Last {
		order = "id DESC"
	}
	rows, err := db.read.QueryContext(ctx, "SELECT "+s.names+" FROM audit_log WHERE "+where+" ORDER BY "+order+" LIMIT ?", append(args, q.Limit)...)
	var all []record.Entry
	if err == nil {
		all, err = s.all(rows)
	}
	if err != nil {
		return nil, fmt.Errorf("sqlite: audit: %w", err)
	}
	if q.Last {
		slices.Reverse(all)
	}
	return all, nil
}
