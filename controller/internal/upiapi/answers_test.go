package upiapi_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/controller/internal/upiapi"
	"github.com/galla-pay/galla/controller/internal/upixml"
)

// TestAnswersAreSigned: who signs gets signed answers, good or bad; what the
// sandbox takes unsigned is answered as the PRD prints it; what cannot be read is
// answered signed.
func TestAnswersAreSigned(t *testing.T) {
	ourKey, ourCert := certificate(t)
	key, cert := certificate(t)
	signer, err := upixml.NewSigner(ourKey, ourCert)
	if err != nil {
		t.Fatal(err)
	}
	house := doortest.New(t, func(d *merchant.Data) {
		d.Organisations[0].Certificates = []string{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))}
	})
	d := open(t, house, func(c *upiapi.Config) { c.Sign, c.Timeout = signer.Sign, timeout(true) })
	ours := []string{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ourCert.Raw}))}
	signedBy := func(doc string) string {
		signed, err := upixml.Sign([]byte(doc), key, cert)
		if err != nil {
			t.Fatal(err)
		}
		return string(signed)
	}
	check := func(why, answer string, want bool) {
		t.Helper()
		_, err := upixml.Verify([]byte(answer), upixml.Certificates(ours), time.Now())
		if (err == nil) != want || upixml.HasSignature([]byte(answer)) != want {
			t.Errorf("%s: signed %v, want %v: %v\n%s", why, !want, want, err, answer)
		}
	}
	_, answer := d.post("validate", signedBy(valQr("V1", "1.00", "initiation_mode=16&pa=gourmet@mercury", "")))
	check("ReqValQr", answer, true)
	token := field(answer, "VerToken")
	_, answer = d.post("pay", signedBy(reqPay("P1", "X1", token, "1.00", "customer@upi", "gourmet@mercury")))
	check("ReqPay, held", answer, true)
	_, answer = d.post("pay", signedBy(reqPay("P1", "X2", token, "1.00", "customer@upi", "gourmet@mercury")))
	check("ReqPay, ZD", answer, true)
	_, answer = d.post("check", signedBy(`<ReqChkTxn><MsgID>C1</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID><OrgTxnID>X1</OrgTxnID></ReqChkTxn>`))
	check("ReqChkTxn", answer, true)
	if field(answer, "TxnStatus") != "REVERSED" {
		t.Error(answer)
	}
	_, answer = d.post("validate", "hello")
	check("what is no message", answer, true)
	_, answer = d.post("validate", valQr("V2", "1.00", "initiation_mode=16", ""))
	check("unsigned in the sandbox", answer, false)
	_, answer = d.post("validate", valQr("V2", "1.00", "initiation_mode=16", ""))
	check("unsigned in the sandbox, ZD", answer, false)
}

// TestNPCIDialect: the same decisions behind NPCI's own messages, answered in
// NPCI's form, by the root's namespace alone.
func TestNPCIDialect(t *testing.T) {
	d := newDoor(t, true)
	head := func(msgID string) string {
		return `<Head ver="2.0" ts="2026-06-12T10:30:00Z" orgId="MER101" msgId="` + msgID + `" prodType="UPI"/>`
	}
	wrap := func(root, inner string) string {
		return `<upi:` + root + ` xmlns:upi="http://npci.org/upi/schema/">` + inner + `</upi:` + root + `>`
	}
	validate := func(msgID, amount string) string {
		return wrap("ReqValQr", head(msgID)+`<Txn id="VAL`+msgID+`" ts="2026-06-12T10:30:00Z" type="ValQr" initiationMode="16"><QR qVer="01" qrMedium="02" query="mode=16&amp;pa=merchant@upi"/></Txn>`+
			`<Payees><Payee addr="merchant@upi" seqNum="1" type="ENTITY" code="5411"><Amount value="`+amount+`" curr="INR"/></Payee></Payees>`)
	}
	pay := func(msgID, txnID, token, amount string) string {
		return wrap("ReqPay", head(msgID)+`<Txn id="`+txnID+`" ts="2026-06-12T10:35:00Z" type="PAY" initiationMode="16"><QR qVer="01" verToken="`+token+`"/></Txn>`+
			`<Payer addr="customer@upi" seqNum="1" type="PERSON" code="0000"><Amount value="`+amount+`" curr="INR"/></Payer>`+
			`<Payees><Payee addr="merchant@upi" seqNum="1" type="ENTITY" code="5411"><Amount value="`+amount+`" curr="INR"/></Payee></Payees>`)
	}
	attr := func(answer, name string) string {
		if m := regexp.MustCompile(`[ ]` + name + `="([^"]*)"`).FindStringSubmatch(answer); m != nil {
			return m[1]
		}
		return ""
	}
	want := func(why, answer string, attributes map[string]string) {
		t.Helper()
		if !strings.HasPrefix(answer, "<upi:Resp") || strings.Contains(answer, "<Status>") {
			t.Errorf("%s is not answered in the dialect:\n%s", why, answer)
		}
		for name, value := range attributes {
			if got := attr(answer, name); got != value {
				t.Errorf("%s: %s is %q, want %q\n%s", why, name, got, value, answer)
			}
		}
	}
	_, answer := d.post("validate", validate("N1", "1000.00"))
	want("ReqValQr", answer, map[string]string{"reqMsgId": "N1", "result": "SUCCESS"})
	token := attr(answer, "verToken")
	_, answer = d.post("validate", validate("N1", "1000.00"))
	want("a MsgID twice", answer, map[string]string{"result": "FAILURE", "errCode": "ZD", "verToken": ""})
	_, answer = d.post("validate", validate("N2", "8000.01"))
	want("above the limit", answer, map[string]string{"result": "FAILURE", "errCode": "X7"})
	_, answer = d.post("pay", pay("N3", "T1", token, "999.00"))
	want("another amount", answer, map[string]string{"result": "FAILURE", "errCode": "ZE"})
	_, answer = d.post("pay", pay("N4", "T2", token, "1000.00"))
	want("ReqPay", answer, map[string]string{"reqMsgId": "N4", "result": "SUCCESS", "settAmount": "995.00"})
	_, answer = d.post("pay", pay("N5", "T3", token, "1000.00"))
	want("the token again", answer, map[string]string{"result": "FAILURE", "errCode": "ZD"})
	// One transaction, whatever the dialect: asked for in the PRD's.
	if got := d.checked("1", "T2"); field(got, "TxnStatus") != "SUCCESS" || field(got, "SettlementAmount") != "995.00" {
		t.Errorf("in the PRD's dialect: %s", got)
	}
	_, answer = d.post("check", wrap("ReqChkTxn", head("N6")+`<Txn id="CHK1" ts="2026-06-12T10:36:00Z" type="ChkTxn" orgTxnId="T2"/>`))
	want("ReqChkTxn", answer, map[string]string{"reqMsgId": "N6", "result": "SUCCESS"})
	_, answer = d.post("pay", strings.Replace(pay("N7", "T4", token, "1000.00"), `orgId="MER101"`, `orgId="OTHER"`, 1))
	want("another organisation's token", answer, map[string]string{"result": "FAILURE", "errCode": "ZF"})
	if status, answer := d.post("validate", strings.Replace(validate("N8", "1.00"), "npci.org/upi", "npci.example/upi", 2)); status != 400 {
		t.Errorf("another namespace: %d %s", status, answer)
	}
}

// TestRiskRules: what the rules say is stored with the validation and with the
// payment; they can lower the limit and refuse, never raise it.
func TestRiskRules(t *testing.T) {
	verdict := risk.Verdict{Score: 40, Reasons: []risk.Reason{{Rule: "busy-payee", Text: "12 in 1m"}}}
	var asked []string
	d := open(t, doortest.New(t), func(c *upiapi.Config) {
		c.Judge = func(_ context.Context, phase risk.Phase, on upiapi.Subject) (*risk.Verdict, error) {
			asked = append(asked, fmt.Sprint(phase, " ", string(on.Payer), " ", string(on.Payee.Payee.VPA), " ", on.Amount.Rupees()))
			v := verdict
			return &v, nil
		}
	})
	_, answer := d.post("validate", valQr("V1", "500.00", "initiation_mode=16", ""))
	token := field(answer, "VerToken")
	q, err := d.Storage.Quote(t.Context(), token)
	if err != nil || q.RiskScore != 40 || !strings.Contains(q.RiskReasons, "busy-payee") || q.ProcessedAt.IsZero() || q.Seq != 2 {
		t.Errorf("%+v %v", q, err)
	}
	verdict.Limit = 49_999
	_, answer = d.post("validate", valQr("V2", "500.00", "initiation_mode=16", ""))
	if field(answer, "Status") != "X7" || !strings.Contains(field(answer, "Message"), "499.99") {
		t.Errorf("above a lowered limit: %s", answer)
	}
	_, answer = d.post("pay", reqPay("P1", "X1", token, "500.00", "customer@upi", "merchant@upi"))
	if field(answer, "Status") != "X7" || field(answer, "SettlementAmount") != "0.00" {
		t.Errorf("paid above a lowered limit: %s", answer)
	}
	verdict.Limit = 900_000 // cannot be made, and would raise nothing
	_, answer = d.post("validate", valQr("V3", "8000.01", "initiation_mode=16", ""))
	if field(answer, "Status") != "X7" {
		t.Errorf("above 8000: %s", answer)
	}
	verdict.Refuse = true
	_, answer = d.post("validate", valQr("V4", "500.00", "initiation_mode=16", ""))
	if field(answer, "Status") != "YH" {
		t.Errorf("a refused validation: %s", answer)
	}
	_, answer = d.post("pay", reqPay("P2", "X2", token, "500.00", "customer@upi", "merchant@upi"))
	if field(answer, "Status") != "IP05" {
		t.Errorf("a refused payment: %s", answer)
	}
	verdict.Refuse, verdict.Limit = false, 0
	_, answer = d.post("pay", reqPay("P3", "X3", token, "500.00", "customer@upi", "merchant@upi"))
	if field(answer, "Status") != "00" { // no refusal spent the token
		t.Errorf("a payment that is let through: %s", answer)
	}
	for _, want := range []string{"validation  merchant@upi 500.00", "payment customer@upi merchant@upi 500.00"} {
		if !strings.Contains(strings.Join(asked, "\n"), want) {
			t.Errorf("nobody asked %q: %v", want, asked)
		}
	}
}
