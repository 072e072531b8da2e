package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/payment"
)

var settledShape = newShape(table.Settled)

// Settled hands over the payments and refunds that succeeded from one time on and
// before another, of one merchant where merchantID is not "": merchant by merchant,
// and within one as they ended, by our ids where that was together. They are all of
// one moment, and are read as they are handed over; the columns are table.Settled's.
//
// An error of each ends it, and is returned as it is.
func (db *DB) Settled(ctx context.Context, merchantID string, from, until time.Time, each func(payment.Payment) error) error {
	// A connection of its own, which sorts a large day in a file: the others keep
	// what they sort in memory.
	own, err := open(db.path, "_pragma=query_only(1)")
	if err != nil {
		return err
	}
	defer own.Close()
	own.SetMaxOpenConns(1)
	if _, err := own.ExecContext(ctx, "PRAGMA temp_store = FILE"); err != nil {
		return fmt.Errorf("sqlite: settled: %w", err)
	}
	query := "SELECT " + settledShape.names + " FROM transactions WHERE state = 'succeeded' AND ended_at >= ? AND ended_at < ?"
	args := []any{from.UnixMicro(), until.UnixMicro()}
	if merchantID != "" {
		// The bare column would go by another index, over all of the merchant's
		// payments of all days.
		query, args = query+" AND +merchant_id = ?", append(args, merchantID)
	}
	rows, err := own.QueryContext(ctx, query+" ORDER BY "+table.SettledOrder, args...)
	if err != nil {
		return fmt.Errorf("sqlite: settled: %w", err)
	}
	defer rows.Close()
	r := settledShape.reader()
	for rows.Next() {
		var p payment.Payment
		if err := r.scan(rows, &p); err != nil {
			return fmt.Errorf("sqlite: settled: %w", err)
		}
		if err := each(p); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("sqlite: settled: %w", err)
	}
	return nil
}
