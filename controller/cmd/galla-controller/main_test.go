package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWrongUse: whatever is wrong stops the program with one clear line, and
// leaves nothing behind.
func TestWrongUse(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	typo := file("typo.toml", "lisen = \"127.0.0.1:0\"\n")
	broken := file("broken.toml", "listen = \n")
	open := file("open-password", "secret")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	db := "sqlite:" + filepath.Join(dir, "x.db")
	for _, tt := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no verb", nil, 2, "expected one of"},
		{"unknown verb", []string{"sell"}, 2, "unexpected argument sell"},
		{"unknown flag", []string{"serve", "--lisen", "x"}, 2, "unknown flag --lisen"},
		{"unknown database", []string{"serve", "--database", "mysql://x"}, 1, "--database: want sqlite:PATH or postgres://"},
		{"database away", []string{"serve", "--database", "postgres://galla@127.0.0.1:1/galla", "--seal-key-file", filepath.Join(dir, "k")}, 1, "connection refused"},
		{"no path", []string{"serve", "--database", "sqlite:"}, 1, "--database: want sqlite:PATH"},
		{"log format", []string{"serve", "--log-format", "xml"}, 2, "--log-format"},
		{"log level", []string{"serve", "--log-level", "LOUD"}, 2, "--log-level"},
		{"no such config", []string{"serve", "--config", filepath.Join(dir, "none.toml")}, 2, "none.toml"},
		{"typing error in config", []string{"serve", "--config", typo}, 2, "lisen is no flag of galla-controller"},
		{"broken config", []string{"serve", "--config=" + broken}, 2, "config file"},
		{"address taken by nobody's business", []string{"serve", "--database", db, "--listen", "256.0.0.1:x", "--mqtt-listen", "127.0.0.1:0"}, 1, "--listen"},
		{"broker address", []string{"serve", "--database", db, "--mqtt-listen", "nowhere"}, 1, "--mqtt-listen"},
		{"broker URL", []string{"serve", "--database", db, "--broker", "http://x"}, 1, "--broker"},
		{"password file for all to read", []string{"serve", "--database", db, "--broker", "mqtt://127.0.0.1:1", "--broker-password-file", open}, 1, "chmod 600"},
		{"profiles for everybody", []string{"serve", "--database", db, "--listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0", "--pprof-listen", "0.0.0.0:6060"}, 1, "only a loopback address"},
		{"CIDR", []string{"serve", "--sandbox-enrol-from", "here"}, 2, "--sandbox-enrol-from"},
		{"sign without a path", []string{"sign"}, 2, "--path"},
		{"sign a path that is none", []string{"sign", "--path", "v1"}, 1, "a route begins with /"},
		{"sign what is not JSON", []string{"sign", "--path", "/v1", typo}, 1, "is not JSON"},
		{"sign with index 0", []string{"sign", "--path", "/v1", "--salt-index", "0"}, 1, "--salt-index"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(t.Context(), tt.args, &out, &errs)
			text := strings.TrimSpace(errs.String())
			if code != tt.code || !strings.Contains(text, tt.says) || strings.Contains(text, "\n") && tt.code == 1 {
				t.Errorf("exit %d: %s", code, text)
			}
		})
	}
}

// TestHelpAndVersion go to standard output and are no failure.
func TestHelpAndVersion(t *testing.T) {
	for args, says := range map[string]string{
		"--help": "Examples:", "serve --help": "--mqtt-listen", "--version": "galla-controller ", "version": "galla-controller ",
		"version --json": `{"program":"galla-controller","version":`,
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), strings.Fields(args), &out, &errs); code != 0 || !strings.Contains(out.String(), says) {
			t.Errorf("%s: exit %d\n%s%s", args, code, &out, &errs)
		}
	}
}

// TestWhereFlagsComeFrom: the flag wins over the variable, the variable over
// the file.
func TestWhereFlagsComeFrom(t *testing.T) {
	config := filepath.Join(t.TempDir(), "galla.toml")
	if err := os.WriteFile(config, []byte("database = \"from-file:x\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails := func(want string, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		if run(t.Context(), append([]string{"migrate", "--config", config}, args...), &out, &errs); !strings.Contains(errs.String(), "--database") {
			t.Fatalf("%s: %s", want, &errs)
		}
	}
	good := filepath.Join(t.TempDir(), "good.db")
	fails("the file's")
	t.Setenv("GALLA_DATABASE", "sqlite:"+good)
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"migrate", "--config", config, "--sandbox"}, &out, &errs); code != 0 {
		t.Fatalf("the variable did not win over the file: %s", &errs)
	}
	if _, err := os.Stat(good); err != nil {
		t.Fatal(err)
	}
	fails("the flag's", "--database", "from-flag:x")
}

// TestSign makes what the one-liner of the README makes: the golden is from
// base64 and sha256sum.
func TestSign(t *testing.T) {
	sale := filepath.Join(t.TempDir(), "sale.json")
	if err := os.WriteFile(sale, []byte(`{"merchantId":"MERCHANTUAT"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--path", "/v1/payment/init", sale},
			"X-VERIFY: 58b7bb1988409331eabc6721016d123ea08eafc4895fbb6adf652320050f2ff2###1\n{\"request\":\"eyJtZXJjaGFudElkIjoiTUVSQ0hBTlRVQVQifQ==\"}\n"},
		{[]string{"--path", "/v1/payment/init", sale, "--curl", "--url", "http://h:1/", "--provider", "P", "--salt-key", "k", "--salt-index", "2"},
			"curl -s http://h:1/v1/payment/init -H 'X-VERIFY: SUM###2' -H 'X-PROVIDER-ID: P' -H 'Content-Type: application/json' -d '{\"request\":\"eyJtZXJjaGFudElkIjoiTUVSQ0hBTlRVQVQifQ==\"}'\n"},
		{[]string{"--path", "/v1/payment/M/T/status", "--curl"},
			"curl -s http://127.0.0.1:8080/v1/payment/M/T/status -H 'X-VERIFY: SUM###1'\n"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"sign"}, tt.args...), &out, &errs); code != 0 {
			t.Fatalf("%v: %s", tt.args, &errs)
		}
		got := out.String()
		if strings.Contains(tt.want, "SUM") {
			if i := strings.Index(got, "X-VERIFY: "); i >= 0 {
				got = got[:i+10] + "SUM" + got[i+10+64:]
			}
		}
		if got != tt.want {
			t.Errorf("%v:\n%s\nwant\n%s", tt.args, got, tt.want)
		}
	}
}
