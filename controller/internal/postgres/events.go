package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/payment"
)

const whereEventsOf = " FROM transaction_events WHERE transaction_id = $1 AND at >= $2 ORDER BY seq"

// Events are a payment's events in order. It looks into the months since the
// payment was made, by its id, and into all there are only where it finds none.
func (db *DB) Events(ctx context.Context, paymentID string) (events []payment.Record, err error) {
	from := []time.Time{table.MadeSince(paymentID), time.Unix(0, 0)}
	if !from[0].After(from[1]) {
		from = from[1:]
	}
	for _, since := range from {
		err = db.ask(ctx, "events", func(c *pgxpool.Conn) (err error) {
			events, err = eventShape.query(ctx, c, "SELECT "+eventShape.names+whereEventsOf, paymentID, since)
			return err
		})
		if err != nil || len(events) > 0 {
			return events, err
		}
	}
	return nil, nil
}
