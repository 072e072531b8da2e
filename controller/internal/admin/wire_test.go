package admin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
)

// TestCodes: no two rows share a code, or a status and a meaning.
func TestCodes(t *testing.T) {
	t.Parallel()
	codes, meanings := map[admin.Code]bool{}, map[string]bool{}
	for _, r := range admin.Codes() {
		if codes[r.Code] || meanings[r.Meaning] || r.Meaning == "" || http.StatusText(r.HTTPStatus) == "" {
			t.Errorf("row %+v", r)
		}
		codes[r.Code], meanings[r.Meaning] = true, true
	}
}

// broken is a storage that fails as it is told to.
type broken struct {
	admin.Store
	err error
}

func (b broken) MerchantPage(ctx context.Context, p record.Page) ([]merchant.Merchant, error) {
	if b.err != nil {
		return nil, b.err
	}
	return b.Store.MerchantPage(ctx, p)
}

// TestEveryCode: one request for every code of the vocabulary, and for every
// thing that can be wrong with a request before its own rules are looked at. A
// code without a row fails.
func TestEveryCode(t *testing.T) {
	t.Parallel()
	d := newDoor(t, openSQLite(t))
	d.shop()
	failing := func(err error) *door {
		f := *d
		other := newDoorOver(t, broken{d.db, err}, d.outside, d.log)
		f.handler = other
		return &f
	}
	const merchants = "/admin/v1/merchants"
	name := func(value string) string {
		return `{"merchantId":"SHOP9","name":` + value + `,"mcc":"5411","payee":"shop9@upi"}`
	}
	rows := []struct {
		what         string
		door         *door
		method, path string
		body         string
		status       int
		code, field  string
	}{
		{"not JSON", d, "POST", merchants, `name=x`, 400, "MALFORMED_REQUEST", ""},
		{"nothing", d, "POST", merchants, ``, 400, "MALFORMED_REQUEST", ""},
		{"a list", d, "POST", merchants, `[]`, 400, "MALFORMED_REQUEST", ""},
		{"null", d, "POST", merchants, `null`, 400, "MALFORMED_REQUEST", ""},
		{"two values", d, "POST", merchants, `{}{}`, 400, "MALFORMED_REQUEST", ""},
		{"bad UTF-8", d, "POST", merchants, name("\"\xff\""), 400, "MALFORMED_REQUEST", ""},
		{"a key twice", d, "POST", merchants, `{"name":"A","name":"B"}`, 400, "MALFORMED_REQUEST", ""},
		{"a key twice but for its case", d, "POST", merchants, `{"mcc":"5411","MCC":"5812"}`, 400, "MALFORMED_REQUEST", ""},
		{"a key twice inside", d, "POST", merchants, `{"name":{"a":1,"a":2}}`, 400, "MALFORMED_REQUEST", ""},
		{"too deep", d, "POST", merchants, strings.Repeat(`{"name":`, 20) + "1" + strings.Repeat("}", 20), 400, "MALFORMED_REQUEST", ""},
		{"an unknown key", d, "POST", merchants, `{"nmae":"A"}`, 422, "INVALID_FIELD", "nmae"},
		{"a key in another case", d, "POST", merchants, `{"Name":"A"}`, 422, "INVALID_FIELD", "Name"},
		{"null for a text", d, "POST", merchants, name("null"), 422, "INVALID_FIELD", "name"},
		{"a number for a text", d, "POST", merchants, name("5"), 422, "INVALID_FIELD", "name"},
		{"a text for a truth", d, "POST", merchants, `{"dqr":"true"}`, 422, "INVALID_FIELD", "dqr"},
		{"a fraction", d, "POST", merchants, `{"feeBasisPoints":1.0}`, 422, "INVALID_FIELD", "feeBasisPoints"},
		{"an exponent", d, "POST", merchants, `{"feeBasisPoints":1e2}`, 422, "INVALID_FIELD", "feeBasisPoints"},
		{"a number in quotes", d, "POST", merchants, `{"feeBasisPoints":"1"}`, 422, "INVALID_FIELD", "feeBasisPoints"},
		{"more than 64 bits", d, "POST", merchants, `{"feeBasisPoints":9223372036854775808}`, 422, "INVALID_FIELD", "feeBasisPoints"},
		{"null in a list", d, "POST", merchants, `{"callbackHosts":[null]}`, 422, "INVALID_FIELD", "callbackHosts"},
		{"a text for a list", d, "POST", merchants, `{"callbackHosts":"pos.example"}`, 422, "INVALID_FIELD", "callbackHosts"},
		{"half a surrogate", d, "POST", merchants, name(`"\ud800"`), 422, "INVALID_FIELD", "name"},
		{"a body where there is none", d, "POST", merchants + "/SHOP1/disable", `{"really":true}`, 422, "INVALID_FIELD", "really"},
		{"an unknown parameter", d, "GET", merchants + "?page=2", ``, 422, "INVALID_FIELD", "page"},
		{"a parameter twice", d, "GET", merchants + "?limit=2&limit=3", ``, 422, "INVALID_FIELD", "limit"},
		{"limit 0", d, "GET", merchants + "?limit=0", ``, 422, "INVALID_FIELD", "limit"},
		{"limit 201", d, "GET", merchants + "?limit=201", ``, 422, "INVALID_FIELD", "limit"},
		{"limit 1.", d, "GET", merchants + "?limit=1.", ``, 422, "INVALID_FIELD", "limit"},
		{"half a cursor", d, "GET", "/admin/v1/stores?after=SHOP1", ``, 422, "INVALID_FIELD", "after"},
		{"a store of no merchant", d, "GET", "/admin/v1/terminals?storeId=STORE1", ``, 422, "INVALID_FIELD", "merchantId"},
		{"a time that is none", d, "GET", "/admin/v1/audit?since=yesterday", ``, 422, "INVALID_FIELD", "since"},
		{"a callback cursor that is none", d, "GET", "/admin/v1/callbacks?after=x", ``, 422, "INVALID_FIELD", "after"},
		{"a callback state that is none", d, "GET", "/admin/v1/callbacks?state=lost", ``, 422, "INVALID_FIELD", "state"},
		{"a resend of all time", d, "POST", "/admin/v1/callbacks/resend", `{}`, 422, "INVALID_FIELD", "since"},
		{"a resend by no number", d, "POST", "/admin/v1/callbacks/resend", `{"since":5}`, 422, "INVALID_FIELD", "since"},
		{"paid, without a reference", d, "POST", "/admin/v1/payments/pay1/resolve", `{"paid":true,"source":"desk"}`, 422, "INVALID_FIELD", "reference"},
		{"on nobody's word", d, "POST", "/admin/v1/payments/pay1/resolve", `{"paid":false}`, 422, "INVALID_FIELD", "source"},

		{"no merchant", d, "GET", merchants + "/SHOP9", ``, 404, "NOT_FOUND", ""},
		{"an id that cannot be", d, "GET", merchants + "/" + strings.Repeat("A", 200), ``, 404, "NOT_FOUND", ""},
		{"a NUL byte", d, "GET", merchants + "/SHOP1%00", ``, 404, "NOT_FOUND", ""},
		{"no such path", d, "GET", "/admin/v1/merchant", ``, 404, "NOT_FOUND", ""},
		{"no such callback", d, "POST", "/admin/v1/callbacks/none/resend", ``, 404, "NOT_FOUND", ""},
		{"no such payment", d, "POST", "/admin/v1/payments/none/resolve", `{"paid":false,"source":"desk"}`, 404, "NOT_FOUND", ""},
		{"no such signing key", d, "POST", "/admin/v1/signing-keys/none/retire", ``, 404, "NOT_FOUND", ""},
		{"no such terminal to enrol", d, "POST", "/admin/v1/terminals/SHOP1/STORE1/T9/enrolment-code", ``, 404, "NOT_FOUND", ""},
		{"another method", d, "PUT", merchants, ``, 405, "METHOD_NOT_ALLOWED", ""},
		{"a merchant twice", d, "POST", merchants, strings.ReplaceAll(name(`"A"`), "SHOP9", "SHOP1"), 409, "ALREADY_EXISTS", ""},
		{"a callback without a URL", d, "POST", "/admin/v1/callbacks/event4/resend", ``, 409, "CONFLICT", ""},
		{"a payment that has ended", d, "POST", "/admin/v1/payments/pay0/resolve", `{"paid":false,"source":"desk"}`, 409, "CONFLICT", ""},
		{"the key that signs", d, "POST", "/admin/v1/signing-keys/online-1/retire", ``, 409, "CONFLICT", ""},
		{"more than 64 KiB", d, "POST", merchants, `{"name":"` + strings.Repeat("A", 64<<10) + `"}`, 413, "TOO_LARGE", ""},
		{"the database is locked", failing(journal.ErrLocked), "GET", merchants, ``, 503, "UNAVAILABLE", ""},
		{"the database is away", failing(fmt.Errorf("dial: %w", journal.ErrAway)), "GET", merchants, ``, 503, "UNAVAILABLE", ""},
		{"something else", failing(errors.New("the password is " + canary)), "GET", merchants, ``, 500, "INTERNAL_ERROR", ""},
	}
	seen := []string{"UNAUTHORIZED", "FORBIDDEN"} // TestEveryRouteByEveryRole
	lines := len(d.audit())
	for _, tt := range rows {
		a := tt.door.as(admin.RoleAdmin, tt.method, tt.path, tt.body)
		field, _ := a.body["field"].(string)
		if a.status != tt.status || a.code() != tt.code || field != tt.field {
			t.Errorf("%s: %d %s, want %d %s %s", tt.what, a.status, a.raw, tt.status, tt.code, tt.field)
		}
		if a.header.Get("Content-Type") != "application/problem+json; charset=utf-8" || a.body["title"] != http.StatusText(tt.status) ||
			a.body["type"] != "about:blank" || a.body["status"] != float64(tt.status) || a.body["detail"] == "" || a.body["requestId"] != "request-1" {
			t.Errorf("%s: the form: %v %s", tt.what, a.header, a.raw)
		}
		if (a.header.Get("Retry-After") != "") != (tt.status == 503) || strings.Contains(a.raw, canary) {
			t.Errorf("%s: %v %s", tt.what, a.header, a.raw)
		}
		seen = append(seen, tt.code)
	}
	for _, c := range admin.Codes() {
		if !slices.Contains(seen, string(c.Code)) {
			t.Errorf("%s has no row", c.Code)
		}
	}
	// What was refused by the other side was written down before it was asked.
	if n := len(d.audit()) - lines; n != 3 {
		t.Errorf("%d lines in the audit log, want those of a payment, a key that is not there and one that signs", n)
	}
}

// TestSlowAndBrokenBodies end in an answer, whatever the client says of their
// length.
func TestSlowAndBrokenBodies(t *testing.T) {
	t.Parallel()
	d := newDoor(t, openSQLite(t))
	for what, tt := range map[string]struct {
		body   io.Reader
		status int
	}{
		"endless":   {io.MultiReader(strings.NewReader(`{"name":"`), zeros{}), 413},
		"torn off":  {io.MultiReader(strings.NewReader(`{"name":"`), failingReader{}), 400},
		"cut short": {strings.NewReader(`{"name":"`), 400},
	} {
		r := httptest.NewRequest("POST", "/admin/v1/merchants", tt.body)
		r.ContentLength = -1
		r.Header.Set("Authorization", "Bearer "+d.tokens[admin.RoleAdmin])
		if a := d.send(r); a.status != tt.status {
			t.Errorf("%s: %d %s", what, a.status, a.raw)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// TestLists: pages of any length put together are the whole list, once each.
func TestLists(t *testing.T) {
	t.Parallel()
	d := newDoor(t, openSQLite(t))
	d.shop()
	for i := range 7 {
		d.want(201, "POST", "/payees", map[string]any{"vpa": fmt.Sprintf("p%d@upi", i), "merchantId": "SHOP1"})
		d.want(201, "POST", "/terminals", map[string]any{"merchantId": "SHOP1", "storeId": "STORE1", "terminalId": fmt.Sprint("X", i)})
		d.want(201, "POST", "/tokens", map[string]any{"name": fmt.Sprint("n", i), "role": "viewer"})
		d.want(201, "POST", "/providers", map[string]any{"providerId": fmt.Sprint("V", i)})
		if i < 6 {
			d.want(201, "POST", "/keys/SHOP1/rotate", nil)
		}
	}
	for path, want := range map[string]int{
		"/merchants": 1, "/stores": 1, "/stores?merchantId=SHOP1": 1, "/stores?merchantId=SHOP9": 0, "/terminals": 8, "/payees?merchantId=SHOP1": 8,
		"/terminals?merchantId=SHOP1&storeId=STORE1": 8, "/providers": 8, "/organisations": 1, "/keys": 7, "/keys?owner=SHOP1": 7, "/tokens": 10,
		"/callbacks": 5, "/callbacks?state=dead": 3, "/callbacks?since=2026-11-21T12:01:00Z&until=2026-11-21T12:03:00Z": 2, "/callbacks?paymentId=pay2": 1,
		"/payments?state=parked": 2, "/payments": 3, "/audit": len(d.audit()), "/audit?action=payee.create": 8, "/audit?actor=cli:tester": 3, "/signing-keys": 1,
	} {
		for limit := 1; limit <= 9; limit += 4 {
			seen := map[string]bool{}
			total, after := 0, ""
			for {
				query := fmt.Sprintf("%slimit=%d", map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")], limit)
				if path == "/signing-keys" {
					query = ""
				}
				if after != "" {
					query += "&after=" + after
				}
				page := d.want(200, "GET", path+query, nil)
				items := page.body["items"].([]any)
				for _, item := range items {
					seen[fmt.Sprint(item)] = true
				}
				total += len(items)
				next, more := page.body["next"].(string)
				if !more {
					break
				}
				if len(items) != limit || next == "" {
					t.Fatalf("%s: a page of %d with a next %q", path, len(items), next)
				}
				after = strings.ReplaceAll(next, "+", "%2B")
			}
			if total != want || len(seen) != want {
				t.Errorf("%s by %d: %d items, %d of them different, want %d", path, limit, total, len(seen), want)
			}
		}
	}
}

// newDoorOver is the API over another storage with the same tokens.
func newDoorOver(t *testing.T, s admin.Store, o *outside, log io.Writer) http.Handler {
	t.Helper()
	api, err := admin.New(admin.Config{
		Service: admin.NewService(s), Callbacks: o, Enrolment: o, SigningKeys: signingKeys{o}, Payments: payments{o}, Log: textLog(log),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := gin.New()
	r.ContextWithFallback = true
	r.Use(func(c *gin.Context) { c.Set("requestId", "request-1") })
	api.Register(r)
	return r
}

// TestNewWantsEverything: a door with a hole in it does not open.
func TestNewWantsEverything(t *testing.T) {
	t.Parallel()
	if _, err := admin.New(admin.Config{}); err == nil {
		t.Error("a door of nothing")
	}
}

// TestPanicsAreAnswered in the door's form.
func TestPanicsAreAnswered(t *testing.T) {
	t.Parallel()
	r := gin.New()
	r.Use(gin.CustomRecoveryWithWriter(nil, func(c *gin.Context, _ any) { admin.Recovered(c) }))
	r.GET("/admin/v1/x", func(*gin.Context) { panic(canary) })
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("GET", "/admin/v1/x", nil))
	if w.Code != 500 || !strings.Contains(w.Body.String(), "INTERNAL_ERROR") || strings.Contains(w.Body.String(), canary) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
