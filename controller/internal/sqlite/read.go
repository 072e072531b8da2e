package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// unpaid is package payment's State.Unpaid in SQL.
const unpaid = "state IN ('created', 'handed_over', 'presented')"

var (
	eventShape = newShape(table.Events)

	selectPayment = "SELECT " + paymentShape.names + " FROM transactions WHERE "
)

// Payment finds a payment of a merchant by the merchant's id, else by ours, or
// returns journal.ErrNotFound. Another merchant's is not found.
func (db *DB) Payment(ctx context.Context, merchantID, id string) (payment.Payment, error) {
	all, err := some(ctx, db, paymentShape, selectPayment+`merchant_id = ?1 AND merchant_transaction_id = ?2
		UNION ALL `+selectPayment+`id = ?2 AND merchant_id = ?1`, "payment", merchantID, id)
	if err != nil {
		return payment.Payment{}, err
	}
	p, _ := table.Prefer(all, id)
	return p, nil
}

// PaymentByID finds a payment by our id, or returns journal.ErrNotFound.
func (db *DB) PaymentByID(ctx context.Context, id string) (payment.Payment, error) {
	return first(ctx, db, paymentShape, selectPayment+"id = ?", "payment", id)
}

// Events are a payment's events in order; none where there is no such payment.
func (db *DB) Events(ctx context.Context, paymentID string) ([]payment.Record, error) {
	rows, err := db.read.QueryContext(ctx, "SELECT "+eventShape.names+
		" FROM transaction_events WHERE transaction_id = ? ORDER BY seq", paymentID)
	if err != nil {
		return nil, fmt.Errorf("sqlite: events: %w", err)
	}
	events, err := eventShape.all(rows)
	if err != nil {
		return nil, fmt.Errorf("sqlite: events: %w", err)
	}
	return events, nil
}

// Quote finds a quote by its token, or returns journal.ErrNotFound.
func (db *DB) Quote(ctx context.Context, token string) (quote.Quote, error) {
	return first(ctx, db, quoteShape, "SELECT "+quoteShape.names+" FROM qr_validations WHERE ver_token = ?", "quote", token)
}

// Terminal finds a terminal, or returns journal.ErrNotFound.
func (db *DB) Terminal(ctx context.Context, id protocol.Identity) (fleet.Terminal, error) {
	return first(ctx, db, terminalShape, "SELECT "+terminalShape.names+
		" FROM terminals WHERE merchant_id = ? AND store_id = ? AND terminal_id = ?", "terminal",
		id.MerchantID, id.StoreID, id.TerminalID)
}

func first[T any](ctx context.Context, db *DB, s shape[T], query, what string, args ...any) (T, error) {
	all, err := some(ctx, db, s, query, what, args...)
	if err != nil {
		var none T
		return none, err
	}
	return all[0], nil
}

// some reads one row at least, or returns journal.ErrNotFound.
func some[T any](ctx context.Context, db *DB, s shape[T], query, what string, args ...any) ([]T, error) {
	rows, err := db.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %s: %w", what, err)
	}
	all, err := s.all(rows)
	switch {
	case err != nil:
		return nil, fmt.Errorf("sqlite: %s: %w", what, err)
	case len(all) == 0:
		return nil, fmt.Errorf("sqlite: %s: %w", what, journal.ErrNotFound)
	}
	return all, nil
}

// Wanted reads terminals with the payments that their wanted states name, all
// of one moment. Those that do not exist are left out.
func (db *DB) Wanted(ctx context.Context, ids []protocol.Identity) ([]decide.Wanted, error) {
	tx, err := db.read.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("sqlite: wanted: %w", err)
	}
	defer tx.Rollback() // it has only read
	found := table.NewWanted(ids)
	terminals, payments := terminalShape.reader(), paymentShape.reader()
	err = each(ctx, tx.QueryContext, `SELECT `+terminalShape.names+`, coalesce(merchants.name, ''), coalesce(merchants.edc, 0)
		FROM json_each(?) AS need CROSS JOIN terminals
			ON merchant_id = need.value ->> 0 AND store_id = need.value ->> 1 AND terminal_id = need.value ->> 2
		LEFT JOIN merchants ON merchants.id = merchant_id`, tuples(ids, identityTuple), func(row scanner) error {
		var t fleet.Terminal
		var name string
		var edc bool
		err := terminals.scan(row, &t, &name, &edc)
		found.Terminal(t, name, edc)
		return err
	})
	if err == nil {
		err = each(ctx, tx.QueryContext, lockPayments, found.Needs(), func(row scanner) error {
			var p payment.Payment
			var version int64
			err := payments.scan(row, &p, &version)
			found.Payment(p)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("sqlite: wanted: %w", err)
	}
	return found.All(now()), nil
}

// Unacked lists terminals that are enrolled and present and have not stored
// their newest state, at most limit.
func (db *DB) Unacked(ctx context.Context, limit int) ([]protocol.Identity, error) {
	rows, err := db.read.QueryContext(ctx, `SELECT merchant_id, store_id, terminal_id FROM terminals
		WHERE seq > acked_seq AND public_key IS NOT NULL AND token_hash IS NOT NULL AND gone_at IS NULL
			AND last_seen > ?
		ORDER BY merchant_id, store_id, terminal_id LIMIT ?`, now().Add(-fleet.Silence).UnixMicro(), limit)
	if err != nil {
		return nil, fmt.Errorf("sqlite: unacked: %w", err)
	}
	ids, err := identities(rows)
	if err != nil {
		return nil, fmt.Errorf("sqlite: unacked: %w", err)
	}
	return ids, nil
}

func identities(rows *sql.Rows) ([]protocol.Identity, error) {
	defer rows.Close()
	var ids []protocol.Identity
	for rows.Next() {
		var id protocol.Identity
		if err := rows.Scan(&id.MerchantID, &id.StoreID, &id.TerminalID); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// Due finds what time alone has made due, at most limit of each kind, and when
// the next will be.
func (db *DB) Due(ctx context.Context, limit int) (journal.Due, error) {
	due, err := db.due(ctx, limit)
	if err != nil {
		return journal.Due{}, fmt.Errorf("sqlite: due: %w", err)
	}
	return due, nil
}

func (db *DB) due(ctx context.Context, limit int) (journal.Due, error) {
	var due journal.Due
	tx, err := db.read.BeginTx(ctx, nil)
	if err != nil {
		return due, err
	}
	defer tx.Rollback() // it has only read
	at := now()
	rows, err := tx.QueryContext(ctx, "SELECT id FROM transactions WHERE "+unpaid+
		" AND expires_at <= ? ORDER BY expires_at LIMIT ?", at.UnixMicro(), limit)
	if err != nil {
		return due, err
	}
	if due.Payments, err = column(rows); err != nil {
		return due, err
	}
	rows, err = tx.QueryContext(ctx, "SELECT id FROM transactions WHERE attend_at <= ? ORDER BY attend_at LIMIT ?", at.UnixMicro(), limit)
	if err != nil {
		return due, err
	}
	if due.Attempts, err = column(rows); err != nil {
		return due, err
	}
	if due.Holds, err = dueHolds(ctx, tx, at, limit); err != nil {
		return due, err
	}
	rows, err = tx.QueryContext(ctx, `SELECT merchant_id, store_id, terminal_id FROM (`+waitingTerminals+`)
		WHERE free_at <= ? ORDER BY merchant_id, store_id, terminal_id LIMIT ?`, at.UnixMicro(), limit)
	if err != nil {
		return due, err
	}
	if due.Terminals, err = identities(rows); err != nil {
		return due, err
	}
	var next sql.NullInt64
	err = tx.QueryRowContext(ctx, `SELECT min(next) FROM (
		SELECT min(expires_at) AS next FROM transactions WHERE `+unpaid+` AND expires_at > ?1
		UNION ALL SELECT min(attend_at) FROM transactions WHERE attend_at > ?1
		UNION ALL SELECT min(due_at) + 1000000 FROM req_pays WHERE due_at > ?1 - 1000000
		UNION ALL SELECT min(free_at) FROM (`+waitingTerminals+`) WHERE free_at > ?1)`, at.UnixMicro()).Scan(&next)
	if err != nil {
		return due, err
	}
	if due.HasNext = next.Valid; due.HasNext {
		due.Next = instant(next).Sub(at)
	}
	return due, nil
}

// dueHolds finds messages that are a second past the time of their answer.
func dueHolds(ctx context.Context, tx *sql.Tx, at time.Time, limit int) ([]decide.Hold, error) {
	rows, err := tx.QueryContext(ctx, `SELECT org_id, txn_id, transaction_id, ver_token FROM req_pays
		WHERE due_at <= ? ORDER BY due_at LIMIT ?`, at.Add(-time.Second).UnixMicro(), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var holds []decide.Hold
	for rows.Next() {
		var h decide.Hold
		if err := rows.Scan(&h.OrgID, &h.TxnID, &h.PaymentID, &h.Token); err != nil {
			return nil, err
		}
		holds = append(holds, h)
	}
	return holds, rows.Err()
}

// column reads rows of one text.
func column(rows *sql.Rows) ([]string, error) {
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, rows.Err()
}

// waitingTerminals are the terminals that have sales waiting, with the time
// from which on the first of these may take the place of the shown one; NULL
// while a customer pays that, or where sales wait their turn.
const waitingTerminals = `SELECT terminals.merchant_id, terminals.store_id, terminals.terminal_id,
		CASE WHEN sale.state IS NULL THEN 0 WHEN sale.state = 'in_progress' THEN NULL
			WHEN sale.` + unpaid + ` THEN CASE WHEN terminals.busy = 'replace' OR terminals.busy = '' AND sale.solution = 'DQR_DEVICE'
				THEN coalesce(sale.hold_until, 0) END ELSE 0 END AS free_at
	FROM terminals LEFT JOIN transactions AS sale ON sale.id = terminals.sale
	WHERE terminals.waiting <> '[]'`

// Resolve is journal.Storage's.
func (db *DB) Resolve(ctx context.Context, needs decide.Needs) (journal.Resolved, error) {
	r, err := db.resolve(ctx, needs)
	if err != nil {
		return journal.Resolved{}, fmt.Errorf("sqlite: resolve: %w", err)
	}
	return r, nil
}

func (db *DB) resolve(ctx context.Context, needs decide.Needs) (journal.Resolved, error) {
	r := journal.NewResolved()
	ask := query(db.read.QueryContext)
	payments := map[string]bool{}
	for _, id := range needs.Payments {
		payments[id] = true
	}
	err := each(ctx, ask, "SELECT ver_token, transaction_id FROM json_each(?) AS need CROSS JOIN qr_validations ON ver_token = need.value",
		needs.Tokens, func(row scanner) error {
			var token, id string
			err := row.Scan(&token, &id)
			r.Tokens[token] = id
			if id != "" {
				payments[id] = true
			}
			return err
		})
	if err != nil {
		return r, err
	}
	err = each(ctx, ask, findKeys, tuples(needs.Keys, keyTuple), func(row scanner) error {
		var k payment.Key
		var id string
		err := row.Scan(&k.MerchantID, &k.TransactionID, &id)
		r.Keys[k] = id
		payments[id] = true
		return err
	})
	if err != nil {
		return r, err
	}
	err = each(ctx, ask, `SELECT merchant_id, store_id, short_order_id, transaction_id FROM json_each(?) AS need CROSS JOIN short_orders
		ON merchant_id = need.value ->> 0 AND store_id = need.value ->> 1 AND short_order_id = need.value ->> 2`,
		tuples(needs.Short, shortTuple), func(row scanner) error {
			var k decide.ShortKey
			var id string
			err := row.Scan(&k.MerchantID, &k.StoreID, &k.Code, &id)
			r.Short[k] = id
			payments[id] = true
			return err
		})
	if err != nil {
		return r, err
	}
	return r, each(ctx, ask, `SELECT transactions.id, merchant_id, store_id, terminal_id FROM json_each(?) AS need
		CROSS JOIN transactions ON transactions.id = need.value WHERE terminal_id <> ''`, sorted(payments), func(row scanner) error {
		var id string
		var t protocol.Identity
		err := row.Scan(&id, &t.MerchantID, &t.StoreID, &t.TerminalID)
		r.Terminals[id] = t
		return err
	})
}
