package main

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/protocol"
)

// manager is systemd's end of NOTIFY_SOCKET.
type manager struct {
	address string
	mu      sync.Mutex
	heard   []string
	news    chan struct{}
}

func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{address: filepath.Join(t.TempDir(), "notify"), news: make(chan struct{}, 1)}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		for {
			text := make([]byte, 4096)
			n, err := conn.Read(text)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.heard = append(m.heard, string(text[:n]))
			m.mu.Unlock()
			select {
			case m.news <- struct{}{}:
			default:
			}
		}
	}()
	return m
}

func (m *manager) environ(name string) string {
	return map[string]string{"NOTIFY_SOCKET": m.address, "WATCHDOG_USEC": "60000000"}[name]
}

// wait waits until it has heard that.
func (m *manager) wait(t *testing.T, what string) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		m.mu.Lock()
		known := slices.Contains(m.heard, what)
		all := strings.Join(m.heard, ", ")
		m.mu.Unlock()
		if known {
			return
		}
		select {
		case <-m.news:
		case <-limit:
			t.Fatalf("systemd has not heard %q, but %s", what, all)
		}
	}
}

// facts waits until the controller knows so many.
func facts(t *testing.T, ctrl *sessiontest.Controller, want ...string) {
	t.Helper()
	limit := time.After(time.Minute)
	for heard := ctrl.Heard(); !slices.Equal(ctrl.Facts(), want); heard = ctrl.Heard() {
		select {
		case <-heard:
		case <-limit:
			t.Fatalf("the controller heard %q, want %q", ctrl.Facts(), want)
		}
	}
}

// TestASaleAtTheCounter is the whole program on all its parts: the cashier
// accepts, lamp and buzzer follow, systemd hears that it is alive; and when it is
// asked to restart, it ends well once it is idle.
func TestASaleAtTheCounter(t *testing.T) {
	t.Parallel()
	ctrl := sessiontest.NewController()
	dir, on, systemd := enrolledAt(t, ctrl), newCounter(), newManager(t)
	file := configFile(t, counterConfig(dir, online(t, ctrl)))
	var out, errs bytes.Buffer
	hup := make(chan struct{}, 1)
	c := command{
		stdout: &out, stderr: &errs, host: on, environ: systemd.environ,
		hangups: func(context.Context) <-chan struct{} { return hup },
	}
	ended := make(chan int, 1)
	go func() { ended <- c.run(t.Context(), []string{"run", "--config", file}) }()
	systemd.wait(t, "READY=1")
	systemd.wait(t, "WATCHDOG=1")
	systemd.wait(t, "STATUS=idle")

	ctrl.Want(func(s *protocol.State) {
		s.Sale = &protocol.Sale{PaymentID: "A", MerchantTransactionID: "M-A", OrderID: "O-A", Phase: protocol.PhaseOffered, AmountPaise: 24500,
			PayModes: []protocol.PayMode{protocol.PayDQR}, Prompt: true,
			QR: "upi://pay?pa=sample@example&tr=A&am=245.00", LeftMillis: 60_000, TotalMillis: 60_000}
	})
	systemd.wait(t, "STATUS=prompting")
	on.accept.Press() // no long press means anything here, so it counts at once
	facts(t, ctrl, "received A", "accepted A", "presented A DQR")
	on.accept.Release()
	systemd.wait(t, "STATUS=presenting")
	if !on.glass.Lit() || !on.companion.Lit() {
		t.Error("a panel is dark")
	}
	hup <- struct{}{} // in the middle of a payment
	ctrl.Want(func(s *protocol.State) {
		s.Sale = nil
		s.Result = &protocol.Result{PaymentID: "A", MerchantTransactionID: "M-A", AmountPaise: 24500, Outcome: protocol.OutcomeSucceeded}
	})
	limit := time.After(time.Minute)
	for green := false; !green; {
		select {
		case <-on.lamp.Changed():
			r, g, b := on.lamp.Shows()
			green = r == 0 && g > 0 && b == 0
		case <-limit:
			t.Fatal("the lamp never was green")
		}
	}
	select {
	case code := <-ended:
		if code != exitGood || !strings.Contains(errs.String(), "ending for an update") {
			t.Errorf("exit %d\n%s", code, errs.String())
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not restart")
	}
	systemd.wait(t, "STOPPING=1")
	if len(on.buzzer.Moments()) < 2 {
		t.Error("nothing was heard")
	}
	if r, g, b := on.lamp.Shows(); on.glass.Lit() || on.companion.Lit() || on.buzzer.Sounds() || r|g|b != 0 {
		t.Error("something is left on")
	}
	if out.Len() != 0 {
		t.Errorf("standard output %q", out.String())
	}
	on.wellUsed(t)
	for _, err := range ctrl.Wrong() {
		t.Error(err)
	}
}

// TestPartsThatAreNoPartOfAPaymentMayBeMissing: the terminal works without them,
// and the log says so.
func TestPartsThatAreNoPartOfAPaymentMayBeMissing(t *testing.T) {
	t.Parallel()
	ctrl := sessiontest.NewController()
	dir, on := enrolledAt(t, ctrl), newCounter()
	delete(on.ports, "SPI0.1")
	delete(on.pins, "LG")
	delete(on.pins, "BZ")
	file := configFile(t, counterConfig(dir, online(t, ctrl)))
	ctx, sigterm := context.WithCancel(t.Context())
	defer sigterm()
	type end struct {
		code int
		errs string
	}
	ended := make(chan end, 1)
	go func() {
		code, _, errs := callOn(ctx, on, "run", "--config", file)
		ended <- end{code, errs}
	}()
	limit := time.After(time.Minute)
	for heard := ctrl.Heard(); len(ctrl.Ups()) == 0; heard = ctrl.Heard() {
		select {
		case <-heard:
		case e := <-ended:
			t.Fatalf("it ended: %+v", e)
		case <-limit:
			t.Fatal("nothing came")
		}
	}
	sigterm()
	e := <-ended
	for _, part := range []string{"companion", "lamp", "buzzer"} {
		if !strings.Contains(e.errs, `msg="the terminal works without it" part=`+part) {
			t.Errorf("nothing of %s in the log:\n%s", part, e.errs)
		}
	}
	if e.code != exitGood {
		t.Errorf("exit %d", e.code)
	}
}

// TestAWrongUnitIsToldAtOnce: a watchdog that nothing can feed stops the start.
func TestAWrongUnitIsToldAtOnce(t *testing.T) {
	t.Parallel()
	systemd := newManager(t)
	var out, errs bytes.Buffer
	c := command{stdout: &out, stderr: &errs, host: newCounter(), environ: func(name string) string {
		if name == "WATCHDOG_USEC" {
			return "1000000"
		}
		return systemd.environ(name)
	}}
	code := c.run(t.Context(), []string{"run", "--config", configFile(t, counterConfig(t.TempDir()))})
	if code != exitUsage || !strings.Contains(errs.String(), "set WatchdogSec=60") {
		t.Errorf("exit %d, %q", code, errs.String())
	}
}

// TestHangup: SIGHUP asks for a restart, once.
func TestHangup(t *testing.T) { // not in parallel: signals are the whole process's
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := hangups(ctx)
	for range 3 {
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-asked:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody heard it")
	}
}

// TestStanding is the line of systemctl status; it names no payment.
func TestStanding(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]agent.Status{
		"idle":                           {Mode: protocol.ModeIdle, Link: true},
		"offline, no link":               {Mode: protocol.ModeOffline},
		"fault, STORAGE_FAULT":           {Mode: protocol.ModeFault, Reason: "STORAGE_FAULT", Link: true},
		"presenting, restarts when idle": {Mode: protocol.ModePresenting, Link: true, UpdateWaits: true, PaymentID: "A", OrderID: "O"},
	} {
		if got := standing(s); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
