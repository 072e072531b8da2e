package tracing

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/galla-pay/galla/controller/internal/payment"
)

// Limits. Above the queues' lengths spans are dropped.
const (
	queueLength  = 8192 // facts that wait to be made spans, spans that wait to be sent
	batchLength  = 512  // spans sent at once
	batchEvery   = 2 * time.Second
	sendLimit    = 5 * time.Second  // of one request to the collector
	exportLimit  = 10 * time.Second // of a batch, with its repeats
	FlushLimit   = 3 * time.Second  // of Close
	complainEach = time.Minute
	// tracesPath is where a collector takes traces (OTLP/HTTP).
	tracesPath = "/v1/traces"
)

// Config is what New needs.
type Config struct {
	// Endpoint is the http:// or https:// URL of the collector; without a path
	// /v1/traces is meant. Empty: tracing is off.
	Endpoint string
	// Ratio of requests that are traced, 0 to 1.
	Ratio float64
	// RootCAs for https; nil means the system's.
	RootCAs *x509.CertPool
	Version string // of this program
	// Find reads a payment that this process did not make. It is asked seldom,
	// and never by whoever serves the payment.
	Find func(ctx context.Context, paymentID string) (payment.Payment, error)
	Log  *slog.Logger
}

// Tracing makes spans and sends them. The nil *Tracing is the one that is off:
// all its methods do nothing, without an allocation. Make one with New, Run it,
// and Close it last.
type Tracing struct {
	cfg      Config
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	client   *http.Client
	notes    chan note
	known    *known
	lookups  lookups
	stop     context.CancelFunc // ends what is being sent
	dropped  atomic.Int64
	full     *complaint
}

// New makes a Tracing that sends to cfg.Endpoint, or nil where there is none. It
// does not try the collector out: one that is away costs its spans and nothing
// else.
func New(cfg Config) (*Tracing, error) {
	if cfg.Endpoint == "" {
		return nil, nil
	}
	switch {
	case cfg.Ratio < 0 || cfg.Ratio > 1 || cfg.Ratio != cfg.Ratio:
		return nil, fmt.Errorf("tracing: a ratio of %v is not between 0 and 1", cfg.Ratio)
	case cfg.Find == nil:
		return nil, errors.New("tracing: no Find")
	case cfg.Log == nil:
		return nil, errors.New("tracing: no Log")
	}
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("tracing: the endpoint is no http:// or https:// URL")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = tracesPath
	}
	t := &Tracing{
		cfg: cfg, client: newClient(cfg.RootCAs), notes: make(chan note, queueLength), known: newKnown(),
		full: &complaint{log: cfg.Log},
	}
	// Making the exporter sends nothing, so its context bounds nothing.
	exporter, err := otlptracehttp.New(context.Background(),
		otlptracehttp.WithEndpointURL(u.String()), otlptracehttp.WithHTTPClient(t.client),
		otlptracehttp.WithTimeout(sendLimit), otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: time.Second, MaxInterval: sendLimit, MaxElapsedTime: exportLimit,
		}))
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	closed, stop := context.WithCancel(context.Background())
	t.stop = stop
	t.provider = sdk.NewTracerProvider(
		sdk.WithBatcher(&quiet{SpanExporter: exporter, complaint: complaint{log: cfg.Log}, closed: closed},
			sdk.WithMaxQueueSize(queueLength), sdk.WithMaxExportBatchSize(batchLength),
			sdk.WithBatchTimeout(batchEvery), sdk.WithExportTimeout(exportLimit)),
		// A parent is always ours: the span of this request, or one of our rows.
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(cfg.Ratio))),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "galla-controller"), attribute.String("service.version", cfg.Version))),
	)
	t.tracer = t.provider.Tracer("github.com/galla-pay/galla/controller")
	return t, nil
}

// newClient follows no redirect: the collector is the one that was named.
func newClient(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Timeout: sendLimit,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: sendLimit, IdleConnTimeout: time.Minute, MaxIdleConns: 2, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Run makes spans of what it is told until ctx ends.
func (t *Tracing) Run(ctx context.Context) {
	if t == nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-t.notes:
			t.make(ctx, n)
		}
	}
}

// Close sends what is left, for FlushLimit at most. Call it once, after Run has
// returned.
func (t *Tracing) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), FlushLimit)
	defer cancel()
	for len(t.notes) > 0 && ctx.Err() == nil {
		t.make(ctx, <-t.notes)
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		t.cfg.Log.Warn("the last traces could not be sent", "error", plain(err))
	}
	t.stop()
	t.client.CloseIdleConnections()
}

// put hands a note on, or drops it: nobody waits for a trace.
func (t *Tracing) put(n note) {
	select {
	case t.notes <- n:
	default:
		t.full.say(int(t.dropped.Add(1)), "traces: more happens than can be told; spans were dropped", nil)
	}
}
