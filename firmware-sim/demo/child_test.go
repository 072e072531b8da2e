package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait of these tests; it only turns a hang into a
// failure.
const patience = 60 * time.Second

// said collects what a controller tells.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) tell(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

func (s *said) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// keep starts a controller that behaves so, and returns a stop that waits.
func keep(t *testing.T, how string, change func(*Controller)) (c *Controller, s *said, stop func() error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	addresses, err := FreeAddresses("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = &said{}
	c = NewController(self, []string{"be-controller", how, addresses[0]}, t.TempDir(), "http://"+addresses[0], s.tell)
	if change != nil {
		change(c)
	}
	ctx, cancel := context.WithCancel(t.Context())
	kept := make(chan error, 1)
	go func() { kept <- c.Keep(ctx) }()
	stopped := false
	stop = func() error {
		stopped = true
		cancel()
		select {
		case err := <-kept:
			return err
		case <-time.After(patience):
			t.Fatal("Keep does not end")
			return nil
		}
	}
	t.Cleanup(func() {
		if !stopped {
			_ = stop()
		}
	})
	return c, s, stop
}

func awaitReady(t *testing.T, c *Controller) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Ready(ctx); err != nil {
		t.Fatalf("Ready = %v", err)
	}
}

func logOf(t *testing.T, c *Controller) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "controller.log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The controller is started, asked to stop, and gone.
func TestControllerLife(t *testing.T) {
	t.Setenv("GALLA_DATABASE", "postgres://somewhere-else")
	c, s, stop := keep(t, "works", nil)
	awaitReady(t, c)
	if err := stop(); err != nil {
		t.Fatalf("Keep = %v", err)
	}
	log := logOf(t, c)
	if !strings.Contains(log, "stopped in order") {
		t.Fatalf("it was not asked to stop:\n%s", log)
	}
	if strings.Contains(log, "somewhere-else") {
		t.Fatalf("it got settings from our environment:\n%s", log)
	}
	if !strings.Contains(s.all(), "ready after") {
		t.Fatalf("told: %s", s.all())
	}
	if answersReady(t.Context(), &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, c.url) {
		t.Fatal("it is still there")
	}
}

// A controller that is killed is started again, on the same address, as often
// as it takes.
func TestControllerKilled(t *testing.T) {
	t.Parallel()
	c, s, stop := keep(t, "works", nil)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for kill := 1; kill <= 3; kill++ {
		awaitReady(t, c)
		_, before := c.Restarts()
		if answer, err := client.Get(c.url + "/die"); err == nil {
			_ = answer.Body.Close()
			t.Fatal("it answered while dying")
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		for {
			n, at := c.Restarts()
			if n == kill && at.After(before) {
				break
			}
			if err := c.Ready(ctx); err != nil {
				t.Fatalf("after kill %d: %v", kill, err)
			}
		}
		cancel()
	}
	if err := stop(); err != nil {
		t.Fatalf("Keep = %v", err)
	}
	if got := strings.Count(s.all(), "started again on the same addresses and database; its last lines:\n    starting works "); got != 3 {
		t.Fatalf("told of %d restarts:\n%s", got, s.all())
	}
}

// One that cannot even start is given up at once, with its last words.
func TestControllerCannotStart(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*Controller)
		want   []string
	}{
		{"it dies", func(c *Controller) { c.args[1] = "dies" }, []string{"exit status 3", "its last lines:", "cannot open the database"}},
		{"there is no such program", func(c *Controller) { c.bin = filepath.Join(c.dir, "nothing") }, []string{"no such file", "it said nothing"}},
		{"there is no such directory", func(c *Controller) { c.dir = filepath.Join(c.dir, "nowhere") }, []string{"no such file"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _, _ := keep(t, "works", tt.change)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err := c.Ready(ctx)
			if err == nil || ctx.Err() != nil {
				t.Fatalf("Ready = %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the reason lacks %q: %v", want, err)
				}
			}
		})
	}
}

// One that no longer starts, after it once did, is tried five times.
func TestControllerStopsStarting(t *testing.T) {
	t.Parallel()
	c, s, stop := keep(t, "starts once", nil)
	awaitReady(t, c)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if answer, err := client.Get(c.url + "/die"); err == nil {
		_ = answer.Body.Close()
	}
	select {
	case <-c.gone:
	case <-time.After(patience):
		t.Fatalf("it is not given up\n%s", s.all())
	}
	if err := stop(); err == nil || !strings.Contains(err.Error(), "cannot open the database") {
		t.Fatalf("Keep = %v", err)
	}
	if n, _ := c.Restarts(); n != maxFailed {
		t.Fatalf("%d restarts, want %d", n, maxFailed)
	}
}

// One that is killed before it was ever ready is started again all the same.
func TestControllerKilledAtStart(t *testing.T) {
	t.Parallel()
	c, s, stop := keep(t, "is killed at its first start", nil)
	awaitReady(t, c)
	if n, _ := c.Restarts(); n != 1 || !strings.Contains(s.all(), "ended (signal: killed)") {
		t.Fatalf("%d restarts\n%s", n, s.all())
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// One that does not listen to SIGTERM is killed.
func TestControllerWillNotStop(t *testing.T) {
	t.Parallel()
	c, _, stop := keep(t, "ignores SIGTERM", func(c *Controller) { c.stopWithin = 50 * time.Millisecond })
	awaitReady(t, c)
	if err := stop(); err != nil {
		t.Fatalf("Keep = %v", err)
	}
}

func TestReadyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := NewController("nothing", nil, "", "", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Ready(ctx); err != context.Canceled {
		t.Fatalf("Ready = %v", err)
	}
}

func TestFindController(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "galla-controller")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir())
	if got, err := FindController(program); err != nil || got != program {
		t.Errorf("named: %q, %v", got, err)
	}
	if _, err := FindController(filepath.Join(dir, "nothing")); !errors.Is(err, ErrNoController) || !strings.Contains(err.Error(), "--controller-bin: ") {
		t.Errorf("named, but not there: %v", err)
	}
	if _, err := FindController(""); !errors.Is(err, ErrNoController) {
		t.Errorf("nowhere: %v", err)
	}
	t.Setenv("PATH", dir)
	if got, err := FindController(""); err != nil || got != program {
		t.Errorf("in PATH: %q, %v", got, err)
	}
}

func TestTailWriter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		writes []string
		want   []string
	}{
		{"nothing", nil, nil},
		{"lines", []string{"a\nb\n"}, []string{"a", "b"}},
		{"a line in pieces", []string{"a", "b", "c\nd"}, []string{"abc", "d"}},
		{"empty lines", []string{"\n\n a \r\n\n"}, []string{"a"}},
		{"only the last", []string{"1\n2\n3\n4\n5\n6\n", "7\n8\n9\n10\n11\n12\n"}, []string{"3", "4", "5", "6", "7", "8", "9", "10", "11", "12"}},
		{"a long line", []string{strings.Repeat("x", 3*tailLineSize), "y\nz\n"}, []string{strings.Repeat("x", tailLineSize), "z"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var w tailWriter
			for _, text := range tt.writes {
				if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
					t.Fatalf("Write = %d, %v", n, err)
				}
			}
			if got := w.Lines(); strings.Join(got, "|") != strings.Join(tt.want, "|") {
				t.Fatalf("lines %q, want %q", got, tt.want)
			}
		})
	}
}
