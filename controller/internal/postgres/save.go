package postgres

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// saver writes the rows of one table: each kind of change has a statement for
// one row and one for many.
type saver[T any] struct {
	table                 table.Table[T]
	insertOne, insertMany string
	updateOne, updateMany string
	updated               []table.Column[T] // key, then what changes
}

func newSaver[T any](t table.Table[T]) saver[T] {
	s := saver[T]{table: t, updated: append(slices.Clone(t.KeyColumns()), t.Changing()...)}
	var one, many, arrays []string
	for i, c := range t.Columns {
		one = append(one, cast(c.Kind, fmt.Sprintf("$%d::%s", i+1, types[c.Kind])))
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", i+1, types[c.Kind]))
		many = append(many, cast(c.Kind, "v."+c.Name))
	}
	names := strings.Join(t.Names(), ", ")
	head := "INSERT INTO " + t.Name + " (" + names + ") "
	s.insertOne = head + "VALUES (" + strings.Join(one, ", ") + ")"
	s.insertMany = head + "SELECT " + strings.Join(many, ", ") + " FROM unnest(" + strings.Join(arrays, ", ") + ") AS v (" + names + ")"
	if !t.Versioned {
		return s
	}
	var setOne, setMany, whereOne, whereMany, columns []string
	arrays = nil
	for i, c := range s.updated {
		travelled := fmt.Sprintf("$%d::%s", i+1, types[c.Kind])
		columns = append(columns, c.Name)
		arrays = append(arrays, travelled+"[]")
		if i < len(t.Key) {
			whereOne = append(whereOne, c.Name+" = "+travelled)
			whereMany = append(whereMany, "t."+c.Name+" = v."+c.Name)
		} else {
			setOne = append(setOne, c.Name+" = "+cast(c.Kind, travelled))
			setMany = append(setMany, c.Name+" = "+cast(c.Kind, "v."+c.Name))
		}
	}
	// A row whose version is not the one that was loaded divides by zero, which
	// ends the batch before its commit.
	last := len(s.updated) + 1
	s.updateOne = fmt.Sprintf("WITH changed AS (UPDATE %s SET %s, version = version + 1 WHERE %s AND version = $%d::bigint RETURNING 1)"+
		" SELECT 1 / count(*) FROM changed", t.Name, strings.Join(setOne, ", "), strings.Join(whereOne, " AND "), last)
	s.updateMany = fmt.Sprintf("WITH changed AS (UPDATE %s AS t SET %s, version = t.version + 1 FROM unnest(%s, $%d::bigint[]) AS v (%s, version)"+
		" WHERE %s AND t.version = v.version RETURNING 1) SELECT 1 / (count(*) = $%d)::int FROM changed",
		t.Name, strings.Join(setMany, ", "), strings.Join(arrays, ", "), last, strings.Join(columns, ", "),
		strings.Join(whereMany, " AND "), last+1)
	return s
}

// The statements, made once.
var (
	savePayments    = newSaver(table.Payments)
	saveEvents      = newSaver(table.Events)
	saveTerminals   = newSaver(table.Terminals)
	saveQuotes      = newSaver(table.Quotes)
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
		for _, c := range s.table.Columns {
			args = append(args, values(c, rows))
		}
		b.Queue(s.insertMany, args...)
	}
	return s.table.Check(rows)
}

// update queues changed rows with the versions that they were loaded in.
func (s saver[T]) update(b *pgx.Batch, rows []T, versions []int64) error {
	var args []any
	switch len(rows) {
	case 0:
	case 1:
		for _, c := range s.updated {
			args = append(args, value(c, &rows[0]))
		}
		b.Queue(s.updateOne, append(args, versions[0])...)
	default:
		for _, c := range s.updated {
			args = append(args, values(c, rows))
		}
		b.Queue(s.updateMany, append(args, versions, int64(len(rows)))...)
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
	terminals := make([]int64, len(c.Terminals))
	for i, t := range c.Terminals {
		v, ok := l.terminals[t.Identity]
		if !ok {
			return notLoaded("terminal", t.Identity.String())
		}
		terminals[i] = v
	}
	payments := make([]int64, len(c.Payments))
	for i, p := range c.Payments {
		v, ok := l.payments[p.ID]
		if !ok {
			return notLoaded("payment", p.ID)
		}
		payments[i] = v
	}
	quotes := make([]int64, len(c.Quotes))
	for i, q := range c.Quotes {
		v, ok := l.quotes[q.Token]
		if !ok {
			return notLoaded("quote", "")
		}
		quotes[i] = v
	}
	short := make([]int64, len(c.Short))
	for i, o := range c.Short {
		v, ok := l.short[o.ShortKey]
		if !ok {
			return notLoaded("short order", "")
		}
		short[i] = v
	}
	credits := make([]int64, len(c.Credits))
	for i, x := range c.Credits {
		v, ok := l.credits[x.TxnKey]
		if !ok {
			return notLoaded("credit", "")
		}
		credits[i] = v
	}
	reqPays := make([]int64, len(c.ReqPays))
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
