package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// demoTime bounds one run of the demo, kills included. It has a limit of its own,
// and says what it has not seen by then.
const demoTime = 4 * time.Minute

// occupy keeps the demo's default ports in use, so that each of the demos that
// run side by side takes ports of its own, and keeps them over a kill.
func occupy(t *testing.T) {
	t.Helper()
	for _, address := range []string{"127.0.0.1:8080", "127.0.0.1:1883"} {
		if l, err := net.Listen("tcp", address); err == nil {
			t.Cleanup(func() { l.Close() })
		} // else somebody else keeps it in use
	}
}

// TestDemo: the demo of `make demo` sees every step, though its default ports
// are in use.
func TestDemo(t *testing.T) {
	t.Parallel()
	occupy(t)
	if out, err := runDemo(t, nil); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// moments are lines of the demo's timeline. At each of them the controller is
// killed: while nothing happens, before and after each answer that it gives,
// while a QR is on the glass, while the customer pays.
var moments = []string{
	"idle: Ready",
	"POST /v1/payment/init",
	"presenting: Scan to pay ₹245.00",
	"ReqValQr",
	"RespValQr",
	"ReqPay",
	"RespPay",
	"status SUCCESS",
	"callback",
	"presenting: Scan to pay ₹1,234.56",
	"RespPay IP08",
	"status FAILED",
	"presenting: Scan to pay ₹99.00",
	"off: Off",
	"same QR again",
}

// TestDemoWithControllerKilled: kill -9 of the controller at any moment of the
// demo loses no payment and doubles none. The demo checks that at its end:
// every payment has the one outcome that it must have, told alike by status,
// callback and terminal.
func TestDemoWithControllerKilled(t *testing.T) {
	occupy(t)
	for _, moment := range moments {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			killed := false
			out, err := runDemo(t, func(line string, controller int) {
				if !killed && controller != 0 && strings.Contains(line, moment) {
					killed = true
					if err := syscall.Kill(controller, syscall.SIGKILL); err != nil {
						t.Errorf("kill %d: %v", controller, err)
					}
				}
			})
			if err != nil || !killed {
				t.Fatalf("killed %v: %v\n%s", killed, err, out)
			}
			if n := strings.Count(out, "ready after"); n != 2 {
				t.Errorf("the controller came up %d times, want 2\n%s", n, out)
			}
		})
	}
}

// processLine names the controller's process.
var processLine = regexp.MustCompile(`controller .*process (\d+)`)

// runDemo runs galla-sim demo --script and hands each line of its output to see
// with the controller's process id, 0 before that is known.
func runDemo(t *testing.T, see func(line string, controller int)) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), demoTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(binaries, "galla-sim"), "demo", "--script",
		"--controller-bin", filepath.Join(binaries, "galla-controller"), "--data", t.TempDir())
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		return "", err
	}
	done := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		_ = writer.Close()
		done <- err
	}()
	var all strings.Builder
	controller := 0
	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		line := lines.Text()
		fmt.Fprintln(&all, line)
		if m := processLine.FindStringSubmatch(line); m != nil {
			controller, _ = strconv.Atoi(m[1])
		}
		if see != nil {
			see(line, controller)
		}
	}
	return all.String(), <-done
}
