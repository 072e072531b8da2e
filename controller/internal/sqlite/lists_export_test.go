package sqlite

import (
	"context"

	"github.com/galla-pay/galla/controller/internal/journal"
)

// PaymentsPlan is the plan of a list of payments.
func (db *DB) PaymentsPlan(ctx context.Context, q journal.PaymentQuery) (string, error) {
	where, args := paymentsWhere(q)
	return db.planOf(ctx, "SELECT "+paymentShape.names+" FROM transactions "+where, args...)
}

// CallbacksPlan is the plan of a list of callbacks.
func (db *DB) CallbacksPlan(ctx context.Context, q journal.CallbackQuery) (string, error) {
	q, after, err := q.Checked()
	if err != nil {
		return "", err
	}
	c := callbackConditions(q, after)
	return db.planOf(ctx, selectCallbacks+c.where()+callbackOrder(q)+" LIMIT ?", append(c.args, q.Limit)...)
}

func (db *DB) planOf(ctx context.Context, query string, args ...any) (plan string, err error) {
	rows, err := db.read.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var line string
		if err := rows.Scan(&id, &parent, &unused, &line); err != nil {
			return "", err
		}
		plan += line + "\n"
	}
	return plan, rows.Err()
}
