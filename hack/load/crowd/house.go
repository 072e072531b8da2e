package crowd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/galla-pay/galla/hack/testservers"
)

const (
	startLimit = 90 * time.Second // under full load
	stopLimit  = 20 * time.Second // then it is killed
	logTail    = 4 << 10
)

// settings of PostgreSQL that an operator makes on any machine; all others are as
// testservers has them, with fsync.
func settings() []testservers.PostgresOption {
	return []testservers.PostgresOption{
		testservers.WithSetting("shared_buffers", "512MB"), testservers.WithSetting("max_wal_size", "4GB"),
	}
}

// house is a controller in a process of its own, with its broker and its sandbox, on
// a PostgreSQL that syncs.
type house struct {
	dir      string
	binary   string
	postgres *testservers.Postgres
	api      string // host:port of each
	broker   string
	profiles string

	process *exec.Cmd
	over    chan struct{} // closed when the process is gone
	log     *tail
}

// openHouse starts the database, and has a controller to start. binary is a controller that is built already; "": it is
// built.
func openHouse(ctx context.Context, binary string) (h *house, err error) {
	h = &house{binary: binary, log: &tail{}}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if h.dir, err = os.MkdirTemp("", "galla-crowd-"); err != nil {
		return h, err
	}
	if binary == "" {
		h.binary = filepath.Join(h.dir, "galla-controller")
		if err := build(ctx, h.binary); err != nil {
			return h, err
		}
	}
	for _, address := range []*string{&h.api, &h.broker, &h.profiles} {
		port, err := testservers.FreePort()
		if err != nil {
			return h, err
		}
		*address = fmt.Sprintf("127.0.0.1:%d", port)
	}
	if h.postgres, err = testservers.StartPostgres(ctx, "", settings()...); err != nil {
		return h, err
	}
	return h, h.postgres.Exec(ctx, "postgres", "CREATE DATABASE crowd")
}

// migrate makes the schema and the sandbox's merchants.
func (h *house) migrate(ctx context.Context) error {
	args := append([]string{"migrate", "--sandbox"}, h.database()...)
	if out, err := exec.CommandContext(ctx, h.binary, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("galla-controller migrate: %w\n%s", err, out)
	}
	return nil
}

func (h *house) database() []string {
	return []string{"--database", h.postgres.DSN("crowd"), "--seal-key-file", filepath.Join(h.dir, "seal.key")}
}

// build makes the controller of the workspace that we stand in.
func build(ctx context.Context, to string) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.work")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			return errors.New("run it inside the repository, which it builds the controller of; or give -controller")
		}
		root = filepath.Dir(root)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", to, "./controller/cmd/galla-controller")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the controller: %w\n%s", err, out)
	}
	return nil
}

// start starts the controller, on the same addresses each time, and waits until it
// is ready.
func (h *house) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	args := []string{"serve", "--sandbox", "--listen", h.api, "--mqtt-listen", h.broker, "--pprof-listen", h.profiles, "--log-level", "warn"}
	cmd := exec.Command(h.binary, append(args, h.database()...)...)
	cmd.Stdout, cmd.Stderr = h.log, h.log
	cmd.SysProcAttr = childAttr()
	started, over := make(chan error, 1), make(chan struct{})
	go func() {
		// Linux ends the child with the thread that started it, so that one has to
		// stay: a load that is killed leaves no controller behind.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(over)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	h.process, h.over = cmd, over
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.api+"/readyz", nil)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(request); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-over:
			return fmt.Errorf("the controller ended while starting:\n%s", h.log)
		case <-ctx.Done():
			return fmt.Errorf("the controller was not ready in time: %w\n%s", ctx.Err(), h.log)
		}
	}
}

// kill ends the controller as a power cut does, and returns when it is gone.
func (h *house) kill() error {
	if err := h.process.Process.Kill(); err != nil {
		return err
	}
	<-h.over
	return nil
}

// pid is the controller's process.
func (h *house) pid() int { return h.process.Process.Pid }

// close stops what was started.
func (h *house) close() {
	if h.process != nil {
		_ = h.process.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(stopLimit, func() { _ = h.process.Process.Kill() })
		<-h.over
		late.Stop()
	}
	if h.postgres != nil {
		h.postgres.Stop()
	}
	if h.dir != "" {
		_ = os.RemoveAll(h.dir)
	}
}

// tail keeps the end of what was written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.b = append(t.b, p...); len(t.b) > 2*logTail {
		t.b = bytes.Clone(t.b[len(t.b)-logTail:])
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b[max(0, len(t.b)-logTail):])
}
