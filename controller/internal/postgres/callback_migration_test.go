package postgres

import (
	"context"
	"io/fs"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/hack/testservers"
)

// A database that has rows and months already: its rows stay, and each month
// takes notices without a URL.
func TestMigrationOfCallbacks(t *testing.T) {
	t.Parallel()
	box, err := seal.FromKey(make([]byte, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), Config{DSN: testservers.SharedPostgres(t).NewDatabase(t), Box: box, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	migrateTo(t, db, 4)
	if err := db.addMonths(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec := func(sql string) {
		t.Helper()
		if _, err := db.read.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	insert := `INSERT INTO callbacks (event_id, transaction_id, merchant_id, lane, url, method, created_at, due_at, state) VALUES `
	exec(insert + `('old', 'p', 'M', 'M x:443', 'https://x/', '', now(), now(), 'dead'),
		('default', 'p', 'M', 'M x:443', 'https://x/', '', now() - interval '1 year', now(), 'pending')`)
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(insert + `('n1', 'p', 'M', 'M ', '', '', now(), now(), 'none'), ('n2', 'p', 'M', 'M ', '', '', now() + interval '1 month', now(), 'none'),
		('n3', 'p', 'M', 'M ', '', '', now() - interval '1 year', now(), 'none')`)
	if _, err := db.read.Exec(t.Context(), insert+"('bad', 'p', 'M', 'M ', '', '', now(), now(), 'lost')"); err == nil {
		t.Error("any word is taken for a state")
	}
	var n int
	err = db.read.QueryRow(t.Context(), "SELECT count(*) FROM callbacks WHERE resent_after = 0").Scan(&n)
	if err != nil || n != 5 {
		t.Errorf("there are %d rows, %v; want 5", n, err)
	}
}

func migrateTo(t *testing.T, db *DB, version int64) {
	t.Helper()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	conn := stdlib.OpenDB(*db.read.Config().ConnConfig)
	defer conn.Close()
	p, err := goose.NewProvider(goose.DialectPostgres, conn, files, goose.WithDisableGlobalRegistry(true), goose.WithSlog(db.log))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(context.WithoutCancel(t.Context()), version); err != nil {
		t.Fatal(err)
	}
}
