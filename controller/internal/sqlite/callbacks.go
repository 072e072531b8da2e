package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
)

// pendingLanes are the lanes that have pending rows: one step of the index for
// each, however many rows wait there.
const pendingLanes = `WITH RECURSIVE lanes (lane) AS (
		SELECT min(lane) FROM callbacks WHERE state = 'pending'
		UNION ALL
		SELECT (SELECT min(callbacks.lane) FROM callbacks WHERE state = 'pending' AND callbacks.lane > lanes.lane)
			FROM lanes WHERE lane IS NOT NULL
	),
	open (lane) AS (
		SELECT lane FROM lanes WHERE lane IS NOT NULL
			AND lane NOT IN (SELECT value FROM json_each(:skipLanes))
			AND (:onlyLanes = '[]' OR lane IN (SELECT value FROM json_each(:onlyLanes)))
	)`

func filterArgs(f journal.CallbackFilter) []any {
	return []any{
		sql.Named("skipMerchants", array(f.SkipMerchants)),
		sql.Named("skipLanes", array(f.SkipLanes)), sql.Named("onlyLanes", array(f.OnlyLanes)),
	}
}

// leasable is the earliest due row of each open lane, of these the earliest of
// each merchant, of these the earliest.
const leasable = pendingLanes + `
	SELECT event_id, transaction_id, merchant_id, lane, url, method, attempts, first_at, resent_after FROM (
		SELECT *, row_number() OVER (PARTITION BY merchant_id ORDER BY due_at, event_id) AS place FROM callbacks
		WHERE event_id IN (SELECT (
			SELECT event_id FROM callbacks WHERE state = 'pending' AND lane = open.lane AND due_at <= :now
				AND (leased_until IS NULL OR leased_until <= :now)
				AND merchant_id NOT IN (SELECT value FROM json_each(:skipMerchants))
			ORDER BY due_at, event_id LIMIT 1) FROM open))
	WHERE place = 1 ORDER BY due_at, event_id LIMIT :limit`

// LeaseCallbacks takes rows of the outbox to send: pending, due, passed by
// filter and not leased, at most limit, and at most one a merchant, its earliest
// due. They are leased for that long, with the attempt written down, when it
// returns.
func (db *DB) LeaseCallbacks(ctx context.Context, limit int, lease time.Duration, filter journal.CallbackFilter) ([]journal.CallbackDelivery, error) {
	var leased []journal.CallbackDelivery
	w := db.writer
	err := w.transact(ctx, func() error {
		at := now()
		args := append(filterArgs(filter), sql.Named("now", at.UnixMicro()), sql.Named("limit", limit))
		rows, err := w.query(ctx, leasable, args...)
		if err != nil {
			return failed(err)
		}
		if leased, err = deliveries(rows, at); err != nil {
			return failed(err)
		}
		for i := range leased {
			d := &leased[i]
			first := at.Add(-d.Age).UnixMicro()
			err := w.exec(ctx, "UPDATE callbacks SET attempts = ?, leased_until = ?, first_at = ? WHERE event_id = ?",
				d.Attempt, at.Add(lease).UnixMicro(), first, d.EventID)
			if err == nil {
				err = w.exec(ctx, "INSERT INTO callback_attempts (event_id, attempt, started_at) VALUES (?, ?, ?)",
					d.EventID, d.Attempt, at.UnixMicro())
			}
			if err != nil {
				return failed(err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return leased, nil
}

func deliveries(rows *sql.Rows, at time.Time) ([]journal.CallbackDelivery, error) {
	defer rows.Close()
	var out []journal.CallbackDelivery
	for rows.Next() {
		d := journal.CallbackDelivery{LeasedAt: at}
		var first sql.NullInt64
		if err := rows.Scan(&d.EventID, &d.PaymentID, &d.MerchantID, &d.Lane, &d.URL, &d.Method, &d.Attempt, &first, &d.Resent); err != nil {
			return nil, err
		}
		d.Attempt++
		if first.Valid {
			d.Age = at.Sub(instant(first))
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// An attempt that was made before the row was resent ends its own lease and
// moves nothing else.
const (
	recordDelivered = `UPDATE callbacks SET state = CASE WHEN resent_after < ?2 THEN 'delivered' ELSE state END,
			leased_until = CASE WHEN resent_after < ?2 OR attempts = ?2 THEN NULL ELSE leased_until END
		WHERE event_id = ?1 AND attempts >= ?2 AND state IN ('pending', 'dead')`
	recordOther = `UPDATE callbacks SET state = CASE WHEN resent_after < ?2 THEN ?3 ELSE state END, leased_until = NULL,
			due_at = CASE WHEN resent_after < ?2 AND ?3 = 'pending' THEN ?4 ELSE due_at END
		WHERE event_id = ?1 AND attempts = ?2 AND state = 'pending'`
)

// RecordCallbacks writes down what came of attempts, all or none, and ends
// their leases. A delivery always counts; another outcome only moves a pending
// row whose latest attempt it was of; neither counts that is of an attempt from
// before the row was resent.
func (db *DB) RecordCallbacks(ctx context.Context, outcomes []journal.CallbackOutcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	for _, o := range outcomes {
		if !table.Keepable(o.EventID) || !table.Keepable(o.Result) || !table.Keepable(o.Error) {
			return fmt.Errorf("sqlite: callback outcome: %w", journal.ErrText)
		}
	}
	w := db.writer
	return w.transact(ctx, func() error {
		at := now()
		for _, o := range outcomes {
			err := w.exec(ctx, `UPDATE callback_attempts SET finished_at = ?, result = ?, http_status = ?, error = ?, took = ?
				WHERE event_id = ? AND attempt = ?`,
				at.UnixMicro(), o.Result, o.HTTPStatus, o.Error, int64(o.Took), o.EventID, o.Attempt)
			switch {
			case err != nil:
			case o.State == journal.CallbackDelivered:
				err = w.exec(ctx, recordDelivered, o.EventID, o.Attempt)
			default:
				err = w.exec(ctx, recordOther, o.EventID, o.Attempt, o.State, at.Add(o.Next).UnixMicro())
			}
			if err != nil {
				return failed(err)
			}
		}
		return nil
	})
}

// NextCallback says how long until the earliest pending row that filter passes
// can be leased; 0 if it can be now. False if there is no such row.
func (db *DB) NextCallback(ctx context.Context, filter journal.CallbackFilter) (time.Duration, bool, error) {
	var free sql.NullInt64
	err := db.read.QueryRowContext(ctx, pendingLanes+`
		SELECT min((SELECT free_at FROM callbacks WHERE state = 'pending' AND lane = open.lane
			AND merchant_id NOT IN (SELECT value FROM json_each(:skipMerchants))
			ORDER BY free_at LIMIT 1)) FROM open`, filterArgs(filter)...).Scan(&free)
	if err != nil {
		return 0, false, fmt.Errorf("sqlite: next callback: %w", err)
	}
	return max(instant(free).Sub(now()), 0), free.Valid, nil
}

// ExpireCallbacks gives up rows of dead lanes: those that are pending, not
// leased, and first attempted more than age ago. It returns how many.
func (db *DB) ExpireCallbacks(ctx context.Context, lanes []string, age time.Duration) (int, error) {
	var n int64
	w := db.writer
	err := w.transact(ctx, func() error {
		at := now()
		var err error
		n, err = w.changed(ctx, `UPDATE callbacks SET state = 'dead', leased_until = NULL
			WHERE state = 'pending' AND lane IN (SELECT value FROM json_each(?1)) AND first_at < ?2
				AND (leased_until IS NULL OR leased_until <= ?3)`,
			array(lanes), at.Add(-age).UnixMicro(), at.UnixMicro())
		if err != nil {
			return failed(err)
		}
		return nil
	})
	return int(n), err
}
