package upixml

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/upiuri"
	"pgregory.net/rapid"
)

// The forms are these, whatever way they are checked.
func TestForms(t *testing.T) {
	t.Parallel()
	for _, form := range []struct {
		is     func([]byte) bool
		regexp string
	}{
		{isMessageID, `^[A-Za-z0-9._-]{1,64}$`},
		{isTxnRef, `^[A-Za-z0-9._-]{1,35}$`},
		{isCurrency, `^[A-Z]{3}$`},
		{isMCC, `^[0-9]{4}$`},
		{isMode, `^[0-9]{2}$`},
		{isToken, `^[!-~]{1,64}$`},
		{isVisible, `^[!-~]+$`},
		{isStatus, `^[A-Z0-9]{2,16}$`},
		{isRrn, `^[A-Za-z0-9]{1,35}$`},
		{isCollectStatus, `^(SUCCESS|DECLINED|EXPIRED)$`},
		{isTxnStatus, `^(SUCCESS|FAILED|PENDING|REVERSED)$`},
	} {
		re := regexp.MustCompile(form.regexp)
		// Every byte alone and within what is good, and every length.
		for c := range 256 {
			for _, text := range []string{string([]byte{byte(c)}), "AA" + string([]byte{byte(c)}), "000" + string([]byte{byte(c)}), "SUCCESS" + string([]byte{byte(c)})} {
				if form.is([]byte(text)) != re.MatchString(text) {
					t.Errorf("%s and %q", form.regexp, text)
				}
			}
		}
		for n := range 70 {
			for _, c := range "A0" {
				text := string(bytes.Repeat([]byte{byte(c)}, n))
				if form.is([]byte(text)) != re.MatchString(text) {
					t.Errorf("%s and %q", form.regexp, text)
				}
			}
		}
		for _, text := range []string{"SUCCESS", "DECLINED", "EXPIRED", "FAILED", "PENDING", "REVERSED", "REVERSE", "A\n", "é"} {
			if form.is([]byte(text)) != re.MatchString(text) {
				t.Errorf("%s and %q", form.regexp, text)
			}
		}
	}
}

// parseTime is upiuri.ParseTime, its fast path too.
func TestParseTime(t *testing.T) {
	t.Parallel()
	same := func(t interface{ Fatalf(string, ...any) }, text string) {
		got, ok := parseTime([]byte(text))
		want, err := upiuri.ParseTime(text)
		if ok != (err == nil) || ok && got != want {
			t.Fatalf("%q: %v, %t; want %v, %v", text, got, ok, want, err)
		}
	}
	for _, text := range []string{
		"2026-06-12T10:30:00Z", "2024-02-29T23:59:59Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
		"0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-06-12T10:30:00z", "2026-06-12 10:30:00Z", "2026-06-12T16:00:00+05:30",
		"2026-06-12T10:30:00.5Z", "", "2026-06-12",
	} {
		same(t, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := func(most int, name string) int { return rapid.IntRange(0, most).Draw(t, name) }
		same(t, fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", n(9999, "year"), n(14, "month"), n(33, "day"), n(26, "hour"), n(62, "minute"), n(62, "second")))
	})
}

// What the writer appends is what the packages for it write.
func TestAppend(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~\x00-\x1f\x7f₹<>"'&]*`),
			rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) }),
			rapid.SampledFrom([]string{"\ufffe", "a\uffff", "\ufffd", "\xff", "\xed\xa0\x80", "\U0010ffff"})).Draw(t, "text")
		var want bytes.Buffer
		if err := xml.EscapeText(&want, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := appendEscape([]byte("x"), text); string(got) != "x"+want.String() {
			t.Fatalf("%q\n got %q\nwant %q", text, got[1:], want.String())
		}
		p := protocol.Paise(rapid.Int64().Draw(t, "paise"))
		if got := appendRupees(nil, p); string(got) != p.Rupees() {
			t.Fatalf("%s, want %s", got, p.Rupees())
		}
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		if got := appendTime(nil, at); string(got) != at.UTC().Truncate(time.Second).Format(time.RFC3339) {
			t.Fatalf("%s for %v", got, at)
		}
	})
}

// What a message costs in allocations: the scanner none; the parsers one for
// each text that the message keeps, but INR; an answer the slice that is
// returned. The RefUrl of a ReqValQr is read by package upiuri on top of that,
// and what a text is that is written with references costs a copy more.
func TestAllocations(t *testing.T) {
	ts := time.Date(2026, 6, 12, 10, 30, 0, 0, time.UTC)
	pay, valQr, npciDoc := []byte(benchPay), []byte(benchValQr), []byte(npciPay)
	chkTxn := []byte("<ReqChkTxn><MsgID>A1</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID><OrgTxnID>22</OrgTxnID></ReqChkTxn>")
	refURL := testing.AllocsPerRun(100, func() {
		_, _ = parseRefURL("bW9kZT0xNiZwYT1tZXJjaGFudEB1cGkmdHI9R0w3UTItMDEmYW09MTAwMC4wMCZRUnRzPTIwMjYtMDYtMTJUMTA6MzA6MDBaJlFSZXhwaXJlPTIwMjYtMDYtMTJUMTE6MDA6MDBa")
	})
	intl := RespValQr{MsgID: "1", Status: "00", VerToken: "2", ExpiresAt: ts, BaseAmount: 1000, BaseCurr: "USD", FxRate: "84.55", InrAmount: 84550, Ts: ts}
	npci := func(m RespPay) RespPay { m.Dialect = DialectNPCI; return m }
	respPay := RespPay{MsgID: "1", Status: "00", TxnID: "2", SettlementAmount: 99500, Timestamp: ts}
	for _, tt := range []struct {
		name string
		want float64
		do   func()
	}{
		{"scan ReqPay", 0, func() { _, _ = scan(pay) }},
		{"scan ReqValQr", 0, func() { _, _ = scan(valQr) }},
		{"scan ReqChkTxn", 0, func() { _, _ = scan(chkTxn) }},
		{"scan ReqPay of NPCI", 0, func() { _, _ = scan(npciDoc) }},
		{"ReqPay: MsgID, TxnID, VerToken, PayerAddr, PayeeAddr", 5, func() { _, _ = ParseReqPay(pay) }},
		{"ReqValQr: MsgID, OrgID, Mcc, RefUrl, PayeeAddr, TxnRef", 6 + refURL, func() { _, _ = ParseReqValQr(valQr) }},
		{"ReqChkTxn: MsgID, OrgID, OrgTxnID", 3, func() { _, _ = ParseReqChkTxn(chkTxn) }},
		{"RespValQr", 1, func() { intl.XML() }},
		{"RespPay", 1, func() { respPay.XML() }},
		{"RespPay of NPCI", 1, func() { npci(respPay).XML() }},
		{"RespChkTxn", 1, func() {
			RespChkTxn{MsgID: "1", Status: "00", TxnID: "2", TxnStatus: "SUCCESS", Amount: 1, Rrn: "3", Ts: ts}.XML()
		}},
		{"RespCollectResult", 1, func() { RespCollectResult{MsgID: "1", Status: "00", TxnID: "2", Ts: ts}.XML() }},
		{"Ack", 1, func() { Ack{API: "ReqPay", ReqMsgID: "1", Ts: ts}.XML() }},
	} {
		if got := testing.AllocsPerRun(100, tt.do); got != tt.want {
			t.Errorf("%s: %v allocations, want %v", tt.name, got, tt.want)
		}
	}
}

// npciPay is a ReqPay in NPCI's dialect.
const npciPay = `<upi:ReqPay xmlns:upi="http://npci.org/upi/schema/"><Head ver="2.0" ts="2026-06-12T10:35:00Z" orgId="MER101" msgId="PAY1"/>` +
	`<Txn id="TXN1" type="PAY"><QR verToken="550e8400-e29b-41d4-a716-446655440000"/></Txn><Payer addr="customer@upi"><Amount value="1000.00" curr="INR"/></Payer>` +
	`<Payees><Payee addr="merchant@upi"><Amount value="1000.00" curr="INR"/></Payee></Payees></upi:ReqPay>`
