package journal_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/sqlite"
)

// childDatabase says to this test binary that it is the controller that is going
// to be killed, and where its database is.
const childDatabase = "GALLA_TEST_JOURNAL_CHILD"

// A controller that is killed, at any moment, has kept every payment that it has
// answered, whole, and none by half.
func TestKilledControllerLosesNothing(t *testing.T) {
	t.Parallel()
	if dsn := os.Getenv(childDatabase); dsn != "" {
		child(t, dsn)
		return
	}
	path := filepath.Join(t.TempDir(), "galla.db")
	for name, dsn := range map[string]string{"postgres": newDatabase(t), "sqlite": path} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for life := range 3 {
				answered := killed(t, fmt.Sprint("life", life), dsn, 40+70*life)
				db := openAny(t, dsn)
				for _, id := range answered {
					verify(t, db, id)
				}
				// What was not answered may be there; then it is whole too.
				for c := range callersOfChild {
					for n := range 1000 {
						id := fmt.Sprintf("life%d-%d-%d", life, c, n)
						if _, err := db.PaymentByID(t.Context(), id); err != nil {
							break
						}
						verify(t, db, id)
					}
				}
			}
		})
	}
}

const callersOfChild = 8

// killed runs a controller until it has answered so many payments, kills it, and
// returns all that it had answered by then.
func killed(t *testing.T, life, dsn string, enough int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledControllerLosesNothing$", "-test.v")
	cmd.Env = append(os.Environ(), childDatabase+"="+life+" "+dsn)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // closed when this process ends, however it does
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var answered []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		id, ok := strings.CutPrefix(lines.Text(), "answered ")
		if !ok {
			if strings.Contains(lines.Text(), "child:") {
				t.Error(lines.Text())
			}
			continue
		}
		if answered = append(answered, id); len(answered) == enough {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || len(answered) < enough {
		t.Fatalf("the controller ended by itself after %d answers: %v", len(answered), err)
	}
	return answered
}

// child is the controller: it answers payments until it is killed.
func child(t *testing.T, from string) {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1) // nobody is left to kill it
	}()
	life, dsn, _ := strings.Cut(from, " ")
	db := openAny(t, dsn)
	seedTerminals(t, db, "t0", "t1")
	j := start(t, journal.Config{Storage: db, Writers: 2, MaxBatch: 8})
	for c := range callersOfChild {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%s-%d-%d", life, c, n)
				if _, err := journal.Do(context.Background(), j, initOf(id, fmt.Sprint("t", c%2))); err != nil {
					fmt.Println("child:", err)
					return
				}
				fmt.Println("answered " + id)
			}
		}()
	}
	select {}
}

// openAny opens a SQLite file, or a PostgreSQL database by its URL.
func openAny(t testing.TB, dsn string) database {
	t.Helper()
	if strings.HasPrefix(dsn, "postgres://") {
		db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, Box: box(t), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal("child: ", err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: dsn, Box: box(t), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal("child: ", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal("child: ", err)
	}
	return db
}
