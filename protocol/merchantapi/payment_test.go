package merchantapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol/merchantapi"
	"github.com/galla-pay/galla/protocol/merchantapi/merchantapitest"
)

func TestStatusOfEveryEnd(t *testing.T) {
	t.Parallel()
	s, c := setup(t)
	ctx := t.Context()
	must[merchantapi.Accepted](t)(c.InitEDC(ctx, edc("CARD1")))
	must[merchantapi.Accepted](t)(c.InitDQR(ctx, dqr("DQR1", 100)))
	must[merchantapi.Accepted](t)(c.InitDQR(ctx, dqr("DQR2", 100)))
	for id, outcome := range map[string]string{"CARD1": "SUCCESS", "DQR1": "SUCCESS", "DQR2": "FAILED"} {
		if err := s.Settle(merchantapitest.MerchantID, id, outcome, "UPI:ZM"); err != nil {
			t.Fatal(err)
		}
	}
	card := must[merchantapi.Payment](t)(c.Status(ctx, "CARD1"))
	if !card.Paid() || card.PaymentMode != merchantapi.Card || card.PaymentInstruments[0].Last4Digits != "4894" || card.ResponseCode != "null" {
		t.Errorf("paid by card: %+v", card)
	}
	upi := must[merchantapi.Payment](t)(c.Status(ctx, "DQR1"))
	if !upi.Final() || upi.ReferenceNumber != "UTRDQR1" || upi.PaymentInstruments[0].UPITransactionID != "TXNDQR1" {
		t.Errorf("paid by QR: %+v", upi)
	}
	failed := must[merchantapi.Payment](t)(c.Status(ctx, "DQR2"))
	if !failed.Final() || failed.Paid() || failed.ResponseCode != "UPI:ZM" {
		t.Errorf("failed: %+v", failed)
	}
}

// A word that is not in the contract is never taken for an end, and so never
// for money.
func TestOnlyKnownWordsAreFinal(t *testing.T) {
	t.Parallel()
	for word, want := range map[string][2]bool{
		"PENDING": {false, false}, "SUCCESS": {true, true}, "FAILED": {true, false}, "EXPIRED": {true, false},
		"": {false, false}, "success": {false, false}, "PAID": {false, false},
	} {
		p := merchantapi.Payment{Status: word}
		if got := [2]bool{p.Final(), p.Paid()}; got != want {
			t.Errorf("%q: final, paid = %v", word, got)
		}
	}
	for code, want := range map[string][2]bool{
		"PAYMENT_SUCCESS": {true, true}, "PAYMENT_ERROR": {true, false}, "PAYMENT_DECLINED": {true, false},
		"PAYMENT_CANCELLED": {true, false}, "REQUEST_EXPIRED": {true, false}, "PAYMENT_PENDING": {false, false},
		"INTERNAL_SERVER_ERROR": {false, false}, "SUCCESS": {false, false},
	} {
		// The code decides, not the state beside it.
		tx := merchantapi.Transaction{Code: code, PaymentState: "COMPLETED"}
		if got := [2]bool{tx.Final(), tx.Paid()}; got != want {
			t.Errorf("%q: final, paid = %v", code, got)
		}
	}
}

func TestCancelRaces(t *testing.T) {
	t.Parallel()
	s, c := setup(t)
	must[merchantapi.Accepted](t)(c.InitDQR(t.Context(), dqr("T1", 100)))
	if err := s.Settle(merchantapitest.MerchantID, "T1", "PAYING", ""); err != nil {
		t.Fatal(err)
	}
	if asked := must[merchantapi.Cancelled](t)(c.Cancel(t.Context(), "T1")); !asked.Requested() {
		t.Errorf("cancel while the customer pays: %+v", asked)
	}
	if err := s.Settle(merchantapitest.MerchantID, "T1", "SUCCESS", ""); err != nil {
		t.Fatal(err)
	}
	var refused *merchantapi.Error
	if _, err := c.Cancel(t.Context(), "T1"); !errors.As(err, &refused) || refused.Code != "PAYMENT_ALREADY_COMPLETED" {
		t.Errorf("cancel of a paid one: %v", err)
	}
}

// An unified cancel is documented with its fields beside success, too.
func TestCancelAnswerWithoutEnvelope(t *testing.T) {
	t.Parallel()
	c := open(t, config(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"success":true,"merchantId":"MERCHANTUAT","terminalId":"t","merchantTransactionId":"T1","message":"Done"}`))
	})))
	if got := must[merchantapi.Cancelled](t)(c.Cancel(t.Context(), "T1")); got.TerminalID != "t" || got.Message != "Done" || got.Code != "SUCCESS" {
		t.Errorf("%+v", got)
	}
	if _, err := c.Cancel(t.Context(), "T2"); !errors.Is(err, merchantapi.ErrUnknown) {
		t.Errorf("an answer about another payment: %v", err)
	}
}

func TestRefund(t *testing.T) {
	t.Parallel()
	s, c := setup(t)
	ctx := t.Context()
	must[merchantapi.Accepted](t)(c.QRInit(ctx, qr("Q1", 1000)))
	if err := s.Settle(merchantapitest.MerchantID, "Q1", "SUCCESS", ""); err != nil {
		t.Fatal(err)
	}
	first := must[merchantapi.Transaction](t)(c.Refund(ctx, merchantapi.Refund{
		TransactionID: "R1", OriginalTransactionID: "Q1", Amount: 600, MerchantOrderID: "o", SubMerchant: "s", Message: "m",
	}))
	if first.Final() || first.Code != "PAYMENT_PENDING" {
		t.Errorf("first: %+v", first)
	}
	second := must[merchantapi.Transaction](t)(c.Refund(ctx, merchantapi.Refund{TransactionID: "R2", ProviderReferenceID: "GPQ1", Amount: 401}))
	if !second.Final() || second.Paid() || second.PayResponseCode != "EXCESS_REFUND_AMOUNT" {
		t.Errorf("too much: %+v", second)
	}
	if _, err := c.Refund(ctx, merchantapi.Refund{TransactionID: "R1", OriginalTransactionID: "Q1", Amount: 100}); !merchantapi.Duplicate(err) {
		t.Errorf("the same id again: %v", err)
	}
	if err := s.Settle(merchantapitest.MerchantID, "R1", "SUCCESS", ""); err != nil {
		t.Fatal(err)
	}
	if done := must[merchantapi.Transaction](t)(c.TransactionStatus(ctx, "R1")); !done.Paid() || done.PaymentModes[0].UTR != "UTRR1" {
		t.Errorf("settled: %+v", done)
	}
}

func TestListsAndRecon(t *testing.T) {
	t.Parallel()
	s, c := setup(t)
	ctx := t.Context()
	start := time.Now().UnixMilli()
	for i := range 25 {
		id := fmt.Sprintf("Q%02d", i)
		must[merchantapi.Accepted](t)(c.QRInit(ctx, qr(id, int64(100+i))))
		if i%2 == 0 {
			if err := s.Settle(merchantapitest.MerchantID, id, "SUCCESS", ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	must[merchantapi.Transaction](t)(c.Refund(ctx, merchantapi.Refund{TransactionID: "R1", OriginalTransactionID: "Q02", Amount: 2}))

	list := must[merchantapi.List](t)(c.TransactionList(ctx, merchantapi.ListQuery{Size: 3, StoreID: merchantapitest.StoreID}))
	if list.ResultCount != 3 || list.Transactions[0].TransactionID != "Q24" || !list.Transactions[0].Paid() ||
		len(list.Transactions[0].Date) != len("2021-02-23 16:52:27.611") || list.Transactions[0].PaymentModes[0].Type != "ACCOUNT" {
		t.Errorf("list: %+v", list)
	}

	query := merchantapi.ReconQuery{StartTimestamp: start, EndTimestamp: time.Now().UnixMilli() + 1, Size: 4}
	var ids []string
	for row, err := range c.Recon(ctx, query) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, row.TransactionID)
		if paid := row.Settlement != nil; paid != row.Paid() {
			t.Errorf("%s: settled %v, paid %v", row.TransactionID, paid, row.Paid())
		}
		if row.TransactionID == "Q02" {
			refund := row.Refunds[0]
			if row.Settlement.SettledDetails[0].Amount != 102 || row.Instruments["ACCOUNT"].UTR != "UTRQ02" || row.StoreID != "teststore1" ||
				refund.TransactionID != "R1" || refund.OriginalTransactionID != "Q02" || refund.Amount != 2 || len(row.Date) != 13 {
				t.Errorf("row: %+v", row)
			}
		}
	}
	if len(ids) != 25 || ids[0] != "Q00" || ids[24] != "Q24" {
		t.Errorf("recon gave %v", ids)
	}
	for range c.Recon(ctx, query) {
		break // leaving early asks for no more
	}
}

func TestReconStopsAtACursorThatStands(t *testing.T) {
	t.Parallel()
	c := open(t, config(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"success":true,"code":null,"message":null,"data":{"transactionDetails":[{"transactionId":"A"}],"searchAfter":{"timestamp":1,"transactionId":"A"}}}`))
	})))
	rows, last := 0, error(nil)
	for _, err := range c.Recon(t.Context(), merchantapi.ReconQuery{EndTimestamp: 1}) {
		rows, last = rows+1, err
	}
	if rows != 3 || !errors.Is(last, merchantapi.ErrUnknown) {
		t.Errorf("%d rows, then %v", rows, last)
	}
}
