package payapi_test

import (
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol/upiuri"
)

// TestEDCInit is phonepe-api: Payment init, EDC: what is kept of a request that
// is taken, each row the sample with something changed. (What is refused is in
// TestEveryCode.)
func TestEDCInit(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	type stored = payment.Payment
	nothing := func(*stored) {}
	card := func(p *stored) { p.AllowDQR = false }
	open := func(short string) func(*stored) {
		return func(p *stored) { p.Open, p.ShortOrderID, p.TerminalID = true, short, "" }
	}
	for _, tt := range []struct {
		name     string
		path     string
		base     fields
		change   fields
		want     func(*stored)
		handover time.Duration
	}{
		{"the sample", initPath, edcSample, nil, nothing, time.Minute},
		{"the older form", "/v1/edc/transaction/init", edcSample, fields{"solutionType": nil}, nothing, time.Minute},
		{"the older form, which says that it is one", "/v1/edc/transaction/init", edcSample, nil, nothing, time.Minute},
		{"EDC by its mapping alone", initPath, edcSample, fields{"solutionType": nil}, nothing, time.Minute},
		{"card alone", initPath, edcSample, fields{"paymentModes": []string{"CARD"}}, card, time.Minute},
		{"QR alone", initPath, edcSample, fields{"paymentModes": []string{"DQR", "DQR"}}, func(p *stored) { p.AllowCard = false }, time.Minute},
		{"8000 rupees", initPath, edcSample, fields{"amount": 800_000}, func(p *stored) { p.Amount = 800_000 }, time.Minute},
		{"a paisa more: card alone", initPath, edcSample, fields{"amount": 800_001}, func(p *stored) { p.Amount = 800_001; card(p) }, time.Minute},
		{"a rupee", initPath, edcSample, fields{"amount": "100"}, func(p *stored) { p.Amount = 100 }, time.Minute},
		{"a paisa less: card alone", initPath, edcSample, fields{"amount": 99}, func(p *stored) { p.Amount = 99; card(p) }, time.Minute},
		{"handover 1", initPath, edcSample, fields{"timeAllowedForHandoverToTerminalSeconds": 1}, nothing, time.Second},
		{"handover 600", initPath, edcSample, fields{"timeAllowedForHandoverToTerminalSeconds": "600"}, nothing, 10 * time.Minute},
		{"no handover time", initPath, edcSample, fields{"timeAllowedForHandoverToTerminalSeconds": nil}, nothing, time.Minute},
		{"autoAccept true", initPath, edcSample, fields{"autoAccept": true}, func(p *stored) { p.AutoAccept = true }, time.Minute},
		{"autoAccept \"True\"", initPath, edcSample, fields{"autoAccept": "True"}, func(p *stored) { p.AutoAccept = true }, time.Minute},
		{"autoAccept \"FALSE\"", initPath, edcSample, fields{"autoAccept": "FALSE"}, nothing, time.Minute},
		{"autoAccept false", initPath, edcSample, fields{"autoAccept": false}, nothing, time.Minute},
		{"autoAccept \"\"", initPath, edcSample, fields{"autoAccept": ""}, nothing, time.Minute},
		{"an empty short id", initPath, edcSample, fields{"shortOrderId": ""}, nothing, time.Minute},
		{"a display's field", initPath, edcSample, fields{"expiresIn": -1}, nothing, time.Minute},
		{"the order again", initPath, edcSample, fields{"orderId": "testorder1"}, nothing, time.Minute},
		{"OPEN", initPath, openSample, fields{"shortOrderId": "0042"}, open("0042"), time.Minute},
		{"OPEN, and its terminal binds nothing", initPath, openSample, fields{"shortOrderId": "00000043", "terminalId": "testterminal1", "timeAllowedForHandoverToTerminalSeconds": 120}, open("00000043"), 2 * time.Minute},
		{"OPEN, by the older form", "/v1/edc/transaction/init", openSample, fields{"shortOrderId": "9999"}, open("9999"), time.Minute},
	} {
		id := c.fresh()
		ids := fields{"transactionId": id}
		if tt.path == initPath {
			ids = fields{"merchantTransactionId": id, "transactionId": "of no account"}
		}
		a := c.send(postTo(t, tt.path, merchantKey, with(with(tt.base, ids), tt.change)))
		if !a.Success {
			t.Errorf("%s: %s", tt.name, a.raw)
			continue
		}
		p := c.kept(id)
		want := stored{
			ID: p.ID, Key: payment.Key{MerchantID: "MERCHANTUAT", TransactionID: id}, StoreID: "teststore1", TerminalID: "testterminal1",
			OrderID: "testorder1", Amount: 200, Solution: payment.EDC, AllowCard: true, AllowDQR: true, State: payment.Created, Payee: "merchant@upi", QR: p.QR,
			CreatedAt: p.CreatedAt, ExpiresAt: p.CreatedAt.Add(tt.handover), HandoverBy: p.CreatedAt.Add(tt.handover), CallbackMode: "POST",
			Signer: "MERCHANTUAT", SignerIndex: "1", Seq: 1, Hash: p.Hash,
		}
		tt.want(&want)
		if p != want {
			t.Errorf("%s:\n%+v\nwant\n%+v", tt.name, p, want)
		}
		if p.AllowDQR != (p.QR != "") {
			t.Errorf("%s: QR %q", tt.name, p.QR)
		}
		if link, err := upiuri.Verify(p.QR, &c.LinkKey.PublicKey); p.QR != "" && (err != nil || link.AM != p.Amount || link.TR != p.ID) {
			t.Errorf("%s: the link says %+v: %v", tt.name, link, err)
		}
	}
	for name, change := range map[string]fields{
		"INVALID_TERMINAL_ID":                    {"terminalId": "gone"},
		"INTEGRATEDMODE_NOT_ENABLED_ON_TERMINAL": {"terminalId": "standalone"},
		"BAD_REQUEST":                            {"autoAccept": "null"},
	} {
		payload := with(openSample, with(fields{"merchantTransactionId": c.fresh(), "shortOrderId": "7777"}, change))
		if a := c.send(postTo(t, initPath, merchantKey, payload)); a.Code != name {
			t.Errorf("OPEN with %v: %d %s", change, a.status, a.raw)
		}
	}
	if a := c.send(postTo(t, "/v1/edc/transaction/init", merchantKey, sample(fields{"merchantTransactionId": c.fresh()}))); a.status != 400 || a.Code != "BAD_REQUEST" {
		t.Errorf("a display by the older EDC form: %d %s", a.status, a.raw)
	}
}

// TestOrderOfChecks: of two things that are wrong, the first in the documented
// order is told: merchant, store, terminal, id, then the field list (phonepe-api:
// Wire rules).
func TestOrderOfChecks(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	// Each field spoils the request and everything behind it stays spoilt.
	for _, tt := range []struct {
		base  fields
		steps []fields // what is put right, one after another
		codes []string // what is told before each, and after the last
	}{
		{
			with(edcSample, fields{"merchantId": "ASLEEP", "storeId": "closed", "terminalId": "gone", "merchantTransactionId": "a b", "orderId": "", "solutionType": "BOTH", "amount": 0,
				"integrationMappingType": "MANY", "paymentModes": []string{}, "timeAllowedForHandoverToTerminalSeconds": 0, "autoAccept": "maybe", "shortOrderId": "1"}),
			[]fields{
				{"merchantId": "MERCHANTUAT"}, {"storeId": "teststore1"}, {"terminalId": "testterminal1"}, {"merchantTransactionId": c.fresh()}, {"orderId": "O"},
				{"solutionType": "EDC", "terminalId": "standalone"}, {"terminalId": "testterminal1"}, {"amount": 200}, {"integrationMappingType": "OPEN"},
				{"paymentModes": []string{"CARD"}}, {"timeAllowedForHandoverToTerminalSeconds": 60}, {"autoAccept": "true"}, {"shortOrderId": "1234"},
			},
			[]string{
				"INVALID_MERCHANT_ID", "INVALID_STORE_ID", "INVALID_TERMINAL_ID", "INVALID_TRANSACTION_ID", "BAD_REQUEST", "BAD_REQUEST",
				"INTEGRATEDMODE_NOT_ENABLED_ON_TERMINAL", "INVALID_AMOUNT", "INVALID_INTEGRATION_MAPPING_TYPE", "INVALID_PAYMENT_MODES",
				"INVALID_TERMINAL_HANDOVER_TIME", "BAD_REQUEST", "INVALID_SHORTCODE_LENGTH", "SUCCESS",
			},
		},
		{
			with(sample(nil), fields{"merchantTransactionId": c.fresh(), "storeId": 1, "amount": 99, "expiresIn": 0}),
			[]fields{{"storeId": "teststore1"}, {"amount": 100}, {"expiresIn": 1}},
			[]string{"INVALID_STORE_ID", "INVALID_AMOUNT", "BAD_REQUEST", "SUCCESS"},
		},
	} {
		payload := tt.base
		for n, code := range tt.codes {
			if a := c.send(postTo(t, initPath, merchantKey, payload)); a.Code != code {
				t.Errorf("step %d: %d %s, want %s", n, a.status, a.raw, code)
			}
			if n < len(tt.steps) {
				payload = with(payload, tt.steps[n])
			}
		}
	}
}
