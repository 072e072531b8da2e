package idle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/galla-pay/galla/hack/testservers"
)

const (
	startLimit = 90 * time.Second // under full load
	stopLimit  = 20 * time.Second // then it is killed
	// terminalsEach is how many terminals a merchant has, in one store.
	terminalsEach = 5
	database      = "idle"
)

// house is all that waits.
type house struct {
	dir      string
	postgres *testservers.Postgres
	psql     string
	database int // PostgreSQL's process
	programs map[string]int
	stop     []func() // the last first
}

// openHouse starts everything and returns when the terminal says that it is ready.
func openHouse(ctx context.Context, o Options) (h *house, err error) {
	h = &house{programs: map[string]int{}}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if h.dir, err = os.MkdirTemp("", "galla-idle-"); err != nil {
		return h, err
	}
	h.stop = append(h.stop, func() { _ = os.RemoveAll(h.dir) })
	if err := h.build(ctx, &o.Controller, "./controller/cmd/galla-controller"); err != nil {
		return h, err
	}
	if err := h.build(ctx, &o.Sim, "./firmware-sim/cmd/galla-sim"); err != nil {
		return h, err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit) // without the compiler's time
	defer cancel()
	if h.psql, err = clientProgram("psql"); err != nil {
		return h, err
	}
	before := children()
	if h.postgres, err = testservers.StartPostgres(ctx, ""); err != nil {
		return h, err
	}
	h.stop = append(h.stop, h.postgres.Stop)
	if h.database, err = newChild(before, "postgres"); err != nil {
		return h, err
	}
	if err := h.postgres.Exec(ctx, "postgres", "CREATE DATABASE "+database); err != nil {
		return h, err
	}
	onPostgres := []string{"--database", h.postgres.DSN(database), "--seal-key-file", filepath.Join(h.dir, "seal.key")}
	if out, err := exec.CommandContext(ctx, o.Controller, append([]string{"migrate", "--sandbox"}, onPostgres...)...).CombinedOutput(); err != nil {
		return h, fmt.Errorf("galla-controller migrate: %w\n%s", err, out)
	}
	if err := h.fill(ctx, o.Terminals); err != nil {
		return h, err
	}
	api, err := h.serve(ctx, onPostgreSQL, o.Controller, onPostgres)
	if err != nil {
		return h, err
	}
	if _, err := h.serve(ctx, onSQLite, o.Controller, []string{"--database", "sqlite:" + filepath.Join(h.dir, "galla.db")}); err != nil {
		return h, err
	}
	return h, h.terminal(ctx, o.Sim, api)
}

// build makes a program of the repository that we stand in, unless it is there.
func (h *house) build(ctx context.Context, binary *string, pkg string) error {
	if *binary != "" {
		return nil
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	for ; ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.work")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			return fmt.Errorf("run it inside the repository, which it builds %s of, or say where that is", filepath.Base(pkg))
		}
	}
	*binary = filepath.Join(h.dir, filepath.Base(pkg))
	cmd := exec.CommandContext(ctx, "go", "build", "-o", *binary, pkg)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// fill makes merchants with enrolled terminals that nobody has switched on.
func (h *house) fill(ctx context.Context, terminals int) error {
	merchants := (terminals + terminalsEach - 1) / terminalsEach
	for _, sql := range []string{
		fmt.Sprintf(`INSERT INTO merchants (id, name, mcc, active, dqr, edc, payee_addr, callback_url, callback_hosts)
			SELECT 'IDLE' || i, 'Idle Store ' || i, '5411', true, true, true, 'idle' || i || '@upi', '', '[]' FROM generate_series(1, %d) AS i`, merchants),
		fmt.Sprintf(`INSERT INTO stores (merchant_id, id, name, active) SELECT 'IDLE' || i, 'store', 'Store', true FROM generate_series(1, %d) AS i`, merchants),
		fmt.Sprintf(`INSERT INTO payees (vpa, merchant_id, active, fee_basis_points, acquirer_code)
			SELECT 'idle' || i || '@upi', 'IDLE' || i, true, 0, '' FROM generate_series(1, %d) AS i`, merchants),
		fmt.Sprintf(`INSERT INTO terminals (merchant_id, store_id, terminal_id, label, active, integrated, public_key, token_hash)
			SELECT 'IDLE' || (i / %d + 1), 'store', 'till' || i, 'Till ' || i, true, true, sha256(('key' || i)::bytea), sha256(('token' || i)::bytea)
			FROM generate_series(0, %d) AS i`, terminalsEach, terminals-1),
		"ANALYZE",
	} {
		if err := h.postgres.Exec(ctx, database, sql); err != nil {
			return err
		}
	}
	return nil
}

// serve starts a controller and waits until it is ready.
func (h *house) serve(ctx context.Context, name, binary string, flags []string) (api string, err error) {
	var ports [2]string
	for i := range ports {
		port, err := testservers.FreePort()
		if err != nil {
			return "", err
		}
		ports[i] = "127.0.0.1:" + strconv.Itoa(port)
	}
	args := append([]string{"serve", "--sandbox", "--listen", ports[0], "--mqtt-listen", ports[1], "--log-level", "warn"}, flags...)
	over, err := h.start(name, exec.Command(binary, args...))
	if err != nil {
		return "", err
	}
	return "http://" + ports[0], h.wait(ctx, name, over, "http://"+ports[0]+"/readyz", func(status int, _ string) bool { return status == http.StatusOK })
}

// terminal starts one and waits until it is ready for a sale.
func (h *house) terminal(ctx context.Context, binary, api string) error {
	port, err := testservers.FreePort()
	if err != nil {
		return err
	}
	listen := "127.0.0.1:" + strconv.Itoa(port)
	over, err := h.start(terminal, exec.Command(binary, "terminal", "--controller", api, "--listen", listen, "--data", filepath.Join(h.dir, "terminal")))
	if err != nil {
		return err
	}
	return h.wait(ctx, terminal, over, "http://"+listen+"/state", func(_ int, body string) bool { return strings.Contains(body, `"mode":"idle"`) })
}

// start starts a program that ends with the house. over is closed when it has ended.
func (h *house) start(name string, cmd *exec.Cmd) (over chan struct{}, err error) {
	log, err := os.Create(h.log(name))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = h.dir, log, log, childAttr()
	started := make(chan error, 1)
	over = make(chan struct{})
	go func() {
		// Linux ends the child with the thread that started it, so that one has to
		// stay: a measurement that is killed leaves nothing running.
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
		return nil, err
	}
	h.programs[name] = cmd.Process.Pid
	h.stop = append(h.stop, func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(stopLimit, func() { _ = cmd.Process.Kill() })
		<-over
		late.Stop()
	})
	return over, nil
}

func (h *house) log(name string) string {
	return filepath.Join(h.dir, strings.ReplaceAll(name, " ", "-")+".log")
}

// wait asks a program until it answers as it should.
func (h *house) wait(ctx context.Context, name string, over <-chan struct{}, url string, good func(status int, body string) bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(request); err == nil {
			body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
			_ = answer.Body.Close()
			if err == nil && good(answer.StatusCode, string(body)) {
				http.DefaultClient.CloseIdleConnections() // nobody asks any more
				return nil
			}
		}
		text, _ := os.ReadFile(h.log(name))
		select {
		case <-over:
			return fmt.Errorf("%s ended at once:\n%s", name, text)
		case <-ctx.Done():
			return fmt.Errorf("%s did not get ready: %w\n%s", name, ctx.Err(), text)
		case <-tick.C:
		}
	}
}

// transactions is how many the database has ended, and rows how many it has read.
func (h *house) transactions(ctx context.Context) (transactions, rows int64, err error) {
	out, err := exec.CommandContext(ctx, h.psql, "-XAtF", " ", "-d", h.postgres.DSN("postgres"), "-c",
		"SELECT xact_commit + xact_rollback, tup_returned FROM pg_stat_database WHERE datname = '"+database+"'").Output()
	if err != nil {
		return 0, 0, fmt.Errorf("psql: %w", err)
	}
	if _, err := fmt.Sscan(string(out), &transactions, &rows); err != nil {
		return 0, 0, fmt.Errorf("psql answers %q: %w", out, err)
	}
	return transactions, rows, nil
}

// close stops what openHouse started.
func (h *house) close() {
	for _, stop := range slices.Backward(h.stop) {
		stop()
	}
	h.stop = nil
}

// clientProgram finds a program that comes with PostgreSQL.
func clientProgram(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("%s not found: apt-get install postgresql", name)
	}
	return found[len(found)-1], nil
}

// children are our children's process ids, with their names.
func children() map[int]string {
	all := map[int]string{}
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		text := string(stat)
		if parent, err := parentOf(text); err == nil && parent == os.Getpid() {
			all[pid] = text[strings.IndexByte(text, '(')+1 : strings.LastIndexByte(text, ')')]
		}
	}
	return all
}

var errNoChild = errors.New("PostgreSQL's process is not among ours")

// newChild is the child of that name that was not there before.
func newChild(before map[int]string, name string) (int, error) {
	for pid, called := range children() {
		if called == name && before[pid] == "" {
			return pid, nil
		}
	}
	return 0, errNoChild
}
