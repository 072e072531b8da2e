package upiapi_test

import (
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/upiapi"
	"github.com/galla-pay/galla/controller/internal/upixml"
)

// collected posts a ReqCollectResult.
func (d *door) collected(body string) (status int, answer string) {
	d.t.Helper()
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, httptest.NewRequest("POST", "/api/v1/collect/result", strings.NewReader(body)))
	if got := w.Result().Header.Get("Content-Type"); !strings.HasPrefix(got, "application/xml") {
		d.t.Errorf("Content-Type %q", got)
	}
	return w.Code, w.Body.String()
}

// collect makes a collect request of 245.00.
func (d *door) collect(id string) {
	d.t.Helper()
	p := payment.Payment{
		ID: "GP" + id, Key: payment.Key{MerchantID: "MERCHANTUAT", TransactionID: id}, OrderID: "O", Amount: 24500,
		Solution: payment.Collect, CollectBy: "VPA", CollectFrom: "customer@upi", Payee: "merchant@upi",
	}
	if _, err := journal.Do(d.t.Context(), d.Journal, decide.Init{Payment: p, ExpiresIn: time.Minute, Actor: "test"}); err != nil {
		d.t.Fatal(err)
	}
}

func collectResult(msgID, id, txnID, status, amount string) string {
	return fmt.Sprintf(`<ReqCollectResult><MsgID>%s</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID><OrgTxnID>GP%s</OrgTxnID>`+
		`<TxnID>%s</TxnID><Status>%s</Status><PayerAddr>customer@upi</PayerAddr><Amount>%s</Amount><Rrn>632600000001</Rrn></ReqCollectResult>`,
		msgID, id, txnID, status, amount)
}

// TestCollectResultCodes: every code of the route, in the order of its checks.
func TestCollectResultCodes(t *testing.T) {
	d := newDoor(t, true)
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		d.collect(id)
	}
	d.sale("QR")
	good := collectResult("M1", "1", "X1", "SUCCESS", "245.00")
	change := func(doc, old, new string) string {
		if !strings.Contains(doc, old) {
			t.Fatalf("%q is not in the message", old)
		}
		return strings.Replace(doc, old, new, 1)
	}
	for _, tt := range []struct {
		name, body   string
		http         int
		code, result string
		of           string
		state        payment.State
	}{
		{"empty", "", 400, "BR", "", "1", payment.Created},
		{"not XML", "hello", 400, "BR", "", "1", payment.Created},
		{"another message", valQr("M1", "1.00", "initiation_mode=16", ""), 400, "BR", "", "1", payment.Created},
		{"above 64 KiB", good + strings.Repeat(" ", 64<<10), 400, "BR", "", "1", payment.Created},
		{"a status of its own", change(good, "SUCCESS", "PAID"), 400, "BR", "", "1", payment.Created},
		{"no OrgTxnID", change(good, "<OrgTxnID>GP1</OrgTxnID>", ""), 400, "BR", "", "1", payment.Created},
		{"no TxnID", change(good, "<TxnID>X1</TxnID>", ""), 400, "BR", "", "1", payment.Created},
		{"no amount", change(good, "<Amount>245.00</Amount>", ""), 400, "BR", "", "1", payment.Created},
		{"an amount of nothing", change(good, "245.00", "0.00"), 400, "BR", "", "1", payment.Created},
		{"a negative amount", change(good, "245.00", "-245.00"), 400, "BR", "", "1", payment.Created},
		{"success without payer", change(good, "<PayerAddr>customer@upi</PayerAddr>", ""), 400, "BR", "", "1", payment.Created},
		{"success without Rrn", change(good, "<Rrn>632600000001</Rrn>", ""), 400, "BR", "", "1", payment.Created},
		{"two amounts", change(good, "<Amount>", "<Amount>1.00</Amount><Amount>"), 400, "BR", "", "1", payment.Created},
		{"an unknown organisation", change(good, "MER101", "NOBODY"), 200, "ZF", "", "1", payment.Created},
		{"not a payment of ours", collectResult("M2", "nobody", "X2", "SUCCESS", "245.00"), 200, "ZQ", "", "1", payment.Created},
		{"not a collect request", collectResult("M3", "QR", "X3", "SUCCESS", "245.00"), 200, "ZQ", "", "QR", payment.Created},
		{"paid", good, 200, "00", "", "1", payment.Succeeded},
		{"the same message again", good, 200, "ZD", "", "1", payment.Succeeded},
		{"the same money again", change(good, "M1", "M4"), 200, "ZD", "", "1", payment.Succeeded},
		{"the same money for another request", collectResult("M5", "2", "X1", "SUCCESS", "245.00"), 200, "ZD", "", "2", payment.Created},
		{"a MsgID that ZQ used up", collectResult("M2", "2", "X6", "SUCCESS", "245.00"), 200, "ZD", "", "2", payment.Created},
		{"less paid", collectResult("M6", "2", "X7", "SUCCESS", "244.99"), 200, "00", "REVERSED", "2", payment.Failed},
		{"declined", collectResult("M7", "3", "X8", "DECLINED", "245.00"), 200, "00", "", "3", payment.Failed},
		{"declined without payer and reference", change(change(collectResult("M8", "4", "X9", "DECLINED", "245.00"),
			"<PayerAddr>customer@upi</PayerAddr>", ""), "<Rrn>632600000001</Rrn>", ""), 200, "00", "", "4", payment.Failed},
		{"run out", collectResult("M9", "5", "X10", "EXPIRED", "245.00"), 200, "00", "", "5", payment.Expired},
		{"paid after that", collectResult("M10", "5", "X11", "SUCCESS", "245.00"), 200, "00", "REVERSED", "5", payment.Expired},
		{"declined after it was paid", collectResult("M11", "1", "X12", "DECLINED", "245.00"), 200, "ZD", "", "1", payment.Succeeded},
	} {
		status, answer := d.collected(tt.body)
		if status != tt.http || field(answer, "Status") != tt.code || field(answer, "Result") != tt.result {
			t.Errorf("%s: %d %s", tt.name, status, answer)
		}
		if (field(answer, "Message") == "") != (tt.code == "00") || !strings.HasPrefix(answer, "<RespCollectResult>") {
			t.Errorf("%s: %s", tt.name, answer)
		}
		if tt.code != "BR" && (field(answer, "MsgID") != field(tt.body, "MsgID") || field(answer, "TxnID") != field(tt.body, "TxnID")) {
			t.Errorf("%s: it answers another message: %s", tt.name, answer)
		}
		p, err := d.DB.PaymentByID(t.Context(), "GP"+tt.of)
		if err != nil || p.State != tt.state {
			t.Errorf("%s: the payment is %s, want %s (%v)", tt.name, p.State, tt.state, err)
		}
	}
	if p, err := d.DB.PaymentByID(t.Context(), "GP1"); err != nil || p.Settlement != 24377 || p.Reference != "632600000001" || p.Payer != "customer@upi" {
		t.Errorf("%+v %v", p, err)
	}
	// One TxnID, one transaction of the organisation, whatever it was used for.
	_, answer := d.post("validate", valQr("V1", "245.00", d.sale("7"), ""))
	if _, answer = d.post("pay", reqPay("P1", "X1", field(answer, "VerToken"), "245.00", "customer@upi", "merchant@upi")); field(answer, "Status") != "ZD" {
		t.Errorf("a ReqPay by a TxnID that a collect request had: %s", answer)
	}
}

// TestCollectResultSignatures: outside the sandbox only what our network signed
// counts; another organisation, registered or not, cannot tell our ends.
func TestCollectResultSignatures(t *testing.T) {
	key, cert := certificate(t)
	otherKey, otherCert := certificate(t)
	inPEM := func(raw []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
	}
	d := newDoor(t, false, func(data *merchant.Data) {
		data.Organisations[0].Certificates = []string{inPEM(cert.Raw)}
		data.Organisations = append(data.Organisations, merchant.Organisation{ID: "OTHER", Certificates: []string{inPEM(otherCert.Raw)}})
	})
	d.collect("1")
	sign := func(doc string, own bool) string {
		k, c := key, cert
		if !own {
			k, c = otherKey, otherCert
		}
		signed, err := upixml.Sign([]byte(doc), k, c)
		if err != nil {
			t.Fatal(err)
		}
		return string(signed)
	}
	doc := collectResult("M1", "1", "X1", "SUCCESS", "245.00")
	for _, tt := range []struct{ name, doc, code string }{
		{"unsigned", doc, "ZF"},
		{"signed by another", sign(doc, false), "ZF"},
		{"altered", strings.Replace(sign(doc, true), "245.00", "1.00", 1), "ZF"},
		{"another organisation, well signed", sign(strings.Replace(doc, "MER101", "OTHER", 1), false), "ZF"},
		{"signed", sign(doc, true), "00"},
	} {
		if _, answer := d.collected(tt.doc); field(answer, "Status") != tt.code || field(answer, "MsgID") != "M1" {
			t.Errorf("%s: %s", tt.name, answer)
		}
		p, err := d.DB.PaymentByID(t.Context(), "GP1")
		if err != nil || (p.State == payment.Succeeded) != (tt.code == "00") {
			t.Errorf("%s: the payment is %s, %v", tt.name, p.State, err)
		}
	}
}

// TestSignedAnswers: where we have a key, the answer is signed, good or bad, and
// the key's certificate can be fetched; else neither.
func TestSignedAnswers(t *testing.T) {
	key, cert := certificate(t)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	house := doortest.New(t)
	withKey := func(change func(*upiapi.Config)) *door {
		c := upiapi.Config{
			Journal: house.Journal, Reader: house.DB, Directory: house.Directory, LinkKey: &house.LinkKey.PublicKey,
			OrgID: "MER101", Sandbox: true, Log: house.Log,
		}
		change(&c)
		r := gin.New()
		upiapi.New(c).Register(r)
		return &door{t: t, handler: r, House: house}
	}
	fetch := func(d *door) (int, string) {
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/dynamic-qr/certificate", nil))
		return w.Code, w.Body.String()
	}
	signs := withKey(func(c *upiapi.Config) {
		c.Sign = func(doc []byte) ([]byte, error) { return upixml.Sign(doc, key, cert) }
		c.Certificate = text
	})
	signs.collect("1")
	for _, body := range []string{collectResult("M1", "1", "X1", "SUCCESS", "245.00"), collectResult("M1", "1", "X1", "SUCCESS", "245.00"), "hello"} {
		_, answer := signs.collected(body)
		if _, err := upixml.Verify([]byte(answer), upixml.Certificates([]string{string(text)}), time.Now()); err != nil {
			t.Errorf("%v: %s", err, answer)
		}
	}
	if status, got := fetch(signs); status != 200 || got != string(text) {
		t.Errorf("the certificate: %d %s", status, got)
	}
	plain := withKey(func(*upiapi.Config) {})
	if _, answer := plain.collected("hello"); upixml.HasSignature([]byte(answer)) {
		t.Errorf("signed without a key: %s", answer)
	}
	if status, _ := fetch(plain); status != 404 {
		t.Errorf("a certificate of nothing: %d", status)
	}
	broken := withKey(func(c *upiapi.Config) {
		c.Sign = func([]byte) ([]byte, error) { return nil, upixml.ErrKey }
	})
	w := httptest.NewRecorder()
	broken.handler.ServeHTTP(w, httptest.NewRequest("POST", "/api/v1/collect/result", strings.NewReader("hello")))
	if w.Code != 500 || w.Body.Len() != 0 {
		t.Errorf("what cannot be signed: %d %s", w.Code, w.Body)
	}
}
