package postgres

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
)

// saver writes the rows of one table: each kind of change has a statement for
// one row, and for many one or several (part).
type saver[T any] struct {
	table                 table.Table[T]
	insertOne, insertMany string
	updateOne, updateMany string
	inserts, updates      []part
	updated               []table.Column[T] // key, then what changes
}

// parts are the columns that inserts and updates of many rows name, the fewest
// first, where they need not name all.
type parts struct{ inserts, updates []string }

func newSaver[T any](t table.Table[T]) saver[T] { return newSaverInParts(t, parts{}) }

func newSaverInParts[T any](t table.Table[T], p parts) saver[T] {
	s := saver[T]{table: t, updated: append(slices.Clone(t.KeyColumns()), t.Changing()...)}
	var one []string
	for i, c := range t.Columns {
		one = append(one, cast(c.Kind, fmt.Sprintf("$%d::%s", i+1, types[c.Kind])))
	}
	s.insertOne = "INSERT INTO " + t.Name + " (" + strings.Join(t.Names(), ", ") + ") VALUES (" + strings.Join(one, ", ") + ")"
	for _, names := range append(p.inserts, strings.Join(t.Names(), " ")) {
		s.inserts = append(s.inserts, insertPart(t, named(t.Columns, names)))
	}
	s.insertMany = s.inserts[len(s.inserts)-1].text
	if !t.Versioned {
		return s
	}
	var set, where, all []string
	for i, c := range s.updated {
		travelled := fmt.Sprintf("$%d::%s", i+1, types[c.Kind])
		all = append(all, c.Name)
		if i < len(t.Key) {
			where = append(where, c.Name+" = "+travelled)
		} else {
			set = append(set, c.Name+" = "+cast(c.Kind, travelled))
		}
	}
	s.updateOne = fmt.Sprintf("WITH changed AS (UPDATE %s SET %s, version = version + 1 WHERE %s AND version = $%d::bigint RETURNING 1)"+
		" SELECT 1 / count(*) FROM changed", t.Name, strings.Join(set, ", "), strings.Join(where, " AND "), len(s.updated)+1)
	for _, names := range append(p.updates, strings.Join(all, " ")) {
		s.updates = append(s.updates, updatePart(t, s.updated, named(s.updated, strings.Join(t.Key, " ")+" "+names)))
	}
	s.updateMany = s.updates[len(s.updates)-1].text
	return s
}

// The statements, made once.
var (
	savePayments = newSaverInParts(table.Payments, parts{
		inserts: []string{newDisplayed, newForeign}, updates: []string{"hold_until", movedPayment + "attend_at asked_at", shownPayment, paidPayment}})
	saveEvents      = newSaver(table.Events)
	saveTerminals   = newSaverInParts(table.Terminals, parts{updates: []string{heardTerminal, toldTerminal, heardTerminal + toldTerminal}})
	saveQuotes      = newSaverInParts(table.Quotes, parts{updates: []string{assessedQuote, spentQuote, assessedQuote + spentQuote}})
	saveQuoteEvents = newSaver(table.QuoteEvents)
	saveMessages    = newSaver(table.Messages)
	saveReqPays     = newSaver(table.ReqPays)
	saveCredits     = newSaver(table.Credits)
	saveCallbacks   = newSaver(table.Callbacks)
	saveShort       = newSaver(table.ShortOrders)
	saveNetwork     = newSaver(table.NetworkRequests)
)

// insert queues new rows.
func (s saver[T]) insert(b *pgx.Batch, rows []T) error {
	var args []any
	switch len(rows) {
	case 0:
	case 1:
		for _, c := range s.table.Columns {
			args = append(args, value(c, &rows[0]))
		}
		b.Queue(s.insertOne, args...)
	default:
		p := smallest(s.inserts, filled(s.table.Columns, rows))
		for i, c := range s.table.Columns {
			if p.named[i] {
				args = append(args, values(c, rows))
			}
		}
		b.Queue(p.text, args...)
	}
	return s.table.Check(rows)
}

// update queues changed rows; were are the same as they were loaded.
func (s saver[T]) update(b *pgx.Batch, rows []T, were []locked[T]) error {
	var args []any
	switch len(rows) {
	case 0:
	case 1:
		for _, c := range s.updated {
			args = append(args, value(c, &rows[0]))
		}
		b.Queue(s.updateOne, append(args, were[0].version)...)
	default:
		p := smallest(s.updates, changed(s.updated, rows, were))
		for i, c := range s.updated {
			if p.named[i] {
				args = append(args, values(c, rows))
			}
		}
		versions := make([]int64, len(were))
		for i := range were {
			versions[i] = were[i].version
		}
		b.Queue(p.text, append(args, versions, int64(len(rows)))...)
	}
	return s.table.Check(rows)
}

// save queues all changes of a batch. New rows go in in the order of their
// unique keys, so that two controllers that add the same keys wait for each
// other and do not deadlock.
func save(b *pgx.Batch, l *loaded, c decide.Changes) error {
	slices.SortFunc(c.NewPayments, func(a, b payment.Payment) int {
		return cmp.Or(cmp.Compare(a.MerchantID, b.MerchantID), cmp.Compare(a.TransactionID, b.TransactionID))
	})
	slices.SortFunc(c.Messages, func(a, b decide.Message) int {
		return cmp.Or(cmp.Compare(a.OrgID, b.OrgID), cmp.Compare(a.MsgID, b.MsgID))
	})
	slices.SortFunc(c.NewReqPays, func(a, b decide.ReqPay) int {
		return cmp.Or(cmp.Compare(a.OrgID, b.OrgID), cmp.Compare(a.TxnID, b.TxnID))
	})
	slices.SortFunc(c.NewShort, func(a, b decide.ShortOrder) int {
		return cmp.Or(cmp.Compare(a.MerchantID, b.MerchantID), cmp.Compare(a.StoreID, b.StoreID), cmp.Compare(a.Code, b.Code))
	})
	slices.SortFunc(c.NewCredits, func(a, b decide.Credit) int {
		return cmp.Or(cmp.Compare(a.OrgID, b.OrgID), cmp.Compare(a.TxnID, b.TxnID))
	})
	terminals := make([]locked[fleet.Terminal], len(c.Terminals))
	for i, t := range c.Terminals {
		v, ok := l.terminals[t.Identity]
		if !ok {
			return notLoaded("terminal", t.Identity.String())
		}
		terminals[i] = v
	}
	payments := make([]locked[payment.Payment], len(c.Payments))
	for i, p := range c.Payments {
		v, ok := l.payments[p.ID]
		if !ok {
			return notLoaded("payment", p.ID)
		}
		payments[i] = v
	}
	quotes := make([]locked[quote.Quote], len(c.Quotes))
	for i, q := range c.Quotes {
		v, ok := l.quotes[q.Token]
		if !ok {
			return notLoaded("quote", "")
		}
		quotes[i] = v
	}
	short := make([]locked[decide.ShortOrder], len(c.Short))
	for i, o := range c.Short {
		v, ok := l.short[o.ShortKey]
		if !ok {
			return notLoaded("short order", "")
		}
		short[i] = v
	}
	credits := make([]locked[decide.Credit], len(c.Credits))
	for i, x := range c.Credits {
		v, ok := l.credits[x.TxnKey]
		if !ok {
			return notLoaded("credit", "")
		}
		credits[i] = v
	}
	reqPays := make([]locked[decide.ReqPay], len(c.ReqPays))
	for i, r := range c.ReqPays {
		v, ok := l.reqPays[r.TxnKey]
		if !ok {
			return notLoaded("ReqPay", "")
		}
		reqPays[i] = v
	}
	for _, err := range []error{
		savePayments.insert(b, c.NewPayments),
		saveMessages.insert(b, c.Messages),
		saveReqPays.insert(b, c.NewReqPays),
		saveCredits.insert(b, c.NewCredits),
		saveShort.insert(b, c.NewShort),
		saveNetwork.insert(b, c.Network),
		saveQuotes.insert(b, c.NewQuotes),
		saveEvents.insert(b, c.Events),
		saveQuoteEvents.insert(b, c.QuoteEvents),
		saveCallbacks.insert(b, c.Callbacks),
		saveTerminals.update(b, c.Terminals, terminals),
		savePayments.update(b, c.Payments, payments),
		saveQuotes.update(b, c.Quotes, quotes),
		saveShort.update(b, c.Short, short),
		saveCredits.update(b, c.Credits, credits),
		saveReqPays.update(b, c.ReqPays, reqPays),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func notLoaded(what, which string) error {
	return fmt.Errorf("%s %s is changed that was not loaded", what, which)
}
