package upixml

import (
	"encoding/xml"
	"testing"
	"time"
)

// The messages of the benchmarks, of some 600 bytes each.
const (
	benchPay = `<?xml version="1.0" encoding="UTF-8"?>
<ReqPay>
  <MsgID>PAY9876543210PAY9876543210PAY9876543210PAY9876543210PAY987654321</MsgID>
  <TxnID>TXN1234567890TXN1234567890TXN1234567890TXN1234567890TXN123456789</TxnID>
  <VerToken>550e8400-e29b-41d4-a716-446655440000</VerToken>
  <Amount>1000.00</Amount>
  <Curr>INR</Curr>
  <PayerAddr>a.customer.with.a.name@okbankofindia</PayerAddr>
  <PayeeAddr>a.merchant.with.a.name@okbankofindia</PayeeAddr>
  <Timestamp>2026-06-12T10:35:00Z</Timestamp>
  <Signature>...</Signature>
</ReqPay>`
	benchValQr = `<?xml version="1.0" encoding="UTF-8"?>
<ReqValQr>
  <MsgID>MSG1234567890MSG1234567890MSG12345</MsgID>
  <Ts>2026-06-12T10:30:00Z</Ts>
  <OrgID>MER101</OrgID>
  <Curr>INR</Curr>
  <Amount>1000.00</Amount>
  <Mcc>5411</Mcc>
  <RefUrl>bW9kZT0xNiZwYT1tZXJjaGFudEB1cGkmdHI9R0w3UTItMDEmYW09MTAwMC4wMCZRUnRzPTIwMjYtMDYtMTJUMTA6MzA6MDBaJlFSZXhwaXJlPTIwMjYtMDYtMTJUMTE6MDA6MDBa</RefUrl>
  <PayeeAddr>a.merchant.with.a.name@okbankofindia</PayeeAddr>
  <TxnRef>GL7Q2-01</TxnRef>
  <Signature>...</Signature>
</ReqValQr>`
)

type benchFields struct {
	XMLName                                                                                           xml.Name
	MsgID, TxnID, VerToken, Amount, Curr, PayerAddr, PayeeAddr, Timestamp, OrgID, Mcc, RefUrl, TxnRef string
	Ts                                                                                                string
}

type benchNPCI struct {
	XMLName xml.Name
	Head    struct {
		MsgID string `xml:"msgId,attr"`
		OrgID string `xml:"orgId,attr"`
		Ts    string `xml:"ts,attr"`
	}
	Txn struct {
		ID   string `xml:"id,attr"`
		Type string `xml:"type,attr"`
		QR   struct {
			VerToken string `xml:"verToken,attr"`
		}
	}
	Payer  benchParty
	Payees struct{ Payee benchParty }
}

type benchParty struct {
	Addr   string `xml:"addr,attr"`
	Amount struct {
		Value string `xml:"value,attr"`
		Curr  string `xml:"curr,attr"`
	}
}

// BenchmarkScan compares the scanner with encoding/xml on the same message in
// the same run. The goal is 30 times its speed for the PRD's dialect, and no
// allocation; ratio takes the two in turns and reports how many times it is.
func BenchmarkScan(b *testing.B) {
	for _, bm := range []struct {
		name, doc string
		into      func() any
	}{
		{"ReqPay", benchPay, func() any { return new(benchFields) }},
		{"ReqValQr", benchValQr, func() any { return new(benchFields) }},
		{"ReqPay of NPCI", npciPay, func() any { return new(benchNPCI) }},
	} {
		doc := []byte(bm.doc)
		ours := func() {
			if _, err := scan(doc); err != nil {
				b.Fatal(err)
			}
		}
		theirs := func() {
			if err := xml.Unmarshal(doc, bm.into()); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(bm.name+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ours()
			}
		})
		b.Run(bm.name+"/encoding/xml", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				theirs()
			}
		})
		b.Run(bm.name+"/ratio", func(b *testing.B) {
			// Totals pay for the garbage that is made; the best of each does not, and
			// is free of what else the machine does.
			total, best := [2]time.Duration{}, [2]time.Duration{time.Hour, time.Hour}
			for b.Loop() {
				begin := time.Now()
				for range 30 {
					ours()
				}
				middle := time.Now()
				theirs()
				for i, took := range [2]time.Duration{middle.Sub(begin) / 30, time.Since(middle)} {
					total[i] += took
					best[i] = min(best[i], took)
				}
			}
			b.ReportMetric(float64(total[1])/float64(total[0]), "times")
			b.ReportMetric(float64(best[1])/float64(best[0]), "times-at-best")
		})
	}
}

// BenchmarkScanParse is the whole way from bytes to a message.
func BenchmarkScanParse(b *testing.B) {
	b.Run("ReqPay", func(b *testing.B) {
		doc := []byte(benchPay)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ParseReqPay(doc); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ReqValQr", func(b *testing.B) {
		doc := []byte(benchValQr)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ParseReqValQr(doc); err != nil {
				b.Fatal(err)
			}
		}
	})
}
