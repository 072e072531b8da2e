package upixml_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/upixml"
)

// The messages of the PRD, verbatim (8.1, 8.3), and ReqChkTxn of upi-switch.
const (
	reqValQr = `<ReqValQr>
  <MsgID>MSG1234567890</MsgID>
  <Ts>2026-06-12T10:30:00Z</Ts>
  <OrgID>MER101</OrgID>
  <Curr>INR</Curr>
  <Amount>1000.00</Amount>
  <Mcc>5411</Mcc>
  <RefUrl>aW5pdGlhdGlvbl9tb2RlPTE2</RefUrl>
  <Signature>...</Signature>
</ReqValQr>`
	reqPay = `<ReqPay>
  <MsgID>PAY9876543210</MsgID>
  <TxnID>TXN1234567890</TxnID>
  <VerToken>550e8400-e29b-41d4-a716-446655440000</VerToken>
  <Amount>1000.00</Amount>
  <Curr>INR</Curr>
  <PayerAddr>customer@upi</PayerAddr>
  <PayeeAddr>merchant@upi</PayeeAddr>
  <Timestamp>2026-06-12T10:35:00Z</Timestamp>
</ReqPay>`
	reqChkTxn = `<ReqChkTxn>
  <MsgID>CHK1</MsgID>
  <Ts>2026-06-12T10:36:00Z</Ts>
  <OrgID>MER101</OrgID>
  <OrgTxnID>TXN1234567890</OrgTxnID>
  <Signature>...</Signature>
</ReqChkTxn>`
)

var (
	wantValQr = upixml.ReqValQr{
		MsgID: "MSG1234567890", Ts: time.Date(2026, 6, 12, 10, 30, 0, 0, time.UTC), OrgID: "MER101",
		Curr: "INR", Amount: 100000, MCC: "5411", RefURL: "aW5pdGlhdGlvbl9tb2RlPTE2",
	}
	wantPay = upixml.ReqPay{
		MsgID: "PAY9876543210", TxnID: "TXN1234567890", VerToken: "550e8400-e29b-41d4-a716-446655440000",
		Amount: 100000, Curr: "INR", PayerAddr: "customer@upi", PayeeAddr: "merchant@upi",
		Timestamp: time.Date(2026, 6, 12, 10, 35, 0, 0, time.UTC),
	}
	wantChkTxn = upixml.ReqChkTxn{
		MsgID: "CHK1", Ts: time.Date(2026, 6, 12, 10, 36, 0, 0, time.UTC), OrgID: "MER101", OrgTxnID: "TXN1234567890",
	}
)

func TestPRDExamples(t *testing.T) {
	t.Parallel()
	if got, err := upixml.ParseReqValQr([]byte(reqValQr)); err != nil || got != wantValQr {
		t.Errorf("8.1: %+v, %v", got, err)
	}
	if got, err := upixml.ParseReqPay([]byte(reqPay)); err != nil || got != wantPay {
		t.Errorf("8.3: %+v, %v", got, err)
	}
	if got, err := upixml.ParseReqChkTxn([]byte(reqChkTxn)); err != nil || got != wantChkTxn {
		t.Errorf("ReqChkTxn: %+v, %v", got, err)
	}
	for _, doc := range []string{reqValQr, reqPay, reqChkTxn} {
		if upixml.HasSignature([]byte(doc)) {
			t.Errorf("counts as signed:\n%s", doc)
		}
	}
}

// change returns the example with each old replaced by its new; an old that is
// not there would make a test that cannot fail.
func change(t testing.TB, doc string, oldnew ...string) string {
	t.Helper()
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(doc, oldnew[i]) {
			t.Fatalf("%q is not in\n%s", oldnew[i], doc)
		}
		doc = strings.Replace(doc, oldnew[i], oldnew[i+1], 1)
	}
	return doc
}

func TestTakenAsWell(t *testing.T) {
	t.Parallel()
	const ds = `xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`
	for _, tt := range []struct {
		name   string
		oldnew []string
		want   func(*upixml.ReqValQr)
	}{
		{"a declaration", []string{"<ReqValQr>", `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n<ReqValQr>"}, nil},
		{"a declaration in small letters", []string{"<ReqValQr>", `<?xml version='1.0' encoding='utf-8'?><ReqValQr>`}, nil},
		{"a declaration without encoding", []string{"<ReqValQr>", `<?xml version="1.0"?><ReqValQr>`}, nil},
		{"white space around the root", []string{"<ReqValQr>", " \r\n\t<ReqValQr>", "</ReqValQr>", "</ReqValQr>\r\n \t"}, nil},
		{"another order", []string{"  <MsgID>MSG1234567890</MsgID>\n", "", "</ReqValQr>", "<MsgID>MSG1234567890</MsgID></ReqValQr>"}, nil},
		{"elements that are not known", []string{"<Mcc>", "<Txn><Payer name='a'><Info>x</Info></Payer></Txn><Txn/><Mcc>"}, nil},
		{"text in an element that is not known", []string{"<Mcc>", "<Note>hello <b>there</b> &amp; ₹</Note><Mcc>"}, nil},
		{"attributes that say nothing", []string{"<ReqValQr>", `<ReqValQr ver="2.0" Id="m1">`, "<Amount>", `<Amount curr="USD">`}, nil},
		{"an escaped letter", []string{"<OrgID>MER101", "<OrgID>&#77;ER&#x31;01"}, nil},
		{"no Signature", []string{"  <Signature>...</Signature>\n", ""}, nil},
		{"an empty Signature", []string{"<Signature>...</Signature>", "<Signature/>"}, nil},
		{"a bare Signature of XML-DSig", []string{"<Signature>...</Signature>", "<ds:Signature " + ds + ">...</ds:Signature>"}, nil},
		{"XML-DSig declared on the root", []string{"<ReqValQr>", "<ReqValQr " + ds + ">"}, nil},
		{"a time with zone and fraction", []string{"10:30:00Z", "16:00:00.500+05:30"},
			func(m *upixml.ReqValQr) { m.Ts = m.Ts.Add(500 * time.Millisecond) }},
		{"the least amount", []string{"1000.00", "1"}, func(m *upixml.ReqValQr) { m.Amount = 100 }},
		{"an amount above every limit", []string{"1000.00", "99999999.99"}, func(m *upixml.ReqValQr) { m.Amount = 9999999999 }},
		{"dollars", []string{"INR", "USD"}, func(m *upixml.ReqValQr) { m.Curr = "USD" }},
		{"payee and reference", []string{"<Mcc>", "<PayeeAddr>merchant@upi</PayeeAddr><TxnRef>GL7Q2-01</TxnRef><Mcc>"},
			func(m *upixml.ReqValQr) { m.PayeeAddr, m.TxnRef = "merchant@upi", "GL7Q2-01" }},
		{"empty payee and reference", []string{"<Mcc>", "<PayeeAddr/><TxnRef></TxnRef><Mcc>"}, nil},
		{"a QR that is not dynamic", []string{"aW5pdGlhdGlvbl9tb2RlPTE2", "aW5pdGlhdGlvbl9tb2RlPTAx"},
			func(m *upixml.ReqValQr) { m.RefURL = "aW5pdGlhdGlvbl9tb2RlPTAx" }},
		{"31 levels below the root", []string{"<Mcc>", strings.Repeat("<a>", 31) + strings.Repeat("</a>", 31) + "<Mcc>"}, nil},
		{"64 KiB", []string{"<Mcc>", "<a>" + strings.Repeat("x", upixml.MaxBytes-len(reqValQr)-7) + "</a><Mcc>"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := wantValQr
			if tt.want != nil {
				tt.want(&want)
			}
			doc := change(t, reqValQr, tt.oldnew...)
			got, err := upixml.ParseReqValQr([]byte(doc))
			if err != nil || got != want {
				t.Fatalf("%v\n got %+v\nwant %+v", err, got, want)
			}
			if upixml.HasSignature([]byte(doc)) {
				t.Error("counts as signed")
			}
		})
	}
}

// Failure matrix 0.4 and upi-switch, Messages: what is refused, in ReqValQr.
func TestRefused(t *testing.T) {
	t.Parallel()
	const dsig = "http://www.w3.org/2000/09/xmldsig#"
	for _, tt := range []struct {
		name   string
		oldnew []string
		why    string
	}{
		{"garbage before", []string{"<ReqValQr>", "x<ReqValQr>"}, "text outside"},
		{"garbage after", []string{"</ReqValQr>", "</ReqValQr>x"}, "text outside"},
		{"NUL after", []string{"</ReqValQr>", "</ReqValQr>\x00"}, "not well-formed"},
		{"byte order mark", []string{"<ReqValQr>", "\ufeff<ReqValQr>"}, "text outside"},
		{"text between elements", []string{"<Mcc>", "x<Mcc>"}, "text outside"},
		{"escaped text between elements", []string{"<Mcc>", "&#120;<Mcc>"}, "text outside"},
		{"a second root", []string{"</ReqValQr>", "</ReqValQr><ReqValQr/>"}, "more than one root"},
		{"the message twice", []string{"</ReqValQr>", "</ReqValQr>" + reqValQr}, "more than one root"},
		{"an end too many", []string{"</ReqValQr>", "</ReqValQr></ReqValQr>"}, "not open"},
		{"an end too few", []string{"</ReqValQr>", ""}, "ends before"},
		{"ends crossed", []string{"<Mcc>5411</Mcc>", "<Mcc>5411</Curr>"}, "not open"},
		{"cut off in an element", []string{"</ReqValQr>", "<Note"}, "not well-formed"},
		{"an envelope", []string{"<ReqValQr>", "<Envelope><ReqValQr>", "</ReqValQr>", "</ReqValQr></Envelope>"}, "not a message known here"},
		{"another message", []string{"<ReqValQr>", "<ReqChkTxn>", "</ReqValQr>", "</ReqChkTxn>"}, "not ReqValQr"},
		{"root in another case", []string{"<ReqValQr>", "<reqValQr>", "</ReqValQr>", "</reqValQr>"}, "not a message known here"},
		{"root in a namespace", []string{"<ReqValQr>", `<ReqValQr xmlns="urn:evil">`}, "namespace other than"},
		{"root in XML-DSig's namespace", []string{"<ReqValQr>", `<ReqValQr xmlns="` + dsig + `">`}, "where it must not be"},
		{"root with a prefix", []string{"<ReqValQr>", `<n:ReqValQr xmlns:n="` + dsig + `">`, "</ReqValQr>", "</n:ReqValQr>"}, "not a message known here"},

		{"a DOCTYPE", []string{"<ReqValQr>", "<!DOCTYPE ReqValQr><ReqValQr>"}, "DOCTYPE"},
		{"an entity of its own", []string{"<ReqValQr>", `<!DOCTYPE r [<!ENTITY a "1000.00">]><ReqValQr>`, "1000.00", "&a;"}, "DOCTYPE"},
		{"an external entity", []string{"<ReqValQr>", `<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><ReqValQr>`}, "DOCTYPE"},
		{"an entity that nobody knows", []string{"1000.00", "&nbsp;1000.00"}, "not well-formed"},
		{"a comment before", []string{"<ReqValQr>", "<!-- --><ReqValQr>"}, "comments"},
		{"a comment after", []string{"</ReqValQr>", "</ReqValQr><!-- -->"}, "comments"},
		{"a comment in an amount", []string{"1000.00", "1<!-- -->000.00"}, "comments"},
		{"a comment between elements", []string{"<Mcc>", "<!-- <Amount>1.00</Amount> --><Mcc>"}, "comments"},
		{"CDATA", []string{"1000.00", "<![CDATA[1000.00]]>"}, "CDATA"},
		{"CDATA between elements", []string{"<Mcc>", "<![CDATA[]]><Mcc>"}, "CDATA"},
		{"a processing instruction", []string{"<ReqValQr>", `<?xml-stylesheet href="a"?><ReqValQr>`}, "processing instructions"},
		{"a processing instruction inside", []string{"<Mcc>", "<?php ?><Mcc>"}, "processing instructions"},
		{"a declaration after white space", []string{"<ReqValQr>", ` <?xml version="1.0"?><ReqValQr>`}, "processing instructions"},
		{"two declarations", []string{"<ReqValQr>", `<?xml version="1.0"?><?xml version="1.0"?><ReqValQr>`}, "processing instructions"},
		{"a declaration inside", []string{"<Mcc>", `<?xml version="1.0"?><Mcc>`}, "processing instructions"},
		{"another encoding", []string{"<ReqValQr>", `<?xml version="1.0" encoding="UTF-7"?><ReqValQr>`}, "not well-formed"},
		{"another version", []string{"<ReqValQr>", `<?xml version="1.1"?><ReqValQr>`}, "not well-formed"},
		{"a declaration of something else", []string{"<ReqValQr>", `<?xml version="1.0" a="b"?><ReqValQr>`}, "processing instructions"},

		{"two amounts", []string{"<Mcc>", "<Amount>1.00</Amount><Mcc>"}, "Amount is there twice"},
		{"the same amount twice", []string{"<Mcc>", "<Amount>1000.00</Amount><Mcc>"}, "Amount is there twice"},
		{"the second amount empty", []string{"<Mcc>", "<Amount/><Mcc>"}, "Amount is there twice"},
		{"two optional elements", []string{"<Mcc>", "<TxnRef>a</TxnRef><TxnRef>a</TxnRef><Mcc>"}, "TxnRef is there twice"},
		{"two Signatures", []string{"</ReqValQr>", "<Signature/></ReqValQr>"}, "Signature is there twice"},
		{"amount in another case", []string{"<Mcc>", "<AMOUNT>1.00</AMOUNT><Mcc>"}, "Amount is written in another case"},
		{"Signature in another case", []string{"<Mcc>", "<signature/><Mcc>"}, "Signature is written in another case"},
		{"amount too deep", []string{"<Amount>1000.00</Amount>", "<Txn><Amount>1000.00</Amount></Txn>"}, "Amount is not a child of the root"},
		{"a second amount too deep", []string{"<Mcc>", "<Txn><Amount>1.00</Amount></Txn><Mcc>"}, "Amount is not a child of the root"},
		{"amount below an amount", []string{"1000.00", "<Amount>1.00</Amount>"}, "Amount must hold text alone"},
		{"an element in an amount", []string{"1000.00", "1000<x/>.00"}, "Amount must hold text alone"},
		{"Signature too deep", []string{"<Mcc>", "<Txn><Signature/></Txn><Mcc>"}, "Signature is not a child of the root"},
		{"amount with a foreign prefix", []string{"<Mcc>", `<z:Amount xmlns:z="urn:evil">1.00</z:Amount><Mcc>`}, "namespace other than"},
		{"amount with a prefix of nobody", []string{"<Mcc>", "<z:Amount>1.00</z:Amount><Mcc>"}, "prefix that is not XML-DSig's"},
		{"amount with XML-DSig's prefix", []string{"<ReqValQr>", `<ReqValQr xmlns:ds="` + dsig + `">`, "<Mcc>", "<ds:Amount>1.00</ds:Amount><Mcc>"}, "stands outside Signature"},
		{"amount with the prefix xml", []string{"<Mcc>", "<xml:Amount>1.00</xml:Amount><Mcc>"}, "prefix that is not"},
		{"an element that is not known with a prefix", []string{"<Mcc>", "<z:Txn/><Mcc>"}, "prefix that is not"},
		{"a prefix that has ended", []string{"<Signature>...</Signature>", `<d:Signature xmlns:d="` + dsig + `"/>`, "<Mcc>5411</Mcc>", "", "</ReqValQr>", "<d:Mcc>5411</d:Mcc></ReqValQr>"}, "prefix that is not"},
		{"a foreign namespace on an element that is not known", []string{"<Mcc>", `<Txn xmlns="urn:npci"/><Mcc>`}, "namespace other than"},
		{"a foreign namespace that nothing uses", []string{"<ReqValQr>", `<ReqValQr xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">`}, "namespace other than"},
		{"XML-DSig declared on an amount", []string{"<Amount>", `<Amount xmlns:ds="` + dsig + `">`}, "where it must not be"},
		{"an undeclared namespace", []string{"<Amount>", `<Amount xmlns="">`}, "namespace other than"},
		{"the prefix xml declared", []string{"<ReqValQr>", `<ReqValQr xmlns:xml="` + dsig + `">`}, "namespace other than"},
		{"a name with two colons", []string{"<Mcc>", "<a:b:c/><Mcc>"}, "not well-formed"},
		{"a name that begins with a colon", []string{"<Mcc>", "<:Amount/><Mcc>"}, "colon"},
		{"an attribute with a prefix", []string{"<Amount>", `<Amount xml:space="preserve">`}, "attribute has a prefix"},
		{"an attribute twice", []string{"<Amount>", `<Amount a="1" a="2">`}, "attribute twice"},
		{"an attribute without quotes", []string{"<Amount>", `<Amount a=1>`}, "not well-formed"},
		{"an Id beside the root's", []string{"<Amount>", `<Amount Id="m1">`}, "other than the root has an Id"},
		{"an ID on the root", []string{"<ReqValQr>", `<ReqValQr ID="m1">`}, "other than the root has an Id"},
		{"Signature with a child of no namespace", []string{">...<", "><SignedInfo/><"}, "not XML-DSig's"},
		{"Signature with an amount", []string{"<Signature>...", `<Signature xmlns="` + dsig + `"><Amount>1.00</Amount>`}, "belongs beside it"},
		{"Signature of no namespace with a child of XML-DSig", []string{">...<", `><SignedInfo xmlns="` + dsig + `"/><`}, "not XML-DSig's"},
		{"Signature in a Signature", []string{"<Signature>...", `<Signature xmlns="` + dsig + `"><Signature/>`}, "belongs beside it"},
		{"a foreign namespace in Signature", []string{"<Signature>...", `<Signature xmlns="` + dsig + `"><Object xmlns="urn:evil"/>`}, "namespace other than"},

		{"33 levels", []string{"<Mcc>", strings.Repeat("<a>", 32) + strings.Repeat("</a>", 32) + "<Mcc>"}, "deeper than 32"},
		{"33 attributes", []string{"<Mcc>", "<a" + manyAttributes(33) + "/><Mcc>"}, "more than 32 attributes"},
		{"one byte above 64 KiB", []string{"<Mcc>", "<a>" + strings.Repeat("x", upixml.MaxBytes-len(reqValQr)-6) + "</a><Mcc>"}, "longer than 64 KiB"},
		{"not UTF-8", []string{"<Mcc>", "<Note>\xff</Note><Mcc>"}, "not UTF-8"},
		{"UTF-16", []string{reqValQr, "\xff\xfe<\x00"}, "not UTF-8"},
		{"nothing", []string{reqValQr, ""}, "no root element"},
		{"white space", []string{reqValQr, " \n"}, "no root element"},
		{"JSON", []string{reqValQr, `{"MsgID":"1"}`}, "text outside"},

		{"no MsgID", []string{"<MsgID>MSG1234567890</MsgID>", ""}, "MsgID is missing"},
		{"no Ts", []string{"<Ts>2026-06-12T10:30:00Z</Ts>", ""}, "Ts is missing"},
		{"no OrgID", []string{"<OrgID>MER101</OrgID>", ""}, "OrgID is missing"},
		{"no Curr", []string{"<Curr>INR</Curr>", ""}, "Curr is missing"},
		{"no Amount", []string{"<Amount>1000.00</Amount>", ""}, "Amount is missing"},
		{"no Mcc", []string{"<Mcc>5411</Mcc>", ""}, "Mcc is missing"},
		{"no RefUrl", []string{"<RefUrl>aW5pdGlhdGlvbl9tb2RlPTE2</RefUrl>", ""}, "RefUrl is missing"},
		{"empty Amount", []string{"1000.00", ""}, "Amount is missing or empty"},
		{"MsgID with a space", []string{"MSG1234567890", "MSG 1"}, "MsgID does not have its form"},
		{"MsgID of 65 letters", []string{"MSG1234567890", strings.Repeat("a", 65)}, "MsgID does not have its form"},
		{"MsgID with a line break", []string{"MSG1234567890", "MSG1234567890\n"}, "MsgID does not have its form"},
		{"MsgID in markup", []string{"MSG1234567890", "&lt;x&gt;"}, "MsgID does not have its form"},
		{"OrgID with a slash", []string{"MER101", "MER/101"}, "OrgID does not have its form"},
		{"Curr in small letters", []string{"INR", "inr"}, "Curr does not have its form"},
		{"Mcc of three digits", []string{"5411", "541"}, "Mcc does not have its form"},
		{"Amount with white space", []string{"1000.00", " 1000.00"}, "Amount is not an amount"},
		{"Amount with a sign", []string{"1000.00", "+1000.00"}, "Amount is not an amount"},
		{"negative Amount", []string{"1000.00", "-1000.00"}, "Amount is not an amount"},
		{"Amount of three decimals", []string{"1000.00", "1000.000"}, "Amount is not an amount"},
		{"Amount with an exponent", []string{"1000.00", "1e3"}, "Amount is not an amount"},
		{"Amount with grouping", []string{"1000.00", "1,000.00"}, "Amount is not an amount"},
		{"Amount in other digits", []string{"1000.00", "१०००"}, "Amount is not an amount"},
		{"Amount of 20 digits", []string{"1000.00", "99999999999999999999"}, "Amount is not an amount"},
		{"Amount below one rupee", []string{"1000.00", "0.99"}, "Amount is below 1.00"},
		{"Amount of nothing", []string{"1000.00", "0"}, "Amount is below 1.00"},
		{"Ts without zone", []string{"10:30:00Z", "10:30:00"}, "Ts is not a time"},
		{"Ts of a day", []string{"2026-06-12T10:30:00Z", "2026-06-12"}, "Ts is not a time"},
		{"PayeeAddr without handle", []string{"<Mcc>", "<PayeeAddr>merchant</PayeeAddr><Mcc>"}, "PayeeAddr is not a UPI address"},
		{"TxnRef of 36 letters", []string{"<Mcc>", "<TxnRef>" + strings.Repeat("a", 36) + "</TxnRef><Mcc>"}, "TxnRef does not have its form"},
		{"RefUrl not base64", []string{"aW5pdGlhdGlvbl9tb2RlPTE2", "initiation_mode=16"}, "RefUrl is not base64"},
		{"RefUrl with a line break", []string{"aW5pdGlhdGlvbl9tb2RlPTE2", "aW5pdGlhdGlv\nbl9tb2RlPTE2"}, "RefUrl does not have its form"},
		{"RefUrl with two modes", []string{"aW5pdGlhdGlvbl9tb2RlPTE2", "bW9kZT0xNiZtb2RlPTAx"}, "RefUrl: not a UPI link: part 2 repeats"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc := change(t, reqValQr, tt.oldnew...)
			got, err := upixml.ParseReqValQr([]byte(doc))
			var refusal *upixml.Error
			if !errors.As(err, &refusal) || refusal.Code != upixml.CodeBadRequest || !strings.Contains(refusal.Message, tt.why) {
				t.Fatalf("%+v, %v; want BR with %q", got, err, tt.why)
			}
			if got != (upixml.ReqValQr{}) {
				t.Errorf("an error and a message: %+v", got)
			}
			if upixml.HasSignature([]byte(doc)) {
				t.Error("counts as signed")
			}
		})
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" a" + strings.Repeat("a", i) + `=""`)
	}
	return b.String()
}

func TestReqPayRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		oldnew []string
		why    string
	}{
		{"no MsgID", []string{"<MsgID>PAY9876543210</MsgID>", ""}, "MsgID is missing"},
		{"no TxnID", []string{"<TxnID>TXN1234567890</TxnID>", ""}, "TxnID is missing"},
		{"empty VerToken", []string{"550e8400-e29b-41d4-a716-446655440000", ""}, "VerToken is missing"},
		{"no Amount", []string{"<Amount>1000.00</Amount>", ""}, "Amount is missing"},
		{"no Curr", []string{"<Curr>INR</Curr>", ""}, "Curr is missing"},
		{"no PayerAddr", []string{"<PayerAddr>customer@upi</PayerAddr>", ""}, "PayerAddr is missing"},
		{"no PayeeAddr", []string{"<PayeeAddr>merchant@upi</PayeeAddr>", ""}, "PayeeAddr is missing"},
		{"no Timestamp", []string{"<Timestamp>2026-06-12T10:35:00Z</Timestamp>", ""}, "Timestamp is missing"},
		{"VerToken with a space", []string{"550e8400-", "550e8400 "}, "VerToken does not have its form"},
		{"VerToken of 65 letters", []string{"550e8400-e29b-41d4-a716-446655440000", strings.Repeat("a", 65)}, "VerToken does not have its form"},
		{"PayerAddr without handle", []string{"customer@upi", "customer"}, "PayerAddr is not a UPI address"},
		{"PayeeAddr without name", []string{"merchant@upi", "@upi"}, "PayeeAddr is not a UPI address"},
		{"two payees", []string{"</ReqPay>", "<PayeeAddr>thief@upi</PayeeAddr></ReqPay>"}, "PayeeAddr is there twice"},
		{"a ReqValQr", []string{reqPay, reqValQr}, "not ReqPay"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := upixml.ParseReqPay([]byte(change(t, reqPay, tt.oldnew...)))
			var refusal *upixml.Error
			if !errors.As(err, &refusal) || refusal.Code != "BR" || !strings.Contains(refusal.Message, tt.why) || got != (upixml.ReqPay{}) {
				t.Fatalf("%+v, %v; want BR with %q", got, err, tt.why)
			}
		})
	}
}

// A token that is none is the caller's to refuse, with ZE (PRD 6.2 S6).
func TestVerTokenOfAnyForm(t *testing.T) {
	t.Parallel()
	got, err := upixml.ParseReqPay([]byte(change(t, reqPay, "550e8400-e29b-41d4-a716-446655440000", "not-a-token")))
	if err != nil || got.VerToken != "not-a-token" {
		t.Fatalf("%+v, %v", got, err)
	}
}

// PRD 8.3 has no OrgID; one that is there is like any element that is not known.
func TestReqPayIgnoresOrgID(t *testing.T) {
	t.Parallel()
	got, err := upixml.ParseReqPay([]byte(change(t, reqPay, "</ReqPay>", "<OrgID>MER999</OrgID></ReqPay>")))
	if err != nil || got != wantPay {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestReqChkTxnRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"MsgID", "Ts", "OrgID", "OrgTxnID"} {
		doc := change(t, reqChkTxn, "<"+name+">", "<x><y>", "</"+name+">", "</y></x>")
		got, err := upixml.ParseReqChkTxn([]byte(doc))
		if err == nil || !strings.Contains(err.Error(), name+" is missing") || got != (upixml.ReqChkTxn{}) {
			t.Errorf("without %s: %+v, %v", name, got, err)
		}
	}
}

// An answer carries the ids if they could be read (upi-switch: Messages).
func TestIDsOfARefusedMessage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, doc, msgID, txnID string
	}{
		{"a field is wrong", change(t, reqPay, "1000.00", "0.50"), "PAY9876543210", "TXN1234567890"},
		{"a field is missing", change(t, reqPay, "<Curr>INR</Curr>", ""), "PAY9876543210", "TXN1234567890"},
		{"it breaks off behind the ids", reqPay[:strings.Index(reqPay, "<VerToken>")], "PAY9876543210", "TXN1234567890"},
		{"it breaks off between the ids", reqPay[:strings.Index(reqPay, "<TxnID>")], "PAY9876543210", ""},
		{"it breaks off in the first id", reqPay[:strings.Index(reqPay, "</MsgID>")], "", ""},
		{"the id has no good form", change(t, reqPay, "PAY9876543210", "&lt;b&gt;"), "", "TXN1234567890"},
		{"the id is there twice", change(t, reqPay, "<TxnID>", "<MsgID>x</MsgID><TxnID>"), "", ""},
		{"there is no id", change(t, reqPay, "<MsgID>PAY9876543210</MsgID>", ""), "", "TXN1234567890"},
		{"it is another message", reqValQr, "MSG1234567890", ""},
		{"it is no message", "<Foo><MsgID>PAY9876543210</MsgID></Foo>", "", ""},
		{"it is no XML", "PAY9876543210", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := upixml.ParseReqPay([]byte(tt.doc))
			var refusal *upixml.Error
			if !errors.As(err, &refusal) || refusal.MsgID != tt.msgID || refusal.TxnID != tt.txnID {
				t.Fatalf("%+v; want MsgID %q, TxnID %q", err, tt.msgID, tt.txnID)
			}
		})
	}
}
