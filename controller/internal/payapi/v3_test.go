package payapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol/upiuri"
)

// kept is a payment as it is stored.
func (c *city) kept(id string) payment.Payment {
	c.t.Helper()
	p, err := c.Storage.Payment(c.t.Context(), "MERCHANTUAT", id)
	if err != nil {
		c.t.Fatalf("%s: %v", id, err)
	}
	return p
}

// TestQRInit is phonepe-api: Endpoints, QR init: what is kept of the request, and
// the link for the POS to draw.
func TestQRInit(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	for name, tt := range map[string]struct {
		change fields
		want   func(*payment.Payment)
		lives  time.Duration
	}{
		"the sample":                             {nil, func(*payment.Payment) {}, 3 * time.Minute},
		"amount and time as texts":               {fields{"amount": "100", "expiresIn": "60"}, func(*payment.Payment) {}, time.Minute},
		"without a time":                         {fields{"expiresIn": nil}, func(*payment.Payment) {}, 3 * time.Minute},
		"a time held to half an hour":            {fields{"expiresIn": 86400}, func(*payment.Payment) {}, 30 * time.Minute},
		"without an order: the transaction's id": {fields{"merchantOrderId": nil}, func(p *payment.Payment) { p.OrderID = p.TransactionID }, 3 * time.Minute},
		"without store and terminal":             {fields{"storeId": nil, "terminalId": nil}, func(p *payment.Payment) { p.StoreID, p.ContextTerminal = "", "" }, 3 * time.Minute},
		"with everything": {
			fields{"message": "For ₹1", "subMerchantId": "Demo-1", "gstBreakup": fields{"gst": 1.5, "cgst": "x"}, "invoiceDetails": fields{"invoiceNumber": "12##"}},
			func(p *payment.Payment) { p.Message, p.SubMerchantID = "For ₹1", "Demo-1" }, 3 * time.Minute,
		},
		"v1's name for the id is a stranger's": {fields{"merchantTransactionId": "OTHER"}, func(*payment.Payment) {}, 3 * time.Minute},
	} {
		id := c.fresh()
		a := c.send(postTo(t, qrPath, merchantKey, with(with(qrSample, fields{"transactionId": id}), tt.change)))
		if !a.Success {
			t.Errorf("%s: %s", name, a.raw)
			continue
		}
		p := c.kept(id)
		want := payment.Payment{
			ID: p.ID, Key: payment.Key{MerchantID: "MERCHANTUAT", TransactionID: id}, StoreID: "teststore1", ContextTerminal: "till-7", OrderID: "M1",
			Amount: 100, Solution: payment.QRString, State: payment.Created, Payee: "merchant@upi", QR: p.QR,
			CreatedAt: p.CreatedAt, ExpiresAt: p.CreatedAt.Add(tt.lives), CallbackMode: "POST", Signer: "MERCHANTUAT", SignerIndex: "1", Seq: 1, Hash: p.Hash,
		}
		tt.want(&want)
		if p != want {
			t.Errorf("%s:\n%+v\nwant\n%+v", name, p, want)
		}
		link, err := upiuri.Verify(p.QR, &c.LinkKey.PublicKey)
		if err != nil || link.AM != 100 || link.TR != p.ID || link.QRexpire.Sub(link.QRts) != tt.lives {
			t.Errorf("%s: the link says %+v: %v", name, link, err)
		}
		if a.Data["qrString"] != p.QR || a.Data["transactionId"] != id || a.Data["amount"] != 100.0 || a.Data["merchantId"] != "MERCHANTUAT" || a.Data["providerReferenceId"] != p.ID {
			t.Errorf("%s: %s", name, a.raw)
		}
	}
}

// TestCollect is phonepe-api: Collect: mandatory fields, and how long it lives.
func TestCollect(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	for _, tt := range []struct {
		change   fields
		by, from string
		lives    time.Duration
		wrong    string // the field that is named
	}{
		{nil, "VPA", "testvpa@ybl", 3 * time.Minute, ""},
		{fields{"instrumentType": "MOBILE", "instrumentReference": "9876543210"}, "MOBILE", "9876543210", 3 * time.Minute, ""},
		{fields{"expiresIn": nil}, "VPA", "testvpa@ybl", 30 * 24 * time.Hour, ""},
		{fields{"expiresIn": 365 * 24 * 3600}, "VPA", "testvpa@ybl", 30 * 24 * time.Hour, ""},
		{fields{"expiresIn": "1", "storeId": "teststore1", "terminalId": "t", "email": "a@b.example", "amount": 10_000_000_000}, "VPA", "testvpa@ybl", time.Second, ""},
		{fields{"merchantOrderId": nil}, "", "", 0, "merchantOrderId"},
		{fields{"instrumentType": nil}, "", "", 0, "instrumentType"},
		{fields{"instrumentType": "vpa"}, "", "", 0, "instrumentType"},
		{fields{"instrumentReference": nil}, "", "", 0, "instrumentReference"},
		{fields{"instrumentReference": "two@at@signs"}, "", "", 0, "instrumentReference"},
		{fields{"instrumentReference": " testvpa@ybl"}, "", "", 0, "instrumentReference"},
		{fields{"instrumentType": "MOBILE", "instrumentReference": 9876543210}, "", "", 0, "instrumentReference"},
		{fields{"instrumentType": "MOBILE", "instrumentReference": "98765432100"}, "", "", 0, "instrumentReference"},
		{fields{"instrumentType": "MOBILE", "instrumentReference": "987654321०"}, "", "", 0, "instrumentReference"},
		{fields{"instrumentType": "MOBILE", "instrumentReference": "testvpa@ybl"}, "", "", 0, "instrumentReference"},
		{fields{"expiresIn": 0}, "", "", 0, "expiresIn"}, {fields{"expiresIn": 1.5}, "", "", 0, "expiresIn"},
		{fields{"email": 1}, "", "", 0, "email"}, {fields{"shortName": fields{}}, "", "", 0, "shortName"},
		{fields{"message": strings.Repeat("₹", 86)}, "", "", 0, "message"}, {fields{"message": "a\x00"}, "", "", 0, "message"},
		{fields{"subMerchantId": "a b"}, "", "", 0, "subMerchantId"}, {fields{"amount": 0}, "", "", 0, "The amount"}, {fields{"amount": "1.0"}, "", "", 0, "amount"},
	} {
		id := c.fresh()
		a := c.send(postTo(t, collectPath, merchantKey, with(with(collectSample, fields{"transactionId": id}), tt.change)))
		if tt.wrong != "" {
			if _, err := c.Storage.Payment(t.Context(), "MERCHANTUAT", id); a.status != 400 || a.Code != "BAD_REQUEST" || !strings.HasPrefix(a.Message, tt.wrong) || err == nil {
				t.Errorf("%v: %d %s; kept: %v", tt.change, a.status, a.raw, err)
			}
			continue
		}
		p := c.kept(id)
		if !a.Success || p.CollectBy != tt.by || string(p.CollectFrom) != tt.from || p.ExpiresAt.Sub(p.CreatedAt) != tt.lives || p.QR != "" || p.TerminalID != "" {
			t.Errorf("%v: %s\n%+v", tt.change, a.raw, p)
		}
	}
}

// TestCancelAnswers is phonepe-api: Cancel, for every way a payment stands, of
// every product, on both routes: the answer and then the truth.
func TestCancelAnswers(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	type product struct {
		path    string
		payload fields
	}
	for name, p := range map[string]product{
		"DQR": {initPath, sample(fields{"merchantTransactionId": nil})}, "EDC": {initPath, edcSample}, "QR": {qrPath, qrSample}, "collect": {collectPath, collectSample},
	} {
		for _, tt := range []struct {
			stands  string
			reason  string
			events  []payment.Event
			status  int
			code    string
			message string
			then    payment.State
		}{
			{"waits", "", nil, 200, "SUCCESS", "Your request has been successfully completed.", payment.Cancelled},
			{"was cancelled", payment.ReasonCancelledByMerchant, []payment.Event{payment.EventCancelRequested}, 200, "SUCCESS", "Your request has been successfully completed.", payment.Cancelled},
			{"is being paid", "", paying, 200, "CANCEL_REQUESTED", "Payment is in progress, check the status", payment.InProgress},
			{"is being paid, and was asked", "", []payment.Event{payment.EventPayStarted, payment.EventCancelRequested}, 200, "CANCEL_REQUESTED", "Payment is in progress, check the status", payment.InProgress},
			{"is parked", "", []payment.Event{payment.EventPayStarted, payment.EventParked}, 200, "CANCEL_REQUESTED", "Payment is in progress, check the status", payment.Parked},
			{"was paid", "", paid, 400, "PAYMENT_ALREADY_COMPLETED", "Payment is already complete.", payment.Succeeded},
			{"failed", "UPI:IP08", failed, 400, "PAYMENT_ALREADY_ENDED", "Payment has already ended: UPI:IP08", payment.Failed},
			{"expired", payment.ReasonQRExpired, []payment.Event{payment.EventExpired}, 400, "PAYMENT_ALREADY_ENDED", "Payment has already ended: QR_EXPIRED", payment.Expired},
			{"was superseded", payment.ReasonSuperseded, []payment.Event{payment.EventSuperseded}, 400, "PAYMENT_ALREADY_ENDED", "Payment has already ended: SUPERSEDED", payment.Cancelled},
			{"failed after a cancel", "UPI:IP08", []payment.Event{payment.EventPayStarted, payment.EventCancelRequested, payment.EventPayFailed}, 200, "SUCCESS", "Your request has been successfully completed.", payment.Cancelled},
			{"succeeded after a cancel", "", []payment.Event{payment.EventPayStarted, payment.EventCancelRequested, payment.EventPaySucceeded}, 400, "PAYMENT_ALREADY_COMPLETED", "Payment is already complete.", payment.Succeeded},
		} {
			for method, route := range map[string]string{"PUT": "/v1/payment/MERCHANTUAT/%s/cancel", "POST": "/v3/charge/MERCHANTUAT/%s/cancel"} {
				id := c.made(p.path, p.payload, tt.reason, tt.events...)
				before := c.kept(id)
				a := c.send(bare(method, fmt.Sprintf(route, id), merchantKey))
				if a.status != tt.status || a.Code != tt.code || a.Message != tt.message || a.Success != (tt.status == 200) {
					t.Errorf("%s that %s: %d %s", name, tt.stands, a.status, a.raw)
				}
				if a.Success && (a.Data["merchantId"] != "MERCHANTUAT" || a.Data["merchantTransactionId"] != id || before.TerminalID != "" && a.Data["terminalId"] != before.TerminalID) {
					t.Errorf("%s that %s: %s", name, tt.stands, a.raw)
				}
				if after := c.kept(id); after.State != tt.then || before.State.Final() && after != before {
					t.Errorf("%s that %s is then %s %s", name, tt.stands, after.State, after.Reason)
				}
			}
		}
	}
}

// TestRefunds is phonepe-api: Refund: what may be given back, and what it is told.
func TestRefunds(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	original := c.made(qrPath, qrSample, "", paid...) // of 100
	other := c.made(edcPath, edcSample, "", paid...)
	ours := c.kept(original).ID
	done := func(id, failed string) {
		t.Helper()
		if _, err := journal.Do(t.Context(), c.Journal, refundSettled(c.kept(id), failed)); err != nil {
			t.Fatal(err)
		}
	}
	refund := func(id string, change fields) answer {
		t.Helper()
		return c.send(postTo(t, refundPath, merchantKey, with(with(refundSample, fields{"transactionId": id}), change)))
	}
	says := func(name string, a answer, status int, code string, reason any) {
		t.Helper()
		if a.status != status || a.Code != code || a.Success || a.Data["payResponseCode"] != reason {
			t.Errorf("%s: %d %s, want %d %s %v", name, a.status, a.raw, status, code, reason)
		}
	}
	says("a part", refund("R1", fields{"originalTransactionId": original}), 200, "PAYMENT_PENDING", "PAYMENT_PENDING")
	says("the same again", refund("R1", fields{"originalTransactionId": original}), 417, "INVALID_TRANSACTION_ID", nil)
	says("under the original's id", refund(original, fields{"originalTransactionId": original}), 417, "INVALID_TRANSACTION_ID", nil)
	says("by our id", refund("R2", fields{"providerReferenceId": ours, "amount": "60"}), 200, "PAYMENT_PENDING", "PAYMENT_PENDING")
	says("a paisa more", refund("R3", fields{"providerReferenceId": ours, "amount": 1}), 200, "PAYMENT_ERROR", "EXCESS_REFUND_AMOUNT")
	says("of what a refund gave", refund("R4", fields{"originalTransactionId": "R1"}), 404, "TRANSACTION_NOT_FOUND", nil)
	says("of what a refund gave, by our id", refund("R4", fields{"providerReferenceId": c.kept("R1").ID}), 404, "TRANSACTION_NOT_FOUND", nil)
	says("our id as the merchant's", refund("R4", fields{"originalTransactionId": ours}), 404, "TRANSACTION_NOT_FOUND", nil)
	says("the merchant's id as ours", refund("R4", fields{"providerReferenceId": original}), 404, "TRANSACTION_NOT_FOUND", nil)
	says("of nothing", refund("R4", fields{"providerReferenceId": "GPNOTHING"}), 404, "TRANSACTION_NOT_FOUND", nil)
	says("of two payments", refund("R4", fields{"originalTransactionId": other, "providerReferenceId": ours}), 400, "BAD_REQUEST", nil)
	says("of nothing and one", refund("R4", fields{"originalTransactionId": "nobodys", "providerReferenceId": ours}), 404, "TRANSACTION_NOT_FOUND", nil)
	says("of no payment", refund("R4", nil), 400, "BAD_REQUEST", nil)
	says("of what waits", refund("R4", fields{"originalTransactionId": c.made(qrPath, qrSample, "")}), 200, "PAYMENT_ERROR", "ORIGINAL_NOT_PAID")
	for _, change := range []fields{{"amount": 0}, {"amount": 0.5}, {"amount": ""}, {"amount": -40}, {"message": "a\n"}, {"originalTransactionId": 1}, {"providerReferenceId": "a b"}} {
		says(fmt.Sprint(change), refund("R4", with(fields{"originalTransactionId": original}, change)), 400, "BAD_REQUEST", nil)
	}
	says("badly named", refund(strings.Repeat("x", 38), fields{"originalTransactionId": original}), 400, "INVALID_TRANSACTION_ID", nil)
	if _, err := c.Storage.Payment(t.Context(), "MERCHANTUAT", "R4"); err == nil {
		t.Error("a refused refund left a row")
	}
	if p := c.kept(original); p.Refunded != 100 {
		t.Errorf("%d are promised", p.Refunded)
	}
	// What was not to be given back is free again, what was is not.
	done("R2", "ZR")
	says("after one was refused", refund("R5", fields{"originalTransactionId": original, "providerReferenceId": ours, "amount": 60}), 200, "PAYMENT_PENDING", "PAYMENT_PENDING")
	done("R1", "")
	done("R5", "")
	says("after all", refund("R6", fields{"originalTransactionId": original, "amount": 1}), 200, "PAYMENT_ERROR", "EXCESS_REFUND_AMOUNT")
	for id, code := range map[string]string{"R1": "PAYMENT_SUCCESS", "R2": "PAYMENT_ERROR", "R5": "PAYMENT_SUCCESS"} {
		if a := c.send(bare("GET", "/v3/transaction/MERCHANTUAT/"+id+"/status", merchantKey)); a.status != http.StatusOK || a.Code != code || a.Data["transactionId"] != id {
			t.Errorf("%s: %s", id, a.raw)
		}
	}
	if a := c.send(bare("GET", "/v3/transaction/MERCHANTUAT/"+original+"/status", merchantKey)); a.Code != "PAYMENT_SUCCESS" || a.Data["amount"] != 100.0 {
		t.Errorf("the original: %s", a.raw)
	}
}

// refundSettled is the network's answer to a refund.
func refundSettled(p payment.Payment, failed string) decide.RefundSettled {
	return decide.RefundSettled{PaymentID: p.ID, Original: p.Original, OrgID: "MER101", Reference: "632600000009", Failed: failed}
}
