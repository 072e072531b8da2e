package ops_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/ops"
)

func well(context.Context) error { return nil }

func ask(h http.Handler, method string) (status int, body string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, "/", nil))
	return w.Code, strings.TrimSuffix(w.Body.String(), "\n")
}

func TestHealthz(t *testing.T) {
	t.Parallel()
	if status, body := ask(ops.Healthz(), http.MethodGet); status != 200 || body != `{"status":"ok"}` {
		t.Errorf("%d %s", status, body)
	}
}

// /readyz says what is not ready, by name, and why only in words that were
// meant for whoever asks.
func TestReadyz(t *testing.T) {
	t.Parallel()
	fails := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	for _, tt := range []struct {
		name   string
		checks []ops.Check
		status int
		body   string
	}{
		{"nothing to check", nil, 200, `{"ready":true,"checks":[]}`},
		{"all well", []ops.Check{{Name: "database", Run: well}, {Name: "broker", Run: well}}, 200,
			`{"ready":true,"checks":[{"name":"database","ready":true},{"name":"broker","ready":true}]}`},
		{"told why", []ops.Check{{Name: "migrations", Run: fails(fmt.Errorf("check: %w", ops.NotReady("version 3, want 5")))}}, 503,
			`{"ready":false,"notReady":["migrations"],"checks":[{"name":"migrations","ready":false,"reason":"version 3, want 5"}]}`},
		{"an error of a library", []ops.Check{
			{Name: "database", Run: fails(errors.New("dial postgres://galla:" + canary + "@10.0.0.5: refused"))},
			{Name: "broker", Run: well},
		}, 503, `{"ready":false,"notReady":["database"],"checks":[` +
			`{"name":"database","ready":false,"reason":"failed"},{"name":"broker","ready":true}]}`},
		{"a check that times out by itself", []ops.Check{{Name: "broker", Run: fails(context.DeadlineExceeded)}}, 503,
			`{"ready":false,"notReady":["broker"],"checks":[{"name":"broker","ready":false,"reason":"timeout"}]}`},
		{"both", []ops.Check{{Name: "a", Run: fails(ops.NotReady("starting"))}, {Name: "b", Run: fails(io.EOF)}}, 503,
			`{"ready":false,"notReady":["a","b"],"checks":[{"name":"a","ready":false,"reason":"starting"},` +
				`{"name":"b","ready":false,"reason":"failed"}]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			log, err := ops.NewLogger("json", "info", &out)
			if err != nil {
				t.Fatal(err)
			}
			r := ops.NewReadiness(log, tt.checks...)
			w := httptest.NewRecorder()
			r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			if body := strings.TrimSuffix(w.Body.String(), "\n"); w.Code != tt.status || body != tt.body {
				t.Errorf("%d %s\nwant %d %s", w.Code, body, tt.status, tt.body)
			}
			if w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", w.Header())
			}
			if strings.Contains(out.String(), canary) {
				t.Errorf("the log tells: %s", out.String())
			}
		})
	}
}

// A check that hangs costs two seconds, hangs once however often it is asked,
// and is well again when it is over.
func TestReadyzCheckThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int32
		release := make(chan struct{})
		r := ops.NewReadiness(slog.New(slog.DiscardHandler),
			ops.Check{Name: "stuck", Run: func(context.Context) error {
				begun.Add(1)
				<-release
				return nil
			}},
			ops.Check{Name: "fine", Run: well})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				began := time.Now()
				status, body := ask(r, http.MethodGet)
				if want := `{"ready":false,"notReady":["stuck"],"checks":[{"name":"stuck","ready":false,"reason":"timeout"},` +
					`{"name":"fine","ready":true}]}`; status != 503 || body != want {
					t.Errorf("%d %s", status, body)
				}
				if took := time.Since(began); took != 2*time.Second {
					t.Errorf("answered after %v", took)
				}
			})
		}
		wg.Wait()
		if n := begun.Load(); n != 1 {
			t.Errorf("the check was begun %d times", n)
		}
		close(release)
		synctest.Wait()
		if status, body := ask(r, http.MethodGet); status != 200 {
			t.Errorf("%d %s", status, body)
		}
		if n := begun.Load(); n != 2 {
			t.Errorf("the check was begun %d times", n)
		}
	})
}

// An asker that goes away does not make anything not ready.
func TestReadyzAskerGoesAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		release := make(chan struct{})
		r := ops.NewReadiness(log, ops.Check{Name: "slow", Run: func(context.Context) error { <-release; return nil }})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/readyz", nil))
		close(release)
		synctest.Wait()
		if out.Len() > 0 {
			t.Errorf("logged: %s", out.String())
		}
	})
}

// The log has a line when a check turns, not for every question, and there the
// whole reason.
func TestReadyzLogsTurns(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var err error
	r := ops.NewReadiness(slog.New(slog.NewTextHandler(&out, nil)),
		ops.Check{Name: "database", Run: func(context.Context) error { return err }})
	for _, turn := range []error{nil, nil, io.EOF, io.EOF, nil, nil} {
		err = turn
		ask(r, http.MethodGet)
	}
	log := out.String()
	if strings.Count(log, "\n") != 2 || strings.Count(log, "not ready") != 1 || strings.Count(log, "ready again") != 1 ||
		!strings.Contains(log, "check=database") || !strings.Contains(log, "error=EOF") {
		t.Errorf("logged:\n%s", log)
	}
}

func TestReadyzStopping(t *testing.T) {
	t.Parallel()
	r := ops.NewReadiness(slog.New(slog.DiscardHandler), ops.Check{Name: "database", Run: well})
	if status, _ := ask(r, http.MethodGet); status != 200 {
		t.Fatal("not ready at first")
	}
	r.Stopping()
	want := `{"ready":false,"notReady":["process"],"checks":[{"name":"database","ready":true},` +
		`{"name":"process","ready":false,"reason":"stopping"}]}`
	if status, body := ask(r, http.MethodGet); status != 503 || body != want {
		t.Errorf("%d %s", status, body)
	}
}

func TestHealthMethods(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.Handler{
		"healthz": ops.Healthz(), "readyz": ops.NewReadiness(slog.New(slog.DiscardHandler)),
	} {
		if status, body := ask(h, http.MethodHead); status != 200 || body != "" {
			t.Errorf("%s: HEAD: %d %q", name, status, body)
		}
		if status, _ := ask(h, http.MethodPost); status != 405 {
			t.Errorf("%s: POST: %d", name, status)
		}
	}
}
