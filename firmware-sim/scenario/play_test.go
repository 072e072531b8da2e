package scenario_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/galla-pay/galla/firmware-sim/scenario"
	"github.com/galla-pay/galla/hack/testservers"
)

// binVariable names the real controller's program, built once.
const binVariable = "SCENARIO_TEST_CONTROLLER"

// sideBySide is how many scenarios are played at once at least, unless -parallel says:
// most of each is waiting.
const sideBySide = 6

// TestMain builds the real controller, which is another module and meets this one
// only as a program.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "galla-scenario-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin := filepath.Join(dir, "galla-controller")
	build := exec.Command("go", "build", "-o", bin, "./cmd/galla-controller")
	build.Dir = filepath.Join("..", "..", "controller")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the controller: %v\n%s", err, out)
		os.Exit(1)
	}
	if err := testservers.SideBySide(sideBySide); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = os.Setenv(binVariable, bin)
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// config plays against a controller of the scenario's own.
func config() scenario.Config {
	return scenario.Config{ControllerBin: os.Getenv(binVariable), Software: "test"}
}

// Every scenario that is shipped goes as it has to, over the real binary.
func TestShipped(t *testing.T) {
	t.Parallel()
	all, err := scenario.Library()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			cfg := config()
			var told []scenario.Played
			cfg.Told = func(p scenario.Played) { told = append(told, p) }
			if err := s.Play(t.Context(), cfg); err != nil {
				t.Fatalf("%v\n%+v", err, told)
			}
			if len(told) != len(s.Steps) {
				t.Fatalf("%d steps were told, of %d", len(told), len(s.Steps))
			}
			for i, p := range told {
				if p.Scenario != s.Name || p.Line != s.Steps[i].Line || p.Step != s.Steps[i].Text || !p.OK || p.Error != "" {
					t.Errorf("step %d is told as %+v", i, p)
				}
			}
		})
	}
}

// A step that goes otherwise ends the scenario, is named by file and line, and says
// what is so instead.
func TestGoesOtherwise(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text, want string
		late             bool
	}{
		{"nobody pays", "sale 1.00\nwithin 2s\nexpect P1 SUCCESS\nwait 1s", ":3: expect P1 SUCCESS: it is still PENDING", true},
		{"another end", "sale 1.00\nawait T1 presenting P1\ndecline P1\nexpect P1 SUCCESS", ":4: expect P1 SUCCESS: it is FAILED UPI:IP08", false},
		{"it is paid", "sale 1.00\nawait T1 presenting P1\npay P1 refused PE", ":3: pay P1 refused PE: it is not refused; PE was wanted", false},
		{"it is refused", "sale 1.00\nawait T1 presenting P1\npay P1\npay P1", ":4: pay P1: ZD", false},
		{"it is answered", "sale 1.00\nawait T1 presenting P1\npay P1 unanswered", ":3: pay P1 unanswered: it is answered", false},
		{"the bank says no", "sale 1.00\nawait T1 presenting P1\nscan T1\ncancel P1\ndecline P1\nexpect P1 SUCCESS", ":6: expect P1 SUCCESS: it is FAILED CANCELLED_BY_MERCHANT", false},
		{"another mode", "within 1s\nawait T1 fault", ":2: await T1 fault: it shows idle: Ready", true},
		{"another payment", "sale 1.00\nawait T1 presenting P1\nsale 2.00 on T2\nwithin 1s\nawait T1 presenting P2", ":5: await T1 presenting P2: it shows presenting: Scan to pay ₹1.00, of P1", true},
		{"it does not stay", "sale 1.00 for 10s\nawait T1 presenting P1\nkeeps T1 presenting P1 for 5m", ":3: keeps T1 presenting P1 for 5m: it showed ", false},
		{"it was shown", "sale 1.00\nawait T1 presenting P1\nnever T1 presenting", ":3: never T1 presenting: T1 has shown it", false},
		{"it was not shown", "sale 1.00\nonce T1 paid P1", ":2: once T1 paid P1: it began to show that 0 times", false},
		{"nothing is on the glass", "scan T1", ":1: scan T1: T1 shows no payment: Ready", false},
		{"nothing was scanned", "sale 1.00\nawait T1 presenting\nsame T1", ":3: same T1: nobody has scanned P1", false},
		{"the till is told otherwise", "sale 1.00\nawait T1 presenting\ncancel P1 CANCEL_REQUESTED", ":3: cancel P1 CANCEL_REQUESTED: it is answered SUCCESS, not CANCEL_REQUESTED", false},
		{"the merchant is told otherwise", "sale 1.00\nawait T1 presenting\npay T1\ncallback P1 FAILED", ":4: callback P1 FAILED: the merchant is told SUCCESS", false},
		{"the merchant is told nothing", "sale 1.00\nwithin 1s\ncallback P1 SUCCESS", ":3: callback P1 SUCCESS: the merchant was told nothing", true},
		{"the order's number is taken", "order 1.00 1234\norder 1.00 1234", ":2: order 1.00 1234: SHORT_CODE_ALREADY_USED", false},
		{"a key without power", "power T1 off\nkey T1 ok", ":2: key T1 ok: the terminal is off", false},
		{"it runs already", "controller start", ":1: controller start: the controller runs", false},
		{"it is dead already", "controller kill\ncontroller stop", ":2: controller stop: no controller runs", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := scenario.Parse("mine.scenario", strings.NewReader(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			cfg := config()
			var last scenario.Played
			cfg.Told = func(p scenario.Played) { last = p }
			err = s.Play(t.Context(), cfg)
			failed := (*scenario.Failed)(nil)
			if !errors.As(err, &failed) || !strings.HasPrefix(err.Error(), "mine.scenario"+tt.want) || failed.TimedOut() != tt.late {
				t.Fatalf("%v, late %v; want mine.scenario%s", err, failed != nil && failed.TimedOut(), tt.want)
			}
			if last.OK || last.Error == "" || last.Line != failed.Line {
				t.Errorf("the last step is told as %+v", last)
			}
		})
	}
}

// A scenario can be played against a controller that is there; only what is done to
// the controller itself cannot.
func TestControllerThatIsThere(t *testing.T) {
	t.Parallel()
	var addresses [2]string
	for i := range addresses {
		port, err := testservers.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		addresses[i] = fmt.Sprintf("127.0.0.1:%d", port)
	}
	ctx, cancel := context.WithCancel(context.Background())
	there := exec.CommandContext(ctx, os.Getenv(binVariable), "serve", "--sandbox", "--callback-allow-private",
		"--listen", addresses[0], "--mqtt-listen", addresses[1], "--database", "sqlite:"+filepath.Join(t.TempDir(), "galla.db"))
	there.Cancel = func() error { return there.Process.Signal(syscall.SIGTERM) }
	there.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := there.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = there.Wait() })
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for late := time.Now().Add(time.Minute); ; <-every.C {
		answer, err := client.Get("http://" + addresses[0] + "/readyz")
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(late) {
			t.Fatal("the controller does not get ready")
		}
	}
	cfg := scenario.Config{Controller: "http://" + addresses[0], Software: "test"}
	for _, tt := range []struct{ text, want string }{
		{"sale 5.00\nawait T1 presenting P1\npay T1\nexpect P1 SUCCESS\nawait T1 paid P1\ncallback P1 SUCCESS", ""},
		{"sale 5.00\ncontroller kill", "x:2: controller kill: this takes a controller of the scenario's own"},
	} {
		s, err := scenario.Parse("x", strings.NewReader(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		switch err := s.Play(t.Context(), cfg); {
		case tt.want == "" && err != nil:
			t.Error(err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
	cfg.Controller = "http://127.0.0.1:1"
	s, err := scenario.Parse("x", strings.NewReader("sale 5.00"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Play(t.Context(), cfg); !errors.Is(err, scenario.ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
}
