package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galla-pay/galla/firmware-sim/scenario"
)

// What is typed wrong is a usage error, a file's mistake names file, line and what is
// allowed, and what is not there has an exit code of its own.
func TestScenarioUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.scenario")
	good := filepath.Join(dir, "good.scenario")
	for file, text := range map[string]string{bad: "sale 1.00\nawait T1 glowing\n", good: "sale 1.00\ncontroller kill\n"} {
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
		{"nothing", nil, exitUsage, "galla-sim scenario --list"},
		{"no such name", []string{"s99-nothing"}, exitNotFound, `"s99-nothing" is neither a file`},
		{"a mistake", []string{bad}, exitUsage, bad + ":2: await T1 glowing: what a terminal shows is one of starting, enrolling"},
		{"a controller that is no URL", []string{"--controller", "there", good}, exitUsage, `--controller "there"`},
		{"a controller that is not ours", []string{"--controller", "http://127.0.0.1:1", good}, exitUsage, good + ":2: controller kill: this takes a controller of the scenario's own"},
		{"nobody there", []string{"--controller", "http://127.0.0.1:1", "s05-power-cut"}, exitUnreachable, "the controller does not answer"},
		{"no program", []string{"--controller-bin", "/nowhere/galla-controller", good}, exitUsage, "--controller-bin"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, _, errOut := run(t, append([]string{"scenario"}, tt.args...)...)
			if code != tt.code || !strings.Contains(errOut, tt.want) {
				t.Fatalf("exit %d, err %q; want %d and %q", code, errOut, tt.code, tt.want)
			}
		})
	}
}

// The language is explained by --help, verb by verb, and what is shipped can be
// listed and printed.
func TestScenarioHelp(t *testing.T) {
	t.Parallel()
	code, out, _ := run(t, "scenario", "--help")
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	for _, v := range scenario.Grammar() {
		if !strings.Contains(out, v.Form) {
			t.Errorf("--help lacks %q:\n%s", v.Form, out)
		}
	}
	for _, want := range []string{"Examples:", "--list", "--json", "--controller-bin=PATH", "Exit status:"} {
		if !strings.Contains(out, want) {
			t.Errorf("--help lacks %q", want)
		}
	}
	all, err := scenario.Library()
	if err != nil {
		t.Fatal(err)
	}
	code, out, _ = run(t, "scenario", "--list", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != len(all) {
		t.Fatalf("exit %d, %d lines of %d", code, len(lines), len(all))
	}
	for i, line := range lines {
		var s struct{ Name, About string }
		if err := json.Unmarshal([]byte(line), &s); err != nil || s.Name != all[i].Name || s.About != all[i].About {
			t.Errorf("%s: %v", line, err)
		}
	}
	_, text, _ := scenario.Find("s05-power-cut")
	if code, out, _ := run(t, "scenario", "--print", "s05-power-cut"); code != 0 || out != text {
		t.Errorf("exit %d, printed %q", code, out)
	}
	if code, out, _ := run(t, "scenario", "--list"); code != 0 || !strings.Contains(out, "s05-power-cut\n    S5 T: ") {
		t.Errorf("exit %d, listed %q", code, out)
	}
}
