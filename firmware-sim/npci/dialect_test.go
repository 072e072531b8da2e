package npci_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/galla-pay/galla/firmware-sim/npci"
)

// The messages in NPCI's dialect, as they are sent.
const (
	npciReqValQr = `<upi:ReqValQr xmlns:upi="http://npci.org/upi/schema/">
  <Head ver="2.0" ts="2026-06-12T10:30:00Z" orgId="MER101" msgId="MSG1234567890" prodType="UPI"></Head>
  <Txn id="*" ts="2026-06-12T10:30:00Z" type="ValQr" initiationMode="16">
    <QR qVer="01" qrMedium="06" query="initiation_mode=16"></QR>
  </Txn>
  <Payer>
    <Amount value="1000.00" curr="INR"></Amount>
  </Payer>
  <Payees>
    <Payee code="5411">
      <Amount value="1000.00" curr="INR"></Amount>
    </Payee>
  </Payees>
</upi:ReqValQr>`
	npciReqPay = `<upi:ReqPay xmlns:upi="http://npci.org/upi/schema/">
  <Head ver="2.0" ts="2026-06-12T10:35:00Z" orgId="MER101" msgId="PAY9876543210" prodType="UPI"></Head>
  <Txn id="TXN1234567890" ts="2026-06-12T10:35:00Z" type="PAY" initiationMode="16">
    <QR qVer="01" verToken="550e8400-e29b-41d4-a716-446655440000"></QR>
  </Txn>
  <Payer addr="customer@upi">
    <Amount value="1000.00" curr="INR"></Amount>
  </Payer>
  <Payees>
    <Payee addr="merchant@upi">
      <Amount value="1000.00" curr="INR"></Amount>
    </Payee>
  </Payees>
</upi:ReqPay>`
	npciReqChkTxn = `<upi:ReqChkTxn xmlns:upi="http://npci.org/upi/schema/">
  <Head ver="2.0" ts="2026-06-12T10:30:00Z" orgId="MER101" msgId="CHK1" prodType="UPI"></Head>
  <Txn id="*" ts="2026-06-12T10:30:00Z" type="ChkTxn" orgTxnId="TXN1234567890"></Txn>
</upi:ReqChkTxn>`
	npciRespValQr = `<upi:RespValQr xmlns:upi="http://npci.org/upi/schema/">
  <Head ver="2.0" ts="2026-06-12T10:30:00Z" msgId="A1" prodType="UPI"/>
  <Txn id="VAL1">
    <QR expireTs="2026-06-12T11:00:00Z" verToken="550e8400-e29b-41d4-a716-446655440000"/>
  </Txn>
  <Resp reqMsgId="MSG1234567890" result="SUCCESS">
  </Resp>
</upi:RespValQr>`
	npciRespPay = `<upi:RespPay xmlns:upi="http://npci.org/upi/schema/">
  <Head ver="2.0" ts="2026-06-12T10:35:05Z" prodType="UPI"/>
  <Txn id="TXN1234567890" type="PAY"/>
  <Resp reqMsgId="PAY9876543210" result="SUCCESS">
    <Ref type="PAYEE" seqNum="1" addr="merchant@upi" settAmount="995.00" settCurrency="INR" approvalNum="1" respCode="00"/>
  </Resp>
</upi:RespPay>`
	npciRespChkTxn = `<upi:RespChkTxn xmlns:upi="http://npci.org/upi/schema/">
  <Head ver="2.0" ts="2026-06-12T10:36:00Z" prodType="UPI"/>
  <Txn id="ASK1" custRef="616310300001" type="ChkTxn" orgTxnId="TXN1234567890"/>
  <Resp reqMsgId="CHK1" result="SUCCESS">
    <Ref type="PAYEE" seqNum="1" settAmount="995.00" settCurrency="INR" respCode="00" orgAmount="1000.00"/>
  </Resp>
</upi:RespChkTxn>`
)

var ownID = regexp.MustCompile(`<Txn id="(VAL|ASK)[A-Z2-7]{26}"`)

// TestNPCIDialect: the PRD's examples in NPCI's dialect, and the same answers.
func TestNPCIDialect(t *testing.T) {
	t.Parallel()
	c := controller(t, func(path, doc string) (int, string) {
		switch path + ownID.ReplaceAllString(doc, `<Txn id="*"`) {
		case npci.PathValidate + npciReqValQr:
			return 200, npciRespValQr
		case npci.PathPay + npciReqPay:
			return 200, npciRespPay
		case npci.PathCheck + npciReqChkTxn:
			return 200, npciRespChkTxn
		}
		t.Errorf("sent to %s:\n%s", path, doc)
		return 500, ""
	})
	c.Dialect = npci.DialectNPCI
	if got, err := c.ValidateQR(t.Context(), valQr); err != nil || got != valQrResp {
		t.Errorf("RespValQr: %+v, %v", got, err)
	}
	if got, err := c.Pay(t.Context(), pay); err != nil || got != payResp {
		t.Errorf("RespPay: %+v, %v", got, err)
	}
	got, err := c.Check(t.Context(), npci.ReqChkTxn{MsgID: "CHK1", Ts: ts, OrgTxnID: "TXN1234567890"})
	if err != nil || got.TxnStatus != "SUCCESS" || got.Amount != 100000 || got.SettlementAmount != 99500 || got.Rrn != "616310300001" {
		t.Errorf("RespChkTxn: %+v, %v", got, err)
	}
	if _, err := c.ValidateQR(t.Context(), npci.ReqValQr{Amount: 100, RefURL: "%"}); err == nil {
		t.Error("a RefUrl that is not base64 was sent")
	}
}

// TestNPCIDialectAnswersThatAreNone: what is believed of an answer in NPCI's
// dialect.
func TestNPCIDialectAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, old, new, why string }{
		{"the PRD's dialect", npciRespPay, prdRespPay, "namespace"},
		{"another namespace", "npci.org/upi/schema/", "example.org/", "namespace"},
		{"two Resp", "</upi:RespPay>", `<Resp reqMsgId="PAY9876543210" result="FAILURE" errCode="ZE"/></upi:RespPay>`, "one Head, Txn and Resp"},
		{"another message's", "PAY9876543210", "PAY1", "answers message"},
		{"another transaction's", "TXN1234567890", "TXN1", "answers transaction"},
		{"a result of its own", `result="SUCCESS"`, `result="MAYBE"`, `result "MAYBE"`},
		{"pending is for questions", `result="SUCCESS"`, `result="PENDING"`, `result "PENDING"`},
		{"success with a code", `result="SUCCESS"`, `result="SUCCESS" errCode="ZE"`, `errCode "ZE"`},
		{"failure without one", `result="SUCCESS"`, `result="FAILURE"`, "errCode"},
		{"a code of its own", `result="SUCCESS"`, `result="FAILURE" errCode="NO"`, "respCode"},
		{"another respCode", `respCode="00"`, `respCode="ZE"`, "respCode"},
		{"settled in dollars", `settCurrency="INR"`, `settCurrency="USD"`, "settCurrency"},
		{"no settlement", `settAmount="995.00" `, "", "missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			answer := strings.Replace(npciRespPay, tt.old, tt.new, 1)
			if answer == npciRespPay {
				t.Fatalf("%q is not in the answer", tt.old)
			}
			c := controller(t, func(string, string) (int, string) { return 200, answer })
			c.Dialect = npci.DialectNPCI
			if got, err := c.Pay(t.Context(), pay); !errors.Is(err, npci.ErrAnswer) || !strings.Contains(err.Error(), tt.why) || got != (npci.RespPay{}) {
				t.Fatalf("%+v, %v; want ErrAnswer with %q", got, err, tt.why)
			}
		})
	}
}

// interpreter stands before a strict controller, and speaks NPCI's dialect.
type interpreter struct{ *strict }

var attributes = regexp.MustCompile(`<(?:upi:)?([A-Za-z]+)((?: [A-Za-z:]+="[^"]*")*)/?>`)

// RoundTrip turns a message into the PRD's dialect, and its answer back.
func (i interpreter) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost {
		return i.strict.RoundTrip(r)
	}
	doc, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	at := map[string]string{}
	root := ""
	for _, found := range attributes.FindAllStringSubmatch(string(doc), -1) {
		if root == "" {
			root = found[1]
		}
		for _, pair := range regexp.MustCompile(`([A-Za-z:]+)="([^"]*)"`).FindAllStringSubmatch(found[2], -1) {
			at[found[1]+"/"+pair[1]] = pair[2]
		}
	}
	if at[root+"/xmlns:upi"] != "http://npci.org/upi/schema/" || at["Head/orgId"] != "MER101" || at["Head/ver"] != "2.0" {
		i.t.Errorf("sent %s", doc)
	}
	prd := fmt.Sprintf("<%s><MsgID>%s</MsgID><TxnID>%s</TxnID><OrgTxnID>%s</OrgTxnID><VerToken>%s</VerToken><Amount>%s</Amount><Curr>%s</Curr><PayerAddr>%s</PayerAddr><PayeeAddr>%s</PayeeAddr></%[1]s>",
		root, at["Head/msgId"], at["Txn/id"], at["Txn/orgTxnId"], at["QR/verToken"], at["Amount/value"], at["Amount/curr"], at["Payer/addr"], at["Payee/addr"])
	inner := r.Clone(r.Context())
	inner.Body = io.NopCloser(bytes.NewReader([]byte(prd)))
	resp, err := i.strict.RoundTrip(inner)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	w.WriteHeader(resp.StatusCode)
	m := fields(string(text))
	if m["MsgID"] == "" {
		_, _ = w.Write(text)
		return w.Result(), nil
	}
	_, _ = io.WriteString(w, inNPCI(strings.Replace(root, "Req", "Resp", 1), at["Txn/id"], m))
	return w.Result(), nil
}

// inNPCI is an answer in NPCI's dialect.
func inNPCI(root, txnID string, m map[string]string) string {
	result, code := ` result="SUCCESS"`, m["Status"]
	switch outcome := m["Result"] + m["TxnStatus"]; {
	case outcome == "PENDING":
		result, code = ` result="PENDING"`, ""
	case outcome != "" && outcome != "SUCCESS":
		code = outcome
		fallthrough
	case code != "00":
		result = fmt.Sprintf(` result="FAILURE" errCode="%s"`, code)
	}
	qr, ref, fx := "", "", ""
	if m["VerToken"] != "" {
		qr = fmt.Sprintf(`<QR expireTs="%s" verToken="%s"/>`, m["ExpiresAt"], m["VerToken"])
	}
	if m["SettlementAmount"] != "" {
		ref = fmt.Sprintf(`<Ref settAmount="%s" settCurrency="INR" orgAmount="%s" respCode="%s"/>`, m["SettlementAmount"], m["Amount"], code)
	}
	if m["BaseCurr"] != "" {
		ref = fmt.Sprintf(`<Ref settAmount="%s" settCurrency="INR"/>`, m["InrAmount"])
		fx = fmt.Sprintf(`<FxList><Fx baseAmount="%s" baseCurr="%s" fx="%s"/></FxList>`, m["BaseAmount"], m["BaseCurr"], m["FxRate"])
	}
	return fmt.Sprintf(`<upi:%s xmlns:upi="http://npci.org/upi/schema/"><Head ver="2.0" ts="2026-06-12T10:30:00Z"/><Txn id="%s" note="%s" orgTxnId="%s">%s</Txn><Resp reqMsgId="%s"%s>%s</Resp>%s</upi:%[1]s>`,
		root, txnID, m["Message"], m["TxnID"], qr, m["MsgID"], result, ref, fx)
}

// TestJourneyInNPCIDialect: journeys end as in the PRD's dialect.
func TestJourneyInNPCIDialect(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, payee, curr string
		faults            []fault
		state             npci.State
		back              npci.Back
		code, result      string
	}{
		{"paid", "merchant@upi", "INR", nil, npci.Paid, "", "00", ""},
		{"paid in dollars", "merchant@upi", "USD", nil, npci.Paid, "", "00", ""},
		{"declined", "ip08@mercury", "INR", nil, npci.Returned, npci.BackRefused, "IP08", ""},
		{"held", "gourmet@mercury", "INR", nil, npci.Returned, npci.BackReversed, "00", "TIMEOUT"},
		{"lost", "merchant@upi", "INR", []fault{cutOff}, npci.Paid, "", "", ""},
		{"lost before", "merchant@upi", "INR", []fault{neverSent}, npci.Returned, npci.BackGivenUp, "", ""},
		{"96", "merchant@upi", "INR", []fault{broken}, npci.Returned, npci.BackGivenUp, "96", ""},
		{"the refusal is lost", "ip08@mercury", "INR", []fault{garbage}, npci.Returned, npci.BackFailed, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStrict(t, false)
				defer s.end()
				s.faults[npci.PathPay] = tt.faults
				c := &npci.Client{BaseURL: "http://controller.example.in", HTTP: &http.Client{Transport: interpreter{s}}, Dialect: npci.DialectNPCI}
				p := buy(tt.payee, 1050)
				p.QR.Curr = tt.curr
				got, err := c.Journey(t.Context(), p)
				e := got.Entry
				if err != nil || e.State != tt.state || e.Back != tt.back || e.Code != tt.code || e.Result != tt.result || (e.Debited == 87268) != (tt.curr == "USD") {
					t.Fatalf("%+v, %v", e, err)
				}
				s.jobs.Wait()
				r, err := c.Reconcile(t.Context())
				if sums, _, _ := s.sums(); err != nil || !r.Agrees() || r.Ours != sums {
					t.Errorf("%v\n%s", err, r)
				}
			})
		})
	}
}
