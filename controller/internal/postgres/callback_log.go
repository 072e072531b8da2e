package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/retention"
)

// conditions are what a query asks for, as SQL with its arguments: only what is
// asked, so that the planner can take the index that fits.
type conditions struct {
	sql  []string
	args []any
}

// add adds a condition, whose ? are its arguments.
func (c *conditions) add(sql string, args ...any) {
	for _, a := range args {
		c.args = append(c.args, a)
		sql = strings.Replace(sql, "?", fmt.Sprint("$", len(c.args)), 1)
	}
	c.sql = append(c.sql, sql)
}

func (c *conditions) where() string { return strings.Join(c.sql, " AND ") }

// callbackConditions bounds the time where a query names callbacks by ids, from
// made on.
func callbackConditions(q journal.CallbackQuery, after journal.CallbackCursor, made time.Time) *conditions {
	c := &conditions{sql: []string{"true"}}
	if !made.IsZero() {
		c.add("created_at >= ?", made)
	}
	switch {
	case q.MerchantID != "" && q.State == journal.CallbackPending:
		c.add("merchant_id || '' = ?", q.MerchantID)
	case q.MerchantID != "":
		c.add("merchant_id = ?", q.MerchantID)
	}
	if q.EventID != "" {
		c.add("event_id = ?", q.EventID)
	}
	if q.PaymentID != "" {
		c.add("transaction_id = ?", q.PaymentID)
	}
	if q.EventIDs != nil {
		c.add("event_id = ANY(?::text[])", q.EventIDs)
	}
	if q.State != "" {
		// In the text, so that the index of the dead fits. Checked has seen it.
		c.add("state = '" + q.State + "'")
	}
	if !q.Since.IsZero() {
		c.add("created_at >= ?", q.Since)
	}
	if !q.Until.IsZero() {
		c.add("created_at < ?", q.Until)
	}
	if q.After != "" {
		c.add("created_at >= ?", after.At) // of itself it leaves out whole months
		c.add("(created_at, event_id) > (?, ?)", after.At, after.EventID)
	}
	return c
}

// callbackOrder is the order of a list. The few that are pending are found by the
// outbox's indexes and sorted, so their order is asked for, and their merchant, by
// expressions that are in no index: to the planner, which may know little of the
// last hours, an index that has the order looks better, and it would read all that
// was ever delivered.
func callbackOrder(q journal.CallbackQuery) string {
	if q.State == journal.CallbackPending {
		return "created_at + interval '0', event_id"
	}
	return "created_at, event_id"
}

const selectCallbacks = `SELECT event_id, transaction_id, merchant_id, url, method, state, attempts, created_at,
		greatest(due_at, leased_until) FROM callbacks WHERE `

// Callbacks lists callbacks, oldest first. An error may be
// journal.ErrCallbackQuery.
func (db *DB) Callbacks(ctx context.Context, q journal.CallbackQuery) ([]journal.CallbackRow, error) {
	q, after, err := q.Checked()
	if err != nil {
		return nil, err
	}
	var found []journal.CallbackRow
	for _, made := range madeOf(q) {
		c := callbackConditions(q, after, made)
		query := fmt.Sprintf("%s%s ORDER BY %s LIMIT %d", selectCallbacks, c.where(), callbackOrder(q), q.Limit)
		err = db.ask(ctx, "callbacks", func(conn *pgxpool.Conn) (err error) {
			found, err = callbackRows(ctx, conn, query, c.args...)
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			break
		}
	}
	return found, db.notArchived(ctx, reach(q, after, len(found) == 0), "")
}

// madeOf are the bounds of the time to look with, one after the other until
// something is found: first what the ids say, which spares all months before, then
// none, because the clock that drew an id may have been wrong.
func madeOf(q journal.CallbackQuery) []time.Time {
	var earliest time.Time
	for _, id := range append([]string{q.EventID, q.PaymentID}, q.EventIDs...) {
		if made := table.MadeSince(id); id != "" && (earliest.IsZero() || made.Before(earliest)) {
			earliest = made
		}
	}
	if !earliest.After(time.Unix(0, 0)) {
		return []time.Time{{}}
	}
	return []time.Time{earliest, {}}
}

// reach is how far back a query asks by its own words; the zero time where it
// leaves that open. What is asked for by id, and found, reaches no further.
func reach(q journal.CallbackQuery, after journal.CallbackCursor, nothing bool) time.Time {
	named := q.EventID != "" || q.PaymentID != "" || q.EventIDs != nil
	switch {
	case named && nothing && len(madeOf(q)) > 1:
		return madeOf(q)[0]
	case named:
		return time.Time{}
	case q.After != "":
		return after.At
	}
	return q.Since
}

// notArchived refuses a question that reaches back to before months of callbacks
// that were detached: an answer that leaves them out without a word would be a lie.
func (db *DB) notArchived(ctx context.Context, since time.Time, merchantID string) error {
	if since.IsZero() || time.Since(since) < retention.Young {
		return nil
	}
	before, err := db.Archived(ctx, "callbacks")
	if err != nil || !since.Before(before) {
		return err
	}
	archived := &retention.ArchivedError{What: "callbacks", Before: before}
	if merchantID != "" {
		archived.Resume = journal.CallbackCursor{At: before}.String()
	}
	return fmt.Errorf("%w: %w", journal.ErrCallbackQuery, archived)
}

func callbackRows(ctx context.Context, conn *pgxpool.Conn, query string, args ...any) ([]journal.CallbackRow, error) {
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	var found []journal.CallbackRow
	err = each(rows, func(row pgx.Rows) error {
		var r journal.CallbackRow
		err := row.Scan(&r.EventID, &r.PaymentID, &r.MerchantID, &r.URL, &r.Method, &r.State, &r.Attempts, &r.CreatedAt, &r.DueAt)
		r.CreatedAt, r.DueAt = r.CreatedAt.UTC(), r.DueAt.UTC()
		found = append(found, r)
		return err
	})
	return found, err
}

// The left join tells a notice without attempts from one that does not exist.
const callbackAttempts = `SELECT a.attempt, a.started_at, a.finished_at, a.result, a.http_status, a.error, a.took
	FROM callbacks AS c LEFT JOIN callback_attempts AS a ON a.event_id = c.event_id AND a.started_at >= $2
	WHERE c.event_id = $1 AND c.created_at >= $2 ORDER BY a.attempt`

// CallbackAttempts is a notice's delivery log, oldest first, or
// journal.ErrNotFound; that says so where the notice may have been archived.
func (db *DB) CallbackAttempts(ctx context.Context, eventID string) ([]journal.CallbackAttempt, error) {
	q := journal.CallbackQuery{EventID: eventID}
	if _, _, err := q.Checked(); err != nil {
		return nil, fmt.Errorf("postgres: callback %w", journal.ErrNotFound)
	}
	for _, made := range madeOf(q) {
		attempts, err := db.callbackAttempts(ctx, eventID, made)
		if !errors.Is(err, journal.ErrNotFound) {
			return attempts, err
		}
	}
	if err := db.notArchived(ctx, reach(q, journal.CallbackCursor{}, true), ""); err != nil {
		return nil, fmt.Errorf("postgres: callback %w: %w", journal.ErrNotFound, err)
	}
	return nil, fmt.Errorf("postgres: callback %w", journal.ErrNotFound)
}

func (db *DB) callbackAttempts(ctx context.Context, eventID string, made time.Time) ([]journal.CallbackAttempt, error) {
	var attempts []journal.CallbackAttempt
	var there bool
	err := db.ask(ctx, "callback attempts", func(conn *pgxpool.Conn) error {
		attempts, there = nil, false
		rows, err := conn.Query(ctx, callbackAttempts, eventID, made)
		if err != nil {
			return err
		}
		return each(rows, func(row pgx.Rows) error {
			there = true
			var number, status, took *int64
			var started, finished *time.Time
			var result, text *string
			if err := row.Scan(&number, &started, &finished, &result, &status, &text, &took); err != nil || number == nil {
				return err
			}
			a := journal.CallbackAttempt{Attempt: *number, StartedAt: started.UTC(), Result: *result, HTTPStatus: *status,
				Error: *text, Took: time.Duration(*took)}
			if finished != nil {
				a.FinishedAt = finished.UTC()
			}
			attempts = append(attempts, a)
			return nil
		})
	})
	if err == nil && !there {
		err = fmt.Errorf("postgres: callback %w", journal.ErrNotFound)
	}
	return attempts, err
}

// resendTries is how often a resend is tried that keeps meeting others' locks.
const resendTries = 5

// ResendCallbacks has callbacks sent again: those that q finds, oldest first, at
// most q.Limit, become due now, whatever they were, with the same event id and a
// schedule that begins anew. One that is being sent at this moment goes out once
// more when that is over. It returns how many; a notice without a URL is none of
// them. An error may be journal.ErrCallbackQuery: also where callbacks that are
// asked for may have been archived, before anything is sent.
func (db *DB) ResendCallbacks(ctx context.Context, q journal.CallbackQuery) (int, error) {
	q, after, err := q.Checked()
	if err != nil {
		return 0, err
	}
	if err := db.notArchived(ctx, reach(q, after, false), ""); err != nil {
		return 0, err
	}
	for _, made := range madeOf(q) {
		n, err := db.resend(ctx, q, after, made)
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, db.notArchived(ctx, reach(q, after, true), "")
}

// lockOpen has resends follow one another, and keeps Tidy from moving on past what
// this one makes pending.
const lockOpen = "SELECT FROM callbacks_open WHERE one FOR UPDATE"

func (db *DB) resend(ctx context.Context, q journal.CallbackQuery, after journal.CallbackCursor, made time.Time) (int, error) {
	c := callbackConditions(q, after, made)
	// The rows are locked in the order in which outcomes are recorded, and what
	// has changed meanwhile is judged anew.
	query := fmt.Sprintf(`WITH picked AS (
			SELECT event_id, created_at FROM callbacks WHERE state <> 'none' AND %[1]s ORDER BY %[3]s LIMIT %[2]d
		),
		locked AS (
			SELECT event_id, created_at FROM callbacks
			WHERE (event_id, created_at) IN (SELECT event_id, created_at FROM picked) AND state <> 'none' AND %[1]s
			ORDER BY event_id FOR UPDATE
		),
		moved AS (UPDATE callbacks_open SET since = least(since, (SELECT min(created_at) FROM locked)) WHERE one)
		UPDATE callbacks AS c SET state = 'pending', due_at = clock_timestamp(), first_at = NULL, resent_after = attempts
		FROM locked WHERE c.event_id = locked.event_id AND c.created_at = locked.created_at`, c.where(), q.Limit, callbackOrder(q))
	var n int64
	for try := 1; ; try++ {
		err := db.ask(ctx, "resend callbacks", func(conn *pgxpool.Conn) error {
			b := &pgx.Batch{} // one batch is one transaction
			b.Queue(lockOpen)
			b.Queue(query, c.args...).Exec(func(tag pgconn.CommandTag) error {
				n = tag.RowsAffected()
				return nil
			})
			return conn.SendBatch(ctx, b).Close()
		})
		if try == resendTries || !errors.Is(err, journal.ErrAgain) {
			return int(n), err
		}
	}
}

var callbackQueue = openLanes + fmt.Sprintf(`
	SELECT (SELECT count(*) FROM (SELECT 1 FROM callbacks WHERE state = 'pending' AND created_at >= $4 LIMIT %d) AS counted),
		clock_timestamp(), min(first.due_at) FROM open, LATERAL (
		SELECT due_at FROM callbacks WHERE state = 'pending' AND created_at >= $4 AND lane = open.lane
			AND (leased_until IS NULL OR leased_until <= clock_timestamp()) AND merchant_id <> ALL($1::text[])
		ORDER BY due_at, event_id LIMIT 1) AS first`, journal.MaxCallbackQueue)

// CallbackQueue says how many callbacks wait, and for how long.
func (db *DB) CallbackQueue(ctx context.Context) (journal.CallbackQueue, error) {
	var q journal.CallbackQueue
	var now time.Time
	var due *time.Time
	err := db.ask(ctx, "callback queue", func(conn *pgxpool.Conn) error {
		return db.pendingSince(ctx, conn, func(b *pgx.Batch, since time.Time) {
			b.Queue(callbackQueue, filterArgs(journal.CallbackFilter{}, since)...).QueryRow(func(row pgx.Row) error {
				return row.Scan(&q.Pending, &now, &due)
			})
		}, func() bool { return false })
	})
	if err == nil && due != nil {
		q.Oldest = max(now.Sub(*due), 0)
	}
	return q, err
}
