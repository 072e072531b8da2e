package payapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/xverify"
)

// shops are merchants of every kind that has a code of its own.
func shops(d *merchant.Data) {
	for _, m := range []merchant.Merchant{
		{ID: "NOSOLUTION", Active: true, Payee: "no@upi"}, {ID: "ASLEEP", DQR: true, EDC: true, Payee: "asleep@upi"},
	} {
		d.Merchants = append(d.Merchants, m)
		d.SaltKeys = append(d.SaltKeys, merchant.SaltKey{Owner: m.ID, Index: "1", Secret: merchantKey})
	}
	d.Stores = append(d.Stores,
		merchant.Store{MerchantID: "NOSOLUTION", ID: "s", Active: true}, merchant.Store{MerchantID: "MERCHANTUAT", ID: "closed"})
	d.Terminals = append(d.Terminals, []merchant.Terminal{
		{Identity: protocol.Identity{MerchantID: "NOSOLUTION", StoreID: "s", TerminalID: "t"}, Active: true, Integrated: true},
		{Identity: protocol.Identity{MerchantID: "MERCHANTUAT", StoreID: "teststore1", TerminalID: "standalone"}, Active: true},
		{Identity: protocol.Identity{MerchantID: "MERCHANTUAT", StoreID: "teststore1", TerminalID: "gone"}, Integrated: true},
	}...)
}

// postTo is a signed request with a payload.
func postTo(t testing.TB, path, key string, payload map[string]any) *http.Request {
	t.Helper()
	b, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	encoded := xverify.EncodeBody(b)
	r := httptest.NewRequest("POST", path, strings.NewReader(`{"request":"`+encoded+`"}`))
	r.Header.Set("X-VERIFY", xverify.Header(encoded, strings.TrimSuffix(path, "/"), key, 1))
	return r
}

// bare is a signed request without a payload.
func bare(method, path, key string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader("{}"))
	r.Header.Set("X-VERIFY", xverify.Header("", path, key, 1))
	return r
}

// with lays fields over others; nil removes one.
func with(base, change map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range base {
		out[k] = v
	}
	for k, v := range change {
		if out[k] = v; v == nil {
			delete(out, k)
		}
	}
	return out
}

type fields = map[string]any

var (
	edcSample = fields{
		"merchantId": "MERCHANTUAT", "storeId": "teststore1", "orderId": "testorder1", "terminalId": "testterminal1",
		"amount": 200, "paymentModes": []string{"CARD", "DQR"}, "solutionType": "EDC",
		"timeAllowedForHandoverToTerminalSeconds": 60, "integrationMappingType": "ONE_TO_ONE",
	}
	openSample    = with(edcSample, fields{"integrationMappingType": "OPEN", "terminalId": nil})
	qrSample      = fields{"merchantId": "MERCHANTUAT", "merchantOrderId": "M1", "amount": 100, "expiresIn": 180, "storeId": "teststore1", "terminalId": "till-7"}
	collectSample = fields{"merchantId": "MERCHANTUAT", "merchantOrderId": "M123456789", "amount": 100, "instrumentType": "VPA",
		"instrumentReference": "testvpa@ybl", "message": "Collect for order 4821", "expiresIn": 180, "shortName": "Customer", "subMerchantId": "DemoMerchant"}
	refundSample = fields{"merchantId": "MERCHANTUAT", "amount": 40}
)

// city is one door with a history: payments in every state, by name.
type city struct {
	*door
	n int
}

// fresh is a transaction id that was never used.
func (c *city) fresh() string {
	c.n++
	return fmt.Sprint("T", c.n)
}

// happen makes an event of a payment happen.
type happen struct {
	id     string
	events []payment.Event
	reason string
}

func (h happen) Needs() decide.Needs { return decide.Needs{Payments: []string{h.id}} }

func (h happen) Decide(tx *decide.Tx) (bool, error) {
	p, _ := tx.Payment(h.id)
	for _, event := range h.events {
		moved, records, err := p.Apply(payment.Happening{
			Event: event, At: tx.Now(), Actor: "test", Reason: h.reason, Payer: "payer@upi", Reference: "632512004217", Settlement: p.Amount,
		})
		if err != nil {
			return false, err
		}
		tx.PutPayment(moved, records...)
		p = moved
	}
	return true, nil
}

// made is an init of these fields, moved by events. It returns the merchant's
// transaction id.
func (c *city) made(path string, payload fields, reason string, events ...payment.Event) string {
	c.t.Helper()
	id := c.fresh()
	if a := c.send(postTo(c.t, path, merchantKey, with(payload, fields{"transactionId": id}))); !a.Success {
		c.t.Fatalf("init of %s: %s", id, a.raw)
	}
	p, err := c.Storage.Payment(c.t.Context(), "MERCHANTUAT", id)
	if err == nil && len(events) > 0 {
		_, err = journal.Do(c.t.Context(), c.Journal, happen{p.ID, events, reason})
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return id
}

const (
	edcPath, qrPath, collectPath, refundPath = initPath, "/v3/qr/init", "/v3/charge", "/v3/credit/backToSource"
)

var (
	paid   = []payment.Event{payment.EventPayStarted, payment.EventPaySucceeded}
	paying = []payment.Event{payment.EventPayStarted}
	failed = []payment.Event{payment.EventPayStarted, payment.EventPayFailed}
)

// TestEveryCode is the vocabulary: every code of both tables, reached through
// the real router over both storages, with the HTTP status of the table.
func TestEveryCode(t *testing.T) {
	t.Parallel()
	for name, house := range map[string]func(testing.TB, ...func(*merchant.Data)) *doortest.House{
		"SQLite": doortest.New, "PostgreSQL": doortest.NewPostgres,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &city{door: newDoorOf(t, house(t, shops))}
			seen := map[string]bool{}
			for _, row := range codeRows(c) {
				a := c.send(row.request())
				if a.status != row.status || a.Code != row.code {
					t.Errorf("%s: got %d %s, want %d %s: %s", row.name, a.status, a.Code, row.status, row.code, a.raw)
				}
				if strings.TrimSpace(a.Message) == "" || a.header.Get("X-Request-Id") == "" {
					t.Errorf("%s: no message or request id: %s", row.name, a.raw)
				}
				seen[fmt.Sprintf("v%d %d %s", row.api, a.status, a.Code)] = true
			}
			// Reached by tests of their own: TestNoRoom (a journal that is full),
			// TestAllowed (rate limits).
			seen["v1 500 INTERNAL_SERVER_ERROR"], seen["v3 500 INTERNAL_SERVER_ERROR"] = true, true
			seen["v1 429 TOO_MANY_REQUESTS"], seen["v3 429 TOO_MANY_REQUESTS"] = true, true
			for api, table := range map[int][]payapi.CodeRow{1: payapi.Codes(), 3: payapi.Codes3()} {
				meanings := map[string]bool{}
				for _, row := range table {
					if key := fmt.Sprintf("v%d %d %s", api, row.HTTPStatus, row.Code); !seen[key] {
						t.Errorf("no request reaches %s", key)
					}
					if key := string(row.Code) + row.Message; meanings[key] {
						t.Errorf("v%d has %s twice with one meaning", api, row.Code)
					} else {
						meanings[key] = true
					}
				}
			}
		})
	}
}

type codeRow struct {
	name    string
	api     int
	request func() *http.Request
	status  int
	code    string
}

func codeRows(c *city) []codeRow {
	var rows []codeRow
	// v1: inits, one field changed.
	init := func(name string, base, change fields, status int, code string) {
		rows = append(rows, codeRow{name, 1, func() *http.Request {
			return postTo(c.t, initPath, merchantKey, with(with(base, fields{"merchantTransactionId": c.fresh()}), change))
		}, status, code})
	}
	dqr := sample(nil)
	init("DQR", dqr, nil, 200, "SUCCESS")
	init("EDC", edcSample, nil, 200, "SUCCESS")
	init("EDC by its mapping", edcSample, fields{"solutionType": nil}, 200, "SUCCESS")
	init("EDC as real clients send it", edcSample, fields{"amount": "200", "autoAccept": "TRUE", "timeAllowedForHandoverToTerminalSeconds": "120"}, 200, "SUCCESS")
	init("EDC with a boolean", edcSample, fields{"autoAccept": true}, 200, "SUCCESS")
	init("EDC without a handover time", edcSample, fields{"timeAllowedForHandoverToTerminalSeconds": nil}, 200, "SUCCESS")
	init("EDC ignores expiresIn", edcSample, fields{"expiresIn": "soon"}, 200, "SUCCESS")
	init("EDC above the QR's limit by card", edcSample, fields{"amount": 10_000_000_000}, 200, "SUCCESS")
	init("EDC one paisa by card", edcSample, fields{"amount": 1}, 200, "SUCCESS")
	init("OPEN", openSample, fields{"shortOrderId": "0042"}, 200, "SUCCESS")
	init("OPEN of 8 digits", openSample, fields{"shortOrderId": "12345678"}, 200, "SUCCESS")
	init("OPEN with a terminal, which binds nothing", openSample, fields{"shortOrderId": "0043", "terminalId": "testterminal1"}, 200, "SUCCESS")
	init("OPEN with a terminal that is not", openSample, fields{"shortOrderId": "0044", "terminalId": "nothing"}, 400, "INVALID_TERMINAL_ID")
	init("OPEN with a live short id", openSample, fields{"shortOrderId": "0042"}, 409, "SHORT_CODE_ALREADY_USED")
	init("the same short id in another store", openSample, fields{"shortOrderId": "0042", "storeId": "MS2403212004046998204201"}, 200, "SUCCESS")
	init("leading zeros matter", openSample, fields{"shortOrderId": "00042"}, 200, "SUCCESS")
	init("OPEN without a short id", openSample, nil, 400, "SHORT_CODE_IS_REQUIRED")
	init("short id of 3", openSample, fields{"shortOrderId": "042"}, 400, "INVALID_SHORTCODE_LENGTH")
	init("short id of 9", openSample, fields{"shortOrderId": "123456789"}, 400, "INVALID_SHORTCODE_LENGTH")
	init("short id that is no digits", openSample, fields{"shortOrderId": "12a4"}, 400, "INVALID_SHORTCODE_LENGTH")
	init("short id as a number", openSample, fields{"shortOrderId": 1234}, 400, "INVALID_SHORTCODE_LENGTH")
	init("ONE_TO_ONE with a short id", edcSample, fields{"shortOrderId": "0042"}, 400, "SHORT_CODE_NOT_REQUIRED")
	init("no mapping", edcSample, fields{"integrationMappingType": nil}, 400, "INVALID_INTEGRATION_MAPPING_TYPE")
	init("another mapping", edcSample, fields{"integrationMappingType": "MANY"}, 400, "INVALID_INTEGRATION_MAPPING_TYPE")
	init("mapping in lower case", edcSample, fields{"integrationMappingType": "open"}, 400, "INVALID_INTEGRATION_MAPPING_TYPE")
	for _, modes := range []any{nil, []string{}, []string{"CASH"}, "CARD", []any{1}, fields{}} {
		init(fmt.Sprint("modes ", modes), edcSample, fields{"paymentModes": modes}, 400, "INVALID_PAYMENT_MODES")
	}
	for _, seconds := range []any{0, -1, 601, "soon", 1.5} {
		init(fmt.Sprint("handover ", seconds), edcSample, fields{"timeAllowedForHandoverToTerminalSeconds": seconds}, 400, "INVALID_TERMINAL_HANDOVER_TIME")
	}
	init("autoAccept is no boolean", edcSample, fields{"autoAccept": "maybe"}, 400, "BAD_REQUEST")
	init("EDC by QR alone above the limit", edcSample, fields{"paymentModes": []string{"DQR"}, "amount": 800_001}, 400, "INVALID_AMOUNT")
	init("EDC by QR alone below a rupee", edcSample, fields{"paymentModes": []string{"DQR"}, "amount": 99}, 400, "INVALID_AMOUNT")
	init("EDC amount 0", edcSample, fields{"amount": 0}, 400, "INVALID_AMOUNT")
	init("EDC amount above 10^10", edcSample, fields{"amount": 10_000_000_001}, 400, "INVALID_AMOUNT")
	init("no terminal", edcSample, fields{"terminalId": nil}, 400, "INVALID_TERMINAL_ID")
	init("terminal not active", edcSample, fields{"terminalId": "gone"}, 400, "INVALID_TERMINAL_ID")
	init("terminal standalone", edcSample, fields{"terminalId": "standalone"}, 403, "INTEGRATEDMODE_NOT_ENABLED_ON_TERMINAL")
	init("store not active", edcSample, fields{"storeId": "closed"}, 400, "INVALID_STORE_ID")
	init("merchant not active", edcSample, fields{"merchantId": "ASLEEP"}, 400, "INVALID_MERCHANT_ID")
	init("EDC not enabled", edcSample, fields{"merchantId": "NOSOLUTION", "storeId": "s", "terminalId": "t"}, 403, "SOLUTION_NOT_ENABLED")
	init("DQR not enabled", dqr, fields{"merchantId": "NOSOLUTION", "storeId": "s", "terminalId": "t"}, 403, "SOLUTION_NOT_ENABLED")
	init("merchant unknown", edcSample, fields{"merchantId": "NOBODY"}, 401, "UNAUTHORIZED")
	init("no order", edcSample, fields{"orderId": nil}, 400, "BAD_REQUEST")
	init("badly named", edcSample, fields{"merchantTransactionId": "a b"}, 400, "INVALID_TRANSACTION_ID")
	rows = append(rows, codeRow{"repeated", 1, func() *http.Request {
		return postTo(c.t, initPath, merchantKey, with(edcSample, fields{"merchantTransactionId": "T1"}))
	}, 409, "DUPLICATE_TRANSACTION_ID"})
	rows = append(rows, codeRow{"the older EDC form", 1, func() *http.Request {
		return postTo(c.t, "/v1/edc/transaction/init", merchantKey, with(edcSample, fields{"transactionId": c.fresh(), "solutionType": nil}))
	}, 200, "SUCCESS"})

	// v1: questions and cancels.
	ask := func(name, method, path string, make func() string, status int, code string) {
		api := 1
		if strings.HasPrefix(path, "/v3") {
			api = 3
		}
		rows = append(rows, codeRow{name, api, func() *http.Request {
			return bare(method, fmt.Sprintf(path, make()), merchantKey)
		}, status, code})
	}
	edc := func(reason string, events ...payment.Event) func() string {
		return func() string { return c.made(edcPath, edcSample, reason, events...) }
	}
	unknown := func() string { return "nobodys" }
	const edcStatus, edcCancel = "/v1/edc/transaction/MERCHANTUAT/%s/status", "/v1/payment/MERCHANTUAT/%s/cancel"
	ask("EDC status by GET", "GET", edcStatus, edc(""), 200, "SUCCESS")
	ask("EDC status by POST", "POST", edcStatus, edc("", paid...), 200, "SUCCESS")
	ask("EDC status of nothing", "GET", edcStatus, unknown, 400, "INVALID_TRANSACTION_ID")
	ask("cancel", "PUT", edcCancel, edc(""), 200, "SUCCESS")
	ask("cancel again", "PUT", edcCancel, edc(payment.ReasonCancelledByMerchant, payment.EventCancelRequested), 200, "SUCCESS")
	ask("cancel while paying", "PUT", edcCancel, edc("", paying...), 200, "CANCEL_REQUESTED")
	ask("cancel of a success", "PUT", edcCancel, edc("", paid...), 400, "PAYMENT_ALREADY_COMPLETED")
	ask("cancel of a failure", "PUT", edcCancel, edc("CARD_DECLINED", failed...), 400, "PAYMENT_ALREADY_ENDED")
	ask("cancel of nothing", "PUT", edcCancel, unknown, 400, "INVALID_TRANSACTION_ID")
	body := func(name, path string, payload func() fields, status int, code string) {
		api := 1
		if strings.HasPrefix(path, "/v3") {
			api = 3
		}
		rows = append(rows, codeRow{name, api, func() *http.Request { return postTo(c.t, path, merchantKey, payload()) }, status, code})
	}
	is := func(base, change fields) func() fields { return func() fields { return with(base, change) } }
	search := fields{"merchantId": "MERCHANTUAT", "terminalId": "testterminal1", "rrn": "632512004217"}
	body("search", "/v1/edc/transaction/status", is(search, nil), 200, "SUCCESS")
	body("search without either", "/v1/edc/transaction/status", is(search, fields{"rrn": nil}), 400, "BAD_REQUEST")
	body("search at no terminal", "/v1/edc/transaction/status", is(search, fields{"terminalId": "nothing"}), 400, "INVALID_TERMINAL_ID")
	body("search at a bad time", "/v1/edc/transaction/status", is(search, fields{"startTimestamp": "yesterday"}), 400, "BAD_REQUEST")
	body("recon", "/v1/transactions/details", is(fields{"merchantId": "MERCHANTUAT"}, nil), 200, "SUCCESS")
	body("recon from nowhere", "/v1/transactions/details", is(fields{"merchantId": "MERCHANTUAT"}, fields{"searchAfter": "x"}), 400, "BAD_REQUEST")

	// v3.
	once := func(base, change fields) func() fields {
		return func() fields { return with(with(base, fields{"transactionId": c.fresh()}), change) }
	}
	body("QR", qrPath, once(qrSample, nil), 200, "SUCCESS")
	body("QR with everything", qrPath, once(qrSample, fields{"gstBreakup": fields{"gst": 18}, "invoiceDetails": fields{}, "message": "₹", "subMerchantId": "S"}), 200, "SUCCESS")
	body("QR with a bad gstBreakup", qrPath, once(qrSample, fields{"gstBreakup": "18"}), 400, "BAD_REQUEST")
	body("QR above the limit", qrPath, once(qrSample, fields{"amount": 800_001}), 400, "BAD_REQUEST")
	body("QR at no store", qrPath, once(qrSample, fields{"storeId": "nowhere"}), 400, "BAD_REQUEST")
	body("QR repeated", qrPath, is(qrSample, fields{"transactionId": "T1"}), 417, "INVALID_TRANSACTION_ID")
	body("QR badly named", qrPath, is(qrSample, fields{"transactionId": strings.Repeat("x", 38)}), 400, "INVALID_TRANSACTION_ID")
	body("QR of another", qrPath, once(qrSample, fields{"merchantId": "MERCHANTTWO"}), 401, "AUTHORIZATION_FAILED")
	body("collect", collectPath, once(collectSample, nil), 200, "SUCCESS")
	body("collect by mobile", collectPath, once(collectSample, fields{"instrumentType": "MOBILE", "instrumentReference": "9876543210"}), 200, "SUCCESS")
	body("collect by card", collectPath, once(collectSample, fields{"instrumentType": "CARD"}), 400, "BAD_REQUEST")
	body("collect from no VPA", collectPath, once(collectSample, fields{"instrumentReference": "nobody"}), 400, "BAD_REQUEST")
	body("collect from a short number", collectPath, once(collectSample, fields{"instrumentType": "MOBILE", "instrumentReference": "98765"}), 400, "BAD_REQUEST")
	body("list", "/v3/qr/transaction/list", is(fields{"merchantId": "MERCHANTUAT", "size": 10}, nil), 200, "SUCCESS")
	body("list of too many", "/v3/qr/transaction/list", is(fields{"merchantId": "MERCHANTUAT", "size": 11}, nil), 400, "BAD_REQUEST")
	qr := func(reason string, events ...payment.Event) func() string {
		return func() string { return c.made(qrPath, qrSample, reason, events...) }
	}
	collect := func(reason string, events ...payment.Event) func() string {
		return func() string { return c.made(collectPath, collectSample, reason, events...) }
	}
	const status3, cancel3, remind = "/v3/transaction/MERCHANTUAT/%s/status", "/v3/charge/MERCHANTUAT/%s/cancel", "/v3/charge/MERCHANTUAT/%s/remind"
	ask("v3 pending", "GET", status3, qr(""), 200, "PAYMENT_PENDING")
	ask("v3 paid", "GET", status3, qr("", paid...), 200, "PAYMENT_SUCCESS")
	ask("v3 failed", "GET", status3, qr("UPI:IP08", failed...), 200, "PAYMENT_ERROR")
	ask("v3 cancelled", "GET", status3, collect(payment.ReasonCancelledByMerchant, payment.EventCancelRequested), 200, "PAYMENT_CANCELLED")
	ask("v3 declined", "GET", status3, collect(payment.ReasonCollectDeclined, failed...), 200, "PAYMENT_DECLINED")
	ask("v3 expired", "GET", status3, qr(payment.ReasonQRExpired, payment.EventExpired), 200, "REQUEST_EXPIRED")
	ask("collect expired: final, charge again", "GET", status3, collect(payment.ReasonCollectExpired, payment.EventExpired), 200, "PAYMENT_ERROR")
	ask("v3 status of nothing", "GET", status3, unknown, 404, "TRANSACTION_NOT_FOUND")
	ask("remind", "POST", remind, collect(""), 200, "SUCCESS")
	ask("remind of a QR", "POST", remind, qr(""), 404, "TRANSACTION_NOT_FOUND")
	ask("remind of a success", "POST", remind, collect("", paid...), 400, "PAYMENT_ALREADY_COMPLETED")
	ask("remind of a failure", "POST", remind, collect(payment.ReasonCollectDeclined, failed...), 400, "PAYMENT_ALREADY_ENDED")
	ask("v3 cancel", "POST", cancel3, collect(""), 200, "SUCCESS")
	ask("v3 cancel while paying", "POST", cancel3, collect("", paying...), 200, "CANCEL_REQUESTED")
	ask("v3 cancel of a success", "POST", cancel3, collect("", paid...), 400, "PAYMENT_ALREADY_COMPLETED")
	ask("v3 cancel of nothing", "POST", cancel3, unknown, 404, "TRANSACTION_NOT_FOUND")
	back := func(change fields, original func() string) func() fields {
		return func() fields { return once(refundSample, with(fields{"originalTransactionId": original()}, change))() }
	}
	body("refund", refundPath, back(nil, qr("", paid...)), 200, "PAYMENT_PENDING")
	body("refund with a slash", refundPath+"/", back(nil, edc("", paid...)), 200, "PAYMENT_PENDING")
	body("refund of too much", refundPath, back(fields{"amount": 101}, qr("", paid...)), 200, "PAYMENT_ERROR")
	body("refund of what was not paid", refundPath, back(nil, qr("")), 200, "PAYMENT_ERROR")
	body("refund of nothing", refundPath, back(nil, unknown), 404, "TRANSACTION_NOT_FOUND")
	body("refund of an unnamed", refundPath, once(refundSample, nil), 400, "BAD_REQUEST")
	body("refund repeated", refundPath, back(fields{"transactionId": "T1"}, qr("", paid...)), 417, "INVALID_TRANSACTION_ID")
	return rows
}
