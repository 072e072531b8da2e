package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent/internal/identity"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/protocol"
)

const code = "K7QP-3XMD-9RTV"

// controller serves TLS and takes the code of the tests; brokers are what it
// tells terminals, "" a private one.
func controller(t *testing.T, brokers ...string) *httptest.Server {
	t.Helper()
	ctrl := sessiontest.NewController()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked protocol.EnrolCodeRequest
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || r.URL.Path != protocol.EnrolCodePath {
			t.Errorf("%s: %v", r.URL, err)
		}
		if brought, err := asked.Open(); err != nil || brought.Text() != code {
			w.WriteHeader(http.StatusForbidden)
			_ = json.NewEncoder(w).Encode(protocol.EnrolError{Code: "FORBIDDEN", Message: "no"})
			return
		}
		answer, err := ctrl.Answer(asked.PublicKey)
		if err != nil {
			t.Error(err)
		}
		if answer.Brokers = brokers; len(brokers) == 0 {
			answer.Brokers = []string{"mqtts://broker.example:8883"}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// ca is a file with a server's certificate.
func ca(t *testing.T, server *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestEnroll: by a configuration file and by a folder, believing an authority or
// a key; what is printed has no secret, and what is stored is complete.
func TestEnroll(t *testing.T) {
	t.Parallel()
	server := controller(t)
	for name, trust := range map[string][]string{
		"authority": {"--ca", ca(t, server)},
		"key":       {"--pin", identity.Pin(server.Certificate())},
		"both":      {"--ca", ca(t, server), "--pin", identity.Pin(server.Certificate())},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		args := append([]string{"enroll", "--code", "k7qp 3xmd 9rtv", "--controller", server.URL, "--data-dir", dir}, trust...)
		exit, out, errs := call(t, args...)
		if exit != exitGood || errs != "" || !strings.Contains(out, "Enrolled as MERCHANTUAT/teststore1/testterminal1") ||
			!strings.Contains(out, "mqtts://broker.example:8883") || !strings.Contains(out, dir) {
			t.Errorf("%s: exit %d\n%s%s", name, exit, out, errs)
		}
		store, err := identity.OpenStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		c, err := store.Load(sessiontest.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out, c.KeyID()) || strings.Contains(out, c.Token) || c.TLS().RootCAs == nil && c.TLS().VerifyConnection == nil {
			t.Errorf("%s: printed %s", name, out)
		}
	}

	dir := filepath.Join(t.TempDir(), "data")
	config := configFile(t, strings.Replace(exampleConfig, "/var/lib/galla-agent", dir, 1))
	exit, out, errs := call(t, "enroll", "--json", "--code", code, "--controller", server.URL, "--config", config, "--ca", ca(t, server))
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil || exit != exitGood || errs != "" || len(got) != 4 ||
		got["terminal"] != sessiontest.ID.String() || got["dataDir"] != dir || len(got["key"].(string)) != 16 {
		t.Errorf("exit %d, %v\n%s%s", exit, err, out, errs)
	}
}

// TestABrokerInTheClear is warned of, unless it is on this machine.
func TestABrokerInTheClear(t *testing.T) {
	t.Parallel()
	server := controller(t, "mqtt://127.0.0.1:1883", "mqtt://192.0.2.1:1883", "mqtts://broker.example")
	exit, out, errs := call(t, "enroll", "--code", code, "--controller", server.URL, "--data-dir", t.TempDir(), "--ca", ca(t, server))
	if exit != exitGood || strings.Count(errs, "warning") != 1 || !strings.Contains(errs, "mqtt://192.0.2.1:1883") || strings.Contains(out, "warning") {
		t.Errorf("exit %d\n%s%s", exit, out, errs)
	}
}

// TestEnrollRefused: one line says what to do, --json says it to programs, and
// nothing is stored.
func TestEnrollRefused(t *testing.T) {
	t.Parallel()
	server := controller(t)
	trusted := ca(t, server)
	other := configFile(t, strings.Replace(exampleConfig, `"testterminal1"`, `"testterminal2"`, 1))
	text, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(other, []byte(strings.Replace(string(text), "/var/lib/galla-agent", dir, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	good := []string{"--code", code, "--controller", server.URL, "--data-dir", dir, "--ca", trusted}
	with := func(flag, value string) []string {
		args := append([]string(nil), good...)
		for i, a := range args {
			if a == flag {
				args[i+1] = value
			}
		}
		return args
	}
	for _, row := range []struct {
		name string
		args []string
		exit int
		code string
		says string
	}{
		{"used code", with("--code", "2222-2222-2222"), exitError, "FORBIDDEN", "ask the operator for a new one: galla-controller terminal enrol-code"},
		{"no trust", good[:6], exitError, "UNTRUSTED", "--pin sha256/..."},
		{"another key", append(good[:6:6], "--pin", "sha256/"+strings.Repeat("A", 43)+"="), exitError, "UNTRUSTED", "it is " + identity.Pin(server.Certificate())},
		{"another terminal", []string{"--code", code, "--controller", server.URL, "--config", other, "--ca", trusted}, exitError, "FAILED", "configured as MERCHANTUAT.teststore1.testterminal2"},
		{"no code", with("--code", "K7QP-3XMD-9RT0"), exitUsage, "FAILED", "never has 0, O, 1 or I"},
		{"no controller", with("--controller", "pay.example"), exitUsage, "FAILED", "--controller: "},
		{"in the clear", with("--controller", "http://pay.example"), exitUsage, "FAILED", "is not encrypted"},
		{"no such authority", with("--ca", dir+"/none.pem"), exitUsage, "FAILED", "--ca: "},
		{"an authority that is none", with("--ca", other), exitUsage, "FAILED", "no certificate in PEM"},
		{"a pin that is none", append(good[:6:6], "--pin", "md5/AAAA"), exitUsage, "FAILED", "is not sha256/"},
		{"a certificate without its key", append(good[:8:8], "--tls-cert", trusted), exitUsage, "FAILED", "needs its key"},
		{"no such configuration", []string{"--code", code, "--controller", server.URL, "--config", dir + "/none.toml"}, exitUsage, "FAILED", "none.toml"},
	} {
		exit, out, errs := call(t, append([]string{"enroll"}, row.args...)...)
		if exit != row.exit || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, row.says) {
			t.Errorf("%s: exit %d, %q; want %d, %q", row.name, exit, errs, row.exit, row.says)
		}
		exit, out, _ = call(t, append([]string{"enroll", "--json"}, row.args...)...)
		var got struct{ Error protocol.EnrolError }
		if err := json.Unmarshal([]byte(out), &got); err != nil || exit != row.exit || got.Error.Code != row.code || !strings.Contains(got.Error.Message, row.says) {
			t.Errorf("%s: exit %d, %s", row.name, exit, out)
		}
	}
	for _, args := range [][]string{
		{"enroll"},
		{"enroll", "--code", code, "--controller", server.URL},
		append([]string{"enroll", "--config", other}, good...),
	} {
		if exit, _, errs := call(t, args...); exit != exitUsage || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: exit %d, %s", args, exit, errs)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "enrolment.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was stored: %v", err)
	}
}

// TestInsecure: a controller in the clear is asked only where that is said. (It
// is switched off while it asks.)
func TestInsecure(t *testing.T) {
	t.Parallel()
	off, cancel := context.WithCancel(t.Context())
	cancel()
	args := []string{"enroll", "--code", code, "--controller", "http://192.0.2.1:1", "--data-dir", t.TempDir()}
	for _, row := range []struct {
		args []string
		exit int
	}{{args, exitUsage}, {append(args, "--insecure"), exitError}} {
		var out, errs bytes.Buffer
		exit := command{stdout: &out, stderr: &errs}.run(off, row.args)
		if exit != row.exit || strings.Contains(errs.String(), "is not encrypted") != (exit == exitUsage) {
			t.Errorf("%v: exit %d, %s", row.args, exit, &errs)
		}
	}
}
