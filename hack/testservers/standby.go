package testservers

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// StartStandby makes a copy of a running cluster in dir, or in a temporary folder
// of its own when dir is "", and starts it as a hot standby that the primary
// waits for: from now on no commit on the primary is answered before the standby
// has it on disk (synchronous_standby_names, set by ALTER SYSTEM). It returns once
// that is so. ctx bounds the start only. It is a Postgres like any other; the
// caller ends it with Stop.
//
// While the standby is killed, stopped or detached, commits on the primary wait,
// and with them tests that drop their databases there.
func (pg *Postgres) StartStandby(ctx context.Context, dir string) (*Postgres, error) {
	real, err := filepath.EvalSymlinks(pg.program)
	if err != nil {
		return nil, err
	}
	// Of the server's own version; what PATH has may be a script that chooses one.
	backup, err := exec.LookPath(filepath.Join(filepath.Dir(real), "pg_basebackup"))
	if err != nil {
		if backup, err = findProgram("pg_basebackup", "postgresql-client", postgresPlaces...); err != nil {
			return nil, err
		}
	}
	proc, err := newProcess("postgres", dir, "QUIT")
	if err != nil {
		return nil, err
	}
	standby := &Postgres{proc: proc, program: pg.program, options: pg.options, primary: pg, templates: map[string]*template{}}
	// So often a standby looks for its primary.
	standby.options.settings = append(pg.options.settings[:len(pg.options.settings):len(pg.options.settings)], "wal_retrieve_retry_interval=100ms")
	err = standby.copy(ctx, backup)
	if err == nil {
		err = standby.startSomewhere(ctx)
	}
	if err == nil {
		err = standby.follow(ctx)
	}
	if err != nil {
		standby.Stop()
		return nil, err
	}
	return standby, nil
}

// copy copies the primary's files, with all that is written meanwhile.
func (pg *Postgres) copy(ctx context.Context, program string) error {
	cmd := exec.CommandContext(ctx, program, "--pgdata="+pg.data(), "--dbname="+pg.primary.conninfo("backup"),
		"--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync", "--no-password")
	cmd.Dir = pg.proc.dir
	cmd.Env = serverEnv()
	cmd.SysProcAttr = pg.proc.cred.attr()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("testservers: pg_basebackup into %s: %w\n%s", pg.proc.dir, err, out)
	}
	return nil
}

// conninfo is how whoever calls itself so connects to the cluster.
func (pg *Postgres) conninfo(application string) string {
	host, port, _ := net.SplitHostPort(pg.Addr())
	return fmt.Sprintf("host=%s port=%s user=%s sslmode=disable application_name=%s", host, port, pgUser, application)
}

// name is what a standby calls itself.
func (pg *Postgres) name() string { return "standby_" + strconv.Itoa(pg.port) }

// follow makes the standby stream, and the primary wait for it.
func (pg *Postgres) follow(ctx context.Context) error {
	// What the primary waits for came with the copy; this one waits for nobody.
	if err := pg.set(ctx, "synchronous_standby_names", ""); err != nil {
		return err
	}
	if err := pg.Attach(ctx); err != nil {
		return err
	}
	if err := pg.primary.set(ctx, "synchronous_standby_names", pg.name()); err != nil {
		return err
	}
	return pg.primary.holds(ctx, "the standby to be synchronous",
		"count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'")
}

// Attach lets a standby that was detached stream from its primary again, and
// waits until it does.
func (pg *Postgres) Attach(ctx context.Context) error {
	if err := pg.set(ctx, "primary_conninfo", pg.primary.conninfo(pg.name())); err != nil {
		return err
	}
	return pg.primary.holds(ctx, "the standby to stream",
		fmt.Sprintf("count(*) = 1 FROM pg_stat_replication WHERE application_name = '%s' AND state = 'streaming'", pg.name()))
}

// Detach cuts a standby off from its primary, as a broken line between the two
// does, and returns once nothing comes through any more: commits on the primary
// wait from now on.
func (pg *Postgres) Detach(ctx context.Context) error {
	if err := pg.set(ctx, "primary_conninfo", ""); err != nil {
		return err
	}
	if err := pg.holds(ctx, "the standby to stop streaming", "count(*) = 0 FROM pg_stat_wal_receiver"); err != nil {
		return err
	}
	return pg.primary.holds(ctx, "the primary to miss its standby",
		fmt.Sprintf("count(*) = 0 FROM pg_stat_replication WHERE application_name = '%s'", pg.name()))
}

// Promote makes a standby a primary of its own, which waits for nobody, and
// returns once it can be written to. What becomes of the old one is the caller's
// business: a primary that comes back is one.
func (pg *Postgres) Promote(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	err := pg.Exec(ctx, "postgres", fmt.Sprintf("SELECT 1 / pg_promote(true, %d)::int", int(startLimit.Seconds())))
	if err != nil {
		return fmt.Errorf("testservers: promote the standby: %w; its log ends with:\n%s", err, pg.proc.tail())
	}
	pg.primary = nil
	return nil
}

// set changes one setting of a running server, for good.
func (pg *Postgres) set(ctx context.Context, name, value string) error {
	// Two statements: ALTER SYSTEM stands in no transaction with another.
	if err := pg.Exec(ctx, "postgres", fmt.Sprintf("ALTER SYSTEM SET %s = '%s'", name, strings.ReplaceAll(value, "'", "''"))); err != nil {
		return fmt.Errorf("testservers: set %s: %w", name, err)
	}
	return pg.Exec(ctx, "postgres", "SELECT pg_reload_conf()")
}

// holds waits until what follows SELECT is true: servers tell nobody about each
// other.
func (pg *Postgres) holds(ctx context.Context, what, condition string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	expression, from, _ := strings.Cut(condition, " FROM ")
	tick := time.NewTicker(pollGap)
	defer tick.Stop()
	for {
		err := pg.Exec(ctx, "postgres", fmt.Sprintf("SELECT 1 / (%s)::int FROM %s", expression, from))
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("testservers: waited for %s: %w (%v); the log ends with:\n%s", what, ctx.Err(), err, pg.proc.tail())
		case <-tick.C:
		}
	}
}
