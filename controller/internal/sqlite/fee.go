package sqlite

import (
	"context"
	"fmt"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/merchant"
)

// FeePage lists the fee schedules, within a merchant. "" is any merchant.
func (db *DB) FeePage(ctx context.Context, p record.Page) ([]merchant.FeeRule, error) {
	return list(ctx, db, table.FeeList, p)
}

// removeFees takes rules away, which must be there.
func removeFees(ctx context.Context, w *writer, gone []record.FeeKey) error {
	for _, k := range gone {
		n, err := w.changed(ctx, "DELETE FROM fee_schedules WHERE merchant_id = ? AND mcc = ?", k.MerchantID, k.MCC)
		if err == nil && n != 1 {
			err = fmt.Errorf("%d rules were deleted, not 1", n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
