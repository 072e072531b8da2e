package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/apidoc"
	"github.com/galla-pay/galla/controller/internal/limit"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payapi"
)

// member is a JSON object; nil takes a member away.
type members map[string]any

func (m members) with(change members) string {
	all := maps.Clone(m)
	for name, v := range change {
		if all[name] = v; v == nil {
			delete(all, name)
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// TestCodesAreDescribed: a running controller gives every code of both of the
// payment API's vocabularies, each in the form that the documents give to its
// route and status. Those that it cannot be brought to from outside stand in a
// list of their own; the door's own tests have them.
func TestCodesAreDescribed(t *testing.T) {
	t.Parallel()
	s := newTeller(t)
	dqr := members{"merchantId": "MERCHANTUAT", "storeId": "teststore1", "terminalId": "testterminal1", "orderId": "O1", "amount": 24500, "solutionType": "DQR_DEVICE"}
	edc := members{"merchantId": "MERCHANTUAT", "storeId": "teststore1", "terminalId": "testterminal1", "orderId": "O1", "amount": 24500, "solutionType": "EDC",
		"integrationMappingType": "ONE_TO_ONE", "paymentModes": []string{"CARD", "DQR"}}
	qr := members{"merchantId": "MERCHANTUAT", "merchantOrderId": "O1", "amount": 10000}
	charge := members{"merchantId": "MERCHANTUAT", "merchantOrderId": "O1", "amount": 10000, "instrumentType": "VPA", "instrumentReference": "customer@upi"}
	refund := members{"merchantId": "MERCHANTUAT", "amount": 1}
	search := members{"merchantId": "MERCHANTUAT", "terminalId": "testterminal1"}

	const (
		status  = "GET /v1/payment/{merchantId}/{id}/status"
		cancel  = "PUT /v1/payment/{merchantId}/{id}/cancel"
		init1   = "POST /v1/payment/init"
		older   = "POST /v1/edc/transaction/init"
		find    = "POST /v1/edc/transaction/status"
		init3   = "POST /v3/qr/init"
		charge3 = "POST /v3/charge"
		status3 = "GET /v3/transaction/{merchantId}/{id}/status"
		back    = "POST /v3/credit/backToSource"
	)
	n := 0
	fresh := func(field string) members {
		n++
		return members{field: fmt.Sprint("CODES-", n)}
	}
	more := func(change members, base members) members {
		all := maps.Clone(base)
		maps.Copy(all, change)
		return all
	}
	one := func(change members) string { return dqr.with(more(change, fresh("merchantTransactionId"))) }
	card := func(change members) string { return edc.with(more(change, fresh("merchantTransactionId"))) }
	three := func(base members, change members) string { return base.with(more(change, fresh("transactionId"))) }
	rows := []struct {
		route, path, body string
		status            int
		code              string
	}{
		{init1, "", one(members{"merchantTransactionId": "FIRST", "merchantId": "COGWAVEOFFLINE"}), 200, "SUCCESS"},
		{init1, "", one(members{"merchantTransactionId": "FIRST", "merchantId": "COGWAVEOFFLINE"}), 409, "DUPLICATE_TRANSACTION_ID"},
		{init1, "", one(members{"merchantTransactionId": "a b"}), 400, "INVALID_TRANSACTION_ID"},
		{init1, "", one(members{"merchantTransactionId": strings.Repeat("x", 40)}), 400, "INVALID_TRANSACTION_ID"},
		{init1, "", one(members{"merchantId": "ASLEEP"}), 400, "INVALID_MERCHANT_ID"},
		{init1, "", one(members{"storeId": "nowhere"}), 400, "INVALID_STORE_ID"},
		{init1, "", one(members{"terminalId": "nothing"}), 400, "INVALID_TERMINAL_ID"},
		{init1, "", one(members{"merchantId": "CARDONLY", "storeId": "S", "terminalId": "T"}), 403, "SOLUTION_NOT_ENABLED"},
		{init1, "", one(members{"terminalId": "standalone"}), 403, "INTEGRATEDMODE_NOT_ENABLED_ON_TERMINAL"},
		{init1, "", one(members{"amount": 0}), 400, "INVALID_AMOUNT"},
		{init1, "", one(members{"amount": "24500.5"}), 400, "BAD_REQUEST"},
		{init1, "", one(members{"orderId": nil}), 400, "BAD_REQUEST"},
		{init1, "", one(members{"merchantId": "NOBODY"}), 401, "UNAUTHORIZED"},
		{init1, "", one(members{"filler": strings.Repeat("x", 64<<10)}), 413, "BAD_REQUEST"},
		{init1, "", card(members{"integrationMappingType": "MANY"}), 400, "INVALID_INTEGRATION_MAPPING_TYPE"},
		{init1, "", card(members{"paymentModes": []string{"CASH"}}), 400, "INVALID_PAYMENT_MODES"},
		{init1, "", card(members{"timeAllowedForHandoverToTerminalSeconds": 601}), 400, "INVALID_TERMINAL_HANDOVER_TIME"},
		{init1, "", card(members{"integrationMappingType": "OPEN"}), 400, "SHORT_CODE_IS_REQUIRED"},
		{init1, "", card(members{"shortOrderId": "0042"}), 400, "SHORT_CODE_NOT_REQUIRED"},
		{init1, "", card(members{"integrationMappingType": "OPEN", "shortOrderId": "42"}), 400, "INVALID_SHORTCODE_LENGTH"},
		{init1, "", card(members{"integrationMappingType": "OPEN", "shortOrderId": "0042"}), 200, "SUCCESS"},
		{init1, "", card(members{"integrationMappingType": "OPEN", "shortOrderId": "0042"}), 409, "SHORT_CODE_ALREADY_USED"},
		{older, "", card(members{"solutionType": nil, "storeId": "MS2403212004046998204201", "terminalId": "MST2405301213090857163565"}), 200, "SUCCESS"},
		{init1, "", one(members{"merchantTransactionId": "SHOWN"}), 200, "SUCCESS"},
		{init1, "", one(members{"merchantTransactionId": "NEWER"}), 200, "SUCCESS"},
		{status, "/v1/payment/MERCHANTUAT/SHOWN/status", "", 200, "SUCCESS"},
		{status, "/v1/payment/MERCHANTUAT/nobodys/status", "", 400, "INVALID_TRANSACTION_ID"},
		{status, "/v1/payment/NOBODY/SHOWN/status", "", 401, "UNAUTHORIZED"},
		{cancel, "/v1/payment/MERCHANTUAT/SHOWN/cancel", "", 400, "PAYMENT_ALREADY_ENDED"},
		{cancel, "/v1/payment/MERCHANTUAT/NEWER/cancel", "", 200, "SUCCESS"},
		{cancel, "/v1/payment/MERCHANTUAT/nobodys/cancel", "", 400, "INVALID_TRANSACTION_ID"},
		{find, "", search.with(members{"merchantTransactionId": "SHOWN"}), 200, "SUCCESS"},
		{find, "", search.with(nil), 400, "BAD_REQUEST"},
		{find, "", search.with(members{"terminalId": "nothing", "rrn": "1"}), 400, "INVALID_TERMINAL_ID"},
		{"POST /v1/transactions/details", "", members{"merchantId": "MERCHANTUAT"}.with(nil), 200, "SUCCESS"},
		{"POST /v1/transactions/details", "", members{"merchantId": "MERCHANTUAT", "size": 51}.with(nil), 400, "BAD_REQUEST"},

		{init3, "", three(qr, members{"transactionId": "QR"}), 200, "SUCCESS"},
		{init3, "", three(qr, members{"transactionId": "QR"}), 417, "INVALID_TRANSACTION_ID"},
		{init3, "", three(qr, members{"transactionId": strings.Repeat("x", 38)}), 400, "INVALID_TRANSACTION_ID"},
		{init3, "", three(qr, members{"amount": 800_001}), 400, "BAD_REQUEST"},
		{init3, "", three(qr, members{"merchantId": "NOBODY"}), 401, "AUTHORIZATION_FAILED"},
		{init3, "", three(qr, members{"filler": strings.Repeat("x", 64<<10)}), 413, "BAD_REQUEST"},
		{status3, "/v3/transaction/MERCHANTUAT/QR/status", "", 200, "PAYMENT_PENDING"},
		{status3, "/v3/transaction/MERCHANTUAT/nobodys/status", "", 404, "TRANSACTION_NOT_FOUND"},
		{status3, "/v3/transaction/MERCHANTUAT/a%20b/status", "", 400, "INVALID_TRANSACTION_ID"},
		{charge3, "", three(charge, members{"transactionId": "COLLECT"}), 200, "SUCCESS"},
		{charge3, "", three(charge, members{"instrumentType": "CASH"}), 400, "BAD_REQUEST"},
		{"POST /v3/charge/{merchantId}/{id}/remind", "/v3/charge/MERCHANTUAT/COLLECT/remind", "", 200, "SUCCESS"},
		{"POST /v3/charge/{merchantId}/{id}/cancel", "/v3/charge/MERCHANTUAT/COLLECT/cancel", "", 200, "SUCCESS"},
		{"POST /v3/charge/{merchantId}/{id}/remind", "/v3/charge/MERCHANTUAT/COLLECT/remind", "", 400, "PAYMENT_ALREADY_ENDED"},
		{"POST /v3/charge/{merchantId}/{id}/remind", "/v3/charge/MERCHANTUAT/nobodys/remind", "", 404, "TRANSACTION_NOT_FOUND"},
		{status3, "/v3/transaction/MERCHANTUAT/COLLECT/status", "", 200, "PAYMENT_CANCELLED"},
		{back, "", three(refund, members{"originalTransactionId": "QR"}), 200, "PAYMENT_ERROR"},
		{back, "", three(refund, members{"originalTransactionId": "nobodys"}), 404, "TRANSACTION_NOT_FOUND"},
		{back, "", three(refund, nil), 400, "BAD_REQUEST"},
		{"POST /v3/qr/transaction/list", "", members{"merchantId": "MERCHANTUAT", "size": 11}.with(nil), 400, "BAD_REQUEST"},
		{"POST /v3/qr/transaction/list", "", members{"merchantId": "MERCHANTUAT"}.with(nil), 200, "SUCCESS"},
	}
	seen := map[string]bool{}
	check := func(e apidoc.Example, status int, code string) {
		t.Helper()
		a := s.ask(e)
		var said struct{ Code string }
		must(t, json.Unmarshal(a.body, &said))
		if a.status != status || said.Code != code {
			t.Errorf("%s %s %.200s is answered %d %s, want %d %s", e.Route, e.Path, e.Body, a.status, a.body, status, code)
		}
		s.forms.answer(t, code, e.Route, a)
		version := "v1"
		if _, path, _ := strings.Cut(e.Route, " "); strings.HasPrefix(path, "/v3/") {
			version = "v3"
		}
		seen[version+" "+said.Code] = true
	}
	for _, row := range rows {
		check(apidoc.Example{Name: row.code, Route: row.route, Path: row.path, Body: row.body, By: apidoc.ByMerchant}, row.status, row.code)
	}
	for _, e := range apidoc.Examples() { // what needs a customer who pays
		if strings.HasPrefix(e.Route[strings.Index(e.Route, "/"):], "/v1/") || strings.HasPrefix(e.Route[strings.Index(e.Route, "/"):], "/v3/") || strings.Contains(e.Route, "dynamic-qr") {
			a := s.ask(e)
			s.take(e, a)
			var said struct{ Code string }
			if json.Unmarshal(a.body, &said) == nil {
				seen[strings.Split(e.Route, "/")[1]+" "+said.Code] = true
			}
		}
	}
	check(apidoc.Example{Route: "POST /v3/charge/{merchantId}/{id}/cancel", Path: "/v3/charge/MERCHANTUAT/BILL-51-1/cancel", By: apidoc.ByMerchant}, 400, "PAYMENT_ALREADY_COMPLETED")
	elsewhere := []string{
		"v1 INTERNAL_SERVER_ERROR", "v3 INTERNAL_SERVER_ERROR", // of failures
		"v1 TOO_MANY_REQUESTS", "v3 TOO_MANY_REQUESTS", // TestTooManyIsDescribed
		"v1 CANCEL_REQUESTED", "v3 CANCEL_REQUESTED", // of the moment in which a customer pays
		"v3 PAYMENT_DECLINED", "v3 REQUEST_EXPIRED", // of a customer, or the time
	}
	for version, table := range map[string][]payapi.CodeRow{"v1": payapi.Codes(), "v3": payapi.Codes3()} {
		for _, row := range table {
			if name := version + " " + string(row.Code); seen[name] == slices.Contains(elsewhere, name) {
				t.Errorf("%s: seen %t", name, seen[name])
			}
		}
	}
}

// seeded is the sandbox's data, and who is refused.
func seeded(t *testing.T, database databaseFlags) {
	t.Helper()
	db, _, err := database.open(t.Context(), slog.New(slog.DiscardHandler))
	must(t, err)
	defer func() { must(t, db.Close()) }()
	must(t, db.Migrate(t.Context()))
	must(t, db.Seed(t.Context(), merchant.Sandbox()))
	office, me := admin.NewService(db), admin.By{Actor: "cli:operator", Source: "here"}
	for _, m := range []admin.NewMerchant{
		{MerchantID: "ASLEEP", Name: "Asleep", MCC: "5411", DQR: true, EDC: true, Payee: "asleep@upi"},
		{MerchantID: "CARDONLY", Name: "Card only", MCC: "5411", EDC: true, Payee: "cardonly@upi"},
	} {
		_, err := office.CreateMerchant(t.Context(), me, m)
		must(t, err)
		_, err = office.CreateStore(t.Context(), me, admin.NewStore{MerchantID: m.MerchantID, StoreID: "S", Name: "S"})
		must(t, err)
		_, err = office.CreateTerminal(t.Context(), me, admin.NewTerminal{MerchantID: m.MerchantID, StoreID: "S", TerminalID: "T"})
		must(t, err)
		_, err = office.CreateKey(t.Context(), me, admin.NewKey{Owner: m.MerchantID, Index: 1, Secret: merchant.Secret(sandboxKeys().SaltKey)})
		must(t, err)
	}
	_, err = office.SetMerchantActive(t.Context(), me, "ASLEEP", false)
	must(t, err)
	_, err = office.CreateTerminal(t.Context(), me, admin.NewTerminal{MerchantID: "MERCHANTUAT", StoreID: "teststore1", TerminalID: "standalone", Standalone: true})
	must(t, err)
}

// TestTooManyIsDescribed: the answer to a merchant that asks too often, on every
// door that merchants sign for.
func TestTooManyIsDescribed(t *testing.T) {
	t.Parallel()
	forms := newForms(t)
	s := &teller{t: t, actual: map[string]string{}, forms: forms}
	one := limit.Rate{Count: 1, Per: time.Hour, Burst: 1}
	s.base = "http://" + startController(t, func(c *serveCommand) { c.tlsFlags, c.RateMerchant = tlsFlags{}, &one }).http
	used := false
	for _, e := range []apidoc.Example{
		{Route: "GET /v1/payment/{merchantId}/{id}/status", Path: "/v1/payment/MERCHANTUAT/x/status"},
		{Route: "GET /v3/transaction/{merchantId}/{id}/status", Path: "/v3/transaction/MERCHANTUAT/x/status"},
		{Route: "GET /api/v1/dynamic-qr/{id}", Path: "/api/v1/dynamic-qr/x", Header: map[string]string{"X-MERCHANT-ID": "MERCHANTUAT"}},
		{Route: "GET /v1/events", Header: map[string]string{"X-MERCHANT-ID": "MERCHANTUAT"}},
	} {
		e.By = apidoc.ByMerchant
		if !used {
			s.ask(e)
			used = true
		}
		a := s.ask(e)
		if a.status != http.StatusTooManyRequests && e.Route != "GET /v1/events" || a.header.Get("Retry-After") == "" && a.status == http.StatusTooManyRequests {
			t.Errorf("%s: %d %v", e.Route, a.status, a.header)
		}
		forms.answer(t, e.Route, e.Route, a)
	}
}

// TestWhatMustBeSent: a body of the administration without a field that the
// documents call required is refused, and one with nothing else is read.
func TestWhatMustBeSent(t *testing.T) {
	t.Parallel()
	s := newTeller(t)
	tried := 0
	for _, e := range apidoc.Examples() {
		if e.By != apidoc.ByAdmin || e.Body == "" {
			continue
		}
		method, path, _ := strings.Cut(e.Route, " ")
		ref := s.forms.document["paths"].(map[string]any)[path].(map[string]any)[strings.ToLower(method)].(map[string]any)["requestBody"].(map[string]any)["content"].(map[string]any)["application/json"].(map[string]any)["schema"].(map[string]any)["$ref"].(string)
		schema := s.forms.document["components"].(map[string]any)["schemas"].(map[string]any)[ref[strings.LastIndex(ref, "/")+1:]].(map[string]any)
		required, _ := schema["required"].([]any)
		var body members
		must(t, json.Unmarshal([]byte(e.Body), &body))
		least := members{}
		for _, name := range required {
			least[name.(string)] = body[name.(string)]
			without := e
			without.Body = body.with(members{name.(string): nil})
			if a := s.ask(without); a.status != http.StatusUnprocessableEntity {
				t.Errorf("%s without %s: %d %s", e.Route, name, a.status, a.body)
			}
			tried++
		}
		if len(required) > 0 {
			e.Body = least.with(nil)
		}
		if a := s.ask(e); a.status == http.StatusUnprocessableEntity != (e.Name == "admin-merchant-bad") {
			t.Errorf("%s with nothing but %v: %d %s", e.Route, required, a.status, a.body)
		}
	}
	if tried < 10 {
		t.Errorf("only %d fields were tried", tried)
	}
}
