package table

import (
	"strings"

	"github.com/galla-pay/galla/controller/internal/journal"
)

// PaymentWhere renders a query as the end of a SELECT over transactions, from
// WHERE on, and its arguments. mark writes the n-th placeholder, at turns a
// time into what the database compares.
// merchant is the expression of merchant_id that the storage has an index of.
func PaymentWhere(q journal.PaymentQuery, merchant string, mark func(n int) string, at func(any) any) (text string, args []any) {
	conditions := []string{"true"}
	add := func(condition string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, strings.ReplaceAll(condition, "?", mark(len(args))))
	}
	for _, c := range []struct{ column, value string }{
		{merchant, q.MerchantID}, {"store_id", q.StoreID},
		{"merchant_transaction_id", q.TransactionID}, {"reference", q.Reference}, {"original", q.Original},
		{"state", string(q.State)},
	} {
		if c.value != "" {
			add(c.column+" = ?", c.value)
		}
	}
	if q.TerminalID != "" {
		add("? IN (terminal_id, context_terminal)", q.TerminalID)
	}
	if q.Amount != 0 {
		add("amount = ?", int64(q.Amount))
	}
	if !q.Since.IsZero() {
		add("created_at >= ?", at(q.Since))
	}
	if !q.Until.IsZero() {
		add("created_at < ?", at(q.Until))
	}
	order, than := " ORDER BY created_at, id", ">"
	if q.Newest {
		order, than = " ORDER BY created_at DESC, id DESC", "<"
	}
	if !q.AfterTime.IsZero() {
		args = append(args, at(q.AfterTime), q.AfterID)
		conditions = append(conditions, "(created_at, id) "+than+" ("+mark(len(args)-1)+", "+mark(len(args))+")")
	}
	limit := q.Limit
	if limit <= 0 || limit > 200 {
		limit = 200
	}
	args = append(args, limit)
	return "WHERE " + strings.Join(conditions, " AND ") + order + " LIMIT " + mark(len(args)), args
}
