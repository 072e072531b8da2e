package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/storagetest"
	"github.com/galla-pay/galla/protocol"
)

func TestOutbox(t *testing.T) {
	t.Parallel()
	storagetest.RunOutbox(t, func(t *testing.T) interface {
		storagetest.Storage
		storagetest.Callbacks
	} {
		return open(t)
	})
}

func terminal(name string) protocol.Identity {
	return protocol.Identity{MerchantID: "M", StoreID: "s", TerminalID: name}
}

func newPayment(id string) payment.Payment {
	return payment.Payment{ID: id, Key: payment.Key{MerchantID: "M", TransactionID: "k" + id}, Amount: 1, Solution: payment.EDC,
		State: payment.Created, CreatedAt: time.Now(), ExpiresAt: time.Now()}
}

// patient opens a database of three terminals, payments and quotes, with writers
// that wait long for a lock.
func patient(t *testing.T) (*postgres.DB, *pgxpool.Pool) {
	t.Helper()
	dsn := migrated(t)
	db, err := postgres.OpenPatient(t.Context(), config(t, dsn))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var d merchant.Data
	var c decide.Changes
	for i := range 3 {
		d.Terminals = append(d.Terminals, merchant.Terminal{Identity: terminal(fmt.Sprint("t", i))})
		c.NewPayments = append(c.NewPayments, newPayment(fmt.Sprint("p", i)))
		c.NewQuotes = append(c.NewQuotes, quote.Quote{Token: fmt.Sprint("q", i), CreatedAt: time.Now(), ExpiresAt: time.Now()})
	}
	if err := db.Seed(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	err = db.Apply(t.Context(), journal.NewBatchID(), decide.Needs{}, func(decide.Snapshot) (decide.Changes, error) { return c, nil })
	if err != nil {
		t.Fatal(err)
	}
	return db, raw(t, dsn)
}

// lock holds rows until the function that it returns is called.
func lock(t *testing.T, db *pgxpool.Pool, query string) (release func()) {
	t.Helper()
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), query); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(context.WithoutCancel(t.Context())); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
			t.Error(err)
		}
	}
}

// free lists the rows of a table that nobody has locked.
func free(t *testing.T, db *pgxpool.Pool, table, key string) []string {
	t.Helper()
	rows, err := db.Query(t.Context(), fmt.Sprintf("SELECT %s FROM %s ORDER BY %s FOR UPDATE SKIP LOCKED", key, table, key))
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// waitForLock waits until somebody waits for a lock.
func waitForLock(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		var n int
		err := db.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("nobody waits for a lock: %v", err)
		}
		if n > 0 {
			return
		}
	}
}

// A batch that is stopped at a row has locked what comes before it in the order
// terminals, payments, quotes, each in key order, and nothing of what comes
// after.
func TestRowsAreLockedInOrder(t *testing.T) {
	t.Parallel()
	needs := decide.Needs{
		Terminals: []protocol.Identity{terminal("t2"), terminal("t0"), terminal("t1")},
		Payments:  []string{"p1", "p2"},
		Keys:      []payment.Key{newPayment("p0").Key},
		Tokens:    []string{"q2", "q1", "q0"},
	}
	for _, c := range []struct {
		at                          string
		terminals, payments, quotes string // not locked by the batch, nor by the outsider
	}{
		{"SELECT 1 FROM terminals WHERE terminal_id = 't1' FOR UPDATE", "t2", "p0 p1 p2", "q0 q1 q2"},
		{"SELECT 1 FROM transactions WHERE id = 'p1' FOR UPDATE", "", "p2", "q0 q1 q2"},
		{"SELECT 1 FROM qr_validations WHERE ver_token = 'q1' FOR UPDATE", "", "", "q2"},
	} {
		db, outsider := patient(t)
		release := lock(t, outsider, c.at)
		done := make(chan error)
		go func() {
			done <- db.Apply(t.Context(), journal.NewBatchID(), needs, func(s decide.Snapshot) (decide.Changes, error) {
				if len(s.Terminals) != 3 || len(s.Payments) != 3 || len(s.Quotes) != 3 {
					return decide.Changes{}, fmt.Errorf("loaded %d, %d, %d rows", len(s.Terminals), len(s.Payments), len(s.Quotes))
				}
				return decide.Changes{}, nil
			})
		}()
		waitForLock(t, outsider)
		for _, row := range []struct{ table, key, want string }{
			{"terminals", "terminal_id", c.terminals}, {"transactions", "id", c.payments}, {"qr_validations", "ver_token", c.quotes},
		} {
			if got := strings.Join(free(t, outsider, row.table, row.key), " "); got != row.want {
				t.Errorf("stopped at %q: of %s not locked are %q, want %q", c.at, row.table, got, row.want)
			}
		}
		release()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// The batch's time is later than the commit of whoever it has waited for.
func TestTimeIsReadAfterTheLocks(t *testing.T) {
	t.Parallel()
	db, outsider := patient(t)
	for _, at := range []string{
		"SELECT 1 FROM terminals WHERE terminal_id = 't1' FOR UPDATE", "SELECT 1 FROM qr_validations WHERE ver_token = 'q1' FOR UPDATE",
	} {
		release := lock(t, outsider, at)
		now := make(chan time.Time, 1)
		done := make(chan error)
		go func() {
			done <- db.Apply(t.Context(), journal.NewBatchID(), decide.Needs{Terminals: []protocol.Identity{terminal("t1")}, Tokens: []string{"q1"}},
				func(s decide.Snapshot) (decide.Changes, error) {
					now <- s.Now
					return decide.Changes{}, nil
				})
		}()
		waitForLock(t, outsider)
		before, err := db.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		release()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if at := <-now; !at.After(before) {
			t.Errorf("the batch says %v, the lock was held until %v", at, before)
		}
	}
}

// A row that is locked for longer than lock_timeout fails the batch, soon, as
// locked; nothing of it is kept and the connection goes on.
func TestLockTimeout(t *testing.T) {
	t.Parallel()
	_, outsider := patient(t)
	dsn := outsider.Config().ConnString()
	db := openAt(t, dsn)
	release := lock(t, outsider, "SELECT 1 FROM terminals WHERE terminal_id = 't1' FOR UPDATE")
	needs := decide.Needs{Terminals: []protocol.Identity{terminal("t0"), terminal("t1")}}
	count := func(s decide.Snapshot) (decide.Changes, error) {
		x := s.Terminals[terminal("t1")]
		x.Want()
		return decide.Changes{Terminals: []fleet.Terminal{x}}, nil
	}
	began := time.Now()
	err := db.Apply(t.Context(), journal.NewBatchID(), needs, count)
	if took := time.Since(began); !errors.Is(err, journal.ErrLocked) || took < 50*time.Millisecond || took > 5*time.Second {
		t.Fatalf("Apply = %v after %v, want ErrLocked after 50 ms", err, took)
	}
	// An insert that waits for another's uncommitted key is the same.
	insert := lock(t, outsider, "INSERT INTO upi_messages VALUES ('O', 'm', '', '', now())")
	err = db.Apply(t.Context(), journal.NewBatchID(), decide.Needs{}, func(s decide.Snapshot) (decide.Changes, error) {
		return decide.Changes{Messages: []decide.Message{{MessageKey: decide.MessageKey{OrgID: "O", MsgID: "m"}, At: s.Now}}}, nil
	})
	if !errors.Is(err, journal.ErrLocked) {
		t.Fatalf("behind an uncommitted key: Apply = %v, want ErrLocked", err)
	}
	insert()
	release()
	if err := db.Apply(t.Context(), journal.NewBatchID(), needs, count); err != nil {
		t.Fatal(err)
	}
}

// No secret is found in the tables, as text or as bytes.
func TestNoSecretIsInTheTables(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	db := openAt(t, dsn)
	canaries := storagetest.Canaries(t, db)
	outsider := raw(t, dsn)
	conn, err := outsider.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	rows, err := conn.Query(t.Context(), "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || !slices.Contains(tables, "secrets") || len(tables) < 20 {
		t.Fatalf("tables %v, %v", tables, err)
	}
	var dump strings.Builder
	for _, table := range tables {
		if _, err := conn.Conn().PgConn().CopyTo(t.Context(), &dump, "COPY "+table+" TO STDOUT"); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(dump.String(), "not-a-secret") {
		t.Fatal("what is no secret is not found either: the test does not look in the right place")
	}
	for _, c := range canaries {
		if strings.Contains(dump.String(), c) || strings.Contains(dump.String(), fmt.Sprintf("%x", c)) {
			t.Errorf("%s is in the tables", c)
		}
	}
}
