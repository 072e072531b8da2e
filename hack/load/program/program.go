// Package program builds the programs that are put under load, runs them and ends
// them. Each load package has a house of its own, of what is measured there; how its
// programs come and go is here.
package program

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// The programs, by the packages that they are built of.
const (
	Controller = "./controller/cmd/galla-controller"
	Sim        = "./firmware-sim/cmd/galla-sim"
)

const (
	// StartLimit is how long a program may take to be ready, under full load.
	StartLimit = 90 * time.Second
	stopLimit  = 20 * time.Second // then it is killed
)

// Build makes a program of the repository that we stand in, in dir.
func Build(ctx context.Context, pkg, dir string) (binary string, err error) {
	root, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.work")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			return "", fmt.Errorf("run it inside the repository, which it builds %s of, or say where that is", filepath.Base(pkg))
		}
	}
	binary = filepath.Join(dir, filepath.Base(pkg))
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, pkg)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return binary, nil
}

// Program is one that was started. It ends with us, however we end.
type Program struct {
	cmd  *exec.Cmd
	over chan struct{}
}

// Start starts cmd.
func Start(cmd *exec.Cmd) (*Program, error) {
	cmd.SysProcAttr = childAttr()
	p := &Program{cmd, make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// Linux ends the child with the thread that started it, so that one has to
		// stay: a load that is killed leaves nothing running.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.over)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	return p, <-started
}

// Over is closed when the program has ended.
func (p *Program) Over() <-chan struct{} { return p.over }

// Pid is its process.
func (p *Program) Pid() int { return p.cmd.Process.Pid }

// Kill ends it as a power cut does, and returns when it is gone.
func (p *Program) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil {
		return err
	}
	<-p.over
	return nil
}

// Stop asks it to end, and kills it where it does not. It may have ended already.
func (p *Program) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(stopLimit, func() { _ = p.cmd.Process.Kill() })
	<-p.over
	late.Stop()
}

// Ready asks url until it is answered as it should be. An error does not say what
// the program said.
func (p *Program) Ready(ctx context.Context, url string, good func(status int, body string) bool) error {
	tick := time.NewTicker(10 * time.Millisecond)
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
		name := filepath.Base(p.cmd.Path)
		select {
		case <-p.over:
			return fmt.Errorf("%s ended while starting", name)
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready in time: %w", name, ctx.Err())
		case <-tick.C:
		}
	}
}

// OK is good for Ready.
func OK(status int, _ string) bool { return status == http.StatusOK }
