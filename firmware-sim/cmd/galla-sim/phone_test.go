package main

import (
	"bytes"
	"encoding/json"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// qr is a picture of the text.
func qr(t *testing.T, text string) []byte {
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

const link = "upi://pay?ver=01&mode=16&pa=merchant@upi&pn=Sharma&mc=5411&tr=P1&am=245.00&cu=INR"

// place is a panel that shows a picture and a controller that answers a
// ReqValQr and the n-th ReqPay with the n-th code.
func place(t *testing.T, picture []byte, validate string, pay ...string) *httptest.Server {
	t.Helper()
	element := func(body []byte, name string) string {
		found := regexp.MustCompile("<" + name + ">([^<]*)</" + name + ">").FindSubmatch(body)
		if found == nil {
			t.Errorf("no %s in %s", name, body)
			return ""
		}
		return string(found[1])
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /panel.png", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(picture) })
	mux.HandleFunc("POST /api/v1/dynamic-qr/validate", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		token := ""
		if validate == "00" {
			token = "<VerToken>T1</VerToken><ExpiresAt>2099-01-01T00:00:00Z</ExpiresAt>"
		}
		_, _ = io.WriteString(w, "<RespValQr><MsgID>"+element(body, "MsgID")+"</MsgID><Status>"+validate+"</Status><Message>m</Message>"+token+
			"<Ts>2026-11-21T00:00:00Z</Ts></RespValQr>")
	})
	mux.HandleFunc("POST /api/v1/dynamic-qr/pay", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if len(pay) == 0 {
			panic(http.ErrAbortHandler)
		}
		code := pay[0]
		pay = pay[1:]
		settled := "0.00"
		if code == "00" {
			settled = "245.00"
		}
		_, _ = io.WriteString(w, "<RespPay><MsgID>"+element(body, "MsgID")+"</MsgID><Status>"+code+"</Status><Message>m</Message><TxnID>"+
			element(body, "TxnID")+"</TxnID><SettlementAmount>"+settled+"</SettlementAmount><Timestamp>2026-11-21T00:00:00Z</Timestamp></RespPay>")
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return server
}

// The exit code says what came of it (terminal-ux: CLI verbs).
func TestPayExitCodes(t *testing.T) {
	for _, tt := range []struct {
		name     string
		picture  []byte
		validate string
		pay      []string
		flags    []string
		code     int
		says     string // on standard error
	}{
		{"paid", qr(t, link), "00", []string{"00"}, nil, 0, ""},
		{"refused", qr(t, link), "00", []string{"ZE"}, nil, 6, "not paid: ZE"},
		{"declined", qr(t, link), "00", []string{"IP08"}, []string{"--decline"}, 6, "not paid: IP08"},
		{"the QR is refused", qr(t, link), "PE", nil, nil, 6, "the QR was refused: PE"},
		{"validated only", qr(t, link), "00", nil, []string{"--validate-only"}, 0, ""},
		{"validated only, refused", qr(t, link), "ZQ", nil, []string{"--validate-only"}, 6, "the QR was refused: ZQ"},
		{"twice, refused the second time", qr(t, link), "00", []string{"00", "ZD"}, []string{"--twice"}, 0, ""},
		{"twice, accepted twice", qr(t, link), "00", []string{"00", "00"}, []string{"--twice"}, 6, "was not refused"},
		{"twice, refused at once", qr(t, link), "00", []string{"ZD"}, []string{"--twice"}, 6, "not paid: ZD"},
		{"no QR", qr(t, "https://example.com"), "00", nil, []string{"--wait", "300ms"}, 7, "no UPI QR on the panel"},
		{"a QR that names no amount", qr(t, "upi://pay?pa=merchant@upi&mode=16"), "00", nil, nil, 6, "cannot be paid"},
		{"the answer is lost", qr(t, link), "00", nil, nil, 5, "--upi"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := place(t, tt.picture, tt.validate, tt.pay...)
			args := append([]string{"phone", "pay", "--panel", server.URL + "/panel.png", "--upi", server.URL}, tt.flags...)
			code, out, errOut := run(t, args...)
			if code != tt.code || !strings.Contains(errOut, tt.says) || tt.says == "" && errOut != "" {
				t.Fatalf("exit %d, want %d\n%s\n%s", code, tt.code, out, errOut)
			}
			if !strings.Contains(out, "look") {
				t.Fatalf("the steps are not printed: %q", out)
			}
		})
	}
}

func TestPayUnreachable(t *testing.T) {
	server := place(t, qr(t, link), "00")
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	if code, _, errOut := run(t, "phone", "pay", "--panel", gone.URL+"/panel.png", "--upi", server.URL, "--wait", "300ms"); code != 5 || !strings.Contains(errOut, "--panel "+gone.URL) {
		t.Errorf("no panel: exit %d, %s", code, errOut)
	}
	if code, _, errOut := run(t, "phone", "pay", "--panel", server.URL+"/panel.png", "--upi", gone.URL); code != 5 || !strings.Contains(errOut, "--upi "+gone.URL) {
		t.Errorf("no controller: exit %d, %s", code, errOut)
	}
}

// With --json standard output is one object, whatever happens.
func TestPayJSON(t *testing.T) {
	for _, pay := range []string{"00", "ZE"} {
		server := place(t, qr(t, link), "00", pay)
		code, out, _ := run(t, "phone", "pay", "--panel", server.URL+"/panel.png", "--upi", server.URL, "--json")
		var result phone.Result
		decoder := json.NewDecoder(strings.NewReader(out))
		if err := decoder.Decode(&result); err != nil || decoder.More() {
			t.Fatalf("%v: %s", err, out)
		}
		if result.Accepted != (code == 0) || result.PayStatus != pay || result.AmountPaise != 24_500 {
			t.Fatalf("exit %d, %+v", code, result)
		}
	}
}
