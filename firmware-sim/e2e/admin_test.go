package e2e

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// keepCommand: keep VAR REGEXP puts what the last command printed, where the
// parentheses of REGEXP are, into a variable.
func keepCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep VAR REGEXP")
	}
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	found := re.FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("keep %s: %q has no %s", args[0], ts.ReadFile("stdout"), args[1])
	}
	ts.Setenv(args[0], found[1])
}

// saysCommand: says REGEXP PROGRAM [ARGUMENT...] runs one of our programs, again
// and again, until its output is so.
func saysCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: says REGEXP PROGRAM [ARGUMENT...]")
	}
	h := of(ts)
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	until(ts, h.controller, strings.Join(args[1:], " ")+" says "+args[0], func(ctx context.Context) (string, bool) {
		cmd := exec.CommandContext(ctx, filepath.Join(binaries, args[1]), args[2:]...)
		cmd.Env = append(cmd.Environ(), "GALLA_DATABASE="+h.stack.database, "GALLA_SEAL_KEY_FILE="+h.sealKey())
		out, err := cmd.CombinedOutput()
		return string(out), err == nil && re.Match(out)
	})
}

// metricCommand: metric REGEXP waits for a line of the controller's metrics.
func metricCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: metric REGEXP")
	}
	h := of(ts)
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	until(ts, h.controller, "metric "+args[0], func(ctx context.Context) (string, bool) {
		_, body := h.get(ctx, "/metrics")
		return strings.Join(regexp.MustCompile("(?m)^galla_.*$").FindAllString(body, -1), "\n"), re.MatchString(body)
	})
}

// logCommand: log REGEXP waits for a line of the controller's log, since it was
// started.
func logCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: log REGEXP")
	}
	h := of(ts)
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	until(ts, h.controller, "log "+args[0], func(context.Context) (string, bool) {
		said := h.controller.out.String()
		return said, re.MatchString(said)
	})
}
