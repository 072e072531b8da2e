package demo

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
	"strings"
	"sync"
	"syscall"
	"time"
)

// Bounds of the child's life.
const (
	readyWithin  = 30 * time.Second       // from start to /readyz 200
	stopWithin   = 10 * time.Second       // from SIGTERM to gone
	restartAfter = 200 * time.Millisecond // from death to the next start
	// maxFailed is after how many failed starts in a row the demo gives up, once
	// there was a good one.
	maxFailed = 5
	// probeEvery is how often /readyz is asked while the child starts.
	probeEvery = 25 * time.Millisecond
)

// ErrNoController says that there is no program to start; it is wrapped with
// where it was looked for.
var ErrNoController = errors.New("no controller to start")

// FindController returns the program to start: named, or beside the running
// program, or in PATH.
func FindController(named string) (string, error) {
	if named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("%w: --controller-bin: %v", ErrNoController, err)
		}
		return filepath.Abs(path)
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "galla-controller")
		if path, err := exec.LookPath(beside); err == nil {
			return path, nil
		}
	}
	if path, err := exec.LookPath("galla-controller"); err == nil {
		return filepath.Abs(path)
	}
	return "", fmt.Errorf("%w: galla-controller is neither beside galla-sim nor in PATH; build it, or name it with --controller-bin", ErrNoController)
}

// Controller keeps the controller's process running.
type Controller struct {
	bin  string
	args []string
	dir  string // where it runs
	url  string // base URL of its HTTP side
	tell func(format string, args ...any)
	// stopWithin is from SIGTERM to gone; then it is killed.
	stopWithin time.Duration

	mu       sync.Mutex
	ready    chan struct{} // closed while the running process is ready
	readyAt  time.Time     // when it last became so
	restarts int
	gaveUp   error
	gone     chan struct{} // closed when keep gave up
}

func NewController(bin string, args []string, dir, url string, tell func(string, ...any)) *Controller {
	return &Controller{bin: bin, args: args, dir: dir, url: url, tell: tell, stopWithin: stopWithin,
		ready: make(chan struct{}), gone: make(chan struct{})}
}

// Ready waits until the controller answers /readyz with 200. It returns ctx's
// error, or why the controller cannot be kept running.
func (c *Controller) Ready(ctx context.Context) error {
	c.mu.Lock()
	ready := c.ready
	c.mu.Unlock()
	select {
	case <-ready:
		return nil
	default:
	}
	select {
	case <-ready:
		return nil
	case <-c.gone:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.gaveUp
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Restarts counts how often the controller had to be started again, and says
// when it last became ready.
func (c *Controller) Restarts() (count int, readyAt time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.restarts, c.readyAt
}

// Keep runs the controller until ctx ends and starts it again whenever it dies.
// It returns nil when ctx ended, after the controller is gone, or why it gave
// up: the controller ended by itself before it was ready, at its first start or
// five times in a row. One that is killed is always started again.
func (c *Controller) Keep(ctx context.Context) error {
	// The child ends with the thread that started it (childAttributes).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	failed := 0
	for {
		l := c.live(ctx)
		if ctx.Err() != nil {
			return nil
		}
		failed++
		if l.ready || l.killed {
			failed = 0
		}
		_, readyAt := c.Restarts()
		if failed >= maxFailed || failed > 0 && readyAt.IsZero() {
			err := fmt.Errorf("galla-controller ended (%w)%s", l.why, lastLines(l.tail))
			c.mu.Lock()
			c.gaveUp = err
			close(c.gone)
			c.mu.Unlock()
			return err
		}
		c.tell("ended (%v); started again on the same addresses and database%s", l.why, lastLines(l.tail))
		wait := time.NewTimer(restartAfter)
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-wait.C:
		}
		c.mu.Lock()
		c.restarts++
		c.mu.Unlock()
	}
}

// life is how one process of the controller went.
type life struct {
	ready  bool     // it was, at some time
	killed bool     // it ended by somebody else's signal
	tail   []string // its last lines
	why    error    // it ended
}

// live is one life of the process.
func (c *Controller) live(ctx context.Context) life {
	logFile, err := os.OpenFile(filepath.Join(c.dir, "controller.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return life{why: err}
	}
	defer logFile.Close()
	tail := &tailWriter{}
	cmd := exec.Command(c.bin, c.args...)
	cmd.Dir = c.dir
	cmd.Env = cleanEnvironment(os.Environ())
	cmd.Stdout = io.MultiWriter(logFile, tail)
	cmd.Stderr = cmd.Stdout
	cmd.SysProcAttr = childAttributes()
	cmd.WaitDelay = time.Second
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return life{why: err}
	}
	probing, stopProbing := context.WithCancel(ctx)
	gone := make(chan struct{})
	late := false
	var helpers sync.WaitGroup
	helpers.Go(func() { late = c.probe(probing, began, cmd.Process) })
	helpers.Go(func() { c.endWith(ctx, gone, cmd.Process) })
	err = cmd.Wait()
	close(gone)
	stopProbing()
	helpers.Wait()
	l := life{tail: tail.Lines(), why: err}
	if err == nil {
		l.why = errors.New("exit status 0")
	}
	// An exit code of -1 says that a signal ended it.
	l.killed = cmd.ProcessState.ExitCode() == -1 && !late
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.ready:
		l.ready = true
		c.ready = make(chan struct{})
	default: // whoever waits for it goes on waiting
	}
	return l
}

// endWith asks process to stop when ctx ends, and kills it when it does not.
func (c *Controller) endWith(ctx context.Context, gone <-chan struct{}, process *os.Process) {
	select {
	case <-gone:
		return
	case <-ctx.Done():
	}
	_ = process.Signal(syscall.SIGTERM)
	limit := time.NewTimer(c.stopWithin)
	defer limit.Stop()
	select {
	case <-gone:
	case <-limit.C:
		_ = process.Kill()
	}
}

// probe asks /readyz until it answers 200 and then says so. A process that does
// not get there in time is killed, and late is true.
func (c *Controller) probe(ctx context.Context, began time.Time, process *os.Process) (late bool) {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	limit := time.NewTimer(readyWithin)
	defer limit.Stop()
	every := time.NewTicker(probeEvery)
	defer every.Stop()
	for !answersReady(ctx, client, c.url) {
		select {
		case <-ctx.Done():
			return false
		case <-limit.C:
			c.tell("not ready after %v; it is killed", readyWithin)
			_ = process.Kill()
			return true
		case <-every.C:
		}
	}
	if ctx.Err() != nil {
		return false
	}
	c.mu.Lock()
	c.readyAt = time.Now()
	close(c.ready)
	c.mu.Unlock()
	c.tell("ready after %d ms, process %d", time.Since(began).Milliseconds(), process.Pid)
	return false
}

func answersReady(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return false
	}
	answer, err := client.Do(request)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// cleanEnvironment drops the settings that galla-controller reads from its
// environment: the demo says all of them by flags.
func cleanEnvironment(environment []string) []string {
	return slices.DeleteFunc(slices.Clone(environment), func(v string) bool { return strings.HasPrefix(v, "GALLA_") })
}

func lastLines(lines []string) string {
	if len(lines) == 0 {
		return "; it said nothing"
	}
	return "; its last lines:\n    " + strings.Join(lines, "\n    ")
}

// tailWriter keeps the last lines of what is written to it.
type tailWriter struct {
	mu    sync.Mutex
	lines []string
	open  string // a line that has not ended
}

// Bounds of what tailWriter keeps.
const (
	tailLines    = 10
	tailLineSize = 400
)

func (w *tailWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range strings.Lines(string(p)) {
		w.open += line
		ended := strings.HasSuffix(w.open, "\n")
		if len(w.open) > tailLineSize {
			w.open = w.open[:tailLineSize]
		}
		if !ended {
			continue
		}
		if line := strings.TrimSpace(w.open); line != "" {
			w.lines = append(w.lines, line)
		}
		w.open = ""
		if len(w.lines) > tailLines {
			w.lines = slices.Delete(w.lines, 0, len(w.lines)-tailLines)
		}
	}
	return len(p), nil
}

// Lines returns the last lines, the oldest first.
func (w *tailWriter) Lines() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := slices.Clone(w.lines)
	if rest := strings.TrimSpace(w.open); rest != "" {
		lines = append(lines, rest)
	}
	return lines
}
