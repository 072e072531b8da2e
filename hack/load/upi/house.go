package upi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/galla-pay/galla/hack/load/program"
	"github.com/galla-pay/galla/hack/testservers"
)

// house is what is measured: a controller in a process of its own, with its sandbox,
// on a PostgreSQL that syncs. Or somebody else's, of which only the address is known.
type house struct {
	addr    string // host:port of the HTTP API
	profile string // URL of its profiles, "" for none
	server  int    // process ids; 0: not known
	data    int
	about   string

	stop []func() // in order
}

// Settings of PostgreSQL that an operator makes on any machine; all others are as
// testservers has them, with fsync.
var settings = []string{"shared_buffers=512MB", "max_wal_size=4GB"}

// openHouse starts both. With profiled the controller serves its profiles, which
// cost it a little; with a certificate (PEM) MER101's messages may be signed by its
// key, and it signs its answers with that kind of key. binary is a controller that
// is built already; "": it is built.
func openHouse(ctx context.Context, binary string, profiled bool, certificate []byte, answers string) (h *house, err error) {
	h = &house{}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	dir, err := os.MkdirTemp("", "galla-load-")
	if err != nil {
		return h, err
	}
	h.stop = append(h.stop, func() { _ = os.RemoveAll(dir) })
	if binary == "" {
		if binary, err = program.Build(ctx, program.Controller, dir); err != nil {
			return h, err
		}
	}
	options := make([]testservers.PostgresOption, len(settings))
	for i, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		options[i] = testservers.WithSetting(name, value)
	}
	postgres, err := testservers.StartPostgres(ctx, "", options...)
	if err != nil {
		return h, err
	}
	h.stop = append(h.stop, postgres.Stop)
	if err := postgres.Exec(ctx, "postgres", "CREATE DATABASE load"); err != nil {
		return h, err
	}
	database := []string{"--database", postgres.DSN("load"), "--seal-key-file", filepath.Join(dir, "seal.key")}
	if certificate != nil {
		if err := register(ctx, binary, dir, database, certificate); err != nil {
			return h, err
		}
	}
	args := append([]string{"serve", "--sandbox", "--listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0", "--log-format", "json"}, database...)
	if profiled {
		args = append(args, "--pprof-listen", "127.0.0.1:0")
	}
	if answers == answerP256 {
		more, err := writeAnswerPair(dir)
		if err != nil {
			return h, err
		}
		args = append(args, more...)
	}
	if err := h.serve(ctx, exec.Command(binary, args...), profiled); err != nil {
		return h, err
	}
	h.data, err = childNamed("postgres")
	h.about = fmt.Sprintf("galla-controller --sandbox on PostgreSQL (fsync on, %s), %d cores, load beside it", strings.Join(settings, ", "), runtime.NumCPU())
	return h, err
}

// writeAnswerPair makes the files of a key on P-256, and the flags that name them.
func writeAnswerPair(dir string) (flags []string, err error) {
	secret, certificate, err := answerPair()
	if err != nil {
		return nil, err
	}
	keyFile, certFile := filepath.Join(dir, "answers.key"), filepath.Join(dir, "answers.pem")
	if err := os.WriteFile(keyFile, secret, 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(certFile, certificate, 0o600); err != nil {
		return nil, err
	}
	return []string{"--upi-sign-key", keyFile, "--upi-sign-cert", certFile}, nil
}

// register gives MER101 a certificate before the controller reads who there is.
func register(ctx context.Context, binary, dir string, database []string, certificate []byte) error {
	file := filepath.Join(dir, "load.pem")
	if err := os.WriteFile(file, certificate, 0o600); err != nil {
		return err
	}
	for _, args := range [][]string{{"migrate", "--sandbox"}, {"organisation", "add-certificate", "MER101", file}} {
		if out, err := exec.CommandContext(ctx, binary, append(args, database...)...).CombinedOutput(); err != nil {
			return fmt.Errorf("galla-controller %s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}

// serve starts the controller and waits until it says where it listens.
func (h *house) serve(ctx context.Context, cmd *exec.Cmd, profiled bool) error {
	ctx, cancel := context.WithTimeout(ctx, program.StartLimit)
	defer cancel()
	log, said := io.Pipe()
	cmd.Stderr = said
	running, err := program.Start(cmd)
	if err != nil {
		return err
	}
	lines := &logged{found: make(chan struct{}), profiled: profiled}
	over := make(chan struct{})
	go func() {
		defer close(over)
		lines.read(log)
	}()
	go func() {
		<-running.Over()
		_ = said.Close() // nothing more is said
	}()
	h.stop = append([]func(){running.Stop}, h.stop...)
	select {
	case <-lines.found:
		h.addr, h.profile, h.server = lines.listen, lines.url, running.Pid()
		return nil
	case <-over:
		return fmt.Errorf("the controller ended at once:\n%s", lines.last())
	case <-ctx.Done():
		return fmt.Errorf("the controller did not say where it listens: %w\n%s", ctx.Err(), lines.last())
	}
}

// logged reads the controller's log in JSON.
type logged struct {
	profiled    bool
	found       chan struct{} // closed when all addresses are known
	listen, url string

	mu   sync.Mutex
	tail [][]byte
}

func (l *logged) read(log io.Reader) {
	for lines := bufio.NewScanner(log); lines.Scan(); {
		l.mu.Lock()
		if l.tail = append(l.tail, bytes.Clone(lines.Bytes())); len(l.tail) > 10 {
			l.tail = l.tail[1:]
		}
		l.mu.Unlock()
		var line struct{ Msg, Listen, URL string }
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		known := l.known()
		switch line.Msg {
		case "serving":
			l.listen = line.Listen
		case "profiles":
			l.url = line.URL
		}
		if !known && l.known() {
			close(l.found)
		}
	}
	_, _ = io.Copy(io.Discard, log) // after a line that is too long
}

func (l *logged) known() bool { return l.listen != "" && (l.url != "" || !l.profiled) }

// last are the last lines, for an error.
func (l *logged) last() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Join(l.tail, []byte("\n"))
}

// childNamed finds a child of ours by its program's name.
func childNamed(name string) (int, error) {
	all, err := processes()
	if err != nil {
		return 0, err
	}
	for pid, p := range all {
		if p.name == name && p.parent == os.Getpid() {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("no child is called %s", name)
}

// close stops what openHouse started.
func (h *house) close() {
	for i := range h.stop {
		h.stop[i]()
	}
	h.stop = nil
}
