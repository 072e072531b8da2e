package sqlite_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/enrol"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/storagetest"
	"github.com/galla-pay/galla/protocol"
)

func TestEnrolContract(t *testing.T) {
	t.Parallel()
	storagetest.RunEnrol(t, func(t *testing.T) storagetest.EnrolStorage { return open(t) })
}

// A code is spent and its terminal enrolled together or not at all: where the
// second cannot be saved, the first is not.
func TestACodeIsNotSpentWithoutCredentials(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "galla.db")
	db := openAt(t, path)
	id := protocol.Identity{MerchantID: "M", StoreID: "s", TerminalID: "t"}
	if err := db.Seed(t.Context(), merchant.Data{Terminals: []merchant.Terminal{{Identity: id, Active: true}}}); err != nil {
		t.Fatal(err)
	}
	r := &enrol.Registrar{Storage: db, Key: []byte("key"), Log: slog.New(slog.DiscardHandler)}
	text, _, err := r.NewCode(t.Context(), id, "asha")
	if err != nil {
		t.Fatal(err)
	}
	code := protocol.EnrolCode(text)
	outsider := raw(t, path)
	if _, err := outsider.Exec("CREATE TRIGGER no BEFORE UPDATE ON terminals BEGIN SELECT raise(ABORT, 'the disk is on fire'); END"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Enrol(t.Context(), code, []byte("key"), []byte("hash")); err == nil || errors.Is(err, enrol.ErrRefused) {
		t.Fatalf("enrolled on a disk that is on fire: %v", err)
	}
	if _, err := outsider.Exec("DROP TRIGGER no"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Enrol(t.Context(), code, []byte("another key"), []byte("hash")); err != nil {
		t.Fatalf("the code was spent without credentials: %v", err)
	}

	// The code itself is nowhere in the files.
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, secret, _ := strings.Cut(code.Text(), "-")
		for _, secret := range []string{secret, strings.ReplaceAll(secret, "-", "")} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s holds the code's secret", f)
			}
		}
	}
}
