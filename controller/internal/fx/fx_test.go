package fx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/quote"
)

// source makes a source of a server's rates.
func source(t *testing.T, cfg Config) *Source {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func today() string { return time.Now().In(centralEurope).Format(time.DateOnly) }

// wantRate asks for a rate: its decimal text, or the error.
func wantRate(t *testing.T, s *Source, currency, want string) {
	t.Helper()
	rate, err := s.Rate(t.Context(), currency)
	got := rate.String()
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("%s: %s, want %s", currency, got, want)
	}
}

// TestGood: a table of a server is what Rate answers from.
func TestGood(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.RawQuery != "app_id=k" || r.Header.Get("Accept") != "application/json" {
			t.Errorf("asked %s %s", r.Method, r.URL)
		}
		fmt.Fprintf(w, `{"amount":1.0,"base":"EUR","date":%q,"rates":{"USD":1.25,"INR":91.25,"JPY":1.6e2}}`, today())
	})
	var age time.Duration = -1
	s := source(t, Config{URL: url + "/latest?app_id=k", Markup: 250, Aged: func(d time.Duration) { age = d }})
	wantRate(t, s, "USD", ErrStale.Error())
	if err := s.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantRate(t, s, "USD", "73")
	wantRate(t, s, "EUR", "91.25")
	wantRate(t, s, "JPY", "0.5703125")
	for _, currency := range []string{"INR", "GBP", "usd", ""} {
		wantRate(t, s, currency, ErrUnknownCurrency.Error())
	}
	rate, _ := s.Rate(t.Context(), "USD")
	if !strings.HasPrefix(url, "http://"+rate.Source) || rate.Currency != "USD" || time.Since(rate.At) > time.Minute || s.Markup() != 250 {
		t.Errorf("%+v", rate)
	}
	s.aged()
	if age < 0 || age > time.Minute {
		t.Errorf("age %v", age)
	}
}

// TestBroken: whatever a server answers that is no table is an error that says why,
// and the rates in use stay.
func TestBroken(t *testing.T) {
	t.Parallel()
	good := fmt.Sprintf(`{"base":"INR","date":%q,"rates":{"USD":0.0125}}`, today())
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"huge": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, good+strings.Repeat(" ", MaxAnswer))
		}, "longer than 1 MiB"},
		"gone":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }, "HTTP 410"},
		"no content": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "HTTP 204"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/" {
				t.Error("the redirect was followed")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, "redirects are not followed"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, good)
		}, "the connection ended"},
		"not HTTP": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, "secret canary\r\n\r\n")
				_ = conn.Close()
			}
		}, "not readable HTTP"},
		"HTML":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, "is not a JSON object"},
		"two values": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, good+good) }, "more than one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var broken atomic.Bool
			s := source(t, Config{URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
				if broken.Load() {
					tt.answer(w, r)
					return
				}
				_, _ = io.WriteString(w, good)
			})})
			if err := s.refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			broken.Store(true)
			if err := s.refresh(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v, want %s", err, tt.want)
			}
			wantRate(t, s, "USD", "80")
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(http.NotFoundHandler())
		server.Close()
		s := source(t, Config{URL: server.URL + "/?app_id=canary"})
		if err := s.refresh(t.Context()); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
		wantRate(t, s, "USD", ErrStale.Error())
	})
}

// answers is a way to a server that needs no network, so that its time can be
// bent.
type answers func(*http.Request) (int, string, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body, err := a(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// TestSlow: a server that never answers holds one reading for Timeout, and Rate not
// at all.
func TestSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := source(t, Config{URL: "http://rates.example/", Transport: answers(func(r *http.Request) (int, string, error) {
			<-r.Context().Done()
			return 0, "", r.Context().Err()
		})})
		began := time.Now()
		err := s.refresh(t.Context())
		if err == nil || err.Error() != "it took too long" || time.Since(began) != Timeout {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		began = time.Now()
		wantRate(t, s, "USD", ErrStale.Error())
		if time.Since(began) != 0 {
			t.Error("Rate waited")
		}
	})
	t.Run("drops", func(t *testing.T) {
		t.Parallel()
		reached, end := make(chan struct{}), make(chan struct{})
		s := source(t, Config{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"base":"INR",`)
			_ = http.NewResponseController(w).Flush()
			close(reached)
			<-end
		})})
		defer close(end)
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() { failed <- s.refresh(ctx) }()
		<-reached
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("a reading that was called off: %v", err)
		}
	})
}

// TestRun: the table is read at once, then every hour, after a failure in 5 s, 10 s
// and so on up to five minutes; the last good rates stand until they are 24 hours
// old, and not a moment longer.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var server struct {
			sync.Mutex
			down    bool
			asked   []time.Time
			refused int
			log     bytes.Buffer
		}
		// set goes on with a server that is up or down, and returns when it was asked
		// so far.
		set := func(down bool) []time.Time {
			server.Lock()
			defer server.Unlock()
			server.down = down
			return slices.Clone(server.asked)
		}
		s := source(t, Config{
			URL: "https://rates.example/?app_id=canary", Log: slog.New(slog.NewTextHandler(&server.log, nil)),
			Refused: func() { server.refused++ },
			Transport: answers(func(*http.Request) (int, string, error) {
				server.Lock()
				defer server.Unlock()
				server.asked = append(server.asked, time.Now())
				if server.down {
					return http.StatusServiceUnavailable, "", nil
				}
				return http.StatusOK, fmt.Sprintf(`{"base":"INR","timestamp":%d,"rates":{"USD":0.0125}}`, time.Now().Unix()), nil
			}),
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan struct{})
		go func() {
			s.Run(ctx)
			close(done)
		}()
		synctest.Wait()
		wantRate(t, s, "USD", "80")
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		asked := set(true)
		if n := len(asked); n != 3 {
			t.Fatalf("asked %d times in two hours", n)
		}
		for i, at := range asked[1:] {
			if since := at.Sub(asked[i]); since > time.Hour || since < 54*time.Minute {
				t.Errorf("asked again after %v", since)
			}
		}
		last := asked[2].Truncate(time.Second) // the table's own time
		time.Sleep(time.Until(last.Add(24*time.Hour - time.Nanosecond)))
		synctest.Wait()
		wantRate(t, s, "USD", "80")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		wantRate(t, s, "USD", ErrStale.Error())
		want, failures := firstWait, set(false)[3:]
		for i, at := range failures[1:] {
			if since := at.Sub(failures[i]); since > want || since < want*9/10-1 {
				t.Errorf("failure %d was tried again after %v, want %v", i+1, since, want)
			}
			want = min(2*want, maxWait)
		}
		time.Sleep(maxWait)
		synctest.Wait()
		wantRate(t, s, "USD", "80")
		cancel()
		<-done
		told := strings.Count(server.log.String(), "HTTP 503")
		if server.refused != len(failures) || told != len(failures) || strings.Contains(server.log.String(), "canary") {
			t.Errorf("of %d failures %d were counted and %d told: %.300s", len(failures), server.refused, told, server.log.String())
		}
	})
}

// TestRunWithoutURL: nothing to read, nothing to do.
func TestRunWithoutURL(t *testing.T) {
	t.Parallel()
	source(t, Config{}).Run(t.Context())
}

// TestMerge: an old table changes nothing; a rate that jumped is not believed while
// the old one is fresh; one that is missing stays as long.
func TestMerge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var table string
		refused := 0
		s := source(t, Config{
			URL: "https://rates.example/", Refused: func() { refused++ },
			Transport: answers(func(*http.Request) (int, string, error) { return http.StatusOK, table, nil }),
		})
		read := func(at time.Time, rates string) error {
			table = fmt.Sprintf(`{"base":"INR","timestamp":%d,"rates":%s}`, at.Unix(), rates)
			return s.refresh(t.Context())
		}
		start := time.Now()
		if err := read(start, `{"USD":0.0125,"EUR":0.01,"GBP":0.01,"JPY":2}`); err != nil {
			t.Fatal(err)
		}
		if err := read(start.Add(-time.Second), `{"USD":0.0126}`); err == nil || !strings.Contains(err.Error(), "older") {
			t.Errorf("an older table: %v", err)
		}
		time.Sleep(time.Hour)
		// Exactly twice and half are believed; more is not.
		if err := read(time.Now(), `{"USD":0.00625,"EUR":0.02,"GBP":0.0201}`); err != nil {
			t.Fatal(err)
		}
		wantRate(t, s, "USD", "160")
		wantRate(t, s, "EUR", "50")
		wantRate(t, s, "GBP", "100")
		wantRate(t, s, "JPY", "0.5")
		if refused != 1 {
			t.Errorf("%d refusals were told, want 1", refused)
		}
		if err := read(time.Now(), `{"USD":0.003,"EUR":0.02,"GBP":0.01}`); err != nil {
			t.Fatal(err)
		}
		wantRate(t, s, "USD", "160")
		time.Sleep(24 * time.Hour)
		if err := read(time.Now(), `{"USD":0.003,"EUR":0.02,"GBP":0.1}`); err != nil {
			t.Fatal(err)
		}
		wantRate(t, s, "USD", "333.33333333")
		wantRate(t, s, "GBP", "10")
		wantRate(t, s, "JPY", ErrUnknownCurrency.Error())
	})
}

// TestBuiltin: the sandbox's table holds at all times, and a URL takes its place.
func TestBuiltin(t *testing.T) {
	t.Parallel()
	s := source(t, Config{Builtin: Sandbox()})
	for _, r := range Sandbox() {
		got, err := s.Rate(t.Context(), r.Currency)
		if err != nil || got.E8 != r.E8 || !got.Fresh(time.Now()) || !isCurrency(r.Currency) || got.Source != "sandbox" {
			t.Errorf("%s: %+v %v", r.Currency, got, err)
		}
		if _, err := quote.Convert(100, got, 0); err != nil {
			t.Errorf("%s: %v", r.Currency, err)
		}
	}
	wantRate(t, s, "USD", "83.5")
	wantRate(t, s, "CHF", ErrUnknownCurrency.Error())
	wantRate(t, source(t, Config{URL: "http://127.0.0.1:1/", Builtin: Sandbox()}), "USD", ErrStale.Error())
}

// TestNew: what cannot work does not start.
func TestNew(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	for name, cfg := range map[string]Config{
		"no log": {}, "markup": {Log: log, Markup: -1}, "more markup": {Log: log, Markup: 10_001}, "every": {Log: log, Every: -1},
		"scheme": {Log: log, URL: "file:///etc/passwd"}, "no host": {Log: log, URL: "https:///x"}, "user": {Log: log, URL: "https://u@h/"},
		"no URL": {Log: log, URL: "%"}, "fragment": {Log: log, URL: "https://h/#x"},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
