package ops

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// upiMetrics are the numbers of the UPI side: what PRD 10 and 12 want watched.
type upiMetrics struct {
	answers  *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	messages *vocabulary
	codes    *vocabulary

	results     *prometheus.CounterVec
	resultWords *vocabulary
	held        prometheus.Gauge

	fxAge     prometheus.Gauge
	fxRefused prometheus.Counter
	fxDoubted prometheus.Counter

	risk         *prometheus.CounterVec
	riskRules    *vocabulary
	riskOutcomes *vocabulary
}

// answerBuckets are for the time of answers, in seconds: 0.5 ms to 8 s. 0.1,
// 0.15 and 0.5 are edges, because those are the limits of PRD 10 (ReqValQr,
// ReqPay) and PRD 12 (p95): a share is then counted and not interpolated.
func answerBuckets() []float64 {
	return []float64{.0005, .001, .002, .004, .008, .016, .032, .064, .1, .15, .25, .5, 1, 2, 4, 8}
}

func newUPIMetrics(r *prometheus.Registry) upiMetrics {
	u := upiMetrics{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "galla_upi_answers_total", Help: "UPI messages answered, by message and code.",
		}, []string{"message", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "galla_upi_answer_seconds", Help: "Time to answer a UPI message, holds aside.", Buckets: answerBuckets(),
		}, []string{"message"}),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "galla_upi_results_total", Help: "Results that ReqPay was answered with.",
		}, []string{"result"}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "galla_upi_held", Help: "ReqPay messages held now, to be answered as timeouts.",
		}),
		fxAge: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "galla_fx_rate_age_seconds", Help: "Age of the foreign exchange rates in use; 0 where there are none.",
		}),
		fxRefused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "galla_fx_refused_total", Help: "Messages refused because no fresh exchange rate was known.",
		}),
		fxDoubted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "galla_fx_distrusted_total", Help: "Readings of exchange rates that failed, and rates that were not believed.",
		}),
		risk: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "galla_risk_total", Help: "Verdicts of the risk rules, by rule and outcome.",
		}, []string{"rule", "outcome"}),
		messages: words(24), codes: words(128), resultWords: words(8), riskRules: words(32), riskOutcomes: words(8),
	}
	r.MustRegister(u.answers, u.seconds, u.results, u.held, u.fxAge, u.fxRefused, u.fxDoubted, u.risk)
	for _, message := range upiMessageWords() {
		u.seconds.WithLabelValues(u.messages.admit(message))
		for _, code := range upiCodeWords() {
			u.answers.WithLabelValues(message, u.codes.admit(code))
		}
	}
	for _, result := range upiResultWords() {
		u.results.WithLabelValues(u.resultWords.admit(result))
	}
	return u
}

// UPIAnswered counts a UPI message, such as ReqPay with 00 or X7, that was answered
// after took. took is our own
// time: how long a timeout was held on purpose (PRD 5.3) is not in it, or 30 s
// that the merchant costs would be taken for our slowness.
func (m *Metrics) UPIAnswered(message, code string, took time.Duration) {
	m.upi.answers.WithLabelValues(m.upi.messages.admit(message), m.upi.codes.admit(code)).Inc()
	m.upi.seconds.WithLabelValues(m.upi.messages.admit(message)).Observe(max(0, took).Seconds())
}

// UPIResult counts how a ReqPay ended that was let through to the acquirer:
// SUCCESS, TIMEOUT, REVERSED, FAILED or PENDING, as its answer says. Each
// ReqPay is counted once: the reversal that follows a timeout later is not
// another result, or the share of timeouts would be of twice as many.
func (m *Metrics) UPIResult(result string) {
	m.upi.results.WithLabelValues(m.upi.resultWords.admit(result)).Inc()
}

// UPIHeld says how many ReqPay are held now (PRD 5.3 step 2).
func (m *Metrics) UPIHeld(n int) { m.upi.held.Set(float64(n)) }

// FXAge says how old the exchange rates in use are; they are refused from 24 h
// on (upi-switch: International, fees).
func (m *Metrics) FXAge(age time.Duration) { m.upi.fxAge.Set(max(0, age).Seconds()) }

// FXRefused counts a message that was refused because the rate it needed was
// too old or not there.
func (m *Metrics) FXRefused() { m.upi.fxRefused.Inc() }

// FXDistrusted counts a reading of exchange rates that failed, or a rate that was
// not believed: the ones before stay in use until they are too old.
func (m *Metrics) FXDistrusted() { m.upi.fxDoubted.Inc() }

// RiskVerdict counts what a risk rule said of a validation. Both are words of
// the rules' own table, never a payer or a payee.
func (m *Metrics) RiskVerdict(rule, outcome string) {
	m.upi.risk.WithLabelValues(m.upi.riskRules.admit(rule), m.upi.riskOutcomes.admit(outcome)).Inc()
}
