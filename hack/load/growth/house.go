package growth

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/galla-pay/galla/hack/load/program"
	"github.com/galla-pay/galla/hack/testservers"
)

// migrateLimit bounds a migration: one that comes to a filled database may build an
// index of all of it.
const migrateLimit = 30 * time.Minute

// house is all that was started.
type house struct {
	dir        string
	keys       string // where the sealing keys are
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
	broker   string // its broker's host:port
	last     func() // stops the controller; nil where none runs
	template template
	known    []string // payments to ask for, by the merchant's id
	asked    int      // how often something was asked
	began    int      // when, by the clock, that began
	terminal *terminal
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
	h.postgres, err = testservers.StartPostgres(started, o.data, testservers.WithSetting("shared_buffers", "256MB"),
		testservers.WithSetting("max_wal_size", "1GB"), testservers.WithSetting("checkpoint_timeout", "5min"))
	if err != nil {
		return h, err
	}
	h.stop = append(h.stop, h.postgres.Stop)
	if o.data != "" {
		h.keys = o.data
		h.stop = append(h.stop, h.postgres.Shutdown) // in order, so that the next start has nothing to recover
	} else {
		h.keys = h.dir
	}
	h.sites = []*site{{h: h, database: "small", payments: o.base, months: o.months}, {h: h, database: "large", payments: o.payments, months: o.months}}
	for _, s := range h.sites {
		if err := s.create(ctx); err != nil {
			return h, err
		}
	}
	return h, nil
}

// create makes the site's database where it is not there, and its tables as they are
// in this version.
func (s *site) create(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrateLimit)
	defer cancel()
	there, err := s.h.psqlOn(ctx, "postgres", "SELECT count(*) FROM pg_database WHERE datname = "+quoted(s.database)+";")
	if err == nil && there == "0" {
		err = s.h.postgres.Exec(ctx, "postgres", "CREATE DATABASE "+s.database)
	}
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, s.h.controller, append([]string{"migrate", "--sandbox"}, s.flags()...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("galla-controller migrate: %w\n%s", err, out)
	}
	return nil
}

func (s *site) flags() []string {
	return []string{"--database", s.h.postgres.DSN(s.database), "--seal-key-file", filepath.Join(s.h.keys, s.database+".key")}
}

// hurry are settings for filling. A database that is lost with the machine is filled
// again, and the log of what one transaction has made anew would be thrown away.
var hurry = []string{
	"fsync = off", "full_page_writes = off", "synchronous_commit = off", "wal_level = minimal", "max_wal_senders = 0",
	"autovacuum = off", "maintenance_work_mem = '512MB'", "jit = off",
}

// fill fills the sites that are empty, with the server in a hurry, which it is not
// any more when fill returns.
func (h *house) fill(ctx context.Context, out io.Writer) error {
	var empty []*site
	for _, s := range h.sites {
		payments, months, err := s.filled(ctx)
		switch {
		case err != nil:
			return err
		case payments == 0:
			empty = append(empty, s)
		case payments != s.payments || months != s.months:
			return fmt.Errorf("the database %s has %d payments over %d months: say so, or take another folder", s.database, payments, months)
		}
	}
	if len(empty) == 0 {
		return nil
	}
	for _, setting := range hurry {
		if err := h.postgres.Exec(ctx, "postgres", "ALTER SYSTEM SET "+setting); err != nil {
			return err
		}
	}
	if err := h.postgres.Restart(ctx); err != nil {
		return err
	}
	for _, s := range empty {
		began := time.Now()
		if err := s.fill(ctx, out); err != nil {
			return fmt.Errorf("fill %s: %w", s.database, err)
		}
		fmt.Fprintf(out, "%s: %d payments over %d months in %v\n", s.database, s.payments, s.months, time.Since(began).Round(time.Second))
	}
	if err := h.postgres.Exec(ctx, "postgres", "ALTER SYSTEM RESET ALL"); err != nil {
		return err
	}
	// All that was written goes to the disk now, and not while it is measured.
	if out, err := exec.CommandContext(ctx, "sync").CombinedOutput(); err != nil {
		return fmt.Errorf("sync: %w: %s", err, out)
	}
	return h.postgres.Restart(ctx)
}

// serve starts the controllers, finds payments to ask them for, and switches a
// terminal on at each.
func (h *house) serve(ctx context.Context) error {
	for _, s := range h.sites {
		if err := s.start(ctx); err != nil {
			return err
		}
		if err := s.sample(ctx); err != nil {
			return err
		}
		if err := s.switchOn(ctx); err != nil {
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
	s.broker = fmt.Sprintf("127.0.0.1:%d", ports[1])
	cmd := exec.Command(s.h.controller, append([]string{"serve", "--sandbox", "--listen", listen, "--mqtt-listen", s.broker,
		"--log-level", "warn"}, s.flags()...)...)
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
	return s.h.psqlOn(ctx, s.database, sql)
}

func (h *house) psqlOn(ctx context.Context, database, sql string) (string, error) {
	cmd := exec.CommandContext(ctx, h.psql, "-XqAtv", "ON_ERROR_STOP=1", "-d", h.postgres.DSN(database), "-f", "-")
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

// script runs SQL that write writes, and prints what it answers as it comes.
func (s *site) script(ctx context.Context, out io.Writer, write func(io.Writer)) error {
	cmd := exec.CommandContext(ctx, s.h.psql, "-XqAtv", "ON_ERROR_STOP=1", "-d", s.h.postgres.DSN(s.database), "-f", "-")
	sql, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	var failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &failed
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("psql: %w", err)
	}
	w := bufio.NewWriter(sql)
	write(w)
	_, _ = w.Flush(), sql.Close() // where psql has ended it says why
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("psql: %w: %s", err, failed.String())
	}
	return nil
}
