package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

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

// beginReading opens a transaction whose statements all see one moment.
const beginReading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

var (
	eventShape = newShape(table.Events)

	selectPayment = "SELECT " + paymentShape.names + " FROM transactions WHERE "
)

// Payment finds a payment of a merchant by the merchant's id, else by ours, or
// returns journal.ErrNotFound. Another merchant's is not found.
func (db *DB) Payment(ctx context.Context, merchantID, id string) (payment.Payment, error) {
	all, err := some(ctx, db, paymentShape, "payment", selectPayment+"merchant_id = $1 AND merchant_transaction_id = $2 UNION ALL "+
		selectPayment+"id = $2 AND merchant_id = $1", merchantID, id)
	if err != nil {
		return payment.Payment{}, err
	}
	p, _ := table.Prefer(all, id)
	return p, nil
}

// PaymentByID finds a payment by our id, or returns journal.ErrNotFound.
func (db *DB) PaymentByID(ctx context.Context, id string) (payment.Payment, error) {
	return first(ctx, db, paymentShape, "payment", selectPayment+"id = $1", id)
}

// Quote finds a quote by its token, or returns journal.ErrNotFound.
func (db *DB) Quote(ctx context.Context, token string) (quote.Quote, error) {
	return first(ctx, db, quoteShape, "quote", "SELECT "+quoteShape.names+" FROM qr_validations WHERE ver_token = $1", token)
}

// Terminal finds a terminal, or returns journal.ErrNotFound.
func (db *DB) Terminal(ctx context.Context, id protocol.Identity) (fleet.Terminal, error) {
	return first(ctx, db, terminalShape, "terminal", "SELECT "+terminalShape.names+
		" FROM terminals WHERE merchant_id = $1 AND store_id = $2 AND terminal_id = $3",
		id.MerchantID, id.StoreID, id.TerminalID)
}

func first[T any](ctx context.Context, db *DB, s shape[T], what, query string, args ...any) (T, error) {
	all, err := some(ctx, db, s, what, query, args...)
	if err != nil {
		var none T
		return none, err
	}
	return all[0], nil
}

// some reads one row at least, or returns journal.ErrNotFound.
func some[T any](ctx context.Context, db *DB, s shape[T], what, query string, args ...any) (all []T, err error) {
	err = db.ask(ctx, what, func(c *pgxpool.Conn) (err error) {
		if all, err = s.query(ctx, c, query, args...); err == nil && len(all) == 0 {
			err = journal.ErrNotFound
		}
		return err
	})
	if errors.Is(err, journal.ErrText) { // what cannot be kept cannot be found
		err = fmt.Errorf("postgres: %s: %w", what, journal.ErrNotFound)
	}
	return all, err
}

const (
	wantedTerminals = `FROM unnest($1::text[], $2::text[], $3::text[]) AS need (m, s, t)
		JOIN terminals ON merchant_id = m AND store_id = s AND terminal_id = t`
	wantedPayments = "id IN (SELECT unnest(ARRAY[sale, result]) " + wantedTerminals + ")"
)

// Wanted reads terminals with the payments that their wanted states name, all
// of one moment, in one round trip. Those that do not exist are left out.
func (db *DB) Wanted(ctx context.Context, ids []protocol.Identity) (all []decide.Wanted, err error) {
	m, s, t := identities(ids)
	err = db.ask(ctx, "wanted", func(c *pgxpool.Conn) error {
		found := table.NewWanted(ids)
		var now time.Time
		b := &pgx.Batch{}
		b.Queue(beginReading)
		b.Queue("SELECT "+terminalShape.names+", coalesce(merchants.name, ''), coalesce(merchants.edc, false) "+wantedTerminals+
			" LEFT JOIN merchants ON merchants.id = merchant_id", m, s, t).Query(func(rows pgx.Rows) error {
			r := terminalShape.reader()
			return each(rows, func(row pgx.Rows) error {
				var t fleet.Terminal
				var name string
				var edc bool
				err := r.scan(row, &t, &name, &edc)
				found.Terminal(t, name, edc)
				return err
			})
		})
		b.Queue(selectPayment+wantedPayments, m, s, t).Query(func(rows pgx.Rows) error {
			payments, err := paymentShape.all(rows)
			for _, p := range payments {
				found.Payment(p)
			}
			return err
		})
		b.Queue("SELECT clock_timestamp()").QueryRow(func(row pgx.Row) error { return row.Scan(&now) })
		b.Queue("COMMIT")
		err := c.SendBatch(ctx, b).Close()
		all = found.All(now.UTC())
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

const selectUnacked = `SELECT merchant_id, store_id, terminal_id FROM terminals
	WHERE seq > acked_seq AND public_key IS NOT NULL AND token_hash IS NOT NULL AND gone_at IS NULL
		AND last_seen > clock_timestamp() - $2::interval
	ORDER BY merchant_id, store_id, terminal_id LIMIT $1`

// Unacked lists terminals that are enrolled and present and have not stored
// their newest state, at most limit.
func (db *DB) Unacked(ctx context.Context, limit int) (ids []protocol.Identity, err error) {
	err = db.ask(ctx, "unacked", func(c *pgxpool.Conn) error {
		ids = nil
		rows, err := c.Query(ctx, selectUnacked, limit, fleet.Silence)
		if err != nil {
			return err
		}
		return each(rows, appendIdentity(&ids))
	})
	return ids, err
}

func appendIdentity(ids *[]protocol.Identity) func(pgx.Rows) error {
	return func(row pgx.Rows) error {
		var id protocol.Identity
		err := row.Scan(&id.MerchantID, &id.StoreID, &id.TerminalID)
		*ids = append(*ids, id)
		return err
	}
}

const (
	duePayments = "SELECT id FROM transactions WHERE " + unpaid + " AND expires_at <= now() ORDER BY expires_at LIMIT $1"

	// waitingTerminals are the terminals that have sales waiting, with the time
	// from which on the first of these may take the place of the shown one; NULL
	// while a customer pays that, or where sales wait their turn.
	waitingTerminals = `SELECT t.merchant_id, t.store_id, t.terminal_id,
			CASE WHEN sale.state IS NULL THEN '-infinity'::timestamptz WHEN sale.state = 'in_progress' THEN NULL
				WHEN sale.` + unpaid + ` THEN CASE WHEN t.busy = 'replace' OR t.busy = '' AND sale.solution = 'DQR_DEVICE'
					THEN coalesce(sale.hold_until, '-infinity') END ELSE '-infinity' END AS free_at
		FROM terminals AS t LEFT JOIN transactions AS sale ON sale.id = t.sale
		WHERE t.waiting <> '[]'`
	dueTerminals = "SELECT merchant_id, store_id, terminal_id FROM (" + waitingTerminals +
		") AS w WHERE free_at <= now() ORDER BY merchant_id, store_id, terminal_id LIMIT $1"

	dueHolds = `SELECT org_id, txn_id, transaction_id, ver_token FROM req_pays
		WHERE due_at <= now() - interval '1 second' ORDER BY due_at LIMIT $1`
	dueAttempts = "SELECT id FROM transactions WHERE attend_at <= now() ORDER BY attend_at LIMIT $1"

	nextDue = "SELECT now(), least((SELECT min(attend_at) FROM transactions WHERE attend_at > now()), " +
		"(SELECT min(due_at) + interval '1 second' FROM req_pays WHERE due_at > now() - interval '1 second'), (SELECT expires_at FROM transactions WHERE " + unpaid + ` AND expires_at > now()
			ORDER BY expires_at LIMIT 1), (SELECT min(free_at) FROM (` + waitingTerminals + ") AS w WHERE free_at > now()))"
)

// Due finds what time alone has made due, at most limit of each kind, and when
// the next will be.
func (db *DB) Due(ctx context.Context, limit int) (due journal.Due, err error) {
	err = db.ask(ctx, "due", func(c *pgxpool.Conn) error {
		due = journal.Due{}
		var at time.Time
		var next *time.Time
		b := &pgx.Batch{}
		b.Queue(beginReading)
		b.Queue(duePayments, limit).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.Rows) error {
				var id string
				err := row.Scan(&id)
				due.Payments = append(due.Payments, id)
				return err
			})
		})
		b.Queue(dueAttempts, limit).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.Rows) error {
				var id string
				err := row.Scan(&id)
				due.Attempts = append(due.Attempts, id)
				return err
			})
		})
		b.Queue(dueHolds, limit).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.Rows) error {
				var h decide.Hold
				err := row.Scan(&h.OrgID, &h.TxnID, &h.PaymentID, &h.Token)
				due.Holds = append(due.Holds, h)
				return err
			})
		})
		b.Queue(dueTerminals, limit).Query(func(rows pgx.Rows) error { return each(rows, appendIdentity(&due.Terminals)) })
		b.Queue(nextDue).QueryRow(func(row pgx.Row) error { return row.Scan(&at, &next) })
		b.Queue("COMMIT")
		err := c.SendBatch(ctx, b).Close()
		if err == nil && next != nil {
			due.Next, due.HasNext = next.Sub(at), true
		}
		return err
	})
	return due, err
}

// What references lead to, with the terminal of each payment in the same row, so
// that none is looked up twice. The payment of a quote that has none is not looked
// for: nothing equals NULL.
const (
	resolveTokens = `SELECT ver_token, transaction_id, coalesce(t.merchant_id, ''), coalesce(t.store_id, ''), coalesce(t.terminal_id, '')
		FROM qr_validations LEFT JOIN transactions AS t ON t.id = nullif(transaction_id, '')
		WHERE ver_token = ANY($1::text[])`
	resolveKeys = `SELECT merchant_transaction_id, id, merchant_id, store_id, terminal_id FROM unnest($1::text[], $2::text[]) AS need (m, k)
		JOIN transactions ON merchant_id = m AND merchant_transaction_id = k`
	resolveShort = `SELECT o.short_order_id, o.merchant_id, o.store_id, o.transaction_id, coalesce(t.terminal_id, '')
		FROM unnest($1::text[], $2::text[], $3::text[]) AS need (m, s, c)
		JOIN short_orders AS o ON o.merchant_id = m AND o.store_id = s AND o.short_order_id = c
		LEFT JOIN transactions AS t ON t.id = o.transaction_id`
	resolvePayments = "SELECT id, merchant_id, store_id, terminal_id FROM transactions WHERE id = ANY($1::text[])"
)

// Resolve is journal.Storage's.
func (db *DB) Resolve(ctx context.Context, needs decide.Needs) (journal.Resolved, error) {
	ctx, cancel := context.WithTimeout(ctx, applyLimit)
	defer cancel()
	r := journal.NewResolved()
	b := &pgx.Batch{}
	queueResolve(b, needs, r)
	if b.Len() == 0 {
		return r, nil
	}
	// A writer's connection: these statements go by index whatever is known of
	// the tables.
	pooled, err := db.write.Acquire(ctx)
	if err != nil {
		return r, fmt.Errorf("postgres: resolve: %w: %w", journal.ErrAway, err)
	}
	defer pooled.Release()
	if err := pooled.SendBatch(ctx, b).Close(); err != nil {
		return r, fmt.Errorf("postgres: resolve: %w", failed(err))
	}
	return r, nil
}

// queueResolve queues what needs ask for. Every answer says which terminal a payment
// is for; "" says none.
func queueResolve(b *pgx.Batch, needs decide.Needs, r journal.Resolved) {
	terminal := func(payment string, t protocol.Identity) {
		if t.TerminalID != "" {
			r.Terminals[payment] = t
		}
	}
	if len(needs.Tokens) > 0 {
		b.Queue(resolveTokens, needs.Tokens).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.Rows) error {
				var token, id string
				var t protocol.Identity
				err := row.Scan(&token, &id, &t.MerchantID, &t.StoreID, &t.TerminalID)
				r.Tokens[token] = id
				terminal(id, t)
				return err
			})
		})
	}
	if len(needs.Keys) > 0 {
		var owners, keys []string
		for _, k := range needs.Keys {
			owners, keys = append(owners, k.MerchantID), append(keys, k.TransactionID)
		}
		b.Queue(resolveKeys, owners, keys).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.Rows) error {
				var key, id string
				var t protocol.Identity
				err := row.Scan(&key, &id, &t.MerchantID, &t.StoreID, &t.TerminalID)
				r.Keys[payment.Key{MerchantID: t.MerchantID, TransactionID: key}] = id
				terminal(id, t)
				return err
			})
		})
	}
	if len(needs.Short) > 0 {
		m, s, c := shortKeys(needs.Short)
		b.Queue(resolveShort, m, s, c).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.Rows) error {
				var id, code string
				var t protocol.Identity
				err := row.Scan(&code, &t.MerchantID, &t.StoreID, &id, &t.TerminalID)
				r.Short[decide.ShortKey{MerchantID: t.MerchantID, StoreID: t.StoreID, Code: code}] = id
				terminal(id, t)
				return err
			})
		})
	}
	if len(needs.Payments) > 0 {
		b.Queue(resolvePayments, needs.Payments).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.Rows) error {
				var id string
				var t protocol.Identity
				err := row.Scan(&id, &t.MerchantID, &t.StoreID, &t.TerminalID)
				terminal(id, t)
				return err
			})
		})
	}
}
