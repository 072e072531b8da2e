package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
)

// networkLeaser is held while rows are leased, so that two controllers never
// take two rows of one payment. It is let go at the commit, a millisecond later.
const networkLeaser = `SELECT pg_advisory_xact_lock(hashtext('galla network_requests'))`

// leaseNetwork takes the rows that have been free for longest, of each payment
// the one that was made first, and none of a payment of which one is leased. It
// begins after networkLeaser, so its statement_timestamp() and what it sees are
// of then.
const leaseNetwork = `WITH picked AS (
		SELECT id FROM network_requests AS r
		WHERE state = 'pending' AND greatest(due_at, leased_until) <= statement_timestamp()
			AND NOT EXISTS (SELECT FROM network_requests AS s
				WHERE s.transaction_id = r.transaction_id AND s.state = 'pending' AND s.id <> r.id
					AND (s.leased_until > statement_timestamp()
						OR greatest(s.due_at, s.leased_until) <= statement_timestamp() AND (s.created_at, s.id) < (r.created_at, r.id)))
		ORDER BY greatest(due_at, leased_until), created_at, id LIMIT $1
		FOR UPDATE OF r SKIP LOCKED
	)
	UPDATE network_requests AS r
	SET attempts = r.attempts + 1, leased_until = statement_timestamp() + $2::bigint * interval '1 microsecond'
	FROM picked WHERE r.id = picked.id
	RETURNING r.id, r.kind, r.transaction_id, r.org_id, r.txn_id, r.amount, r.created_at, r.attempts, statement_timestamp()`

// LeaseNetwork takes rows of the network outbox to send: pending, due, neither
// leased nor locked, at most limit, and at most one of a payment, the one that
// was made first; none of a payment of which one is leased already. They are
// leased for that long when it returns.
func (db *DB) LeaseNetwork(ctx context.Context, limit int, lease time.Duration) ([]journal.NetworkDelivery, error) {
	var leased []journal.NetworkDelivery
	err := db.ask(ctx, "lease network requests", func(c *pgxpool.Conn) error {
		leased = nil
		b := &pgx.Batch{} // one batch is one transaction
		b.Queue(networkLeaser)
		b.Queue(leaseNetwork, limit, lease.Microseconds()).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.Rows) error {
				var d journal.NetworkDelivery
				err := row.Scan(&d.ID, &d.Kind, &d.PaymentID, &d.OrgID, &d.TxnID, &d.Amount, &d.At, &d.Attempt, &d.LeasedAt)
				d.At, d.LeasedAt = d.At.UTC(), d.LeasedAt.UTC()
				leased = append(leased, d)
				return err
			})
		})
		return c.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(leased, table.FirstMade)
	return leased, nil
}

// What is done is done, whichever attempt it was. Any other outcome moves only a
// pending row whose latest attempt it was of.
const (
	recordNetworkDone = `UPDATE network_requests SET state = 'done', leased_until = NULL, error = ''
		WHERE id = $1 AND attempts >= $2 AND state IN ('pending', 'dead')`
	recordNetworkOther = `UPDATE network_requests SET state = $3, leased_until = NULL, error = $5,
			due_at = CASE WHEN $3 = 'pending' THEN clock_timestamp() + $4::bigint * interval '1 microsecond' ELSE due_at END
		WHERE id = $1 AND attempts = $2 AND state = 'pending'`
)

// RecordNetwork writes down what came of an attempt and ends its lease. Done
// always counts; another outcome only moves a pending row whose latest attempt
// it was of. An unknown row or attempt changes nothing.
func (db *DB) RecordNetwork(ctx context.Context, o journal.NetworkOutcome) error {
	if err := table.CheckNetworkOutcome(o); err != nil {
		return err
	}
	return db.ask(ctx, "record network request", func(c *pgxpool.Conn) error {
		if o.State == journal.NetworkDone {
			_, err := c.Exec(ctx, recordNetworkDone, o.ID, o.Attempt)
			return err
		}
		_, err := c.Exec(ctx, recordNetworkOther, o.ID, o.Attempt, o.State, o.Next.Microseconds(), o.Error)
		return err
	})
}

// NextNetwork says how long until the earliest pending row is due and not
// leased; 0 if one is now. False if there is no such row.
func (db *DB) NextNetwork(ctx context.Context) (time.Duration, bool, error) {
	var now time.Time
	var free *time.Time
	err := db.ask(ctx, "next network request", func(c *pgxpool.Conn) error {
		return c.QueryRow(ctx, `SELECT clock_timestamp(), (SELECT greatest(due_at, leased_until) FROM network_requests
			WHERE state = 'pending' ORDER BY greatest(due_at, leased_until) LIMIT 1)`).Scan(&now, &free)
	})
	if err != nil || free == nil {
		return 0, false, err
	}
	return max(free.Sub(now), 0), true, nil
}

// NetworkQueue says how many rows wait, for how long, and how many were given up.
func (db *DB) NetworkQueue(ctx context.Context) (journal.NetworkQueue, error) {
	var q journal.NetworkQueue
	var now time.Time
	var due *time.Time
	err := db.ask(ctx, "network queue", func(c *pgxpool.Conn) error {
		return c.QueryRow(ctx, `SELECT
			(SELECT count(*) FROM (SELECT FROM network_requests WHERE state = 'pending' LIMIT $1) AS p),
			(SELECT count(*) FROM (SELECT FROM network_requests WHERE state = 'dead' LIMIT $1) AS d),
			clock_timestamp(),
			(SELECT greatest(due_at, leased_until) FROM network_requests WHERE state = 'pending'
				ORDER BY greatest(due_at, leased_until) LIMIT 1)`, journal.MaxNetworkQueue).Scan(&q.Pending, &q.Dead, &now, &due)
	})
	if err == nil && due != nil {
		q.Oldest = max(now.Sub(*due), 0)
	}
	return q, err
}
