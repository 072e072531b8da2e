package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationPause is how long a migration may do nothing before the server takes its
// transaction for dead: other controllers may wait for its locks meanwhile.
const migrationPause = "20s"

// Migrate brings the schema up to date and makes room for the months to come;
// it does nothing where all is there. Any number of controllers may call it at
// once: one works, the others wait for it, up to a minute.
func (db *DB) Migrate(ctx context.Context) error {
	if err := db.migrate(ctx); err != nil {
		return fmt.Errorf("postgres: migrate: %w", err)
	}
	err := db.addMonths(ctx)
	if lost(err) { // it stood still for too long while others waited for its locks
		err = db.addMonths(ctx)
	}
	if err != nil {
		return fmt.Errorf("postgres: migrate: %w", err)
	}
	return nil
}

func (db *DB) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	// Try once a second, sixty times.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60))
	if err != nil {
		return err
	}
	// A machine that stands still for seconds in the middle of a migration must not
	// lose it.
	cfg := db.read.Config().ConnConfig
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = migrationPause
	conn := stdlib.OpenDB(*cfg)
	defer conn.Close()
	p, err := goose.NewProvider(goose.DialectPostgres, conn, files, goose.WithSessionLocker(locker),
		goose.WithDisableGlobalRegistry(true), goose.WithSlog(db.log))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// Tidy is journal.Storage's.
func (db *DB) Tidy(ctx context.Context) error {
	err := db.ask(ctx, "tidy", func(c *pgxpool.Conn) error {
		_, err := c.Exec(ctx, "DELETE FROM batches WHERE at < clock_timestamp() - interval '1 day'")
		return err
	})
	if err != nil {
		return err
	}
	if err := db.addMonths(ctx); err != nil {
		return fmt.Errorf("postgres: tidy: %w", err)
	}
	return nil
}

// partitioned are the tables that are kept by month, partitionedBy the column
// that says which.
var (
	partitioned   = []string{"transaction_events", "qr_validation_events", "callbacks", "callback_attempts"}
	partitionedBy = map[string]string{
		"transaction_events": "at", "qr_validation_events": "at", "callbacks": "created_at", "callback_attempts": "started_at",
	}
)

// monthsAhead is how many months after this one have their partitions.
const monthsAhead = 2

// addMonths makes the partitions that are missing. It attaches them, which
// stops no writer. One that cannot be made, because its rows are in the default
// partition already, keeps no other from being made.
func (db *DB) addMonths(ctx context.Context) error {
	var now time.Time
	var there []string
	err := db.read.QueryRow(ctx, `SELECT clock_timestamp(), coalesce(array_agg(relname::text), '{}') FROM pg_inherits
		JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = ANY($1::text[]::regclass[])`, partitioned).Scan(&now, &there)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, name := range there {
		known[name] = true
	}
	var failures []error
	for _, parent := range partitioned {
		for ahead := range monthsAhead + 1 {
			from := time.Date(now.UTC().Year(), now.UTC().Month()+time.Month(ahead), 1, 0, 0, 0, 0, time.UTC)
			if name := parent + from.Format("_2006_01"); !known[name] {
				failures = append(failures, db.addMonth(ctx, parent, name, from))
			}
		}
	}
	return errors.Join(failures...)
}

func (db *DB) addMonth(ctx context.Context, parent, name string, from time.Time) error {
	err := pgx.BeginFunc(ctx, db.read, func(tx pgx.Tx) error {
		// One controller at a time; whoever waited finds the work done.
		_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('galla months')), set_config('lock_timeout', '2s', true)")
		if err != nil {
			return err
		}
		var done bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&done); err != nil || done {
			return err
		}
		table, month := pgx.Identifier{name}.Sanitize(), from.Format(time.DateOnly)+" 00:00:00+00"
		next := from.AddDate(0, 1, 0).Format(time.DateOnly) + " 00:00:00+00"
		for _, step := range []string{
			// Where nobody made room in time the month's rows stand in the default
			// partition: they move, or the new one could not be attached.
			fmt.Sprintf("LOCK TABLE %s_default IN ACCESS EXCLUSIVE MODE", parent),
			fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING ALL)", table, parent),
			fmt.Sprintf("WITH moved AS (DELETE FROM %[1]s_default WHERE %[2]s >= '%[3]s' AND %[2]s < '%[4]s' RETURNING *) INSERT INTO %[5]s SELECT * FROM moved",
				parent, partitionedBy[parent], month, next, table),
			fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')", parent, table, month, next),
		} {
			if _, err := tx.Exec(ctx, step); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("partition %s: %w", name, err)
	}
	return nil
}
