package ops_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/ops"
)

func TestUPIMetrics(t *testing.T) {
	t.Parallel()
	m := ops.NewMetrics("dev")
	m.UPIAnswered("ReqValQr", "00", 100*time.Millisecond)
	m.UPIAnswered("ReqValQr", "PE", 101*time.Millisecond)
	m.UPIAnswered("ReqPay", "00", 150*time.Millisecond)
	m.UPIAnswered("ReqPay", "96", 500*time.Millisecond)
	m.UPIAnswered("ReqPay", "00", 501*time.Millisecond)
	m.UPIAnswered("ReqPay", "00", -time.Millisecond) // a hold that was taken off twice
	m.UPIAnswered("ReqPay", "00", 0)
	m.UPIResult("SUCCESS")
	m.UPIResult("TIMEOUT")
	m.UPIResult("TIMEOUT")
	m.UPIHeld(1000)
	m.FXAge(90 * time.Minute)
	m.FXRefused()
	m.FXDistrusted()
	m.RiskVerdict("velocity", "refused")

	got := scrape(t, m)
	for line, want := range map[string]string{
		`galla_upi_answers_total{code="00",message="ReqValQr"}`:      "1",
		`galla_upi_answers_total{code="PE",message="ReqValQr"}`:      "1",
		`galla_upi_answers_total{code="00",message="ReqPay"}`:        "4",
		`galla_upi_answers_total{code="96",message="ReqPay"}`:        "1",
		`galla_upi_answer_seconds_count{message="ReqValQr"}`:         "2",
		`galla_upi_answer_seconds_count{message="ReqPay"}`:           "5",
		`galla_upi_answer_seconds_sum{message="ReqPay"}`:             "1.151",
		`galla_upi_answer_seconds_bucket{message="ReqPay",le="0.5"}`: "4",
		`galla_upi_results_total{result="SUCCESS"}`:                  "1",
		`galla_upi_results_total{result="TIMEOUT"}`:                  "2",
		`galla_upi_held`:                                              "1000",
		`galla_fx_rate_age_seconds`:                                   "5400",
		`galla_fx_distrusted_total`:                                   "1",
		`galla_fx_refused_total`:                                      "1",
		`galla_risk_total{outcome="refused",rule="velocity"}`:         "1",
		`galla_upi_answer_seconds_bucket{message="ReqPay",le="+Inf"}`: "5",
	} {
		if got[line] != want {
			t.Errorf("%s is %q, want %q", line, got[line], want)
		}
	}
	m.UPIHeld(0)
	m.FXAge(-time.Second)
	if got := scrape(t, m); got["galla_upi_held"] != "0" || got["galla_fx_rate_age_seconds"] != "0" {
		t.Errorf("held %s, age %s", got["galla_upi_held"], got["galla_fx_rate_age_seconds"])
	}
}

// The limits of PRD 10 and 12 are edges of the buckets, and an answer that took
// exactly the limit is below it.
func TestLimitsAreEdges(t *testing.T) {
	t.Parallel()
	for _, limit := range []time.Duration{100 * time.Millisecond, 150 * time.Millisecond, 500 * time.Millisecond} {
		m := ops.NewMetrics("dev")
		for _, took := range []time.Duration{limit - time.Microsecond, limit, limit + time.Microsecond} {
			m.UPIAnswered("ReqPay", "00", took)
			m.HTTPRequest("/v1/payment/init", 200, "SUCCESS", took)
		}
		got := scrape(t, m)
		for _, metric := range []string{
			`galla_upi_answer_seconds_bucket{message="ReqPay",le="%v"}`,
			`galla_http_request_seconds_bucket{route="/v1/payment/init",le="%v"}`,
		} {
			if line := fmt.Sprintf(metric, limit.Seconds()); got[line] != "2" {
				t.Errorf("%s is %q, want 2", line, got[line])
			}
		}
	}
}

// What an alert waits for is there from the start, with 0: a counter that
// begins at 1 has not risen.
func TestAlarmsBeginAtZero(t *testing.T) {
	t.Parallel()
	got := scrape(t, ops.NewMetrics("dev"))
	lines := []string{
		`galla_payments_total{state="parked"}`, `galla_payments_total{state="expired"}`,
		`galla_credits_total{state="reversing"}`, `galla_credits_total{state="suspense"}`,
		`galla_callbacks_dead_total`, `galla_outbox_oldest_seconds{outbox="callbacks"}`, `galla_outbox_oldest_seconds{outbox="network"}`,
		`galla_upi_held`, `galla_fx_rate_age_seconds`, `galla_fx_refused_total`,
	}
	for _, kind := range []string{"COLLECT", "COLLECT_REMIND", "COLLECT_CANCEL", "REFUND", "REVERSAL", "ASK"} {
		lines = append(lines, fmt.Sprintf(`galla_network_dead_total{kind=%q}`, kind))
	}
	for _, result := range []string{"SUCCESS", "TIMEOUT", "REVERSED", "FAILED", "PENDING"} {
		lines = append(lines, fmt.Sprintf(`galla_upi_results_total{result=%q}`, result))
	}
	for _, message := range []string{"ReqValQr", "ReqPay", "ReqChkTxn"} {
		lines = append(lines, fmt.Sprintf(`galla_upi_answer_seconds_count{message=%q}`, message))
		for _, code := range []string{"00", "PE", "X7", "YH", "ZE", "ZD", "ZF", "ZQ", "ZR", "IP05", "IP08", "IP10", "BR", "96"} {
			lines = append(lines, fmt.Sprintf(`galla_upi_answers_total{code=%q,message=%q}`, code, message))
		}
	}
	for _, line := range lines {
		if got[line] != "0" {
			t.Errorf("%s is %q at the start, want 0", line, got[line])
		}
	}
}

// The words of the UPI side are bounded like all others.
func TestUPILabelsAreBounded(t *testing.T) {
	t.Parallel()
	m := ops.NewMetrics("dev")
	for i := range 500 {
		word := fmt.Sprintf("customer-%d", i)
		m.UPIAnswered(word, word, time.Millisecond)
		m.UPIResult(word)
		m.RiskVerdict(word, word)
	}
	m.UPIResult("customer@upi")
	m.UPIResult("REVERSED")
	got := scrape(t, m)
	for name, most := range map[string]int{
		"galla_upi_answer_seconds_count": 25, "galla_upi_results_total": 9, "galla_risk_total": 33 * 9,
	} {
		series := 0
		for line := range got {
			if strings.HasPrefix(line, name+"{") {
				series++
			}
			if strings.Contains(line, "@") {
				t.Errorf("an address is a label: %s", line)
			}
		}
		if series == 0 || series > most {
			t.Errorf("%s has %d series, want at most %d", name, series, most)
		}
	}
	for line, want := range map[string]string{
		`galla_upi_results_total{result="REVERSED"}`: "1", `galla_upi_results_total{result="other"}`: "498",
	} {
		if got[line] != want {
			t.Errorf("%s is %q, want %q", line, got[line], want)
		}
	}
}
