package postgres

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/journal"
)

// openLanes are the lanes with pending rows that a filter passes ($1 merchants
// to skip, $2 lanes to skip, $3 no other lanes), which were made since $4. It is
// one step of the index for each lane, however many rows wait there.
const openLanes = `WITH RECURSIVE lanes (lane) AS (
		(SELECT lane FROM callbacks WHERE state = 'pending' AND created_at >= $4 ORDER BY lane LIMIT 1)
		UNION ALL
		SELECT (SELECT c.lane FROM callbacks AS c WHERE c.state = 'pending' AND c.created_at >= $4 AND c.lane > lanes.lane ORDER BY c.lane LIMIT 1)
			FROM lanes WHERE lane IS NOT NULL
	),
	open (lane) AS (
		SELECT lane FROM lanes WHERE lane IS NOT NULL AND lane <> ALL($2::text[])
			AND (cardinality($3::text[]) = 0 OR lane = ANY($3::text[]))
	)`

func filterArgs(f journal.CallbackFilter, since time.Time) []any {
	return []any{texts(f.SkipMerchants), texts(f.SkipLanes), texts(f.OnlyLanes), since}
}

// lease takes the earliest due row of each open lane, of these the earliest of
// each merchant, of these the earliest $6; leases them for $5 microseconds; and
// logs the attempts. A row that another transaction has locked is passed over.
const lease = openLanes + `,
	clock (now) AS MATERIALIZED (SELECT clock_timestamp()),
	earliest AS (
		SELECT c.* FROM open, clock, LATERAL (
			SELECT event_id, created_at, merchant_id, due_at FROM callbacks
			WHERE state = 'pending' AND created_at >= $4 AND lane = open.lane AND due_at <= clock.now
				AND (leased_until IS NULL OR leased_until <= clock.now) AND merchant_id <> ALL($1::text[])
			ORDER BY due_at, event_id LIMIT 1) AS c
	),
	picked AS (
		SELECT event_id, created_at FROM (SELECT DISTINCT ON (merchant_id) * FROM earliest ORDER BY merchant_id, due_at, event_id) AS m
		ORDER BY due_at, event_id LIMIT $6
	),
	locked AS (
		SELECT c.event_id, c.created_at FROM picked JOIN callbacks AS c USING (event_id, created_at), clock
		WHERE c.state = 'pending' AND c.created_at >= $4 AND c.due_at <= clock.now AND (c.leased_until IS NULL OR c.leased_until <= clock.now)
		FOR UPDATE OF c SKIP LOCKED
	),
	leased AS (
		UPDATE callbacks AS c SET attempts = c.attempts + 1, leased_until = clock.now + $5::bigint * interval '1 microsecond',
			first_at = coalesce(c.first_at, clock.now)
		FROM locked, clock WHERE c.event_id = locked.event_id AND c.created_at = locked.created_at AND c.created_at >= $4
		RETURNING c.*, clock.now
	),
	logged AS (
		INSERT INTO callback_attempts (event_id, attempt, started_at) SELECT event_id, attempts, now FROM leased
	)
	SELECT event_id, transaction_id, merchant_id, lane, url, method, attempts, now, first_at, resent_after FROM leased ORDER BY due_at, event_id`

// LeaseCallbacks takes rows of the outbox to send: pending, due, passed by
// filter, and neither leased nor locked, at most limit, and at most one a
// merchant, its earliest due. They are leased for that long, with the attempt
// written down, when it returns.
func (db *DB) LeaseCallbacks(ctx context.Context, limit int, duration time.Duration, filter journal.CallbackFilter) ([]journal.CallbackDelivery, error) {
	var leased []journal.CallbackDelivery
	err := db.ask(ctx, "lease callbacks", func(c *pgxpool.Conn) error {
		leased = nil
		return db.pendingSince(ctx, c, func(b *pgx.Batch, since time.Time) {
			b.Queue(lease, append(filterArgs(filter, since), duration.Microseconds(), limit)...).Query(func(rows pgx.Rows) error {
				return each(rows, func(row pgx.Rows) error {
					var d journal.CallbackDelivery
					var first time.Time
					err := row.Scan(&d.EventID, &d.PaymentID, &d.MerchantID, &d.Lane, &d.URL, &d.Method, &d.Attempt, &d.LeasedAt, &first, &d.Resent)
					d.LeasedAt = d.LeasedAt.UTC()
					d.Age = d.LeasedAt.Sub(first)
					leased = append(leased, d)
					return err
				})
			})
		}, func() bool { return len(leased) > 0 })
	})
	if err != nil {
		return nil, err
	}
	return leased, nil
}

const (
	recordAttempt = `UPDATE callback_attempts SET finished_at = clock_timestamp(), result = $3, http_status = $4, error = $5, took = $6
		WHERE event_id = $1 AND attempt = $2 AND started_at >= $7`
	// An attempt that was made before the row was resent ends its own lease and
	// moves nothing else.
	recordDelivered = `UPDATE callbacks SET state = CASE WHEN resent_after < $2 THEN 'delivered' ELSE state END,
			leased_until = CASE WHEN resent_after < $2 OR attempts = $2 THEN NULL ELSE leased_until END
		WHERE event_id = $1 AND attempts >= $2 AND state IN ('pending', 'dead') AND created_at >= $3`
	recordOther = `UPDATE callbacks SET state = CASE WHEN resent_after < $2 THEN $3 ELSE state END, leased_until = NULL,
			due_at = CASE WHEN resent_after < $2 AND $3 = 'pending' THEN clock_timestamp() + $4::bigint * interval '1 microsecond'
				ELSE due_at END
		WHERE event_id = $1 AND attempts = $2 AND state = 'pending' AND created_at >= $5`
)

// RecordCallbacks writes down what came of attempts, all or none, and ends
// their leases. A delivery always counts; another outcome only moves a pending
// row whose latest attempt it was of; neither counts that is of an attempt from
// before the row was resent.
func (db *DB) RecordCallbacks(ctx context.Context, outcomes []journal.CallbackOutcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	// In one order everywhere, so that two senders do not deadlock.
	outcomes = slices.Clone(outcomes)
	slices.SortStableFunc(outcomes, func(a, b journal.CallbackOutcome) int { return strings.Compare(a.EventID, b.EventID) })
	return db.ask(ctx, "record callbacks", func(c *pgxpool.Conn) error {
		b := &pgx.Batch{} // one batch is one transaction
		for _, o := range outcomes {
			since := db.madeSince(o.EventID)
			b.Queue(recordAttempt, o.EventID, o.Attempt, o.Result, o.HTTPStatus, o.Error, int64(o.Took), since)
			if o.State == journal.CallbackDelivered {
				b.Queue(recordDelivered, o.EventID, o.Attempt, since)
			} else {
				b.Queue(recordOther, o.EventID, o.Attempt, o.State, o.Next.Microseconds(), since)
			}
		}
		return c.SendBatch(ctx, b).Close()
	})
}

const nextCallback = openLanes + `
	SELECT clock_timestamp(), min(free.at) FROM open, LATERAL (
		SELECT greatest(due_at, leased_until) AS at FROM callbacks
		WHERE state = 'pending' AND created_at >= $4 AND lane = open.lane AND merchant_id <> ALL($1::text[])
		ORDER BY greatest(due_at, leased_until) LIMIT 1) AS free`

// NextCallback says how long until the earliest pending row that filter passes
// can be leased; 0 if it can be now. False if there is no such row.
func (db *DB) NextCallback(ctx context.Context, filter journal.CallbackFilter) (time.Duration, bool, error) {
	var now time.Time
	var free *time.Time
	err := db.ask(ctx, "next callback", func(c *pgxpool.Conn) error {
		return db.pendingSince(ctx, c, func(b *pgx.Batch, since time.Time) {
			b.Queue(nextCallback, filterArgs(filter, since)...).QueryRow(func(row pgx.Row) error { return row.Scan(&now, &free) })
		}, func() bool { return false })
	})
	if err != nil || free == nil {
		return 0, false, err
	}
	return max(free.Sub(now), 0), true, nil
}

const expireCallbacks = `UPDATE callbacks SET state = 'dead', leased_until = NULL
	WHERE state = 'pending' AND created_at >= $3 AND lane = ANY($1::text[]) AND first_at < clock_timestamp() - $2::bigint * interval '1 microsecond'
		AND (leased_until IS NULL OR leased_until <= clock_timestamp())`

// ExpireCallbacks gives up rows of dead lanes: those that are pending, not
// leased, and first attempted more than age ago. It returns how many.
func (db *DB) ExpireCallbacks(ctx context.Context, lanes []string, age time.Duration) (int, error) {
	var n int64
	err := db.ask(ctx, "expire callbacks", func(c *pgxpool.Conn) error {
		return db.pendingSince(ctx, c, func(b *pgx.Batch, since time.Time) {
			b.Queue(expireCallbacks, texts(lanes), age.Microseconds(), since).Exec(func(tag pgconn.CommandTag) error {
				n += tag.RowsAffected()
				return nil
			})
		}, func() bool { return false })
	})
	return int(n), err
}
