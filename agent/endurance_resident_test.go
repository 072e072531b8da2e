package agent_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"github.com/galla-pay/galla/protocol"
)

// The variables that make a process a terminal: its data and its broker.
const (
	dataEnv   = "GALLA_TERMINAL_DATA"
	brokerEnv = "GALLA_TERMINAL_BROKER"
)

// terminalProcess is a world whose terminal runs in a process of its own, on an
// emulated panel, and nothing else does there.
func terminalProcess(tb testing.TB) (w *world, pid int) {
	tb.Helper()
	w = newWorld(tb, tb.TempDir())
	cmd := exec.Command(os.Args[0], "-test.run=^TestResident$", "-test.timeout=10m")
	cmd.Env = append(os.Environ(), dataEnv+"="+w.cfg.DataDir, brokerEnv+"="+w.cfg.Brokers[0])
	power, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = power.Close()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("the terminal: %v", err)
		}
	})
	return w, cmd.Process.Pid
}

// isTerminal is the terminal process. It runs until its standard input ends.
func isTerminal(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	chip := paneltest.NewST7789()
	kind, err := panel.Lookup("st7789")
	if err != nil {
		t.Fatal(err)
	}
	driver, err := kind.Open(chip, chip.Pins(), panel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := agent.Config{Identity: sessiontest.ID, DataDir: os.Getenv(dataEnv), Brokers: []string{os.Getenv(brokerEnv)}}
	if err := agent.Run(ctx, cfg, agent.Hardware{Panel: driver, Kind: kind}); err != nil {
		t.Fatal(err)
	}
}

// heard waits until the controller has heard enough.
func (w *world) heard(what string, is func() bool) {
	w.tb.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for {
		heard := w.ctrl.Heard()
		if is() {
			return
		}
		select {
		case <-heard:
		case <-limit.C:
			w.tb.Fatalf("%s: the controller heard %q", what, w.ctrl.Facts())
		}
	}
}

// reports waits for a report in that mode, or a sync.
func (w *world) reports(mode protocol.Mode) {
	w.tb.Helper()
	w.heard(string(mode), func() bool {
		ups := w.ctrl.Ups()
		for _, up := range slices.Backward(ups) {
			if up.Report != nil {
				return up.Report.Mode == mode && up.Report.AckSeq == w.ctrl.State().Seq
			}
		}
		return false
	})
}

// sell makes n sales whose QR is shown, each replaced by the next. The last is
// paid, and the terminal waits again afterwards.
func (w *world) sell(n int) {
	w.tb.Helper()
	w.ctrl.Forget()
	for i := range n {
		id := fmt.Sprintf("S%d", i)
		w.offer(id, time.Minute)
		w.heard("QR", func() bool { return slices.Contains(w.ctrl.Facts(), "presented "+id+" DQR") })
	}
	last := fmt.Sprintf("S%d", n-1)
	w.end(last, protocol.OutcomeSucceeded)
	w.heard("PAID", func() bool { return slices.Contains(w.ctrl.Facts(), "shown "+last) })
	w.reports(protocol.ModeIdle)
}

// TestResident: a terminal that runs takes less than 40 MB of memory, its program
// and all, idle and after sales.
func TestResident(t *testing.T) {
	if os.Getenv(dataEnv) != "" {
		isTerminal(t)
		return
	}
	t.Parallel()
	w, pid := terminalProcess(t)
	w.reports(protocol.ModeIdle)
	before := resident(t, pid)
	w.sell(10)
	after := resident(t, pid)
	t.Logf("%.1f MB idle, %.1f MB after ten sales", mega(before), mega(after))
	if before > residentLimit || after > residentLimit {
		t.Errorf("%d bytes idle, %d after ten sales, of %d", before, after, residentLimit)
	}
}

func mega(bytes int) float64 { return float64(bytes) / (1 << 20) }
