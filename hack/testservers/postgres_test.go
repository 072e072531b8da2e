package testservers

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// exec runs SQL on the database of dsn.
func execSQL(t *testing.T, pg *Postgres, dsn, sql string) error {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return pg.Exec(t.Context(), strings.TrimPrefix(u.Path, "/"), sql)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused demands an error that names what went wrong.
func refused(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("got error %v, want one with %q", err, want)
	}
}

func TestEachTestGetsItsOwnEmptyDatabase(t *testing.T) {
	t.Parallel()
	pg := SharedPostgres(t)
	a, b := pg.NewDatabase(t), pg.NewDatabase(t)
	if a == b {
		t.Fatalf("both are %s", a)
	}
	must(t, execSQL(t, pg, a, "CREATE TABLE t (n int)"))
	must(t, execSQL(t, pg, b, "CREATE TABLE t (n int)")) // not there yet
	refused(t, execSQL(t, pg, a, "CREATE TABLE t (n int)"), "42P07")
}

func TestDatabaseIsDroppedWithItsTest(t *testing.T) {
	t.Parallel()
	pg := SharedPostgres(t)
	var dsn string
	t.Run("owner", func(t *testing.T) { dsn = pg.NewDatabase(t) })
	refused(t, execSQL(t, pg, dsn, "SELECT 1"), "3D000")
}

func TestTemplateIsPreparedOnceAndCopied(t *testing.T) {
	t.Parallel()
	pg := SharedPostgres(t)
	var prepared atomic.Int32
	prepare := func(dsn string) error {
		prepared.Add(1)
		return execSQL(t, pg, dsn, "CREATE TABLE payment (id text PRIMARY KEY)")
	}
	var all sync.WaitGroup
	dsns := make([]string, 4)
	name := strings.ToLower("payments_" + rand.Text()) // the cluster outlives the test, which may run again
	for i := range dsns {
		all.Go(func() { dsns[i] = pg.NewDatabaseFrom(t, name, prepare) })
	}
	all.Wait()
	for _, dsn := range dsns {
		must(t, execSQL(t, pg, dsn, "INSERT INTO payment VALUES ('same key, another copy')"))
	}
	if n := prepared.Load(); n != 1 {
		t.Errorf("prepared %d times", n)
	}
}

func TestSharedClusterIsSetLikeProduction(t *testing.T) {
	t.Parallel()
	pg := SharedPostgres(t)
	for setting, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "max_connections": "200",
		"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "server_encoding": "UTF8", "TimeZone": "UTC",
	} {
		// A wrong setting divides by zero: pgExec shows errors, not rows.
		sql := fmt.Sprintf("SELECT 1 / (current_setting('%s') = '%s')::int", setting, want)
		if err := pg.Exec(t.Context(), "postgres", sql); err != nil {
			t.Errorf("%s is not %q: %v", setting, want, err)
		}
	}
	must(t, pg.Exec(t.Context(), "postgres", "SELECT 1 / (current_setting('server_version_num')::int >= 150000)::int"))
}

func TestCommittedRowsSurviveKillAndRestart(t *testing.T) {
	t.Parallel()
	pg, err := StartPostgres(t.Context(), "", WithSetting("deadlock_timeout", "123ms"))
	must(t, err)
	defer pg.Stop()
	must(t, pg.Exec(t.Context(), "postgres", "SELECT 1 / (current_setting('deadlock_timeout') = '123ms')::int"))
	for i, end := range []func(){pg.Kill, pg.Shutdown} {
		must(t, pg.Exec(t.Context(), "postgres", fmt.Sprintf("CREATE TABLE kept_%d (n int)", i)))
		dsn := pg.DSN("postgres")
		end()
		if pg.Running() {
			t.Fatal("still running")
		}
		if err := pg.Exec(t.Context(), "postgres", "SELECT 1"); err == nil {
			t.Fatal("a stopped server answered")
		}
		must(t, pg.Restart(t.Context()))
		if pg.DSN("postgres") != dsn {
			t.Errorf("DSN changed from %s to %s", dsn, pg.DSN("postgres"))
		}
		must(t, pg.Exec(t.Context(), "postgres", fmt.Sprintf("SELECT * FROM kept_%d", i)))
	}
}

// A backend that is busy when Kill comes must not go on and commit.
func TestKillStopsBackendsToo(t *testing.T) {
	t.Parallel()
	pg, err := StartPostgres(t.Context(), "", WithoutFsync())
	must(t, err)
	defer pg.Stop()
	must(t, pg.Exec(t.Context(), "postgres", "CREATE TABLE late (n int)"))
	done := make(chan error, 1)
	go func() {
		// Longer than the test waits; Kill cuts it.
		done <- pg.Exec(context.Background(), "postgres", "INSERT INTO late SELECT 1 FROM pg_sleep(20)")
	}()
	waitFor(t, "the insert to run", func() bool {
		return pg.Exec(t.Context(), "postgres", "SELECT 1 / count(*) FROM pg_stat_activity WHERE query LIKE 'INSERT INTO late%' AND state = 'active'") == nil
	})
	children := childrenOf(pg.proc.cmd.Process.Pid)
	if len(children) < 2 {
		t.Fatalf("postmaster with %d children", len(children))
	}
	pg.Kill()
	if err := <-done; err == nil {
		t.Error("the insert was answered after Kill")
	}
	must(t, pg.Restart(t.Context()))
	must(t, pg.Exec(t.Context(), "postgres", "SELECT 1 / (count(*) = 0)::int FROM late"))
}

func TestGivenFolderStaysAndIsStartedAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(worldFolder(t), "cluster")
	pg, err := StartPostgres(t.Context(), dir, WithoutFsync())
	must(t, err)
	must(t, pg.Exec(t.Context(), "postgres", "CREATE TABLE kept (n int)"))
	pg.Shutdown()
	pg.Stop()
	again, err := StartPostgres(t.Context(), dir, WithoutFsync())
	must(t, err)
	defer again.Stop()
	must(t, again.Exec(t.Context(), "postgres", "SELECT * FROM kept"))
	pg.Stop() // a second Stop does nothing
}

func TestStopRemovesItsOwnFolder(t *testing.T) {
	t.Parallel()
	pg, err := StartPostgres(t.Context(), "", WithoutFsync())
	must(t, err)
	dir := pg.proc.dir
	pg.Stop()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s: %v", dir, err)
	}
}

func TestWrongSettingIsAnErrorWithTheLog(t *testing.T) {
	t.Parallel()
	_, err := StartPostgres(t.Context(), "", WithoutFsync(), WithSetting("no_such_setting", "1"))
	refused(t, err, `unrecognized configuration parameter "no_such_setting"`)
}

func TestMissingProgramNamesThePackage(t *testing.T) {
	t.Parallel()
	_, err := findProgram("galla-no-such-server", "postgresql", t.TempDir())
	refused(t, err, "galla-no-such-server not found: apt-get install postgresql")
}

func TestNewestVersionIsFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, version := range []string{"15", "16"} {
		must(t, os.MkdirAll(filepath.Join(dir, version, "bin"), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, version, "bin", "galla-old-server"), nil, 0o755))
	}
	got, err := findProgram("galla-old-server", "x", filepath.Join(dir, "*", "bin"))
	must(t, err)
	if want := filepath.Join(dir, "16", "bin", "galla-old-server"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The helper process of this test starts servers and is killed: nobody but the
// guards is left to clean up.
func TestServersEndWithAKilledTestBinary(t *testing.T) {
	t.Parallel()
	if os.Getenv("GALLA_TESTSERVERS_VICTIM") != "" {
		pg, err := StartPostgres(context.Background(), "", WithoutFsync())
		must(t, err)
		mq, err := StartMosquitto(context.Background(), "", "allow_anonymous true\n")
		must(t, err)
		fmt.Printf("VICTIM %s %s %s %s\n", pg.proc.dir, pg.Addr(), mq.proc.dir, mq.Addr())
		select {} // until killed
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestServersEndWithAKilledTestBinary$")
	cmd.Env = append(os.Environ(), "GALLA_TESTSERVERS_VICTIM=1")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var pgDir, pgAddr, mqDir, mqAddr string
	if _, err := fmt.Fscanf(out, "VICTIM %s %s %s %s\n", &pgDir, &pgAddr, &mqDir, &mqAddr); err != nil {
		t.Fatal("victim did not come up:", err)
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed, as asked
	for _, dir := range []string{pgDir, mqDir} {
		waitFor(t, dir+" to go", func() bool {
			_, err := os.Stat(dir)
			return os.IsNotExist(err)
		})
	}
	for _, addr := range []string{pgAddr, mqAddr} {
		if answers(t.Context(), addr) == nil {
			t.Errorf("%s still answers", addr)
		}
	}
}

// waitFor asks until the condition holds: for what other processes do, there is
// no event to wait on.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(pollGap)
	defer tick.Stop()
	limit := time.After(startLimit)
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited %v for %s", startLimit, what)
		}
	}
}

// worldFolder is a temporary folder whose parents every user may pass.
func worldFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "galla-test-")
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
