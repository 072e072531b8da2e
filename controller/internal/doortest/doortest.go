// Package doortest is what stands behind a door in its tests: a real journal
// over a real SQLite file with the sandbox's data. Only tests import it.
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
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/controller/internal/sqlite"
)

// House is what stands behind a door.
type House struct {
	DB      *sqlite.DB
	Journal *journal.Journal
	People  *merchant.Directory
	LinkKey *ecdsa.PrivateKey
	Log     *slog.Logger
	// OnCommit, when set before the first decision, is told what is committed.
	OnCommit func(decide.Changes)
}

// Directory is People, as the doors ask for it.
func (h *House) Directory() *merchant.Directory { return h.People }

// New builds a house that is taken down with the test. change may alter the
// sandbox's data first.
func New(t testing.TB, change ...func(*merchant.Data)) *House {
	t.Helper()
	dir := t.TempDir()
	h := &House{Log: slog.New(slog.DiscardHandler), OnCommit: func(decide.Changes) {}}
	box, err := seal.OpenOrCreate(filepath.Join(dir, "key"))
	must(t, err)
	h.DB, err = sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(dir, "galla.db"), Box: box, Log: h.Log})
	must(t, err)
	t.Cleanup(func() { must(t, h.DB.Close()) })
	must(t, h.DB.Migrate(t.Context()))
	data := merchant.Sandbox()
	for _, c := range change {
		c(&data)
	}
	must(t, h.DB.Seed(t.Context(), data))
	h.People, err = h.DB.Directory(t.Context())
	must(t, err)
	h.LinkKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	h.Journal, err = journal.New(journal.Config{
		Storage: h.DB, Writers: 1, Log: h.Log, OnCommit: func(c decide.Changes) { h.OnCommit(c) },
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
