package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/galla-pay/galla/controller/internal/journal"
)

// conditions are what a query asks for, as SQL with its arguments: only what is
// asked, so that the index is taken that fits.
type conditions struct {
	sql  []string
	args []any
}

func (c *conditions) add(sql string, args ...any) {
	c.sql, c.args = append(c.sql, sql), append(c.args, args...)
}

func (c *conditions) where() string { return strings.Join(c.sql, " AND ") }

// bare is what stands before a column by which no index is to be taken. The few
// callbacks that are pending are found by the outbox's indexes, and sorted: by any
// other all that was ever delivered would be read.
func bare(q journal.CallbackQuery) string {
	if q.State == journal.CallbackPending {
		return "+"
	}
	return ""
}

func callbackConditions(q journal.CallbackQuery, after journal.CallbackCursor) *conditions {
	c := &conditions{sql: []string{"true"}}
	if q.MerchantID != "" {
		c.add(bare(q)+"merchant_id = ?", q.MerchantID)
	}
	if q.EventID != "" {
		c.add("event_id = ?", q.EventID)
	}
	if q.PaymentID != "" {
		c.add("transaction_id = ?", q.PaymentID)
	}
	if q.EventIDs != nil {
		c.add("event_id IN (SELECT value FROM json_each(?))", array(q.EventIDs))
	}
	if q.State != "" {
		// In the text, so that the index of the dead fits. Checked has seen it.
		c.add("state = '" + q.State + "'")
	}
	if !q.Since.IsZero() {
		c.add(bare(q)+"created_at >= ?", q.Since.UnixMicro())
	}
	if !q.Until.IsZero() {
		c.add(bare(q)+"created_at < ?", q.Until.UnixMicro())
	}
	if q.After != "" {
		c.add("("+bare(q)+"created_at, event_id) > (?, ?)", after.At.UnixMicro(), after.EventID)
	}
	return c
}

func callbackOrder(q journal.CallbackQuery) string {
	return " ORDER BY " + bare(q) + "created_at, event_id"
}

const selectCallbacks = `SELECT event_id, transaction_id, merchant_id, url, method, state, attempts, created_at, free_at
	FROM callbacks WHERE `

// Callbacks lists callbacks, oldest first. An error may be
// journal.ErrCallbackQuery.
func (db *DB) Callbacks(ctx context.Context, q journal.CallbackQuery) ([]journal.CallbackRow, error) {
	q, after, err := q.Checked()
	if err != nil {
		return nil, err
	}
	c := callbackConditions(q, after)
	rows, err := db.callbackRows(ctx, selectCallbacks+c.where()+callbackOrder(q)+" LIMIT ?", append(c.args, q.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("sqlite: callbacks: %w", err)
	}
	return rows, nil
}

func (db *DB) callbackRows(ctx context.Context, query string, args ...any) ([]journal.CallbackRow, error) {
	rows, err := db.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []journal.CallbackRow
	for rows.Next() {
		var r journal.CallbackRow
		var created, due sql.NullInt64
		if err := rows.Scan(&r.EventID, &r.PaymentID, &r.MerchantID, &r.URL, &r.Method, &r.State, &r.Attempts, &created, &due); err != nil {
			return nil, err
		}
		r.CreatedAt, r.DueAt = instant(created), instant(due)
		found = append(found, r)
	}
	return found, rows.Err()
}

// CallbackAttempts is a notice's delivery log, oldest first, or
// journal.ErrNotFound.
func (db *DB) CallbackAttempts(ctx context.Context, eventID string) ([]journal.CallbackAttempt, error) {
	attempts, there, err := db.callbackAttempts(ctx, eventID)
	switch {
	case err != nil:
		return nil, fmt.Errorf("sqlite: callback attempts: %w", err)
	case !there:
		return nil, fmt.Errorf("sqlite: callback %w", journal.ErrNotFound)
	}
	return attempts, nil
}

func (db *DB) callbackAttempts(ctx context.Context, eventID string) (attempts []journal.CallbackAttempt, there bool, err error) {
	// The left join tells a notice without attempts from one that does not exist.
	rows, err := db.read.QueryContext(ctx, `SELECT a.attempt, a.started_at, a.finished_at, coalesce(a.result, ''),
			coalesce(a.http_status, 0), coalesce(a.error, ''), coalesce(a.took, 0)
		FROM callbacks AS c LEFT JOIN callback_attempts AS a ON a.event_id = c.event_id
		WHERE c.event_id = ? ORDER BY a.attempt`, eventID)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	for rows.Next() {
		there = true
		var a journal.CallbackAttempt
		var number, started, finished sql.NullInt64
		if err := rows.Scan(&number, &started, &finished, &a.Result, &a.HTTPStatus, &a.Error, &a.Took); err != nil {
			return nil, false, err
		}
		if number.Valid {
			a.Attempt, a.StartedAt, a.FinishedAt = number.Int64, instant(started), instant(finished)
			attempts = append(attempts, a)
		}
	}
	return attempts, there, rows.Err()
}

// ResendCallbacks has callbacks sent again: those that q finds, oldest first, at
// most q.Limit, become due now, whatever they were, with the same event id and a
// schedule that begins anew. One that is being sent at this moment goes out once
// more when that is over. It returns how many; a notice without a URL is none of
// them. An error may be journal.ErrCallbackQuery.
func (db *DB) ResendCallbacks(ctx context.Context, q journal.CallbackQuery) (int, error) {
	q, after, err := q.Checked()
	if err != nil {
		return 0, err
	}
	c := callbackConditions(q, after)
	query := `UPDATE callbacks SET state = 'pending', due_at = ?, first_at = NULL, resent_after = attempts
		WHERE event_id IN (SELECT event_id FROM callbacks WHERE state <> 'none' AND ` + c.where() + callbackOrder(q) + " LIMIT ?)"
	var n int64
	err = db.writer.transact(ctx, func() error {
		var err error
		args := append(append([]any{now().UnixMicro()}, c.args...), q.Limit)
		if n, err = db.writer.changed(ctx, query, args...); err != nil {
			return failed(err)
		}
		return nil
	})
	return int(n), err
}

// CallbackQueue says how many callbacks wait, and for how long.
func (db *DB) CallbackQueue(ctx context.Context) (journal.CallbackQueue, error) {
	var q journal.CallbackQueue
	var due sql.NullInt64
	at := now()
	args := append(filterArgs(journal.CallbackFilter{}), sql.Named("now", at.UnixMicro()), sql.Named("most", journal.MaxCallbackQueue))
	err := db.read.QueryRowContext(ctx, pendingLanes+`
		SELECT (SELECT count(*) FROM (SELECT 1 FROM callbacks WHERE state = 'pending' LIMIT :most)),
			min((SELECT due_at FROM callbacks WHERE state = 'pending' AND lane = open.lane
				AND (leased_until IS NULL OR leased_until <= :now)
				AND merchant_id NOT IN (SELECT value FROM json_each(:skipMerchants))
			ORDER BY due_at, event_id LIMIT 1)) FROM open`, args...).Scan(&q.Pending, &due)
	if err != nil {
		return q, fmt.Errorf("sqlite: callback queue: %w", err)
	}
	if due.Valid {
		q.Oldest = max(at.Sub(instant(due)), 0)
	}
	return q, nil
}
