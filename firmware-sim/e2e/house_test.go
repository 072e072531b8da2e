package e2e

import (
	"context"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/protocol"
)

type houseKey struct{}

// house is one session's controller, terminals and callback catcher.
type house struct {
	t          testing.TB
	stack      *stack
	client     *http.Client // what the controller is asked with
	flags      []string     // of serve, kept over restarts
	live       bool         // outside the sandbox
	env        *testscript.Env
	dir        string
	http, mqtt string // the controller's addresses, kept over restarts
	controller *process
	first      *process // the older one, while there are two
	firstHTTP  string   // and its address
	network    string   // the address of the UPI network
	npci       *process
	terminals  map[string]*terminal
	catcher    *catcher // the merchant's server
	desk       *catcher // a POS under development, which no controller can call
	customer   customer
	tills      map[string]*till
	asked      []asked // for the end of the day
	trade      *trade  // nil: nobody trades
	throng     *throng // nil: there is none
	lost       *loss   // the broker, or its node, that was killed; nil: none was
	noise      int     // sales that only made traffic
}

type terminal struct {
	*process
	id      protocol.Identity
	url     string
	watcher *watcher
}

func newHouse(t testing.TB, s *stack, env *testscript.Env) *house {
	h := &house{t: t, stack: s, env: env, dir: t.TempDir(), terminals: map[string]*terminal{}, tills: map[string]*till{}}
	for _, address := range []*string{&h.http, &h.mqtt, &h.network} {
		var err error
		if *address, err = freeAddress(); err != nil {
			t.Fatal(err)
		}
	}
	h.catcher, h.desk, h.client = newCatcher(t), newCatcher(t), http.DefaultClient
	for name, value := range map[string]string{
		"DESK": h.desk.URL, "MQTT": h.mqtt, "NPCI": h.networkURL(),
		// The administration works on the database itself.
		"GALLA_DATABASE": s.database, "GALLA_SEAL_KEY_FILE": h.sealKey(),
		"PATH": binaries + string(os.PathListSeparator) + env.Getenv("PATH"),
	} {
		env.Setenv(name, value)
	}
	return h
}

func of(ts *testscript.TestScript) *house { return ts.Value(houseKey{}).(*house) }

// url is where the controller is, by HTTPS where it has a certificate.
func (h *house) url() string {
	if slices.Contains(h.flags, "--tls-cert") {
		return "https://" + h.http
	}
	return "http://" + h.http
}

func (h *house) sealKey() string { return filepath.Join(h.dir, "seal.key") }

// stop ends everything; a controller that still runs must stop in good order. A
// failure report has the end of what each program said.
func (h *house) stop() {
	programs := h.programs()
	for _, tm := range h.terminals {
		tm.watcher.end()
	}
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		if err := programs[name].stop(syscall.SIGTERM); err != nil {
			h.t.Errorf("%s: %v", name, err)
		}
	}
	for name, p := range programs {
		if _, race, found := strings.Cut(p.out.String(), "WARNING: DATA RACE"); found {
			h.t.Errorf("%s has a data race:%s", name, race[:min(len(race), 4000)])
		}
	}
	if h.t.Failed() {
		h.report()
	}
}

// controllerCommand: controller start [flag...] | live [flag...] | stop | kill.
// live is a start outside the sandbox; kept are the flags of the last one.
func controllerCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	if neg || len(args) < 1 {
		ts.Fatalf("usage: controller start|live|stop|kill [flag...]")
	}
	switch args[0] {
	case "start", "live":
		h.live = args[0] == "live"
		if len(args) > 1 {
			h.flags = args[1:]
		}
		h.startController(ts)
	case "stop":
		ts.Check(h.controller.stop(syscall.SIGTERM))
		if code := h.controller.cmd.ProcessState.ExitCode(); code != 0 {
			ts.Fatalf("a stop in good order ended with %d:\n%s", code, h.controller.out.tail())
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
		"serve", "--callback-allow-private", "--listen", h.http, "--database", h.stack.database,
		"--seal-key-file", h.sealKey(),
	}
	if !h.live {
		args = append(args, "--sandbox")
	}
	switch m := h.stack.mosquitto; {
	case h.stack.nats != nil:
		args = append(args, h.stack.nats.flags()...)
	case m != nil:
		args = append(args, "--broker", m.URL(), "--broker-username", m.AdminUsername, "--broker-password-file", h.stack.brokerPassword)
	case slices.Contains(h.flags, "--mqtt-tls-listen"):
		args = append(args, "--mqtt-listen", "")
	default:
		args = append(args, "--mqtt-listen", h.mqtt)
	}
	args = append(args, h.flags...)
	var err error
	h.controller, err = start(filepath.Join(binaries, "galla-controller"), args...)
	ts.Check(err)
	ts.Setenv("CONTROLLER", h.url())
	until(ts, h.controller, "controller ready", func(ctx context.Context) (string, bool) {
		status, body := h.get(ctx, "/readyz")
		return body, status == http.StatusOK
	})
}

// brokerCommand: broker down | up | return. The embedded broker goes with its
// controller, so there down is a kill and up a start. return waits until all terminals
// are in sync again, which they are within backWithin of its coming back where it was
// not away for longer than a minute.
func brokerCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	if neg || len(args) != 1 {
		ts.Fatalf("usage: broker down|up|return")
	}
	mosquitto := h.stack.mosquitto
	switch {
	case h.stack.nats != nil:
		ts.Fatalf("a cluster has nodes: node kill|start")
	case args[0] == "down":
		h.lost = h.lose(nil)
		if mosquitto != nil {
			mosquitto.Kill()
		} else {
			controllerCommand(ts, false, []string{"kill"})
		}
	case args[0] == "up" && h.lost != nil:
		if mosquitto != nil {
			ts.Check(mosquitto.Restart(context.Background()))
		} else {
			h.startController(ts)
		}
		h.lost.from = time.Now()
	case args[0] == "return" && h.lost != nil:
		h.awaitReturn(ts)
	default:
		ts.Fatalf("broker %s?", args[0])
	}
}

// get asks the controller.
func (h *house) get(ctx context.Context, path string, header ...string) (status int, body string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url()+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return do(h.client, r)
}

// terminalCommand: terminal NAME MERCHANT.STORE.TERMINAL [flag...] starts
// galla-sim terminal, with a disk of its own unless a flag says which.
func terminalCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	if neg || len(args) < 2 {
		ts.Fatalf("usage: terminal NAME MERCHANT.STORE.TERMINAL [flag...]")
	}
	id, err := protocol.ParseIdentity(args[1])
	ts.Check(err)
	address, err := freeAddress()
	ts.Check(err)
	flags := append([]string{
		"terminal", "--controller", h.url(), "--merchant", id.MerchantID, "--store", id.StoreID, "--terminal", id.TerminalID,
		"--listen", address,
	}, args[2:]...)
	if !slices.Contains(flags, "--data") {
		flags = append(flags, "--data", filepath.Join(h.dir, "terminal-"+args[0]))
	}
	p, err := start(filepath.Join(binaries, "galla-sim"), flags...)
	ts.Check(err)
	h.terminals[args[0]] = &terminal{p, id, "http://" + address, watch("http://" + address)}
	ts.Setenv(args[0], "http://"+address)
}

func (h *house) terminal(ts *testscript.TestScript, name string) *terminal {
	tm, ok := h.terminals[name]
	if !ok {
		ts.Fatalf("there is no terminal %s", name)
	}
	return tm
}
