package postgres_test

import (
	"errors"
	"log/slog"
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
// second cannot be saved, or the session ends before the commit, the first is
// not.
func TestACodeIsNotSpentWithoutCredentials(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	db, outsider := openAt(t, dsn), raw(t, dsn)
	id := terminal("t")
	if err := db.Seed(t.Context(), merchant.Data{Terminals: []merchant.Terminal{{Identity: id, Active: true}}}); err != nil {
		t.Fatal(err)
	}
	r := &enrol.Registrar{Storage: db, Key: []byte("key"), Log: slog.New(slog.DiscardHandler)}
	text, _, err := r.NewCode(t.Context(), id, "asha")
	if err != nil {
		t.Fatal(err)
	}
	code := protocol.EnrolCode(text)
	exec := func(sql string) {
		t.Helper()
		if _, err := outsider.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the disk is on fire'; END $$`)
	exec("CREATE TRIGGER no BEFORE UPDATE ON terminals FOR EACH ROW EXECUTE FUNCTION no()")
	if _, err := r.Enrol(t.Context(), code, []byte("key"), []byte("hash")); err == nil || errors.Is(err, enrol.ErrRefused) {
		t.Fatalf("enrolled on a disk that is on fire: %v", err)
	}
	exec("DROP TRIGGER no ON terminals")
	// The session is ended after the code is written and before the commit, as
	// by kill -9 of the controller.
	exec(`CREATE OR REPLACE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(0.1); RETURN NEW; END $$`)
	exec("CREATE TRIGGER no BEFORE UPDATE ON terminals FOR EACH ROW EXECUTE FUNCTION no()")
	if _, err := r.Enrol(t.Context(), code, []byte("key"), []byte("hash")); err == nil || errors.Is(err, enrol.ErrRefused) {
		t.Fatalf("enrolled by a session that was ended: %v", err)
	}
	exec("DROP TRIGGER no ON terminals")
	if _, err := r.Enrol(t.Context(), code, []byte("another key"), []byte("hash")); err != nil {
		t.Fatalf("the code was spent without credentials: %v", err)
	}

	// The code itself is not in the tables.
	var dump string
	if err := outsider.QueryRow(t.Context(), "SELECT string_agg(c::text, ' ') FROM enrol_codes AS c").Scan(&dump); err != nil {
		t.Fatal(err)
	}
	if secret := strings.SplitN(code.Text(), "-", 2)[1]; strings.Contains(dump, secret) || !strings.Contains(dump, code.Handle()) {
		t.Errorf("the row is %s", dump)
	}
}
