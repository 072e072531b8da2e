package fleet_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/galla-pay/galla/firmware-sim/fleet"
	"github.com/galla-pay/galla/hack/testservers"
)

// patience only turns a hang into a failure.
const patience = 4 * time.Minute

// TestMain is also a child of a fleet: the test binary itself, told by its first
// argument what to be.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "be-part" {
		if err := fleet.Child(context.Background(), os.Stdin, os.Stdout, slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	dir, err := os.MkdirTemp("", "galla-fleet-test-")
	if err == nil {
		err = build(filepath.Join(dir, "galla-controller"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = os.Setenv(binVariable, filepath.Join(dir, "galla-controller"))
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// binVariable names the real controller's program, built once.
const binVariable = "FLEET_TEST_CONTROLLER"

// build builds the real controller, which is another module and meets this one only
// as a program.
func build(bin string) error {
	build := exec.Command("go", "build", "-o", bin, "./cmd/galla-controller")
	build.Dir = filepath.Join("..", "..", "controller")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the controller: %w\n%s", err, out)
	}
	return nil
}

// controller is the real one, on addresses and a database that it keeps.
type controller struct {
	t    *testing.T
	bin  string
	args []string
	env  []string
	url  string
	cmd  *exec.Cmd
	log  strings.Builder
	made string // the administrator's token
}

func startController(t *testing.T) *controller {
	t.Helper()
	var addresses [2]string
	for i := range addresses {
		port, err := testservers.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		addresses[i] = fmt.Sprintf("127.0.0.1:%d", port)
	}
	database := "sqlite:" + filepath.Join(t.TempDir(), "galla.db")
	c := &controller{
		t: t, bin: os.Getenv(binVariable), url: "http://" + addresses[0], env: append(os.Environ(), "GALLA_DATABASE="+database),
		args: []string{"serve", "--sandbox", "--listen", addresses[0], "--mqtt-listen", addresses[1], "--log-level", "warn"},
	}
	c.start()
	t.Cleanup(func() {
		c.end(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("the controller said:\n%s", c.log.String())
		}
	})
	return c
}

// start starts it and returns when it is ready.
func (c *controller) start() {
	c.t.Helper()
	c.cmd = exec.Command(c.bin, c.args...)
	c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = c.env, &c.log, &c.log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.until("the controller is ready", func() bool { return c.get("/readyz") != "" })
}

func (c *controller) end(sig syscall.Signal) {
	_ = c.cmd.Process.Signal(sig)
	_ = c.cmd.Wait()
}

// token is an administrator's.
func (c *controller) token() string {
	c.t.Helper()
	if c.made != "" {
		return c.made
	}
	verb := exec.Command(c.bin, "token", "create", "fleet", "--role", "admin", "--json")
	verb.Env = c.env
	out, err := verb.Output()
	var made struct{ Token string }
	if err != nil || json.Unmarshal(out, &made) != nil || made.Token == "" {
		c.t.Fatalf("token create: %v\n%s", err, out)
	}
	c.made = made.Token
	return c.made
}

// get is the body of a 200, else "".
func (c *controller) get(path string) string { return get(c.url + path) }

func get(url string) string {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return ""
	}
	return string(body)
}

// metric is a number that the controller counts; -1 when it does not say.
func (c *controller) metric(name string) int {
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\d+)$`).FindStringSubmatch(c.get("/metrics"))
	if found == nil {
		return -1
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

// until asks again and again until ask is content.
func (c *controller) until(what string, ask func() bool) {
	c.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for !ask() {
		select {
		case <-every.C:
		case <-late.C:
			c.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// config is a fleet of n at the controller.
func (c *controller) config(n int) fleet.Config {
	c.t.Helper()
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	return fleet.Config{
		Controller: c.url, Merchant: "MERCHANTUAT", AdminToken: c.token(), SaltKey: "sandbox-merchant-key", SaltIndex: 1,
		Terminals: n, Seed: 1, Child: []string{self, "be-part"}, Progress: io.Discard, Software: "test",
	}
}

func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}
