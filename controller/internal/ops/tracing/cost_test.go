package tracing_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/ops/tracing"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// TestStrangersNameNothing: payments that nobody knows are looked for 50 times a
// second at most.
func TestStrangersNameNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	began := time.Now()
	for n := range 5000 {
		r.UPIAnswered("ReqValQr", decide.CodeNoQR, fmt.Sprint("GUESS", n), time.Now())
	}
	r.flushed()
	if most := 50 * (int(time.Since(began)/time.Second) + 2); int(r.finds.Load()) > most {
		t.Errorf("%d looks, want %d at most", r.finds.Load(), most)
	}
}

// TestNobodyWaits: with a collector that hangs, that is away or that refuses, whoever
// tells of something goes on at once, one line is logged, and the end is in time.
func TestNobodyWaits(t *testing.T) {
	t.Parallel()
	hanging := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hanging:
		case <-r.Context().Done():
		}
	}))
	defer hangs.Close()
	defer close(hanging)
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no\r\nforged line", http.StatusForbidden)
	}))
	defer refuses.Close()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Error("a redirect was followed")
	}))
	defer elsewhere.Close()
	redirects := httptest.NewServer(http.RedirectHandler(elsewhere.URL+"/v1/traces", http.StatusTemporaryRedirect))
	defer redirects.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away := "http://" + l.Addr().String()
	_ = l.Close()
	for name, endpoint := range map[string]string{"hangs": hangs.URL, "refuses": refuses.URL, "redirects": redirects.URL, "away": away} {
		t.Run(name, func(t *testing.T) {
			var said lines
			traces, err := tracing.New(tracing.Config{
				Endpoint: endpoint, Ratio: 1, Log: slog.New(slog.NewTextHandler(&said, nil)),
				Find: func(context.Context, string) (payment.Payment, error) { return payment.Payment{}, errors.New("none") },
			})
			if err != nil {
				t.Fatal(err)
			}
			end := runs(t, traces)
			ctx, request := traces.Request(t.Context(), "POST", "/x", "")
			p := payment.Payment{ID: "P1", CreatedAt: at(0), Trace: traces.Payment(ctx, "M1", "P1")}
			request.End(200, "SUCCESS", "R")
			began := time.Now()
			for range 30_000 { // more than all queues hold
				traces.Committed(committed([]payment.Record{moved(p, payment.EventHandedOver, payment.Created, payment.HandedOver, 1)}, p))
			}
			told := time.Since(began)
			began = time.Now()
			end()
			ended := time.Since(began)
			if told > 10*time.Second || ended > tracing.FlushLimit+5*time.Second {
				t.Errorf("telling took %v, ending %v", told, ended)
			}
			for _, line := range strings.Split(strings.TrimSpace(said.String()), "\n") {
				if !strings.Contains(line, "traces") || strings.Contains(line, "\r") {
					t.Errorf("it says %q", line)
				}
			}
			if n := strings.Count(said.String(), "could not be sent; nothing else"); n > 1 {
				t.Errorf("it complains %d times:\n%s", n, &said)
			}
		})
	}
}

// lines is what was logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestConfig: no endpoint is off; what cannot work is refused.
func TestConfig(t *testing.T) {
	t.Parallel()
	good := tracing.Config{
		Endpoint: "https://collector.example/otlp", Ratio: 0.5, RootCAs: x509.NewCertPool(), Log: slog.New(slog.DiscardHandler),
		Find: func(context.Context, string) (payment.Payment, error) { return payment.Payment{}, nil },
	}
	for _, tt := range []struct {
		name   string
		change func(*tracing.Config)
		on     bool
		says   string
	}{
		{"all right", func(*tracing.Config) {}, true, ""},
		{"off", func(c *tracing.Config) { *c = tracing.Config{} }, false, ""},
		{"ratio above 1", func(c *tracing.Config) { c.Ratio = 1.1 }, false, "between 0 and 1"},
		{"ratio below 0", func(c *tracing.Config) { c.Ratio = -0.1 }, false, "between 0 and 1"},
		{"ratio no number", func(c *tracing.Config) { c.Ratio = math.NaN() }, false, "between 0 and 1"},
		{"no scheme", func(c *tracing.Config) { c.Endpoint = "collector:4318" }, false, "URL"},
		{"gRPC", func(c *tracing.Config) { c.Endpoint = "grpc://collector:4317" }, false, "URL"},
		{"no URL", func(c *tracing.Config) { c.Endpoint = "http://%zz" }, false, "URL"},
		{"nobody to ask", func(c *tracing.Config) { c.Find = nil }, false, "Find"},
		{"nowhere to log", func(c *tracing.Config) { c.Log = nil }, false, "Log"},
	} {
		c := good
		tt.change(&c)
		traces, err := tracing.New(c)
		if (traces != nil) != tt.on || (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, %v", tt.name, traces, err)
		}
		traces.Close()
	}
}

// everything is all that a payment's way tells, as a running controller does.
func everything(traces *tracing.Tracing, ctx context.Context, c decide.Changes, w decide.Wanted, id protocol.Identity, now time.Time) {
	ctx, request := traces.Request(ctx, "POST", "/v1/payment/init", "")
	_ = traces.Payment(ctx, "M1", "P1")
	_ = request.Traceparent()
	request.End(200, "SUCCESS", "R")
	traces.Committed(c)
	traces.StatePublished(w, now)
	traces.ResultShown(id, "P1")
	traces.UPIAnswered("ReqPay", decide.CodeOK, "P1", now)
	traces.CallbackAttempted("P1", 1, "delivered", 200, 0)
}

func busy() (c decide.Changes, w decide.Wanted) {
	p := payment.Payment{ID: "P1", Key: payment.Key{MerchantID: "M1"}, CreatedAt: start}
	return committed([]payment.Record{moved(p, payment.EventHandedOver, payment.Created, payment.HandedOver, 1)}, p), decide.Wanted{Sale: &p}
}

// TestOffCostsNothing: the nil *Tracing allocates nothing.
func TestOffCostsNothing(t *testing.T) {
	c, w := busy()
	ctx, now := t.Context(), time.Now()
	if n := testing.AllocsPerRun(1000, func() { everything(nil, ctx, c, w, protocol.Identity{}, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	var off *tracing.Tracing
	if off.Queries() != nil {
		t.Error("queries are traced")
	}
	off.Run(ctx)
	off.Close()
}

func BenchmarkOff(b *testing.B) {
	c, w := busy()
	ctx, now := b.Context(), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		everything(nil, ctx, c, w, protocol.Identity{}, now)
	}
}

// BenchmarkCommitted is what a writer of the journal waits for, when a payment of
// its batch is traced.
func BenchmarkCommitted(b *testing.B) {
	traces, err := tracing.New(tracing.Config{
		Endpoint: "http://127.0.0.1:1", Ratio: 1, Log: slog.New(slog.DiscardHandler),
		Find: func(context.Context, string) (payment.Payment, error) { return payment.Payment{}, errors.New("none") },
	})
	if err != nil {
		b.Fatal(err)
	}
	defer traces.Close()
	ctx, _ := traces.Request(b.Context(), "POST", "/x", "")
	c, _ := busy()
	c.Payments[0].Trace = traces.Payment(ctx, "M1", "P1")
	b.ReportAllocs()
	for b.Loop() {
		traces.Committed(c)
	}
}
