package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/protocol/xverify"
)

// access is who may call a route.
type access struct {
	kind accessKind
	role admin.Role     // of an admin route
	sign payapi.Signing // of a merchant's route
}

type accessKind string

const (
	merchants accessKind = "merchants" // the merchant that is named, and its providers
	staff     accessKind = "staff"     // a token of the role, or of a greater one
	// message: what comes in the message says who sent it (a signature of the UPI
	// network, an enrolment code, the address of a sandbox terminal). Who else one
	// is makes no difference.
	message  accessKind = "message"
	everyone accessKind = "everyone"
)

// accesses is every route that the router has: the merchants' and the
// administration's by their own tables, the others here, by name.
func accesses() map[string]access {
	all := map[string]access{}
	for _, r := range payapi.Routes() {
		all[r.Method+" "+r.Path] = access{kind: merchants, sign: r.Signs}
	}
	all["GET /v1/events"] = access{kind: merchants, sign: payapi.SignsPath}
	colons := strings.NewReplacer("{", ":", "}", "")
	for _, r := range admin.Routes() {
		all[r.Method+" "+colons.Replace(r.Path)] = access{kind: staff, role: r.Role}
	}
	for _, route := range []string{
		"POST /api/v1/dynamic-qr/validate", "POST /api/v1/dynamic-qr/pay", "POST /api/v1/dynamic-qr/check",
		"POST /api/v1/collect/result",
		"POST /device/v1/enrol", "POST /device/v1/sandbox-enrol",
	} {
		all[route] = access{kind: message}
	}
	for _, route := range []string{
		"GET /healthz", "GET /readyz", "GET /metrics", "GET /v1/keys", "GET /api/v1/dynamic-qr/certificate",
		"GET /openapi.json", "GET /asyncapi.json", "GET /docs", "GET /docs/*page",
	} {
		all[route] = access{kind: everyone}
	}
	return all
}

// identity is somebody who calls.
type identity struct {
	name     string
	provider string // X-PROVIDER-ID
	key      string // signs; "" sends no X-VERIFY
	token    string // bearer
	basic    [2]string
}

// may reports whether the identity may call a route that names MERCHANTUAT.
func (a access) may(who string) bool {
	switch a.kind {
	case merchants:
		return who == "own merchant" || who == "provider of it"
	case staff:
		order := []string{"viewer", "operator", "admin"}
		return slices.Index(order, who) >= slices.Index(order, string(a.role))
	}
	return true
}

// TestTenancy is every route x identity (failure matrix T20, I12): who is not
// meant is refused in the same words, whoever it is; a route that is in no table
// fails.
func TestTenancy(t *testing.T) {
	t.Parallel()
	r := startController(t, nil)
	merchant := r.browser(nil)
	database := "sqlite:" + filepath.Join(r.dir, "galla.db")
	ids := []identity{
		{name: "own merchant", key: "sandbox-merchant-key"},
		{name: "other merchant", key: "sandbox-second-key"},
		{name: "provider of it", provider: "MERCHANTPROVIDER", key: "sandbox-provider-key"},
		{name: "provider not of it", provider: "SECONDPROVIDER", key: "sandbox-second-provider-key"},
		{name: "terminal", token: r.enrol(nil).Token, basic: [2]string{testTerminal.String(), "its token"}},
		{name: "nobody"},
	}
	for _, role := range []string{"viewer", "operator", "admin"} {
		var out, talk bytes.Buffer
		if code := run(t.Context(), []string{"token", "create", role, "--role", role, "--database", database, "--json"}, &out, &talk); code != 0 {
			t.Fatalf("token create: %d %s", code, talk.String())
		}
		var made struct{ Token string }
		must(t, json.Unmarshal(out.Bytes(), &made))
		ids = append(ids, identity{name: role, token: made.Token})
	}
	table := accesses()
	d := doors(t, true, limitFlags{})
	d.Sandbox = true
	var err error
	d.signer, err = networkFlags{}.openSigner(t.Context(), d.db, true)
	must(t, err)
	d.upi = d.newUPI(nil) // now with a certificate
	engine, err := d.newEngine()
	must(t, err)
	cells := 0
	for _, route := range engine.Routes() {
		name := route.Method + " " + route.Path
		allowed, listed := table[name]
		if !listed {
			t.Errorf("%s is in no table of who may call it", name)
			continue
		}
		delete(table, name)
		refusals := map[string]bool{}
		for _, who := range ids {
			cells++
			status, body := call(t, merchant, "https://"+r.http, route.Method, route.Path, allowed, who)
			refused := status == http.StatusUnauthorized || status == http.StatusForbidden && allowed.kind != message
			switch may := allowed.may(who.name); {
			case may && refused:
				t.Errorf("%s by %s: %d %s", name, who.name, status, body)
			case !may && !refused:
				t.Errorf("%s by %s was let in: %d %s", name, who.name, status, body)
			case !may && status == http.StatusUnauthorized:
				refusals[body] = true
			}
			if status >= 500 && route.Path != "/readyz" {
				t.Errorf("%s by %s: %d %s", name, who.name, status, body)
			}
		}
		if len(refusals) > 1 {
			t.Errorf("%s refuses in %d ways: %v", name, len(refusals), refusals)
		}
	}
	for name := range table {
		t.Errorf("%s is in a table, and the router does not have it", name)
	}
	t.Logf("%d cells", cells)
}

// call sends a request that says whom it is by; what it asks is of no account.
func call(t *testing.T, client *http.Client, base, method, pattern string, allowed access, who identity) (int, string) {
	t.Helper()
	var segments []string
	for _, s := range strings.Split(pattern, "/") {
		switch {
		case s == ":merchantId" || s == ":merchant":
			s = "MERCHANTUAT"
		case strings.HasPrefix(s, "*"):
			s = ""
		case strings.HasPrefix(s, ":"):
			s = "x"
		}
		segments = append(segments, s)
	}
	path, body, signed := strings.Join(segments, "/"), "", ""
	if allowed.sign == payapi.SignsBody {
		signed = xverify.EncodeBody([]byte(`{"merchantId":"MERCHANTUAT"}`))
		body = `{"request":"` + signed + `"}`
	}
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	must(t, err)
	req.Header.Set("X-MERCHANT-ID", "MERCHANTUAT")
	if who.key != "" {
		req.Header.Set("X-VERIFY", xverify.Header(signed, strings.TrimSuffix(path, "/"), who.key, 1))
	}
	if who.provider != "" {
		req.Header.Set("X-PROVIDER-ID", who.provider)
	}
	if who.basic[0] != "" {
		req.SetBasicAuth(who.basic[0], who.token)
	}
	if who.token != "" && who.basic[0] == "" {
		req.Header.Set("Authorization", "Bearer "+who.token)
	}
	resp, err := client.Do(req)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	must(t, err)
	return resp.StatusCode, shape(text)
}

// shape is an answer without what differs from one to the next: the request's
// id, and the sandbox's help with what was signed.
func shape(body []byte) string {
	var answer map[string]any
	if json.Unmarshal(body, &answer) != nil {
		return string(body)
	}
	delete(answer, "requestId")
	delete(answer, "data")
	text, _ := json.Marshal(answer)
	return string(text)
}

// TestAnothersPayment: signed well by its own key, a merchant gets of another's
// payment what it gets of one that nobody has.
func TestAnothersPayment(t *testing.T) {
	t.Parallel()
	r := startController(t, nil)
	client := r.browser(nil)
	payload := xverify.EncodeBody([]byte(`{"merchantId":"MERCHANTUAT","storeId":"teststore1","terminalId":"testterminal1",` +
		`"merchantTransactionId":"OURS","orderId":"o","amount":100,"solutionType":"DQR_DEVICE"}`))
	send := func(method, path, body, signed, key string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, "https://"+r.http+path, strings.NewReader(body))
		must(t, err)
		req.Header.Set("X-VERIFY", xverify.Header(signed, path, key, 1))
		resp, err := client.Do(req)
		must(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		must(t, err)
		return resp.StatusCode, string(text)
	}
	if status, text := send("POST", "/v1/payment/init", `{"request":"`+payload+`"}`, payload, "sandbox-merchant-key"); status != 200 {
		t.Fatalf("init: %d %s", status, text)
	}
	for _, row := range []struct{ method, path string }{
		{"GET", "/v1/payment/MERCHANTTWO/%s/status"}, {"GET", "/v1/edc/transaction/MERCHANTTWO/%s/status"},
		{"PUT", "/v1/payment/MERCHANTTWO/%s/cancel"}, {"GET", "/v3/transaction/MERCHANTTWO/%s/status"},
		{"POST", "/v3/charge/MERCHANTTWO/%s/cancel"}, {"POST", "/v3/charge/MERCHANTTWO/%s/remind"},
	} {
		status, theirs := send(row.method, fmt.Sprintf(row.path, "OURS"), "", "", "sandbox-second-key")
		nobodys, none := send(row.method, fmt.Sprintf(row.path, "NONE"), "", "", "sandbox-second-key")
		if status < 400 || status != nobodys || theirs != none {
			t.Errorf("%s %s: %d %s, of nobody's %d %s", row.method, row.path, status, theirs, nobodys, none)
		}
	}
	if status, text := send("GET", "/v1/payment/MERCHANTUAT/OURS/status", "", "", "sandbox-merchant-key"); status != 200 || !strings.Contains(text, "PENDING") {
		t.Errorf("its own: %d %s", status, text)
	}
}
