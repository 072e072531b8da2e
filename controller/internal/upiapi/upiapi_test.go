package upiapi_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"regexp"
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
	"github.com/galla-pay/galla/protocol/upiuri"
)

// door is the UPI door with a real house behind it.
type door struct {
	t       testing.TB
	handler http.Handler
	*doortest.House
}

func newDoor(t testing.TB, sandbox bool, change ...func(*merchant.Data)) *door {
	t.Helper()
	return open(t, doortest.New(t, change...), func(c *upiapi.Config) { c.Sandbox = sandbox })
}

// open puts the door on a house, with change applied to its configuration, and
// runs it until the end of the test.
func open(t testing.TB, house *doortest.House, change func(*upiapi.Config)) *door {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	c := upiapi.Config{
		Journal: house.Journal, Reader: house.Storage.(upiapi.Reader), Directory: house.Directory, LinkKey: &house.LinkKey.PublicKey,
		OrgID: "MER101", Sandbox: true, Log: house.Log,
	}
	change(&c)
	api := upiapi.New(c)
	api.Register(r)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		api.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return &door{t: t, handler: r, House: house}
}

func (d *door) post(route, body string) (status int, answer string) {
	d.t.Helper()
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, httptest.NewRequest("POST", "/api/v1/dynamic-qr/"+route, strings.NewReader(body)))
	if got := w.Result().Header.Get("Content-Type"); !strings.HasPrefix(got, "application/xml") {
		d.t.Errorf("Content-Type %q", got)
	}
	return w.Code, w.Body.String()
}

// sale puts a payment of 245.00 on the counter, and returns its link.
func (d *door) sale(id string) string {
	d.t.Helper()
	p := payment.Payment{
		ID: "GP" + id, Key: payment.Key{MerchantID: "MERCHANTUAT", TransactionID: id}, StoreID: "teststore1",
		TerminalID: "testterminal1", OrderID: "O", Amount: 24500, Solution: payment.DQRDevice, Payee: "merchant@upi",
	}
	now := time.Now().UTC().Truncate(time.Second)
	var err error
	p.QR, err = upiuri.Sign(upiuri.Link{
		Mode: "16", PA: "merchant@upi", MC: "5411", TR: p.ID, AM: p.Amount, QRts: now, QRexpire: now.Add(time.Minute),
	}, d.LinkKey)
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := journal.Do(d.t.Context(), d.Journal, decide.Init{Payment: p, ExpiresIn: time.Minute, Actor: "test"}); err != nil {
		d.t.Fatal(err)
	}
	return p.QR
}

func valQr(msgID, amount, link, extra string) string {
	return fmt.Sprintf(`<ReqValQr><MsgID>%s</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID><Curr>INR</Curr><Amount>%s</Amount><Mcc>5411</Mcc><RefUrl>%s</RefUrl>%s</ReqValQr>`,
		msgID, amount, base64.StdEncoding.EncodeToString([]byte(link)), extra)
}

func reqPay(msgID, txnID, token, amount, payer, payee string) string {
	return fmt.Sprintf(`<ReqPay><MsgID>%s</MsgID><TxnID>%s</TxnID><VerToken>%s</VerToken><Amount>%s</Amount><Curr>INR</Curr><PayerAddr>%s</PayerAddr><PayeeAddr>%s</PayeeAddr><Timestamp>2026-06-12T10:35:00Z</Timestamp></ReqPay>`,
		msgID, txnID, token, amount, payer, payee)
}

func field(answer, name string) string {
	if m := regexp.MustCompile("<" + name + ">([^<]*)</" + name + ">").FindStringSubmatch(answer); m != nil {
		return m[1]
	}
	return ""
}

// TestPrintedExamples: PRD 8.1 and 8.3 as printed (the token put in) answer as
// 8.2 and 8.4, apart from times and token.
func TestPrintedExamples(t *testing.T) {
	d := newDoor(t, true)
	status, answer := d.post("validate", `<ReqValQr>
  <MsgID>MSG1234567890</MsgID>
  <Ts>2026-06-12T10:30:00Z</Ts>
  <OrgID>MER101</OrgID>
  <Curr>INR</Curr>
  <Amount>1000.00</Amount>
  <Mcc>5411</Mcc>
  <RefUrl>aW5pdGlhdGlvbl9tb2RlPTE2</RefUrl>
  <Signature>...</Signature>
</ReqValQr>`)
	token := field(answer, "VerToken")
	if got := scrub(answer, token); status != 200 || got != `<RespValQr>
  <MsgID>MSG1234567890</MsgID>
  <Status>00</Status>
  <VerToken>TOKEN</VerToken>
  <ExpiresAt>TIME</ExpiresAt>
  <Ts>TIME</Ts>
</RespValQr>` {
		t.Fatalf("%d\n%s", status, got)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(token) {
		t.Errorf("token %q is no UUID v4", token)
	}
	status, answer = d.post("pay", `<ReqPay>
  <MsgID>PAY9876543210</MsgID>
  <TxnID>TXN1234567890</TxnID>
  <VerToken>`+token+`</VerToken>
  <Amount>1000.00</Amount>
  <Curr>INR</Curr>
  <PayerAddr>customer@upi</PayerAddr>
  <PayeeAddr>merchant@upi</PayeeAddr>
  <Timestamp>2026-06-12T10:35:00Z</Timestamp>
</ReqPay>`)
	if got := scrub(answer, token); status != 200 || got != `<RespPay>
  <MsgID>PAY9876543210</MsgID>
  <Status>00</Status>
  <TxnID>TXN1234567890</TxnID>
  <SettlementAmount>995.00</SettlementAmount>
  <Timestamp>TIME</Timestamp>
</RespPay>` {
		t.Fatalf("%d\n%s", status, got)
	}
	p, err := d.DB.Payment(t.Context(), "MERCHANTUAT", "TXN1234567890")
	if err != nil || p.State != payment.Succeeded || p.Solution != payment.ForeignQR {
		t.Errorf("transactions row: %+v %v", p, err)
	}
}

func scrub(answer, token string) string {
	if token != "" {
		answer = strings.ReplaceAll(answer, token, "TOKEN")
	}
	return regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`).ReplaceAllString(answer, "TIME")
}

// TestOurQR: a QR of ours is validated by its link, moves its payment, once.
func TestOurQR(t *testing.T) {
	d := newDoor(t, true)
	link := d.sale("1")
	_, answer := d.post("validate", valQr("V1", "245.00", link, ""))
	token := field(answer, "VerToken")
	if field(answer, "Status") != "00" || token == "" {
		t.Fatal(answer)
	}
	_, answer = d.post("pay", reqPay("P1", "X1", token, "245.00", "customer@upi", "merchant@upi"))
	if field(answer, "Status") != "00" || field(answer, "SettlementAmount") != "243.77" {
		t.Fatal(answer)
	}
	p, err := d.DB.PaymentByID(t.Context(), "GP1")
	if err != nil || p.State != payment.Succeeded || len(p.Reference) != 12 {
		t.Fatalf("%+v %v", p, err)
	}
	_, answer = d.post("validate", valQr("V2", "245.00", link, ""))
	if field(answer, "Status") != "ZD" || field(answer, "VerToken") != "" || field(answer, "Message") == "" {
		t.Errorf("scanned again: %s", answer)
	}
}

// TestAlteredQR: whoever edits the link is found out.
func TestAlteredQR(t *testing.T) {
	d := newDoor(t, true)
	link := d.sale("1")
	for i, tt := range []struct{ name, link, amount, extra, code string }{
		{"amount edited", strings.Replace(link, "am=245.00", "am=2.45", 1), "2.45", "", "ZF"},
		{"payee edited", strings.Replace(link, "merchant@upi", "second@upi", 1), "245.00", "", "ZF"},
		{"signature cut off, amount edited", strings.Replace(link[:strings.Index(link, "&sign=")], "am=245.00", "am=2.45", 1), "2.45", "", "ZQ"},
		{"signature cut off, payee edited", strings.Replace(link[:strings.Index(link, "&sign=")], "merchant@upi", "second@upi", 1), "245.00", "", "ZQ"},
		{"asked for another amount", link, "2.45", "", "ZQ"},
		{"a tr that was never issued", strings.Replace(link[:strings.Index(link, "&sign=")], "tr=GP1", "tr=GP2", 1), "245.00", "", "ZQ"},
		{"not a dynamic QR", "upi://pay?mode=02&pa=merchant@upi&tr=GP1", "245.00", "", "ZQ"},
		{"PayeeAddr contradicts pa", link, "245.00", "<PayeeAddr>second@upi</PayeeAddr>", "BR"},
		{"TxnRef contradicts tr", link, "245.00", "<TxnRef>GP2</TxnRef>", "BR"},
		{"TxnRef says what tr says", link, "245.00", "<TxnRef>GP1</TxnRef><PayeeAddr>merchant@upi</PayeeAddr>", "00"},
	} {
		_, answer := d.post("validate", valQr(fmt.Sprint("V", i), tt.amount, tt.link, tt.extra))
		if got := field(answer, "Status"); got != tt.code {
			t.Errorf("%s: %s, want %s\n%s", tt.name, got, tt.code, answer)
		}
	}
}

// TestSandboxPayees: each sandbox payee behaves as upi-switch: Sandbox data
// says.
func TestSandboxPayees(t *testing.T) {
	d := newDoor(t, true)
	for i, tt := range []struct{ payee, payer, validate, pay, settles string }{
		{"merchant@upi", "customer@upi", "00", "00", "995.00"}, {"nofee@mercury", "customer@upi", "00", "00", "1000.00"},
		{"yh@mercury", "customer@upi", "00", "YH", "0.00"}, {"ip05@mercury", "customer@upi", "00", "IP05", "0.00"},
		{"ip08@mercury", "customer@upi", "00", "IP08", "0.00"}, {"ip10@mercury", "customer@upi", "00", "IP10", "0.00"},
		{"merchant@upi", "decline@upi", "00", "IP08", "0.00"}, {"inactive@mercury", "customer@upi", "YH", "", ""},
		{"nobody@upi", "customer@upi", "ZR", "", ""}, {"MERCHANT@UPI", "customer@upi", "00", "00", "995.00"},
	} {
		n := fmt.Sprint(i)
		_, answer := d.post("validate", valQr("V"+n, "1000.00", "initiation_mode=16&pa="+tt.payee, ""))
		if got := field(answer, "Status"); got != tt.validate {
			t.Errorf("%s validates %s: %s", tt.payee, got, answer)
			continue
		}
		if tt.pay == "" {
			continue
		}
		_, answer = d.post("pay", reqPay("P"+n, "X"+n, field(answer, "VerToken"), "1000.00", tt.payer, tt.payee))
		if field(answer, "Status") != tt.pay || field(answer, "SettlementAmount") != tt.settles {
			t.Errorf("%s from %s pays %s", tt.payee, tt.payer, answer)
		}
	}
}

// TestRefusedMessages: BR is 400 and uses no MsgID up; the answer carries what
// could be read.
func TestRefusedMessages(t *testing.T) {
	d := newDoor(t, true)
	good := valQr("V1", "1.00", "initiation_mode=16", "")
	for name, body := range map[string]string{
		"empty": "", "not XML": "hello", "trailing": good + "<x/>", "wrapped": "<a>" + good + "</a>",
		"an element twice": strings.Replace(good, "<Curr>INR</Curr>", "<Curr>INR</Curr><Curr>INR</Curr>", 1),
		"a DTD":            "<!DOCTYPE x>" + good, "below a rupee": valQr("V1", "0.99", "initiation_mode=16", ""),
		"another currency": strings.Replace(good, "INR", "USD", 1), "above 64 KiB": good + strings.Repeat(" ", 64<<10),
	} {
		if status, answer := d.post("validate", body); status != 400 || field(answer, "Status") != "BR" {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	if status, answer := d.post("validate", good); status != 200 || field(answer, "Status") != "00" {
		t.Errorf("the MsgID was used up: %d %s", status, answer)
	}
	status, answer := d.post("pay", strings.Replace(reqPay("P1", "X1", "t", "1.00", "a@upi", "b@upi"), "<Curr>INR</Curr>", "", 1))
	if status != 400 || field(answer, "Status") != "BR" || field(answer, "SettlementAmount") != "0.00" || field(answer, "MsgID") != "P1" {
		t.Errorf("%d %s", status, answer)
	}
}

// TestSignatures: outside the sandbox an organisation must sign, by its own
// certificate; what is signed by another or altered is ZF.
func TestSignatures(t *testing.T) {
	key, cert := certificate(t)
	otherKey, otherCert := certificate(t)
	register := func(d *merchant.Data) {
		d.Organisations[0].Certificates = []string{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))}
	}
	d := newDoor(t, false, register)
	sign := func(doc string, key *rsa.PrivateKey, cert *x509.Certificate) string {
		signed, err := upixml.Sign([]byte(doc), key, cert)
		if err != nil {
			t.Fatal(err)
		}
		return string(signed)
	}
	good := sign(valQr("V1", "1.00", "initiation_mode=16", ""), key, cert)
	for _, tt := range []struct{ name, doc, code string }{
		{"unsigned", valQr("V1", "1.00", "initiation_mode=16", ""), "ZF"},
		{"signed by a stranger", sign(valQr("V1", "1.00", "initiation_mode=16", ""), otherKey, otherCert), "ZF"},
		{"altered", strings.Replace(good, "1.00", "2.00", 1), "ZF"},
		{"an unknown organisation", strings.Replace(valQr("V1", "1.00", "initiation_mode=16", ""), "MER101", "NOBODY", 1), "ZF"},
		{"signed", good, "00"},
	} {
		status, answer := d.post("validate", tt.doc)
		if status != 200 || field(answer, "Status") != tt.code || field(answer, "MsgID") != "V1" {
			t.Errorf("%s: %d %s", tt.name, status, answer)
		}
		if tt.code == "00" {
			pay := reqPay("P1", "X1", field(answer, "VerToken"), "1.00", "customer@upi", "merchant@upi")
			if _, answer := d.post("pay", pay); field(answer, "Status") != "ZF" {
				t.Errorf("unsigned ReqPay: %s", answer)
			}
			if _, answer := d.post("pay", sign(pay, key, cert)); field(answer, "Status") != "00" {
				t.Errorf("signed ReqPay: %s", answer)
			}
		}
	}
}

func certificate(t *testing.T) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}
