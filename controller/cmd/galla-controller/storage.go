package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/callback"
	"github.com/galla-pay/galla/controller/internal/enrol"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/mqttlink"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/controller/internal/sqlite"
	"github.com/galla-pay/galla/controller/internal/upiapi"
)

// storage is all that the controller asks of a database. PostgreSQL and SQLite
// both are one.
type storage interface {
	journal.Storage
	payapi.Reader
	upiapi.Reader
	mqttlink.Reader
	callbackRows
	callbackLog
	paymentRows
	networkRows
	upiRows
	admin.Store
	enrol.Storage
	secrets
	retained
	Migrate(ctx context.Context) error
	Seed(ctx context.Context, data merchant.Data) error
	Directory(ctx context.Context) (*merchant.Directory, error)
	DirectoryVersion(ctx context.Context) (int64, error)
	Due(ctx context.Context, limit int) (journal.Due, error)
	Ping(ctx context.Context) error
	Close() error
}

// callbackRows is the callback outbox as the storages have it.
type callbackRows interface {
	LeaseCallbacks(ctx context.Context, limit int, lease time.Duration, filter journal.CallbackFilter) ([]journal.CallbackDelivery, error)
	RecordCallbacks(ctx context.Context, outcomes []journal.CallbackOutcome) error
	NextCallback(ctx context.Context, filter journal.CallbackFilter) (time.Duration, bool, error)
	ExpireCallbacks(ctx context.Context, lanes []string, age time.Duration) (int, error)
}

// databaseFlags say where the database is.
type databaseFlags struct {
	Database    string `default:"sqlite:galla.db" placeholder:"sqlite:PATH|postgres://..." help:"The database."`
	SealKeyFile string `placeholder:"FILE" help:"The key that seals secrets in the database; made at first start, mode 0600. Default: the SQLite file's name and .key, or galla.key."`
}

// open opens the database; writers is how many the journal has.
func (f databaseFlags) open(ctx context.Context, log *slog.Logger) (db storage, writers int, err error) {
	return f.openTraced(ctx, log, nil)
}

// openTraced opens it and tells a tracer, which may be nil, what PostgreSQL is asked
// to read.
func (f databaseFlags) openTraced(ctx context.Context, log *slog.Logger, reads pgx.QueryTracer) (db storage, writers int, err error) {
	path, isSQLite := strings.CutPrefix(f.Database, "sqlite:")
	isPostgres := strings.HasPrefix(f.Database, "postgres://") || strings.HasPrefix(f.Database, "postgresql://")
	if !isSQLite && !isPostgres || isSQLite && path == "" {
		return nil, 0, errors.New("--database: want sqlite:PATH or postgres://user@host/name")
	}
	keyFile := f.SealKeyFile
	switch {
	case keyFile != "":
	case isSQLite:
		keyFile = path + ".key"
	default:
		keyFile = "galla.key"
	}
	box, err := seal.OpenOrCreate(keyFile)
	if err != nil {
		return nil, 0, fmt.Errorf("--seal-key-file: %w", err)
	}
	if isSQLite {
		db, err = sqlite.Open(ctx, sqlite.Config{Path: path, Box: box, Log: log})
		writers = 1
	} else {
		db, err = postgres.Open(ctx, postgres.Config{DSN: f.Database, Box: box, Log: log, ReadTracer: reads})
		writers = 2
	}
	if err != nil {
		return nil, 0, fmt.Errorf("--database: %w", err)
	}
	return db, writers, nil
}

// migrateCommand brings the schema up to date.
type migrateCommand struct {
	databaseFlags
	Sandbox bool `help:"Add the sandbox's merchants, where they are missing."`
}

// Run migrates.
func (m migrateCommand) Run(ctx context.Context) error {
	db, _, err := m.open(ctx, slog.Default())
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if m.Sandbox {
		return db.Seed(ctx, merchant.Sandbox())
	}
	return nil
}

// outbox gives the callback sender the rows in its own words.
type outbox struct{ rows callbackRows }

func (o outbox) Lease(ctx context.Context, ask callback.Ask) ([]callback.Delivery, error) {
	rows, err := o.rows.LeaseCallbacks(ctx, ask.Limit, ask.Lease, journal.CallbackFilter(ask.Filter))
	deliveries := make([]callback.Delivery, len(rows))
	for i, row := range rows {
		deliveries[i] = callback.Delivery(row)
	}
	return deliveries, err
}

func (o outbox) Record(ctx context.Context, outcomes []callback.Outcome) error {
	rows := make([]journal.CallbackOutcome, len(outcomes))
	for i, outcome := range outcomes {
		rows[i] = journal.CallbackOutcome(outcome)
	}
	return o.rows.RecordCallbacks(ctx, rows)
}

func (o outbox) NextDue(ctx context.Context, filter callback.Filter) (time.Duration, bool, error) {
	return o.rows.NextCallback(ctx, journal.CallbackFilter(filter))
}

func (o outbox) Expire(ctx context.Context, lanes []string, age time.Duration) (int, error) {
	return o.rows.ExpireCallbacks(ctx, lanes, age)
}

// readPassword reads a secret from a file that only its owner may read.
func readPassword(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&(fs.ModePerm&0o007) != 0 {
		return "", fmt.Errorf("%s can be read by everybody: chmod 600 %s", path, path)
	}
	text, err := os.ReadFile(path)
	return strings.TrimRight(string(text), "\r\n"), err
}
