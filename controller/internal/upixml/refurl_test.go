package upixml_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/upixml"
	"github.com/galla-pay/galla/protocol/upiuri"
)

func TestParseRefUrl(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 6, 12, 10, 30, 0, 0, time.UTC)
	std := base64.StdEncoding.EncodeToString
	for _, tt := range []struct {
		name, refURL string
		want         upixml.Ref
	}{
		{"PRD 8.1", "aW5pdGlhdGlvbl9tb2RlPTE2", upixml.Ref{
			Link: upiuri.Link{Mode: "16"}, Text: "upi://pay?initiation_mode=16",
		}},
		{"a query string", std([]byte("mode=16&pa=merchant@upi&tr=GL7Q2-01&am=10.00")), upixml.Ref{
			Link: upiuri.Link{Mode: "16", PA: "merchant@upi", TR: "GL7Q2-01", AM: 1000},
			Text: "upi://pay?mode=16&pa=merchant@upi&tr=GL7Q2-01&am=10.00",
		}},
		{"a whole link", std([]byte("upi://pay?pa=merchant@upi&mode=16&QRts=2026-06-12T16:00:00+05:30&sign=abc")), upixml.Ref{
			Link: upiuri.Link{Mode: "16", PA: "merchant@upi", QRts: made, Sign: "abc"},
			Text: "upi://pay?pa=merchant@upi&mode=16&QRts=2026-06-12T16:00:00+05:30&sign=abc",
		}},
		{"URL-safe, not padded", base64.RawURLEncoding.EncodeToString([]byte("mode=16&pn=~~~?>")[:14]), upixml.Ref{
			Link: upiuri.Link{Mode: "16", PN: "~~~"}, Text: "upi://pay?mode=16&pn=~~~",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := upixml.ParseRefUrl(tt.refURL)
			if err != nil || got != tt.want {
				t.Fatalf("%v\n got %+v\nwant %+v", err, got, tt.want)
			}
		})
	}
}

func TestParseRefUrlRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, code string }{
		{"a static QR", "upi://pay?pa=merchant@upi", "ZQ"},
		{"another mode", "mode=01", "ZQ"},
		{"no mode", "pa=merchant@upi", "ZQ"},
		{"an empty mode", "mode=&pa=merchant@upi", "ZQ"},
		{"a link without pa", "upi://pay?mode=16", "BR"},
		{"two modes", "mode=16&initiation_mode=16", "BR"},
		{"two payees", "mode=16&pa=a@upi&pa=b@upi", "BR"},
		{"mode in another case", "MODE=16", "BR"},
		{"a broken escape", "mode=16&pn=%zz", "BR"},
		{"an amount that is none", "mode=16&am=abc", "BR"},
		{"another link", "https://pay?mode=16", "BR"},
		{"nothing", "", "BR"},
		{"XML", "<mode>16</mode>", "BR"},
		{"not UTF-8", "mode=16&pn=\xff", "BR"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := upixml.ParseRefUrl(base64.StdEncoding.EncodeToString([]byte(tt.text)))
			var refusal *upixml.Error
			if !errors.As(err, &refusal) || refusal.Code != tt.code || got != (upixml.Ref{}) {
				t.Fatalf("%+v, %v; want %s", got, err, tt.code)
			}
			if errors.Is(err, upixml.ErrNotDynamic) != (tt.code == "ZQ") {
				t.Errorf("ErrNotDynamic with %s", refusal.Code)
			}
		})
	}
	for _, refURL := range []string{"=", "bW9kZT0xNg", "bW9kZT0xNh==", "bW9kZT0xNg==\n", "bW9kZT0xNg=", "mode=16"} {
		_, err := upixml.ParseRefUrl(refURL)
		if refURL == "bW9kZT0xNg" {
			if err != nil {
				t.Errorf("%q, which is URL-safe base64: %v", refURL, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "not base64") {
			t.Errorf("%q: %v; want not base64", refURL, err)
		}
	}
}

// Ref of a parsed message has one error left (ReqValQr.Ref).
func TestRefOfAMessage(t *testing.T) {
	t.Parallel()
	m, err := upixml.ParseReqValQr([]byte(change(t, reqValQr, "aW5pdGlhdGlvbl9tb2RlPTE2", "bW9kZT0wMQ==")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Ref(); !errors.Is(err, upixml.ErrNotDynamic) {
		t.Fatalf("Ref = %v, want ErrNotDynamic", err)
	}
}

// Whichever way our QR comes back, its own signature can be checked.
func TestRefKeepsTheSignedText(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := time.Date(2026, 6, 12, 10, 30, 0, 0, time.UTC)
	text, err := upiuri.Sign(upiuri.Link{
		Mode: "16", PA: "merchant@upi", PN: "Sharma & Sons", MC: "5411", TR: "GL7Q2-01", AM: 24500,
		QRts: made, QRexpire: made.Add(3 * time.Minute),
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	for name, sent := range map[string]string{"the whole link": text, "its query": strings.TrimPrefix(text, "upi://pay?")} {
		ref, err := upixml.ParseRefUrl(base64.URLEncoding.EncodeToString([]byte(sent)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if link, err := upiuri.Verify(ref.Text, &key.PublicKey); err != nil || link != ref.Link {
			t.Errorf("%s: %+v, %v", name, link, err)
		}
	}
}
