package payapi_test

import (
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// expectRefund is phonepe-api: Refund, given what there is. reason is a
// PAYMENT_ERROR's.
func (d *fuzzDoor) expectRefund(people *merchant.Directory, o asked) (code, reason string, original, want payment.Payment) {
	merchantID, _ := o.text("merchantId")
	m, known := people.Merchant(merchantID)
	id, idIsText := o.text("transactionId")
	theirs, theirsIsText := o.text("originalTransactionId")
	ours, oursIsText := o.text("providerReferenceId")
	message, messageIsText := o.text("message")
	amount, wrongAmount := o.amount()
	switch {
	case !known:
		return "AUTHORIZATION_FAILED", "", original, want
	case !m.Active:
		return "BAD_REQUEST", "", original, want
	case !idIsText || !isID(id, 37):
		return "INVALID_TRANSACTION_ID", "", original, want
	case !theirsIsText || theirs != "" && !isID(theirs, 64), !oursIsText || ours != "" && !isID(ours, 64), theirs == "" && ours == "":
		return "BAD_REQUEST", "", original, want
	}
	// The merchant's own id is looked up as such, ours as ours.
	find := func(id string, own bool) (payment.Payment, bool) {
		p, err := d.DB.Payment(d.t.Context(), merchantID, id)
		return p, err == nil && (p.TransactionID == id) == own
	}
	there := false
	if original, there = find(ours, false); theirs != "" {
		original, there = find(theirs, true)
	}
	switch both := theirs != "" && ours != ""; {
	case both && !there && original.ID != ours:
		return "TRANSACTION_NOT_FOUND", "", original, want
	case both && original.ID != ours:
		return "BAD_REQUEST", "", original, want
	case wrongAmount != "", !messageIsText || len(message) > 256 || controls.MatchString(message):
		return "BAD_REQUEST", "", original, want
	}
	_, taken := find(id, true)
	switch {
	case taken:
		return "INVALID_TRANSACTION_ID", "", original, want
	case !there || original.Solution == payment.Refund:
		return "TRANSACTION_NOT_FOUND", "", original, want
	case original.State != payment.Succeeded:
		return "PAYMENT_ERROR", "ORIGINAL_NOT_PAID", original, want
	case protocol.Paise(amount)+original.Refunded > original.Amount:
		return "PAYMENT_ERROR", "EXCESS_REFUND_AMOUNT", original, want
	}
	return "PAYMENT_PENDING", "PAYMENT_PENDING", original, payment.Payment{
		Key: payment.Key{MerchantID: merchantID, TransactionID: id}, StoreID: original.StoreID, OrderID: original.OrderID, Amount: protocol.Paise(amount),
		Solution: payment.Refund, Original: original.ID, Message: message, State: payment.InProgress, Attempted: true, Payee: original.Payee, Payer: original.Payer,
		CallbackURL: m.CallbackURL, CallbackMode: "POST", Signer: merchantID, SignerIndex: "1", Seq: 2,
	}
}

// FuzzRefund is the way of a refund: what is taken is one row and one request to
// the network, and what is promised of the original rises by as much; what is
// refused leaves nothing.
func FuzzRefund(f *testing.F) {
	base := newFuzzDoor(f)
	original := base.made(qrPath, with(qrSample, fields{"amount": 800_000}), "", paid...)
	small := base.made(qrPath, qrSample, "", paid...)
	waits := base.made(qrPath, qrSample, "")
	refund := base.fresh()
	base.send(postTo(f, refundPath, merchantKey, with(refundSample, fields{"transactionId": refund, "originalTransactionId": small, "amount": 99})))
	base.saved.take()
	// Our ids differ from one process to the next; "GP1" stands for the original's.
	ours := base.kept(original).ID

	s := &seeds{t: f, base: with(refundSample, fields{"originalTransactionId": original}), id: "transactionId"}
	s.add(nil, fields{"amount": "1"}, fields{"amount": 800_001}, fields{"originalTransactionId": nil, "providerReferenceId": "GP1"}, fields{"providerReferenceId": "GP1"},
		fields{"originalTransactionId": small, "providerReferenceId": "GP1"}, fields{"originalTransactionId": "nobodys", "providerReferenceId": "GP1"},
		fields{"originalTransactionId": small, "amount": 1}, fields{"originalTransactionId": small, "amount": 2}, fields{"originalTransactionId": waits}, fields{"originalTransactionId": refund},
		fields{"originalTransactionId": "nobodys"}, fields{"originalTransactionId": nil}, fields{"originalTransactionId": "a b"}, fields{"providerReferenceId": 1}, fields{"transactionId": original},
		fields{"merchantId": "MERCHANTTWO"}, fields{"merchantId": "MERCHANTTWO", "originalTransactionId": nil, "providerReferenceId": "GP1"}, fields{"merchantId": "ASLEEP"},
		fields{"message": "₹"}, fields{"message": strings.Repeat("x", 256)}, fields{"message": strings.Repeat("x", 257)}, fields{"message": "\n"}, fields{"message": 1}, fields{"amount": 1.0e3}, fields{"transactionId": nil}, fields{"merchantOrderId": 1, "subMerchant": nil})
	s.hostile()
	s.to(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, body := range bodies(data) {
			base.of(t).refunds(namedOurs(body, ours))
		}
	})
}

func (d *fuzzDoor) refunds(body []byte) {
	d.t.Helper()
	o, _, ok := readable(body)
	code, reason, original, want, unauthorized := "BAD_REQUEST", "", payment.Payment{}, payment.Payment{}, "BAD_REQUEST"
	if ok {
		unauthorized = "AUTHORIZATION_FAILED"
		code, reason, original, want = d.expectRefund(d.People, o)
	}
	if a, _ := d.ask(refundPath, body, "a wrong key"); a.Code != unauthorized {
		d.t.Errorf("with a wrong signature: %d %s", a.status, a.raw)
	}
	a, saved := d.ask(refundPath, body, d.key(o))
	if got, _ := a.Data["payResponseCode"].(string); a.Code != code || got != reason {
		d.t.Fatalf("%d %s, want %s %s", a.status, a.raw, code, reason)
	}
	if code != "PAYMENT_PENDING" {
		return
	}
	if len(saved) != 1 || len(saved[0].NewPayments) != 1 || len(saved[0].Payments) != 1 || len(saved[0].Events) != 2 || len(saved[0].Callbacks) != 0 {
		d.t.Fatalf("taken, and saved %+v", saved)
	}
	p := saved[0].NewPayments[0]
	want.ID, want.Hash, want.CreatedAt, want.StartedAt = p.ID, p.Hash, p.CreatedAt, p.CreatedAt
	want.ExpiresAt, want.AttendAt = p.CreatedAt.Add(payment.ParkAfter), p.CreatedAt.Add(payment.Asks()[0])
	if p != want {
		d.t.Errorf("taken as\n%+v\nthe second reader has\n%+v", p, want)
	}
	promised := original
	promised.Refunded += p.Amount
	if saved[0].Payments[0] != promised || promised.Refunded > promised.Amount {
		d.t.Errorf("of the original is promised %s, %s before, %s now", saved[0].Payments[0].Refunded, original.Refunded, p.Amount)
	}
	request := decide.NetworkRequest{ID: p.ID + "-refund", Kind: decide.NetworkRefund, PaymentID: p.ID, Amount: p.Amount, At: p.CreatedAt}
	if len(saved[0].Network) != 1 || saved[0].Network[0] != request {
		d.t.Errorf("the network is asked %+v", saved[0].Network)
	}
	if a.Data["transactionId"] != p.TransactionID || a.Data["amount"] != float64(p.Amount) || a.Data["providerReferenceId"] != p.ID {
		d.t.Errorf("answered %s", a.raw)
	}
}
