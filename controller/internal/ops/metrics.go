package ops

import (
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the controller's numbers, in a registry of their own. Its methods
// are what other packages declare as their small interfaces; all may be called
// from any goroutine. Make one with NewMetrics.
//
// No label is a merchant, a store, a terminal or a payment: those have no
// bound. Label words are admitted up to a number for each label, and of a
// bounded form; further ones are counted as "other".
type Metrics struct {
	registry *prometheus.Registry

	payments *prometheus.CounterVec
	states   *vocabulary

	httpRequests *prometheus.CounterVec
	httpSeconds  *prometheus.HistogramVec
	routes       *vocabulary
	httpCodes    *vocabulary

	batchSize    prometheus.Histogram
	batchSeconds prometheus.Histogram
	batchRetries *prometheus.CounterVec
	retryReasons *vocabulary
	queueLength  prometheus.Gauge

	terminals prometheus.Gauge

	callbacks       *prometheus.CounterVec
	callbackSeconds prometheus.Histogram
	callbackDead    prometheus.Counter
	callbackBreaks  prometheus.Counter
	callbackLanes   prometheus.Gauge
	callbackResults *vocabulary

	outboxAge     *prometheus.GaugeVec
	outboxPending *prometheus.GaugeVec
	outboxes      *vocabulary

	limited    *prometheus.CounterVec
	limitKinds *vocabulary

	network      *prometheus.CounterVec
	networkDead  *prometheus.CounterVec
	messages     *prometheus.CounterVec
	messageWords *vocabulary
	networkKinds *vocabulary
	networkEnds  *vocabulary

	credits      *prometheus.CounterVec
	creditStates *vocabulary

	upi upiMetrics
}

// NewMetrics makes and registers them, with those of the Go runtime and the
// process. version is the program's, for galla_build_info.
func NewMetrics(version string) *Metrics {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		r.MustRegister(g)
		return g
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		r.MustRegister(g)
		return g
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
		r.MustRegister(h)
		return h
	}
	// 0.5 ms to 8 s, and 1 to 512 decisions (DESIGN 3.1), by doubling.
	seconds, sizes := prometheus.ExponentialBuckets(0.0005, 2, 15), prometheus.ExponentialBuckets(1, 2, 10)

	m := &Metrics{
		registry: r,
		payments: counters("galla_payments_total", "Payments that entered a state.", "state"),
		httpRequests: counters("galla_http_requests_total",
			"HTTP requests answered, by route, status and the answer's own code.", "route", "status", "code"),
		httpSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "galla_http_request_seconds", Help: "Time to answer an HTTP request.", Buckets: answerBuckets(),
		}, []string{"route"}),
		batchSize:    histogram("galla_journal_batch_decisions", "Decisions in a batch of the journal.", sizes),
		batchSeconds: histogram("galla_journal_batch_seconds", "Time from a batch's first query to its commit.", seconds),
		batchRetries: counters("galla_journal_batch_retries_total", "Batches run again or halved, by reason.", "reason"),
		queueLength:  gauge("galla_journal_queue_length", "Decisions that wait for the journal."),
		terminals:    gauge("galla_terminals_connected", "Terminals connected to this controller."),
		callbacks:    counters("galla_callback_attempts_total", "Callback attempts, by result.", "result"),
		callbackSeconds: histogram("galla_callback_attempt_seconds",
			"Time of a callback attempt.", seconds),
		callbackDead: prometheus.NewCounter(prometheus.CounterOpts{Name: "galla_callbacks_dead_total", Help: "Callbacks given up."}),
		callbackBreaks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "galla_callback_breaker_opens_total", Help: "Times that a callback destination's circuit breaker opened."}),
		callbackLanes: gauge("galla_callback_lanes_open", "Callback destinations whose circuit breaker is open."),
		outboxAge:     gauges("galla_outbox_oldest_seconds", "How long the oldest row of an outbox is overdue.", "outbox"),
		outboxPending: gauges("galla_outbox_pending", "Rows of an outbox that are not done.", "outbox"),
		limited: counters("galla_limited_total",
			"Requests, messages and connections refused as too many, by kind.", "kind"),
		network: counters("galla_network_attempts_total",
			"Messages to the UPI network that were tried, by kind and result.", "kind", "result"),
		messages:    counters("galla_terminal_messages_total", "Messages of and to terminals, by what became of them.", "what"),
		networkDead: counters("galla_network_dead_total", "Messages to the UPI network given up, by kind: an alarm.", "kind"),
		credits:     counters("galla_credits_total", "Credits that entered a state; reversing and suspense are alarms.", "state"),
		upi:         newUPIMetrics(r),

		states: words(16), routes: words(128), httpCodes: words(96), retryReasons: words(16), messageWords: words(32),
		limitKinds: words(8), networkKinds: words(16), networkEnds: words(24), creditStates: words(8), callbackResults: words(16), outboxes: words(8),
	}
	r.MustRegister(m.httpSeconds, m.callbackDead, m.callbackBreaks)
	for _, state := range paymentWords() {
		m.payments.WithLabelValues(m.states.admit(state))
	}
	for _, state := range creditWords() {
		m.credits.WithLabelValues(m.creditStates.admit(state))
	}
	for _, what := range terminalWords() {
		m.messages.WithLabelValues(m.messageWords.admit(what))
	}
	for _, kind := range networkWords() {
		m.networkDead.WithLabelValues(m.networkKinds.admit(kind))
	}
	for _, outbox := range outboxWords() {
		m.Outbox(outbox, 0, 0)
	}
	gauges("galla_build_info", "Always 1; its labels say what runs.", "version", "go").
		WithLabelValues(version, runtime.Version()).Set(1)
	return m
}

// Handler answers /metrics in Prometheus's text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		Registry:            m.registry,
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
	})
}

// PaymentEntered counts a payment that entered a state, in the states' own words.
func (m *Metrics) PaymentEntered(state string) {
	m.payments.WithLabelValues(m.states.admit(state)).Inc()
}

// HTTPRequest counts an answered request. route is the route's pattern, such as
// "/v1/payment/:merchantId/:id/status", never the path; empty means that no
// route matched. code is the answer's own, such as SUCCESS; empty if it has none.
func (m *Metrics) HTTPRequest(route string, status int, code string, took time.Duration) {
	if route == "" {
		route = "unmatched"
	}
	if code == "" {
		code = "none"
	}
	if status < 100 || status > 599 {
		status = 0
	}
	route = m.routes.admit(route)
	m.httpRequests.WithLabelValues(route, strconv.Itoa(status), m.httpCodes.admit(code)).Inc()
	m.httpSeconds.WithLabelValues(route).Observe(took.Seconds())
}

// JournalBatch counts a committed batch.
func (m *Metrics) JournalBatch(decisions int, took time.Duration) {
	m.batchSize.Observe(float64(decisions))
	m.batchSeconds.Observe(took.Seconds())
}

// JournalRetry counts a batch that is run again or halved; reason is an SQLSTATE
// or a word such as "commit_unknown".
func (m *Metrics) JournalRetry(reason string) {
	m.batchRetries.WithLabelValues(m.retryReasons.admit(reason)).Inc()
}

// JournalQueue says how many decisions wait now.
func (m *Metrics) JournalQueue(length int) { m.queueLength.Set(float64(length)) }

// TerminalsConnected says how many terminals are connected now.
func (m *Metrics) TerminalsConnected(n int) { m.terminals.Set(float64(n)) }

// TerminalMessage counts a message of a terminal, or to one, by what became of it:
// report, state_published, report_refused. identity_shared is an alarm: a sync told
// that two devices have one terminal's identity.
func (m *Metrics) TerminalMessage(what string) {
	m.messages.WithLabelValues(m.messageWords.admit(what)).Inc()
}

// CallbackAttempt counts an attempt that ended with result after took.
func (m *Metrics) CallbackAttempt(result string, took time.Duration) {
	m.callbacks.WithLabelValues(m.callbackResults.admit(result)).Inc()
	m.callbackSeconds.Observe(took.Seconds())
}

// CallbackDead counts n callbacks that were given up.
func (m *Metrics) CallbackDead(n int) {
	if n > 0 { // a counter that is told to go back panics
		m.callbackDead.Add(float64(n))
	}
}

// CallbackBreakerOpened counts a destination that is left alone for a while.
func (m *Metrics) CallbackBreakerOpened() { m.callbackBreaks.Inc() }

// CallbackLanesOpen says how many destinations are shut out now.
func (m *Metrics) CallbackLanesOpen(n int) { m.callbackLanes.Set(float64(n)) }

// Outbox says how many rows of an outbox, such as "callbacks", are not done, and
// how long the oldest of them is overdue; 0 if none is.
func (m *Metrics) Outbox(outbox string, pending int, oldest time.Duration) {
	outbox = m.outboxes.admit(outbox)
	m.outboxPending.WithLabelValues(outbox).Set(float64(pending))
	m.outboxAge.WithLabelValues(outbox).Set(max(0, oldest).Seconds())
}

// Limited counts what was refused as too many: a merchant's, address's or
// terminal's, or a connection.
func (m *Metrics) Limited(kind string) { m.limited.WithLabelValues(m.limitKinds.admit(kind)).Inc() }

// NetworkAttempt counts a message to the UPI network that was tried.
func (m *Metrics) NetworkAttempt(kind, result string, _ time.Duration) {
	m.network.WithLabelValues(m.networkKinds.admit(kind), m.networkEnds.admit(result)).Inc()
}

// NetworkDead counts a message to the UPI network that was given up.
func (m *Metrics) NetworkDead(kind string) {
	m.networkDead.WithLabelValues(m.networkKinds.admit(kind)).Inc()
}

// CreditEntered counts a credit that entered a state.
func (m *Metrics) CreditEntered(state string) {
	m.credits.WithLabelValues(m.creditStates.admit(state)).Inc()
}

// vocabulary admits a bounded number of words for one label.
type vocabulary struct {
	most int
	mu   sync.RWMutex
	seen map[string]bool
}

func words(most int) *vocabulary { return &vocabulary{most: most, seen: map[string]bool{}} }

// wordForm is what a state, a code or a route pattern is made of.
var wordForm = regexp.MustCompile(`^[A-Za-z0-9_/:{}*.+-]{1,80}$`)

// admit returns word if it is known or there is room for it, else "other".
func (v *vocabulary) admit(word string) string {
	v.mu.RLock()
	known := v.seen[word]
	v.mu.RUnlock()
	if known {
		return word
	}
	if !wordForm.MatchString(word) {
		return "other"
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.seen[word] {
		if len(v.seen) >= v.most {
			return "other"
		}
		v.seen[word] = true
	}
	return word
}
