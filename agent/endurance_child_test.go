package agent_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// childEnv is where a child writes what it has measured. A process that has it is
// a child: memory, goroutines and files of a process are only its own when
// nothing else is tested in it.
const childEnv = "GALLA_MEASURED"

// child runs the test of that name in a process of its own, and reads what it
// measured into measured. It returns false in that process itself: the caller then
// is the child, and calls tell at the end.
func child(tb testing.TB, test string, measured any, env ...string) (parent bool) {
	tb.Helper()
	if os.Getenv(childEnv) != "" {
		return false
	}
	file := filepath.Join(tb.TempDir(), "measured.json")
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.count=1", "-test.timeout=10m")
	cmd.Env = append(append(os.Environ(), childEnv+"="+file), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		tb.Fatalf("%s: %v\n%s", test, err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		tb.Fatalf("%s has measured nothing: %v\n%s", test, err, out)
	}
	if err := json.Unmarshal(text, measured); err != nil {
		tb.Fatal(err)
	}
	return true
}

// tell is how a child says what it has measured.
func tell(tb testing.TB, measured any) {
	tb.Helper()
	text, err := json.Marshal(measured)
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(os.Getenv(childEnv), text, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// fastDir is a folder in memory where the system has one: ten thousand sales with
// real syncs would wear out the disk of whoever runs the tests.
func fastDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "galla")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// openFiles counts this process's.
func openFiles(tb testing.TB) int {
	tb.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Fatal(err)
	}
	return len(entries)
}

// resident is the resident memory of a process, in bytes (proc: VmRSS).
func resident(tb testing.TB, pid int) int {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		kilobytes := 0
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kilobytes); n == 1 {
			return kilobytes << 10
		}
	}
	tb.Fatal("no VmRSS")
	return 0
}
