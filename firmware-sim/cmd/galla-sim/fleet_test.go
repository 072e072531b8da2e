package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is typed wrong is a usage error that names what is wrong; what is not there
// has an exit code of its own.
func TestFleetUsage(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	spaced := filepath.Join(t.TempDir(), "spaced")
	for file, text := range map[string]string{empty: "\n", spaced: "two words\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"none", []string{"--terminals", "0"}, exitUsage, "--terminals 0: 1 to 20000"},
		{"too many", []string{"--terminals", "20001"}, exitUsage, "1 to 20000"},
		{"no number", []string{"--terminals", "many"}, exitUsage, "--terminals"},
		{"processes", []string{"--processes=-1"}, exitUsage, "--processes -1: 1 to 256"},
		{"a time that has been", []string{"--for=-1s"}, exitUsage, "--for -1s"},
		{"a rate without a unit", []string{"--churn", "10"}, exitUsage, `--churn "10": it must be a number with /s or /min, like 10/min`},
		{"a rate below nothing", []string{"--flap", "-1/min"}, exitUsage, "--flap"},
		{"a rate of another unit", []string{"--sales", "1/h"}, exitUsage, `--sales "1/h"`},
		{"a panel that there is not", []string{"--panel", "vt100"}, exitUsage, `--panel "vt100": known are st7789`},
		{"a merchant that is none", []string{"--merchant", "a b"}, exitUsage, `--merchant "a b"`},
		{"a controller that is no URL", []string{"--controller", "there"}, exitUsage, `--controller "there"`},
		{"a salt index", []string{"--salt-index", "0"}, exitUsage, "--salt-index 0"},
		{"no token file", []string{"--admin-token-file", empty + "x"}, exitUsage, "--admin-token-file"},
		{"an empty token file", []string{"--admin-token-file", empty}, exitUsage, "the file is empty"},
		{"no token in it", []string{"--admin-token-file", spaced}, exitUsage, "it holds no token"},
		{"no key file", []string{"--salt-key-file", empty + "x"}, exitUsage, "--salt-key-file"},
		{"nobody there", []string{"--controller", "http://127.0.0.1:1"}, exitUnreachable, "--controller http://127.0.0.1:1: the controller does not answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, out, errOut := run(t, append([]string{"fleet"}, tt.args...)...)
			if code != tt.code || out != "" || !strings.Contains(errOut, tt.want) {
				t.Fatalf("exit %d, out %q, err %q; want %d and %q", code, out, errOut, tt.code, tt.want)
			}
		})
	}
	code, out, _ := run(t, "fleet", "--help")
	for _, want := range []string{"Examples:", "--terminals=N", "--churn=N/min", "--flap=N/min", "--sales=N/s", "--for=TIME", "--processes=N", "--admin-token-file=FILE", "panel.png", "Exit status:"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("--help lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "--part") {
		t.Error("--help shows what is not for people")
	}
}

// A rate may be given a second or a minute.
func TestRate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text, unit string
		want       float64
	}{
		{"60/min", "min", 60}, {"1/s", "min", 60}, {"60/min", "s", 1}, {"2.5/s", "s", 2.5}, {"0/s", "min", 0},
	} {
		if got, err := rate("--x", tt.text, tt.unit); err != nil || got != tt.want {
			t.Errorf("%s in %s: %v, %v", tt.text, tt.unit, got, err)
		}
	}
}
