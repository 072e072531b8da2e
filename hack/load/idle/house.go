package idle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/galla-pay/galla/hack/load/program"
	"github.com/galla-pay/galla/hack/testservers"
)

const (
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
	if o.Controller == "" {
		if o.Controller, err = program.Build(ctx, program.Controller, h.dir); err != nil {
			return h, err
		}
	}
	if o.Sim == "" {
		if o.Sim, err = program.Build(ctx, program.Sim, h.dir); err != nil {
			return h, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, program.StartLimit) // without the compiler's time
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
	return "http://" + ports[0], h.start(ctx, name, exec.Command(binary, args...), "http://"+ports[0]+"/readyz", program.OK)
}

// terminal starts one and waits until it is ready for a sale.
func (h *house) terminal(ctx context.Context, binary, api string) error {
	port, err := testservers.FreePort()
	if err != nil {
		return err
	}
	listen := "127.0.0.1:" + strconv.Itoa(port)
	cmd := exec.Command(binary, "terminal", "--controller", api, "--listen", listen, "--data", filepath.Join(h.dir, "terminal"))
	return h.start(ctx, terminal, cmd, "http://"+listen+"/state", func(_ int, body string) bool { return strings.Contains(body, `"mode":"idle"`) })
}

// start starts a program that ends with the house, and asks it until it answers as it
// should.
func (h *house) start(ctx context.Context, name string, cmd *exec.Cmd, url string, good func(status int, body string) bool) error {
	log, err := os.Create(h.log(name))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr = h.dir, log, log
	running, err := program.Start(cmd)
	if err != nil {
		return err
	}
	h.programs[name] = running.Pid()
	h.stop = append(h.stop, running.Stop)
	if err := running.Ready(ctx, url, good); err != nil {
		text, _ := os.ReadFile(h.log(name))
		return fmt.Errorf("%s: %w\n%s", name, err, text)
	}
	return nil
}

func (h *house) log(name string) string {
	return filepath.Join(h.dir, strings.ReplaceAll(name, " ", "-")+".log")
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
