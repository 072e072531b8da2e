package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/payment"
)

var settledShape = newShape(table.Settled)

// Settled hands over the payments and refunds that succeeded from one time on and
// before another, of one merchant where merchantID is not "": merchant by merchant,
// and within one as they ended, by our ids where that was together. They are all of
// one moment, and are read as they are handed over; the columns are table.Settled's.
//
// An error of each ends it, and is returned as it is. Nothing is read twice: where
// the connection is lost, it fails.
func (db *DB) Settled(ctx context.Context, merchantID string, from, until time.Time, each func(payment.Payment) error) error {
	query := "SELECT " + settledShape.names + " FROM transactions WHERE state = 'succeeded' AND ended_at >= $1 AND ended_at < $2"
	args := []any{from, until}
	if merchantID != "" {
		// Of the bare column there is an index too, by which all of the merchant's
		// payments of all days would be read.
		query, args = query+" AND '' || merchant_id = $3", append(args, merchantID)
	}
	rows, err := db.read.Query(ctx, query+" ORDER BY "+table.SettledOrder, args...)
	if err != nil {
		return fmt.Errorf("postgres: settled: %w", failed(err))
	}
	defer rows.Close()
	return settled(rows, each)
}

func settled(rows pgx.Rows, each func(payment.Payment) error) error {
	r := settledShape.reader()
	for rows.Next() {
		var p payment.Payment
		if err := r.scan(rows, &p); err != nil {
			return fmt.Errorf("postgres: settled: %w", err)
		}
		if err := each(p); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("postgres: settled: %w", failed(err))
	}
	return nil
}
