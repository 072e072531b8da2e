package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/galla-pay/galla/protocol"
)

// The names of spans.
const (
	nameCommit   = "journal commit"
	namePublish  = "publish state"
	nameHandover = "terminal handover"
	namePanel    = "panel presented"
	namePays     = "customer pays"
	nameResult   = "result on panel"
	nameCallback = "callback attempt"
)

// note is one span to be made.
type note struct {
	payment    string
	name       string
	kind       trace.SpanKind
	start, end time.Time // start is zero where it is known of the payment
	attrs      []attribute.KeyValue
	failed     bool
	batch      *batch            // of a commit
	shownBy    protocol.Identity // of a result
}

// batch is what the commits of one batch have in common. Only the maker of spans
// touches it.
type batch struct{ first trace.SpanContext }

// make makes the span, where the payment is traced.
func (t *Tracing) make(ctx context.Context, n note) {
	f, ok := t.fact(ctx, n.payment)
	if !ok || !f.parent.IsSampled() {
		return
	}
	if n.name == nameResult {
		if f.terminal != n.shownBy || f.ended.IsZero() || !t.known.show(n.payment) {
			return
		}
		if n.start = f.told; n.start.IsZero() {
			n.start = f.ended
		}
	}
	if n.end.Before(n.start) { // of two clocks
		n.end = n.start
	}
	options := []trace.SpanStartOption{
		trace.WithSpanKind(n.kind), trace.WithTimestamp(n.start),
		trace.WithAttributes(attrMerchant.String(f.merchant), attrPayment.String(n.payment)), trace.WithAttributes(n.attrs...),
	}
	if n.batch != nil && n.batch.first.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: n.batch.first}))
	}
	_, span := t.tracer.Start(trace.ContextWithRemoteSpanContext(context.Background(), f.parent), n.name, options...)
	if n.batch != nil && !n.batch.first.IsValid() {
		n.batch.first = span.SpanContext()
	}
	if n.failed {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(n.end))
}
