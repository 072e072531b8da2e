package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/controller/internal/sqlite"
	"github.com/galla-pay/galla/controller/internal/storagetest"
	"github.com/galla-pay/galla/protocol"
)

func TestAdminContract(t *testing.T) {
	t.Parallel()
	storagetest.RunAdmin(t, func(t *testing.T) func(*seal.Box) storagetest.Administered {
		path := filepath.Join(t.TempDir(), "galla.db")
		openAt(t, path)
		return func(box *seal.Box) storagetest.Administered { return openBy(t, path, box) }
	})
}

func openBy(t *testing.T, path string, box *seal.Box) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Box: box, Log: slog.New(slog.DiscardHandler)})
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

// Whatever is sealed is known to be: a column of that name that is not in the
// list would be left behind by a change of the key.
func TestEverySealedColumnIsRewrapped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "galla.db")
	openAt(t, path)
	rows, err := raw(t, path).QueryContext(t.Context(), `SELECT m.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c
		WHERE m.type = 'table' AND c.name LIKE '%sealed%' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var there, known []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		there = append(there, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, c := range table.Sealed() {
		known = append(known, c.Table)
	}
	slices.Sort(known)
	if !slices.Equal(there, known) {
		t.Errorf("sealed columns are in %v, the list has %v", there, known)
	}
}

// childRewrap says to this test binary that it is the process that is killed
// while it changes the sealing key, and where the database is.
const childRewrap = "GALLA_TEST_REWRAP_CHILD"

const secretsOfChild = 3000

// A process that is killed while it changes the sealing key leaves every secret
// under the one key or every secret under the other.
func TestRewrapKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	if path := os.Getenv(childRewrap); path != "" {
		fmt.Println("begins")
		_, err := openBy(t, path, oldBox(t)).Rewrap(context.Background(), freshBox(t))
		fmt.Println("ended", err)
		return
	}
	path := filepath.Join(t.TempDir(), "galla.db")
	openAt(t, path)
	db := openBy(t, path, oldBox(t))
	if _, err := db.PutSecret(t.Context(), "first", []byte("x")); err != nil {
		t.Fatal(err)
	}
	outsider := raw(t, path)
	tx, err := outsider.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range secretsOfChild {
		name := fmt.Sprint("secret", i)
		if _, err := tx.ExecContext(t.Context(), "INSERT INTO secrets (name, sealed) VALUES (?, ?)", name, oldBox(t).Seal(table.SecretName(name), []byte("x"))); err != nil {
			t.Fatal(err)
		}
	}
	// The last row takes the child long enough to be found there.
	_, err = tx.ExecContext(t.Context(), `CREATE TRIGGER slow BEFORE UPDATE OF sealed ON secrets WHEN NEW.name = 'secret999'
		BEGIN SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT i FROM n); END`)
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestRewrapKilledInTheMiddle$", "-test.v")
	cmd.Env = append(os.Environ(), childRewrap+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "begins") {
	}
	// It is in the middle once it has the lock that writers take.
	for {
		own, err := outsider.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = own.ExecContext(t.Context(), "PRAGMA busy_timeout = 0")
		if err == nil {
			_, err = own.ExecContext(t.Context(), "BEGIN IMMEDIATE")
		}
		busy := err != nil && strings.Contains(err.Error(), "locked")
		if err == nil {
			_, err = own.ExecContext(t.Context(), "ROLLBACK")
		}
		if closed := own.Close(); err == nil {
			err = closed
		}
		if busy {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "ended") {
			t.Fatalf("the child was done before it was killed: %s", lines.Text())
		}
	}
	_ = cmd.Wait() // it was killed

	if _, err := outsider.ExecContext(t.Context(), "DROP TRIGGER slow"); err != nil {
		t.Fatal(err)
	}
	opened := 0
	for i := range secretsOfChild {
		if _, err := db.Secret(t.Context(), fmt.Sprint("secret", i)); err == nil {
			opened++
		}
	}
	if opened != secretsOfChild {
		t.Errorf("after the kill the old key opens %d of %d", opened, secretsOfChild)
	}
	if done, err := db.Rewrap(t.Context(), freshBox(t)); err != nil || done.Secrets != secretsOfChild+1 || done.Already {
		t.Fatalf("once more: %+v, %v", done, err)
	}
	renewed := openBy(t, path, freshBox(t))
	for i := range secretsOfChild {
		if _, err := renewed.Secret(t.Context(), fmt.Sprint("secret", i)); err != nil {
			t.Fatal(err)
		}
	}
}

func oldBox(t *testing.T) *seal.Box   { return boxOf(t, "o") }
func freshBox(t *testing.T) *seal.Box { return boxOf(t, "f") }

func boxOf(t *testing.T, letter string) *seal.Box {
	t.Helper()
	b, err := seal.FromKey([]byte(strings.Repeat(letter, seal.KeySize)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A change of a terminal raises its version, which is the journal's
// compare-and-set.
func TestAdminRaisesATerminalsVersion(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "galla.db")
	db := openAt(t, path)
	id := protocol.Identity{MerchantID: "M", StoreID: "S", TerminalID: "T"}
	for want, c := range []record.Changes{
		{NewTerminals: []merchant.Terminal{{Identity: id, Active: true}}}, {Terminals: []merchant.Terminal{{Identity: id, Label: "new"}}},
	} {
		err := db.Administer(t.Context(), record.Needs{}, func(snap record.Snapshot) (record.Changes, error) {
			c.Audit = []record.Entry{{At: snap.Now, Details: "{}"}}
			return c, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var version int
		if err := raw(t, path).QueryRowContext(t.Context(), "SELECT version FROM terminals").Scan(&version); err != nil || version != want {
			t.Errorf("version %d, %v, want %d", version, err, want)
		}
	}
}
