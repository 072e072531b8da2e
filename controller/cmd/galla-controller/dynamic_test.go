package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestSettingsByTheirNames: the settings of PRD 7.1 are taken verbatim from the
// environment, and what cannot work stops the program with their name.
func TestSettingsByTheirNames(t *testing.T) {
	printed := map[string]string{
		"DYNAMIC_QR_EXPIRY_MINUTES": "30", "DYNAMIC_QR_LIMIT_INR": "8000", "TIMEOUT_DURATION_SECONDS": "30",
		"TIMEOUT_VPA": "gourmet@mercury", "DYNAMIC_ORG_ID": "MER101", "DYNAMIC_NET_INST_ID": "MER1010001",
		"DYNAMIC_INITIATION_MODE": "16", "DYNAMIC_X7_SETTLEMENT": "0", "DYNAMIC_YH_SETTLEMENT": "0",
	}
	// Whatever is right comes as far as the database, which is none.
	says := func(args ...string) string {
		var out, errs bytes.Buffer
		run(t.Context(), append([]string{"serve", "--database", "none:x"}, args...), &out, &errs)
		return errs.String()
	}
	for name, value := range printed {
		t.Setenv(name, value)
	}
	if got := says(); !strings.Contains(got, "--database") {
		t.Errorf("as the PRD prints them: %s", got)
	}
	for _, tt := range []struct{ name, value string }{
		{"DYNAMIC_QR_EXPIRY_MINUTES", "0"}, {"DYNAMIC_QR_EXPIRY_MINUTES", "31"}, {"DYNAMIC_QR_LIMIT_INR", "8001"}, {"DYNAMIC_QR_LIMIT_INR", "0"},
		{"TIMEOUT_DURATION_SECONDS", "0"}, {"TIMEOUT_DURATION_SECONDS", "61"}, {"TIMEOUT_VPA", "gourmet"},
		{"DYNAMIC_INITIATION_MODE", "01"}, {"DYNAMIC_X7_SETTLEMENT", "5"}, {"DYNAMIC_YH_SETTLEMENT", "-1"}, {"DYNAMIC_YH_SETTLEMENT", "x"},
		{"DYNAMIC_ORG_ID", ""}, {"DYNAMIC_NET_INST_ID", ""},
	} {
		t.Setenv(tt.name, tt.value)
		if got := says(); !strings.Contains(got, tt.name) {
			t.Errorf("%s=%s: %s", tt.name, tt.value, got)
		}
		t.Setenv(tt.name, printed[tt.name])
	}
	for _, tt := range []struct{ flag, want string }{
		{"dynamic_qr_timeout_enabled=false", "--database"}, {"dynamic_qr_merchant_timeout=true", "--database"},
		{"dynamic_qr_async_processing=false", "--database"}, {"dynamic_qr=true", "known are dynamic_qr_timeout_enabled"},
		{"dynamic_qr_timeout_enabled=perhaps", "--feature"}, {"dynamic_qr_timeout_enabled", "--feature"},
	} {
		if got := says("--feature", tt.flag); !strings.Contains(got, tt.want) {
			t.Errorf("--feature %s: %s", tt.flag, got)
		}
	}
}

// bank posts messages to a running controller, over TLS.
type bank struct {
	*running
	client *http.Client
	n      int
}

func (b *bank) post(route, message string) (answer string) {
	b.t.Helper()
	res, err := b.client.Post("https://"+b.http+"/api/v1/dynamic-qr/"+route, "application/xml", strings.NewReader(message))
	must(b.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(b.t, err)
	return string(text)
}

func (b *bank) validate(amount, payee string) string {
	b.n++
	// The base64 of initiation_mode=16 is the PRD's own.
	return b.post("validate", fmt.Sprintf(`<ReqValQr><MsgID>V%d</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID><Curr>INR</Curr>`+
		`<Amount>%s</Amount><Mcc>5411</Mcc><RefUrl>aW5pdGlhdGlvbl9tb2RlPTE2</RefUrl><PayeeAddr>%s</PayeeAddr></ReqValQr>`, b.n, amount, payee))
}

func (b *bank) pay(token, amount, payee string) string {
	b.n++
	return b.post("pay", fmt.Sprintf(`<ReqPay><MsgID>P%d</MsgID><TxnID>X%d</TxnID><VerToken>%s</VerToken><Amount>%s</Amount><Curr>INR</Curr>`+
		`<PayerAddr>customer@upi</PayerAddr><PayeeAddr>%s</PayeeAddr><Timestamp>2026-06-12T10:35:00Z</Timestamp></ReqPay>`, b.n, b.n, token, amount, payee))
}

func xmlField(answer, name string) string {
	if m := regexp.MustCompile("<" + name + ">([^<]*)</" + name + ">").FindStringSubmatch(answer); m != nil {
		return m[1]
	}
	return ""
}

// TestSettingsCount: a running controller keeps the settings and flags that it was
// started with.
func TestSettingsCount(t *testing.T) {
	t.Parallel()
	r := startController(t, func(s *serveCommand) {
		s.LimitINR, s.ExpiryMinutes, s.TimeoutSecs, s.TimeoutVPA = 500, 1, 1, "nofee@mercury"
		s.FXMarkup = 100
	})
	b := &bank{running: r, client: r.browser(nil)}
	if got := b.validate("500.01", "merchant@upi"); xmlField(got, "Status") != "X7" {
		t.Errorf("above the limit that is set: %s", got)
	}
	got := b.validate("500.00", "nofee@mercury")
	at, err := time.Parse(time.RFC3339, xmlField(got, "Ts"))
	must(t, err)
	end, err := time.Parse(time.RFC3339, xmlField(got, "ExpiresAt"))
	must(t, err)
	if end.Sub(at) != time.Minute {
		t.Errorf("a token lives %v, want the minute that is set", end.Sub(at))
	}
	// Held, over TLS as well.
	began := time.Now()
	if got := b.pay(xmlField(got, "VerToken"), "500.00", "nofee@mercury"); xmlField(got, "Result") != "TIMEOUT" || time.Since(began) < time.Second {
		t.Errorf("after %v: %s", time.Since(began), got)
	}
	got = b.validate("100.00", "gourmet@mercury")
	if got = b.pay(xmlField(got, "VerToken"), "100.00", "gourmet@mercury"); xmlField(got, "SettlementAmount") != "99.50" {
		t.Errorf("who does not time out here: %s", got)
	}
	abroad := strings.Replace(`<ReqValQr><MsgID>F1</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID><Curr>INR</Curr>`+
		`<Amount>1.00</Amount><Mcc>5411</Mcc><RefUrl>aW5pdGlhdGlvbl9tb2RlPTE2</RefUrl></ReqValQr>`, "INR", "USD", 1)
	if got = b.post("validate", abroad); xmlField(got, "Status") != "00" || xmlField(got, "BaseCurr") != "USD" || xmlField(got, "InrAmount") == "" {
		t.Errorf("by the sandbox's own rates: %s", got)
	}
}

// TestFeaturesOff: without dynamic_qr_timeout_enabled nobody times out.
func TestFeaturesOff(t *testing.T) {
	t.Parallel()
	r := startController(t, func(s *serveCommand) {
		s.Feature = map[string]bool{featureTimeout: false, featureAsync: false}
		s.Database = "sqlite:" + filepath.Join(t.TempDir(), "galla.db")
	})
	b := &bank{running: r, client: r.browser(nil)}
	got := b.validate("100.00", "gourmet@mercury")
	if got = b.pay(xmlField(got, "VerToken"), "100.00", "gourmet@mercury"); xmlField(got, "Status") != "00" || xmlField(got, "SettlementAmount") != "99.50" {
		t.Errorf("with the timeout off: %s", got)
	}
}
