package upixml_test

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/upixml"
	"github.com/galla-pay/galla/protocol"
)

// plain is what encoding/xml alone, without a rule of ours, reads.
type plain struct {
	XMLName                                               xml.Name
	MsgID, TxnID, VerToken, OrgID, OrgTxnID, Curr, Amount []string
	Mcc, RefUrl, PayerAddr, PayeeAddr, TxnRef             []string
	Ts, Timestamp                                         []string
}

// Two readers, one meaning: whatever the parsers take, encoding/xml reads to
// the same fields, each once, under the same root, with nothing after it. NPCI's
// dialect has FuzzParseNPCI.
func FuzzParse(f *testing.F) {
	for _, doc := range []string{
		reqValQr, reqPay, reqChkTxn,
		`<?xml version="1.0" encoding="utf-8"?>` + reqPay,
		strings.Replace(reqValQr, "<Mcc>", `<Txn a="b"><x/>y</Txn><PayeeAddr>merchant@upi</PayeeAddr><TxnRef>a</TxnRef><Mcc>`, 1),
		strings.Replace(reqValQr, "1000.00", "1&#48;00<!-- -->.00", 1),
		strings.Replace(reqPay, "<Amount>", `<z:Amount xmlns:z="urn:evil">1.00</z:Amount><Amount>`, 1),
		reqPay + reqPay,
		strings.Replace(reqPay, "1000.00", "<![CDATA[1000.00]]>", 1),
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if m, err := upixml.ParseReqValQr(doc); err == nil && m.Dialect == upixml.DialectPRD {
			p := readPlain(t, doc, "ReqValQr")
			p.same(t, "MsgID", p.MsgID, m.MsgID)
			p.same(t, "OrgID", p.OrgID, m.OrgID)
			p.same(t, "Curr", p.Curr, m.Curr)
			p.same(t, "Mcc", p.Mcc, m.MCC)
			p.same(t, "RefUrl", p.RefUrl, m.RefURL)
			p.same(t, "PayeeAddr", p.PayeeAddr, m.PayeeAddr)
			p.same(t, "TxnRef", p.TxnRef, m.TxnRef)
			p.amount(t, m.Amount)
			p.time(t, p.Ts, m.Ts)
		}
		if m, err := upixml.ParseReqPay(doc); err == nil && m.Dialect == upixml.DialectPRD {
			p := readPlain(t, doc, "ReqPay")
			p.same(t, "MsgID", p.MsgID, m.MsgID)
			p.same(t, "TxnID", p.TxnID, m.TxnID)
			p.same(t, "VerToken", p.VerToken, m.VerToken)
			p.same(t, "Curr", p.Curr, m.Curr)
			p.same(t, "PayerAddr", p.PayerAddr, m.PayerAddr)
			p.same(t, "PayeeAddr", p.PayeeAddr, m.PayeeAddr)
			p.amount(t, m.Amount)
			p.time(t, p.Timestamp, m.Timestamp)
		}
		if m, err := upixml.ParseReqChkTxn(doc); err == nil && m.Dialect == upixml.DialectPRD {
			p := readPlain(t, doc, "ReqChkTxn")
			p.same(t, "MsgID", p.MsgID, m.MsgID)
			p.same(t, "OrgID", p.OrgID, m.OrgID)
			p.same(t, "OrgTxnID", p.OrgTxnID, m.OrgTxnID)
			p.time(t, p.Ts, m.Ts)
		}
	})
}

func readPlain(t *testing.T, doc []byte, root string) plain {
	t.Helper()
	var p plain
	d := xml.NewDecoder(bytes.NewReader(doc))
	if err := d.Decode(&p); err != nil {
		t.Fatalf("encoding/xml refuses what was taken: %v\n%q", err, doc)
	}
	if p.XMLName.Local != root || p.XMLName.Space != "" {
		t.Fatalf("encoding/xml reads the root as %v\n%q", p.XMLName, doc)
	}
	if rest := doc[d.InputOffset():]; len(bytes.TrimSpace(rest)) > 0 {
		t.Fatalf("after the root stands %q", rest)
	}
	return p
}

// same asks that encoding/xml found the element once, or not or empty if ours
// found nothing.
func (p plain) same(t *testing.T, name string, texts []string, got string) {
	t.Helper()
	if len(texts) > 1 || len(texts) == 0 && got != "" || len(texts) == 1 && texts[0] != got {
		t.Fatalf("%s is %q, encoding/xml reads %q", name, got, texts)
	}
}

func (p plain) amount(t *testing.T, got protocol.Paise) {
	t.Helper()
	if len(p.Amount) != 1 {
		t.Fatalf("encoding/xml reads %d amounts", len(p.Amount))
	}
	whole, frac, _ := strings.Cut(strings.TrimLeft(p.Amount[0], "0"), ".")
	if want := whole + "." + (frac + "00")[:2]; strings.TrimLeft(got.Rupees(), "0") != want {
		t.Fatalf("amount is %s, encoding/xml reads %q", got.Rupees(), p.Amount[0])
	}
}

func (p plain) time(t *testing.T, texts []string, got time.Time) {
	t.Helper()
	if len(texts) != 1 {
		t.Fatalf("encoding/xml reads %d times", len(texts))
	}
	if want, err := time.Parse(time.RFC3339, texts[0]); err != nil || !want.Equal(got) {
		t.Fatalf("time is %s, encoding/xml reads %q: %v", got, texts[0], err)
	}
}
