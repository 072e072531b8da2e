package testservers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// pgUser is the cluster's superuser; trust authentication, loopback only.
const pgUser = "galla"

// postgresPlaces are where PostgreSQL's programs live when they are not in PATH.
var postgresPlaces = []string{"/usr/lib/postgresql/*/bin", "/usr/local/bin", "/usr/local/pgsql/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin"}

// Postgres is a private PostgreSQL cluster (15 or newer) on a loopback port.
// All methods may be called from several goroutines.
type Postgres struct {
	proc    *process
	program string
	port    int
	options postgresOptions

	primary *Postgres // of a standby, until it is promoted

	databases atomic.Int64
	mu        sync.Mutex
	templates map[string]*template
}

type template struct {
	once sync.Once
	err  error
}

type postgresOptions struct {
	fsync    bool
	settings []string
}

// PostgresOption changes how StartPostgres sets a cluster up.
type PostgresOption func(*postgresOptions)

// WithoutFsync makes a cluster that may lose commits when the machine (not
// PostgreSQL) stops. The default is fsync on, as in production.
func WithoutFsync() PostgresOption { return func(o *postgresOptions) { o.fsync = false } }

// WithSetting adds one postgresql.conf setting, for example
// WithSetting("deadlock_timeout", "100ms"). The last one for a name wins.
func WithSetting(name, value string) PostgresOption {
	return func(o *postgresOptions) { o.settings = append(o.settings, name+"="+value) }
}

// StartPostgres makes a cluster in dir, or in a temporary folder of its own when
// dir is "", starts it and waits until it answers. A dir that already holds a
// cluster is started as it is. ctx bounds the start only. The caller ends it
// with Stop; if it does not, the cluster ends with the test binary.
func StartPostgres(ctx context.Context, dir string, opts ...PostgresOption) (*Postgres, error) {
	options := postgresOptions{fsync: true}
	for _, opt := range opts {
		opt(&options)
	}
	const apt = "postgresql"
	server, err := findProgram("postgres", apt, postgresPlaces...)
	if err != nil {
		return nil, err
	}
	// The two must be of one version, so the neighbour goes first.
	initdb, err := findProgram("initdb", apt, append([]string{filepath.Dir(server)}, postgresPlaces...)...)
	if err != nil {
		return nil, err
	}
	proc, err := newProcess("postgres", dir, "QUIT")
	if err != nil {
		return nil, err
	}
	pg := &Postgres{proc: proc, program: server, options: options, templates: map[string]*template{}}
	if _, err := os.Stat(filepath.Join(pg.data(), "PG_VERSION")); errors.Is(err, os.ErrNotExist) {
		if err := pg.initialise(ctx, initdb); err != nil {
			proc.release()
			return nil, err
		}
	}
	if err := pg.startSomewhere(ctx); err != nil {
		proc.release()
		return nil, err
	}
	return pg, nil
}

// startSomewhere starts the server on a free port. Between asking for one and
// taking it somebody else may; then another.
func (pg *Postgres) startSomewhere(ctx context.Context) (err error) {
	for range 5 {
		if pg.port, err = FreePort(); err != nil {
			return err
		}
		if err = pg.start(ctx); err == nil || !strings.Contains(err.Error(), "could not bind") {
			return err
		}
	}
	return err
}

func (pg *Postgres) data() string { return filepath.Join(pg.proc.dir, "data") }

func (pg *Postgres) initialise(ctx context.Context, initdb string) error {
	// --no-sync: the files of an empty cluster are worth nothing yet.
	cmd := exec.CommandContext(ctx, initdb, "--pgdata="+pg.data(), "--username="+pgUser,
		"--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
	cmd.Dir = pg.proc.dir
	cmd.Env = serverEnv()
	cmd.SysProcAttr = pg.proc.cred.attr()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("testservers: initdb in %s: %w\n%s", pg.proc.dir, err, out)
	}
	hba := filepath.Join(pg.data(), "pg_hba.conf")
	const rule = "# TYPE DATABASE USER ADDRESS METHOD\nhost all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n"
	return os.WriteFile(hba, []byte(rule), 0o600) // written over, so the owner stays
}

func (pg *Postgres) start(ctx context.Context) error {
	settings := []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(pg.port),
		"unix_socket_directories=",
		"max_connections=200",
		"shared_buffers=64MB",
		"timezone=UTC",
		"log_timezone=UTC",
		"log_line_prefix=%m [%p] %d ",
		"log_lock_waits=on",
	}
	if !pg.options.fsync {
		settings = append(settings, "fsync=off", "full_page_writes=off")
	}
	args := []string{"-D", pg.data()}
	for _, s := range append(settings, pg.options.settings...) {
		args = append(args, "-c", s)
	}
	return pg.proc.start(ctx, pg.program, args, func(ctx context.Context) error {
		return pgExec(ctx, pg.Addr(), pgUser, "postgres", "")
	})
}

// Addr is the host:port the cluster listens on. It stays the same over Restart.
func (pg *Postgres) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(pg.port)) }

// DSN is the URL of a database: postgres://user@127.0.0.1:port/database?sslmode=disable.
func (pg *Postgres) DSN(database string) string { return DSN(database, pg) }

// DSN is the URL of a database that is on one of several servers, in the order in
// which they are to be tried: postgres://user@host:port,host:port/database?sslmode=disable.
func DSN(database string, servers ...*Postgres) string {
	var hosts []string
	for _, pg := range servers {
		hosts = append(hosts, pg.Addr())
	}
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", pgUser, strings.Join(hosts, ","), database)
}

// Exec runs SQL as superuser on a database ("postgres" always exists) and throws
// rows away: for the hands of an outsider, such as pg_terminate_backend.
func (pg *Postgres) Exec(ctx context.Context, database, sql string) error {
	return pgExec(ctx, pg.Addr(), pgUser, database, sql)
}

// Running says whether the server process is alive.
func (pg *Postgres) Running() bool { return pg.proc.running() }

// Log is everything the server has logged.
func (pg *Postgres) Log() string { return pg.proc.log() }

// Kill ends the whole server at once, as a power cut does to the process (the
// kernel's page cache survives). The data stays for Restart.
func (pg *Postgres) Kill() { pg.proc.signal(syscall.SIGKILL) }

// Shutdown ends the server in good order (fast shutdown: open transactions are
// rolled back, clients are cut). The data stays for Restart.
func (pg *Postgres) Shutdown() { pg.proc.signal(syscall.SIGINT) }

// Restart starts the server again on its data and its port, after ending it in
// good order if it still runs, and waits until it answers.
func (pg *Postgres) Restart(ctx context.Context) error {
	pg.Shutdown()
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := pg.start(ctx)
		// After Kill a last backend may hold the shared memory for a moment.
		if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "is still in use") {
			return err
		}
	}
}

// Stop ends the server for good and removes the folder if StartPostgres made it.
func (pg *Postgres) Stop() {
	pg.proc.signal(syscall.SIGQUIT) // immediate: nothing to save
	pg.proc.release()
}

// NewDatabase makes an empty database for one test and returns its DSN. It is
// dropped, with whoever is still connected, when the test ends.
func (pg *Postgres) NewDatabase(t testing.TB) string {
	t.Helper()
	return pg.create(t, "template1")
}

// NewDatabaseFrom makes a database for one test out of a template that prepare
// fills the first time its name is used on this cluster, so that migrating
// costs once and each test pays for a copy only. prepare gets the template's
// DSN, is called once for each name whatever the number of callers, and must
// close its connections. Name things by content ("migrated", "with-merchant"):
// the same name always means the same prepare.
func (pg *Postgres) NewDatabaseFrom(t testing.TB, name string, prepare func(dsn string) error) string {
	t.Helper()
	pg.mu.Lock()
	tmpl := pg.templates[name]
	if tmpl == nil {
		tmpl = &template{}
		pg.templates[name] = tmpl
	}
	pg.mu.Unlock()
	database := "template_" + name
	tmpl.once.Do(func() {
		// Not t.Context: others use the template after this test.
		ctx, cancel := context.WithTimeout(context.Background(), startLimit)
		defer cancel()
		if tmpl.err = pg.Exec(ctx, "postgres", "CREATE DATABASE "+quoteIdent(database)); tmpl.err == nil {
			tmpl.err = prepare(pg.DSN(database))
		}
	})
	if tmpl.err != nil {
		t.Fatalf("testservers: template database %s: %v", name, tmpl.err)
	}
	return pg.create(t, database)
}

func (pg *Postgres) create(t testing.TB, from string) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", pg.databases.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	if err := pg.Exec(ctx, "postgres", "CREATE DATABASE "+quoteIdent(name)+" TEMPLATE "+quoteIdent(from)); err != nil {
		t.Fatalf("testservers: create a database for %s: %v", t.Name(), err)
	}
	t.Cleanup(func() {
		if !pg.Running() {
			return // the test ended the cluster: nothing to drop it from
		}
		ctx, cancel := context.WithTimeout(context.Background(), startLimit)
		defer cancel()
		if err := pg.Exec(ctx, "postgres", "DROP DATABASE "+quoteIdent(name)+" WITH (FORCE)"); err != nil {
			t.Errorf("testservers: drop %s of %s: %v", name, t.Name(), err)
		}
	})
	return pg.DSN(name)
}

// sharedPostgres starts the test binary's one cluster when the first test asks.
var sharedPostgres = sync.OnceValues(func() (*Postgres, error) {
	return StartPostgres(context.Background(), "")
})

// SharedPostgres returns the one cluster that all tests of this binary share,
// started by the first to ask and stopped by the end of the binary. Take a
// database with NewDatabase or NewDatabaseFrom; tests that Kill or Stop start
// their own with StartPostgres.
func SharedPostgres(t testing.TB) *Postgres {
	t.Helper()
	pg, err := sharedPostgres()
	if err != nil {
		t.Fatal(err)
	}
	return pg
}
