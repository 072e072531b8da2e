package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"sort"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// Apply is journal.Storage's. The whole database is locked from the start, so
// the order of the row locks is of no account here.
func (db *DB) Apply(ctx context.Context, batch journal.BatchID, needs decide.Needs,
	run func(decide.Snapshot) (decide.Changes, error)) error {
	w := db.writer
	return w.transact(ctx, func() error {
		loaded, err := w.load(ctx, needs)
		if err != nil {
			return failed(err)
		}
		changes, err := run(loaded.snap)
		if err != nil {
			return err
		}
		if changes.Empty() {
			return errNothing
		}
		if err := w.save(ctx, loaded, changes); err != nil {
			return failed(err)
		}
		if err := w.exec(ctx, "INSERT INTO batches (id, at) VALUES (?, ?)", batch[:], loaded.snap.Now.UnixMicro()); err != nil {
			return failed(err)
		}
		return nil
	})
}

// Committed is journal.Storage's.
func (db *DB) Committed(ctx context.Context, batch journal.BatchID) (bool, error) {
	other, err := open(db.path, "_txlock=immediate")
	if err != nil {
		return false, err
	}
	defer other.Close()
	_, err = other.ExecContext(ctx, "INSERT INTO batches (id, at) VALUES (?, ?)", batch[:], now().UnixMicro())
	switch {
	case err == nil:
		return false, nil
	case isUnique(err):
		return true, nil
	}
	return false, fmt.Errorf("sqlite: batch %x: %w", batch, err)
}

// loaded is a snapshot with the versions of its rows.
type loaded struct {
	snap      decide.Snapshot
	terminals map[protocol.Identity]int64
	payments  map[string]int64
	quotes    map[string]int64
	short     map[decide.ShortKey]int64
	credits   map[decide.TxnKey]int64
	reqPays   map[decide.TxnKey]int64
}

var (
	terminalShape = newShape(table.Terminals)
	paymentShape  = newShape(table.Payments)
	quoteShape    = newShape(table.Quotes)
	shortShape    = newShape(table.ShortOrders)
	creditShape   = newShape(table.Credits)
	reqPayShape   = newShape(table.ReqPays)

	lockTerminals = `SELECT ` + terminalShape.names + `, terminals.version FROM json_each(?) AS need CROSS JOIN terminals
		ON merchant_id = need.value ->> 0 AND store_id = need.value ->> 1 AND terminal_id = need.value ->> 2`
	lockPayments = `SELECT ` + paymentShape.names + `, transactions.version FROM json_each(?) AS need CROSS JOIN transactions
		ON transactions.id = need.value`
	lockQuotes = `SELECT ` + quoteShape.names + `, qr_validations.version FROM json_each(?) AS need CROSS JOIN qr_validations
		ON ver_token = need.value`
	lockShort = `SELECT ` + shortShape.names + `, short_orders.version FROM json_each(?) AS need CROSS JOIN short_orders
		ON merchant_id = need.value ->> 0 AND store_id = need.value ->> 1 AND short_order_id = need.value ->> 2`
	lockCredits = `SELECT ` + creditShape.names + `, credits.version FROM json_each(?) AS need CROSS JOIN credits
		ON org_id = need.value ->> 0 AND txn_id = need.value ->> 1`
	lockReqPays = `SELECT ` + reqPayShape.names + `, req_pays.version FROM json_each(?) AS need CROSS JOIN req_pays
		ON org_id = need.value ->> 0 AND txn_id = need.value ->> 1`
)

const (
	findKeys = `SELECT merchant_id, merchant_transaction_id, transactions.id FROM json_each(?) AS need CROSS JOIN transactions
		ON merchant_id = need.value ->> 0 AND merchant_transaction_id = need.value ->> 1`
	findMessages = `SELECT org_id, msg_id FROM json_each(?) AS need CROSS JOIN upi_messages
		ON org_id = need.value ->> 0 AND msg_id = need.value ->> 1`
)

func (w *writer) load(ctx context.Context, needs decide.Needs) (*loaded, error) {
	l := &loaded{
		snap:      decide.NewSnapshot(now()),
		terminals: map[protocol.Identity]int64{}, payments: map[string]int64{}, quotes: map[string]int64{},
		short: map[decide.ShortKey]int64{}, credits: map[decide.TxnKey]int64{}, reqPays: map[decide.TxnKey]int64{},
	}
	payments := map[string]bool{}
	for _, id := range needs.Payments {
		payments[id] = true
	}
	terminals, paid, quotes := terminalShape.reader(), paymentShape.reader(), quoteShape.reader()
	err := each(ctx, w.query, lockTerminals, tuples(needs.Terminals, identityTuple), func(row scanner) error {
		var t fleet.Terminal
		var version int64
		if err := terminals.scan(row, &t, &version); err != nil {
			return err
		}
		l.snap.Terminals[t.Identity], l.terminals[t.Identity] = t, version
		if t.Sale != "" {
			payments[t.Sale] = true
		}
		for _, id := range t.Waiting {
			payments[id] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, w.query, findKeys, tuples(needs.Keys, keyTuple),
		func(row scanner) error {
			var k payment.Key
			var id string
			if err := row.Scan(&k.MerchantID, &k.TransactionID, &id); err != nil {
				return err
			}
			payments[id] = true
			return nil
		})
	if err != nil {
		return nil, err
	}
	short, credits := shortShape.reader(), creditShape.reader()
	err = each(ctx, w.query, lockShort, tuples(needs.Short, shortTuple), func(row scanner) error {
		var o decide.ShortOrder
		var version int64
		err := short.scan(row, &o, &version)
		l.snap.Short[o.ShortKey], l.short[o.ShortKey] = o, version
		payments[o.PaymentID] = true
		return err
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, w.query, lockCredits, tuples(needs.Credits, txnTuple), func(row scanner) error {
		var c decide.Credit
		var version int64
		err := credits.scan(row, &c, &version)
		l.snap.Credits[c.TxnKey], l.credits[c.TxnKey] = c, version
		return err
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, w.query, lockPayments, sorted(payments), func(row scanner) error {
		var p payment.Payment
		var version int64
		if err := paid.scan(row, &p, &version); err != nil {
			return err
		}
		l.snap.Payments[p.ID], l.payments[p.ID] = p, version
		l.snap.Keys[p.Key] = p.ID
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, w.query, lockQuotes, needs.Tokens, func(row scanner) error {
		var q quote.Quote
		var version int64
		if err := quotes.scan(row, &q, &version); err != nil {
			return err
		}
		l.snap.Quotes[q.Token], l.quotes[q.Token] = q, version
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, w.query, findMessages, tuples(needs.Messages, func(k decide.MessageKey) []string { return []string{k.OrgID, k.MsgID} }),
		func(row scanner) error {
			var k decide.MessageKey
			err := row.Scan(&k.OrgID, &k.MsgID)
			l.snap.Messages[k] = true
			return err
		})
	if err != nil {
		return nil, err
	}
	reqPays := reqPayShape.reader()
	return l, each(ctx, w.query, lockReqPays, tuples(needs.Txns, txnTuple), func(row scanner) error {
		var r decide.ReqPay
		var version int64
		err := reqPays.scan(row, &r, &version)
		l.snap.Txns[r.TxnKey], l.reqPays[r.TxnKey] = r, version
		return err
	})
}

// query runs a query on the writer or on a reader.
type query func(ctx context.Context, text string, args ...any) (*sql.Rows, error)

// each asks for many keys at once, and for none not at all.
func each[K any](ctx context.Context, ask query, text string, keys []K, row func(scanner) error) error {
	if len(keys) == 0 {
		return nil
	}
	b, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	rows, err := ask(ctx, text, string(b))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func tuples[K any](keys []K, tuple func(K) []string) [][]string {
	var out [][]string
	for _, k := range keys {
		out = append(out, tuple(k))
	}
	return out
}

func identityTuple(id protocol.Identity) []string {
	return []string{id.MerchantID, id.StoreID, id.TerminalID}
}

func shortTuple(k decide.ShortKey) []string { return []string{k.MerchantID, k.StoreID, k.Code} }

func txnTuple(k decide.TxnKey) []string { return []string{k.OrgID, k.TxnID} }

func keyTuple(k payment.Key) []string { return []string{k.MerchantID, k.TransactionID} }

func sorted(set map[string]bool) []string {
	var out []string
	for k := range set {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
