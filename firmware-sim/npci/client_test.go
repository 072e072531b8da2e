package npci_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/firmware-sim/npci"
)

// The PRD's messages and answers, verbatim but for the bare Signature (8.1-8.4).
const (
	prdReqValQr = `<ReqValQr>
  <MsgID>MSG1234567890</MsgID>
  <Ts>2026-06-12T10:30:00Z</Ts>
  <OrgID>MER101</OrgID>
  <Curr>INR</Curr>
  <Amount>1000.00</Amount>
  <Mcc>5411</Mcc>
  <RefUrl>aW5pdGlhdGlvbl9tb2RlPTE2</RefUrl>
</ReqValQr>`
	prdRespValQr = `<RespValQr>
  <MsgID>MSG1234567890</MsgID>
  <Status>00</Status>
  <VerToken>550e8400-e29b-41d4-a716-446655440000</VerToken>
  <ExpiresAt>2026-06-12T11:00:00Z</ExpiresAt>
  <Ts>2026-06-12T10:30:00Z</Ts>
</RespValQr>`
	prdReqPay = `<ReqPay>
  <MsgID>PAY9876543210</MsgID>
  <TxnID>TXN1234567890</TxnID>
  <VerToken>550e8400-e29b-41d4-a716-446655440000</VerToken>
  <Amount>1000.00</Amount>
  <Curr>INR</Curr>
  <PayerAddr>customer@upi</PayerAddr>
  <PayeeAddr>merchant@upi</PayeeAddr>
  <Timestamp>2026-06-12T10:35:00Z</Timestamp>
</ReqPay>`
	prdRespPay = `<RespPay>
  <MsgID>PAY9876543210</MsgID>
  <Status>00</Status>
  <TxnID>TXN1234567890</TxnID>
  <SettlementAmount>995.00</SettlementAmount>
  <Timestamp>2026-06-12T10:35:05Z</Timestamp>
</RespPay>`
	respChkTxn = `<RespChkTxn>
  <MsgID>CHK1</MsgID>
  <Status>00</Status>
  <TxnID>TXN1234567890</TxnID>
  <TxnStatus>SUCCESS</TxnStatus>
  <Amount>1000.00</Amount>
  <SettlementAmount>995.00</SettlementAmount>
  <Rrn>616310300001</Rrn>
  <Ts>2026-06-12T10:36:00Z</Ts>
</RespChkTxn>`
)

var (
	ts        = time.Date(2026, 6, 12, 10, 30, 0, 0, time.UTC)
	valQr     = npci.ReqValQr{MsgID: "MSG1234567890", Ts: ts, Amount: 100000, RefURL: "aW5pdGlhdGlvbl9tb2RlPTE2"}
	valQrResp = npci.RespValQr{
		MsgID: "MSG1234567890", Status: "00", VerToken: "550e8400-e29b-41d4-a716-446655440000", ExpiresAt: ts.Add(30 * time.Minute), Ts: ts,
	}
	pay = npci.ReqPay{
		MsgID: "PAY9876543210", TxnID: "TXN1234567890", VerToken: "550e8400-e29b-41d4-a716-446655440000", Amount: 100000,
		PayerAddr: "customer@upi", PayeeAddr: "merchant@upi", Timestamp: ts.Add(5 * time.Minute),
	}
	payResp = npci.RespPay{
		MsgID: "PAY9876543210", Status: "00", TxnID: "TXN1234567890", SettlementAmount: 99500, Timestamp: ts.Add(5*time.Minute + 5*time.Second),
	}
)

// controller answers with what handle returns and hands on what it was sent.
func controller(t *testing.T, handle func(path, doc string) (status int, answer string)) *npci.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		doc, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/xml") {
			t.Errorf("%s %s %s: %v", r.Method, r.URL, r.Header.Get("Content-Type"), err)
		}
		status, answer := handle(r.URL.Path, string(doc))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return &npci.Client{BaseURL: server.URL}
}

func TestPRDExamples(t *testing.T) {
	t.Parallel()
	c := controller(t, func(path, doc string) (int, string) {
		switch path + doc {
		case "/api/v1/dynamic-qr/validate" + prdReqValQr:
			return 200, prdRespValQr
		case "/api/v1/dynamic-qr/pay" + prdReqPay:
			return 200, prdRespPay
		case "/api/v1/dynamic-qr/check" + "<ReqChkTxn>\n  <MsgID>CHK1</MsgID>\n  <Ts>2026-06-12T10:30:00Z</Ts>\n" +
			"  <OrgID>MER101</OrgID>\n  <OrgTxnID>TXN1234567890</OrgTxnID>\n</ReqChkTxn>":
			return 200, respChkTxn
		}
		t.Errorf("sent to %s:\n%s", path, doc)
		return 500, ""
	})
	c.BaseURL += "/"
	if got, err := c.ValidateQR(t.Context(), valQr); err != nil || got != valQrResp {
		t.Errorf("8.2: %+v, %v", got, err)
	}
	if got, err := c.Pay(t.Context(), pay); err != nil || got != payResp || !got.Paid() {
		t.Errorf("8.4: %+v, %v", got, err)
	}
	want := npci.RespChkTxn{
		MsgID: "CHK1", Status: "00", TxnID: "TXN1234567890", TxnStatus: "SUCCESS", Amount: 100000, SettlementAmount: 99500,
		Rrn: "616310300001", Ts: ts.Add(6 * time.Minute),
	}
	if got, err := c.Check(t.Context(), npci.ReqChkTxn{MsgID: "CHK1", Ts: ts, OrgTxnID: "TXN1234567890"}); err != nil || got != want {
		t.Errorf("RespChkTxn: %+v, %v", got, err)
	}
}

// What is left empty is filled in, with ids that never repeat.
func TestDefaults(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	form := regexp.MustCompile(`^<ReqValQr>
  <MsgID>(MSG[A-Z2-7]{26})</MsgID>
  <Ts>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ</Ts>
  <OrgID>ORG7</OrgID>
  <Curr>INR</Curr>
  <Amount>0.01</Amount>
  <Mcc>5411</Mcc>
  <RefUrl>x</RefUrl>
  <PayeeAddr>a@upi</PayeeAddr>
  <TxnRef>&lt;t&gt;</TxnRef>
</ReqValQr>$`)
	c := controller(t, func(_, doc string) (int, string) {
		found := form.FindStringSubmatch(doc)
		if found == nil {
			t.Errorf("sent\n%s", doc)
			return 500, ""
		}
		ids[found[1]] = true
		return 200, "<RespValQr><MsgID>" + found[1] + "</MsgID><Status>ZQ</Status><Message>no</Message><Ts>2026-06-12T10:30:00Z</Ts></RespValQr>"
	})
	c.OrgID = "ORG7"
	for range 100 {
		got, err := c.ValidateQR(t.Context(), npci.ReqValQr{Amount: 1, RefURL: "x", PayeeAddr: "a@upi", TxnRef: "<t>"})
		if err != nil || got.Status != "ZQ" || got.Message != "no" {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if len(ids) != 100 {
		t.Errorf("100 messages had %d ids", len(ids))
	}
}

// Answers that are none: the network believes nothing that does not add up.
func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	change := func(old, new string) string {
		if !strings.Contains(prdRespPay, old) {
			t.Fatalf("%q is not in the answer", old)
		}
		return strings.Replace(prdRespPay, old, new, 1)
	}
	for _, tt := range []struct {
		name, answer string
		status       int
		why          string
	}{
		{"not XML", "oops", 200, "not XML"},
		{"nothing", "", 200, "not XML"},
		{"JSON error page", `{"error":1}`, 503, "not XML"},
		{"another answer", prdRespValQr, 200, "not a RespPay"},
		{"another namespace", change("<RespPay>", `<RespPay xmlns="urn:x">`), 200, "not a RespPay"},
		{"another message's", change("PAY9876543210", "PAY1"), 200, "answers message"},
		{"another transaction's", change("TXN1234567890", "TXN1"), 200, "answers transaction"},
		{"no MsgID", change("<MsgID>PAY9876543210</MsgID>", ""), 200, "answers message"},
		{"no code", change("00</Status>", "</Status>"), 200, "not a code"},
		{"a code of its own", change("00</Status>", "OK</Status>"), 200, "not a code"},
		{"success with HTTP 500", prdRespPay, 500, "came with HTTP 500"},
		{"96 with HTTP 200", change("00</Status>", "96</Status>"), 200, "came with HTTP 200"},
		{"BR with HTTP 200", change("00</Status>", "BR</Status>"), 200, "came with HTTP 200"},
		{"two codes", change("<Status>", "<Status>ZD</Status><Status>"), 200, "Status is there twice"},
		{"a result of its own", change("</Status>", "</Status><Result>SUCCESS</Result>"), 200, "Result is"},
		{"no settlement", change("<SettlementAmount>995.00</SettlementAmount>", ""), 200, "missing"},
		{"settlement of letters", change("995.00", "lots"), 200, "not rupees"},
		{"settlement above the payment", change("995.00", "1000.01"), 200, "settles more"},
		{"settlement of a refusal", change("00</Status>", "YH</Status>"), 200, "settles what is not paid"},
		{"an empty settlement", change("995.00", ""), 200, "missing"},
		{"settlement of a timeout", change("</Status>", "</Status><Result>TIMEOUT</Result>"), 200, "settles what is not paid"},
		{"no time", change("<Timestamp>2026-06-12T10:35:05Z</Timestamp>", ""), 200, "missing"},
		{"a time that is none", change("2026-06-12T10:35:05Z", "now"), 200, "not a time"},
		{"longer than 64 KiB", prdRespPay + strings.Repeat(" ", 64<<10), 200, "longer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := controller(t, func(string, string) (int, string) { return tt.status, tt.answer })
			got, err := c.Pay(t.Context(), pay)
			if !errors.Is(err, npci.ErrAnswer) || !strings.Contains(err.Error(), tt.why) || got != (npci.RespPay{}) {
				t.Fatalf("%+v, %v; want ErrAnswer with %q", got, err, tt.why)
			}
			if l := c.Ledger(); l.Entries[0].State != npci.Unknown {
				t.Errorf("the books say %+v", l)
			}
		})
	}
}

func TestValidationsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, old, new, why string }{
		{"success without token", "<VerToken>550e8400-e29b-41d4-a716-446655440000</VerToken>", "", "promises nothing"},
		{"success without end", "<ExpiresAt>2026-06-12T11:00:00Z</ExpiresAt>", "", "promises nothing"},
		{"refusal with token", "00</Status>", "PE</Status>", "refuses and yet"},
		{"no time", "<Ts>2026-06-12T10:30:00Z</Ts>", "", "Ts is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			answer := strings.Replace(prdRespValQr, tt.old, tt.new, 1)
			if answer == prdRespValQr {
				t.Fatalf("%q is not in the answer", tt.old)
			}
			c := controller(t, func(string, string) (int, string) { return 200, answer })
			got, err := c.ValidateQR(t.Context(), valQr)
			if !errors.Is(err, npci.ErrAnswer) || !strings.Contains(err.Error(), tt.why) || got != (npci.RespValQr{}) {
				t.Fatalf("%+v, %v; want ErrAnswer with %q", got, err, tt.why)
			}
		})
	}
}

// A refusal is an answer. One that could not be read has no ids.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, answer string
		status       int
		want         npci.RespPay
	}{
		{"X7", `<RespPay><MsgID>PAY9876543210</MsgID><Status>X7</Status><Message>above 8000.00</Message><TxnID>TXN1234567890</TxnID>` +
			`<SettlementAmount>0.00</SettlementAmount><Timestamp>2026-06-12T10:30:00Z</Timestamp></RespPay>`, 200,
			npci.RespPay{MsgID: "PAY9876543210", Status: "X7", Message: "above 8000.00", TxnID: "TXN1234567890", Timestamp: ts}},
		{"BR", `<RespPay><Status>BR</Status><SettlementAmount>0.00</SettlementAmount><Timestamp>2026-06-12T10:30:00Z</Timestamp></RespPay>`, 400,
			npci.RespPay{Status: "BR", Timestamp: ts}},
		{"96", `<RespPay><MsgID>PAY9876543210</MsgID><Status>96</Status><TxnID>TXN1234567890</TxnID>` +
			`<SettlementAmount>0.00</SettlementAmount><Timestamp>2026-06-12T10:30:00Z</Timestamp></RespPay>`, 500,
			npci.RespPay{MsgID: "PAY9876543210", Status: "96", TxnID: "TXN1234567890", Timestamp: ts}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := controller(t, func(string, string) (int, string) { return tt.status, tt.answer })
			got, err := c.Pay(t.Context(), pay)
			if err != nil || got != tt.want || got.Paid() {
				t.Fatalf("%+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	c := controller(t, func(string, string) (int, string) { panic(http.ErrAbortHandler) })
	if _, err := c.ValidateQR(t.Context(), valQr); !errors.Is(err, npci.ErrNoAnswer) {
		t.Errorf("connection cut: %v, want ErrNoAnswer", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Pay(ctx, pay); !errors.Is(err, npci.ErrNoAnswer) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v, want ErrNoAnswer", err)
	}
}
