package e2e

import (
	"bufio"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shownDemo is a galla-sim demo as `make run` starts it: for a person at its page.
type shownDemo struct {
	*process
	page      string    // base URL, without a slash
	terminals [2]string // the same of each terminal's own page
}

// addressLine is a line of the demo's head: what it is, and where.
var addressLine = regexp.MustCompile(`^  (Page|Terminal 1|Terminal 2) +(http://127\.0\.0\.1:\d+)\b`)

// invitation is what the demo says when it is ready.
const invitation = "Try it from another terminal"

// showDemo starts the demo with its page at listen and returns when it is ready.
func showDemo(t *testing.T, listen string) *shownDemo {
	t.Helper()
	reader, writer := io.Pipe()
	d := &shownDemo{process: &process{
		cmd: exec.Command(filepath.Join(binaries, "galla-sim"), "demo", "--listen", listen,
			"--controller-bin", filepath.Join(binaries, "galla-controller"), "--data", t.TempDir()),
		done: make(chan struct{}), out: &lines{},
	}}
	d.cmd.Stdout, d.cmd.Stderr = writer, writer
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = d.cmd.Wait()
		_ = writer.Close()
		close(d.done)
	}()
	t.Cleanup(func() {
		if err := d.stop(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the demo said:\n%s", d.out)
		}
	})

	found := make(chan map[string]string, 1)
	go func() {
		where := map[string]string{}
		for scan := bufio.NewScanner(reader); scan.Scan(); {
			_, _ = d.out.Write([]byte(scan.Text() + "\n"))
			if m := addressLine.FindStringSubmatch(scan.Text()); m != nil {
				where[m[1]] = m[2]
			}
			if strings.HasPrefix(scan.Text(), invitation) {
				found <- where
			}
		}
	}()
	select {
	case where := <-found:
		d.page, d.terminals = where["Page"], [2]string{where["Terminal 1"], where["Terminal 2"]}
	case <-d.done:
		t.Fatalf("the demo ended:\n%s", d.out)
	case <-time.After(patience):
		t.Fatalf("the demo is not ready within %v:\n%s", patience, d.out)
	}
	if d.page == "" || d.terminals[0] == "" || d.terminals[1] == "" {
		t.Fatalf("the demo does not say where its pages are:\n%s", d.out)
	}
	return d
}
