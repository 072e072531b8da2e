// Package postgres is the production storage (DESIGN 2, 3.1): PostgreSQL 15 or
// newer through pgx. It only loads and saves; all rules are in the decisions. It
// passes the same suite as its embedded twin, package sqlite: storagetest.
//
// The journal writes through Apply; the doors and the sweeper read. cmd opens
// and closes it. Any number of controllers may use one database.
//
// # Connections
//
// Writers have connections of their own, which other work cannot take away and
// whose settings would hurt other queries: generic plans, no sequential scan,
// hash or merge join (the statements of a batch always go by index, and plans
// made over empty tables would not), a short lock_timeout. A session whose
// controller has vanished is ended after seconds, so that its locks do not stay.
//
// # Round trips
//
// A batch takes two: begin, lock, load and read the clock; then save, note the
// batch's id and commit.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/seal"
)

// Limits of one piece of work on the database.
const (
	// lockTimeout is how long a batch waits for a row (DESIGN 3.1).
	lockTimeout = "50ms"
	// applyLimit bounds a batch, committedLimit a question about one, connectLimit
	// the making of a connection. All are far above what a database that works
	// takes.
	applyLimit     = 5 * time.Second
	committedLimit = 5 * time.Second
	connectLimit   = 3 * time.Second
)

// Config is what Open needs.
type Config struct {
	// DSN is a postgres:// URL or a keyword/value string.
	DSN string
	// Writers is how many batches are written at once; 0 means 2.
	Writers int
	// Readers is how many reads run at once; 0 means 8.
	Readers int
	// Box seals the secrets.
	Box *seal.Box
	Log *slog.Logger
	// ReadTracer, where it is set, is told of what the readers ask.
	ReadTracer pgx.QueryTracer
}

// DB is a PostgreSQL database. It may be used by several goroutines.
type DB struct {
	box    *seal.Box
	log    *slog.Logger
	config *pgx.ConnConfig // of a writer; for connections outside the pools
	write  *pgxpool.Pool
	read   *pgxpool.Pool
}

// DefaultWriters is how many writers a journal on PostgreSQL should have.
const DefaultWriters = 2

// Open connects. It does not migrate. It fails where the database cannot be
// reached.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	return open(ctx, cfg, lockTimeout)
}

func open(ctx context.Context, cfg Config, lockTimeout string) (*DB, error) {
	switch {
	case cfg.Box == nil:
		return nil, errors.New("postgres: no key to seal secrets with")
	case cfg.Log == nil:
		return nil, errors.New("postgres: no log")
	}
	if cfg.Writers == 0 {
		cfg.Writers = DefaultWriters
	}
	if cfg.Readers == 0 {
		cfg.Readers = 8
	}
	db := &DB{box: cfg.Box, log: cfg.Log}
	var err error
	// What readers ask goes by index too, also in a month that was empty when the
	// plan was made.
	if db.read, err = pool(ctx, cfg.DSN, cfg.Readers, map[string]string{"enable_seqscan": "off"}, cfg.ReadTracer); err != nil {
		return nil, err
	}
	// One more than the writers, for references that are resolved meanwhile.
	db.write, err = pool(ctx, cfg.DSN, cfg.Writers+1, map[string]string{
		"synchronous_commit": "on", "lock_timeout": lockTimeout, "plan_cache_mode": "force_generic_plan",
		"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
	}, nil)
	if err != nil {
		db.read.Close()
		return nil, err
	}
	db.config = db.write.Config().ConnConfig
	if err := db.Ping(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

func pool(ctx context.Context, dsn string, size int, settings map[string]string, tracer pgx.QueryTracer) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", hidden(err))
	}
	cfg.MaxConns = int32(size)
	cfg.ConnConfig.Tracer = tracer
	cfg.MaxConnLifetimeJitter = cfg.MaxConnLifetime / 10
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectLimit
	}
	for name, value := range map[string]string{
		"application_name": "galla-controller", "timezone": "UTC",
		"idle_in_transaction_session_timeout": "2s",
		"tcp_keepalives_idle":                 "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
	} {
		cfg.ConnConfig.RuntimeParams[name] = value
	}
	for name, value := range settings {
		cfg.ConnConfig.RuntimeParams[name] = value
	}
	p, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return p, nil
}

// hidden keeps the DSN, which may hold a password, out of an error's text.
func hidden(err error) error {
	if p := (*pgconn.ParseConfigError)(nil); errors.As(err, &p) {
		return errors.New("the database URL cannot be read")
	}
	return err
}

// ask does a piece of work on a reader's connection. Where the connection turns
// out to be lost, as all of them are once the server was restarted, it is done
// again on a new one: it must not mind to be done twice. An error that says that
// the database is away wraps journal.ErrAway.
func (db *DB) ask(ctx context.Context, what string, do func(*pgxpool.Conn) error) error {
	err := db.read.AcquireFunc(ctx, do)
	if lost(err) {
		db.read.Reset()
		err = db.read.AcquireFunc(ctx, do)
	}
	if err != nil {
		return fmt.Errorf("postgres: %s: %w", what, failed(err))
	}
	return nil
}

// Ping says whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	return db.ask(ctx, "ping", func(c *pgxpool.Conn) error { return c.Ping(ctx) })
}

// Close ends all connections, after the work that holds them.
func (db *DB) Close() error {
	db.write.Close()
	db.read.Close()
	return nil
}

// Now is the database's time.
func (db *DB) Now(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := db.ask(ctx, "now", func(c *pgxpool.Conn) error {
		return c.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&at)
	})
	return at.UTC(), err
}
