package monitorcheck

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// notOurs are the queries on exporters' metrics, with the rules that make them:
// no controller can give them data.
func notOurs() []string { return []string{"galla:database_cpu:ratio5m"} }

// The whole chain: a controller that takes payments, a Prometheus that scrapes it
// by deploy/prometheus as it stands (addresses and intervals aside), and then
// every query of the board and every recording rule has data.
func TestBoardAndRulesHaveData(t *testing.T) {
	t.Parallel()
	c := startController(t)
	p := startPrometheus(t, liveConfig(t, c.address))
	ctx := t.Context()

	rules, err := p.rules(ctx)
	if err != nil {
		t.Fatal(err)
	}
	queries := map[string]bool{} // of the board and of the recording rules
	for _, query := range boardQueries(t) {
		queries[query] = true
	}
	for _, r := range rules {
		if r.Type != "recording" {
			continue
		}
		query := r.Name
		for label, value := range r.Labels { // one of several rules by that name
			query = fmt.Sprintf("%s{%s=%q}", r.Name, label, value)
		}
		queries[query] = true
	}
	for _, query := range notOurs() {
		if !queries[query] {
			t.Errorf("%s is not asked any more", query)
		}
		delete(queries, query)
	}

	// The first scrape sees the counters before the traffic; from then on they rise.
	until(t, "the first scrape", func(ctx context.Context) string {
		if values, err := p.ask(ctx, "galla_build_info"); err != nil || len(values) != 1 {
			return fmt.Sprint(values, err)
		}
		return ""
	})
	round := 0
	until(t, "data for every query", func(ctx context.Context) string {
		round++
		c.traffic(ctx, t, round)
		missing := ""
		for query := range queries {
			values, err := p.ask(ctx, query)
			switch {
			case err != nil:
				t.Errorf("%s: %v", query, err)
				delete(queries, query)
			case anyNumber(values):
				delete(queries, query)
			default:
				missing += "\n" + query
			}
		}
		return missing
	})
	// No rule has failed while there was traffic.
	if rules, err = p.rules(ctx); err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		if r.Health != "ok" {
			t.Errorf("%s: health %s: %s", r.Name, r.Health, r.LastError)
		}
	}
}

// ask returns a query's values now.
func (p prometheus) ask(ctx context.Context, query string) ([]float64, error) {
	var data struct {
		Result []struct{ Value [2]any }
	}
	if err := p.api(ctx, "query", url.Values{"query": {query}}, &data); err != nil {
		return nil, err
	}
	var values []float64
	for _, r := range data.Result {
		text, _ := r.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// anyNumber reports whether there is data: 0/0 is none.
func anyNumber(values []float64) bool {
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return true
		}
	}
	return false
}

// liveConfig is deploy/prometheus for the controller at address, in a hurry.
func liveConfig(t *testing.T, address string) string {
	t.Helper()
	text := read(t, "deploy/prometheus/prometheus.yml")
	for _, change := range [][2]string{
		{"scrape_interval: 15s", "scrape_interval: 1s"},
		{"evaluation_interval: 30s", "evaluation_interval: 1s"},
		{"- rules/*.yml", "- " + filepath.Join(mustAbs(t, root), "deploy/prometheus/rules/*.yml")},
		{`"controller:8080"`, `"` + address + `"`},
		// Nobody is there: exporters are not ours to start.
		{`"postgres-exporter:9187"`, `"127.0.0.1:1"`},
		{`"node-exporter:9100"`, `"127.0.0.1:1"`},
	} {
		if strings.Count(text, change[0]) != 1 {
			t.Fatalf("prometheus.yml has %q %d times, want once", change[0], strings.Count(text, change[0]))
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	config := filepath.Join(t.TempDir(), "prometheus.yml")
	write(t, config, text)
	return config
}

// controller is a running controller in the sandbox.
type controller struct {
	*server
	address  string
	merchant *httptest.Server // whom it calls back
}

// serving is how the controller says where it is.
var serving = regexp.MustCompile(`"msg":"serving".*"listen":"([^"]+)"`)

func startController(t *testing.T) controller {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "galla-controller")
	build := exec.Command("go", "build", "-o", binary, "./cmd/galla-controller")
	build.Dir = filepath.Join(root, "controller")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	merchant := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(merchant.Close)
	dir := t.TempDir()
	s := start(t, "controller", []string{"TIMEOUT_DURATION_SECONDS=1"}, binary, "serve", "--sandbox", "--callback-allow-private",
		"--listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0", "--log-format", "json",
		"--database", "sqlite:"+filepath.Join(dir, "galla.db"), "--seal-key-file", filepath.Join(dir, "seal.key"))
	return controller{s, s.says(t, serving), merchant}
}

var (
	status   = regexp.MustCompile(`<Status>(.*)</Status>`)
	verToken = regexp.MustCompile(`<VerToken>(.*)</VerToken>`)
)

// traffic is one customer's visit: a QR validated and paid as in PRD 8.1 and
// 8.3, one above the limit (X7), and a POS that asks for money, asks how that
// went, and takes it back. Every answer must be the expected one.
func (c controller) traffic(ctx context.Context, t *testing.T, n int) {
	token := c.upi(ctx, t, "validate", "00", fmt.Sprintf(`<ReqValQr><MsgID>MSG%d</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID>`+
		`<Curr>INR</Curr><Amount>1000.00</Amount><Mcc>5411</Mcc><RefUrl>aW5pdGlhdGlvbl9tb2RlPTE2</RefUrl><Signature>...</Signature></ReqValQr>`, n))
	c.upi(ctx, t, "pay", "00", fmt.Sprintf(`<ReqPay><MsgID>PAY%d</MsgID><TxnID>TXN%d</TxnID><VerToken>%s</VerToken><Amount>1000.00</Amount>`+
		`<Curr>INR</Curr><PayerAddr>customer@upi</PayerAddr><PayeeAddr>merchant@upi</PayeeAddr><Timestamp>2026-06-12T10:35:00Z</Timestamp></ReqPay>`, n, n, token))
	c.upi(ctx, t, "validate", "X7", fmt.Sprintf(`<ReqValQr><MsgID>BIG%d</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID>`+
		`<Curr>INR</Curr><Amount>8000.01</Amount><Mcc>5411</Mcc><RefUrl>aW5pdGlhdGlvbl9tb2RlPTE2</RefUrl><Signature>...</Signature></ReqValQr>`, n))

	id := fmt.Sprintf("SALE%d", n)
	body, err := json.Marshal(map[string]any{
		"merchantId": "MERCHANTUAT", "storeId": "teststore1", "terminalId": "testterminal1", "merchantTransactionId": id,
		"orderId": "order1", "amount": 245, "solutionType": "DQR_DEVICE", "expiresIn": 180,
	})
	if err != nil {
		t.Fatal(err)
	}
	encoded := base64.StdEncoding.EncodeToString(body)
	payment := "/v1/payment/MERCHANTUAT/" + id
	c.pos(ctx, t, http.MethodPost, "/v1/payment/init", encoded)
	c.pos(ctx, t, http.MethodGet, payment+"/status", "")
	c.pos(ctx, t, http.MethodPut, payment+"/cancel", "")
}

// upi posts a message, demands its code, and returns the token that the answer
// may have.
func (c controller) upi(ctx context.Context, t *testing.T, route, code, message string) (token string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.address+"/api/v1/dynamic-qr/"+route, strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	_, body := do(r)
	if m := status.FindStringSubmatch(body); m == nil || m[1] != code {
		t.Fatalf("%s: %s, want %s", route, body, code)
	}
	if m := verToken.FindStringSubmatch(body); m != nil {
		token = m[1]
	}
	return token
}

// pos sends a merchant's request, signed by the sandbox's key (phonepe-api: The
// sandbox), and demands success.
func (c controller) pos(ctx context.Context, t *testing.T, method, path, encoded string) {
	t.Helper()
	var body []byte
	if encoded != "" {
		body = []byte(`{"request":"` + encoded + `"}`)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+c.address+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(encoded + path + "sandbox-merchant-key"))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-VERIFY", hex.EncodeToString(sum[:])+"###1")
	r.Header.Set("X-CALLBACK-URL", c.merchant.URL)
	if code, answer := do(r); code != http.StatusOK || !strings.Contains(answer, `"success":true`) {
		t.Fatalf("%s %s: %d %s", method, path, code, answer)
	}
}
