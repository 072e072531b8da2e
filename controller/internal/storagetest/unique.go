package storagetest

import (
	"errors"
	"testing"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
)

var uniqueCases = []testCase{
	{"what was there first stays, and the batch may try again", firstStays},
	{"the same id of somebody else is another id", othersIDs},
}

func firstStays(t *testing.T, b bench) {
	p := newPayment("p1")
	first := decide.Changes{
		NewPayments: []payment.Payment{p},
		Events:      []payment.Record{{PaymentID: "p1", Seq: 1, Event: payment.EventInit, To: payment.Created, At: day}},
		NewQuotes:   []quote.Quote{{Token: "q1", CreatedAt: day, ExpiresAt: day}},
		QuoteEvents: []decide.QuoteEvent{{Token: "q1", Seq: 1, At: day}},
		Messages:    []decide.Message{{MessageKey: decide.MessageKey{OrgID: "O", MsgID: "m1"}, At: day}},
		NewReqPays:  []decide.ReqPay{{TxnKey: decide.TxnKey{OrgID: "O", TxnID: "x1"}, Status: "SUCCESS", At: day}},
		NewCredits:  []decide.Credit{{TxnKey: decide.TxnKey{OrgID: "O", TxnID: "x1"}, State: decide.CreditApplied, At: day}},
		NewShort:    []decide.ShortOrder{{ShortKey: decide.ShortKey{MerchantID: merchantA, StoreID: "s", Code: "0042"}, PaymentID: "p1"}},
		Network:     []decide.NetworkRequest{{ID: "p1-ask1", Kind: decide.NetworkAsk, PaymentID: "p1", At: day}},
		Callbacks:   []decide.Callback{{EventID: "EVp1", PaymentID: "p1", At: day}},
	}
	b.add(t, first)
	for name, again := range map[string]decide.Changes{
		"payment id":     created(payment.Payment{ID: "p1", Key: payment.Key{MerchantID: "M", TransactionID: "T"}, Amount: 1, State: payment.Created, Solution: payment.EDC, CreatedAt: day, ExpiresAt: day}),
		"merchant's id":  created(payment.Payment{ID: "p2", Key: p.Key, Amount: 1, State: payment.Created, Solution: payment.EDC, CreatedAt: day, ExpiresAt: day}),
		"event":          {Events: first.Events},
		"token":          {NewQuotes: first.NewQuotes},
		"quote event":    {QuoteEvents: first.QuoteEvents},
		"message id":     {Messages: first.Messages},
		"transaction id": {NewReqPays: first.NewReqPays},
		"credit":         {NewCredits: first.NewCredits},
		"callback":       {Callbacks: first.Callbacks},
		"short order":    {NewShort: first.NewShort},
		"network":        {Network: first.Network},
	} {
		again.NewPayments = append(again.NewPayments, newPayment("other"))
		err := b.apply(t, decide.Needs{}, func(decide.Snapshot) decide.Changes { return again })
		if !errors.Is(err, journal.ErrAgain) {
			t.Errorf("%s taken: Apply = %v, want ErrAgain", name, err)
		}
		if _, err := b.PaymentByID(t.Context(), "other"); !errors.Is(err, journal.ErrNotFound) {
			t.Fatalf("%s taken: the rest of the batch was kept: %v", name, err)
		}
	}
	same(t, "the first payment", b.payment(t, "p1"), p)
}

func othersIDs(t *testing.T, b bench) {
	mine, theirs := newPayment("p1"), newPayment("p2")
	theirs.Key = payment.Key{MerchantID: merchantB, TransactionID: mine.TransactionID}
	b.add(t, decide.Changes{
		NewPayments: []payment.Payment{mine, theirs},
		Messages: []decide.Message{
			{MessageKey: decide.MessageKey{OrgID: "O", MsgID: "m"}, At: day}, {MessageKey: decide.MessageKey{OrgID: "P", MsgID: "m"}, At: day}},
		NewReqPays: []decide.ReqPay{
			{TxnKey: decide.TxnKey{OrgID: "O", TxnID: "x"}, Status: "SUCCESS", At: day},
			{TxnKey: decide.TxnKey{OrgID: "P", TxnID: "x"}, Status: "SUCCESS", At: day}},
	})
}
