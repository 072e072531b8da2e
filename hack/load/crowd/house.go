package crowd

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/galla-pay/galla/hack/load/program"
	"github.com/galla-pay/galla/hack/testservers"
)

// logTail is how much of the controller's log is kept.
const logTail = 4 << 10

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

	process *program.Program
	log     *tail
}

// openHouse starts the database, and has a controller to start. binary is one that is
// built already; "": it is built.
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
		if h.binary, err = program.Build(ctx, program.Controller, h.dir); err != nil {
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

// start starts the controller, on the same addresses each time, and waits until it
// is ready.
func (h *house) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, program.StartLimit)
	defer cancel()
	args := []string{"serve", "--sandbox", "--listen", h.api, "--mqtt-listen", h.broker, "--pprof-listen", h.profiles, "--log-level", "warn"}
	cmd := exec.Command(h.binary, append(args, h.database()...)...)
	cmd.Stdout, cmd.Stderr = h.log, h.log
	var err error
	if h.process, err = program.Start(cmd); err != nil {
		return err
	}
	if err := h.process.Ready(ctx, "http://"+h.api+"/readyz", program.OK); err != nil {
		return fmt.Errorf("%w\n%s", err, h.log)
	}
	return nil
}

// close stops what was started.
func (h *house) close() {
	if h.process != nil {
		h.process.Stop()
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
