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
// # A primary and its standby
//
// The DSN may name several hosts; of them the one is used that can be written to
// (target_session_attrs=read-write, unless the DSN says otherwise), for reading,
// too. A connection to a server that was one and is no more counts as lost.
//
// With a synchronous standby a commit is answered when both have it, and what was
// answered is there after a failover. Three things would break that promise, and
// are kept from it here. A wait for the standby that is cancelled ends in a commit
// that the standby may not have: writers never cancel, and a commit with a warning
// is one whose outcome is unknown. A batch that the primary has and the standby
// has not must not count as committed: Committed commits something itself before
// it says so. And a question that was cut off must not be taken for the batch:
// what Committed leaves behind says whose it is.
//
// What the operator must see to (no client can):
//   - synchronous_standby_names names the standbys, on each server that may become
//     primary, or what was answered may be lost with the primary;
//   - nobody cancels or ends a session that waits for a standby (wait_event
//     SyncRep), nor restarts its server while no standby follows: what it waits
//     for is seen from then on, and is lost if that server is;
//   - a primary that was replaced does not come back as one. While its
//     synchronous_standby_names still waits for a standby it answers no commit; but
//     a controller that finds it first among its hosts would read old rows there.
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
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/seal"
)

// Limits of one piece of work on the database.
const (
	// lockTimeout is how long a batch waits for a row (DESIGN 3.1).
	lockTimeout = "50ms"
	// applyLimit bounds a batch, committedLimit a question about one, and within it
	// committedWait the wait for the batch itself. All are far above what a database
	// that works takes.
	applyLimit     = 5 * time.Second
	committedLimit = 5 * time.Second
	committedWait  = "4500ms"
)

// Config is what Open needs.
type Config struct {
	// DSN is a postgres:// URL or a keyword/value string. It may name several hosts.
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
	// follows is set where the DSN asks for servers that need not be written to.
	follows bool

	busy sync.RWMutex // read-locked by each Apply
	life context.Context
	end  context.CancelFunc // gives up the commits that still wait

	upkeep
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
	db := &DB{box: cfg.Box, log: cfg.Log, follows: readOnly(cfg.DSN)}
	var err error
	// What readers ask goes by index too, also in a month that was empty when the
	// plan was made.
	db.read, err = pool(ctx, cfg.DSN, pooling{size: cfg.Readers, settings: map[string]string{"enable_seqscan": "off"}, tracer: cfg.ReadTracer})
	if err != nil {
		return nil, err
	}
	// One more than the writers, for references that are resolved meanwhile; and as
	// many again for when commits wait for a standby longer than a batch does.
	db.write, err = pool(ctx, cfg.DSN, pooling{size: 2 * (cfg.Writers + 1), steady: true, settings: map[string]string{
		"lock_timeout": lockTimeout, "plan_cache_mode": "force_generic_plan",
		"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
	}})
	if err != nil {
		db.read.Close()
		return nil, err
	}
	db.config = db.write.Config().ConnConfig
	db.life, db.end = context.WithCancel(context.Background())
	if err := db.Ping(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	if err := db.checkStandby(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

// checkStandby warns where a failover is meant to be possible and may lose
// something.
func (db *DB) checkStandby(ctx context.Context) error {
	if servers(db.config) == 1 || db.follows {
		return nil
	}
	var names string
	err := db.ask(ctx, "look for a standby", func(c *pgxpool.Conn) error {
		return c.QueryRow(ctx, "SELECT current_setting('synchronous_standby_names')").Scan(&names)
	})
	if err == nil && names == "" {
		db.log.Warn("the database has several hosts, and commits wait for none of them: a failover may lose what was answered",
			"setting", "synchronous_standby_names")
	}
	return err
}

// ask does a piece of work on a reader's connection. Where the connection turns
// out to be lost, as all of them are once the server was restarted, or its server
// to be no primary any more, it is done again on a new one: it must not mind to be
// done twice. An error that says that the database is away wraps journal.ErrAway.
func (db *DB) ask(ctx context.Context, what string, do func(*pgxpool.Conn) error) error {
	work := func(c *pgxpool.Conn) error {
		err := do(c)
		if old := demoted(c.Conn()); old != nil && !db.follows {
			return old
		}
		return err
	}
	err := db.read.AcquireFunc(ctx, work)
	if lost(err) {
		db.read.Reset()
		err = db.read.AcquireFunc(ctx, work)
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

// Close ends all connections, after the work that holds them; a commit that has
// waited for a standby for longer than its batch did is left to the server.
func (db *DB) Close() error {
	db.busy.Lock()
	db.end()
	db.busy.Unlock()
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
