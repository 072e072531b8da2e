package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
)

// leasableNetwork is the rows that have been free for longest, of each payment
// the one that was made first, and none of a payment of which one is leased.
const leasableNetwork = `SELECT id, kind, transaction_id, org_id, txn_id, amount, created_at, attempts FROM network_requests AS r
	WHERE state = 'pending' AND due_at <= :now AND coalesce(leased_until, 0) <= :now
		AND NOT EXISTS (SELECT 1 FROM network_requests AS s
			WHERE s.transaction_id = r.transaction_id AND s.state = 'pending' AND s.id <> r.id
				AND (s.leased_until > :now OR s.due_at <= :now AND (s.created_at, s.id) < (r.created_at, r.id)))
	ORDER BY max(due_at, coalesce(leased_until, 0)), created_at, id LIMIT :limit`

// LeaseNetwork takes rows of the network outbox to send: pending, due, not
// leased, at most limit, and at most one of a payment, the one that was made
// first; none of a payment of which one is leased already. They are leased for
// that long when it returns.
func (db *DB) LeaseNetwork(ctx context.Context, limit int, lease time.Duration) ([]journal.NetworkDelivery, error) {
	var leased []journal.NetworkDelivery
	w := db.writer
	err := w.transact(ctx, func() error {
		at := now()
		rows, err := w.query(ctx, leasableNetwork, sql.Named("now", at.UnixMicro()), sql.Named("limit", limit))
		if err != nil {
			return failed(err)
		}
		if leased, err = networkDeliveries(rows, at); err != nil {
			return failed(err)
		}
		for _, d := range leased {
			if err := w.exec(ctx, "UPDATE network_requests SET attempts = ?, leased_until = ? WHERE id = ?",
				d.Attempt, at.Add(lease).UnixMicro(), d.ID); err != nil {
				return failed(err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(leased, table.FirstMade)
	return leased, nil
}

func networkDeliveries(rows *sql.Rows, at time.Time) ([]journal.NetworkDelivery, error) {
	defer rows.Close()
	var out []journal.NetworkDelivery
	for rows.Next() {
		d := journal.NetworkDelivery{LeasedAt: at}
		var made int64
		if err := rows.Scan(&d.ID, &d.Kind, &d.PaymentID, &d.OrgID, &d.TxnID, &d.Amount, &made, &d.Attempt); err != nil {
			return nil, err
		}
		d.At = time.UnixMicro(made).UTC()
		d.Attempt++
		out = append(out, d)
	}
	return out, rows.Err()
}

// What is done is done, whichever attempt it was. Any other outcome moves only a
// pending row whose latest attempt it was of.
const (
	recordNetworkDone = `UPDATE network_requests SET state = 'done', leased_until = NULL, error = ''
		WHERE id = ?1 AND attempts >= ?2 AND state IN ('pending', 'dead')`
	recordNetworkOther = `UPDATE network_requests SET state = ?3, leased_until = NULL, error = ?5,
			due_at = CASE WHEN ?3 = 'pending' THEN ?4 ELSE due_at END
		WHERE id = ?1 AND attempts = ?2 AND state = 'pending'`
)

// RecordNetwork writes down what came of an attempt and ends its lease. Done
// always counts; another outcome only moves a pending row whose latest attempt
// it was of. An unknown row or attempt changes nothing.
func (db *DB) RecordNetwork(ctx context.Context, o journal.NetworkOutcome) error {
	if err := table.CheckNetworkOutcome(o); err != nil {
		return err
	}
	w := db.writer
	return w.transact(ctx, func() error {
		var err error
		if o.State == journal.NetworkDone {
			err = w.exec(ctx, recordNetworkDone, o.ID, o.Attempt)
		} else {
			err = w.exec(ctx, recordNetworkOther, o.ID, o.Attempt, o.State, now().Add(o.Next).UnixMicro(), o.Error)
		}
		if err != nil {
			return failed(err)
		}
		return nil
	})
}

// firstFreeNetwork is when the earliest pending row is due and not leased.
const firstFreeNetwork = `(SELECT min(max(due_at, coalesce(leased_until, 0))) FROM network_requests WHERE state = 'pending')`

// NextNetwork says how long until the earliest pending row is due and not
// leased; 0 if one is now. False if there is no such row.
func (db *DB) NextNetwork(ctx context.Context) (time.Duration, bool, error) {
	var free sql.NullInt64
	if err := db.read.QueryRowContext(ctx, "SELECT "+firstFreeNetwork).Scan(&free); err != nil {
		return 0, false, fmt.Errorf("sqlite: next network request: %w", err)
	}
	return max(instant(free).Sub(now()), 0), free.Valid, nil
}

// NetworkQueue says how many rows wait, for how long, and how many were given up.
func (db *DB) NetworkQueue(ctx context.Context) (journal.NetworkQueue, error) {
	var q journal.NetworkQueue
	var due sql.NullInt64
	at := now()
	err := db.read.QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM (SELECT 1 FROM network_requests WHERE state = 'pending' LIMIT ?1)),
		(SELECT count(*) FROM (SELECT 1 FROM network_requests WHERE state = 'dead' LIMIT ?1)),
		`+firstFreeNetwork, journal.MaxNetworkQueue).Scan(&q.Pending, &q.Dead, &due)
	if err != nil {
		return q, fmt.Errorf("sqlite: network queue: %w", err)
	}
	if due.Valid {
		q.Oldest = max(at.Sub(instant(due)), 0)
	}
	return q, nil
}
