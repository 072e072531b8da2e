package main

import (
	"bytes"
	"context"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs the program to its end.
func run(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	// The bound turns a program that wrongly goes on into a failure.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code = Run(ctx, args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// What is typed wrong is a usage error that names what is wrong, and nothing is
// done.
func TestUsage(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	const panel, upi = "http://127.0.0.1:1/panel.png", "http://127.0.0.1:1"
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing", nil, "expected one of"},
		{"no such command", []string{"dance"}, "dance"},
		{"no such flag", []string{"terminal", "--colour"}, "--colour"},
		{"a word too many", []string{"version", "now"}, "now"},
		{"an unknown panel", []string{"terminal", "--panel", "vt100"}, `--panel "vt100": known are st7789`},
		{"a merchant that is none", []string{"terminal", "--merchant", "a b"}, `--merchant "a b"`},
		{"a store that is none", []string{"terminal", "--store", ""}, `--store ""`},
		{"a terminal that is none", []string{"terminal", "--terminal", "a.b"}, `--terminal "a.b"`},
		{"a controller without scheme", []string{"terminal", "--controller", "127.0.0.1:8080"}, "--controller"},
		{"a controller of another scheme", []string{"terminal", "--controller", "ftp://127.0.0.1"}, "http://HOST:PORT or https://HOST:PORT"},
		{"a broker of another scheme", []string{"terminal", "--broker", "http://127.0.0.1:1883"}, "--broker"},
		{"a port in use", []string{"terminal", "--listen", busy.Addr().String()}, "--listen " + busy.Addr().String() + ": the port is in use; name another one, for example --listen 127.0.0.1:"},
		{"no address", []string{"terminal", "--listen", "here"}, "--listen here:"},
		{"a phone that looks nowhere", []string{"phone", "pay", "--upi", upi}, "--panel"},
		{"a phone that pays nowhere", []string{"phone", "pay", "--panel", panel}, "--upi"},
		{"a panel that is no URL", []string{"phone", "pay", "--panel", "panel.png", "--upi", upi}, `--panel "panel.png"`},
		{"a controller that is no URL", []string{"phone", "pay", "--panel", panel, "--upi", "there"}, `--upi "there"`},
		{"two wishes", []string{"phone", "pay", "--panel", panel, "--upi", upi, "--twice", "--decline"}, "--twice and --decline can't be used together"},
		{"no patience", []string{"phone", "pay", "--panel", panel, "--upi", upi, "--wait", "0s"}, "--wait 0s"},
		{"no controller", []string{"demo", "--controller-bin", "/nowhere/galla-controller"}, "--controller-bin"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, out, errOut := run(t, tt.args...)
			if code != exitUsage || out != "" || !strings.Contains(strings.ReplaceAll(errOut, "--decline and --twice", "--twice and --decline"), tt.want) {
				t.Fatalf("exit %d, out %q, err %q; want 2 and %q", code, out, errOut, tt.want)
			}
		})
	}
}

// Help is asked for, so it is data, and every command has examples.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"--help"}, []string{"galla-sim demo --script", "phone pay", "terminal", "version"}},
		{[]string{"terminal", "--help"}, []string{"Examples:", "--controller=URL", "--panel=KIND", "--listen=HOST:PORT", "--broker=URL", "--data=DIR", "--no-keys", "--no-card-reader", "POST /keys/{accept|reject|card|dqr|0..9|ok|clear}", "POST /card/tap"}},
		{[]string{"phone", "pay", "--help"}, []string{"Examples:", "--decline", "--validate-only", "--twice", "--json", "Exit status: 0 paid"}},
		{[]string{"demo", "--help"}, []string{"Examples:", "--script", "--controller-bin=PATH", "--data=DIR"}},
	} {
		code, out, errOut := run(t, tt.args...)
		if code != 0 || errOut != "" {
			t.Errorf("%v: exit %d, err %q", tt.args, code, errOut)
		}
		for _, want := range tt.want {
			if !strings.Contains(out, want) {
				t.Errorf("%v lacks %q:\n%s", tt.args, want, out)
			}
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--version"}, {"version"}} {
		if code, out, errOut := run(t, args...); code != 0 || out != "galla-sim "+version+"\n" || errOut != "" {
			t.Errorf("%v: exit %d, out %q, err %q", args, code, out, errOut)
		}
	}
}

// output is a writer that can be waited on.
type output struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{}
}

func newOutput() *output { return &output{changed: make(chan struct{}, 1024)} }

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.changed <- struct{}{}:
	default:
	}
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await returns the first match.
func (o *output) await(t *testing.T, pattern string) string {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		if found := regexp.MustCompile(pattern).FindString(o.String()); found != "" {
			return found
		}
		select {
		case <-o.changed:
		case <-late:
			t.Fatalf("not printed: %s\n%s", pattern, o)
		}
	}
}

// A terminal prints where it is, serves it, and ends with the program's context.
func TestTerminal(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, errOut := newOutput(), newOutput()
	ended := make(chan int, 1)
	disk := t.TempDir()
	go func() {
		ended <- Run(ctx, []string{"terminal", "--listen", "127.0.0.1:0", "--controller", "http://127.0.0.1:1/", "--data", disk}, out, errOut)
	}()
	state := out.await(t, `http://127\.0\.0\.1:\d+/state`)
	if status, body := get(t, state); status != 200 || !strings.Contains(body, `"power":true`) {
		t.Fatalf("%s = %d %s", state, status, body)
	}
	stop()
	select {
	case code := <-ended:
		if code != 0 {
			t.Fatalf("exit %d\n%s", code, errOut)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
}

// The flags take away what a terminal has; without them it has both.
func TestTerminalWithoutKeysAndReader(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		flags      []string
		keys, card bool
	}{
		{nil, true, true},
		{[]string{"--no-keys"}, false, true},
		{[]string{"--no-card-reader"}, true, false},
		{[]string{"--no-keys", "--no-card-reader"}, false, false},
	} {
		t.Run(strings.Join(tt.flags, " "), func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			out, errOut := newOutput(), newOutput()
			ended := make(chan int, 1)
			args := append([]string{"terminal", "--listen", "127.0.0.1:0", "--controller", "http://127.0.0.1:1/", "--data", t.TempDir()}, tt.flags...)
			go func() { ended <- Run(ctx, args, out, errOut) }()
			page := out.await(t, `http://127\.0\.0\.1:\d+/\n`)
			_, body := get(t, strings.TrimSpace(page))
			if strings.Contains(body, "data-key") != tt.keys || strings.Contains(body, "data-tap") != tt.card {
				t.Errorf("keys %v, card reader %v; want %v, %v", strings.Contains(body, "data-key"), strings.Contains(body, "data-tap"), tt.keys, tt.card)
			}
			stop()
			select {
			case code := <-ended:
				if code != 0 {
					t.Fatalf("exit %d\n%s", code, errOut)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it does not end")
			}
		})
	}
}
