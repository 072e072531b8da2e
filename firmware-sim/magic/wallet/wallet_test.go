package wallet_test

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/galla-pay/galla/firmware-sim/magic/wallet"
	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/phone"
)

const link = "upi://pay?ver=01&mode=16&pa=merchant@upi&pn=Sharma&mc=5411&tr=P1&am=245.00&cu=INR"

// picture is a QR of the text, as PNG.
func picture(t *testing.T, text string) []byte {
	t.Helper()
	matrix, err := qrcode.NewQRCodeWriter().Encode(text, gozxing.BarcodeFormat_QR_CODE, 240, 240, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, matrix); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// network answers a ReqValQr and a ReqPay with these codes; an empty one breaks the
// connection. A result may stand behind the code of a payment.
func network(t *testing.T, validate, pay string) *wallet.Wallet {
	t.Helper()
	element := func(body []byte, name string) string {
		found := regexp.MustCompile("<" + name + ">([^<]*)</" + name + ">").FindSubmatch(body)
		if found == nil {
			t.Errorf("the message has no %s: %s", name, body)
			return ""
		}
		return string(found[1])
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		head := "<MsgID>" + element(body, "MsgID") + "</MsgID>"
		switch {
		case r.URL.Path == npci.PathValidate && validate == "00":
			if amount := element(body, "Amount"); amount != "245.00" {
				t.Errorf("asked for %s", amount)
			}
			_, _ = io.WriteString(w, "<RespValQr>"+head+"<Status>00</Status><VerToken>TOKEN</VerToken><ExpiresAt>2026-01-02T03:04:05Z</ExpiresAt><Ts>2026-01-02T03:04:05Z</Ts></RespValQr>")
		case r.URL.Path == npci.PathValidate && validate != "":
			_, _ = io.WriteString(w, "<RespValQr>"+head+"<Status>"+validate+"</Status><Message>no</Message><Ts>2026-01-02T03:04:05Z</Ts></RespValQr>")
		case r.URL.Path == npci.PathPay && pay != "":
			if token, payee := element(body, "VerToken"), element(body, "PayeeAddr"); token != "TOKEN" || payee != "merchant@upi" {
				t.Errorf("paid with %s to %s", token, payee)
			}
			code, result, _ := strings.Cut(pay, " ")
			settled := "0.00"
			if code == "00" && result == "" {
				settled = "243.78"
			} else if result != "" {
				result = "<Result>" + result + "</Result>"
			}
			_, _ = io.WriteString(w, "<RespPay>"+head+"<Status>"+code+"</Status><Message>no</Message>"+result+"<TxnID>"+element(body, "TxnID")+
				"</TxnID><SettlementAmount>"+settled+"</SettlementAmount><Timestamp>2026-01-02T03:04:05Z</Timestamp></RespPay>")
		default:
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(server.Close)
	return &wallet.Wallet{Network: &npci.Client{BaseURL: server.URL, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}}
}

// A bill is read from a picture, asked about and paid; a no is told from a silence.
func TestWallet(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, validate, pay string
		asked, paid         string // codes of refusals; "" for a yes, "?" for nobody knows
	}{
		{"paid", "00", "00", "", ""},
		{"the QR is refused", "PE", "", "PE", ""},
		{"nobody answers about the QR", "", "", "?", ""},
		{"the bank declines", "00", "IP08", "", "IP08"},
		{"it did not come about", "00", "00 TIMEOUT", "", "TIMEOUT"},
		{"nobody answers the payment", "00", "", "", "?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := network(t, tt.validate, tt.pay)
			bill, err := wallet.Read(picture(t, link))
			if err != nil || bill.Text != link || bill.Link.AM != 24_500 {
				t.Fatalf("read %+v, %v", bill, err)
			}
			went(t, "asked", w.Ask(context.Background(), &bill), tt.asked)
			if (bill.Token == "TOKEN") != (tt.asked == "") {
				t.Errorf("the promise is %q", bill.Token)
			}
			if tt.asked != "" {
				return
			}
			settled, err := w.Pay(context.Background(), &bill, phone.Payer)
			went(t, "paid", err, tt.paid)
			if (settled == 24_378) != (tt.paid == "") || bill.TxnID == "" {
				t.Errorf("the merchant gets %v by %q", settled, bill.TxnID)
			}
			entries := w.Network.Ledger().Entries
			if len(entries) != 1 || entries[0].TxnID != bill.TxnID || (entries[0].State == npci.Paid) != (tt.paid == "") {
				t.Errorf("the books say %+v", entries)
			}
		})
	}
}

func went(t *testing.T, what string, err error, want string) {
	t.Helper()
	refused := (*wallet.Refused)(nil)
	switch {
	case want == "" && err == nil:
	case want == "?" && errors.Is(err, npci.ErrNoAnswer):
	case errors.As(err, &refused) && refused.Code == want:
	default:
		t.Errorf("%s: %v, want %q", what, err, want)
	}
}

// What cannot be paid is no bill.
func TestNoBill(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"another link": "https://example.com/pay", "no payee": "upi://pay?ver=01&mode=16&am=1.00&cu=INR", "no amount": strings.Replace(link, "&am=245.00", "", 1),
	} {
		if bill, err := wallet.Read(picture(t, text)); err == nil {
			t.Errorf("%s: %+v", name, bill)
		}
	}
	if _, err := wallet.Read([]byte("PNG")); err == nil {
		t.Error("no picture is a bill")
	}
}
