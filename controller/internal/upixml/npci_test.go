package upixml_test

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/upixml"
)

// The messages in NPCI's dialect, as testdata has them.
func npci(t fataler, name string) string {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("testdata", "npci_"+name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

const npciLink = "mode=16&pa=merchant@upi&mc=5411&tr=GL7Q2-01&am=1000.00"

var (
	wantNPCIValQr = upixml.ReqValQr{
		MsgID: "MSG1234567890", Ts: ts, OrgID: "MER101", Curr: "INR", Amount: 100000, MCC: "5411",
		RefURL: base64.RawURLEncoding.EncodeToString([]byte(npciLink)), PayeeAddr: "merchant@upi",
		Dialect: upixml.DialectNPCI, QueryID: "VAL1234567890",
	}
	wantNPCIPay = upixml.ReqPay{
		MsgID: "PAY9876543210", TxnID: "TXN1234567890", VerToken: "550e8400-e29b-41d4-a716-446655440000",
		Amount: 100000, Curr: "INR", PayerAddr: "customer@upi", PayeeAddr: "merchant@upi", Timestamp: ts.Add(5 * time.Minute),
		Dialect: upixml.DialectNPCI, OrgID: "MER101",
	}
	wantNPCIChkTxn = upixml.ReqChkTxn{
		MsgID: "CHK1", Ts: ts.Add(6 * time.Minute), OrgID: "MER101", OrgTxnID: "TXN1234567890",
		Dialect: upixml.DialectNPCI, QueryID: "QRY1234567890",
	}
)

func TestNPCIMessages(t *testing.T) {
	t.Parallel()
	if got, err := upixml.ParseReqValQr([]byte(npci(t, "req_val_qr"))); err != nil || got != wantNPCIValQr {
		t.Errorf("ReqValQr: %v\n got %+v\nwant %+v", err, got, wantNPCIValQr)
	} else if ref, err := got.Ref(); err != nil || ref.TR != "GL7Q2-01" || ref.AM != 100000 || ref.Text != "upi://pay?"+npciLink {
		t.Errorf("its QR: %+v, %v", ref, err)
	}
	if got, err := upixml.ParseReqPay([]byte(npci(t, "req_pay"))); err != nil || got != wantNPCIPay {
		t.Errorf("ReqPay: %v\n got %+v\nwant %+v", err, got, wantNPCIPay)
	}
	if got, err := upixml.ParseReqChkTxn([]byte(npci(t, "req_chk_txn"))); err != nil || got != wantNPCIChkTxn {
		t.Errorf("ReqChkTxn: %v\n got %+v\nwant %+v", err, got, wantNPCIChkTxn)
	}
}

func TestNPCITakenAsWell(t *testing.T) {
	t.Parallel()
	link := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	const query = `query="mode=16&amp;pa=merchant@upi&amp;mc=5411&amp;tr=GL7Q2-01&amp;am=1000.00"`
	for _, tt := range []struct {
		name   string
		oldnew []string
		want   func(*upixml.ReqValQr)
	}{
		{"another prefix", []string{"<upi:ReqValQr xmlns:upi=", "<ns2:ReqValQr xmlns:ns2=", "</upi:", "</ns2:"}, nil},
		{"XML-DSig declared beside it", []string{"<upi:ReqValQr ", `<upi:ReqValQr xmlns:ds="http://www.w3.org/2000/09/xmldsig#" `}, nil},
		{"an Id on the root", []string{"<upi:ReqValQr ", `<upi:ReqValQr Id="m1" `}, nil},
		{"a declaration", []string{"<upi:ReqValQr ", `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><upi:ReqValQr `}, nil},
		{"another order", []string{"<Payees>", "<Payer/><Payees>"}, nil},
		{"elements and attributes that are not known", []string{"<Payees>",
			"<Meta><Tag name='PAYREQSTART' value=''/></Meta><Payees x='y'>", "<Amount ", "<Merchant><Identifier id='1' mid='2'/></Merchant><Amount split='' "}, nil},
		{"an escaped letter", []string{`orgId="MER101"`, `orgId="&#77;ER101"`}, nil},
		{"the payer's amount beside the payee's", []string{"<Payees>", `<Payer addr="a@upi"><Amount value="1000" curr="INR"/></Payer><Payees>`}, nil},
		{"dollars", []string{`curr="INR"`, `curr="USD"`}, func(m *upixml.ReqValQr) { m.Curr = "USD" }},
		{"no payee's address, the organisation's will do", []string{`addr="merchant@upi" `, ""}, func(m *upixml.ReqValQr) { m.PayeeAddr = "" }},
		{"no code", []string{`code="5411"`, ""}, func(m *upixml.ReqValQr) { m.MCC = "" }},
		{"a whole link", []string{query, `query="upi://pay?pa=merchant@upi&amp;mode=16"`},
			func(m *upixml.ReqValQr) { m.RefURL = link("upi://pay?pa=merchant@upi&mode=16") }},
		{"no query, but a mode", []string{query, ""}, func(m *upixml.ReqValQr) { m.RefURL = link("mode=16") }},
		{"no QR, but a mode", []string{"<QR qVer", "<Unknown qVer"}, func(m *upixml.ReqValQr) { m.RefURL = link("mode=16") }},
		{"a mode that is not dynamic", []string{query, "", `initiationMode="16"`, `initiationMode="01"`}, func(m *upixml.ReqValQr) { m.RefURL = link("mode=01") }},
		{"no mode, but a query", []string{`initiationMode="16"`, ""}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := wantNPCIValQr
			if tt.want != nil {
				tt.want(&want)
			}
			got, err := upixml.ParseReqValQr([]byte(change(t, npci(t, "req_val_qr"), tt.oldnew...)))
			if err != nil || got != want {
				t.Fatalf("%v\n got %+v\nwant %+v", err, got, want)
			}
		})
	}
}

// The strictness is the PRD dialect's: what is refused there is refused here.
func TestNPCIRefused(t *testing.T) {
	t.Parallel()
	const ns = `xmlns:upi="http://npci.org/upi/schema/"`
	for _, tt := range []struct {
		name   string
		oldnew []string
		why    string
	}{
		{"no namespace", []string{" " + ns, ""}, "prefix that is not"},
		{"another namespace", []string{"npci.org/upi", "npci.org/cm"}, "namespace other than"},
		{"NPCI's namespace but for a slash", []string{"schema/\"", "schema\""}, "namespace other than"},
		{"the default namespace", []string{"<upi:ReqPay xmlns:upi=", "<ReqPay xmlns=", "</upi:", "</"}, "namespace other than"},
		{"a second prefix for it", []string{ns, ns + ` xmlns:b="http://npci.org/upi/schema/"`}, "namespace other than"},
		{"a foreign namespace beside it", []string{ns, ns + ` xmlns:ns3="http://npci.org/cm/schema/"`}, "namespace other than"},
		{"declared, but not the root's", []string{"<upi:ReqPay", "<ReqPay", "</upi:", "</"}, "namespace other than"},
		{"XML-DSig's prefix on the root", []string{"<upi:ReqPay", `<ds:ReqPay xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`, "</upi:", "</ds:"}, "namespace other than"},
		{"a child with the root's prefix", []string{"<Head ", "<upi:Head "}, "has the root's prefix"},
		{"an unknown child with it", []string{"<Payees>", "<upi:Meta/><Payees>"}, "has the root's prefix"},
		{"declared again below", []string{"<Head ", "<Head " + ns + " "}, "namespace"},
		{"a message of the PRD alone", []string{"upi:ReqPay", "upi:ReqCollect", "</upi:ReqPay", "</upi:ReqCollect"}, "not a message known here"},
		{"an answer", []string{"upi:ReqPay", "upi:RespPay", "</upi:ReqPay", "</upi:RespPay"}, "not ReqPay"},
		{"the PRD's elements in it", []string{"<Payees>", "<MsgID>x</MsgID><Payees>", `msgId="PAY9876543210"`, ""}, "attribute msgId of Head is missing"},

		{"two Heads", []string{"<Txn ", "<Head msgId='x'/><Txn "}, "Head is there twice"},
		{"two Txns", []string{"<Payees>", "<Txn/><Payees>"}, "Txn is there twice"},
		{"two QRs", []string{"</Txn>", "<QR/></Txn>"}, "QR is there twice"},
		{"two payees", []string{"</Payees>", `<Payee addr="thief@upi"/></Payees>`}, "Payee is there twice"},
		{"two lists of payees", []string{"</Payees>", "</Payees><Payees/>"}, "Payees is there twice"},
		{"two amounts of the payee", []string{"</Payee>", `<Amount value="1.00"/></Payee>`}, "Amount is there twice"},
		{"an attribute twice", []string{`value="1000.00"`, `value="1000.00" value="1.00"`}, "attribute twice"},
		{"an attribute in another case", []string{`msgId="PAY`, `MsgId="x" msgId="PAY`}, "attribute msgId of Head is written in another case"},
		{"an element in another case", []string{"<Txn ", "<txn/><Txn "}, "Txn is written in another case"},
		{"Head too deep", []string{"<Head ", "<x><Head ", "<Txn ", "</x><Txn "}, "Head is not a child of the root"},
		{"QR beside Txn", []string{"<Payees>", "<QR/><Payees>"}, "QR is not a child of Txn"},
		{"Payee beside Payees", []string{"<Payees>", "<Payee/><Payees>"}, "Payee is not a child of Payees"},
		{"Amount below the root", []string{"<Payees>", "<Amount value='1'/><Payees>"}, "Amount is not a child of Payer"},
		{"Amount in an unknown element", []string{"</Payee>", "<x><Amount/></x></Payee>"}, "Amount is not a child of Payer"},
		{"text in Head", []string{"<Txn ", "x<Txn "}, "text outside"},
		{"text in Txn", []string{"</Txn>", "x</Txn>"}, "text outside"},
		{"text in Amount", []string{`<Amount value="1000.00" curr="INR"/>`, `<Amount value="1000.00" curr="INR">1</Amount>`}, "text outside"},
		{"an Id beside the root's", []string{"<Txn ", "<Txn Id='x' "}, "other than the root has an Id"},
		{"an id on the root", []string{"<upi:ReqPay ", "<upi:ReqPay id='x' "}, "other than the root has an Id"},
		{"an attribute with a prefix", []string{"<Txn ", "<Txn xml:id='x' "}, "attribute has a prefix"},
		{"a line break in an attribute", []string{`addr="customer@upi"`, "addr=\"customer@upi\n\""}, "tab or a line break"},
		{"Signature with Head", []string{"</upi:", `<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><Head/></Signature></upi:`}, "belongs beside it"},
		{"a comment", []string{"<Head ", "<!-- --><Head "}, "comments"},

		{"no Head", []string{"<Head ", "<x "}, "attribute msgId of Head is missing"},
		{"no orgId", []string{`orgId="MER101"`, ""}, "attribute orgId of Head is missing"},
		{"no ts", []string{`ts="2026-06-12T10:35:00Z" orgId`, "orgId"}, "attribute ts of Head is missing"},
		{"no id", []string{`id="TXN1234567890"`, ""}, "attribute id of Txn is missing"},
		{"no token", []string{`verToken="550e8400-e29b-41d4-a716-446655440000"`, ""}, "attribute verToken of Txn/QR is missing"},
		{"no payer", []string{`addr="customer@upi"`, ""}, "attribute addr of Payer is missing"},
		{"no payee", []string{`addr="merchant@upi"`, ""}, "attribute addr of Payees/Payee is missing"},
		{"no amount", []string{`<Payee addr="merchant@upi" name="Merchant" seqNum="1" type="ENTITY" code="5411"><Amount `,
			`<Payee addr="merchant@upi"><x `}, "attribute value of Payee/Amount is missing"},
		{"an empty amount", []string{`type="ENTITY" code="5411"><Amount value="1000.00"`, `code="5411"><Amount value=""`}, "attribute value of Payee/Amount is missing"},
		{"an amount below 1.00", []string{"1000.00", "0.99", "1000.00", "0.99"}, "attribute value of Payee/Amount is below 1.00"},
		{"a payer who pays something else", []string{"1000.00", "999.99"}, "attribute value of Payer/Amount is not the payee's"},
		{"a payer who pays in something else", []string{"INR", "USD"}, "attribute curr of Payer/Amount is not the payee's"},
		{"a collect request", []string{`type="PAY"`, `type="COLLECT"`}, "attribute type of Txn is not PAY"},
		{"no type", []string{`type="PAY"`, ""}, "attribute type of Txn is missing"},
		{"a msgId with a space", []string{"PAY9876543210", "PAY 1"}, "attribute msgId of Head does not have its form"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc := change(t, npci(t, "req_pay"), tt.oldnew...)
			got, err := upixml.ParseReqPay([]byte(doc))
			var refusal *upixml.Error
			if !errors.As(err, &refusal) || refusal.Code != upixml.CodeBadRequest || !strings.Contains(refusal.Message, tt.why) {
				t.Fatalf("%+v, %v; want BR with %q", got, err, tt.why)
			}
			if got != (upixml.ReqPay{}) {
				t.Errorf("an error and a message: %+v", got)
			}
		})
	}
}

func TestNPCIReqValQrRefused(t *testing.T) {
	t.Parallel()
	const query = `query="mode=16&amp;pa=merchant@upi&amp;mc=5411&amp;tr=GL7Q2-01&amp;am=1000.00"`
	for _, tt := range []struct {
		name   string
		oldnew []string
		why    string
	}{
		{"neither query nor mode", []string{query, "", `initiationMode="16"`, ""}, "attribute query of Txn/QR is missing"},
		{"a query in base64, as the PRD has it", []string{query, `query="aW5pdGlhdGlvbl9tb2RlPTE2"`}, "attribute query of Txn/QR cannot be read"},
		{"a query with two modes", []string{"mode=16", "mode=16&amp;initiation_mode=16"}, "attribute query of Txn/QR cannot be read"},
		{"another mode than the query's", []string{`initiationMode="16"`, `initiationMode="01"`}, "attribute initiationMode of Txn is not what the QR says"},
		{"a mode of letters", []string{`initiationMode="16"`, `initiationMode="ab"`}, "attribute initiationMode of Txn does not have its form"},
		{"a code of three digits", []string{"5411\"", "541\""}, "attribute code of Payees/Payee does not have its form"},
		{"a payee without handle", []string{`addr="merchant@upi"`, `addr="merchant"`}, "attribute addr of Payees/Payee is not a UPI address"},
		{"no id of its own", []string{`id="VAL1234567890"`, ""}, "attribute id of Txn is missing"},
		{"a ReqPay", []string{npci(t, "req_val_qr"), npci(t, "req_pay")}, "not ReqValQr"},
	} {
		_, err := upixml.ParseReqValQr([]byte(change(t, npci(t, "req_val_qr"), tt.oldnew...)))
		if err == nil || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.why)
		}
	}
	for _, oldnew := range [][]string{{`orgTxnId="TXN1234567890"`, ""}, {`type="ChkTxn"`, `type="PAY"`}, {`id="QRY1234567890"`, `id=""`}} {
		if _, err := upixml.ParseReqChkTxn([]byte(change(t, npci(t, "req_chk_txn"), oldnew...))); err == nil {
			t.Errorf("ReqChkTxn is taken with %q", oldnew)
		}
	}
}

// A refusal knows the dialect that it is to be answered in, and the ids.
func TestNPCIRefusal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, doc, msgID, txnID string
		dialect                 upixml.Dialect
	}{
		{"a field is wrong", change(t, npci(t, "req_pay"), `type="PAY"`, `type=""`), "PAY9876543210", "TXN1234567890", "npci"},
		{"it breaks off", npci(t, "req_pay")[:strings.Index(npci(t, "req_pay"), "<Txn")], "PAY9876543210", "", "npci"},
		{"two Heads", change(t, npci(t, "req_pay"), "<Txn ", "<Head/><Txn "), "", "", "npci"},
		{"it is another message", npci(t, "req_chk_txn"), "CHK1", "QRY1234567890", "npci"},
		{"the root is not known", "<upi:Foo xmlns:upi='http://npci.org/upi/schema/'/>", "", "", ""},
		{"it is the PRD's", change(t, reqPay, "1000.00", "0"), "PAY9876543210", "TXN1234567890", ""},
	} {
		_, err := upixml.ParseReqPay([]byte(tt.doc))
		var refusal *upixml.Error
		if !errors.As(err, &refusal) || refusal.MsgID != tt.msgID || refusal.TxnID != tt.txnID || refusal.Dialect != tt.dialect {
			t.Errorf("%s: %+v", tt.name, refusal)
		}
	}
}

func TestNPCIAnswers(t *testing.T) {
	t.Parallel()
	const dialect = upixml.DialectNPCI
	val := goodVal
	val.Dialect, val.QueryID, val.AnswerID, val.OrgID = dialect, "VAL1234567890", "ANS1", "GALLA"
	intl := val
	intl.BaseAmount, intl.BaseCurr, intl.FxRate, intl.InrAmount = 1000, "USD", "84.55", 84550
	pay := goodPay
	pay.Dialect, pay.AnswerID, pay.OrgID, pay.PayeeAddr, pay.ApprovalNum = dialect, "ANS2", "GALLA", "merchant@upi", "123456"
	timeout := pay
	timeout.Result, timeout.SettlementAmount, timeout.ApprovalNum = "TIMEOUT", 0, ""
	chk := upixml.RespChkTxn{MsgID: "CHK1", Status: "00", TxnID: "TXN1", TxnStatus: "SUCCESS", Amount: 100000, SettlementAmount: 99500,
		Rrn: "616310300001", Ts: ts, Dialect: dialect, QueryID: "QRY1", AnswerID: "ANS3", OrgID: "GALLA"}
	reversed, pending := chk, chk
	reversed.TxnStatus, reversed.SettlementAmount, pending.TxnStatus, pending.SettlementAmount, pending.Rrn = "REVERSED", 0, "PENDING", 0, ""
	for name, m := range map[string]interface{ XML() []byte }{
		"npci_resp_val_qr":      val,
		"npci_resp_val_qr_intl": intl,
		"npci_resp_val_qr_zd": upixml.RespValQr{MsgID: "MSG1", Status: "ZD", Message: `"twice" & <more>`, Ts: ts, Dialect: dialect,
			QueryID: "VAL1"},
		"npci_resp_val_qr_br":         upixml.RespValQr{Status: "BR", Message: "not well-formed", Ts: ts, Dialect: dialect},
		"npci_resp_pay":               pay,
		"npci_resp_pay_timeout":       timeout,
		"npci_resp_pay_x7":            upixml.RespPay{MsgID: "PAY1", Status: "X7", Message: "above 8000.00", TxnID: "TXN1", Timestamp: ts, Dialect: dialect},
		"npci_resp_chk_txn":           chk,
		"npci_resp_chk_txn_reversed":  reversed,
		"npci_resp_chk_txn_pending":   pending,
		"npci_resp_chk_txn_not_known": upixml.RespChkTxn{MsgID: "CHK1", Status: "ZQ", Message: "no such transaction", TxnID: "TXN1", Ts: ts, Dialect: dialect, QueryID: "QRY1"},
		"npci_resp_chk_txn_no_state":  upixml.RespChkTxn{MsgID: "CHK1", Status: "00", TxnID: "TXN1", Ts: ts, Dialect: dialect},
		"npci_ack":                    upixml.Ack{API: "ReqPay", ReqMsgID: "PAY1", Ts: ts},
		"npci_ack_err":                upixml.Ack{API: "ReqPay", ReqMsgID: "PAY1", Err: "BR", Ts: ts},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := m.XML()
			golden(t, name+".xml", doc)
			// It is a message of ours, which can be signed, and XML to others.
			if _, err := upixml.Sign(doc, testKey(t), testCert(t)); err != nil {
				t.Error(err)
			}
			var read struct {
				XMLName xml.Name
				Resp    struct {
					Result  string `xml:"result,attr"`
					ErrCode string `xml:"errCode,attr"`
				}
			}
			if err := xml.Unmarshal(doc, &read); err != nil || read.XMLName.Space != "http://npci.org/upi/schema/" {
				t.Fatal(read.XMLName, err)
			}
			if read.XMLName.Local != "Ack" && (read.Resp.Result == "FAILURE") != (read.Resp.ErrCode != "") {
				t.Errorf("%+v", read.Resp)
			}
		})
	}
}

// Of a signed message the fields are those of the signed part, whose root keeps
// its namespace.
func TestNPCISigned(t *testing.T) {
	t.Parallel()
	signed := mustSign(t, npci(t, "req_pay"))
	if !upixml.HasSignature([]byte(signed)) {
		t.Fatalf("does not count as signed:\n%s", signed)
	}
	part, err := upixml.Verify([]byte(signed), pinned(t), signedAt)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := upixml.ParseReqPay(part); err != nil || got != wantNPCIPay {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = upixml.Verify([]byte(change(t, signed, "merchant@upi", "thief@upi")), pinned(t), signedAt)
	var refusal *upixml.Error
	if !errors.As(err, &refusal) || refusal.Code != upixml.CodeSignature || refusal.Dialect != upixml.DialectNPCI || refusal.TxnID != "TXN1234567890" {
		t.Errorf("%+v", err)
	}
}
