package demo

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
)

// printed is Config.Out: it calls seen with every line.
type printed struct {
	mu   sync.Mutex
	text strings.Builder
	seen func(all string)
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text.Write(b)
	if p.seen != nil {
		p.seen(p.text.String())
	}
	return len(b), nil
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// The demo prints where everything is, and when it is told to stop leaves
// nothing behind.
func TestRunUntilStopped(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	cfg := testConfig(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := &printed{seen: func(all string) {
		if strings.Contains(all, "Try it from another terminal") {
			stop()
		}
	}}
	cfg.Out = out
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg) }()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatalf("Run = %v\n%s", err, out)
		}
	case <-time.After(patience):
		t.Fatalf("Run does not end\n%s", out)
	}
	for _, want := range []string{
		`(?m)^  Page +http://127\.0\.0\.1:\d+$`, `(?m)^  Terminal 1 +http://127\.0\.0\.1:\d+ +testterminal1 on st7789$`,
		`(?m)^  Terminal 2 +http://127\.0\.0\.1:\d+ +MST2603301758302811969831 on ili9488$`, `(?m)^  API +http://127\.0\.0\.1:\d+$`,
		`(?m)^  MQTT +mqtt://127\.0\.0\.1:\d+$`, `sandbox-merchant-key`,
		`curl -s http://127\.0\.0\.1:\d+/v1/payment/init`, `X-VERIFY: [0-9a-f]{64}###1`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("not printed: %s\n%s", want, out)
		}
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) != 0 {
		t.Fatalf("left behind: %v, %v", left, err)
	}
	for _, address := range regexp.MustCompile(`127\.0\.0\.1:\d+`).FindAllString(out.String(), -1) {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			t.Errorf("%s still answers", address)
		}
	}
}

// The controller is told everything by flags, and its data is where it was asked
// for.
func TestRunTellsTheController(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.DataDir = filepath.Join(t.TempDir(), "kept", "data")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cfg.Out = &printed{seen: func(all string) {
		if strings.Contains(all, "Try it from another terminal") {
			stop()
		}
	}}
	if err := Run(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(cfg.DataDir, "controller.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"--mqtt-listen 127.0.0.1:", "--database sqlite:" + cfg.DataDir + "/galla.db", "--sandbox", "--callback-allow-private", "--log-format json",
	} {
		if !strings.Contains(string(log), want) {
			t.Errorf("not told: %s\n%s", want, log)
		}
	}
}

// Whatever is missing at the start is said at once, and nothing is left running.
func TestRunCannotStart(t *testing.T) {
	t.Parallel()
	dead := filepath.Join(t.TempDir(), "galla-controller")
	if err := os.WriteFile(dead, []byte("#!/bin/sh\necho no database here >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no controller", func(c *Config) { c.ControllerBin = "/nowhere/galla-controller" }, "--controller-bin"},
		{"a controller that ends", func(c *Config) { c.ControllerBin = dead }, "no database here"},
		{"a directory that cannot be", func(c *Config) { c.DataDir = "/dev/null/data" }, "not a directory"},
		{"an address that is none", func(c *Config) { c.Page = "here" }, "the demo's page"},
		{"an address that is not ours", func(c *Config) { c.MQTT = "203.0.113.1:1883" }, "find a free port"},
		{"a terminal's address that is none", func(c *Config) { c.Terminals = "there" }, "terminal 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(t)
			tt.change(&cfg)
			if err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Run = %v, want %q", err, tt.want)
			}
		})
	}
}

// A script that is stopped says what it was waiting for.
func TestScriptSaysWhatWasNotSeen(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.Script = true
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cfg.Out = &printed{seen: func(all string) {
		// The terminals have power, so the script has begun or is about to.
		if strings.Contains(all, "terminal 1     starting: Starting") {
			stop()
		}
	}}
	err := Run(ctx, cfg)
	var notSeen *NotSeen
	if !errors.As(err, &notSeen) || !strings.Contains(err.Error(), "not seen: terminal 1 joins the controller") || notSeen.TimedOut() {
		t.Fatalf("Run = %v", err)
	}
}

func viewOf(mode protocol.Mode, id string) terminal.View {
	return terminal.View{State: terminal.State{Mode: mode, MerchantTransactionID: id, AmountPaise: 24_500}}
}

// Everything that was seen of a terminal is kept in order, and what is awaited
// may have been there only for a moment.
func TestSightings(t *testing.T) {
	t.Parallel()
	s := NewSightings("T1", NewTimeline(io.Discard))
	sale := testSale("TXN-1")
	idle := viewOf("idle", "")
	for _, v := range []protocol.Mode{"starting", "offline", "idle", "presenting", "checking", "idle"} {
		id := ""
		if v == "presenting" || v == "checking" {
			id = "TXN-1"
		}
		view := viewOf(v, id)
		view.SinceMs = 7
		s.Add(view)
		s.Add(view) // said twice is seen once
	}
	if n := s.Count(); n != 6 {
		t.Fatalf("%d sightings, want 6", n)
	}
	if !s.Has(presents(sale)) || s.Has(presents(testSale("TXN-2"))) {
		t.Fatal("what was presented is not what was seen")
	}
	if err := s.Await(t.Context(), 0, presents(sale)); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Await(ended, 4, presents(sale)); !errors.Is(err, context.Canceled) {
		t.Fatalf("Await after the mark = %v", err)
	}
	found := make(chan error, 1)
	mark := s.Count()
	go func() { found <- s.Await(t.Context(), mark, ready) }()
	idle.Link = true
	s.Add(idle)
	if err := <-found; err != nil {
		t.Fatal(err)
	}
	entries, _ := s.timeline.After(0)
	var modes []string
	for _, e := range entries {
		word, _, _ := strings.Cut(e.What, ":")
		modes = append(modes, word)
	}
	if got := strings.Join(modes, " "); got != "starting offline idle presenting checking idle link up" {
		t.Fatalf("timeline %q", got)
	}
}

// What was seen before the mark does not count, however much comes after it.
func TestSightingsBeforeTheMark(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewSightings("T1", NewTimeline(io.Discard))
		s.Add(viewOf("presenting", "TXN-1"))
		ctx, giveUp := context.WithCancel(t.Context())
		missed := make(chan error, 1)
		go func() { missed <- s.Await(ctx, 1, presents(testSale("TXN-1"))) }()
		for _, mode := range []protocol.Mode{"checking", "idle", "offline"} {
			synctest.Wait() // it has looked at all that there is
			s.Add(viewOf(mode, ""))
		}
		synctest.Wait()
		giveUp()
		if err := <-missed; !errors.Is(err, context.Canceled) {
			t.Fatalf("Await = %v", err)
		}
	})
}
