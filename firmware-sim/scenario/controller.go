package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/galla-pay/galla/firmware-sim/demo"
)

// Bounds of the controller's process.
const (
	readyWithin = 30 * time.Second
	stopWithin  = 20 * time.Second
	probeEvery  = 25 * time.Millisecond
)

// controller is the scenario's own: a process that comes back on the same
// addresses and database. Its methods are called by one goroutine.
type controller struct {
	bin     string
	args    []string
	dir     string
	url     string
	cmd     *exec.Cmd // nil: none runs
	gone    chan struct{}
	stopped bool // by SIGSTOP
	probe   *http.Client
}

// newController finds the program and addresses for it. It returns
// demo.ErrNoController, wrapped, when there is none.
func newController(bin, dir, network string) (*controller, error) {
	bin, err := demo.FindController(bin)
	if err != nil {
		return nil, err
	}
	addresses, err := demo.FreeAddresses("127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &controller{
		bin: bin, dir: dir, url: "http://" + addresses[0],
		probe: &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
		args: []string{
			"serve", "--sandbox", "--callback-allow-private", "--listen", addresses[0], "--mqtt-listen", addresses[1],
			"--database", "sqlite:" + filepath.Join(dir, "galla.db"), "--upi-network", network, "--log-format", "json",
		},
	}, nil
}

// start starts it and returns when it is ready.
func (c *controller) start(ctx context.Context) error {
	if c.cmd != nil {
		return errors.New("the controller runs")
	}
	log, err := os.OpenFile(filepath.Join(c.dir, "controller.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(c.bin, c.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, log, log
	// Everything is said by flags.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GALLA_") })
	if err := cmd.Start(); err != nil {
		return err
	}
	c.cmd, c.gone, c.stopped = cmd, make(chan struct{}), false
	go func(gone chan struct{}) {
		defer close(gone)
		_ = cmd.Wait()
	}(c.gone)
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	every := time.NewTicker(probeEvery)
	defer every.Stop()
	for !c.ready(ctx) {
		select {
		case <-every.C:
		case <-c.gone:
			c.cmd = nil
			return fmt.Errorf("the controller ended; its log says:%s", c.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("the controller is not ready: %w", ctx.Err())
		}
	}
	return nil
}

func (c *controller) ready(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/readyz", nil)
	if err != nil {
		return false
	}
	answer, err := c.probe.Do(request)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// lastWords are the last lines of its log.
func (c *controller) lastWords() string {
	text, err := os.ReadFile(filepath.Join(c.dir, "controller.log"))
	if err != nil {
		return " " + err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "\n  " + strings.Join(lines[max(0, len(lines)-5):], "\n  ")
}

// end sends a signal that ends it, and waits until it is gone.
func (c *controller) end(sig syscall.Signal) error {
	if c.cmd == nil {
		return errors.New("no controller runs")
	}
	if c.stopped {
		_ = c.cmd.Process.Signal(syscall.SIGCONT)
	}
	_ = c.cmd.Process.Signal(sig)
	limit := time.NewTimer(stopWithin)
	defer limit.Stop()
	var err error
	select {
	case <-c.gone:
	case <-limit.C:
		err = fmt.Errorf("the controller did not end within %v", stopWithin)
		_ = c.cmd.Process.Kill()
		<-c.gone
	}
	c.cmd = nil
	return err
}

// hold stops its process where it is, or lets it go on.
func (c *controller) hold(stop bool) error {
	if c.cmd == nil {
		return errors.New("no controller runs")
	}
	sig := syscall.SIGCONT
	if stop {
		sig = syscall.SIGSTOP
	}
	c.stopped = stop
	return c.cmd.Process.Signal(sig)
}

func (c *controller) close() error {
	if c.cmd == nil {
		return nil
	}
	return c.end(syscall.SIGTERM)
}
