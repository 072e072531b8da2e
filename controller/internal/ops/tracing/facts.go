package tracing

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// Committed is told what the journal committed. It hands on and returns.
func (t *Tracing) Committed(c decide.Changes) {
	if t == nil || len(c.Events) == 0 {
		return
	}
	now := time.Now()
	var moved map[string]*commit
	for _, rows := range [][]payment.Payment{c.NewPayments, c.Payments} {
		for i := range rows {
			if f := t.known.learn(rows[i]); f.parent.IsSampled() {
				if moved == nil {
					moved = map[string]*commit{}
				}
				moved[rows[i].ID] = &commit{payment: &rows[i]}
			}
		}
	}
	if moved == nil {
		return
	}
	all := &batch{}
	for _, r := range c.Events {
		if m := moved[r.PaymentID]; m != nil {
			m.events = append(m.events, string(r.Event))
		}
	}
	for _, r := range c.Events {
		m := moved[r.PaymentID]
		if m == nil {
			continue
		}
		if m.events != nil {
			attrs := []attribute.KeyValue{
				attrEvents.StringSlice(m.events), attrState.String(string(m.payment.State)), attrBatch.Int(len(c.NewPayments) + len(c.Payments)),
			}
			t.put(note{payment: r.PaymentID, name: nameCommit, kind: trace.SpanKindInternal, start: r.At, end: now, attrs: attrs, batch: all})
			m.events = nil
		}
		if n, ok := passed(*m.payment, r); ok {
			t.put(n)
		}
	}
}

// commit is one payment in a batch.
type commit struct {
	payment *payment.Payment
	events  []string
}

// passed is what part of a payment's life ends with an event.
func passed(p payment.Payment, r payment.Record) (note, bool) {
	n := note{payment: p.ID, kind: trace.SpanKindInternal, end: r.At}
	switch {
	case r.From == payment.Created && r.To == payment.HandedOver:
		n.name, n.start = nameHandover, p.CreatedAt
	case r.From != payment.Presented && r.To == payment.Presented:
		n.name, n.start = namePanel, p.HandedOverAt
		n.attrs = []attribute.KeyValue{attrWith.String(string(p.Instrument))}
	case (r.From == payment.InProgress || r.From == payment.Parked) && r.To.Final():
		n.name, n.start = namePays, p.StartedAt
		n.attrs = []attribute.KeyValue{attrState.String(string(r.To))}
		if r.Reason != "" {
			n.attrs = append(n.attrs, attrReason.String(r.Reason))
		}
	}
	if n.start.IsZero() { // an OPEN order that went back to the pool at once
		n.start = r.At
	}
	return n, n.name != ""
}

// StatePublished is told that a terminal's new state went out: whose sale and
// result are in it, and when publishing began.
func (t *Tracing) StatePublished(w decide.Wanted, began time.Time) {
	if t == nil {
		return
	}
	now := time.Now()
	say := func(p *payment.Payment, of attribute.KeyValue) {
		t.put(note{
			payment: p.ID, name: namePublish, kind: trace.SpanKindProducer, start: began, end: now,
			attrs: []attribute.KeyValue{attrSeq.Int64(int64(w.Terminal.Seq)), of},
		})
	}
	state := w.State("")
	if p := w.Sale; state.Sale != nil && t.known.learn(*p).parent.IsSampled() {
		say(p, attrPhase.String(string(state.Sale.Phase)))
	}
	if p := w.Result; state.Result != nil && t.known.learn(*p).parent.IsSampled() {
		t.known.tell(p.ID, now)
		say(p, attrOutcome.String(string(state.Result.Outcome)))
	}
}

// ResultShown is told that a terminal says that a payment's result is on glass. It
// may say so any number of times, and of anybody's payment.
func (t *Tracing) ResultShown(by protocol.Identity, paymentID string) {
	if t == nil {
		return
	}
	t.put(note{payment: paymentID, name: nameResult, kind: trace.SpanKindInternal, end: time.Now(), shownBy: by})
}

// UPIAnswered is told that a message of the UPI network about a payment was
// answered with a code; it came at began.
func (t *Tracing) UPIAnswered(message string, code decide.Code, paymentID string, began time.Time) {
	if t == nil || paymentID == "" {
		return
	}
	t.put(note{
		payment: paymentID, name: message, kind: trace.SpanKindServer, start: began, end: time.Now(),
		attrs: []attribute.KeyValue{attrCode.String(string(code))},
	})
}

// CallbackAttempted is told that an attempt to call a merchant back is over: its
// number, from 1, what came of it, and the HTTP status or 0.
func (t *Tracing) CallbackAttempted(paymentID string, attempt int, result string, status int, took time.Duration) {
	if t == nil {
		return
	}
	now := time.Now()
	attrs := []attribute.KeyValue{attrAttempt.Int(attempt), attrResult.String(result)}
	if status != 0 {
		attrs = append(attrs, attrStatus.Int(status))
	}
	t.put(note{
		payment: paymentID, name: nameCallback, kind: trace.SpanKindClient, start: now.Add(-took), end: now,
		attrs: attrs, failed: status < 200 || status > 299,
	})
}
