package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/merchant"
)

// administerLimit bounds a change.
const administerLimit = 15 * time.Second

// administration is the lock that lets one change in at a time, and bounds the
// wait for it and for a terminal's row that the journal has.
const administration = `SELECT set_config('lock_timeout', '5s', true),
	pg_advisory_xact_lock(hashtext('galla administration'))`

// Administer makes one change of the people and things that payments are for, in
// one transaction: it loads what is needed, calls decide, and saves its changes
// with their lines of the audit log. Changes are made one at a time, also among
// several controllers, so what was loaded stays as it is until the commit. decide
// is called again where the connection turns out to be lost before that.
//
// What decide returns is returned as it is, and nothing is saved. Other errors
// wrap journal.ErrAgain, ErrLocked, ErrAway, ErrText or ErrCommitUnknown where
// those say what happened.
func (db *DB) Administer(ctx context.Context, needs record.Needs, decide func(record.Snapshot) (record.Changes, error)) error {
	ctx, cancel := context.WithTimeout(ctx, administerLimit)
	defer cancel()
	err := db.administer(ctx, needs, decide)
	if errors.Is(err, journal.ErrAway) { // nothing was saved; its connection may just be an old one
		db.read.Reset()
		err = db.administer(ctx, needs, decide)
	}
	return err
}

func (db *DB) administer(ctx context.Context, needs record.Needs, decide func(record.Snapshot) (record.Changes, error)) error {
	tx, release, err := db.begin(ctx)
	if err != nil {
		return fmt.Errorf("postgres: administer: %w", failed(err))
	}
	defer release()
	if _, err := tx.Exec(ctx, administration); err != nil {
		return fmt.Errorf("postgres: administer: %w", failed(err))
	}
	snap, err := look(ctx, tx, needs)
	if err != nil {
		return fmt.Errorf("postgres: administer: %w", failed(err))
	}
	changes, err := decide(snap)
	if err != nil || changes.Empty() {
		return err
	}
	b := &pgx.Batch{}
	if err := db.queueChanges(b, changes); err != nil {
		return fmt.Errorf("postgres: administer: %w", err)
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("postgres: administer: %w", failed(err))
	}
	return commitTx(ctx, tx)
}

// begin begins a transaction. release gives up what was not committed, and only then
// the connection: whoever has it next forgets what it was warned of (warned).
func (db *DB) begin(ctx context.Context) (tx pgx.Tx, release func(), err error) {
	conn, err := db.read.Acquire(ctx)
	if err != nil {
		return nil, nil, err
	}
	if tx, err = conn.Begin(ctx); err != nil {
		conn.Release()
		return nil, nil, err
	}
	return tx, func() {
		rollbackTx(ctx, tx)
		conn.Release()
	}, nil
}

// commitTx commits a transaction of begin's; only an error of the server's says that
// it did not happen.
func commitTx(ctx context.Context, tx pgx.Tx) error {
	err := tx.Commit(ctx)
	var pg *pgconn.PgError
	switch {
	case err == nil:
		if w := warned(tx.Conn()); w != nil {
			return fmt.Errorf("postgres: administer: %w: %w", journal.ErrCommitUnknown, w)
		}
		return nil
	case errors.As(err, &pg) && !fatal(pg), errors.Is(err, pgx.ErrTxCommitRollback):
		return fmt.Errorf("postgres: administer: %w", failed(err))
	}
	return fmt.Errorf("postgres: administer: %w: %w", journal.ErrCommitUnknown, err)
}

// rollbackTx gives up what was not committed.
func rollbackTx(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = tx.Rollback(ctx) // after a commit there is nothing to roll back
}

// Look reads rows, all of one moment.
func (db *DB) Look(ctx context.Context, needs record.Needs) (record.Snapshot, error) {
	var snap record.Snapshot
	err := db.reading(ctx, "look", func(tx pgx.Tx) (err error) {
		snap, err = look(ctx, tx, needs)
		return err
	})
	return snap, err
}

// reading reads in a transaction whose statements all see one moment; once more
// where the connection turns out to be lost.
func (db *DB) reading(ctx context.Context, what string, do func(pgx.Tx) error) error {
	read := func() error {
		return pgx.BeginTxFunc(ctx, db.read, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, do)
	}
	err := read()
	if lost(err) {
		db.read.Reset()
		err = read()
	}
	if err != nil {
		return fmt.Errorf("postgres: %s: %w", what, failed(err))
	}
	return nil
}

// look loads what needs name. Its statements may see different moments, unless
// tx sees to that.
func look(ctx context.Context, tx pgx.Tx, needs record.Needs) (record.Snapshot, error) {
	var now time.Time
	if err := tx.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return record.Snapshot{}, err
	}
	snap := record.NewSnapshot(now.UTC())
	var errs []error
	for _, id := range needs.Merchants {
		errs = append(errs, fetch(ctx, tx, table.Merchants, 1, func(m merchant.Merchant) { snap.Merchants[m.ID] = m }, id))
	}
	for _, k := range needs.Stores {
		errs = append(errs, fetch(ctx, tx, table.Stores, 2, func(s merchant.Store) { snap.Stores[k] = s }, k.MerchantID, k.ID))
	}
	for _, id := range needs.Terminals {
		errs = append(errs, fetch(ctx, tx, table.Counters, 3, func(t merchant.Terminal) { snap.Terminals[id] = t },
			id.MerchantID, id.StoreID, id.TerminalID))
	}
	for _, vpa := range needs.Payees {
		errs = append(errs, fetch(ctx, tx, table.Payees, 1, func(p merchant.Payee) { snap.Payees[vpa] = p }, string(vpa)))
	}
	for _, id := range needs.Providers {
		errs = append(errs,
			fetch(ctx, tx, table.AdminProviders, 1, func(p record.Provider) { snap.Providers[id] = p }, id),
			fetch(ctx, tx, table.ProviderMerchants, 1, func(m table.ProviderMerchant) {
				snap.Mappings[id] = append(snap.Mappings[id], m.MerchantID)
			}, id))
	}
	for _, id := range needs.Organisations {
		errs = append(errs, fetch(ctx, tx, table.AdminOrganisations, 1, func(o record.Organisation) { snap.Organisations[id] = o }, id))
	}
	for _, owner := range needs.Owners {
		keys, err := page(ctx, tx, table.KeyList, record.Page{Within: []string{owner}})
		if len(keys) > 0 {
			snap.Keys[owner] = keys
		}
		errs = append(errs, err)
	}
	for _, name := range needs.Tokens {
		errs = append(errs, fetch(ctx, tx, table.Tokens, 1, func(t record.Token) { snap.Tokens[name] = t }, name))
	}
	for _, k := range needs.Fees {
		errs = append(errs, fetch(ctx, tx, table.FeeRules, 2, func(f merchant.FeeRule) { snap.Fees[k] = f }, k.MerchantID, k.MCC))
	}
	return snap, errors.Join(errs...)
}

// fetch reads the rows whose first n columns of the key are these, in the order
// of the key.
func fetch[T any](ctx context.Context, tx pgx.Tx, t table.Table[T], n int, found func(T), key ...string) error {
	s := newShape(t)
	where, args := equal(t.Key[:n], key)
	rows, err := tx.Query(ctx, "SELECT "+s.names+" FROM "+t.Name+" WHERE "+where+" ORDER BY "+strings.Join(t.Key, ", "), args...)
	if err != nil {
		return err
	}
	all, err := s.all(rows)
	for _, v := range all {
		found(v)
	}
	return err
}

// equal is a condition on columns and its arguments, from $1 on.
func equal(columns, values []string) (where string, args []any) {
	conditions := []string{"true"}
	for i, v := range values {
		args = append(args, v)
		conditions = append(conditions, fmt.Sprintf("%s = $%d", columns[i], len(args)))
	}
	return strings.Join(conditions, " AND "), args
}

// queueChanges queues what is to be saved. A terminal's row is the only one that
// the write path locks too: it comes last, so that no batch waits for long.
func (db *DB) queueChanges(b *pgx.Batch, c record.Changes) error {
	if err := c.Check(); err != nil {
		return err
	}
	var mappings []table.ProviderMerchant
	for _, m := range c.NewMappings {
		mappings = append(mappings, table.ProviderMerchant(m))
	}
	for _, m := range c.OldMappings {
		b.Queue("WITH gone AS (DELETE FROM provider_merchants WHERE provider_id = $1 AND merchant_id = $2 RETURNING 1)"+
			" SELECT 1 / count(*) FROM gone", m.ProviderID, m.MerchantID)
	}
	queueFeesGone(b, c.OldFees)
	return errors.Join(
		put(b, table.Merchants, c.NewMerchants, c.Merchants), put(b, table.Stores, c.NewStores, c.Stores),
		put(b, table.Payees, c.NewPayees, c.Payees), put(b, table.AdminProviders, c.NewProviders, c.Providers),
		put(b, table.ProviderMerchants, mappings, nil), put(b, table.AdminOrganisations, c.NewOrganisations, c.Organisations),
		put(b, table.SaltKeys, table.SealKeys(db.box, c.NewKeys), nil), put(b, table.KeyTimes, nil, c.Keys),
		put(b, table.Tokens, c.NewTokens, c.Tokens), put(b, table.FeeRules, c.NewFees, c.Fees), queueAudit(b, c.Audit), put(b, table.Counters, c.NewTerminals, c.Terminals),
	)
}

// put queues new rows and changed ones. A changed row that is not there divides
// by zero, which ends the transaction.
func put[T any](b *pgx.Batch, t table.Table[T], added, changed []T) error {
	if err := errors.Join(t.Check(added), t.Check(changed)); err != nil {
		return err
	}
	s := newSaver(t)
	for i := range added {
		var args []any
		for _, c := range t.Columns {
			args = append(args, value(c, &added[i]))
		}
		b.Queue(s.insertOne, args...)
	}
	var set, where []string
	for i, c := range s.updated {
		travelled := cast(c.Kind, fmt.Sprintf("$%d::%s", i+1, types[c.Kind]))
		if i < len(t.Key) {
			where = append(where, c.Name+" = "+travelled)
		} else {
			set = append(set, c.Name+" = "+travelled)
		}
	}
	if t.Name == table.Terminals.Name {
		set = append(set, "version = version + 1") // the journal's compare-and-set
	}
	for i := range changed {
		var args []any
		for _, c := range s.updated {
			args = append(args, value(c, &changed[i]))
		}
		b.Queue("WITH changed AS (UPDATE "+t.Name+" SET "+strings.Join(set, ", ")+" WHERE "+strings.Join(where, " AND ")+
			" RETURNING 1) SELECT 1 / count(*) FROM changed", args...)
	}
	return nil
}

// queueAudit queues lines of the audit log, which get the ids that follow.
func queueAudit(b *pgx.Batch, lines []record.Entry) error {
	if err := table.Audit.Check(lines); err != nil {
		return err
	}
	columns := table.Audit.Columns[1:]
	var names, marks []string
	for i, c := range columns {
		names = append(names, c.Name)
		marks = append(marks, fmt.Sprintf("$%d::%s", i+1, types[c.Kind]))
	}
	for i := range lines {
		var args []any
		for _, c := range columns {
			args = append(args, value(c, &lines[i]))
		}
		b.Queue("INSERT INTO audit_log (id, "+strings.Join(names, ", ")+") SELECT coalesce(max(id), 0) + 1, "+
			strings.Join(marks, ", ")+" FROM audit_log", args...)
	}
	return nil
}
