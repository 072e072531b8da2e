package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/retention"
)

// monthly is a table that is kept by month.
type monthly struct {
	name string
	by   string // the column that says which month
}

var byMonth = []monthly{
	{"transaction_events", "at"}, {"qr_validation_events", "at"}, {"callbacks", "created_at"}, {"callback_attempts", "started_at"},
}

// monthsAhead is how many months after this one have their partitions.
const monthsAhead = 2

const monthForm = "_2006_01"

func (t monthly) part(month time.Time) string { return t.name + month.Format(monthForm) }

// detached is the name of a month that stands by itself.
func (t monthly) detached(month time.Time) string { return "detached_" + t.part(month) }

// bounds are a month's, as SQL.
func bounds(month time.Time) (from, until string) {
	const zero = " 00:00:00+00"
	return month.Format(time.DateOnly) + zero, month.AddDate(0, 1, 0).Format(time.DateOnly) + zero
}

// months are the months that a table has partitions of, oldest first.
func (t monthly) months(ctx context.Context, q querier) ([]time.Time, error) {
	rows, err := q.Query(ctx, `SELECT relname::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
		WHERE inhparent = $1::text::regclass ORDER BY relname`, t.name)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	var months []time.Time
	for _, name := range names {
		if month, err := time.Parse(t.name+monthForm, name); err == nil {
			months = append(months, month)
		}
	}
	return months, err
}

// querier is a pool, a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// addMonths makes the partitions that are missing: of this month and the next
// ones, and of every month of which rows stand in the default partition. It
// attaches them, which stops no writer. One that cannot be made keeps no other from
// being made.
func (db *DB) addMonths(ctx context.Context) error {
	var failures []error
	for _, t := range byMonth {
		failures = append(failures, db.addMonthsOf(ctx, t))
	}
	return errors.Join(failures...)
}

func (db *DB) addMonthsOf(ctx context.Context, t monthly) error {
	there, err := t.months(ctx, db.read)
	if err != nil {
		return err
	}
	var now time.Time
	if err := db.read.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return err
	}
	strays, err := db.strays(ctx, t)
	if err != nil {
		return err
	}
	wanted := strays
	for ahead := range monthsAhead + 1 {
		wanted = append(wanted, retention.Month(now).AddDate(0, ahead, 0))
	}
	var failures []error
	for _, month := range wanted {
		if slices.ContainsFunc(there, month.Equal) {
			continue
		}
		there = append(there, month)
		early := month.Before(retention.Month(now))
		if err := db.addMonth(ctx, t, month); err != nil {
			failures = append(failures, fmt.Errorf("partition %s: %w", t.part(month), err))
		} else if early {
			db.log.Warn("rows had come to a month that nobody had made room for; they have a partition now", "table", t.name, "month", month.Format("2006-01"))
		}
	}
	return errors.Join(failures...)
}

// strays are the months of the rows in the default partition, which has none as
// long as a controller runs: a few at a time.
func (db *DB) strays(ctx context.Context, t monthly) ([]time.Time, error) {
	rows, err := db.read.Query(ctx, fmt.Sprintf(`SELECT DISTINCT date_trunc('month', %s AT TIME ZONE 'UTC')
		FROM %s_default WHERE isfinite(%[1]s) ORDER BY 1 LIMIT 24`, t.by, t.name))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[time.Time])
}

func (db *DB) addMonth(ctx context.Context, t monthly, month time.Time) error {
	name := pgx.Identifier{t.part(month)}.Sanitize()
	from, until := bounds(month)
	return db.patiently(ctx, func(q querier) (steps []string, err error) {
		var done bool
		if err := q.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", t.part(month)).Scan(&done); err != nil || done {
			return nil, err
		}
		return []string{
			// Where nobody made room in time the month's rows stand in the default
			// partition: they move, or the new one could not be attached.
			fmt.Sprintf("LOCK TABLE %s_default IN ACCESS EXCLUSIVE MODE", t.name),
			fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING ALL)", name, t.name),
			fmt.Sprintf("WITH moved AS (DELETE FROM %[1]s_default WHERE %[2]s >= '%[3]s' AND %[2]s < '%[4]s' RETURNING *) INSERT INTO %[5]s SELECT * FROM moved",
				t.name, t.by, from, until, name),
			fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')", t.name, name, from, until),
		}, nil
	})
}

// How long a change of partitions waits for a lock. All that comes after it waits
// behind it, and a batch waits no longer than 50 ms (DESIGN 3.1): what takes three
// locks one after another keeps it for 30 ms at most. Then it lets everybody pass
// and tries again.
const (
	monthsLock  = "10ms"
	monthsTries = 50
	monthsPause = 40 * time.Millisecond
)

// errBusy: somebody used a table all the time, such as a dump that reads it.
var errBusy = errors.New("the table is in use all the time; it will be tried again")

// patiently runs a change of partitions in a transaction of its own, one
// controller at a time: look says what is to be done, if anything, and whoever
// waited for another finds the work done. Where a lock is not to be had at once it
// tries again, for some seconds.
//
// The steps and the commit are one message, and the commit waits for no disk:
// nobody waits behind the locks for a controller that is slow. A change that is
// lost with the server is made again.
func (db *DB) patiently(ctx context.Context, look func(querier) (steps []string, err error)) error {
	for range monthsTries {
		err := db.read.AcquireFunc(ctx, func(c *pgxpool.Conn) error { return change(ctx, c.Conn(), look) })
		var pg *pgconn.PgError
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &pg) || pg.Code != "55P03" && pg.Code != "40P01":
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(monthsPause):
		}
	}
	return errBusy
}

func change(ctx context.Context, c *pgx.Conn, look func(querier) (steps []string, err error)) error {
	tx, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // after the commit it does nothing
	// Waiting for another controller is in nobody's way.
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('galla months'))"); err != nil {
		return err
	}
	steps, err := look(tx)
	if err != nil || len(steps) == 0 {
		return err
	}
	steps = append([]string{"SET LOCAL lock_timeout = '" + monthsLock + "'", "SET LOCAL synchronous_commit = off"}, append(steps, "COMMIT")...)
	_, err = c.PgConn().Exec(ctx, strings.Join(steps, "; ")).ReadAll()
	return err
}

// tableOf is the table that is kept by month and whose name this is.
func tableOf(name string) (monthly, bool) {
	i := slices.IndexFunc(byMonth, func(t monthly) bool { return strings.EqualFold(t.name, name) })
	if i < 0 {
		return monthly{}, false
	}
	return byMonth[i], true
}
