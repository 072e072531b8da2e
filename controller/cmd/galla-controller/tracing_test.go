package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/ops/tracing/tracingtest"
	"github.com/galla-pay/galla/hack/testservers"
)

// attributes are all that a span may have.
var attributes = []string{
	"galla.merchant_id", "galla.payment_id", "galla.request_id", "galla.code", "galla.events", "galla.state", "galla.reason", "galla.batch",
	"galla.seq", "galla.phase", "galla.outcome", "galla.instrument", "galla.attempt", "galla.result",
	"http.request.method", "http.route", "http.response.status_code",
	"db.system.name", "db.query.text", "db.operation.name", "pgx.rows_affected", // of SQL that has no values in it
}

// TestTraceOfASale is one sale over everything that runs, on both storages: one trace,
// whose golden is testdata/trace-of-a-sale.txt, complete although the controller is
// stopped right behind it, and nothing in it that is anybody's secret.
func TestTraceOfASale(t *testing.T) {
	t.Parallel()
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			collector := tracingtest.New(t)
			var canaries []string
			var response string
			t.Run("a sale", func(t *testing.T) { // with its end the controller has stopped
				s := openShop(t, collector.URL, func(c *serveCommand) {
					if database == "postgres" {
						c.databaseFlags = databaseFlags{
							Database: testservers.SharedPostgres(t).NewDatabase(t), SealKeyFile: filepath.Join(t.TempDir(), "key"),
						}
					}
				})
				answered, called := s.paid()
				response = answered.Get("Traceresponse")
				if called.Get("Traceparent")+called.Get("Tracestate") != "" {
					t.Errorf("the merchant's server is told of a trace: %v", called)
				}
				s.ask("/v3/qr/transaction/list", map[string]any{
					"merchantId": testTerminal.MerchantID, "storeId": testTerminal.StoreID, "size": 10,
				}, nil)
				canaries = s.canaries
			})
			spans := collector.Spans()
			byTrace := map[string][]tracingtest.Span{}
			for _, span := range spans {
				byTrace[span.Trace] = append(byTrace[span.Trace], span)
				if span.Trace == strangers || span.Events != "" || span.TraceState != "" || span.End.Before(span.Start) {
					t.Errorf("%+v", span)
				}
			}
			at := slices.IndexFunc(spans, func(s tracingtest.Span) bool { return s.Name == "POST /v1/payment/init" })
			if at < 0 {
				t.Fatalf("the request was not traced:\n%s", tracingtest.Tree(spans))
			}
			root := spans[at]
			if len(byTrace) != 2 || !slices.Equal(root.Links, []string{"00f067aa0ba902b7"}) || response != "00-"+root.Trace+"-"+root.ID+"-01" {
				t.Errorf("%d traces, links %v, Traceresponse %q", len(byTrace), root.Links, response)
			}
			for _, span := range spans {
				for name, value := range span.Attributes {
					if !slices.Contains(attributes, name) || value == "24567" {
						t.Errorf("%s says %s = %s", span.Name, name, value)
					}
				}
			}
			for _, span := range byTrace[root.Trace] {
				if span.Attributes["galla.merchant_id"] != testTerminal.MerchantID || span.Attributes["galla.payment_id"] != root.Attributes["galla.payment_id"] {
					t.Errorf("%s is of %v", span.Name, span.Attributes)
				}
			}
			golden(t, "testdata/trace-of-a-sale.txt", tracingtest.Tree(byTrace[root.Trace], "galla.events", "galla.code", "galla.result",
				"galla.phase", "galla.outcome"))
			delete(byTrace, root.Trace)
			for _, other := range byTrace {
				want := "POST /v3/qr/transaction/list (server)\n"
				if database == "postgres" {
					want += "  SELECT (client)\n"
				}
				if got := tracingtest.Tree(other); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			for _, canary := range canaries {
				if collector.Holds(canary) {
					t.Errorf("the traces hold %q", canary)
				}
			}
			if !collector.Holds("galla.payment_id") {
				t.Error("the collector could not find what is there")
			}
		})
	}
}

// golden compares text with a file, or writes it there with -update.
func golden(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		must(t, os.WriteFile(file, []byte(text), 0o644))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if text != string(want) {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

// TestTracingOff: nothing is sent, nothing is kept, nobody is told of a trace.
func TestTracingOff(t *testing.T) {
	t.Parallel()
	s := openShop(t, "", nil)
	answered, called := s.paid()
	for _, header := range []http.Header{answered, called} {
		for name := range header {
			if strings.Contains(strings.ToLower(name), "trace") {
				t.Errorf("there is a %s", name)
			}
		}
	}
}

// TestCollectorAway: answers, results and callbacks are as ever.
func TestCollectorAway(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	s := openShop(t, "http://"+l.Addr().String(), nil)
	s.paid()
}

// TestTracingFlags: where traces may go, and what refuses to start.
func TestTracingFlags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		endpoint      string
		ratio         float64
		ca            string
		live, sandbox string // part of the error, "" for none
	}{
		{"", 1, "", "", ""}, {"https://collector.example", 0, "", "", ""}, {"https://collector.example/otlp/v1/traces", 0.01, "", "", ""},
		{"http://127.0.0.1:4318", 1, "", "", ""}, {"http://[::1]:4318", 1, "", "", ""}, {"http://localhost:4318/", 1, "", "", ""},
		{"http://collector.example:4318", 1, "", "needs https://", ""}, {"http://10.0.0.1:4318", 1, "", "needs https://", ""},
		{"grpc://collector:4317", 1, "", "--trace-endpoint", "--trace-endpoint"}, {"collector:4318", 1, "", "--trace-endpoint", "--trace-endpoint"},
		{"https://u:p@collector.example", 1, "", "--trace-endpoint", "--trace-endpoint"}, {"https://collector.example?k=1", 1, "", "--trace-endpoint", "--trace-endpoint"},
		{"https://%zz", 1, "", "--trace-endpoint", "--trace-endpoint"}, {"https:///x", 1, "", "--trace-endpoint", "--trace-endpoint"},
		{"https://c.example", -0.1, "", "--trace-ratio", "--trace-ratio"}, {"https://c.example", 1.1, "", "--trace-ratio", "--trace-ratio"},
		{"", 1, "ca.pem", "--trace-ca needs", "--trace-ca needs"}, {"http://127.0.0.1:1", 1, "ca.pem", "--trace-ca needs", "--trace-ca needs"},
	} {
		f := tracingFlags{TraceEndpoint: tt.endpoint, TraceRatio: tt.ratio, TraceCA: tt.ca}
		for sandbox, want := range map[bool]string{false: tt.live, true: tt.sandbox} {
			if err := f.checkTracing(sandbox); (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%+v, sandbox %v: %v, want %q", f, sandbox, err, want)
			}
		}
	}
}

// TestTraceCA: the collector's authority is read, or refused.
func TestTraceCA(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(broken, []byte("no PEM"), 0o600))
	for file, want := range map[string]string{broken: "holds no certificate", broken + ".none": "no such file"} {
		f := tracingFlags{TraceEndpoint: "https://c.example", TraceRatio: 1, TraceCA: file}
		if _, err := f.newTracing(nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
