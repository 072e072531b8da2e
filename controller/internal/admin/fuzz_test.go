package admin_test

import (
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/strictjson/strictjsontest"
)

// bodied are the routes that take a body.
func bodied() []admin.Route {
	return slices.DeleteFunc(admin.Routes(), func(r admin.Route) bool { return r.Body == nil })
}

// bodies are what the fuzz targets begin with: for each route's type something
// that it takes, and what two readers could read in two ways.
var bodies = []string{
	`{}`, `{"merchantId":"SHOP9","name":"Nine","mcc":"5411","payee":"shop9@upi","dqr":true,"feeBasisPoints":5,"callbackHosts":["a.example"]}`,
	`{"name":"Renamed","dqr":false,"callbackHosts":[]}`, `{"merchantId":"SHOP1","storeId":"STORE9","name":"N"}`, `{"name":"N"}`,
	`{"merchantId":"SHOP1","storeId":"STORE1","terminalId":"T9","paymentWindowSeconds":60,"busy":"queue","standalone":true}`,
	`{"paymentWindowSeconds":1800,"busy":""}`, `{"vpa":"x@upi","merchantId":"SHOP1","feeBasisPoints":10000}`, `{"feeBasisPoints":0}`,
	`{"providerId":"V9","merchants":["SHOP1"]}`, `{"organisationId":"BANK9","unsigned":true,"certificates":["x"]}`, `{"certificate":"x"}`,
	`{"defaultPayee":"a@upi"}`, `{"owner":"SHOP1","index":5,"notBefore":"2027-01-01T00:00:00Z"}`, `{"overlapSeconds":0}`,
	`{"name":"x","role":"viewer"}`, `{"since":"2026-11-21T12:00:00Z","state":"all"}`, `{"force":true}`,
	`{"paid":true,"reference":"426712345678","source":"desk","note":"n"}`,
	`{"name":"A","NAME":"B"}`, `{"\u006eame":"A"}`, `{"name":"A","\u006eame":"B"}`, `{"name":null}`, `{"force":1}`, `{"index":-0}`, `{"index":1e2}`,
	`{"index":9223372036854775808}`, `{"name":"\ud800"}`, "{\"name\":\"\xff\"}", `{"name":"A"}{}`, `{"merchants":[null]}`, `{"-":"x"}`, `{"secret":"x"}`,
	`{"\u017fource":"x","source":"y"}`, "\ufeff{}", `{"name":"A",}`, `null`, ``, strings.Repeat(`{"name":`, 9) + "1" + strings.Repeat("}", 9),
}

// FuzzDecode: two readers, one meaning (failure matrix T11). Whatever the bytes
// and the body's type, the door takes a body if and only if the second reader
// does, and reads the same.
func FuzzDecode(f *testing.F) {
	for _, text := range bodies {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, route := range bodied() {
			body := reflect.TypeOf(route.Body)
			ours := reflect.New(body)
			err := admin.Decode(text, ours.Interface())
			theirs := expected(text, body)
			if (err == nil) != (theirs != nil) {
				t.Fatalf("%s: ours says %v, the second reader %v", body, err, theirs)
			}
			if err == nil && !reflect.DeepEqual(ours.Elem().Interface(), theirs) {
				t.Fatalf("%s is read as %+v, by the second reader as %+v", body, ours.Elem().Interface(), theirs)
			}
		}
	})
}

// FuzzBodies is every route that takes a body, over a real database. Whatever
// comes, the answer is one of the vocabulary; what the second reader refuses is
// refused, and what is refused leaves no line in the audit log.
func FuzzBodies(f *testing.F) {
	routes := bodied()
	for n, text := range bodies {
		f.Add(uint8(n), []byte(text))
		for i, route := range routes { // what a route can read, to it
			if expected([]byte(text), reflect.TypeOf(route.Body)) != nil {
				f.Add(uint8(i), []byte(text))
			}
		}
	}
	base := newDoor(f, openSQLite(f))
	base.shop()
	statuses := map[int]bool{}
	for _, c := range admin.Codes() {
		statuses[c.HTTPStatus] = c.HTTPStatus < 500
	}
	f.Fuzz(func(t *testing.T, which uint8, text []byte) {
		d := *base
		d.t = t
		route := routes[int(which)%len(routes)]
		last := d.last()
		r := httptest.NewRequest(route.Method, strings.ReplaceAll(fill(route.Path), "{id}", "pay1"), strings.NewReader(string(text)))
		r.Header.Set("Authorization", "Bearer "+d.tokens[admin.RoleAdmin])
		a := d.send(r)
		if a.status == route.Status {
			if expected(text, reflect.TypeOf(route.Body)) == nil && len(text) > 0 {
				t.Fatalf("%s %s took what the second reader refuses", route.Method, route.Path)
			}
			return
		}
		o, _, ok := strictjsontest.Read([]byte(a.raw))
		if !ok || !statuses[a.status] || o["code"] == "" || o["detail"] == "" || a.header.Get("Content-Type") != "application/problem+json; charset=utf-8" {
			t.Fatalf("%s %s: %d %s", route.Method, route.Path, a.status, a.raw)
		}
		// What is somebody else's to refuse was written down before it was asked.
		outside := strings.HasPrefix(route.Path, admin.Prefix+"/payments") || strings.HasPrefix(route.Path, admin.Prefix+"/signing-keys")
		if now := d.last(); now != last && !(outside && a.status == 409 || a.status == 404 && outside) {
			t.Fatalf("%s %s: %d %s, and left a line", route.Method, route.Path, a.status, a.raw)
		}
	})
}

// last is the id of the newest line of the audit log.
func (d *door) last() int64 {
	d.t.Helper()
	page, err := d.service.Audit(d.t.Context(), admin.AuditQuery{Last: true, Limit: 1})
	if err != nil || len(page.Items) != 1 {
		d.t.Fatalf("%+v, %v", page, err)
	}
	return page.Items[0].ID
}
