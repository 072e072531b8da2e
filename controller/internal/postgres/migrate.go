package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

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
