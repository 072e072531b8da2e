package upixml_test

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/upixml"
	"github.com/galla-pay/galla/protocol"
)

// plainNPCI is what encoding/xml alone, without a rule of ours, reads.
type plainNPCI struct {
	XMLName xml.Name
	Head    []struct {
		MsgID string `xml:"msgId,attr"`
		OrgID string `xml:"orgId,attr"`
		Ts    string `xml:"ts,attr"`
	}
	Txn []struct {
		ID             string `xml:"id,attr"`
		Type           string `xml:"type,attr"`
		OrgTxnID       string `xml:"orgTxnId,attr"`
		InitiationMode string `xml:"initiationMode,attr"`
		QR             []struct {
			VerToken string `xml:"verToken,attr"`
			Query    string `xml:"query,attr"`
		}
	}
	Payer  []plainParty
	Payees []struct{ Payee []plainParty }
}

type plainParty struct {
	Addr   string `xml:"addr,attr"`
	Code   string `xml:"code,attr"`
	Amount []struct {
		Value string `xml:"value,attr"`
		Curr  string `xml:"curr,attr"`
	}
}

// FuzzParseNPCI: two readers, one meaning, in NPCI's dialect.
func FuzzParseNPCI(f *testing.F) {
	for _, name := range []string{"req_val_qr", "req_pay", "req_chk_txn"} {
		doc := npci(f, name)
		f.Add([]byte(doc))
		f.Add([]byte(strings.Replace(doc, "<Txn ", "<Head msgId='x'/><Txn ", 1)))
		f.Add([]byte(strings.Replace(doc, "MER101", "&#77;ER101", 1)))
		f.Add([]byte(strings.Replace(doc, "<Head ", "<Meta><a>x</a></Meta><Head ", 1)))
		f.Add([]byte(strings.Replace(doc, "msgId", "b:msgId", 1)))
		f.Add([]byte(strings.Replace(doc, "xmlns:upi", "xmlns", 1)))
		f.Add([]byte(strings.Replace(doc, "</upi:", "<Payees><Payee addr='a@upi'/></Payees></upi:", 1)))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if m, err := upixml.ParseReqValQr(doc); err == nil && m.Dialect == upixml.DialectNPCI {
			p, txn := readNPCI(t, doc, "ReqValQr", m.MsgID, m.OrgID, m.Ts, m.QueryID)
			payee := p.payee(t, m.PayeeAddr, m.Amount, m.Curr)
			query := ""
			if len(p.Txn[0].QR) > 0 {
				query = p.Txn[0].QR[0].Query
			}
			if query == "" {
				query = "mode=" + txn.InitiationMode
			}
			if payee.Code != m.MCC || len(p.Txn[0].QR) > 1 || base64.RawURLEncoding.EncodeToString([]byte(query)) != m.RefURL {
				t.Fatalf("%+v, encoding/xml %+v\n%q", m, p, doc)
			}
		}
		if m, err := upixml.ParseReqPay(doc); err == nil && m.Dialect == upixml.DialectNPCI {
			p, txn := readNPCI(t, doc, "ReqPay", m.MsgID, m.OrgID, m.Timestamp, m.TxnID)
			p.payee(t, m.PayeeAddr, m.Amount, m.Curr)
			if txn.Type != "PAY" || len(txn.QR) != 1 || txn.QR[0].VerToken != m.VerToken || len(p.Payer) != 1 || p.Payer[0].Addr != m.PayerAddr {
				t.Fatalf("%+v, encoding/xml %+v\n%q", m, p, doc)
			}
		}
		if m, err := upixml.ParseReqChkTxn(doc); err == nil && m.Dialect == upixml.DialectNPCI {
			_, txn := readNPCI(t, doc, "ReqChkTxn", m.MsgID, m.OrgID, m.Ts, m.QueryID)
			if txn.Type != "ChkTxn" || txn.OrgTxnID != m.OrgTxnID {
				t.Fatalf("%+v, encoding/xml %+v\n%q", m, txn, doc)
			}
		}
	})
}

type plainTxn = struct {
	ID             string `xml:"id,attr"`
	Type           string `xml:"type,attr"`
	OrgTxnID       string `xml:"orgTxnId,attr"`
	InitiationMode string `xml:"initiationMode,attr"`
	QR             []struct {
		VerToken string `xml:"verToken,attr"`
		Query    string `xml:"query,attr"`
	}
}

func readNPCI(t *testing.T, doc []byte, root, msgID, orgID string, at time.Time, id string) (p plainNPCI, txn plainTxn) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(doc))
	if err := d.Decode(&p); err != nil {
		t.Fatalf("encoding/xml refuses what was taken: %v\n%q", err, doc)
	}
	if p.XMLName != (xml.Name{Space: "http://npci.org/upi/schema/", Local: root}) || len(bytes.TrimSpace(doc[d.InputOffset():])) > 0 {
		t.Fatalf("encoding/xml reads %v\n%q", p.XMLName, doc)
	}
	if len(p.Head) != 1 || len(p.Txn) != 1 || p.Head[0].MsgID != msgID || p.Head[0].OrgID != orgID || p.Txn[0].ID != id {
		t.Fatalf("%q %q %q, encoding/xml reads %+v\n%q", msgID, orgID, id, p, doc)
	}
	if want, err := time.Parse(time.RFC3339, p.Head[0].Ts); err != nil || !want.Equal(at) {
		t.Fatalf("%v, encoding/xml reads %q", at, p.Head[0].Ts)
	}
	return p, p.Txn[0]
}

func (p plainNPCI) payee(t *testing.T, addr string, amount protocol.Paise, curr string) plainParty {
	t.Helper()
	if len(p.Payees) != 1 || len(p.Payees[0].Payee) != 1 || len(p.Payees[0].Payee[0].Amount) != 1 {
		t.Fatalf("encoding/xml reads %+v", p)
	}
	payee := p.Payees[0].Payee[0]
	parties := append([]plainParty{payee}, p.Payer...)
	if len(parties) > 2 || payee.Addr != addr {
		t.Fatalf("%s, encoding/xml reads %+v", addr, p)
	}
	for i, party := range parties {
		for _, a := range party.Amount {
			read, err := protocol.ParseRupees(a.Value)
			if i > 0 && a.Value == "" {
				read, err = amount, nil
			}
			if err != nil || read != amount || a.Curr != curr && (i == 0 || a.Curr != "") {
				t.Fatalf("%s %s, encoding/xml reads %+v", amount.Rupees(), curr, p)
			}
		}
	}
	return payee
}
