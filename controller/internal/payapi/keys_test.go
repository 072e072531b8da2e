package payapi_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/protocol/xverify"
)

// TestRotation: several keys live side by side, each from its day to its day, a
// merchant's as a provider's; the callback is signed by the one that signed the
// init (phonepe-api: Wire rules).
func TestRotation(t *testing.T) {
	t.Parallel()
	ago, hence := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	d := newDoor(t, func(data *merchant.Data) {
		for _, owner := range []string{"MERCHANTUAT", "MERCHANTPROVIDER"} {
			data.SaltKeys = append(data.SaltKeys,
				merchant.SaltKey{Owner: owner, Index: "2", Secret: "the next", NotBefore: ago},
				merchant.SaltKey{Owner: owner, Index: "3", Secret: "the last", NotAfter: hence},
				merchant.SaltKey{Owner: owner, Index: "4", Secret: "the coming", NotBefore: hence},
				merchant.SaltKey{Owner: owner, Index: "5", Secret: "the old", NotBefore: ago.Add(-time.Hour), NotAfter: ago},
				merchant.SaltKey{Owner: owner, Index: "12", Secret: "the twelfth"},
			)
		}
	})
	n := 0
	for _, tt := range []struct {
		key   string
		index int
		good  bool
	}{
		{"the next", 2, true}, {"the last", 3, true}, {"the twelfth", 12, true},
		{"the coming", 4, false}, {"the old", 5, false}, {"the next", 3, false}, {"the last", 2, false}, {"the twelfth", 1, false},
		{"", 6, false}, {"a key that nobody has, so that the time is the same", 6, false},
	} {
		for _, provider := range []string{"", "MERCHANTPROVIDER"} {
			n++
			id := "ROT" + string(rune('A'+n))
			p := sample(fields{"merchantTransactionId": id})
			r := signed(t, p)
			r.Header.Set("X-VERIFY", xverify.Header(encodedBody(t, p), initPath, tt.key, tt.index))
			if provider != "" {
				r.Header.Set("X-PROVIDER-ID", provider)
			}
			if a := d.send(r); a.Success != tt.good || !tt.good && a.Code != "UNAUTHORIZED" {
				t.Errorf("%q as %d by %q: %s", tt.key, tt.index, provider, a.raw)
			}
			kept, err := d.DB.Payment(t.Context(), "MERCHANTUAT", id)
			if (err == nil) != tt.good {
				t.Errorf("%q as %d: kept %v", tt.key, tt.index, err)
			}
			signer := "MERCHANTUAT"
			if provider != "" {
				signer = provider
			}
			if _, index, _ := strings.Cut(xverify.Header("", "", "", tt.index), "###"); tt.good && (kept.Signer != signer || kept.SignerIndex != index) {
				t.Errorf("the callback would be signed by %s %s", kept.Signer, kept.SignerIndex)
			}
		}
	}
}

// TestDebug: in the sandbox a 401 tells the exact text that was hashed up to the
// key, and the index; elsewhere it tells nothing (phonepe-api: The sandbox).
func TestDebug(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	outside := newEngine(payapi.New(payapi.Config{
		Journal: d.Journal, Reader: d.DB, Directory: d.Directory, LinkKey: d.LinkKey, OrgID: "MER101", Log: d.Log,
	}))
	payload := encodedBody(t, sample(nil))
	statusPath := "/v3/transaction/MERCHANTUAT/T1/status"
	for _, tt := range []struct {
		name, method, path, text, header string
		signed, index                    string
		raw                              string
	}{
		{"a wrong key", "POST", initPath, payload, xverify.Header(payload, initPath, "wrong", 1), payload + initPath, "1",
			`{"success":false,"code":"UNAUTHORIZED","message":"checksum verification failed","data":null}`},
		{"an unknown index", "POST", initPath, payload, xverify.Header(payload, initPath, merchantKey, 77), payload + initPath, "77",
			`{"success":false,"code":"UNAUTHORIZED","message":"checksum verification failed","data":null}`},
		{"without payload", "GET", statusPath, "", xverify.Header("", statusPath, "wrong", 1), statusPath, "1",
			`{"success":false,"code":"AUTHORIZATION_FAILED","message":"checksum verification failed","data":null}`},
		{"a header that is none", "GET", statusPath, "", "abc###1", statusPath, "0",
			`{"success":false,"code":"AUTHORIZATION_FAILED","message":"checksum verification failed","data":null}`},
	} {
		req := httptest.NewRequest(tt.method, payapi.Prefix+tt.path, strings.NewReader(`{"request":"`+tt.text+`"}`))
		req.Header.Set("X-VERIFY", tt.header)
		a := d.send(req)
		debug, _ := a.Data["debug"].(map[string]any)
		sum, _, _ := strings.Cut(tt.header, "###")
		if a.status != 401 || debug["signedString"] != tt.signed || debug["saltIndex"] != tt.index {
			t.Errorf("%s: %d %s", tt.name, a.status, a.raw)
		}
		for _, secret := range []string{merchantKey, providerKey, sum, xverify.Sum(tt.text, tt.path, merchantKey)} {
			if strings.Contains(a.raw, secret) {
				t.Errorf("%s tells %q: %s", tt.name, secret, a.raw)
			}
		}
		req = httptest.NewRequest(tt.method, tt.path, strings.NewReader(`{"request":"`+tt.text+`"}`))
		req.Header.Set("X-VERIFY", tt.header)
		w := httptest.NewRecorder()
		outside.ServeHTTP(w, req)
		if w.Code != 401 || w.Body.String() != tt.raw {
			t.Errorf("%s, outside the sandbox: %d %s", tt.name, w.Code, w.Body)
		}
	}
}

// TestCallbackOfEveryInit: X-CALLBACK-URL and X-CALL-MODE count on every route
// that begins something, and a bad one begins nothing. Outside the sandbox only
// https to a registered host will do (phonepe-api: Callback).
func TestCallbackOfEveryInit(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoor(t, func(data *merchant.Data) { data.Merchants[0].CallbackHosts = []string{"pos.example"} })}
	outside := newEngine(payapi.New(payapi.Config{
		Journal: c.Journal, Reader: c.DB, Directory: c.Directory, LinkKey: c.LinkKey, OrgID: "MER101", Log: c.Log,
	}))
	begins := 0
	for _, route := range payapi.Routes() {
		e := c.exampleOf(route)
		id, _ := e.payload["transactionId"].(string)
		if own, ok := e.payload["merchantTransactionId"].(string); ok {
			id = own
		}
		if id == "" {
			continue
		}
		begins++
		for _, tt := range []struct {
			url, mode string
			sandbox   bool
			wrong     string
		}{
			{"http://127.0.0.1:1/x", "", false, "X-CALLBACK-URL"}, {"https://other.example/x", "", false, "X-CALLBACK-URL"},
			{"https://pos.example:8443/x", "", false, "X-CALLBACK-URL"}, {"ftp://pos.example/x", "", true, "X-CALLBACK-URL"},
			{"https://user@pos.example/x", "", true, "X-CALLBACK-URL"}, {"https://pos.example/x", "GET", false, "X-CALL-MODE"},
			{"https://pos.example/x", "Put", false, ""},
		} {
			r := e.request(t, route, "", merchantKey, asItIs)
			r.Header.Set("X-CALLBACK-URL", tt.url)
			r.Header.Set("X-CALL-MODE", tt.mode)
			w, handler := httptest.NewRecorder(), outside
			if tt.sandbox {
				handler = c.handler
			}
			handler.ServeHTTP(w, r)
			var a answer
			if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
				t.Fatal(err)
			}
			p, err := c.DB.Payment(t.Context(), "MERCHANTUAT", id)
			switch {
			case tt.wrong != "" && (w.Code != 400 || a.Code != "BAD_REQUEST" || !strings.HasPrefix(a.Message, tt.wrong) || err == nil):
				t.Errorf("%s to %s by %s: %d %s; kept: %v", route.Path, tt.url, tt.mode, w.Code, w.Body, err)
			case tt.wrong == "" && (err != nil || p.CallbackURL != tt.url || p.CallbackMode != "PUT"):
				t.Errorf("%s: would call %s by %s: %v %s", route.Path, p.CallbackURL, p.CallbackMode, err, w.Body)
			}
		}
	}
	if begins != 6 {
		t.Errorf("%d routes begin something", begins)
	}
}
