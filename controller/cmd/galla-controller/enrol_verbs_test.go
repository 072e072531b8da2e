package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/enrol"
	"github.com/galla-pay/galla/protocol"
)

// verb runs one of the two verbs as the program does, and returns what it
// prints.
func verb(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	var c struct {
		EnrolCode terminalEnrolCode `cmd:""`
		Revoke    terminalRevoke    `cmd:""`
	}
	parser, err := kong.New(&c, kong.BindTo(t.Context(), (*context.Context)(nil)), kong.BindTo(&out, (*io.Writer)(nil)))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return "", err
	}
	err = parsed.Run()
	return out.String(), err
}

const till = "MERCHANTUAT/teststore1/testterminal1"

// TestTerminalVerbs: a code is shown once and is good; a revocation takes what
// was enrolled with it away.
func TestTerminalVerbs(t *testing.T) {
	t.Parallel()
	database := databaseFlags{Database: "sqlite:" + filepath.Join(t.TempDir(), "galla.db")}
	if err := (migrateCommand{databaseFlags: database, Sandbox: true}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	db, _, err := database.open(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	r, err := newRegistrar(t.Context(), db, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	id := protocol.Identity{MerchantID: "MERCHANTUAT", StoreID: "teststore1", TerminalID: "testterminal1"}
	flag := "--database=" + database.Database

	text, err := verb(t, "enrol-code", flag, till)
	if err != nil {
		t.Fatal(err)
	}
	code, err := protocol.ParseEnrolCode(strings.SplitN(text, "\n", 2)[0])
	if err != nil || strings.Count(text, code.Text()) != 2 || !strings.Contains(text, till) || !strings.Contains(text, "galla-agent enroll --code "+code.Text()) {
		t.Fatalf("%v:\n%s", err, text)
	}
	if _, err := r.Enrol(t.Context(), code, []byte("key"), []byte("hash")); err != nil {
		t.Fatal(err)
	}
	text, err = verb(t, "revoke", flag, till)
	if err != nil || !strings.Contains(text, till+" is shut out") {
		t.Fatalf("%v: %s", err, text)
	}
	if row, err := db.Terminal(t.Context(), id); err != nil || row.Enrolled() {
		t.Errorf("the terminal is %+v, %v", row, err)
	}

	text, err = verb(t, "enrol-code", "--json", flag, strings.ReplaceAll(till, "/", "."))
	var made struct {
		Terminal, Code string
		ExpiresAt      time.Time
	}
	if err != nil || json.Unmarshal([]byte(text), &made) != nil || made.Terminal != till || time.Until(made.ExpiresAt) < 9*time.Minute {
		t.Fatalf("%v: %s", err, text)
	}
	if _, err := r.Enrol(t.Context(), protocol.EnrolCode(made.Code), []byte("key"), []byte("hash")); !errors.Is(err, enrol.ErrSettling) {
		t.Errorf("a moment after a revocation: %v", err)
	}
	text, err = verb(t, "revoke", "--json", flag, till)
	if err != nil || strings.TrimSpace(text) != `{"revoked":true,"terminal":"`+till+`"}` {
		t.Errorf("%v: %s", err, text)
	}
}

// TestWrongTerminals: each is refused in one line, and no database is made.
func TestWrongTerminals(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "galla.db")
	for _, name := range []string{"enrol-code", "revoke"} {
		for _, row := range []struct{ arg, says string }{
			{"", "expected"},
			{"MERCHANTUAT", "want MERCHANT/STORE/TERMINAL"},
			{"a/b/c/d", "want MERCHANT/STORE/TERMINAL"},
			{"a/b/", "want MERCHANT/STORE/TERMINAL"},
			{till, "no such file"},
		} {
			args := []string{name, "--database=sqlite:" + path}
			if row.arg != "" {
				args = append(args, row.arg)
			}
			if _, err := verb(t, args...); err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%s %q: %v, want %q", name, row.arg, err, row.says)
			}
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("a database was made")
	}
	database := databaseFlags{Database: "sqlite:" + path}
	if err := (migrateCommand{databaseFlags: database, Sandbox: true}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"enrol-code", "revoke"} {
		_, err := verb(t, name, "--database=sqlite:"+path, "MERCHANTUAT/teststore1/nothing")
		if err == nil || err.Error() != "there is no terminal MERCHANTUAT/teststore1/nothing, or it is not active" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
