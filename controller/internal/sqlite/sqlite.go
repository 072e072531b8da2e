// Package sqlite is the embedded storage: one file, one writer, no server
// (DESIGN 2). It keeps what package postgres keeps, in the same tables, and
// passes the same suite, storagetest; all rules are in the decisions, so it only
// loads and saves.
//
// The journal writes through Apply; the doors and the sweeper read. cmd opens
// and closes it. Several processes may open one file, but it is meant for one.
//
// The clock is the process's: the database is in the process.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/galla-pay/galla/controller/internal/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config is what Open needs.
type Config struct {
	// Path of the database file; it is made, readable by its owner alone, where
	// there is none. Its folder must exist.
	Path string
	// Box seals the secrets.
	Box *seal.Box
	Log *slog.Logger
}

// DB is an open database file. It may be used by several goroutines.
type DB struct {
	box  *seal.Box
	log  *slog.Logger
	path string
	// SQLite has one writer. read has several connections, which cannot write.
	writer *writer
	read   *sql.DB
}

// readers is how many reads run at once.
const readers = 4

// Open opens or makes the file. It does not migrate.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	switch {
	case cfg.Path == "":
		return nil, errors.New("sqlite: no path")
	case cfg.Box == nil:
		return nil, errors.New("sqlite: no key to seal secrets with")
	case cfg.Log == nil:
		return nil, errors.New("sqlite: no log")
	}
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	// The file holds payers' addresses, so nobody else is to read it. SQLite
	// gives its side files the same mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	db := &DB{box: cfg.Box, log: cfg.Log, path: path}
	if db.writer, err = newWriter(path); err != nil {
		return nil, err
	}
	if db.read, err = open(path, "_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(err, db.writer.close())
	}
	db.read.SetMaxOpenConns(readers)
	db.read.SetMaxIdleConns(readers)
	if err := db.Ping(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func open(path, option string) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(FULL)&_pragma=temp_store(MEMORY)&" + option
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	db.SetConnMaxLifetime(0)
	return db, nil
}

// Migrate brings the schema up to date; it does nothing where it is.
func (db *DB) Migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("sqlite: migrate: %w", err)
	}
	own, err := open(db.path, "_txlock=immediate")
	if err != nil {
		return err
	}
	defer own.Close()
	p, err := goose.NewProvider(goose.DialectSQLite3, own, files,
		goose.WithDisableGlobalRegistry(true), goose.WithSlog(db.log))
	if err != nil {
		return fmt.Errorf("sqlite: migrate: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("sqlite: migrate: %w", err)
	}
	return nil
}

// Ping says whether the database can be read.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	if err := db.read.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	return nil
}

// Close closes the file. Nothing may use db any more.
func (db *DB) Close() error {
	err := errors.Join(db.writer.close(), db.read.Close())
	if err != nil {
		return fmt.Errorf("sqlite: close: %w", err)
	}
	return nil
}

// Now is the database's time, in microseconds.
func (db *DB) Now(context.Context) (time.Time, error) { return now(), nil }

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// code is SQLite's extended result code, or 0.
func code(err error) int {
	var e *modernc.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

func isUnique(err error) bool {
	c := code(err)
	return c == sqlite3.SQLITE_CONSTRAINT_UNIQUE || c == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}
