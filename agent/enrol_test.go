package agent_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"github.com/galla-pay/galla/protocol"
	"go.uber.org/goleak"
)

// sandbox answers enrolments at controller.example:8080, and is a way to the
// broker at any other address.
type sandbox struct {
	ctrl   *sessiontest.Controller
	status atomic.Int32 // of the HTTP answer; 0: nobody is there
}

func (s *sandbox) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if address != "controller.example:8080" {
		return s.ctrl.Broker.Dial(ctx, network, address)
	}
	if s.status.Load() == 0 {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		req, err := http.ReadRequest(bufio.NewReader(theirs))
		if err != nil {
			return
		}
		rec := httptest.NewRecorder()
		s.handle(rec, req)
		res := rec.Result()
		res.Close, res.ContentLength = true, int64(rec.Body.Len())
		_ = res.Write(theirs)
	}()
	return ours, nil
}

func (s *sandbox) handle(w http.ResponseWriter, r *http.Request) {
	var asked protocol.EnrolRequest
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || r.URL.Path != protocol.EnrolPath {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if status := int(s.status.Load()); status != http.StatusOK {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(protocol.EnrolError{Code: "UNKNOWN_TERMINAL", Message: "there is no such terminal"})
		return
	}
	answer, err := s.ctrl.Answer(asked.PublicKey)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// TestANewTerminal is switched on before its controller, is refused, is set up,
// and works; the next time it needs no controller to know who it is.
func TestANewTerminal(t *testing.T) {
	for name, dir := range map[string]bool{"with a disk": true, "with its key elsewhere": true, "in memory": false} {
		t.Run(name, func(t *testing.T) {
			key := ""
			if name == "with its key elsewhere" {
				key = filepath.Join(t.TempDir(), "device.key")
				defer func() {
					if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
						t.Errorf("the key: %v, %v", info, err)
					}
				}()
			}
			bubble(t, func(t *testing.T, r *rig) {
				box := &sandbox{ctrl: r.ctrl}
				r.cfg.Enrol, r.cfg.Controller, r.cfg.Dial = true, "http://controller.example:8080", box.dial
				r.cfg.DataDir, r.cfg.KeyFile = "", key
				if dir {
					r.cfg.DataDir = t.TempDir()
				}
				r.on()
				r.want(protocol.ModeEnrolling, "")
				if r.is().Reason != "CONTROLLER_UNREACHABLE" {
					t.Fatalf("status %+v", r.is())
				}
				box.status.Store(http.StatusForbidden)
				time.Sleep(20 * time.Second)
				if r.is().Reason != "UNKNOWN_TERMINAL" {
					t.Fatalf("status %+v", r.is())
				}
				box.status.Store(http.StatusOK)
				time.Sleep(20 * time.Second)
				r.want(protocol.ModeIdle, "")
				r.offer("A", protocol.PhaseOffered)
				r.want(protocol.ModePresenting, "A")
				if got := r.scan(); got != qrOf("A") {
					t.Fatalf("a phone reads %q", got)
				}

				box.status.Store(0)
				r.off()
				r.on()
				if dir {
					r.want(protocol.ModePresenting, "A")
				} else {
					r.want(protocol.ModeEnrolling, "")
				}
			})
		})
	}
}

func TestStopWhileEnrolling(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		box := &sandbox{ctrl: r.ctrl}
		r.cfg.Enrol, r.cfg.Controller, r.cfg.Dial = true, "http://controller.example:8080", box.dial
		r.cfg.DataDir = t.TempDir()
		r.on()
		time.Sleep(3 * time.Second)
		r.off() // fails the test when it takes longer than a second
	})
}

// TestRealNetwork is a terminal over real sockets and in real time: enrol by
// HTTP, one payment by MQTT, power off; nothing is left behind.
func TestRealNetwork(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctrl := sessiontest.NewController()
	defer ctrl.Broker.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			ctrl.Broker.Serve(conn)
		}
	}()
	box := &sandbox{ctrl: ctrl}
	box.status.Store(http.StatusOK)
	web := httptest.NewServer(http.HandlerFunc(box.handle))
	defer web.Close()

	chip := paneltest.NewST7789()
	kind, err := panel.Lookup("st7789")
	if err != nil {
		t.Fatal(err)
	}
	driver, err := kind.Open(chip, chip.Pins(), panel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	statuses := make(chan agent.Status, 100)
	var log bytes.Buffer
	cfg := agent.Config{
		Identity:   sessiontest.ID,
		Controller: web.URL,
		Brokers:    []string{"mqtt://" + listener.Addr().String()},
		DataDir:    t.TempDir(),
		Enrol:      true,
		Status:     func(s agent.Status) { statuses <- s },
		Log:        slog.New(slog.NewTextHandler(&log, nil)),
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx, cfg, agent.Hardware{Panel: driver, Kind: kind}) }()
	until := func(what string, is func(agent.Status) bool) {
		t.Helper()
		limit := time.After(20 * time.Second)
		for {
			select {
			case s := <-statuses:
				if is(s) {
					return
				}
			case err := <-done:
				t.Fatalf("waiting for %s, Run returned %v", what, err)
			case <-limit:
				t.Fatalf("%s did not come", what)
			}
		}
	}
	until("idle", func(s agent.Status) bool { return s.Mode == protocol.ModeIdle && s.Link })
	ctrl.Want(func(s *protocol.State) { s.Sale = sale("A", protocol.PhaseOffered) })
	until("the QR", func(s agent.Status) bool { return s.Mode == protocol.ModePresenting })
	for heard := ctrl.Heard(); len(ctrl.Facts()) < 2; heard = ctrl.Heard() {
		<-heard
	}
	if got := scan(t, chip.Image()); got != qrOf("A") {
		t.Fatalf("a phone reads %q", got)
	}
	ctrl.Want(func(s *protocol.State) {
		s.Sale = nil
		s.Result = &protocol.Result{PaymentID: "A", MerchantTransactionID: "M-A", AmountPaise: 24500, Outcome: protocol.OutcomeSucceeded}
	})
	until("PAID", paid)

	begun := time.Now()
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("it took %v to stop", took)
	}
	for _, secret := range []string{"token-256-bits", "merchant@upi"} {
		if bytes.Contains(log.Bytes(), []byte(secret)) {
			t.Errorf("the log holds %q:\n%s", secret, log.String())
		}
	}
	for _, err := range ctrl.Wrong() {
		t.Error(err)
	}
}

// TestTheDiskIsFreeAfterAPowerCut: another agent can start at once.
func TestTheDiskIsFreeAfterAPowerCut(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for range 5 {
			r.on()
			r.want(protocol.ModeIdle, "")
			r.off()
		}
		entries, err := os.ReadDir(r.cfg.DataDir)
		if err != nil || len(entries) != 4 {
			t.Fatalf("%d files, %v", len(entries), err)
		}
		synctest.Wait()
	})
}
