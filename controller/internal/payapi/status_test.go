package payapi_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// TestStatus: any known payment is a SUCCESS of the question, by either id and
// by the merchant's or its provider's key; nobody else sees it.
func TestStatus(t *testing.T) {
	d := newDoor(t)
	if a := d.init(nil); a.Code != "SUCCESS" {
		t.Fatal(a.raw)
	}
	a := d.status("MERCHANTUAT", "TXN0015985", merchantKey)
	if a.status != 200 || !a.Success || a.Code != "SUCCESS" || a.Data["status"] != "PENDING" || a.Data["amount"] != 100.0 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	ours, _ := a.Data["phonepeTransactionId"].(string)
	if b := d.status("MERCHANTUAT", ours, merchantKey); b.raw != a.raw {
		t.Errorf("by our id: %s", b.raw)
	}
	if b := d.status("MERCHANTUAT", "TXN0015985", providerKey, "X-PROVIDER-ID", "MERCHANTPROVIDER"); b.raw != a.raw {
		t.Errorf("by the provider: %s", b.raw)
	}
	for name, b := range map[string]struct {
		got    answer
		status int
		code   string
	}{
		"unknown id":             {d.status("MERCHANTUAT", "NOPE", merchantKey), 400, "INVALID_TRANSACTION_ID"},
		"another merchant's":     {d.status("MERCHANTTWO", "TXN0015985", "sandbox-second-key"), 400, "INVALID_TRANSACTION_ID"},
		"ours, another merchant": {d.status("MERCHANTTWO", ours, "sandbox-second-key"), 400, "INVALID_TRANSACTION_ID"},
		"another's key":          {d.status("MERCHANTUAT", "TXN0015985", "sandbox-second-key"), 401, "UNAUTHORIZED"},
		"unknown merchant":       {d.status("NOBODY", "TXN0015985", merchantKey), 401, "UNAUTHORIZED"},
		"a provider not of it":   {d.status("MERCHANTUAT", "TXN0015985", "sandbox-second-provider-key", "X-PROVIDER-ID", "SECONDPROVIDER"), 401, "UNAUTHORIZED"},
	} {
		if b.got.status != b.status || b.got.Code != b.code {
			t.Errorf("%s: %d %s", name, b.got.status, b.got.raw)
		}
	}
}

// TestStatusData is phonepe-api: Status data, for every way a payment stands.
func TestStatusData(t *testing.T) {
	created, ended := time.UnixMilli(1_700_000_000_000), time.UnixMilli(1_700_000_009_000)
	base := payment.Payment{
		ID: "GP1", Key: payment.Key{MerchantID: "M", TransactionID: "T1"}, StoreID: "S", TerminalID: "D", OrderID: "O",
		Amount: 24500, State: payment.Presented, CreatedAt: created,
	}
	end := func(state payment.State, reason string, attempted bool) payment.Payment {
		p := base
		p.State, p.Reason, p.Attempted, p.EndedAt = state, reason, attempted, ended
		return p
	}
	paid := end(payment.Succeeded, "", true)
	paid.Reference, paid.UPITxnID = "632600000001", "X1"
	byCard := end(payment.Succeeded, "", true)
	byCard.Solution, byCard.Instrument, byCard.Reference = payment.EDC, protocol.PayCard, "632512004217"
	byCard.CardLast4, byCard.CardNetwork, byCard.CardType = "4242", "VISA", "DEBIT"
	declined := end(payment.Failed, payment.ReasonCardDeclined, true)
	declined.Instrument, declined.Reference = protocol.PayCard, "never told"
	shown := base // a card was asked for, nobody has begun to pay
	shown.Instrument = protocol.PayCard
	paying := shown
	paying.State, paying.Attempted, paying.CancelAsked = payment.InProgress, true, true
	parked := paying
	parked.State, parked.Instrument = payment.Parked, protocol.PayDQR
	open := base
	open.Solution, open.Open, open.ShortOrderID, open.TerminalID, open.State = payment.EDC, true, "0042", "", payment.Created
	const head = `"merchantId":"M","storeId":"S","terminalId":"D","orderId":"O","merchantOrderId":"O","transactionId":"T1","merchantTransactionId":"T1","phonepeTransactionId":"GP1"`
	for _, tt := range []struct {
		name string
		p    payment.Payment
		data string
	}{
		{"paid by card", byCard, head + `,"referenceNumber":"632512004217","paymentMode":"CARD","amount":24500,"status":"SUCCESS","responseCode":"null","paymentInstruments":[{"type":"CARD","amount":24500,"last4Digits":"4242","cardNetwork":"VISA","cardType":"DEBIT"}],"timestamp":1700000009000`},
		{"card declined", declined, head + `,"paymentMode":"CARD","amount":24500,"status":"FAILED","responseCode":"CARD_DECLINED","timestamp":1700000009000`},
		{"card wanted", shown, head + `,"amount":24500,"status":"PENDING","timestamp":1700000000000`},
		{"card being read, cancel asked", paying, head + `,"paymentMode":"CARD","amount":24500,"status":"PENDING","timestamp":1700000000000`},
		{"parked", parked, head + `,"paymentMode":"DQR","amount":24500,"status":"PENDING","timestamp":1700000000000`},
		{"in the pool", open, strings.Replace(head, `"terminalId":"D",`, "", 1) + `,"amount":24500,"status":"PENDING","timestamp":1700000000000`},
		{"cancelled", end(payment.Cancelled, payment.ReasonCancelledByMerchant, false), head + `,"amount":24500,"status":"FAILED","responseCode":"CANCELLED_BY_MERCHANT","timestamp":1700000009000`},
		{"cancelled after a failure", end(payment.Cancelled, payment.ReasonCancelledByMerchant, true), head + `,"paymentMode":"DQR","amount":24500,"status":"FAILED","responseCode":"CANCELLED_BY_MERCHANT","timestamp":1700000009000`},
		{"rejected", end(payment.Failed, payment.ReasonRejectedByCashier, false), head + `,"amount":24500,"status":"FAILED","responseCode":"REJECTED_BY_CASHIER","timestamp":1700000009000`},
		{"not handed over", end(payment.Expired, payment.ReasonHandoverTimeout, false), head + `,"amount":24500,"status":"EXPIRED","responseCode":"HANDOVER_TIMEOUT","timestamp":1700000009000`},
		{"pending", base, head + `,"amount":24500,"status":"PENDING","timestamp":1700000000000`},
		{"paid", paid, head + `,"referenceNumber":"632600000001","paymentMode":"DQR","amount":24500,"status":"SUCCESS","responseCode":"null","paymentInstruments":[{"type":"ACCOUNT","amount":24500,"upiTransactionId":"X1"}],"timestamp":1700000009000`},
		{"declined", end(payment.Failed, "UPI:IP08", true), head + `,"paymentMode":"DQR","amount":24500,"status":"FAILED","responseCode":"UPI:IP08","timestamp":1700000009000`},
		{"superseded", end(payment.Cancelled, payment.ReasonSuperseded, false), head + `,"amount":24500,"status":"FAILED","responseCode":"SUPERSEDED","timestamp":1700000009000`},
		{"expired", end(payment.Expired, payment.ReasonQRExpired, false), head + `,"amount":24500,"status":"EXPIRED","responseCode":"QR_EXPIRED","timestamp":1700000009000`},
	} {
		got, err := payapi.StatusAnswer(tt.p)
		want := `{"success":true,"code":"SUCCESS","message":"Your request has been successfully completed.","data":{` + tt.data + `}}`
		if err != nil || string(got) != want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, want)
		}
		if !json.Valid(got) {
			t.Errorf("%s is not JSON", tt.name)
		}
	}
}
