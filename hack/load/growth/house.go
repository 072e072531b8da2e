package growth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/galla-pay/galla/hack/load/program"
	"github.com/galla-pay/galla/hack/testservers"
)

// house is all that was started.
type house struct {
	dir        string
	controller string
	psql       string
	postgres   *testservers.Postgres
	sites      []*site       // the small one, the large one
	stop       []func()      // the last first
	lasted     time.Duration // of the last blocksOf
}

// site is a database with its controller.
type site struct {
	h        *house
	database string
	payments int
	months   int
	base     string // the controller's http://host:port
	last     func() // stops the controller; nil where none runs
	template template
	known    []string // payments to ask for, by the merchant's id
	asked    int      // how often something was asked
}

func openHouse(ctx context.Context, o options) (h *house, err error) {
	h = &house{controller: o.controller}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if h.dir, err = os.MkdirTemp("", "galla-growth-"); err != nil {
		return h, err
	}
	h.stop = append(h.stop, func() { _ = os.RemoveAll(h.dir) })
	if h.controller == "" {
		if h.controller, err = program.Build(ctx, program.Controller, h.dir); err != nil {
			return h, err
		}
	}
	if h.psql, err = exec.LookPath("psql"); err != nil {
		return h, errors.New("psql not found: apt-get install postgresql-client")
	}
	started, cancel := context.WithTimeout(ctx, program.StartLimit)
	defer cancel()
	// Production's safety, and a cache that holds a small part of the large database.
	h.postgres, err = testservers.StartPostgres(started, "", testservers.WithSetting("shared_buffers", "256MB"),
		testservers.WithSetting("max_wal_size", "1GB"), testservers.WithSetting("checkpoint_timeout", "5min"))
	if err != nil {
		return h, err
	}
	h.stop = append(h.stop, h.postgres.Stop)
	h.sites = []*site{{h: h, database: "small", payments: o.base, months: o.months}, {h: h, database: "large", payments: o.payments, months: o.months}}
	for _, s := range h.sites {
		if err := h.postgres.Exec(started, "postgres", "CREATE DATABASE "+s.database); err != nil {
			return h, err
		}
		if out, err := exec.CommandContext(started, h.controller, append([]string{"migrate", "--sandbox"}, s.flags()...)...).CombinedOutput(); err != nil {
			return h, fmt.Errorf("galla-controller migrate: %w\n%s", err, out)
		}
	}
	return h, nil
}

func (s *site) flags() []string {
	return []string{"--database", s.h.postgres.DSN(s.database), "--seal-key-file", filepath.Join(s.h.dir, s.database+".key")}
}

// serve starts the controllers.
func (h *house) serve(ctx context.Context) error {
	for _, s := range h.sites {
		if err := s.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// start starts the site's controller, unless it runs, and waits until it is ready.
func (s *site) start(ctx context.Context) error {
	if s.last != nil {
		return nil
	}
	var ports [2]int
	for i := range ports {
		port, err := testservers.FreePort()
		if err != nil {
			return err
		}
		ports[i] = port
	}
	listen := fmt.Sprintf("127.0.0.1:%d", ports[0])
	cmd := exec.Command(s.h.controller, append([]string{"serve", "--sandbox", "--listen", listen, "--mqtt-listen",
		fmt.Sprintf("127.0.0.1:%d", ports[1]), "--log-level", "warn"}, s.flags()...)...)
	var log bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.h.dir, &log, &log
	running, err := program.Start(cmd)
	if err != nil {
		return err
	}
	s.last = running.Stop
	s.h.stop = append(s.h.stop, s.last)
	s.base = "http://" + listen
	ctx, cancel := context.WithTimeout(ctx, program.StartLimit)
	defer cancel()
	if err := running.Ready(ctx, s.base+"/readyz", program.OK); err != nil {
		running.Stop() // nobody writes into its log any more
		return fmt.Errorf("%w\n%s", err, log.String())
	}
	return nil
}

// query runs SQL and returns what it answers, one row a line, columns apart by |.
func (s *site) query(ctx context.Context, sql string) (string, error) {
	cmd := exec.CommandContext(ctx, s.h.psql, "-XqAtv", "ON_ERROR_STOP=1", "-d", s.h.postgres.DSN(s.database), "-f", "-")
	cmd.Stdin = strings.NewReader(sql)
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, failed.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// close stops what openHouse and serve started.
func (h *house) close() {
	for _, stop := range slices.Backward(h.stop) {
		stop()
	}
	h.stop = nil
}
