package payapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol/upiuri"
	"github.com/galla-pay/galla/protocol/xverify"
)

// TestInitCodes is the code table of phonepe-api: Payment init, for a DQR
// display. Each row is the sample with one thing changed.
func TestInitCodes(t *testing.T) {
	long := strings.Repeat("x", 40)
	set := func(k string, v any) map[string]any { return map[string]any{k: v} }
	for _, tt := range []struct {
		name   string
		change map[string]any
		status int
		code   string
	}{
		{"the sample", nil, 200, "SUCCESS"},
		{"alias DQR", set("solutionType", "DQR"), 200, "SUCCESS"},
		{"transactionId for merchantTransactionId", map[string]any{"merchantTransactionId": nil, "transactionId": "T1"}, 200, "SUCCESS"},
		{"amount as a string", set("amount", "100"), 200, "SUCCESS"},
		{"expiresIn as a string", set("expiresIn", "60"), 200, "SUCCESS"},
		{"no expiresIn", set("expiresIn", nil), 200, "SUCCESS"},
		{"expiresIn above 1800 is held to it", set("expiresIn", 86400), 200, "SUCCESS"},
		{"EDC's fields are ignored", map[string]any{"shortOrderId": "x", "paymentModes": []string{}, "autoAccept": true}, 200, "SUCCESS"},
		{"unknown fields are ignored", set("whatever", map[string]any{"a": []int{1}}), 200, "SUCCESS"},
		{"8000 rupees", set("amount", 800_000), 200, "SUCCESS"},
		{"hyphens in ids", map[string]any{"merchantTransactionId": "T-1_x", "orderId": "O-1"}, 200, "SUCCESS"},

		{"no store", set("storeId", nil), 400, "INVALID_STORE_ID"},
		{"unknown store", set("storeId", "nowhere"), 400, "INVALID_STORE_ID"},
		{"store is not a string", set("storeId", 7), 400, "INVALID_STORE_ID"},
		{"another merchant's store", set("storeId", "secondstore"), 400, "INVALID_STORE_ID"},
		{"no terminal", set("terminalId", nil), 400, "INVALID_TERMINAL_ID"},
		{"unknown terminal", set("terminalId", "nothing"), 400, "INVALID_TERMINAL_ID"},
		{"terminal of another store", set("terminalId", "MST2603301758302811969831"), 400, "INVALID_TERMINAL_ID"},
		{"no transaction id", set("merchantTransactionId", nil), 400, "INVALID_TRANSACTION_ID"},
		{"transaction id of 40 characters", set("merchantTransactionId", long), 400, "INVALID_TRANSACTION_ID"},
		{"transaction id of 39 characters", set("merchantTransactionId", long[:39]), 200, "SUCCESS"},
		{"transaction id with a space", set("merchantTransactionId", "TXN 1"), 400, "INVALID_TRANSACTION_ID"},
		{"transaction id with a slash", set("merchantTransactionId", "TXN/1"), 400, "INVALID_TRANSACTION_ID"},
		{"no order id", set("orderId", nil), 400, "BAD_REQUEST"},
		{"no solution", set("solutionType", nil), 400, "BAD_REQUEST"},
		{"another solution", set("solutionType", "POSTCARD"), 400, "BAD_REQUEST"},
		{"no solution but a mapping means EDC", map[string]any{"solutionType": nil, "integrationMappingType": "PAIR"}, 400, "INVALID_INTEGRATION_MAPPING_TYPE"},
		{"no amount", set("amount", nil), 400, "INVALID_AMOUNT"},
		{"amount 0", set("amount", 0), 400, "INVALID_AMOUNT"},
		{"amount below a rupee", set("amount", 99), 400, "INVALID_AMOUNT"},
		{"amount above 8000 rupees", set("amount", 800_001), 400, "INVALID_AMOUNT"},
		{"negative amount", set("amount", -100), 400, "INVALID_AMOUNT"},
		{"amount with a fraction", set("amount", 100.5), 400, "BAD_REQUEST"},
		{"amount with an exponent", set("amount", "1e3"), 400, "BAD_REQUEST"},
		{"amount that is no number", set("amount", "hundred"), 400, "BAD_REQUEST"},
		{"amount beyond 64 bits", set("amount", "99999999999999999999"), 400, "BAD_REQUEST"},
		{"expiresIn 0", set("expiresIn", 0), 400, "BAD_REQUEST"},
		{"expiresIn negative", set("expiresIn", -1), 400, "BAD_REQUEST"},
		{"unknown merchant", set("merchantId", "NOBODY"), 401, "UNAUTHORIZED"},
		{"no merchant", set("merchantId", nil), 401, "UNAUTHORIZED"},
		{"another merchant, signed by this one", set("merchantId", "MERCHANTTWO"), 401, "UNAUTHORIZED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newDoor(t).init(tt.change)
			if a.status != tt.status || a.Code != tt.code || a.Success != (tt.code == "SUCCESS") || a.Message == "" {
				t.Fatalf("got %d %s, want %d %s: %s", a.status, a.Code, tt.status, tt.code, a.raw)
			}
			if a.header.Get("X-Request-Id") == "" || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
				t.Errorf("headers: %v", a.header)
			}
		})
	}
}

// TestInitCodesOfState: what depends on the merchant's and terminal's state.
func TestInitCodesOfState(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*merchant.Data)
		status int
		code   string
	}{
		{"merchant disabled", func(d *merchant.Data) { d.Merchants[0].Active = false }, 400, "INVALID_MERCHANT_ID"},
		{"store inactive", func(d *merchant.Data) { d.Stores[0].Active = false }, 400, "INVALID_STORE_ID"},
		{"terminal inactive", func(d *merchant.Data) { d.Terminals[0].Active = false }, 400, "INVALID_TERMINAL_ID"},
		{"terminal standalone", func(d *merchant.Data) { d.Terminals[0].Integrated = false }, 403, "INTEGRATEDMODE_NOT_ENABLED_ON_TERMINAL"},
		{"DQR not enabled", func(d *merchant.Data) { d.Merchants[0].DQR = false }, 403, "SOLUTION_NOT_ENABLED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if a := newDoor(t, tt.change).init(nil); a.status != tt.status || a.Code != tt.code {
				t.Fatalf("got %d %s: %s", a.status, a.Code, a.raw)
			}
		})
	}
}

// TestDocumentedAnswers: the three answers that the documents print, to the
// letter.
func TestDocumentedAnswers(t *testing.T) {
	d := newDoor(t)
	for _, tt := range []struct {
		name   string
		r      *http.Request
		status int
		body   string
	}{
		{"success", signed(t, sample(map[string]any{"merchantTransactionId": "test_transaction1", "amount": 200})), 200,
			`{"success":true,"code":"SUCCESS","message":"Your request has been successfully completed.","data":{"amount":200,"merchantId":"MERCHANTUAT","transactionId":"test_transaction1"}}`},
		{"duplicate", signed(t, sample(map[string]any{"merchantTransactionId": "test_transaction1"})), 409,
			`{"success":false,"code":"DUPLICATE_TRANSACTION_ID","message":"The transaction id you have entered seems to be invalid. [message = Duplicate transaction id]"}`},
	} {
		if a := d.send(tt.r); a.status != tt.status || a.raw != tt.body {
			t.Errorf("%s: %d %s", tt.name, a.status, a.raw)
		}
	}
	r := signed(t, sample(nil))
	r.Header.Set("X-VERIFY", strings.Repeat("0", 64)+"###1")
	if a := d.send(r); a.status != 401 || !strings.HasPrefix(a.raw, `{"success":false,"code":"UNAUTHORIZED","message":"checksum verification failed","data":`) {
		t.Errorf("unauthorized: %d %s", a.status, a.raw)
	}
}

// TestLink: the QR's link is ours, for this amount, and names this payment.
func TestLink(t *testing.T) {
	d := newDoor(t)
	if a := d.init(nil); a.Code != "SUCCESS" {
		t.Fatal(a.raw)
	}
	p, err := d.DB.Payment(t.Context(), "MERCHANTUAT", "TXN0015985")
	if err != nil {
		t.Fatal(err)
	}
	link, err := upiuri.Verify(p.QR, &d.LinkKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if link.TR != p.ID || link.AM != 100 || link.PA != "merchant@upi" || link.Mode != "16" || link.MC != "5411" ||
		link.QRexpire.Sub(link.QRts).Seconds() != 180 || len(p.QR) > 287 {
		t.Errorf("%+v (%d bytes)", link, len(p.QR))
	}
}

// TestCallbackHeaders: X-CALLBACK-URL wins over the registered one, and is
// judged by its form alone.
func TestCallbackHeaders(t *testing.T) {
	d := newDoor(t, func(data *merchant.Data) { data.Merchants[0].CallbackURL = "https://registered.example/" })
	for i, tt := range []struct {
		url, mode string
		code      string
		wantURL   string
		wantMode  string
	}{
		{"", "", "SUCCESS", "https://registered.example/", "POST"},
		{"http://www.google.dom", "", "SUCCESS", "http://www.google.dom", "POST"},
		{"https://pos.example/x", "put", "SUCCESS", "https://pos.example/x", "PUT"},
		{"not a url", "", "BAD_REQUEST", "", ""},
		{"https://pos.example/x", "DELETE", "BAD_REQUEST", "", ""},
	} {
		id := "CB" + string(rune('0'+i))
		r := signed(t, sample(map[string]any{"merchantTransactionId": id}))
		r.Header.Set("X-CALLBACK-URL", tt.url)
		r.Header.Set("X-CALL-MODE", tt.mode)
		a := d.send(r)
		if a.Code != tt.code {
			t.Errorf("%q %q: %s", tt.url, tt.mode, a.raw)
			continue
		}
		p, err := d.DB.Payment(t.Context(), "MERCHANTUAT", id)
		if tt.code != "SUCCESS" {
			if err == nil {
				t.Errorf("%q left a payment", tt.url)
			}
			continue
		}
		if err != nil || p.CallbackURL != tt.wantURL || p.CallbackMode != tt.wantMode {
			t.Errorf("%q %q: %s %s %v", tt.url, tt.mode, p.CallbackMode, p.CallbackURL, err)
		}
	}
}

// TestProvider: the provider's key signs for its merchants and for no other.
func TestProvider(t *testing.T) {
	d := newDoor(t)
	request := func(id, provider, key string, change map[string]any) *http.Request {
		p := sample(map[string]any{"merchantTransactionId": id})
		for k, v := range change {
			p[k] = v
		}
		r := signed(t, p)
		encoded := encodedBody(t, p)
		r.Header.Set("X-PROVIDER-ID", provider)
		r.Header.Set("X-VERIFY", xverify.Header(encoded, initPath, key, 1))
		return r
	}
	if a := d.send(request("P1", "MERCHANTPROVIDER", providerKey, nil)); a.Code != "SUCCESS" {
		t.Errorf("provider of the merchant: %s", a.raw)
	}
	p, err := d.DB.Payment(t.Context(), "MERCHANTUAT", "P1")
	if err != nil || p.Signer != "MERCHANTPROVIDER" || p.SignerIndex != "1" {
		t.Errorf("the callback would be signed by %s %s: %v", p.Signer, p.SignerIndex, err)
	}
	for name, r := range map[string]*http.Request{
		"a merchant that is not mapped": request("P2", "SECONDPROVIDER", "sandbox-second-provider-key", nil),
		"the merchant's own key":        request("P3", "MERCHANTPROVIDER", merchantKey, nil),
		"an unknown provider":           request("P4", "NOBODY", providerKey, nil),
		"another merchant's id":         request("P5", "MERCHANTPROVIDER", providerKey, map[string]any{"merchantId": "MERCHANTTWO"}),
	} {
		if a := d.send(r); a.status != 401 || a.Code != "UNAUTHORIZED" {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
}
