// Package tracingtest is an OpenTelemetry collector for tests: it takes OTLP over
// HTTP and keeps all that it was sent. Only tests import it.
package tracingtest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// patience bounds every wait. It is reached only by a failure.
const patience = 20 * time.Second

// Span is a span as it arrived. Ids are hex, "" for none.
type Span struct {
	Name, Kind         string
	Trace, ID, Parent  string
	Start, End         time.Time
	Attributes         map[string]string
	Links              []string // the ids of spans
	Failed             bool
	Events, TraceState string
}

// Collector is a receiver on loopback.
type Collector struct {
	URL string

	mu       sync.Mutex
	spans    []Span
	raw      []byte // all bodies, uncompressed
	requests int
	fails    string // what is wrong with a request, if one was
	changed  chan struct{}
}

// New starts one that is taken down with the test, which fails where it was sent
// anything but OTLP.
func New(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{changed: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.take(r); err != nil {
			c.mu.Lock()
			c.fails = err.Error()
			c.mu.Unlock()
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf") // an empty answer: all was taken
	}))
	t.Cleanup(func() {
		server.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.fails != "" {
			t.Errorf("the collector was sent: %s", c.fails)
		}
	})
	c.URL = server.URL
	return c
}

func (c *Collector) take(r *http.Request) error {
	if r.Method != "POST" || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		return fmt.Errorf("%s %s of %s", r.Method, r.URL, r.Header.Get("Content-Type"))
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return err
		}
		body = unzipped
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var m collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(raw, &m); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	c.raw = append(c.raw, raw...)
	for _, resource := range m.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, read(s))
			}
		}
	}
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

func read(s *otlp.Span) Span {
	read := Span{
		Name: s.Name, Kind: strings.ToLower(strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_")),
		Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
		Start: time.Unix(0, int64(s.StartTimeUnixNano)), End: time.Unix(0, int64(s.EndTimeUnixNano)),
		Attributes: map[string]string{}, Failed: s.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR, TraceState: s.TraceState,
	}
	for _, a := range s.Attributes {
		read.Attributes[a.Key] = text(a.Value)
	}
	for _, l := range s.Links {
		read.Links = append(read.Links, hex.EncodeToString(l.SpanId))
	}
	for _, e := range s.Events {
		read.Events += e.String()
	}
	return read
}

func text(v *common.AnyValue) string {
	switch v := v.Value.(type) {
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_IntValue:
		return fmt.Sprint(v.IntValue)
	case *common.AnyValue_ArrayValue:
		var all []string
		for _, one := range v.ArrayValue.Values {
			all = append(all, text(one))
		}
		return strings.Join(all, " ")
	}
	return fmt.Sprint(v)
}

// Spans are those that have arrived, the earliest first.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	spans := slices.Clone(c.spans)
	slices.SortStableFunc(spans, func(a, b Span) int { return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End)) })
	return spans
}

// Requests is how many have arrived.
func (c *Collector) Requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

// Holds reports whether text was sent anywhere, in any case of its letters.
func (c *Collector) Holds(text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Contains(bytes.ToLower(c.raw), bytes.ToLower([]byte(text)))
}

// Await waits until the spans are as wanted.
func (c *Collector) Await(t testing.TB, what string, ok func([]Span) bool) []Span {
	t.Helper()
	limit := time.After(patience)
	for {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		if spans := c.Spans(); ok(spans) {
			return spans
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("never sent: %s\n%s", what, Tree(c.Spans()))
		}
	}
}

// Tree is the names of spans below their parents, siblings in the order of their
// names, each trace on its own, with the attributes that are asked for.
func Tree(spans []Span, attributes ...string) string {
	children := map[string][]Span{}
	present := map[string]bool{}
	for _, s := range spans {
		present[s.Trace+s.ID] = true
	}
	for _, s := range spans {
		parent := s.Trace + s.Parent
		if !present[parent] {
			parent = ""
		}
		children[parent] = append(children[parent], s)
	}
	var lines func(parent, indent string) []string
	lines = func(parent, indent string) (all []string) {
		var blocks []string
		for _, s := range children[parent] {
			line := indent + s.Name + " (" + s.Kind + ")"
			for _, name := range attributes {
				if value, ok := s.Attributes[name]; ok {
					line += " " + name + "=" + value
				}
			}
			blocks = append(blocks, strings.Join(append([]string{line}, lines(s.Trace+s.ID, indent+"  ")...), "\n"))
		}
		slices.Sort(blocks)
		return blocks
	}
	return strings.Join(lines("", ""), "\n") + "\n"
}
