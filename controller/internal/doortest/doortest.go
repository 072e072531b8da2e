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
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/controller/internal/sqlite"
	"github.com/galla-pay/galla/hack/testservers"
	"github.com/galla-pay/galla/protocol"
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

	dsn string // of PostgreSQL
}

// Storage is what every door's test asks of a database.
type Storage interface {
	journal.Storage
	Payment(ctx context.Context, merchantID, id string) (payment.Payment, error)
	Payments(ctx context.Context, q journal.PaymentQuery) ([]payment.Payment, error)
	Events(ctx context.Context, paymentID string) ([]payment.Record, error)
	Terminal(ctx context.Context, id protocol.Identity) (fleet.Terminal, error)
	PaymentByID(ctx context.Context, id string) (payment.Payment, error)
	Quote(ctx context.Context, token string) (quote.Quote, error)
	LatestQuote(ctx context.Context, paymentID string) (quote.Quote, error)
	ReqPay(ctx context.Context, key decide.TxnKey) (decide.ReqPay, error)
	Due(ctx context.Context, limit int) (journal.Due, error)
	CallbackHorizon(ctx context.Context) (time.Time, error)
	CallbackFeed(ctx context.Context, merchantID, after string, limit int) (journal.CallbackFeed, error)
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
	dir := t.TempDir()
	dsn := testservers.SharedPostgres(t).NewDatabaseFrom(t, "migrated", func(dsn string) error {
		db, err := postgres.Open(context.Background(), postgres.Config{DSN: dsn, Box: box(t, dir), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		defer db.Close()
		return db.Migrate(context.Background())
	})
	h := build(t, openPostgres(t, dsn), slog.New(slog.DiscardHandler), change)
	h.dsn = dsn
	return h
}

// Neighbour is another controller on the same database: connections and a
// journal of its own. Only a house on PostgreSQL has one.
func (h *House) Neighbour(t testing.TB) *House {
	t.Helper()
	if h.dsn == "" {
		t.Fatal("a house on SQLite has no neighbour")
	}
	n := &House{
		Storage: openPostgres(t, h.dsn), People: h.People, LinkKey: h.LinkKey, Log: h.Log,
		OnCommit: func(decide.Changes) {}, dsn: h.dsn,
	}
	t.Cleanup(func() { must(t, n.Storage.Close()) })
	n.open(t)
	return n
}

func openPostgres(t testing.TB, dsn string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, Box: box(t, t.TempDir()), Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	return db
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
	h.open(t)
	return h
}

// open starts the journal.
func (h *House) open(t testing.TB) {
	t.Helper()
	var err error
	h.Journal, err = journal.New(journal.Config{
		Storage: h.Storage, Writers: 1, Log: h.Log, OnCommit: func(c decide.Changes) { h.OnCommit(c) },
	})
	must(t, err)
	done := make(chan error, 1)
	go func() { done <- h.Journal.Run(context.Background()) }()
	t.Cleanup(func() {
		must(t, h.Journal.Close(context.Background()))
		<-done
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
		t.FailNow()
	}
}
