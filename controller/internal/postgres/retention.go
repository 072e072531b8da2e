package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/retention"
)

// upkeep is what a DB knows of its months.
type upkeep struct {
	policy atomic.Pointer[retention.Policy] // nil: every month stays
	// openSince is callbacks_open.since as it was read last, in microseconds since
	// 1970; 0 before that.
	openSince atomic.Int64
}

// SetRetention says how long months stay. Tidy carries it out. Without it every
// month stays for ever. Any number of controllers may have it set; they should
// have the same.
func (db *DB) SetRetention(p retention.Policy) error {
	db.policy.Store(&p)
	return nil
}

// unfinished says, by table, what keeps the months up to $1 from being detached.
// callbacks come first: they say when the others may go.
//
// Events of a payment stay while it may move; those of a quote until it is
// processed. An end is for ever, so this is asked before the table is locked;
// only callbacks can become pending again.
const (
	unfinishedPayments = "SELECT EXISTS (SELECT FROM transactions WHERE " + unpaid + ` AND created_at < $1)
		OR EXISTS (SELECT FROM transactions WHERE state IN ('in_progress', 'parked') AND created_at < $1)`
	unfinishedQuotes    = "SELECT EXISTS (SELECT FROM qr_validations WHERE processed_at IS NULL AND created_at < $1)"
	unfinishedCallbacks = "SELECT EXISTS (SELECT FROM callbacks WHERE state = 'pending' AND created_at < $1)"
)

var unfinished = map[string]string{
	"transaction_events": unfinishedPayments, "qr_validation_events": unfinishedQuotes,
	"callbacks": unfinishedCallbacks, "callback_attempts": unfinishedCallbacks,
}

// errUnfinished: a month is over and something of it is not.
var errUnfinished = errors.New("something of the month is not finished")

// detachMonths makes tables of their own out of the months that the retention lets
// go, the oldest first and none before an older one, so that one date says what is
// archived. Where it is told to, it drops what was detached.
func (db *DB) detachMonths(ctx context.Context) error {
	policy := db.policy.Load()
	if policy == nil || policy.Keeps() {
		return nil
	}
	now, err := db.Now(ctx)
	if err != nil {
		return err
	}
	cut := policy.Cut(now)
	var failures []error
	for _, t := range byMonth {
		months, err := t.months(ctx, db.read)
		if err != nil {
			return err
		}
		for _, month := range months {
			if month.AddDate(0, 1, 0).After(cut) {
				break
			}
			err := db.detach(ctx, t, month)
			if errors.Is(err, errUnfinished) {
				db.log.Info("a month is over and stays, because something of it is not finished", "table", t.name, "month", month.Format("2006-01"))
			} else if err != nil {
				failures = append(failures, fmt.Errorf("detach %s: %w", t.part(month), err))
			}
			if err != nil {
				break
			}
			db.log.Info("detached a month", "table", t.name, "month", month.Format("2006-01"), "now", t.detached(month))
		}
	}
	if policy.Drop {
		failures = append(failures, db.dropMonths(ctx))
	}
	return errors.Join(failures...)
}

// detach makes a month a table of its own.
//
// DETACH ... CONCURRENTLY does not go beside a default partition, so this is the
// plain one. It takes the strongest lock there is, on the table, its default
// partition and the month, and holds it for as long as it takes to change the
// catalogue: milliseconds.
func (db *DB) detach(ctx context.Context, t monthly, month time.Time) error {
	end := month.AddDate(0, 1, 0)
	var waits bool
	err := db.ask(ctx, "detach", func(c *pgxpool.Conn) error { return c.QueryRow(ctx, unfinished[t.name], end).Scan(&waits) })
	if err != nil {
		return err
	}
	if waits {
		return errUnfinished
	}
	err = db.patiently(ctx, func(q querier) ([]string, error) {
		var attached bool
		err := q.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1) AND inhparent = $2::text::regclass)",
			t.part(month), t.name).Scan(&attached)
		if err != nil || !attached {
			return nil, err // another controller was first
		}
		steps := []string{fmt.Sprintf("LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE", t.name)}
		if t.name == "callbacks" {
			// Nobody makes one pending again from here on. One that somebody has just
			// made divides by zero.
			steps = append(steps, fmt.Sprintf("SELECT 1 / (NOT EXISTS (SELECT FROM %s WHERE state = 'pending'))::int", t.part(month)))
		}
		return append(steps,
			fmt.Sprintf("ALTER TABLE %s DETACH PARTITION %s", t.name, t.part(month)),
			fmt.Sprintf("ALTER TABLE %s RENAME TO %s", t.part(month), t.detached(month)),
			fmt.Sprintf(`INSERT INTO archived_months (parent, month, detached_at) VALUES ('%s', '%s', clock_timestamp())
				ON CONFLICT (parent, month) DO UPDATE SET detached_at = excluded.detached_at, dropped_at = NULL`, t.name, month.Format(time.DateOnly)),
		), nil
	})
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == "22012" {
		return errUnfinished
	}
	return err
}

// dropMonths drops the months that were detached. One that somebody has attached
// again or renamed is none of these.
func (db *DB) dropMonths(ctx context.Context) error {
	type archived struct {
		parent string
		month  time.Time
	}
	var all []archived
	err := db.ask(ctx, "drop months", func(c *pgxpool.Conn) error {
		all = nil
		rows, err := c.Query(ctx, "SELECT parent, month FROM archived_months WHERE dropped_at IS NULL ORDER BY month, parent")
		if err != nil {
			return err
		}
		return each(rows, func(row pgx.Rows) error {
			var a archived
			err := row.Scan(&a.parent, &a.month)
			all = append(all, a)
			return err
		})
	})
	if err != nil {
		return err
	}
	var failures []error
	for _, a := range all {
		t, ok := tableOf(a.parent)
		if !ok {
			continue
		}
		name := t.detached(a.month)
		gone := false
		err := db.patiently(ctx, func(q querier) (steps []string, err error) {
			err = q.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1))", name).Scan(&gone)
			if gone {
				steps = append(steps, "DROP TABLE "+name)
			}
			return append(steps, fmt.Sprintf("UPDATE archived_months SET dropped_at = clock_timestamp() WHERE parent = '%s' AND month = '%s'",
				t.name, a.month.Format(time.DateOnly))), err
		})
		if err == nil && gone {
			db.log.Info("dropped a month", "table", t.name, "month", a.month.Format("2006-01"))
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("drop %s: %w", name, err))
		}
	}
	return errors.Join(failures...)
}

// archivedBefore is the end of the newest month of $1 that was detached and is not
// attached again; NULL where there is none.
const archivedBefore = `SELECT max(month + interval '1 month') AT TIME ZONE 'UTC' FROM archived_months AS a WHERE parent = $1
	AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = to_regclass(a.parent) AND inhrelid = to_regclass(a.parent || to_char(a.month, '_YYYY_MM')))`

// Archived is the time before which rows of a table that is kept by month were
// detached, so that they are not found any more; the zero time where none were.
func (db *DB) Archived(ctx context.Context, tableName string) (before time.Time, err error) {
	var at *time.Time
	err = db.ask(ctx, "archived", func(c *pgxpool.Conn) error { return c.QueryRow(ctx, archivedBefore, tableName).Scan(&at) })
	if err == nil && at != nil {
		before = at.UTC()
	}
	return before, err
}
