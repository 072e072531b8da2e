package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/controller/internal/storagetest"
	"github.com/galla-pay/galla/protocol"
)

func TestAdminContract(t *testing.T) {
	t.Parallel()
	storagetest.RunAdmin(t, func(t *testing.T) func(*seal.Box) storagetest.Administered {
		dsn := migrated(t)
		return func(box *seal.Box) storagetest.Administered { return openBy(t, dsn, box) }
	})
}

func openBy(t *testing.T, dsn string, box *seal.Box) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, Box: box, Log: slog.New(slog.DiscardHandler), Readers: 4})
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

func newBox(t *testing.T) *seal.Box {
	t.Helper()
	key := make([]byte, seal.KeySize)
	_, _ = rand.Read(key)
	box, err := seal.FromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// Whatever is sealed is known to be: a column of that name that is not in the
// list would be left behind by a change of the key.
func TestEverySealedColumnIsRewrapped(t *testing.T) {
	t.Parallel()
	rows, err := raw(t, migrated(t)).Query(t.Context(), `SELECT table_name::text FROM information_schema.columns
		WHERE table_schema = 'public' AND column_name LIKE '%sealed%' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, c := range table.Sealed() {
		known = append(known, c.Table)
	}
	slices.Sort(known)
	if !slices.Equal(there, known) {
		t.Errorf("sealed columns are in %v, the list has %v", there, known)
	}
}

// A change of the sealing key whose session is killed in the middle, when half of
// the secrets are sealed anew, leaves all of them under the old key.
func TestRewrapKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	outsider := raw(t, dsn)
	old, fresh := newBox(t), newBox(t)
	db := openBy(t, dsn, old)
	for i := range 10 {
		if _, err := db.PutSecret(t.Context(), fmt.Sprint("secret", i), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	// Rewrap seals in the order in which it reads; the last row is kept from it.
	hold, err := outsider.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hold.Exec(t.Context(), "SELECT 1 FROM secrets WHERE name = 'secret9' FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	var holder int
	if err := hold.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&holder); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := db.Rewrap(context.Background(), fresh)
		ended <- err
	}()
	// Killed as soon as it waits for that row.
	killed := 0
	for killed == 0 {
		err := outsider.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE $1 = ANY(pg_blocking_pids(pid)) AND query LIKE 'UPDATE secrets SET sealed%'`, holder).Scan(&killed)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := <-ended; err == nil {
		t.Fatal("a change of the key whose session was killed says that it is done")
	}
	if err := hold.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if _, err := db.Secret(t.Context(), fmt.Sprint("secret", i)); err != nil {
			t.Errorf("after the kill: %v", err)
		}
	}
	if done, err := db.Rewrap(t.Context(), fresh); err != nil || done.Secrets != 10 || done.Already {
		t.Fatalf("once more: %+v, %v", done, err)
	}
	renewed := openBy(t, dsn, fresh)
	for i := range 10 {
		name := fmt.Sprint("secret", i)
		if _, err := renewed.Secret(t.Context(), name); err != nil {
			t.Errorf("after the change: %v", err)
		}
		if _, err := db.Secret(t.Context(), name); !errors.Is(err, seal.ErrKey) {
			t.Errorf("the old key opens %s: %v", name, err)
		}
	}
}

// Whoever is sealing something while the key is changed is waited for, and what
// he sealed is sealed anew; whoever comes later is refused.
func TestRewrapWaitsForWhoeverIsSealing(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	outsider := raw(t, dsn)
	old, fresh := newBox(t), newBox(t)
	db := openBy(t, dsn, old)
	tx, err := outsider.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = tx.Exec(t.Context(), "INSERT INTO secrets (name, sealed) VALUES ('under way', $1)", old.Seal(table.SecretName("under way"), []byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := db.Rewrap(context.Background(), fresh)
		ended <- err
	}()
	for waiting := 0; waiting == 0; {
		err := outsider.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE wait_event_type = 'Lock' AND query LIKE 'SELECT key_id FROM seal_key%'`).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(tx.Commit(t.Context()), <-ended); err != nil {
		t.Fatal(err)
	}
	if v, err := openBy(t, dsn, fresh).Secret(t.Context(), "under way"); err != nil || string(v) != "x" {
		t.Errorf("what was sealed meanwhile: %q, %v", v, err)
	}
}

// A change of a terminal raises its version, which is the journal's
// compare-and-set, and touches nothing that is the journal's.
func TestAdminRaisesATerminalsVersion(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	db, outsider := openBy(t, dsn, newBox(t)), raw(t, dsn)
	id := protocol.Identity{MerchantID: "M", StoreID: "S", TerminalID: "T"}
	audit := []record.Entry{{Details: "{}"}}
	change := func(c record.Changes) {
		t.Helper()
		c.Audit = audit
		c.Audit[0].At = first(db.Now(t.Context()))
		if err := db.Administer(t.Context(), record.Needs{}, func(record.Snapshot) (record.Changes, error) { return c, nil }); err != nil {
			t.Fatal(err)
		}
	}
	rest := func() (version int64, others string) {
		t.Helper()
		err := outsider.QueryRow(t.Context(), `SELECT version, (to_jsonb(terminals) - ARRAY['version', 'label', 'active', 'integrated',
			'payment_window_seconds', 'busy', 'language'])::text FROM terminals`).Scan(&version, &others)
		if err != nil {
			t.Fatal(err)
		}
		return version, others
	}
	change(record.Changes{NewTerminals: []merchant.Terminal{{Identity: id, Active: true}}})
	version, others := rest()
	change(record.Changes{Terminals: []merchant.Terminal{{Identity: id, Label: "new"}}})
	if v, o := rest(); v != version+1 || o != others || !strings.Contains(o, `"seq"`) {
		t.Errorf("version %d after %d; %s after %s", v, version, o, others)
	}
}

func first[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
