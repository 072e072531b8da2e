package testservers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startLimit = 60 * time.Second // a start under full load; reached only when something is broken
	stopLimit  = 20 * time.Second // after it a server that was asked to stop is killed
	pollGap    = 10 * time.Millisecond
	logTail    = 2000 // bytes of log in an error
)

// guardScript waits for the end of its standard input, which is the end of the
// test binary, then stops the server and removes its folder. A line before the
// end says that there is nothing left to guard. It outlives signals sent to the
// terminal's process group, and it gives up waiting for a zombie that nobody reaps.
const guardScript = `trap '' HUP INT TERM
read -r _ && exit 0
pid=$(cat "$1/pid" 2>/dev/null)
if [ -n "$pid" ] && kill "-$2" "$pid" 2>/dev/null; then
	n=0
	while [ $n -lt 100 ] && kill -0 "$pid" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; do
		n=$((n+1))
		sleep 0.05
	done
	kill -KILL "$pid" 2>/dev/null
fi
[ "$3" = keep ] || rm -rf -- "$1"
`

// process is one server process, its folder and its guard. Its methods may be
// called from several goroutines; they take turns.
type process struct {
	name   string   // for errors
	dir    string   // holds the data, "log" and "pid"
	ownDir bool     // we made dir, so we remove it
	quit   string   // signal name for the guard: the fastest clean end
	cred   *account // nil: as we are

	mu    sync.Mutex
	cmd   *exec.Cmd // nil while it does not run
	guard *exec.Cmd // nil after release
	pipe  *os.File  // write end of the guard's standard input
}

// account is the user that servers run as when we are root.
type account struct{ uid, gid uint32 }

// serverAccount returns nil when we are not root: then servers run as we do.
func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
		if uerr == nil && gerr == nil {
			return &account{uint32(uid), uint32(gid)}, nil
		}
	}
	return nil, errors.New("testservers: running as root, and there is neither a user postgres nor nobody to run servers as")
}

func (a *account) attr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a != nil {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}

// give makes the server's user the owner of paths.
func (a *account) give(paths ...string) error {
	if a == nil {
		return nil
	}
	for _, p := range paths {
		if err := os.Chown(p, int(a.uid), int(a.gid)); err != nil {
			return err
		}
	}
	return nil
}

// newProcess prepares dir (a new temporary folder when it is "") and sets the guard.
func newProcess(name, dir, quit string) (*process, error) {
	cred, err := serverAccount()
	if err != nil {
		return nil, err
	}
	p := &process{name: name, dir: dir, quit: quit, cred: cred}
	if dir == "" {
		if p.dir, err = os.MkdirTemp("", "galla-"+name+"-"); err != nil {
			return nil, err
		}
		p.ownDir = true
	} else if p.dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	} else if err = os.MkdirAll(p.dir, 0o755); err != nil {
		return nil, err
	}
	if err := cred.give(p.dir); err != nil {
		return nil, err
	}
	if err := p.startGuard(); err != nil {
		p.remove()
		return nil, err
	}
	return p, nil
}

func (p *process) startGuard() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	keep := "keep"
	if p.ownDir {
		keep = "remove"
	}
	cmd := exec.Command("/bin/sh", "-c", guardScript, "galla-guard", p.dir, p.quit, keep)
	cmd.Dir = "/"
	cmd.Stdin = r
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		w.Close()
		return fmt.Errorf("testservers: guard of %s: %w", p.name, err)
	}
	p.guard, p.pipe = cmd, w
	return nil
}

// start runs the program and waits until ready says so. ready is asked again
// and again; it must not block for long. With busy as its error the process
// ended because its port was taken meanwhile.
func (p *process) start(ctx context.Context, path string, args []string, ready func(context.Context) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		return fmt.Errorf("testservers: %s runs already", p.name)
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	log, err := os.OpenFile(p.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(path, args...)
	cmd.Dir = p.dir
	cmd.Env = serverEnv()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = p.cred.attr()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("testservers: start %s: %w", path, err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "pid"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o644); err != nil {
		p.endLocked(cmd, syscall.SIGKILL)
		return err
	}
	tick := time.NewTicker(pollGap)
	defer tick.Stop()
	for {
		if ended(cmd.Process.Pid) {
			p.endLocked(cmd, syscall.SIGKILL)
			return fmt.Errorf("testservers: %s ended while starting; its log ends with:\n%s", p.name, p.tail())
		}
		err := ready(ctx)
		if err == nil {
			p.cmd = cmd
			return nil
		}
		select {
		case <-ctx.Done():
			p.endLocked(cmd, syscall.SIGKILL)
			return fmt.Errorf("testservers: %s did not get ready: %w (%v); its log ends with:\n%s", p.name, err, ctx.Err(), p.tail())
		case <-tick.C:
		}
	}
}

// ended says whether our child pid has ended, and leaves it to be waited for.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		// No /proc here (another Unix): the ready check and its limit decide.
		return false
	}
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	return len(rest) > 0 && (rest[0] == 'Z' || rest[0] == 'X')
}

// signal sends sig and waits for the end; a server that takes too long is killed.
func (p *process) signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	p.endLocked(p.cmd, sig)
	p.cmd = nil
}

func (p *process) endLocked(cmd *exec.Cmd, sig syscall.Signal) {
	children := childrenOf(cmd.Process.Pid)
	_ = cmd.Process.Signal(sig)
	if sig == syscall.SIGKILL {
		// PostgreSQL's backends are children in sessions of their own: they
		// would finish a commit before noticing that the postmaster is gone.
		for _, c := range children {
			_ = syscall.Kill(c, syscall.SIGKILL)
		}
	}
	late := time.AfterFunc(stopLimit, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	_ = cmd.Wait() // how it ended is not news: we asked for it
	_ = os.Remove(filepath.Join(p.dir, "pid"))
}

// childrenOf lists the direct children of pid; none where /proc does not tell.
func childrenOf(pid int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var children []int
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		// pid (name) state ppid ...; the name may hold spaces and brackets.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			children = append(children, child)
		}
	}
	return children
}

// release dismisses the guard after the process has been stopped. It waits for
// the guard's end, so that it cannot mistake the folder's next server for ours.
func (p *process) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.guard != nil {
		_, _ = p.pipe.WriteString("done\n") // fails only if the guard has gone already
		p.pipe.Close()
		_ = p.guard.Wait()
		p.guard = nil
	}
	p.remove()
}

func (p *process) remove() {
	if p.ownDir {
		_ = os.RemoveAll(p.dir)
	}
}

func (p *process) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd != nil && !ended(p.cmd.Process.Pid)
}

func (p *process) logPath() string { return filepath.Join(p.dir, "log") }

// log returns everything the server has printed so far.
func (p *process) log() string {
	b, err := os.ReadFile(p.logPath())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (p *process) tail() string {
	s := p.log()
	return s[max(0, len(s)-logTail):]
}

// serverEnv is the environment without what would redirect a server (PGDATA,
// PGPORT and so on), in the plainest language so that messages can be matched.
func serverEnv() []string {
	env := []string{"LC_ALL=C", "TZ=UTC"}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "PG") && !strings.HasPrefix(kv, "LC_") && !strings.HasPrefix(kv, "TZ=") && !strings.HasPrefix(kv, "LANG") {
			env = append(env, kv)
		}
	}
	return env
}

// findProgram looks in PATH, then in the folders where distributions hide
// server programs. apt names the package in the error.
func findProgram(name, apt string, places ...string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, place := range places {
		found, _ := filepath.Glob(filepath.Join(place, name)) // a bad pattern finds nothing
		for i := len(found) - 1; i >= 0; i-- {                // the newest version sorts last
			if info, err := os.Stat(found[i]); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return found[i], nil
			}
		}
	}
	return "", fmt.Errorf("testservers: %s not found: apt-get install %s", name, apt)
}
