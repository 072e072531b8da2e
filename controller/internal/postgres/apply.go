package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

var (
	terminalShape = newShape(table.Terminals)
	paymentShape  = newShape(table.Payments)
	quoteShape    = newShape(table.Quotes)
	shortShape    = newShape(table.ShortOrders)
	creditShape   = newShape(table.Credits)
	reqPayShape   = newShape(table.ReqPays)
)

// The statements that lock and load. FOR UPDATE stands above the sort, so rows
// are locked in the order of their keys.
var (
	lockTerminal = "SELECT " + terminalShape.names + `, version FROM terminals
		WHERE merchant_id = $1 AND store_id = $2 AND terminal_id = $3 FOR UPDATE`
	lockTerminals = "SELECT " + terminalShape.names + `, version FROM terminals
		JOIN unnest($1::text[], $2::text[], $3::text[]) AS need (m, s, t) ON merchant_id = m AND store_id = s AND terminal_id = t
		ORDER BY merchant_id, store_id, terminal_id FOR UPDATE OF terminals`

	// The payments of a batch: those named ($1), those with a key ($2, $3), and
	// those that the terminals ($4, $5, $6), which are locked by now, show or
	// have waiting.
	lockPayments = "SELECT " + paymentShape.names + `, version FROM transactions WHERE id IN (
			SELECT unnest($1::text[])
			UNION SELECT t.id FROM unnest($2::text[], $3::text[]) AS need (m, k)
				JOIN transactions AS t ON t.merchant_id = m AND t.merchant_transaction_id = k
			UNION SELECT unnest(ARRAY[sale] || ARRAY(SELECT jsonb_array_elements_text(waiting)))
				FROM unnest($4::text[], $5::text[], $6::text[]) AS need (m, s, t)
				JOIN terminals ON merchant_id = m AND store_id = s AND terminal_id = t
		) ORDER BY id FOR UPDATE OF transactions`
	// The same for one terminal and one key, the needs of an init.
	lockPaymentsOfOne = "SELECT " + paymentShape.names + `, version FROM transactions WHERE id IN (
			SELECT t.id FROM transactions AS t WHERE t.merchant_id = $1 AND t.merchant_transaction_id = $2
			UNION ALL SELECT unnest(ARRAY[sale] || ARRAY(SELECT jsonb_array_elements_text(waiting)))
				FROM terminals WHERE merchant_id = $3 AND store_id = $4 AND terminal_id = $5
		) ORDER BY id FOR UPDATE OF transactions`

	lockQuotes = "SELECT " + quoteShape.names + `, version FROM qr_validations
		WHERE ver_token = ANY($1::text[]) ORDER BY ver_token FOR UPDATE`
	lockShort = "SELECT " + shortShape.names + `, version FROM short_orders
		JOIN unnest($1::text[], $2::text[], $3::text[]) AS need (m, s, c) ON merchant_id = m AND store_id = s AND short_order_id = c
		ORDER BY merchant_id, store_id, short_order_id FOR UPDATE OF short_orders`
	lockCredits = "SELECT " + creditShape.names + `, version FROM credits
		JOIN unnest($1::text[], $2::text[]) AS need (o, t) ON org_id = o AND txn_id = t
		ORDER BY org_id, txn_id FOR UPDATE OF credits`
	lockReqPays = "SELECT " + reqPayShape.names + `, version FROM req_pays
		JOIN unnest($1::text[], $2::text[]) AS need (o, t) ON org_id = o AND txn_id = t
		ORDER BY org_id, txn_id FOR UPDATE OF req_pays`
)

const (
	insertBatch  = "INSERT INTO batches (id) VALUES ($1)"
	findMessages = `SELECT org_id, msg_id FROM unnest($1::text[], $2::text[]) AS need (o, m)
		JOIN upi_messages ON org_id = o AND msg_id = m`
)

// loaded is a snapshot, and its rows as they were, whatever becomes of them there.
type loaded struct {
	snap      decide.Snapshot
	terminals map[protocol.Identity]locked[fleet.Terminal]
	payments  map[string]locked[payment.Payment]
	quotes    map[string]locked[quote.Quote]
	short     map[decide.ShortKey]locked[decide.ShortOrder]
	credits   map[decide.TxnKey]locked[decide.Credit]
	reqPays   map[decide.TxnKey]locked[decide.ReqPay]
}

// locked is a row that was locked and loaded, with its version. It shares no list
// with the row of the snapshot.
type locked[T any] struct {
	row     T
	version int64
}

// Apply is journal.Storage's.
func (db *DB) Apply(ctx context.Context, batch journal.BatchID, needs decide.Needs,
	run func(decide.Snapshot) (decide.Changes, error)) error {
	db.busy.RLock()
	defer db.busy.RUnlock()
	ctx, cancel := context.WithTimeout(ctx, applyLimit)
	defer cancel()
	pooled, err := db.write.Acquire(ctx)
	if err != nil {
		db.leave(err)
		return fmt.Errorf("postgres: %w: %w", journal.ErrAway, err)
	}
	var b *pgx.Batch
	defer func() {
		if b == nil { // also where run panics
			pooled.Release()
		}
	}()
	if b, err = prepare(ctx, pooled.Conn(), batch, needs, run); err != nil || b == nil {
		db.leave(err)
		return err
	}
	// The commit goes on where its answer is waited for no longer: what it waits for
	// may come, and to cut it off would not undo it (line). Until it is answered
	// it keeps its connection, so that there are only so many of them.
	done := make(chan error, 1)
	go func() {
		err := finish(db.life, pooled.Conn(), b)
		if pooled.Conn().IsClosed() {
			_ = pooled.Conn().PgConn().Conn().Close() // pgx would wait for the server to do that
		}
		pooled.Release()
		done <- err
	}()
	select {
	case err := <-done:
		db.leave(err)
		return err
	case <-ctx.Done():
		return fmt.Errorf("postgres: %w: %w", journal.ErrCommitUnknown, ctx.Err())
	}
}

// leave lets no connection be used again to a server that, as an error says, has
// gone or can be written to no more.
func (db *DB) leave(err error) {
	if gone(err) {
		db.write.Reset()
		db.read.Reset()
	}
}

// prepare does a batch up to its last part, which it returns; nil where there is
// nothing to save.
func prepare(ctx context.Context, conn *pgx.Conn, batch journal.BatchID, needs decide.Needs,
	run func(decide.Snapshot) (decide.Changes, error)) (*pgx.Batch, error) {
	l, err := load(ctx, conn, needs)
	if err != nil {
		return nil, undo(conn, err)
	}
	changes, err := run(l.snap)
	if err != nil || changes.Empty() {
		if back := rollback(conn); err == nil {
			err = back
		}
		return nil, err
	}
	b := &pgx.Batch{}
	if err := save(b, l, changes); err != nil {
		return nil, undo(conn, err)
	}
	b.Queue(insertBatch, uuid(batch))
	b.Queue("COMMIT")
	return b, nil
}

// finish sends the last part of a batch. The commit is part of it, so that only
// an error of the server's says for certain that it did not happen, and only its
// answer without a warning that it did and is where it must be.
func finish(ctx context.Context, conn *pgx.Conn, b *pgx.Batch) error {
	results := conn.SendBatch(ctx, b)
	var err error
	var tag pgconn.CommandTag
	for range b.Len() {
		if tag, err = results.Exec(); err != nil {
			break
		}
	}
	if closed := results.Close(); err == nil {
		err = closed
	}
	if err == nil && tag.String() == "COMMIT" {
		if err = warned(conn); err == nil {
			return nil
		}
		return fmt.Errorf("postgres: %w: %w", journal.ErrCommitUnknown, err)
	}
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return undo(conn, fmt.Errorf("the commit was answered %q", tag))
	case errors.As(err, &pg) && !fatal(pg):
		return undo(conn, err) // what comes after an error, the commit too, is skipped
	case !conn.IsClosed() && !errors.As(err, &pg):
		return undo(conn, err) // refused before it was sent
	}
	return fmt.Errorf("postgres: %w: %w", journal.ErrCommitUnknown, err)
}

// undo rolls back and says what the error means. Nothing was committed.
func undo(conn *pgx.Conn, err error) error {
	if back := rollback(conn); back != nil {
		return fmt.Errorf("%w (after %w)", back, err)
	}
	return fmt.Errorf("postgres: %w", failed(err))
}

// rollback ends the transaction, or the connection.
func rollback(conn *pgx.Conn) error {
	if !conn.IsClosed() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := conn.Exec(ctx, "ROLLBACK")
		if err == nil {
			return nil
		}
		_ = conn.Close(ctx) // its session ends with it
	}
	return fmt.Errorf("postgres: %w: connection lost", journal.ErrAway)
}

// load begins, locks and loads in one round trip.
func load(ctx context.Context, conn *pgx.Conn, needs decide.Needs) (*loaded, error) {
	l := &loaded{
		snap:      decide.NewSnapshot(time.Time{}),
		terminals: map[protocol.Identity]locked[fleet.Terminal]{}, payments: map[string]locked[payment.Payment]{},
		quotes: map[string]locked[quote.Quote]{}, short: map[decide.ShortKey]locked[decide.ShortOrder]{},
		credits: map[decide.TxnKey]locked[decide.Credit]{}, reqPays: map[decide.TxnKey]locked[decide.ReqPay]{},
	}
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	l.queue(b, needs)
	b.Queue("SELECT clock_timestamp()").QueryRow(func(row pgx.Row) error {
		err := row.Scan(&l.snap.Now)
		l.snap.Now = l.snap.Now.UTC()
		return err
	})
	return l, conn.SendBatch(ctx, b).Close()
}

// queue queues the statements that needs ask for.
func (l *loaded) queue(b *pgx.Batch, needs decide.Needs) {
	m, s, t := identities(needs.Terminals)
	switch len(needs.Terminals) {
	case 0:
	case 1:
		b.Queue(lockTerminal, m[0], s[0], t[0]).Query(l.readTerminals)
	default:
		b.Queue(lockTerminals, m, s, t).Query(l.readTerminals)
	}
	var owners, keys []string
	for _, k := range needs.Keys {
		owners, keys = append(owners, k.MerchantID), append(keys, k.TransactionID)
	}
	switch {
	case len(needs.Payments) == 0 && len(keys) == 1 && len(m) == 1:
		b.Queue(lockPaymentsOfOne, owners[0], keys[0], m[0], s[0], t[0]).Query(l.readPayments)
	case len(needs.Payments)+len(keys)+len(m) > 0:
		b.Queue(lockPayments, texts(needs.Payments), owners, keys, m, s, t).Query(l.readPayments)
	}
	if len(needs.Tokens) > 0 {
		b.Queue(lockQuotes, needs.Tokens).Query(l.readQuotes)
	}
	if len(needs.Short) > 0 {
		m, s, c := shortKeys(needs.Short)
		b.Queue(lockShort, m, s, c).Query(func(rows pgx.Rows) error {
			return lockedRows(rows, shortShape, func(o decide.ShortOrder, was locked[decide.ShortOrder]) {
				l.snap.Short[o.ShortKey], l.short[o.ShortKey] = o, was
			})
		})
	}
	if len(needs.Credits) > 0 {
		orgs, ids := txnKeys(needs.Credits)
		b.Queue(lockCredits, orgs, ids).Query(func(rows pgx.Rows) error {
			return lockedRows(rows, creditShape, func(c decide.Credit, was locked[decide.Credit]) {
				l.snap.Credits[c.TxnKey], l.credits[c.TxnKey] = c, was
			})
		})
	}
	if len(needs.Messages) > 0 {
		var orgs, ids []string
		for _, k := range needs.Messages {
			orgs, ids = append(orgs, k.OrgID), append(ids, k.MsgID)
		}
		b.Queue(findMessages, orgs, ids).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.Rows) error {
				var k decide.MessageKey
				err := row.Scan(&k.OrgID, &k.MsgID)
				l.snap.Messages[k] = true
				return err
			})
		})
	}
	if len(needs.Txns) > 0 {
		orgs, ids := txnKeys(needs.Txns)
		b.Queue(lockReqPays, orgs, ids).Query(func(rows pgx.Rows) error {
			return lockedRows(rows, reqPayShape, func(r decide.ReqPay, was locked[decide.ReqPay]) {
				l.snap.Txns[r.TxnKey], l.reqPays[r.TxnKey] = r, was
			})
		})
	}
}

func (l *loaded) readTerminals(rows pgx.Rows) error {
	return lockedRows(rows, terminalShape, func(t fleet.Terminal, was locked[fleet.Terminal]) {
		l.snap.Terminals[t.Identity], l.terminals[t.Identity] = t, was
	})
}

func (l *loaded) readPayments(rows pgx.Rows) error {
	return lockedRows(rows, paymentShape, func(p payment.Payment, was locked[payment.Payment]) {
		l.snap.Payments[p.ID], l.payments[p.ID] = p, was
		l.snap.Keys[p.Key] = p.ID
	})
}

func (l *loaded) readQuotes(rows pgx.Rows) error {
	return lockedRows(rows, quoteShape, func(q quote.Quote, was locked[quote.Quote]) {
		l.snap.Quotes[q.Token], l.quotes[q.Token] = q, was
	})
}

// lockedRows reads rows with their versions.
func lockedRows[T any](rows pgx.Rows, s shape[T], keep func(T, locked[T])) error {
	r := s.reader()
	return each(rows, func(row pgx.Rows) error {
		var v T
		var version int64
		if err := r.scan(row, &v, &version); err != nil {
			return err
		}
		was := locked[T]{v, version}
		for _, c := range s.columns {
			if c.Kind == table.List {
				c.SetList(&was.row, slices.Clone(c.List(&v)))
			}
		}
		keep(v, was)
		return nil
	})
}

func shortKeys(keys []decide.ShortKey) (m, s, c []string) {
	for _, k := range keys {
		m, s, c = append(m, k.MerchantID), append(s, k.StoreID), append(c, k.Code)
	}
	return m, s, c
}

func txnKeys(keys []decide.TxnKey) (orgs, ids []string) {
	for _, k := range keys {
		orgs, ids = append(orgs, k.OrgID), append(ids, k.TxnID)
	}
	return orgs, ids
}

func identities(ids []protocol.Identity) (m, s, t []string) {
	m, s, t = make([]string, len(ids)), make([]string, len(ids)), make([]string, len(ids))
	for i, id := range ids {
		m[i], s[i], t[i] = id.MerchantID, id.StoreID, id.TerminalID
	}
	return m, s, t
}

func uuid(id journal.BatchID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }

// texts is never nil, which would travel as NULL.
func texts(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}

// askBatch takes a batch's id, for good, so that a batch which comes late fails; or
// finds it taken, and says by whom: a batch's own row has a time. Either way it
// writes, so its commit waits for the standby, which then has the batch's, too.
const askBatch = `INSERT INTO batches (id, at) VALUES ($1, 'infinity')
	ON CONFLICT (id) DO UPDATE SET at = batches.at RETURNING isfinite(at)`

// Committed is journal.Storage's.
func (db *DB) Committed(ctx context.Context, batch journal.BatchID) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, committedLimit)
	defer cancel()
	cfg := db.config.Copy()
	wire(cfg, true)
	// It has to wait for the batch's own transaction, if that is still there; not for
	// so long that the server goes on with it after nobody asks any more.
	cfg.RuntimeParams["lock_timeout"] = committedWait
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return false, fmt.Errorf("postgres: %w: %w", journal.ErrAway, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var committed bool
	err = conn.QueryRow(ctx, askBatch, uuid(batch)).Scan(&committed)
	if err == nil {
		err = warned(conn)
	}
	if err != nil {
		return false, fmt.Errorf("postgres: batch %x: %w", batch, failed(err))
	}
	return committed, nil
}
