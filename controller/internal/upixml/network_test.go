package upixml_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/upixml"
	"github.com/galla-pay/galla/protocol"
)

// What we ask of the network, and the answers that we read.
const (
	reqCollectResult = `<ReqCollectResult><MsgID>R1</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID><OrgTxnID>GP1</OrgTxnID>` +
		`<TxnID>YBL1</TxnID><Status>SUCCESS</Status><PayerAddr>testvpa@ybl</PayerAddr><Amount>1.00</Amount><Rrn>632600000001</Rrn></ReqCollectResult>`
	respCollect = `<RespCollect><MsgID>C1</MsgID><Status>00</Status><TxnID>GP1</TxnID><Ts>2026-06-12T10:30:00Z</Ts></RespCollect>`
	respRefund  = `<RespRefund><MsgID>F1</MsgID><Status>00</Status><TxnID>GPR</TxnID><Rrn>632600000002</Rrn><Ts>2026-06-12T10:30:00Z</Ts></RespRefund>`
	respChk     = `<RespChkTxn><MsgID>A1</MsgID><Status>00</Status><TxnID>GP1</TxnID><TxnStatus>SUCCESS</TxnStatus><CreditTxnID>YBL1</CreditTxnID>` +
		`<Amount>1.00</Amount><SettlementAmount>1.00</SettlementAmount><Rrn>632600000001</Rrn><Ts>2026-06-12T10:30:00Z</Ts></RespChkTxn>`
)

func TestRequestsOfOurs(t *testing.T) {
	t.Parallel()
	collect := upixml.ReqCollect{
		MsgID: "C1", OrgID: "MER101", Ts: ts, TxnID: "GP1", Kind: upixml.CollectNew, PayerAddr: "testvpa@ybl", PayeeAddr: "merchant@upi",
		Amount: 100, Note: "Collect for order 4821", ExpireAfter: 180,
	}
	mobile := collect
	mobile.PayerAddr, mobile.PayerMobile, mobile.Note, mobile.Kind = "", "9999999999", "<₹ & \"more\">", upixml.CollectRemind
	cancel := collect
	cancel.Kind, cancel.ExpireAfter = upixml.CollectCancel, 0
	for name, m := range map[string]interface{ XML() []byte }{
		"collect_new": collect, "collect_remind_mobile": mobile, "collect_cancel": cancel,
		"refund": upixml.ReqRefund{MsgID: "F1", OrgID: "MER101", Ts: ts, TxnID: "GPR", OrgTxnID: "YBL1", Type: upixml.RefundPayment,
			Amount: 40, PayeeAddr: "merchant@upi"},
		"reversal": upixml.ReqRefund{MsgID: "F2", OrgID: "MER101", Ts: ts, TxnID: "RV1", OrgTxnID: "YBL1", Type: upixml.RefundReversal,
			Amount: 24500},
		"check":                   upixml.ReqChkTxn{MsgID: "A1", OrgID: "MER101", Ts: ts, OrgTxnID: "GP1"},
		"collect_result_00":       upixml.RespCollectResult{MsgID: "R1", Status: "00", TxnID: "YBL1", Ts: ts},
		"collect_result_reversed": upixml.RespCollectResult{MsgID: "R1", Status: "00", Result: "REVERSED", TxnID: "YBL1", Ts: ts},
		"collect_result_br":       upixml.RespCollectResult{Status: "BR", Message: "not well-formed", Ts: ts},
	} {
		doc := m.XML()
		golden(t, name+".xml", doc)
		if _, err := upixml.Sign(doc, testKey(t), testCert(t)); err != nil {
			t.Errorf("%s cannot be signed: %v", name, err)
		}
	}
	// Our own question reads back.
	asked := upixml.ReqChkTxn{MsgID: "A1", OrgID: "MER101", Ts: ts, OrgTxnID: "GP1"}
	if got, err := upixml.ParseReqChkTxn(asked.XML()); err != nil || got != asked {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAnswersOfTheNetwork(t *testing.T) {
	t.Parallel()
	if got, err := upixml.ParseReqCollectResult([]byte(reqCollectResult)); err != nil || got != (upixml.ReqCollectResult{
		MsgID: "R1", Ts: ts, OrgID: "MER101", OrgTxnID: "GP1", TxnID: "YBL1", Status: upixml.CollectSuccess, PayerAddr: "testvpa@ybl", Amount: 100, Rrn: "632600000001",
	}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := upixml.ParseRespCollect([]byte(respCollect)); err != nil || got != (upixml.RespCollect{MsgID: "C1", Status: "00", TxnID: "GP1", Ts: ts}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := upixml.ParseRespRefund([]byte(respRefund)); err != nil || got != (upixml.RespRefund{MsgID: "F1", Status: "00", TxnID: "GPR", Rrn: "632600000002", Ts: ts}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := upixml.ParseRespChkTxn([]byte(respChk)); err != nil || got != (upixml.RespChkTxn{
		MsgID: "A1", Status: "00", TxnID: "GP1", TxnStatus: "SUCCESS", CreditTxnID: "YBL1", Amount: 100, SettlementAmount: 100, Rrn: "632600000001", Ts: ts,
	}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, tt := range []struct{ name, doc, old, new string }{
		{"a status of its own", reqCollectResult, "SUCCESS", "MAYBE"},
		{"a status in small letters", respCollect, "00", "ok"},
		{"no status", respRefund, "<Status>00</Status>", ""},
		{"two statuses", respRefund, "<Status>", "<Status>PENDING</Status><Status>"},
		{"no time", respCollect, "<Ts>2026-06-12T10:30:00Z</Ts>", ""},
		{"success without Rrn", respRefund, "<Rrn>632600000002</Rrn>", ""},
		{"a bad Rrn", respRefund, "632600000002", "63 26"},
		{"answered success without Rrn", respChk, "<Rrn>632600000001</Rrn>", ""},
		{"a state of its own", respChk, "<TxnStatus>SUCCESS", "<TxnStatus>DEEMED"},
		{"no state", respChk, "<TxnStatus>SUCCESS</TxnStatus>", ""},
		{"no amount", respChk, "<Amount>1.00</Amount>", ""},
		{"an amount of nothing", respChk, "<Amount>1.00", "<Amount>0.00"},
		{"a settlement of letters", respChk, "<SettlementAmount>1.00", "<SettlementAmount>all"},
		{"a payer that is none", reqCollectResult, "testvpa@ybl", "testvpa"},
		{"a TxnID with a space", reqCollectResult, "YBL1", "YBL 1"},
		{"a wrapped field", reqCollectResult, "<Amount>1.00</Amount>", "<x><Amount>1.00</Amount></x>"},
	} {
		changed := strings.Replace(tt.doc, tt.old, tt.new, 1)
		if changed == tt.doc {
			t.Fatalf("%s: %q is not in the message", tt.name, tt.old)
		}
		var errs []error
		for _, parse := range parsers {
			got, err := parse([]byte(changed))
			var refusal *upixml.Error
			if err != nil && (!errors.As(err, &refusal) || refusal.Code != "BR" || !reflect.ValueOf(got).IsZero()) {
				t.Errorf("%s: %v, %+v", tt.name, err, got)
			}
			if err != nil {
				errs = append(errs, err)
			}
		}
		if len(errs) != len(parsers) {
			t.Errorf("%s was taken", tt.name)
		}
	}
	// What did not come to anything needs no reference and no amount.
	for _, doc := range []string{
		strings.NewReplacer("SUCCESS", "DECLINED", "<PayerAddr>testvpa@ybl</PayerAddr>", "", "<Rrn>632600000001</Rrn>", "").Replace(reqCollectResult),
		strings.NewReplacer("00</Status>", "PENDING</Status>", "<Rrn>632600000002</Rrn>", "").Replace(respRefund),
		`<RespChkTxn><MsgID>A1</MsgID><Status>ZQ</Status><Message>no</Message><Ts>2026-06-12T10:30:00Z</Ts></RespChkTxn>`,
		`<RespCollect><Status>BR</Status><Message>no</Message><Ts>2026-06-12T10:30:00Z</Ts></RespCollect>`,
	} {
		taken := 0
		for _, parse := range parsers {
			if _, err := parse([]byte(doc)); err == nil {
				taken++
			}
		}
		if taken != 1 {
			t.Errorf("taken by %d parsers: %s", taken, doc)
		}
	}
}

var parsers = map[string]func([]byte) (any, error){
	"ReqCollectResult": func(doc []byte) (any, error) { return upixml.ParseReqCollectResult(doc) },
	"RespCollect":      func(doc []byte) (any, error) { return upixml.ParseRespCollect(doc) },
	"RespRefund":       func(doc []byte) (any, error) { return upixml.ParseRespRefund(doc) },
	"RespChkTxn":       func(doc []byte) (any, error) { return upixml.ParseRespChkTxn(doc) },
}

// plainNetwork is what encoding/xml alone reads of them.
type plainNetwork struct {
	XMLName                                                                          xml.Name
	MsgID, TxnID, OrgID, OrgTxnID, Status, PayerAddr, Amount, Rrn                    []string
	Message, TxnStatus, CreditTxnID, SettlementAmount, Ts                            []string
	Kind, PayerMobile, PayeeAddr, Curr, Note, ExpireAfter, Type, Result, Code, Extra []string
}

// Two readers, one meaning: whatever the parsers take, encoding/xml reads to the
// same fields, each once, under the same root, with nothing after it.
func FuzzParseNetwork(f *testing.F) {
	for _, doc := range []string{
		reqCollectResult, respCollect, respRefund, respChk,
		`<?xml version="1.0"?>` + respChk,
		strings.Replace(respRefund, "<Rrn>", `<Rrn xmlns="urn:x">1</Rrn><Rrn>`, 1),
		strings.Replace(respRefund, "00<", "0&#48;<", 1),
		strings.Replace(reqCollectResult, "1.00", "1<!-- -->.00", 1),
		strings.Replace(reqCollectResult, "<Amount>", "<amount>2.00</amount><Amount>", 1),
		respCollect + respCollect,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		taken := 0
		for root, parse := range parsers {
			got, err := parse(doc)
			if err != nil {
				continue
			}
			taken++
			var p plainNetwork
			d := xml.NewDecoder(bytes.NewReader(doc))
			if err := d.Decode(&p); err != nil || p.XMLName.Local != root || p.XMLName.Space != "" {
				t.Fatalf("encoding/xml reads %v, %v\n%q", p.XMLName, err, doc)
			}
			if rest := doc[d.InputOffset():]; len(bytes.TrimSpace(rest)) > 0 {
				t.Fatalf("after the root stands %q", rest)
			}
			read := reflect.ValueOf(p)
			ours := reflect.ValueOf(got)
			for i := range ours.NumField() {
				name := ours.Type().Field(i).Name
				if !read.FieldByName(name).IsValid() { // of NPCI's dialect
					if !ours.Field(i).IsZero() {
						t.Fatalf("%s is %v", name, ours.Field(i))
					}
					continue
				}
				texts := read.FieldByName(name).Interface().([]string)
				if len(texts) > 1 {
					t.Fatalf("%s is there %d times\n%q", name, len(texts), doc)
				}
				text := ""
				if len(texts) == 1 {
					text = texts[0]
				}
				switch v := ours.Field(i).Interface().(type) {
				case string:
					if v != text && (name != "TxnStatus" || v != "") {
						t.Fatalf("%s is %q, encoding/xml reads %q", name, v, text)
					}
				case protocol.Paise:
					if v != 0 {
						if again, err := protocol.ParseRupees(text); err != nil || again != v {
							t.Fatalf("%s is %d, encoding/xml reads %q", name, v, text)
						}
					}
				case time.Time:
					if want, err := time.Parse(time.RFC3339, text); err != nil || !want.Equal(v) {
						t.Fatalf("%s is %v, encoding/xml reads %q", name, v, text)
					}
				}
			}
		}
		if taken > 1 {
			t.Fatalf("%d parsers take %q", taken, doc)
		}
	})
}
