package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/apidoc"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

// TestOfficeIsDescribed: every question of the administration is answered in its
// form, about things that are there.
func TestOfficeIsDescribed(t *testing.T) {
	t.Parallel()
	s := newTeller(t)
	for _, e := range apidoc.Examples() { // so that there are payments, callbacks, changes
		s.take(e, s.ask(e))
	}
	fee := apidoc.Example{
		Name: "a fee", Route: "PUT /admin/v1/fees/{merchantId}/{mcc}", Path: "/admin/v1/fees/MERCHANTTWO/*", By: apidoc.ByAdmin,
		Body: `{"basisPoints":75,"minPaise":100,"capPaise":5000,"rounding":"half_even"}`,
	}
	set := s.ask(fee)
	if set.status != http.StatusOK {
		t.Fatalf("a fee is answered %d %s", set.status, set.body)
	}
	s.forms.request(t, fee)
	s.forms.answer(t, fee.Name, fee.Route, set)
	names := strings.NewReplacer("{merchantId}", "MERCHANTUAT", "{storeId}", "teststore1", "{terminalId}", "testterminal1", "{vpa}", "merchant@upi",
		"{providerId}", "MERCHANTPROVIDER", "{organisationId}", "MER101", "{owner}", "MERCHANTUAT", "{index}", "1", "{name}", "office")
	asked := 0
	for _, route := range admin.Routes() {
		if route.Method != http.MethodGet {
			continue
		}
		e := apidoc.Example{Route: "GET " + route.Path, Path: names.Replace(route.Path), By: apidoc.ByAdmin}
		if list, ofOne := strings.CutSuffix(e.Path, "/{id}"); ofOne {
			var page struct {
				Items []struct{ ID, EventID string }
			}
			must(t, json.Unmarshal(s.ask(apidoc.Example{Route: "GET " + list, By: apidoc.ByAdmin}).body, &page))
			if len(page.Items) == 0 {
				t.Fatalf("%s is empty", list)
			}
			e.Path = list + "/" + page.Items[0].ID + page.Items[0].EventID
		}
		a := s.ask(e)
		if a.status != http.StatusOK || bytes.Contains(a.body, []byte(`"items":[]`)) {
			t.Errorf("%s: %d %s", e.Path, a.status, a.body)
		}
		s.forms.answer(t, e.Path, e.Route, a)
		for _, query := range route.Query {
			bad := e
			bad.Path += "?" + query + "=" + strings.Repeat("%00", 3)
			refused := s.ask(bad)
			if refused.status >= 500 {
				t.Errorf("%s: %d", bad.Path, refused.status)
			}
			s.forms.answer(t, bad.Path, e.Route, refused)
		}
		asked++
	}
	if asked < 20 {
		t.Errorf("only %d questions", asked)
	}
}

// TestEnrolmentIsDescribed: a code that the administration made, and the answers to
// the device that brings it and to the one after.
func TestEnrolmentIsDescribed(t *testing.T) {
	t.Parallel()
	s := newTeller(t)
	const route = "POST /admin/v1/terminals/{merchantId}/{storeId}/{terminalId}/enrolment-code"
	a := s.ask(apidoc.Example{Route: route, Path: "/admin/v1/terminals/MERCHANTUAT/teststore1/testterminal1/enrolment-code", By: apidoc.ByAdmin})
	s.forms.answer(t, "the code", route, a)
	var made struct{ Code protocol.EnrolCode }
	must(t, json.Unmarshal(a.body, &made))
	for _, row := range []struct {
		device string
		want   int
	}{{"device", http.StatusOK}, {"another", http.StatusForbidden}} {
		request, err := protocol.NewEnrolCodeRequest(made.Code, protocoltest.Key(row.device))
		must(t, err)
		body, err := json.Marshal(request)
		must(t, err)
		e := apidoc.Example{Name: "enrolment of " + row.device, Route: "POST /device/v1/enrol", Body: string(body)}
		a := s.ask(e)
		if a.status != row.want {
			t.Errorf("%s is answered %d %s, want %d", row.device, a.status, a.body, row.want)
		}
		s.forms.request(t, e)
		s.forms.answer(t, e.Name, e.Route, a)
	}
}

// checkAsTold checks a callback as the page of callbacks tells how, by hand.
func (s *teller) checkAsTold(c sentCallback) {
	s.t.Helper()
	keys := s.ask(apidoc.Example{Route: "GET /v1/keys"})
	s.forms.answer(s.t, "keys", "GET /v1/keys", keys)
	var set struct {
		Keys []struct{ KID, X string }
	}
	must(s.t, json.Unmarshal(keys.body, &set))
	head, signature, detached := strings.Cut(c.header.Get("X-Galla-Signature"), "..")
	text, err := base64.RawURLEncoding.DecodeString(head)
	must(s.t, err)
	var said struct{ Alg, Typ, KID string }
	must(s.t, json.Unmarshal(text, &said))
	sum, err := base64.RawURLEncoding.DecodeString(signature)
	must(s.t, err)
	content := c.header.Get("X-Galla-Event-Id") + "." + c.header.Get("X-Galla-Timestamp") + "." + string(c.body)
	good := false
	for _, key := range set.Keys {
		public, err := base64.RawURLEncoding.DecodeString(key.X)
		must(s.t, err)
		signed := head + "." + base64.RawURLEncoding.EncodeToString([]byte(content))
		good = good || key.KID == said.KID && ed25519.Verify(public, []byte(signed), sum)
	}
	if !good || !detached || said.Alg != "EdDSA" || said.Typ != "galla-callback" {
		s.t.Errorf("the signature of a callback, %s by %s, does not verify as the pages say", text, keys.body)
	}
	var at int64
	must(s.t, json.Unmarshal([]byte(c.header.Get("X-Galla-Timestamp")), &at))
	if age := time.Since(time.UnixMilli(at)); age < -time.Minute || age > 5*time.Minute {
		s.t.Errorf("its timestamp is %s old", age)
	}
}
