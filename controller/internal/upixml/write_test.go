package upixml_test

import (
	"bytes"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/upixml"
	"github.com/galla-pay/galla/protocol"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the goldens")

// The success answers of the PRD, verbatim (8.2, 8.4).
const (
	respValQr = `<RespValQr>
  <MsgID>MSG1234567890</MsgID>
  <Status>00</Status>
  <VerToken>550e8400-e29b-41d4-a716-446655440000</VerToken>
  <ExpiresAt>2026-06-12T11:00:00Z</ExpiresAt>
  <Ts>2026-06-12T10:30:00Z</Ts>
</RespValQr>`
	respPay = `<RespPay>
  <MsgID>PAY9876543210</MsgID>
  <Status>00</Status>
  <TxnID>TXN1234567890</TxnID>
  <SettlementAmount>995.00</SettlementAmount>
  <Timestamp>2026-06-12T10:35:05Z</Timestamp>
</RespPay>`
)

var (
	ts      = time.Date(2026, 6, 12, 10, 30, 0, 0, time.UTC)
	goodVal = upixml.RespValQr{
		MsgID: "MSG1234567890", Status: "00", VerToken: "550e8400-e29b-41d4-a716-446655440000",
		ExpiresAt: ts.Add(30 * time.Minute), Ts: ts,
	}
	goodPay = upixml.RespPay{
		MsgID: "PAY9876543210", Status: "00", TxnID: "TXN1234567890", SettlementAmount: 99500,
		Timestamp: ts.Add(5*time.Minute + 5*time.Second),
	}
)

func TestAnswersOfThePRD(t *testing.T) {
	t.Parallel()
	if got := string(goodVal.XML()); got != respValQr {
		t.Errorf("8.2:\n%s", got)
	}
	if got := string(goodPay.XML()); got != respPay {
		t.Errorf("8.4:\n%s", got)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]interface{ XML() []byte }{
		"validate_zd":         upixml.RespValQr{MsgID: "MSG1", Status: "ZD", Message: "duplicate message id", Ts: ts},
		"validate_br_unread":  upixml.RespValQr{Status: "BR", Message: "the message is not UTF-8", Ts: ts},
		"validate_escaped":    upixml.RespValQr{MsgID: "MSG1", Status: "96", Message: "<a> & \"b\" \x01 ₹\n", Ts: ts},
		"validate_zoned_time": upixml.RespValQr{MsgID: "MSG1", Status: "PE", Ts: ts.In(time.FixedZone("IST", 19800)).Add(999 * time.Millisecond)},
		"pay_x7":              upixml.RespPay{MsgID: "PAY1", Status: "X7", Message: "above 8000.00", TxnID: "TXN1", Timestamp: ts},
		"pay_br_unread":       upixml.RespPay{Status: "BR", Message: "not well-formed", Timestamp: ts},
		"pay_timeout":         upixml.RespPay{MsgID: "PAY1", Status: "00", Result: "TIMEOUT", TxnID: "TXN1", Timestamp: ts},
		"check_success": upixml.RespChkTxn{MsgID: "CHK1", Status: "00", TxnID: "TXN1", TxnStatus: "SUCCESS",
			Amount: 100000, SettlementAmount: 99500, Rrn: "616310300001", Ts: ts},
		"check_pending": upixml.RespChkTxn{MsgID: "CHK1", Status: "00", TxnID: "TXN1", TxnStatus: "PENDING", Amount: 100000, Ts: ts},
		"check_zq":      upixml.RespChkTxn{MsgID: "CHK1", Status: "ZQ", Message: "no such transaction", TxnID: "TXN1", Ts: ts},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name+".xml", answer.XML())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s\n got %s\nwant %s", path, got, want)
	}
}

// Whatever the texts hold, encoding/xml reads back what was put in, and the
// package's own rules let the answer through.
func TestAnswersReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		// Line ends and characters that XML cannot hold do not survive any writer.
		text := rapid.StringMatching(`[ -~\n\t₹अ-ह&<>"'\]]{0,40}`)
		want := upixml.RespPay{
			MsgID: text.Draw(t, "MsgID"), Status: text.Draw(t, "Status"), Message: text.Draw(t, "Message"),
			Result: text.Draw(t, "Result"), TxnID: text.Draw(t, "TxnID"),
			SettlementAmount: protocol.Paise(rapid.Int64Range(0, int64(protocol.MaxPaise)).Draw(t, "amount")),
			Timestamp:        time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "seconds"), 0).UTC(),
		}
		doc := want.XML()
		var read struct {
			XMLName                                                            xml.Name `xml:"RespPay"`
			MsgID, Status, Message, Result, TxnID, SettlementAmount, Timestamp string
		}
		if err := xml.Unmarshal(doc, &read); err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		got := upixml.RespPay{MsgID: read.MsgID, Status: read.Status, Message: read.Message, Result: read.Result, TxnID: read.TxnID}
		var err1, err2 error
		got.SettlementAmount, err1 = protocol.ParseRupees(read.SettlementAmount)
		got.Timestamp, err2 = time.Parse(time.RFC3339, read.Timestamp)
		if err1 != nil || err2 != nil || got != want {
			t.Fatalf("%s\n got %+v (%v, %v)\nwant %+v", doc, got, err1, err2, want)
		}
		if _, err := upixml.Sign(doc, testKey(t), testCert(t)); err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
	})
}
