package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/controller/internal/sqlite"
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

func TestNoSecretIsInTheFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "galla.db")
	db := openAt(t, path)
	canaries := storagetest.Canaries(t, db)
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v, %v; want the database and its log", files, err)
	}
	var all []byte
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	if !bytes.Contains(all, []byte("not-a-secret")) {
		t.Fatal("what is no secret is not found either: the test does not look in the right place")
	}
	for _, c := range canaries {
		if bytes.Contains(all, []byte(c)) {
			t.Errorf("%s is in the files", c)
		}
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openAt(t, filepath.Join(dir, "galla.db"))
	storagetest.Canaries(t, db)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

func TestAnyPathWillDo(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"with space.db", "100%.db", "what?.db", "a#b.db", "ü₹.db", "a&_pragma=synchronous(OFF).db"} {
		path := filepath.Join(t.TempDir(), name)
		openAt(t, path)
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestRowsSurviveAReopening(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "galla.db")
	id := journal.NewBatchID()
	func() {
		db, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Box: box(t), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := db.PutSecret(t.Context(), "root", []byte("secret")); err != nil {
			t.Fatal(err)
		}
		err = db.Apply(t.Context(), id, decide.Needs{}, func(decide.Snapshot) (decide.Changes, error) {
			return decide.Changes{Messages: []decide.Message{{MessageKey: decide.MessageKey{OrgID: "O", MsgID: "m"}}}}, nil
		})
		if err == nil {
			t.Fatal("a message without a time was kept")
		}
		err = db.Apply(t.Context(), id, decide.Needs{}, func(s decide.Snapshot) (decide.Changes, error) {
			return decide.Changes{Messages: []decide.Message{{MessageKey: decide.MessageKey{OrgID: "O", MsgID: "m"}, At: s.Now}}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}()
	db := openAt(t, path)
	if got, err := db.Secret(t.Context(), "root"); err != nil || string(got) != "secret" {
		t.Errorf("Secret = %q, %v", got, err)
	}
	if yes, err := db.Committed(t.Context(), id); err != nil || !yes {
		t.Errorf("Committed = %v, %v", yes, err)
	}
}

func TestSettingsOfTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "galla.db")
	db := openAt(t, path)
	var mode string
	if err := raw(t, path).QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal_mode is %s, %v", mode, err)
	}
	for pragma, want := range map[string]int{"synchronous": 2, "busy_timeout": 5000} { // 2 is FULL
		if got, err := db.WriterPragma(t.Context(), pragma); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", pragma, got, err, want)
		}
	}
}

func TestAnotherKeyFileIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "galla.db")
	storagetest.Canaries(t, openAt(t, path))
	other, err := seal.FromKey(make([]byte, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Box: other, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Directory(t.Context()); !errors.Is(err, seal.ErrKey) {
		t.Errorf("Directory = %v, want ErrKey", err)
	}
	if _, err := db.Secret(t.Context(), "root"); !errors.Is(err, seal.ErrKey) {
		t.Errorf("Secret = %v, want ErrKey", err)
	}
}

func TestTidyForgetsOldBatches(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "galla.db")
	db, outsider := openAt(t, path), raw(t, path)
	for id, age := range map[string]time.Duration{"old": 61 * time.Minute, "young": 59 * time.Minute} {
		if _, err := outsider.ExecContext(t.Context(), "INSERT INTO batches VALUES (?, ?)", []byte(id), time.Now().Add(-age).UnixMicro()); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left string
	if err := outsider.QueryRowContext(t.Context(), "SELECT group_concat(CAST(id AS TEXT)) FROM batches").Scan(&left); err != nil || left != "young" {
		t.Errorf("left are %q, %v; want the young", left, err)
	}
}

// Two processes on one file: both write, no change is lost.
func TestTwoProcessesShareAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "galla.db")
	dbs := []*sqlite.DB{openAt(t, path), openAt(t, path)}
	id := protocol.Identity{MerchantID: "M", StoreID: "s", TerminalID: "t"}
	if err := dbs[0].Seed(t.Context(), merchant.Data{Terminals: []merchant.Terminal{{Identity: id}}}); err != nil {
		t.Fatal(err)
	}
	const times = 40
	var both sync.WaitGroup
	for _, db := range dbs {
		both.Go(func() {
			for range times {
				for {
					err := db.Apply(t.Context(), journal.NewBatchID(), decide.Needs{Terminals: []protocol.Identity{id}},
						func(s decide.Snapshot) (decide.Changes, error) {
							x := s.Terminals[id]
							x.Want()
							return decide.Changes{Terminals: []fleet.Terminal{x}}, nil
						})
					if err == nil {
						break
					}
					if !errors.Is(err, journal.ErrAgain) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	both.Wait()
	if x, err := dbs[0].Terminal(t.Context(), id); err != nil || x.Seq != 2*times {
		t.Errorf("counted %d, %v; want %d", x.Seq, err, 2*times)
	}
}

func TestOpenChecksItsConfig(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	for name, cfg := range map[string]sqlite.Config{
		"no path":   {Box: box(t), Log: log},
		"no box":    {Path: filepath.Join(t.TempDir(), "x"), Log: log},
		"no log":    {Path: filepath.Join(t.TempDir(), "x"), Box: box(t)},
		"no folder": {Path: filepath.Join(t.TempDir(), "no", "x"), Box: box(t), Log: log},
		"a folder":  {Path: t.TempDir(), Box: box(t), Log: log},
	} {
		if _, err := sqlite.Open(context.Background(), cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	path := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if db, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Box: box(t), Log: log}); err == nil {
		_ = db.Close()
		t.Error("a text file: no error")
	}
}
