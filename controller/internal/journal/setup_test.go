package journal_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/controller/internal/sqlite"
	"github.com/galla-pay/galla/controller/internal/storagetest"
	"github.com/galla-pay/galla/hack/testservers"
	"github.com/galla-pay/galla/protocol"
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

// String is the counts of what was tried again that are not 0.
func (c *counter) String() string {
	var s []string
	for _, n := range []struct {
		why string
		n   *atomic.Int64
	}{{"again", &c.again}, {"away", &c.away}, {"halved", &c.halved}, {"locked", &c.locked}, {"unknown", &c.unknown}, {"other", &c.other}} {
		if v := n.n.Load(); v > 0 {
			s = append(s, fmt.Sprint(n.why, " ", v))
		}
	}
	return strings.Join(s, " ")
}

// unanswered is Memory whose first commit is not answered.
type unanswered struct {
	*storagetest.Memory
	committed bool
	settle    func(try int) (bool, error)
	applied   int
	asked     int
}

func (u *unanswered) Apply(ctx context.Context, id journal.BatchID, needs decide.Needs, run func(decide.Snapshot) (decide.Changes, error)) error {
	u.applied++
	if u.applied > 1 {
		return u.Memory.Apply(ctx, id, needs, run)
	}
	if u.committed {
		if err := u.Memory.Apply(ctx, id, needs, run); err != nil {
			return err
		}
	}
	return fmt.Errorf("connection reset: %w", journal.ErrCommitUnknown)
}

func (u *unanswered) Committed(context.Context, journal.BatchID) (bool, error) {
	u.asked++
	return u.settle(u.asked)
}

// database is what the tests of all storages need.
type database interface {
	journal.Storage
	Seed(context.Context, merchant.Data) error
	PaymentByID(context.Context, string) (payment.Payment, error)
	Terminal(context.Context, protocol.Identity) (fleet.Terminal, error)
	Events(context.Context, string) ([]payment.Record, error)
}

// storages are all that there are.
var storages = []struct {
	name string
	open func(testing.TB) database
}{
	{"memory", func(testing.TB) database { return storagetest.NewMemory() }},
	{"sqlite", func(t testing.TB) database { return openSQLite(t) }},
	{"postgres", func(t testing.TB) database { return openPostgres(t) }},
}

func openSQLite(t testing.TB) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "galla.db"), Box: box(t), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}
