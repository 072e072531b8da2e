package postgres

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// Payments finds payments; none where nothing fits. Everybody's are in the
// order that table.EverybodyWhere gives them.
func (db *DB) Payments(ctx context.Context, q journal.PaymentQuery) (all []payment.Payment, err error) {
	mark := func(n int) string { return "$" + strconv.Itoa(n) }
	at := func(t any) any { return t }
	where, args, ok := table.EverybodyWhere(q, mark, at)
	if !ok {
		where, args = table.PaymentWhere(q, "(merchant_id || '')", mark, at)
	}
	err = db.ask(ctx, "payments", func(c *pgxpool.Conn) (err error) {
		all, err = paymentShape.query(ctx, c, "SELECT "+paymentShape.names+" FROM transactions "+where, args...)
		return err
	})
	if errors.Is(err, journal.ErrText) { // what cannot be kept cannot be found
		return nil, nil
	}
	return all, err
}
