package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/protocol"
)

type houseKey struct{}

// house is one session's controller, terminals and callback catcher.
type house struct {
	t          testing.TB
	stack      *stack
	env        *testscript.Env
	dir        string
	http, mqtt string // the controller's addresses, kept over restarts
	controller *process
	terminals  map[string]*terminal
	catcher    *catcher // the merchant's server
	desk       *catcher // a POS under development, which no controller can call
	noise      int // sales that only made traffic
}

type terminal struct {
	*process
	id  protocol.Identity
	url string
}

func newHouse(t testing.TB, s *stack, env *testscript.Env) *house {
	h := &house{t: t, stack: s, env: env, dir: t.TempDir(), terminals: map[string]*terminal{}}
	for _, address := range []*string{&h.http, &h.mqtt} {
		var err error
		if *address, err = freeAddress(); err != nil {
			t.Fatal(err)
		}
	}
	h.catcher, h.desk = newCatcher(t), newCatcher(t)
	for name, value := range map[string]string{
		"CONTROLLER": h.url(), "DESK": h.desk.URL,
		// The administration works on the database itself.
		"GALLA_DATABASE": s.database, "GALLA_SEAL_KEY_FILE": h.sealKey(),
		"PATH": binaries + string(os.PathListSeparator) + env.Getenv("PATH"),
	} {
		env.Setenv(name, value)
	}
	return h
}

func of(ts *testscript.TestScript) *house { return ts.Value(houseKey{}).(*house) }

func (h *house) url() string { return "http://" + h.http }

func (h *house) sealKey() string { return filepath.Join(h.dir, "seal.key") }

// stop ends everything; a controller that still runs must stop in good order.
func (h *house) stop() {
	for name, tm := range h.terminals {
		if err := tm.stop(syscall.SIGTERM); err != nil {
			h.t.Errorf("terminal %s: %v", name, err)
		}
	}
	if err := h.controller.stop(syscall.SIGTERM); err != nil {
		h.t.Error(err)
	}
	if h.t.Failed() {
		if h.controller != nil {
			h.t.Logf("controller:\n%s", h.controller.out)
		}
		for name, tm := range h.terminals {
			h.t.Logf("terminal %s:\n%s", name, tm.out)
		}
	}
}

// controllerCommand: controller start | stop | kill.
func controllerCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	if neg || len(args) != 1 {
		ts.Fatalf("usage: controller start|stop|kill")
	}
	switch args[0] {
	case "start":
		h.startController(ts)
	case "stop":
		ts.Check(h.controller.stop(syscall.SIGTERM))
		if code := h.controller.cmd.ProcessState.ExitCode(); code != 0 {
			ts.Fatalf("a stop in good order ended with %d:\n%s", code, h.controller.out)
		}
		h.controller = nil
	case "kill":
		ts.Check(h.controller.stop(syscall.SIGKILL))
		h.controller = nil
	default:
		ts.Fatalf("controller %s?", args[0])
	}
}

func (h *house) startController(ts *testscript.TestScript) {
	args := []string{
		"serve", "--sandbox", "--callback-allow-private", "--listen", h.http, "--database", h.stack.database,
		"--seal-key-file", h.sealKey(),
	}
	if m := h.stack.mosquitto; m != nil {
		args = append(args, "--broker", m.URL(), "--broker-username", m.AdminUsername, "--broker-password-file", h.stack.brokerPassword)
	} else {
		args = append(args, "--mqtt-listen", h.mqtt)
	}
	var err error
	h.controller, err = start(filepath.Join(binaries, "galla-controller"), args...)
	ts.Check(err)
	until(ts, h.controller, "controller ready", func(ctx context.Context) (string, bool) {
		status, body := get(ctx, h.url()+"/readyz")
		return body, status == http.StatusOK
	})
}

// brokerCommand: broker down | up. The embedded broker goes with its
// controller, so there down is a kill and up a start.
func brokerCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	if neg || len(args) != 1 {
		ts.Fatalf("usage: broker down|up")
	}
	switch {
	case args[0] == "down" && h.stack.mosquitto != nil:
		h.stack.mosquitto.Kill()
	case args[0] == "up" && h.stack.mosquitto != nil:
		ts.Check(h.stack.mosquitto.Restart(context.Background()))
	case args[0] == "down":
		controllerCommand(ts, false, []string{"kill"})
	case args[0] == "up":
		h.startController(ts)
	}
}

// terminalCommand: terminal NAME MERCHANT.STORE.TERMINAL starts galla-sim
// terminal, with a disk of its own.
func terminalCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	if neg || len(args) != 2 {
		ts.Fatalf("usage: terminal NAME MERCHANT.STORE.TERMINAL")
	}
	id, err := protocol.ParseIdentity(args[1])
	ts.Check(err)
	address, err := freeAddress()
	ts.Check(err)
	p, err := start(filepath.Join(binaries, "galla-sim"), "terminal", "--controller", h.url(), "--merchant", id.MerchantID,
		"--store", id.StoreID, "--terminal", id.TerminalID, "--panel", "st7789", "--listen", address,
		"--data", filepath.Join(h.dir, "terminal-"+args[0]))
	ts.Check(err)
	h.terminals[args[0]] = &terminal{p, id, "http://" + address}
	ts.Setenv(args[0], "http://"+address)
}

// shutCommand: shut MERCHANT.STORE.TERMINAL takes a terminal out of service, as
// an operator does in the database.
func shutCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: shut MERCHANT.STORE.TERMINAL")
	}
	ids := strings.Split(args[0], ".")
	ts.Check(of(ts).stack.sql(fmt.Sprintf(
		"UPDATE terminals SET active = false WHERE merchant_id = '%s' AND store_id = '%s' AND terminal_id = '%s'",
		ids[0], ids[1], ids[2])))
}

func (h *house) terminal(ts *testscript.TestScript, name string) *terminal {
	tm, ok := h.terminals[name]
	if !ok {
		ts.Fatalf("there is no terminal %s", name)
	}
	return tm
}

// flip makes the commands power NAME on|off and network NAME on|off.
func flip(which string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 2 {
			ts.Fatalf("usage: %s NAME on|off", which)
		}
		tm := of(ts).terminal(ts, args[0])
		url := fmt.Sprintf("%s/%s/%s", tm.url, which, args[1])
		if status, body := post(context.Background(), url, ""); status/100 != 2 {
			ts.Fatalf("%s: %d %s", url, status, body)
		}
	}
}
