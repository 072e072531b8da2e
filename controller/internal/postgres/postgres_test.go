package postgres_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/controller/internal/storagetest"
	"github.com/galla-pay/galla/hack/testservers"
)

func TestContract(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storagetest.Storage { return open(t) })
}

// open opens a database of the test's own, migrated and empty.
func open(t *testing.T) *postgres.DB {
	t.Helper()
	return openAt(t, migrated(t))
}

// migrated makes a migrated database and returns its DSN.
func migrated(t testing.TB) string {
	t.Helper()
	return testservers.SharedPostgres(t).NewDatabaseFrom(t, "migrated", func(dsn string) error {
		db, err := postgres.Open(context.Background(), config(t, dsn))
		if err != nil {
			return err
		}
		defer db.Close()
		return db.Migrate(context.Background())
	})
}

func config(t testing.TB, dsn string) postgres.Config {
	t.Helper()
	box, err := seal.FromKey([]byte("thirty-two bytes, for tests only"))
	if err != nil {
		t.Fatal(err)
	}
	return postgres.Config{DSN: dsn, Box: box, Log: slog.New(slog.DiscardHandler)}
}

func openAt(t testing.TB, dsn string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), config(t, dsn))
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
