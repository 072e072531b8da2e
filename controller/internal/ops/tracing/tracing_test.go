package tracing_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/ops/tracing"
	"github.com/galla-pay/galla/controller/internal/ops/tracing/tracingtest"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is the time of the database in these tests: a clock that stands still, a
// second before this machine's.
var start = time.Now().Add(-time.Second).UTC().Truncate(time.Microsecond)

func at(millis int) time.Time { return start.Add(time.Duration(millis) * time.Millisecond) }

// rig is a Tracing that sends to a collector, and the rows that it may read.
type rig struct {
	*tracing.Tracing
	*tracingtest.Collector
	t     *testing.T
	rows  sync.Map // string -> payment.Payment
	finds atomic.Int32
	end   func()
}

func newRig(t *testing.T, ratio float64) *rig {
	t.Helper()
	r := &rig{t: t, Collector: tracingtest.New(t)}
	var err error
	r.Tracing, err = tracing.New(tracing.Config{Endpoint: r.URL, Ratio: ratio, Find: r.find, Log: slog.New(slog.DiscardHandler), Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	r.end = runs(t, r.Tracing)
	return r
}

// runs runs a Tracing until end, or the end of the test.
func runs(t *testing.T, traces *tracing.Tracing) (end func()) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		traces.Run(ctx)
	}()
	end = sync.OnceFunc(func() {
		stop()
		<-done
		traces.Close()
	})
	t.Cleanup(end)
	return end
}

func (r *rig) find(_ context.Context, id string) (payment.Payment, error) {
	r.finds.Add(1)
	if p, ok := r.rows.Load(id); ok {
		return p.(payment.Payment), nil
	}
	return payment.Payment{}, errors.New("not found")
}

// flushed stops the rig and returns all that it sent.
func (r *rig) flushed() []tracingtest.Span {
	r.t.Helper()
	r.end()
	return r.Spans()
}

// made is a payment of a traced request, as it was committed.
func (r *rig) made(id string) payment.Payment {
	r.t.Helper()
	ctx, request := r.Request(r.t.Context(), "POST", "/v1/payment/init", "")
	p := payment.Payment{
		ID: id, Key: payment.Key{MerchantID: "M1", TransactionID: "T-" + id}, StoreID: "S1", TerminalID: "till", Solution: payment.DQRDevice,
		State: payment.Created, CreatedAt: at(0), Trace: r.Payment(ctx, "M1", id),
	}
	request.End(http.StatusOK, "SUCCESS", "R-"+id)
	return p
}

func committed(events []payment.Record, payments ...payment.Payment) decide.Changes {
	return decide.Changes{Payments: payments, Events: events}
}

func moved(p payment.Payment, e payment.Event, from, to payment.State, millis int) payment.Record {
	return payment.Record{PaymentID: p.ID, Event: e, From: from, To: to, At: at(millis)}
}

func named(spans []tracingtest.Span, name string) (found []tracingtest.Span) {
	for _, s := range spans {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

// TestLifeIsOneTrace: what is committed and told becomes children of the request's
// span, at the times of the facts.
func TestLifeIsOneTrace(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	p := r.made("P1")
	till, _ := p.Identity()
	r.Committed(decide.Changes{NewPayments: []payment.Payment{p}, Events: []payment.Record{moved(p, payment.EventInit, payment.None, payment.Created, 0)}})
	r.StatePublished(decide.Wanted{Sale: &p, Now: at(1)}, time.Now())

	p.State, p.HandedOverAt = payment.Presented, at(100)
	p.Instrument = protocol.PayDQR
	r.Committed(committed([]payment.Record{
		moved(p, payment.EventHandedOver, payment.Created, payment.HandedOver, 100),
		moved(p, payment.EventPresented, payment.HandedOver, payment.Presented, 250),
	}, p))
	r.UPIAnswered("ReqValQr", decide.CodeOK, p.ID, time.Now())
	r.UPIAnswered("ReqPay", decide.CodeAcquirer08, p.ID, time.Now())

	p.State, p.StartedAt, p.EndedAt, p.Reason = payment.Failed, at(300), at(400), "UPI:IP08"
	end := moved(p, payment.EventPayFailed, payment.InProgress, payment.Failed, 400)
	end.Reason = p.Reason
	r.Committed(committed([]payment.Record{moved(p, payment.EventPayStarted, payment.Presented, payment.InProgress, 300), end}, p))
	r.StatePublished(decide.Wanted{Result: &p, Now: at(500)}, time.Now())
	r.ResultShown(till, p.ID)
	r.ResultShown(till, p.ID) // terminals repeat themselves
	r.CallbackAttempted(p.ID, 1, "http_status", 503, 20*time.Millisecond)
	r.CallbackAttempted(p.ID, 2, "delivered", 204, 20*time.Millisecond)

	spans := r.flushed()
	const want = `POST /v1/payment/init (server) galla.code=SUCCESS http.response.status_code=200
  ReqPay (server) galla.code=IP08
  ReqValQr (server) galla.code=00
  callback attempt (client) galla.attempt=1 galla.result=http_status http.response.status_code=503
  callback attempt (client) galla.attempt=2 galla.result=delivered http.response.status_code=204
  customer pays (internal) galla.state=failed galla.reason=UPI:IP08
  journal commit (internal) galla.events=handed_over presented galla.state=presented
  journal commit (internal) galla.events=init galla.state=created
  journal commit (internal) galla.events=pay_started pay_failed galla.state=failed
  panel presented (internal) galla.instrument=DQR
  publish state (producer) galla.outcome=failed
  publish state (producer) galla.phase=offered
  result on panel (internal)
  terminal handover (internal)
`
	shown := []string{
		"galla.code", "galla.events", "galla.state", "galla.reason", "galla.phase", "galla.outcome", "galla.instrument",
		"galla.attempt", "galla.result", "http.response.status_code",
	}
	if got := tracingtest.Tree(spans, shown...); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, s := range spans {
		if s.Trace != spans[0].Trace || s.Attributes["galla.merchant_id"] != "M1" || s.Attributes["galla.payment_id"] != "P1" {
			t.Errorf("%s: trace %s, %v", s.Name, s.Trace, s.Attributes)
		}
		if wantFailed := s.Attributes["galla.attempt"] == "1"; s.Failed != wantFailed {
			t.Errorf("%s: failed is %v", s.Name, s.Failed)
		}
	}
	for name, want := range map[string][2]time.Time{
		"terminal handover": {at(0), at(100)}, "panel presented": {at(100), at(250)}, "customer pays": {at(300), at(400)},
	} {
		if s := named(spans, name)[0]; !s.Start.Equal(want[0]) || !s.End.Equal(want[1]) {
			t.Errorf("%s lasts from %v to %v, want %v", name, s.Start, s.End, want)
		}
	}
	result, told := named(spans, "result on panel")[0], named(spans, "publish state")
	if !result.Start.Equal(told[len(told)-1].End) {
		t.Errorf("the result is on its way from %v on, it was published at %v", result.Start, told[len(told)-1].End)
	}
}

// TestParts: which parts of a payment's life end with which events, and when they
// began; what began nowhere lasts no time.
func TestParts(t *testing.T) {
	t.Parallel()
	type events []payment.Record
	step := func(from, to payment.State, millis int) payment.Record {
		return payment.Record{PaymentID: "P1", Event: payment.EventPresented, From: from, To: to, At: at(millis)}
	}
	for _, tt := range []struct {
		name    string
		payment payment.Payment // as it is afterwards
		events  events
		want    []string // name, begin and end in ms
	}{
		{"made", payment.Payment{}, events{step(payment.None, payment.Created, 0)}, nil},
		{"presented before anybody said that it was handed over", payment.Payment{HandedOverAt: at(20)},
			events{step(payment.Created, payment.HandedOver, 20), step(payment.HandedOver, payment.Presented, 20)},
			[]string{"terminal handover 0-20", "panel presented 20-20"}},
		{"an OPEN order that came back at once", payment.Payment{},
			events{step(payment.Created, payment.HandedOver, 20), step(payment.HandedOver, payment.Presented, 30), step(payment.Presented, payment.Created, 40)},
			[]string{"terminal handover 0-20", "panel presented 30-30"}},
		{"accepted by the cashier", payment.Payment{HandedOverAt: at(20)}, events{step(payment.HandedOver, payment.HandedOver, 30)}, nil},
		{"asked to cancel while the customer pays", payment.Payment{StartedAt: at(20)}, events{step(payment.InProgress, payment.InProgress, 30)}, nil},
		{"parked, and settled later", payment.Payment{StartedAt: at(20)},
			events{step(payment.InProgress, payment.Parked, 30), step(payment.Parked, payment.Succeeded, 90)}, []string{"customer pays 20-90"}},
		{"expired", payment.Payment{HandedOverAt: at(20)}, events{step(payment.Presented, payment.Expired, 90)}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1)
			made := r.made("P1")
			p := tt.payment
			p.ID, p.Key, p.Trace, p.CreatedAt = made.ID, made.Key, made.Trace, made.CreatedAt
			r.Committed(committed(tt.events, p))
			var got []string
			for _, s := range r.flushed() {
				if s.Name != "journal commit" && s.Kind == "internal" {
					got = append(got, fmt.Sprintf("%s %d-%d", s.Name, s.Start.Sub(start).Milliseconds(), s.End.Sub(start).Milliseconds()))
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestAnotherProcessGoesOn: a controller that has just started reads the payment and
// continues its trace; the result's way then begins with the end of the payment.
func TestAnotherProcessGoesOn(t *testing.T) {
	t.Parallel()
	first, second := newRig(t, 1), newRig(t, 0) // its own ratio does not matter
	p := first.made("P1")
	p.State, p.EndedAt = payment.Succeeded, at(10)
	second.rows.Store(p.ID, p)
	till, _ := p.Identity()
	other := till
	other.MerchantID = "M2"
	second.ResultShown(other, p.ID) // whose business it is not
	second.ResultShown(till, p.ID)
	second.CallbackAttempted(p.ID, 1, "delivered", 200, time.Millisecond)
	spans, root := second.flushed(), first.flushed()
	if got := tracingtest.Tree(spans); got != "callback attempt (client)\nresult on panel (internal)\n" {
		t.Fatal(got)
	}
	for _, s := range spans {
		if s.Trace != root[0].Trace || s.Parent != root[0].ID {
			t.Errorf("%s is of another trace", s.Name)
		}
	}
	if s := named(spans, "result on panel")[0]; !s.Start.Equal(at(10)) {
		t.Errorf("it begins at %v, the payment ended at %v", s.Start, at(10))
	}
	if n := second.finds.Load(); n != 1 {
		t.Errorf("the payment was read %d times", n)
	}
}

// TestBatch: of the payments that one batch moved each has a commit in its own trace,
// and those of the others are linked to the first.
func TestBatch(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	var c decide.Changes
	for n := range 3 {
		p := r.made(fmt.Sprint("P", n))
		if n == 1 {
			p.ID, p.Trace = "untraced", ""
		}
		c.NewPayments = append(c.NewPayments, p)
		c.Events = append(c.Events, moved(p, payment.EventInit, payment.None, payment.Created, 0))
	}
	r.Committed(c)
	commits := named(r.flushed(), "journal commit")
	if len(commits) != 2 {
		t.Fatalf("%d commits", len(commits))
	}
	first, second := commits[0], commits[1]
	if len(first.Links) != 0 {
		first, second = second, first
	}
	if first.Trace == second.Trace || len(second.Links) != 1 || second.Links[0] != first.ID || second.Attributes["galla.batch"] != "3" {
		t.Errorf("%+v\n%+v", first, second)
	}
}

// TestWhoDecides: a stranger's traceparent is a link and nothing more, whether it
// says sampled or not; what is not of the form is nothing.
func TestWhoDecides(t *testing.T) {
	t.Parallel()
	const stranger = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, tt := range []struct {
		name, traceparent string
		ratio             float64
		sampled, linked   bool
	}{
		{"sampled there, all here", "00-" + stranger + "-00f067aa0ba902b7-01", 1, true, true},
		{"not sampled there, all here", "00-" + stranger + "-00f067aa0ba902b7-00", 1, true, true},
		{"sampled there, nothing here", "00-" + stranger + "-00f067aa0ba902b7-01", 0, false, false},
		{"no trace id", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", 1, true, false},
		{"no span id", "00-" + stranger + "-0000000000000000-01", 1, true, false},
		{"capitals", strings.ToUpper("00-" + stranger + "-00f067aa0ba902b7-01"), 1, true, false},
		{"a later version, which may say more", "01-" + stranger + "-00f067aa0ba902b7-01-x", 1, true, true},
		{"more behind it", "00-" + stranger + "-00f067aa0ba902b7-01-x", 1, true, false},
		{"no hex", "00-" + stranger + "-00f067aa0ba902b7-0g", 1, true, false},
		{"nothing", "", 1, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, tt.ratio)
			ctx, request := r.Request(t.Context(), "POST", "/x", tt.traceparent)
			kept := r.Payment(ctx, "M1", "P1")
			request.End(500, "INTERNAL", "R")
			spans := r.flushed()
			switch {
			case !tt.sampled:
				if len(spans) != 0 || request != nil || kept != "" || r.Requests() != 0 {
					t.Errorf("%d spans, payment.Trace is %q", len(spans), kept)
				}
			case len(spans) != 1 || spans[0].Trace == stranger || spans[0].Parent != "" || !spans[0].Failed || spans[0].TraceState != "":
				t.Errorf("%+v", spans)
			case (len(spans[0].Links) == 1) != tt.linked:
				t.Errorf("links %v", spans[0].Links)
			case kept != "00-"+spans[0].Trace+"-"+spans[0].ID+"-01" || kept != request.Traceparent():
				t.Errorf("payment.Trace is %q", kept)
			}
		})
	}
}

// TestUntraced: what is not traced leaves nothing, and is not looked for twice.
func TestUntraced(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	p := payment.Payment{ID: "P1", Key: payment.Key{MerchantID: "M1"}, State: payment.Created, CreatedAt: at(0)}
	r.Committed(decide.Changes{NewPayments: []payment.Payment{p}, Events: []payment.Record{moved(p, payment.EventInit, payment.None, payment.Created, 0)}})
	for range 1000 {
		r.CallbackAttempted("P1", 1, "delivered", 200, 0)
		r.UPIAnswered("ReqPay", decide.CodeOK, "", time.Now())
		r.UPIAnswered("ReqPay", decide.CodeOK, "not an id", time.Now())
	}
	if spans := r.flushed(); len(spans) != 0 || r.finds.Load() != 0 {
		t.Errorf("%d spans, %d looks", len(spans), r.finds.Load())
	}
}
