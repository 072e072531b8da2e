package idle

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkIdle is what a second of waiting costs (performance: cost of waiting).
//
//	go test -run '^$' -bench Idle -benchtime 1x ./load/idle
func BenchmarkIdle(b *testing.B) {
	for b.Loop() {
		f, err := Measure(b.Context(), Options{Terminals: 10_000, Settle: 10 * time.Second, For: 30 * time.Second})
		if err != nil {
			b.Fatal(err)
		}
		for name, unit := range map[string]string{
			onPostgreSQL: "ms-CPU/s-controller", postgreSQL: "ms-CPU/s-postgresql",
			onSQLite: "ms-CPU/s-sqlite", terminal: "ms-CPU/s-terminal",
		} {
			b.ReportMetric(f.CPU(name), unit)
		}
		b.ReportMetric(f.Transactions, "transactions/s")
		b.ReportMetric(f.Rows, "rows/s")
		b.ReportMetric(0, "ns/op")
	}
}

// TestRun: everything starts, is counted, and is gone afterwards.
func TestRun(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Run(t.Context(), []string{"-terminals", "12", "-settle", "0s", "-for", "1500ms"}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"13 terminals", onPostgreSQL, onSQLite, terminal, "transactions a second"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not speak of %q:\n%s", want, out.String())
		}
	}
	for line := range strings.Lines(out.String()) {
		// A terminal may well do nothing at all for a second.
		if strings.HasPrefix(line, "controller") && strings.Contains(line, " 0.0 ") || strings.Contains(line, " 0.0 transactions") {
			t.Errorf("what looks for work every second costs nothing at all:\n%s", out.String())
		}
	}
	for pid, name := range children() {
		if name == "galla-controller" || name == "galla-sim" {
			t.Errorf("process %d, %s, is still there", pid, name)
		}
	}
}

func TestRunRefusesNonsense(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-terminals", "0"}, {"-for", "0s"}, {"-settle", "-1s"}, {"more"}, {"-nosuch"}} {
		if err := Run(t.Context(), args, &bytes.Buffer{}); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
	if err := Run(t.Context(), []string{"-h"}, &bytes.Buffer{}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}

// TestCosts reads counters as the kernel writes them, of a process with two threads
// whose parent is another's.
func TestCosts(t *testing.T) {
	t.Parallel()
	proc := t.TempDir()
	write := func(name, text string) {
		file := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	process := func(pid, parent string, threads ...string) {
		write(pid+"/stat", pid+" (a name) of) S "+parent+" 1 1 0 -1")
		write(pid+"/io", "rchar: 9\nwchar: 9\nsyscr: 4\nsyscw: 3\nread_bytes: 0\n")
		for _, thread := range threads {
			write(pid+"/task/"+thread+"/schedstat", "1500000 77 8\n")
			write(pid+"/task/"+thread+"/status", "Name:\tx\nvoluntary_ctxt_switches:\t20\nnonvoluntary_ctxt_switches:\t1\n")
		}
	}
	process("100", "1", "100", "101")
	process("200", "100", "200")
	process("300", "1", "300")
	write("self", "not a process")
	if got, err := processCost(proc, 100); err != nil || got != (cost{3 * time.Millisecond, 42, 7}) {
		t.Errorf("a process: %+v, %v", got, err)
	}
	if got, err := treeCost(proc, 100); err != nil || got != (cost{4500 * time.Microsecond, 63, 14}) {
		t.Errorf("with its child: %+v, %v", got, err)
	}
	if _, err := treeCost(proc, 400); err == nil {
		t.Error("a process that is gone costs nothing")
	}
	for name, text := range map[string]string{"300/io": "syscr: 4\n", "300/task/300/schedstat": "soon\n", "300/task/300/status": "voluntary_ctxt_switches: x\nnonvoluntary_ctxt_switches: 1\n"} {
		process("300", "1", "300")
		write(name, text)
		if got, err := processCost(proc, 300); err == nil {
			t.Errorf("%s is %q: %+v", name, text, got)
		}
	}
	if got := (cost{5, 6, 7}).since(cost{1, 2, 3}); got != (cost{4, 4, 4}) {
		t.Errorf("since: %+v", got)
	}
}
