// Package doortest is what stands behind a door in its tests: a real journal
// over a real SQLite file, or PostgreSQL, with the sandbox's data. Only tests
// import it.
package doortest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/controller/internal/sqlite"
	"github.com/galla-pay/galla/hack/testservers"
)

// House is what stands behind a door.
type House struct {
	Storage Storage
	DB      *sqlite.DB // Storage, where it is SQLite
	Journal *journal.Journal
	People  *merchant.Directory
	LinkKey *ecdsa.PrivateKey
	Log     *slog.Logger
	// OnCommit, when set before the first decision, is told what is committed.
	OnCommit func(decide.Changes)
}

// Storage is what every door's test asks of a database.
type Storage interface {
	journal.Storage
	Payment(ctx context.Context, merchantID, id string) (payment.Payment, error)
	Payments(ctx context.Context, q journal.PaymentQuery) ([]payment.Payment, error)
	Migrate(ctx context.Context) error
	Seed(ctx context.Context, data merchant.Data) error
	Directory(ctx context.Context) (*merchant.Directory, error)
	Close() error
}

// Directory is People, as the doors ask for it.
func (h *House) Directory() *merchant.Directory { return h.People }

// New builds a house on SQLite that is taken down with the test. change may
// alter the sandbox's data first.
func New(t testing.TB, change ...func(*merchant.Data)) *House {
	t.Helper()
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(dir, "galla.db"), Box: box(t, dir), Log: log})
	must(t, err)
	h := build(t, db, log, change)
	h.DB = db
	return h
}

// NewPostgres builds one on PostgreSQL.
func NewPostgres(t testing.TB, change ...func(*merchant.Data)) *House {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	dsn := testservers.SharedPostgres(t).NewDatabaseFrom(t, "empty", func(string) error { return nil })
	db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, Box: box(t, t.TempDir()), Log: log})
	must(t, err)
	return build(t, db, log, change)
}

func box(t testing.TB, dir string) *seal.Box {
	t.Helper()
	b, err := seal.OpenOrCreate(filepath.Join(dir, "key"))
	must(t, err)
	return b
}

func build(t testing.TB, db Storage, log *slog.Logger, change []func(*merchant.Data)) *House {
	t.Helper()
	var err error
	h := &House{Storage: db, Log: log, OnCommit: func(decide.Changes) {}}
	t.Cleanup(func() { must(t, db.Close()) })
	must(t, db.Migrate(t.Context()))
	data := merchant.Sandbox()
	for _, c := range change {
		c(&data)
	}
	must(t, db.Seed(t.Context(), data))
	h.People, err = db.Directory(t.Context())
	must(t, err)
	h.LinkKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	h.Journal, err = journal.New(journal.Config{
		Storage: db, Writers: 1, Log: h.Log, OnCommit: func(c decide.Changes) { h.OnCommit(c) },
	})
	must(t, err)
	done := make(chan error, 1)
	go func() { done <- h.Journal.Run(context.Background()) }()
	t.Cleanup(func() {
		must(t, h.Journal.Close(context.Background()))
		<-done
	})
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
		t.FailNow()
	}
}
