package tracing

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// quiet is an exporter whose failures are logged now and then, here and not by
// the SDK's global handler.
type quiet struct {
	sdk.SpanExporter
	complaint
	closed context.Context // from its end on nothing is sent any more
	lost   int             // the SDK exports one batch at a time
}

// ExportSpans sends spans, or loses them.
func (q *quiet) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(q.closed, cancel)()
	err := q.closed.Err()
	if err == nil {
		err = q.SpanExporter.ExportSpans(ctx, spans)
	}
	if err != nil {
		q.lost += len(spans)
		q.say(q.lost, "traces could not be sent; nothing else is affected", err)
	}
	return nil
}

// complaint is said at most once in complainEach.
type complaint struct {
	log  *slog.Logger
	mu   sync.Mutex
	last time.Time
}

// say logs it; lost counts all spans since the start.
func (c *complaint) say(lost int, what string, err error) {
	c.mu.Lock()
	now := time.Now()
	due := c.last.IsZero() || now.Sub(c.last) >= complainEach
	if due {
		c.last = now
	}
	c.mu.Unlock()
	if !due {
		return
	}
	attrs := []any{"lost", lost}
	if err != nil {
		attrs = append(attrs, "error", plain(err))
	}
	c.log.Warn(what, attrs...)
}

// plain is an error in one short printable line: it may quote what a collector
// answered.
func plain(err error) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, err.Error())
	return text[:min(len(text), 300)]
}
