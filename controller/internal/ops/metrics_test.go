package ops_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/ops"
)

// scrape reads /metrics and returns galla's own lines, help and types aside.
func scrape(t *testing.T, m *ops.Metrics) map[string]string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Fatalf("%d %s", w.Code, w.Header().Get("Content-Type"))
	}
	lines := map[string]string{}
	for s := bufio.NewScanner(w.Body); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), " "); ok && strings.HasPrefix(name, "galla_") {
			lines[name] = value
		}
	}
	return lines
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	m := ops.NewMetrics("1.2.3")
	m.PaymentEntered("created")
	m.PaymentEntered("created")
	m.PaymentEntered("succeeded")
	m.HTTPRequest("/v1/payment/init", 200, "SUCCESS", 3*time.Millisecond)
	m.HTTPRequest("/v1/payment/init", 401, "UNAUTHORIZED", time.Millisecond)
	m.HTTPRequest("", 404, "", time.Millisecond)
	m.HTTPRequest("/healthz", 99999, "", time.Millisecond)
	m.JournalBatch(5, 7*time.Millisecond)
	m.JournalBatch(512, time.Second)
	m.JournalRetry("40001")
	m.JournalQueue(12)
	m.TerminalsConnected(3)
	m.TerminalMessage("identity_shared")
	m.CallbackAttempt("delivered", 40*time.Millisecond)
	m.CallbackAttempt("timeout", 5*time.Second)
	m.CallbackDead(2)
	m.CallbackDead(0)
	m.CallbackDead(-1)
	m.CallbackLanesOpen(4)
	m.Outbox("callbacks", 7, 90*time.Second)
	m.Outbox("terminals", 0, -time.Second)
	m.UPIAnswered("ReqPay", "00", 0)
	m.UPIAnswered("ReqPay", "X7", 0)

	got := scrape(t, m)
	for line, want := range map[string]string{
		`galla_payments_total{state="created"}`:                                                "2",
		`galla_payments_total{state="succeeded"}`:                                              "1",
		`galla_http_requests_total{code="SUCCESS",route="/v1/payment/init",status="200"}`:      "1",
		`galla_http_requests_total{code="UNAUTHORIZED",route="/v1/payment/init",status="401"}`: "1",
		`galla_http_requests_total{code="none",route="unmatched",status="404"}`:                "1",
		`galla_http_requests_total{code="none",route="/healthz",status="0"}`:                   "1",
		`galla_http_request_seconds_count{route="/v1/payment/init"}`:                           "2",
		`galla_http_request_seconds_bucket{route="/v1/payment/init",le="0.002"}`:               "1",
		`galla_http_request_seconds_bucket{route="/v1/payment/init",le="0.004"}`:               "2",
		`galla_journal_batch_decisions_count`:                                                  "2",
		`galla_journal_batch_decisions_sum`:                                                    "517",
		`galla_journal_batch_decisions_bucket{le="4"}`:                                         "0",
		`galla_journal_batch_decisions_bucket{le="8"}`:                                         "1",
		`galla_journal_batch_decisions_bucket{le="512"}`:                                       "2",
		`galla_journal_batch_seconds_sum`:                                                      "1.007",
		`galla_journal_batch_retries_total{reason="40001"}`:                                    "1",
		`galla_journal_queue_length`:                                                           "12",
		`galla_terminals_connected`:                                                            "3",
		`galla_terminal_messages_total{what="identity_shared"}`:                                "1",
		`galla_callback_attempts_total{result="delivered"}`:                                    "1",
		`galla_callback_attempts_total{result="timeout"}`:                                      "1",
		`galla_callback_attempt_seconds_sum`:                                                   "5.04",
		`galla_callbacks_dead_total`:                                                           "2",
		`galla_callback_lanes_open`:                                                            "4",
		`galla_outbox_pending{outbox="callbacks"}`:                                             "7",
		`galla_outbox_oldest_seconds{outbox="callbacks"}`:                                      "90",
		`galla_outbox_oldest_seconds{outbox="terminals"}`:                                      "0",
		`galla_upi_answers_total{code="00",message="ReqPay"}`:                                  "1",
		`galla_upi_answers_total{code="X7",message="ReqPay"}`:                                  "1",
		`galla_build_info{go="` + runtime.Version() + `",version="1.2.3"}`:                     "1",
	} {
		if got[line] != want {
			t.Errorf("%s is %q, want %q", line, got[line], want)
		}
	}
}

// The Go runtime and the process are there too, and every metric has its help.
func TestMetricsHaveHelp(t *testing.T) {
	t.Parallel()
	m := ops.NewMetrics("dev")
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, name := range []string{"go_goroutines", "galla_journal_queue_length", "galla_callbacks_dead_total"} {
		if !strings.Contains(w.Body.String(), "# HELP "+name+" ") {
			t.Errorf("%s has no help", name)
		}
	}
}

// Two controllers in one process (as tests have them) do not share numbers.
func TestMetricsAreTheirOwn(t *testing.T) {
	t.Parallel()
	a, b := ops.NewMetrics("a"), ops.NewMetrics("b")
	a.JournalQueue(5)
	if got := scrape(t, b)["galla_journal_queue_length"]; got != "0" {
		t.Errorf("the other's queue is %s", got)
	}
}

// Whatever is given as a label, the number of series stays bounded, and a word
// that is known keeps its own.
func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	m := ops.NewMetrics("dev")
	m.PaymentEntered("created")
	m.UPIAnswered("ReqPay", "00", 0)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				word := fmt.Sprintf("MERCHANT.store.terminal-%d-%d", g, i)
				m.PaymentEntered(word)
				m.HTTPRequest("/v1/"+word, 200+i%3, word, time.Millisecond)
				m.JournalRetry(word)
				m.TerminalMessage(word)
				m.CallbackAttempt(word, time.Millisecond)
				m.Outbox(word, 1, time.Second)
				m.UPIAnswered(word, word, 0)
				m.PaymentEntered("created")
			}
		})
	}
	for _, odd := range []string{"", " ", "a b", "customer@upi", "x\ny", `"`, "\xff", strings.Repeat("a", 81), "₹"} {
		m.PaymentEntered(odd)
		m.HTTPRequest(odd, 200, odd, 0)
		m.UPIAnswered(odd, odd, 0)
	}
	wg.Wait()
	got := scrape(t, m)
	most := map[string]int{
		"galla_payments_total": 17, "galla_journal_batch_retries_total": 17, "galla_callback_attempts_total": 17,
		"galla_outbox_pending": 9, "galla_upi_answers_total": 25 * 129, "galla_http_requests_total": 65 * 97 * 4,
		"galla_http_request_seconds_count": 129,
	}
	for name := range most {
		series := 0
		for line := range got {
			if strings.HasPrefix(line, name+"{") {
				series++
			}
		}
		if series == 0 || series > most[name] {
			t.Errorf("%s has %d series, want at most %d", name, series, most[name])
		}
	}
	if n := got[`galla_payments_total{state="created"}`]; n != "2001" {
		t.Errorf("created was counted %s times", n)
	}
	for _, line := range []string{`galla_payments_total{state="other"}`, `galla_upi_answers_total{code="other",message="other"}`} {
		if got[line] == "" {
			t.Errorf("%s is missing", line)
		}
	}
	if len(got) > 40_000 {
		t.Errorf("%d series", len(got))
	}
	for line := range got {
		if strings.Contains(line, "@") {
			t.Errorf("an address is a label: %s", line)
		}
	}
}
