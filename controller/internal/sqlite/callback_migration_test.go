package sqlite

import (
	"io/fs"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/seal"
)

// A file that has rows already keeps them, and takes notices without a URL.
func TestMigrationOfCallbacks(t *testing.T) {
	t.Parallel()
	box, err := seal.FromKey(make([]byte, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "galla.db"), Box: box, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	own, err := open(db.path, "_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	p, err := goose.NewProvider(goose.DialectSQLite3, own, files, goose.WithDisableGlobalRegistry(true), goose.WithSlog(db.log))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	insert := `INSERT INTO callbacks (event_id, transaction_id, merchant_id, lane, url, method, created_at, state, attempts, first_at, due_at, leased_until) VALUES `
	if _, err := own.ExecContext(t.Context(), insert+"('old', 'p', 'M', 'M x:443', 'https://x/', 'PUT', 1, 'pending', 3, 2, 4, 9)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := own.ExecContext(t.Context(), insert+"('n', 'p', 'M', 'M ', '', '', 5, 'none', 0, NULL, 5, NULL)"); err != nil {
		t.Error(err)
	}
	if _, err := own.ExecContext(t.Context(), insert+"('bad', 'p', 'M', 'M ', '', '', 5, 'lost', 0, NULL, 5, NULL)"); err == nil {
		t.Error("any word is taken for a state")
	}
	rows, err := db.Callbacks(t.Context(), journal.CallbackQuery{})
	if err != nil || len(rows) != 2 {
		t.Fatalf("rows %+v, %v", rows, err)
	}
	old := rows[0]
	if old.EventID != "old" || old.Method != "PUT" || old.Attempts != 3 || old.CreatedAt.UnixMicro() != 1 || old.DueAt.UnixMicro() != 9 || rows[1].State != "none" {
		t.Errorf("rows %+v", rows)
	}
	leased, err := db.LeaseCallbacks(t.Context(), 1, 1, journal.CallbackFilter{})
	if err != nil || len(leased) != 1 || leased[0].Attempt != 4 || leased[0].Age == 0 || leased[0].Resent != 0 {
		t.Errorf("leased %+v, %v", leased, err)
	}
}
