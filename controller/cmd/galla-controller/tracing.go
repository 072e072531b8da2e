package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/callback"
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/mqttlink"
	"github.com/galla-pay/galla/controller/internal/ops/tracing"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// tracingFlags say where traces go. Without an endpoint there are none.
type tracingFlags struct {
	TraceEndpoint string  `placeholder:"URL" help:"Send traces of payments to this OpenTelemetry collector (OTLP over HTTP), such as http://127.0.0.1:4318; headers that it wants are read from OTEL_EXPORTER_OTLP_HEADERS. Empty: nothing is traced."`
	TraceRatio    float64 `default:"1" placeholder:"0..1" help:"The part of the POS's requests that is traced."`
	TraceCA       string  `name:"trace-ca" placeholder:"FILE" help:"The authorities (PEM) that the collector's certificate may be of. Default: this machine's."`
}

// checkTracing refuses flags that cannot work. Outside the sandbox traces leave
// this machine over TLS alone: they tell how a shop does.
func (f tracingFlags) checkTracing(sandbox bool) error {
	switch {
	case f.TraceRatio < 0 || f.TraceRatio > 1 || f.TraceRatio != f.TraceRatio:
		return errors.New("--trace-ratio: want 0 to 1")
	case f.TraceEndpoint == "" && f.TraceCA != "":
		return errors.New("--trace-ca needs --trace-endpoint")
	case f.TraceEndpoint == "":
		return nil
	}
	u, err := url.Parse(f.TraceEndpoint)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.User != nil, u.RawQuery != "", u.Fragment != "":
		return errors.New("--trace-endpoint: want http://HOST:PORT or https://HOST, with a path if need be")
	case u.Scheme == "http" && f.TraceCA != "":
		return errors.New("--trace-ca needs an https:// --trace-endpoint")
	case sandbox || u.Scheme == "https" || u.Hostname() == "localhost":
		return nil
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return errors.New("--trace-endpoint: outside the sandbox a collector beyond this machine needs https://")
	}
	return nil
}

// newTracing makes what traces payments, nil where nothing does.
func (f tracingFlags) newTracing(find func(context.Context, string) (payment.Payment, error), log *slog.Logger) (*tracing.Tracing, error) {
	cfg := tracing.Config{Endpoint: f.TraceEndpoint, Ratio: f.TraceRatio, Version: version, Find: find, Log: log}
	if f.TraceCA != "" {
		pem, err := os.ReadFile(f.TraceCA)
		if err != nil {
			return nil, fmt.Errorf("--trace-ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--trace-ca: %s holds no certificate in PEM", f.TraceCA)
		}
	}
	return tracing.New(cfg)
}

// traced puts the routes of r into traces, where there are any. It stands behind the
// limit of addresses. The sender is told the trace that its request began, to name
// it by when asking for help.
func (c *controller) traced(r gin.IRouter) gin.IRouter {
	if c.tracing == nil {
		return r
	}
	return r.Group("", func(g *gin.Context) {
		ctx, request := c.tracing.Request(g.Request.Context(), g.Request.Method, g.FullPath(), g.GetHeader("Traceparent"))
		if request == nil {
			return
		}
		g.Request = g.Request.WithContext(ctx)
		g.Header("Traceresponse", request.Traceparent())
		status := http.StatusInternalServerError // of a handler that panics
		defer func() { request.End(status, g.GetString(payapi.CodeKey), g.GetString("requestId")) }()
		g.Next()
		status = g.Writer.Status()
	})
}

// The doors' hooks. Where nothing is traced there are none.

func (c *controller) payTrace() func(context.Context, string, string) string {
	if c.tracing == nil {
		return nil
	}
	return c.tracing.Payment
}

func (c *controller) callbackTrace() func(callback.Delivery, string, int, time.Duration) {
	if c.tracing == nil {
		return nil
	}
	return func(d callback.Delivery, result string, status int, took time.Duration) {
		c.tracing.CallbackAttempted(d.PaymentID, d.Attempt, result, status, took)
	}
}

func (c *controller) upiTrace() func(string, decide.Code, string, time.Time) {
	if c.tracing == nil {
		return nil
	}
	return c.tracing.UPIAnswered
}

func (c *controller) witness() mqttlink.Witness {
	if c.tracing == nil {
		return nil
	}
	return c.tracing
}
