package upixml_test

import (
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/upixml"
	"github.com/galla-pay/galla/protocol"
)

// The four examples of the PRD, byte for byte: what 8.1 and 8.3 say, and that
// 8.2 and 8.4 are what is written for an answer of their times and token.
func TestPRDGoldens(t *testing.T) {
	t.Parallel()
	golden(t, "prd_8_1.xml", []byte(reqValQr))
	golden(t, "prd_8_2.xml", goodVal.XML())
	golden(t, "prd_8_3.xml", []byte(reqPay))
	golden(t, "prd_8_4.xml", goodPay.XML())

	val, err := upixml.ParseReqValQr([]byte(reqValQr))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "prd_8_2.xml", upixml.RespValQr{
		MsgID: val.MsgID, Status: "00", VerToken: goodVal.VerToken, ExpiresAt: val.Ts.Add(30 * time.Minute), Ts: val.Ts,
	}.XML())
	pay, err := upixml.ParseReqPay([]byte(reqPay))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "prd_8_4.xml", upixml.RespPay{
		MsgID: pay.MsgID, Status: "00", TxnID: pay.TxnID, SettlementAmount: pay.Amount - pay.Amount/200,
		Timestamp: pay.Timestamp.Add(5 * time.Second),
	}.XML())
}

// An amount is in hundredths of its own currency, with the least amount of one
// whole unit (upi-switch: Messages; International, fees).
func TestAmountsOfAnyCurrency(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		curr, text string
		want       protocol.Paise
	}{
		{"INR", "1000.00", 100000}, {"INR", "1", 100}, {"INR", "1.5", 150}, {"INR", "0.99", 0}, {"INR", "008000.01", 800001},
		{"USD", "10", 1000}, {"USD", "10.5", 1050}, {"USD", "10.05", 1005}, {"USD", "1.00", 100}, {"USD", "0.99", 0}, {"USD", "10.005", 0},
		{"JPY", "1500", 150000}, {"KWD", "1.234", 0}, {"USD", ".50", 0}, {"USD", "1.", 0}, {"USD", "1,5", 0}, {"USD", "", 0},
		{"INR", "92233720368547758.07", 9223372036854775807}, {"INR", "92233720368547758.08", 0},
	} {
		doc := change(t, reqValQr, "INR", tt.curr, "1000.00", tt.text)
		got, err := upixml.ParseReqValQr([]byte(doc))
		if (err == nil) != (tt.want > 0) || got.Amount != tt.want || err == nil && got.Curr != tt.curr {
			t.Errorf("%s %s: %d %s, %v; want %d", tt.curr, tt.text, got.Amount, got.Curr, err, tt.want)
		}
	}
}

// The answer to an international ReqValQr (upi-switch: International, fees).
func TestInternationalAnswer(t *testing.T) {
	t.Parallel()
	m := goodVal
	m.BaseAmount, m.BaseCurr, m.FxRate, m.InrAmount = 1000, "USD", "84.5500", 84550
	golden(t, "validate_international.xml", m.XML())
	m.BaseCurr = ""
	if got := string(m.XML()); got != respValQr {
		t.Errorf("without a base currency:\n%s", got)
	}
	if got := string(m.XML()); strings.Contains(got, "Fx") {
		t.Errorf("a rate is left:\n%s", got)
	}
}

// An answer may be longer than the page that it is written on.
func TestLongAnswer(t *testing.T) {
	t.Parallel()
	for _, dialect := range []upixml.Dialect{upixml.DialectPRD, upixml.DialectNPCI} {
		m := upixml.RespValQr{MsgID: "A", Status: "96", Message: strings.Repeat("<a long message>", 500), Ts: ts, Dialect: dialect}
		if got := string(m.XML()); strings.Count(got, "&lt;a long message&gt;") != 500 || !strings.HasSuffix(got, "RespValQr>") {
			t.Errorf("%q: %d bytes", dialect, len(got))
		}
	}
}
