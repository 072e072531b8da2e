package payapi_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol/xverify"
)

func encodedBody(t testing.TB, payload any) string {
	t.Helper()
	b, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	return xverify.EncodeBody(b)
}

// post sends a body as it stands, signed over what stands in request.
func post(body, signedText string) *http.Request {
	r := httptest.NewRequest("POST", initPath, strings.NewReader(body))
	r.Header.Set("X-VERIFY", xverify.Header(signedText, initPath, merchantKey, 1))
	return r
}

// TestBodyShape is phonepe-api: Wire rules on the body. Nothing that two
// parsers could read in two ways is accepted, and nothing of it is kept.
func TestBodyShape(t *testing.T) {
	d := newDoor(t)
	good := encodedBody(t, sample(nil))
	payload := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	inner, err := json.Marshal(sample(nil))
	if err != nil {
		t.Fatal(err)
	}
	with := func(extra string) string { return payload(strings.TrimSuffix(string(inner), "}") + "," + extra + "}") }
	for _, tt := range []struct {
		name, request string
		body          string // "" means the ordinary envelope around request
		status        int
	}{
		{"not JSON", "", `hello`, 400},
		{"an array", "", `["` + good + `"]`, 400},
		{"no request", "", `{"requests":"` + good + `"}`, 400},
		{"request is a number", "", `{"request":1}`, 400},
		{"a second value", "", `{"request":"` + good + `"}{"request":"x"}`, 400},
		{"request twice", "", `{"request":"` + good + `","request":"` + good + `"}`, 400},
		{"request and Request", "", `{"request":"` + good + `","Request":"` + good + `"}`, 400},
		{"not base64", "***", "", 400},
		{"base64 with a newline", good[:8] + `\n` + good[8:], "", 400},
		{"dirty trailing bits", strings.Replace(payload(`{"a":1}`), "fQ==", "fR==", 1), "", 400},
		{"payload is not JSON", payload("hello"), "", 400},
		{"payload is null", payload("null"), "", 400},
		{"payload is not UTF-8", payload("{\"orderId\":\"\xff\"}"), "", 400},
		{"a key twice", with(`"amount":1`), "", 400},
		{"a key twice but for its case", with(`"AMOUNT":1`), "", 400},
		{"a key that a lax parser takes for storeId", with(`"\u017ftoreId":"x"`), "", 400},
		{"two payloads", payload(string(inner) + string(inner)), "", 400},
		{"nested too deep", with(`"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40)), "", 400},
		{"64 KiB and a byte", strings.Repeat("A", 64<<10), "", 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := tt.body
			if body == "" {
				body = `{"request":"` + tt.request + `"}`
			}
			a := d.send(post(body, tt.request))
			if a.status != tt.status || a.Code != "BAD_REQUEST" || a.Success {
				t.Fatalf("%d %s", a.status, a.raw)
			}
		})
	}
	if _, err := d.DB.Payment(t.Context(), "MERCHANTUAT", "TXN0015985"); err == nil {
		t.Fatal("a refused request left a payment")
	}
}

// TestTolerances: what real clients send (phonepe-api: Wire rules).
func TestTolerances(t *testing.T) {
	d := newDoor(t)
	n := 0
	next := func() map[string]any {
		n++
		return sample(map[string]any{"merchantTransactionId": "TOL" + string(rune('a'+n))})
	}
	for name, change := range map[string]func(r *http.Request, encoded string) *http.Request{
		"upper-case hex": func(r *http.Request, _ string) *http.Request {
			sum, index, _ := strings.Cut(r.Header.Get("X-VERIFY"), "###")
			r.Header.Set("X-VERIFY", strings.ToUpper(sum)+"###"+index)
			return r
		},
		"header names in any case, and more headers": func(r *http.Request, _ string) *http.Request {
			r.Header["x-verify"] = r.Header["X-Verify"]
			r.Header.Set("accept", "application/json")
			return r
		},
		"under the deployment prefix": func(r *http.Request, encoded string) *http.Request {
			p := post(`{"request":"`+encoded+`"}`, encoded)
			p.URL.Path = "/enterprise-sandbox" + initPath
			return p
		},
	} {
		p := next()
		r := signed(t, p)
		if a := d.send(change(r, encodedBody(t, p))); a.Code != "SUCCESS" {
			t.Errorf("%s: %s", name, a.raw)
		}
	}
	raw, err := json.Marshal(next())
	if err != nil {
		t.Fatal(err)
	}
	urlSafe := base64.URLEncoding.EncodeToString(raw)
	if a := d.send(post(`{"request":"`+urlSafe+`"}`, urlSafe)); a.Code != "SUCCESS" {
		t.Errorf("URL-safe base64: %s", a.raw)
	}
}

// TestUnauthorizedIsOne: an unknown merchant, an unknown index, a bad hash and
// a bad header get one and the same answer.
func TestUnauthorizedIsOne(t *testing.T) {
	d := newDoor(t)
	seen := map[string]bool{}
	for name, verify := range map[string]func(encoded string) string{
		"bad hash":                func(string) string { return strings.Repeat("ab", 32) + "###1" },
		"unknown index":           func(e string) string { return xverify.Header(e, initPath, merchantKey, 9) },
		"another key":             func(e string) string { return xverify.Header(e, initPath, "sandbox-second-key", 1) },
		"another path":            func(e string) string { return xverify.Header(e, "/v1/payment", merchantKey, 1) },
		"no header":               func(string) string { return "" },
		"no index":                func(e string) string { return xverify.Sum(e, initPath, merchantKey) },
		"signed without the path": func(e string) string { return xverify.Header(e, "", merchantKey, 1) },
	} {
		r := signed(t, sample(nil))
		r.Header.Set("X-VERIFY", verify(encodedBody(t, sample(nil))))
		a := d.send(r)
		if a.status != 401 || a.Code != "UNAUTHORIZED" {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
		seen[a.Code+a.Message] = true
		// The sandbox says what was hashed up to the key, never the key.
		debug, _ := a.Data["debug"].(map[string]any)
		if text, _ := debug["signedString"].(string); !strings.HasSuffix(text, initPath) || strings.Contains(a.raw, merchantKey) {
			t.Errorf("%s: debug %v", name, debug)
		}
	}
	if len(seen) != 1 {
		t.Errorf("refusals differ: %v", seen)
	}
}

// TestUnknownRoutes are answered in the API's own form.
func TestUnknownRoutes(t *testing.T) {
	d := newDoor(t)
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/v1/payment/init", 405}, {"POST", "/v1/payment/init/", 404}, {"GET", "/", 404}, {"GET", "/v1//payment/init", 404},
		{"DELETE", "/v1/payment/M/T/status", 405},
	} {
		a := d.send(httptest.NewRequest(tt.method, tt.path, nil))
		if a.status != tt.status || a.Code != "BAD_REQUEST" || a.header.Get("Location") != "" {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, a.status, a.raw)
		}
	}
}
