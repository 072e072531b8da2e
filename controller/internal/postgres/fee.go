package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/merchant"
)

// FeePage lists the fee schedules, within a merchant. "" is any merchant.
func (db *DB) FeePage(ctx context.Context, p record.Page) ([]merchant.FeeRule, error) {
	return list(ctx, db, table.FeeList, p)
}

// queueFeesGone takes rules away. One that is not there divides by zero, which
// ends the transaction.
func queueFeesGone(b *pgx.Batch, gone []record.FeeKey) {
	for _, k := range gone {
		b.Queue("WITH gone AS (DELETE FROM fee_schedules WHERE merchant_id = $1 AND mcc = $2 RETURNING 1)"+
			" SELECT 1 / count(*) FROM gone", k.MerchantID, k.MCC)
	}
}
