package payapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/protocol/xverify"
)

// example is a good request of a route: its path, and its payload where it has
// one.
type example struct {
	path    string
	payload fields
}

// exampleOf makes one, with whatever must have happened before. Every route has
// one: a new route without fails the tests.
func (c *city) exampleOf(route payapi.Route) example {
	c.t.Helper()
	at := func(id string) string {
		return strings.NewReplacer(":merchantId", "MERCHANTUAT", ":id", id).Replace(route.Path)
	}
	own := fields{"merchantId": "MERCHANTUAT"}
	fresh := func(base fields) fields { return with(base, fields{"transactionId": c.fresh()}) }
	switch route.Method + " " + route.Path {
	case "POST /v1/payment/init":
		return example{route.Path, sample(fields{"merchantTransactionId": c.fresh()})}
	case "POST /v1/edc/transaction/init":
		return example{route.Path, with(fresh(edcSample), fields{"solutionType": nil})}
	case "GET /v1/payment/:merchantId/:id/status", "GET /v1/edc/transaction/:merchantId/:id/status",
		"POST /v1/edc/transaction/:merchantId/:id/status", "PUT /v1/payment/:merchantId/:id/cancel":
		return example{path: at(c.made(edcPath, edcSample, ""))}
	case "POST /v1/edc/transaction/status":
		return example{route.Path, with(own, fields{"terminalId": "testterminal1", "rrn": "632512004217"})}
	case "POST /v1/transactions/details", "POST /v3/qr/transaction/list":
		return example{route.Path, own}
	case "POST /v3/qr/init":
		return example{route.Path, fresh(qrSample)}
	case "POST /v3/charge":
		return example{route.Path, fresh(collectSample)}
	case "GET /v3/transaction/:merchantId/:id/status", "POST /v3/charge/:merchantId/:id/remind", "POST /v3/charge/:merchantId/:id/cancel":
		return example{path: at(c.made(collectPath, collectSample, ""))}
	case "GET /api/v1/dynamic-qr/:id", "GET /api/v1/dynamic-qr/:id/status":
		p, err := c.Storage.Payment(c.t.Context(), "MERCHANTUAT", c.made(qrPath, qrSample, ""))
		if err != nil {
			c.t.Fatal(err)
		}
		return example{path: at(p.ID)}
	case "POST /v3/credit/backToSource", "POST /v3/credit/backToSource/":
		return example{route.Path, with(fresh(refundSample), fields{"originalTransactionId": c.made(qrPath, qrSample, "", paid...)})}
	}
	c.t.Fatalf("%s %s has no example", route.Method, route.Path)
	return example{}
}

// request is the example as sent to prefix + path, signed over what signed says
// of its path.
func (e example) request(t testing.TB, route payapi.Route, prefix, key string, signed func(string) string) *http.Request {
	t.Helper()
	body, text := "", ""
	if route.Signs == payapi.SignsBody {
		text = encodedBody(t, e.payload)
		body = `{"request":"` + text + `"}`
	}
	r := httptest.NewRequest(route.Method, prefix+e.path, strings.NewReader(body))
	r.Header.Set("X-MERCHANT-ID", "MERCHANTUAT") // where the path does not say it
	r.Header.Set("X-VERIFY", xverify.Header(text, signed(strings.TrimSuffix(e.path, "/")), key, 1))
	return r
}

func asItIs(path string) string { return path }

// taken says that a route took its request: a refund is pending first.
func (a answer) taken() bool {
	return a.status == http.StatusOK && (a.Success || a.Code == "PAYMENT_PENDING")
}

// TestEveryRouteOnTheWire is phonepe-api: Wire rules, for every route: with and
// without the deployment prefix, which is not signed; JSON and a request id
// whatever the answer; one refusal for every wrong signature.
func TestEveryRouteOnTheWire(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	ids := map[string]bool{}
	send := func(name string, r *http.Request) answer {
		t.Helper()
		a := c.send(r)
		id := a.header.Get("X-Request-Id")
		if id == "" || ids[id] || a.header.Get("Content-Type") != "application/json; charset=utf-8" || a.Message == "" {
			t.Errorf("%s: request id %q, headers %v: %s", name, id, a.header, a.raw)
		}
		ids[id] = true
		return a
	}
	for _, route := range payapi.Routes() {
		name := route.Method + " " + route.Path
		for _, prefix := range []string{"", payapi.Prefix} {
			r := c.exampleOf(route).request(t, route, prefix, merchantKey, asItIs)
			r.Header.Set("X-CALLBACK-URL", "https://pos.example/callback") // also where it is of no account
			r.Header.Set("X-Whatever", "1")
			if a := send(name, r); !a.taken() {
				t.Errorf("%s under %q: %d %s", name, prefix, a.status, a.raw)
			}
		}
		provider := c.exampleOf(route).request(t, route, "", providerKey, asItIs)
		provider.Header.Set("x-provider-id", "MERCHANTPROVIDER")
		if a := send(name, provider); !a.taken() {
			t.Errorf("%s by the provider: %d %s", name, a.status, a.raw)
		}

		unauthorized := "UNAUTHORIZED"
		if strings.HasPrefix(route.Path, "/v3") {
			unauthorized = "AUTHORIZATION_FAILED"
		}
		e := c.exampleOf(route)
		wrong := map[string]*http.Request{
			"another key":          e.request(t, route, "", "sandbox-second-key", asItIs),
			"the prefix signed":    e.request(t, route, payapi.Prefix, merchantKey, func(p string) string { return payapi.Prefix + p }),
			"another path signed":  e.request(t, route, "", merchantKey, func(string) string { return "/v1/payment" }),
			"a provider not of it": e.request(t, route, "", "sandbox-second-provider-key", asItIs),
			"no X-VERIFY":          e.request(t, route, "", merchantKey, asItIs),
		}
		wrong["a provider not of it"].Header.Set("X-PROVIDER-ID", "SECONDPROVIDER")
		wrong["no X-VERIFY"].Header.Del("X-VERIFY")
		if strings.HasSuffix(route.Path, "/") {
			wrong["the slash signed"] = e.request(t, route, "", merchantKey, func(p string) string { return p + "/" })
		}
		for why, r := range wrong {
			a := send(name, r)
			debug, _ := a.Data["debug"].(map[string]any)
			if a.status != http.StatusUnauthorized || a.Code != unauthorized || a.Message != "checksum verification failed" || debug == nil {
				t.Errorf("%s, %s: %d %s", name, why, a.status, a.raw)
			}
		}

		if a := send(name, httptest.NewRequest("DELETE", e.path, nil)); a.status != http.StatusMethodNotAllowed || a.Code != "BAD_REQUEST" {
			t.Errorf("DELETE %s: %d %s", route.Path, a.status, a.raw)
		}
		large := e.request(t, route, "", merchantKey, asItIs)
		large.ContentLength, large.Body = 64<<10+1, http.NoBody
		if a := send(name, large); a.status != http.StatusRequestEntityTooLarge || a.Code != "BAD_REQUEST" {
			t.Errorf("%s of 64 KiB and a byte: %d %s", name, a.status, a.raw)
		}
		if strings.HasSuffix(route.Path, "/") {
			continue
		}
		if a := send(name, httptest.NewRequest(route.Method, e.path+"/nothing", nil)); a.status != http.StatusNotFound || a.Code != "BAD_REQUEST" {
			t.Errorf("%s/nothing: %d %s", route.Path, a.status, a.raw)
		}
	}
}

// TestAnyBody: where only the path is signed, a body is of no account: {} or
// nothing, as clients send them, or anything else (phonepe-api: Wire rules).
func TestAnyBody(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	for _, route := range payapi.Routes() {
		if route.Signs != payapi.SignsPath {
			continue
		}
		for _, body := range []string{
			"", "{}", "null", "[]", `{"request":""}`, `{"request":"e30="}`, `{"request":`, "\x00\xff", strings.Repeat("x", 64<<10),
		} {
			r := c.exampleOf(route).request(t, route, "", merchantKey, asItIs)
			r.Body, r.ContentLength = http.NoBody, 0
			if body != "" {
				r.Body, r.ContentLength = httptest.NewRequest("POST", "/", strings.NewReader(body)).Body, int64(len(body))
			}
			if a := c.send(r); !a.taken() {
				t.Errorf("%s %s with %.20q: %d %s", route.Method, route.Path, body, a.status, a.raw)
			}
		}
	}
}

// TestUnknownFields: a field that nobody knows is of no account at any depth,
// and null is as good as absent; what two parsers could read in two ways is
// refused at any depth (phonepe-api: Wire rules).
func TestUnknownFields(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	nested := func(depth int) any {
		var v any = []any{fields{"amount": "x", "merchantId": nil}}
		for range depth {
			v = fields{"request": v}
		}
		return v
	}
	for _, route := range payapi.Routes() {
		if route.Signs != payapi.SignsBody {
			continue
		}
		e := c.exampleOf(route)
		e.payload = with(e.payload, fields{"whatever": nested(12), "": 1, "a.b": nil, "amounts": 1.5, "x": 1e300})
		for _, optional := range []string{
			"amount", "size", "storeId", "terminalId", "expiresIn", "message", "subMerchantId", "email", "gstBreakup", "invoiceDetails",
			"startTimestamp", "endTimestamp", "searchAfter", "qrCodeId", "last4Digits", "providerReferenceId", "autoAccept",
			"timeAllowedForHandoverToTerminalSeconds", "shortOrderId", "rrn", "merchantTransactionId", "solutionType",
		} {
			if _, given := e.payload[optional]; !given {
				e.payload[optional] = nil
			}
		}
		if a := c.send(e.request(t, route, "", merchantKey, asItIs)); !a.taken() {
			t.Errorf("%s: %d %s", route.Path, a.status, a.raw)
		}
		for why, unclear := range map[string]string{
			"a key twice, deep":              `"whatever":[{"b":{"c":1,"c":1}}]`,
			"twice but for its case, deep":   `"whatever":{"b":[{"c":1,"C":2}]}`,
			"twice by another letter's case": `"whatever":{"ſ":1,"s":2}`,
			"too deep":                       `"whatever":` + strings.Repeat("[", 40) + strings.Repeat("]", 40),
			"merchantId again":               `"merchantId":"MERCHANTUAT"`,
			"MerchantID":                     `"MerchantID":"MERCHANTUAT"`,
			"a number that is none":          `"whatever":1.`,
		} {
			text := fmt.Sprintf(`{"merchantId":"MERCHANTUAT",%s}`, unclear)
			encoded := xverify.EncodeBody([]byte(text))
			r := httptest.NewRequest("POST", route.Path, strings.NewReader(`{"request":"`+encoded+`"}`))
			r.Header.Set("X-VERIFY", xverify.Header(encoded, strings.TrimSuffix(route.Path, "/"), merchantKey, 1))
			if a := c.send(r); a.status != http.StatusBadRequest || a.Code != "BAD_REQUEST" || !strings.Contains(a.Message, "request") {
				t.Errorf("%s with %s: %d %s", route.Path, why, a.status, a.raw)
			}
		}
	}
}
