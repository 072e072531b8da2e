package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// Payments finds payments; none where nothing fits. Everybody's are in the
// order that table.EverybodyWhere gives them.
func (db *DB) Payments(ctx context.Context, q journal.PaymentQuery) ([]payment.Payment, error) {
	where, args := paymentsWhere(q)
	rows, err := db.read.QueryContext(ctx, "SELECT "+paymentShape.names+" FROM transactions "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("sqlite: payments: %w", err)
	}
	all, err := paymentShape.all(rows)
	if err != nil {
		return nil, fmt.Errorf("sqlite: payments: %w", err)
	}
	return all, nil
}

func paymentsWhere(q journal.PaymentQuery) (where string, args []any) {
	mark, at := func(int) string { return "?" }, func(t any) any { return t.(time.Time).UnixMicro() }
	where, args, ok := table.EverybodyWhere(q, mark, at)
	if !ok {
		where, args = table.PaymentWhere(q, "merchant_id", mark, at)
	}
	return where, args
}
