package payapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// TestStatus3Data is phonepe-api: Status data, v3: the whole answer, which is a
// callback's body too, for every way a payment or refund stands.
func TestStatus3Data(t *testing.T) {
	t.Parallel()
	created, ended := time.UnixMilli(1_700_000_000_000), time.UnixMilli(1_700_000_009_000)
	qr := payment.Payment{
		ID: "GP1", Key: payment.Key{MerchantID: "M", TransactionID: "T1"}, StoreID: "S", ContextTerminal: "till-7", OrderID: "O",
		Amount: 24500, Solution: payment.QRString, QR: "upi://pay?...", State: payment.Created, CreatedAt: created,
	}
	collect := qr
	collect.Solution, collect.QR, collect.CollectBy, collect.CollectFrom, collect.StoreID, collect.ContextTerminal = payment.Collect, "", "VPA", "payer@upi", "", ""
	refund := qr
	refund.Solution, refund.QR, refund.Original, refund.ContextTerminal, refund.State = payment.Refund, "", "GP0", "", payment.InProgress
	edc := qr // v3's status knows v1's payments too
	edc.Solution, edc.ContextTerminal, edc.TerminalID, edc.Instrument = payment.EDC, "", "D", protocol.PayCard
	stands := func(p payment.Payment, state payment.State, reason string) payment.Payment {
		p.State, p.Reason = state, reason
		if p.Attempted = state == payment.InProgress || state == payment.Succeeded || state == payment.Failed; state.Final() {
			p.EndedAt = ended
		}
		if state == payment.Succeeded {
			p.Reference = "632600000001"
		}
		return p
	}
	const (
		qrHead      = `"transactionId":"T1","merchantId":"M","merchantOrderId":"O","providerReferenceId":"GP1","amount":24500,`
		qrTail      = `,"transactionContext":{"storeId":"S","terminalId":"till-7","qrCodeId":"GP1"}`
		collectTail = `,"transactionContext":{}`
		modes       = `,"paymentModes":[{"mode":"ACCOUNT","amount":24500,"utr":"632600000001"}]`
	)
	for _, tt := range []struct {
		name                string
		p                   payment.Payment
		success             bool
		code, message, data string
	}{
		{"QR waits", qr, false, "PAYMENT_PENDING", "Payment is in progress, please wait for sometime.",
			`"paymentState":"PENDING","payResponseCode":"PAYMENT_PENDING"` + qrTail},
		{"QR being paid", stands(qr, payment.InProgress, ""), false, "PAYMENT_PENDING", "Payment is in progress, please wait for sometime.",
			`"paymentState":"PENDING","payResponseCode":"PAYMENT_PENDING"` + qrTail},
		{"QR parked", stands(qr, payment.Parked, ""), false, "PAYMENT_PENDING", "Payment is in progress, please wait for sometime.",
			`"paymentState":"PENDING","payResponseCode":"PAYMENT_PENDING"` + qrTail},
		{"QR paid", stands(qr, payment.Succeeded, ""), true, "PAYMENT_SUCCESS", "Your payment is successful.",
			`"paymentState":"COMPLETED","payResponseCode":"SUCCESS"` + modes + qrTail},
		{"QR declined by UPI", stands(qr, payment.Failed, "UPI:IP08"), false, "PAYMENT_ERROR", "Payment failed.",
			`"paymentState":"FAILED","payResponseCode":"UPI:IP08"` + qrTail},
		{"QR expired", stands(qr, payment.Expired, payment.ReasonQRExpired), false, "REQUEST_EXPIRED", "The request has expired.",
			`"paymentState":"FAILED","payResponseCode":"QR_EXPIRED"` + qrTail},
		{"QR cancelled", stands(qr, payment.Cancelled, payment.ReasonCancelledByMerchant), false, "PAYMENT_CANCELLED", "Payment was cancelled.",
			`"paymentState":"FAILED","payResponseCode":"CANCELLED_BY_MERCHANT"` + qrTail},
		{"collect declined", stands(collect, payment.Failed, payment.ReasonCollectDeclined), false, "PAYMENT_DECLINED", "Payment was declined by the customer.",
			`"paymentState":"FAILED","payResponseCode":"COLLECT_DECLINED"` + collectTail},
		{"collect expired: charge again", stands(collect, payment.Expired, payment.ReasonCollectExpired), false, "PAYMENT_ERROR", "Payment failed.",
			`"paymentState":"FAILED","payResponseCode":"COLLECT_EXPIRED"` + collectTail},
		{"collect paid", stands(collect, payment.Succeeded, ""), true, "PAYMENT_SUCCESS", "Your payment is successful.",
			`"paymentState":"COMPLETED","payResponseCode":"SUCCESS"` + modes + collectTail},
		{"refund", refund, false, "PAYMENT_PENDING", "Payment is in progress, please wait for sometime.",
			`"paymentState":"PENDING","payResponseCode":"PAYMENT_PENDING","transactionContext":{"storeId":"S"}`},
		{"refund done", stands(refund, payment.Succeeded, ""), true, "PAYMENT_SUCCESS", "Your payment is successful.",
			`"paymentState":"COMPLETED","payResponseCode":"SUCCESS"` + modes + `,"transactionContext":{"storeId":"S"}`},
		{"refund refused", stands(refund, payment.Failed, "UPI:ZR"), false, "PAYMENT_ERROR", "Payment failed.",
			`"paymentState":"FAILED","payResponseCode":"UPI:ZR","transactionContext":{"storeId":"S"}`},
	} {
		success := map[bool]string{true: "true", false: "false"}[tt.success]
		want := `{"success":` + success + `,"code":"` + tt.code + `","message":"` + tt.message + `","data":{` + qrHead + tt.data + `}}`
		if got, err := payapi.StatusAnswer(tt.p); err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", tt.name, err, got, want)
		}
	}
}

// TestCallbackIsStatus: a callback carries, byte for byte, what the status route
// of its own API answers: v3's for a QR string, a collect or a refund, v1's for
// the rest, by a card as by a QR.
func TestCallbackIsStatus(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	original := c.made(qrPath, qrSample, "", paid...)
	refunded := c.fresh()
	c.send(postTo(t, refundPath, merchantKey, with(refundSample, fields{"transactionId": refunded, "originalTransactionId": original})))
	for id, route := range map[string]string{
		c.made(edcPath, edcSample, "", paid...):                                                  "/v1/payment/MERCHANTUAT/%/status",
		c.made(edcPath, edcSample, payment.ReasonHandoverTimeout, payment.EventHandoverTimedOut): "/v1/edc/transaction/MERCHANTUAT/%/status",
		c.made(edcPath, sample(fields{"merchantTransactionId": nil}), "UPI:IP08", failed...):     "/v1/payment/MERCHANTUAT/%/status",
		original: "/v3/transaction/MERCHANTUAT/%/status",
		refunded: "/v3/transaction/MERCHANTUAT/%/status",
		c.made(qrPath, qrSample, payment.ReasonQRExpired, payment.EventExpired):                   "/v3/transaction/MERCHANTUAT/%/status",
		c.made(collectPath, collectSample, payment.ReasonCollectDeclined, failed...):              "/v3/transaction/MERCHANTUAT/%/status",
		c.made(collectPath, collectSample, payment.ReasonCollectExpired, payment.EventExpired):    "/v3/transaction/MERCHANTUAT/%/status",
		c.made(qrPath, qrSample, payment.ReasonCancelledByMerchant, payment.EventCancelRequested): "/v3/transaction/MERCHANTUAT/%/status",
	} {
		p, err := c.DB.Payment(t.Context(), "MERCHANTUAT", id)
		if err != nil {
			t.Fatal(err)
		}
		body, err := payapi.StatusAnswer(p)
		for _, by := range []string{id, p.ID} {
			if a := c.send(bare("GET", strings.Replace(route, "%", by, 1), merchantKey)); err != nil || a.status != http.StatusOK || a.raw != string(body) {
				t.Errorf("%s of %s %s: status %d\n%s\ncallback\n%s", route, p.Solution, p.State, a.status, a.raw, body)
			}
		}
	}
	// A refund is no payment: v1 does not know it, and nobody can cancel it.
	for _, r := range []*http.Request{
		bare("GET", "/v1/payment/MERCHANTUAT/"+refunded+"/status", merchantKey), bare("POST", "/v1/edc/transaction/MERCHANTUAT/"+refunded+"/status", merchantKey),
		bare("PUT", "/v1/payment/MERCHANTUAT/"+refunded+"/cancel", merchantKey),
	} {
		if a := c.send(r); a.status != http.StatusBadRequest || a.Code != "INVALID_TRANSACTION_ID" {
			t.Errorf("%s: %d %s", r.URL, a.status, a.raw)
		}
	}
}

// TestNobodyElses: what another merchant has is not there, by its id or by ours,
// on every route that takes an id: the answer is the one to an id that nobody
// has, byte for byte (DESIGN 5; failure matrix I12).
func TestNobodyElses(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	const key = "sandbox-second-key"
	theirs := c.made(qrPath, qrSample, "", paid...)
	open := c.made(collectPath, collectSample, "")
	ours := map[string]string{}
	for _, id := range []string{theirs, open} {
		p, err := c.DB.Payment(t.Context(), "MERCHANTUAT", id)
		if err != nil {
			t.Fatal(err)
		}
		ours[id] = p.ID
	}
	n := 0
	refund := func(by, id string) *http.Request {
		n++
		return postTo(t, refundPath, key, fields{"merchantId": "MERCHANTTWO", "transactionId": "REFUND" + string(rune('A'+n)), "amount": 1, by: id})
	}
	path := func(method, route string) func(string) *http.Request {
		return func(id string) *http.Request { return bare(method, strings.Replace(route, "%", id, 1), key) }
	}
	for name, ask := range map[string]func(string) *http.Request{
		"v1 status":        path("GET", "/v1/payment/MERCHANTTWO/%/status"),
		"EDC status":       path("POST", "/v1/edc/transaction/MERCHANTTWO/%/status"),
		"v1 cancel":        path("PUT", "/v1/payment/MERCHANTTWO/%/cancel"),
		"v3 status":        path("GET", "/v3/transaction/MERCHANTTWO/%/status"),
		"v3 cancel":        path("POST", "/v3/charge/MERCHANTTWO/%/cancel"),
		"remind":           path("POST", "/v3/charge/MERCHANTTWO/%/remind"),
		"refund by id":     func(id string) *http.Request { return refund("originalTransactionId", id) },
		"refund by our id": func(id string) *http.Request { return refund("providerReferenceId", id) },
		"recon from there": func(id string) *http.Request {
			return postTo(t, "/v1/transactions/details", key, fields{"merchantId": "MERCHANTTWO", "searchAfter": fields{"transactionId": id}})
		},
	} {
		nothing := c.send(ask("nobodys"))
		if nothing.status == http.StatusOK || nothing.status >= 500 {
			t.Errorf("%s of nothing: %d %s", name, nothing.status, nothing.raw)
		}
		for _, id := range []string{theirs, open} {
			for _, by := range []string{id, ours[id]} {
				if a := c.send(ask(by)); a.status != nothing.status || a.raw != nothing.raw {
					t.Errorf("%s of another's: %d %s, of nothing: %d %s", name, a.status, a.raw, nothing.status, nothing.raw)
				}
			}
		}
	}
	search := postTo(t, "/v1/edc/transaction/status", key, fields{"merchantId": "MERCHANTTWO", "terminalId": "secondterminal", "merchantTransactionId": theirs})
	if a := c.send(search); a.status != http.StatusOK || !strings.HasSuffix(a.raw, `"data":[]}`) {
		t.Errorf("search: %s", a.raw)
	}
	if a := c.send(postTo(t, "/v1/edc/transaction/status", key, fields{"merchantId": "MERCHANTTWO", "terminalId": "testterminal1", "rrn": "632512004217"})); a.Code != "INVALID_TERMINAL_ID" {
		t.Errorf("search at another's terminal: %s", a.raw)
	}
	for _, path := range []string{"/v3/qr/transaction/list", "/v1/transactions/details"} {
		if a := c.send(postTo(t, path, key, fields{"merchantId": "MERCHANTTWO"})); a.status != http.StatusOK || strings.Contains(a.raw, "MERCHANTUAT") || strings.Contains(a.raw, theirs) {
			t.Errorf("%s: %s", path, a.raw)
		}
		if a := c.send(postTo(t, path, key, fields{"merchantId": "MERCHANTTWO", "storeId": "teststore1"})); a.status != http.StatusBadRequest {
			t.Errorf("%s of another's store: %s", path, a.raw)
		}
	}
}
