package journal_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/hack/testservers"
)

// newDatabase makes a migrated database and returns its DSN.
func newDatabase(t testing.TB) string {
	t.Helper()
	return testservers.SharedPostgres(t).NewDatabaseFrom(t, "migrated", func(dsn string) error {
		db, err := postgres.Open(context.Background(), postgres.Config{DSN: dsn, Box: box(t), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		defer db.Close()
		return db.Migrate(context.Background())
	})
}

func openPostgres(t testing.TB) *postgres.DB {
	t.Helper()
	return openDSN(t, newDatabase(t))
}

func openDSN(t testing.TB, dsn string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, Box: box(t), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func box(t testing.TB) *seal.Box {
	t.Helper()
	b, err := seal.FromKey([]byte("thirty-two bytes, for tests only"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// counter is a journal.Metrics that counts.
type counter struct {
	batches, decisions, answered, full          atomic.Int64
	again, locked, halved, away, unknown, other atomic.Int64
}

func (c *counter) BatchDone(decisions int, _ time.Duration) {
	c.batches.Add(1)
	c.decisions.Add(int64(decisions))
}
func (c *counter) DecisionDone(time.Duration) { c.answered.Add(1) }
func (c *counter) QueueFull()                 { c.full.Add(1) }
func (c *counter) BatchRetried(why string) {
	n := map[string]*atomic.Int64{"again": &c.again, "locked": &c.locked, "halved": &c.halved, "away": &c.away, "unknown": &c.unknown}[why]
	if n == nil {
		n = &c.other
	}
	n.Add(1)
}
