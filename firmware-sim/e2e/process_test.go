package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/hack/testservers"
)

// patience is how long anything may take before a session has failed.
const patience = slowdown * 60 * time.Second

// process is a program under test.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	out  *lines
}

// start runs a program; it dies with this test, however that ends.
func start(program string, args ...string) (*process, error) { return startWith(nil, program, args...) }

// startWith is start with something more in the environment: NAME=VALUE.
func startWith(environment []string, program string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(program, args...), done: make(chan struct{}), out: &lines{}}
	if environment != nil {
		p.cmd.Env = append(p.cmd.Environ(), environment...)
	}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// stop sends a signal and waits for the end.
func (p *process) stop(sig syscall.Signal) error {
	if p == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // where it was stopped
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.done:
		return nil
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s did not stop on %v", p.cmd.Path, sig)
	}
}

// count reads a number of times.
func count(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}

// lines is a program's output, kept for the failure report.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// tailLines is how much of a program's output a failure report has.
const tailLines = 15

// tail is the end of the output, without what tells of nothing wrong.
func (l *lines) tail() string {
	var said []string
	for line := range strings.Lines(l.String()) {
		if !strings.Contains(line, "callback attempt") || !strings.Contains(line, "result=delivered") {
			said = append(said, line)
		}
	}
	return strings.Join(said[max(0, len(said)-tailLines):], "")
}

// freeAddress is a loopback address that nobody listens on. It is asked for
// again where a program of ours must come back on the same one.
func freeAddress() (string, error) {
	port, err := testservers.FreePort()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}

// until asks again and again, quickly, until ask is content, the process has
// ended, or patience is over; then it fails with the last answer.
func until(ts *testscript.TestScript, p *process, what string, ask func(context.Context) (string, bool)) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	last := ""
	for {
		var ok bool
		if last, ok = ask(ctx); ok {
			return
		}
		select {
		case <-tick.C:
		case <-p.ended():
			ts.Fatalf("%s: the process ended:\n%s", what, p.out.tail())
		case <-ctx.Done():
			ts.Fatalf("%s: not within %v; last seen: %s", what, patience, last)
		}
	}
}

func (p *process) ended() <-chan struct{} {
	if p == nil {
		return nil
	}
	return p.done
}

// get fetches a URL; every failure is status 0 and its text.
func get(ctx context.Context, url string, header ...string) (status int, body string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err.Error()
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return do(http.DefaultClient, r)
}

func post(ctx context.Context, url, body string, header ...string) (status int, answer string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return do(http.DefaultClient, r)
}

func do(client *http.Client, r *http.Request) (int, string) {
	response, err := client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(body)
}
