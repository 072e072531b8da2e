package tracing

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Request is the span of an HTTP request. The nil one is of a request that is not
// traced.
type Request struct{ span trace.Span }

// Request begins the span of a request and returns the context that it is to be
// served with. route is its pattern, with the names of what varies and not their
// values. traceparent is what the sender says of its own trace; it is linked,
// where it can be read, and decides nothing.
func (t *Tracing) Request(ctx context.Context, method, route, traceparent string) (context.Context, *Request) {
	if t == nil {
		return ctx, nil
	}
	options := []trace.SpanStartOption{
		trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attrMethod.String(method), attrRoute.String(route)),
	}
	if theirs, ok := parse(traceparent); ok {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: theirs}))
	}
	traced, span := t.tracer.Start(ctx, method+" "+route, options...)
	if !span.SpanContext().IsSampled() {
		return ctx, nil
	}
	return traced, &Request{span}
}

// Traceparent names the span in W3C's form, "" where there is none.
func (r *Request) Traceparent() string {
	if r == nil {
		return ""
	}
	return format(r.span.SpanContext())
}

// End ends the span with what was answered.
func (r *Request) End(status int, code, requestID string) {
	if r == nil {
		return
	}
	r.span.SetAttributes(attrStatus.Int(status), attrRequest.String(requestID))
	if code != "" {
		r.span.SetAttributes(attrCode.String(code))
	}
	if status >= http.StatusInternalServerError {
		r.span.SetStatus(codes.Error, "")
	}
	r.span.End()
}

// Payment says which payment the request of ctx makes. It returns what belongs
// into payment.Trace: the traceparent, or "" where the request is not traced.
func (t *Tracing) Payment(ctx context.Context, merchantID, paymentID string) string {
	if t == nil {
		return ""
	}
	span := trace.SpanFromContext(ctx)
	if !span.SpanContext().IsSampled() {
		return ""
	}
	span.SetAttributes(attrMerchant.String(merchantID), attrPayment.String(paymentID))
	return format(span.SpanContext())
}

// traceparent is a carrier of that header alone: nobody's tracestate and baggage
// come with it.
type traceparent string

func (p traceparent) Get(name string) string {
	if name == "traceparent" {
		return string(p)
	}
	return ""
}
func (traceparent) Set(string, string) {}
func (traceparent) Keys() []string     { return []string{"traceparent"} }

// parse reads a traceparent (W3C Trace Context, 3.2), of a remote span.
func parse(s string) (trace.SpanContext, bool) {
	if s == "" {
		return trace.SpanContext{}, false
	}
	read := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), traceparent(s)))
	return read, read.IsValid()
}

// format is the traceparent of a span that is sampled.
func format(c trace.SpanContext) string {
	return "00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-01"
}
