package sqlite

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/controller/internal/storagetest"
)

// Rows that are only added come back, by their tables, as they were.
func TestAddedRowsAreKept(t *testing.T) {
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
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := storagetest.Added(t)
	err = db.Apply(t.Context(), journal.NewBatchID(), decide.Needs{}, func(decide.Snapshot) (decide.Changes, error) { return want, nil })
	if err != nil {
		t.Fatal(err)
	}
	kept(t, db, table.QuoteEvents, want.QuoteEvents)
	kept(t, db, table.Messages, want.Messages)
	kept(t, db, table.ReqPays, want.NewReqPays)
	kept(t, db, table.Credits, want.NewCredits)
	kept(t, db, table.Callbacks, want.Callbacks)
}

func kept[T any](t *testing.T, db *DB, tab table.Table[T], want []T) {
	t.Helper()
	tx, err := db.read.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	var got []T
	if err := everything(t.Context(), tx, tab, &got); err != nil {
		t.Fatal(err)
	}
	storagetest.Same(t, got, want)
}
