package payapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol/merchantapi"
	"github.com/galla-pay/galla/protocol/xverify"
)

// counter is a city that a POS reaches over HTTP, by our own client.
type counter struct {
	*city
	url string
}

func newCounter(t *testing.T) *counter {
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	server := httptest.NewServer(c.handler)
	t.Cleanup(server.Close)
	return &counter{c, server.URL}
}

func (c *counter) client(change func(*merchantapi.Config)) *merchantapi.Client {
	c.t.Helper()
	cfg := merchantapi.Config{BaseURL: c.url + payapi.Prefix, MerchantID: "MERCHANTUAT", SaltKey: merchantKey, SaltIndex: 1}
	if change != nil {
		change(&cfg)
	}
	client, err := merchantapi.New(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	return client
}

// happens makes events happen to a payment.
func (c *counter) happens(id, reason string, events ...payment.Event) {
	c.t.Helper()
	if _, err := journal.Do(c.t.Context(), c.Journal, happen{c.kept(id).ID, events, reason}); err != nil {
		c.t.Fatal(err)
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

var (
	dqrSale = merchantapi.DQRSale{StoreID: "teststore1", TerminalID: "testterminal1", TransactionID: "D1", OrderID: "O", Amount: 100, ExpiresIn: 180}
	edcSale = merchantapi.EDCSale{
		StoreID: "MS2403212004046998204201", TerminalID: "MST2405301213090857163565", TransactionID: "E1", OrderID: "O", Amount: 200,
		Mapping: merchantapi.OneToOne, PaymentModes: []merchantapi.PaymentMode{merchantapi.Card, merchantapi.DQR}, HandoverSeconds: 60,
	}
	qrSale = merchantapi.QRSale{
		TransactionID: "Q1", Amount: 1000, ExpiresIn: 180, StoreID: "teststore1", TerminalID: "till-7", Message: "For ₹10",
		GSTBreakup: &merchantapi.GSTBreakup{GST: "100", GSTPercentage: "10"}, InvoiceDetails: &merchantapi.InvoiceDetails{Number: "12##"},
	}
	collect = merchantapi.Collect{
		TransactionID: "C1", MerchantOrderID: "M1", Amount: 100, InstrumentType: merchantapi.Mobile, InstrumentReference: "9876543210", ExpiresIn: 180,
		Email: "a@b.example", ShortName: "Customer", SubMerchantID: "Demo",
	}
)

// TestClientOfPayments drives the v1 routes by our client, which was made of the
// same contract: whatever it asks is taken, whatever is answered it reads.
func TestClientOfPayments(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	ctx := t.Context()
	for n, client := range []*merchantapi.Client{
		c.client(nil),
		c.client(func(cfg *merchantapi.Config) { cfg.ProviderID, cfg.SaltKey = "MERCHANTPROVIDER", providerKey }),
	} {
		name := []string{"a merchant", "a provider"}[n]
		id := func(of string) string { return fmt.Sprint(of, n) }
		d, e, old, open := dqrSale, edcSale, edcSale, edcSale
		d.TransactionID, e.TransactionID, old.TransactionID, open.TransactionID = id("D"), id("E"), id("OLD"), id("OPEN")
		open.Mapping, open.TerminalID, open.ShortOrderID, open.AutoAccept, open.HandoverSeconds = merchantapi.Open, "", fmt.Sprint("004", n), true, 0
		for _, accepted := range []merchantapi.Accepted{
			must[merchantapi.Accepted](t)(client.InitDQR(ctx, d)), must[merchantapi.Accepted](t)(client.InitEDC(ctx, e)),
			must[merchantapi.Accepted](t)(client.EDCSaleRequest(ctx, old)), must[merchantapi.Accepted](t)(client.InitEDC(ctx, open)),
		} {
			if accepted.MerchantID != "MERCHANTUAT" || accepted.TransactionID == "" || accepted.Amount == 0 {
				t.Errorf("%s: %+v", name, accepted)
			}
		}
		if p := c.kept(open.TransactionID); !p.AutoAccept || !p.Open || p.ExpiresAt.Sub(p.CreatedAt) != time.Minute {
			t.Errorf("%s: OPEN is kept as %+v", name, p)
		}
		if _, err := client.InitDQR(ctx, d); !merchantapi.Duplicate(err) || errors.Is(err, merchantapi.ErrUnknown) {
			t.Errorf("%s, again: %v", name, err)
		}
		if _, err := client.InitEDC(ctx, open); !merchantapi.Duplicate(err) {
			t.Errorf("%s, OPEN again: %v", name, err)
		}
		var fault *merchantapi.Error
		d.TransactionID, d.StoreID = id("NO"), "nowhere"
		if _, err := client.InitDQR(ctx, d); !errors.As(err, &fault) || fault.Code != "INVALID_STORE_ID" || fault.HTTPStatus != 400 || fault.RequestID == "" || fault.Message == "" {
			t.Errorf("%s, no store: %v", name, err)
		}

		pending := must[merchantapi.Payment](t)(client.Status(ctx, e.TransactionID))
		if pending.Final() || pending.Paid() || pending.Status != "PENDING" || pending.ResponseCode != "" || pending.PaymentInstruments != nil {
			t.Errorf("%s, pending: %+v", name, pending)
		}
		c.happens(e.TransactionID, "", paid...)
		got := must[merchantapi.Payment](t)(client.EDCStatus(ctx, e.TransactionID))
		p := c.kept(e.TransactionID)
		want := merchantapi.Payment{
			MerchantID: "MERCHANTUAT", StoreID: e.StoreID, TerminalID: e.TerminalID, OrderID: "O", TransactionID: e.TransactionID,
			MerchantTransactionID: e.TransactionID, PhonepeTransactionID: p.ID, ReferenceNumber: "632512004217", PaymentMode: merchantapi.DQR, Amount: 200,
			Status: "SUCCESS", ResponseCode: "null", PaymentInstruments: []merchantapi.Instrument{{Type: "ACCOUNT", Amount: 200}}, Timestamp: p.EndedAt.UnixMilli(),
		}
		if !reflect.DeepEqual(got, want) || !got.Final() || !got.Paid() {
			t.Errorf("%s, paid:\n%+v\nwant\n%+v", name, got, want)
		}
		if byOurs := must[merchantapi.Payment](t)(client.Status(ctx, p.ID)); !reflect.DeepEqual(byOurs, want) {
			t.Errorf("%s, by our id: %+v", name, byOurs)
		}
		if polled := must[merchantapi.Payment](t)(client.Poll(ctx, e.TransactionID, merchantapi.Schedule{{Every: time.Millisecond}})); !reflect.DeepEqual(polled, want) {
			t.Errorf("%s, polled: %+v", name, polled)
		}
		if _, err := client.Status(ctx, "NOBODYS"); !merchantapi.NotFound(err) {
			t.Errorf("%s, status of nothing: %v", name, err)
		}

		found := must[[]merchantapi.Payment](t)(client.EDCSearch(ctx, merchantapi.EDCSearch{TerminalID: e.TerminalID, RRN: "632512004217", Amount: 200}))
		if !slices.ContainsFunc(found, func(p merchantapi.Payment) bool { return reflect.DeepEqual(p, want) }) {
			t.Errorf("%s, search: %+v", name, found)
		}
		at := time.Now()
		for since, n := range map[time.Time]int{at.Add(-time.Minute): 1, at.Add(time.Minute): 0} {
			q := merchantapi.EDCSearch{TerminalID: e.TerminalID, TransactionID: e.TransactionID, StartTimestamp: since.UnixMilli(), EndTimestamp: since.Add(time.Hour).UnixMilli()}
			if found := must[[]merchantapi.Payment](t)(client.EDCSearch(ctx, q)); len(found) != n {
				t.Errorf("%s, search since %v: %+v", name, since, found)
			}
		}

		cancelled := must[merchantapi.Cancelled](t)(client.Cancel(ctx, old.TransactionID))
		if cancelled.Requested() || cancelled.Code != "SUCCESS" || cancelled.TransactionID != old.TransactionID || cancelled.TerminalID != old.TerminalID || cancelled.Message == "" {
			t.Errorf("%s, cancelled: %+v", name, cancelled)
		}
		c.happens(open.TransactionID, "", paying...)
		if asked := must[merchantapi.Cancelled](t)(client.Cancel(ctx, open.TransactionID)); !asked.Requested() {
			t.Errorf("%s, cancelled while paying: %+v", name, asked)
		}
		if _, err := client.Cancel(ctx, e.TransactionID); !errors.As(err, &fault) || fault.Code != "PAYMENT_ALREADY_COMPLETED" || errors.Is(err, merchantapi.ErrUnknown) {
			t.Errorf("%s, cancel of a success: %v", name, err)
		}
		if _, err := client.Cancel(ctx, "NOBODYS"); !merchantapi.NotFound(err) {
			t.Errorf("%s, cancel of nothing: %v", name, err)
		}
	}
	wrong := c.client(func(cfg *merchantapi.Config) { cfg.SaltKey = "wrong" })
	var fault *merchantapi.Error
	if _, err := wrong.Status(ctx, "X"); !errors.As(err, &fault) || fault.Code != "UNAUTHORIZED" || fault.HTTPStatus != http.StatusUnauthorized {
		t.Errorf("a wrong key: %v", err)
	}
}

// TestClientOfTransactions drives the v3 routes, the list and recon.
func TestClientOfTransactions(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	ctx, client := t.Context(), c.client(func(cfg *merchantapi.Config) { cfg.CallbackURL, cfg.CallbackMode = "https://pos.example/cb", "PUT" })
	from := time.Now().Add(-time.Minute).UnixMilli()

	accepted := must[merchantapi.Accepted](t)(client.QRInit(ctx, qrSale))
	q := c.kept("Q1")
	if accepted != (merchantapi.Accepted{MerchantID: "MERCHANTUAT", TransactionID: "Q1", Amount: 1000, ProviderReferenceID: q.ID, QRString: q.QR}) {
		t.Errorf("QR: %+v", accepted)
	}
	if q.CallbackURL != "https://pos.example/cb" || q.CallbackMode != "PUT" {
		t.Errorf("would call %s %s", q.CallbackMode, q.CallbackURL)
	}
	if _, err := client.QRInit(ctx, qrSale); !merchantapi.Duplicate(err) {
		t.Errorf("QR again: %v", err)
	}
	accepted = must[merchantapi.Accepted](t)(client.Charge(ctx, collect))
	if want := (merchantapi.Accepted{MerchantID: "MERCHANTUAT", TransactionID: "C1", Amount: 100, ProviderReferenceID: c.kept("C1").ID}); accepted != want {
		t.Errorf("collect: %+v", accepted)
	}
	if err := client.Remind(ctx, "C1"); err != nil {
		t.Error(err)
	}
	if err := client.Remind(ctx, "Q1"); !merchantapi.NotFound(err) {
		t.Errorf("remind of a QR: %v", err)
	}
	cancelled := must[merchantapi.Cancelled](t)(client.CancelCharge(ctx, "C1"))
	if cancelled.Requested() || cancelled.TransactionID != "C1" {
		t.Errorf("cancelled: %+v", cancelled)
	}
	pending := must[merchantapi.Transaction](t)(client.TransactionStatus(ctx, "Q1"))
	if pending.Code != "PAYMENT_PENDING" || pending.Final() || pending.Paid() {
		t.Errorf("pending: %+v", pending)
	}
	c.happens("Q1", "", paid...)
	q = c.kept("Q1")
	want := merchantapi.Transaction{
		Code: "PAYMENT_SUCCESS", MerchantID: "MERCHANTUAT", TransactionID: "Q1", MerchantOrderID: "Q1", ProviderReferenceID: q.ID, Amount: 1000,
		PaymentState: "COMPLETED", PayResponseCode: "SUCCESS", PaymentModes: []merchantapi.TransactionMode{{Mode: "ACCOUNT", Amount: 1000, UTR: "632512004217"}},
		Context: &merchantapi.TransactionLocation{StoreID: "teststore1", TerminalID: "till-7", QRCodeID: q.ID},
	}
	for _, id := range []string{"Q1", q.ID} {
		if got := must[merchantapi.Transaction](t)(client.TransactionStatus(ctx, id)); !reflect.DeepEqual(got, want) || !got.Paid() || !got.Final() {
			t.Errorf("paid, by %s:\n%+v\nwant\n%+v", id, got, want)
		}
	}
	if got := must[merchantapi.Transaction](t)(client.PollTransaction(ctx, "C1", merchantapi.Schedule{{Every: time.Millisecond}})); got.Code != "PAYMENT_CANCELLED" || !got.Final() || got.Paid() {
		t.Errorf("cancelled: %+v", got)
	}
	if _, err := client.TransactionStatus(ctx, "NOBODYS"); !merchantapi.NotFound(err) {
		t.Errorf("status of nothing: %v", err)
	}

	refund := must[merchantapi.Transaction](t)(client.Refund(ctx, merchantapi.Refund{TransactionID: "R1", OriginalTransactionID: "Q1", Amount: 400, Message: "one of two"}))
	if refund.Code != "PAYMENT_PENDING" || refund.Final() || refund.Amount != 400 || refund.TransactionID != "R1" || refund.ProviderReferenceID == "" {
		t.Errorf("refund: %+v", refund)
	}
	if _, err := client.Refund(ctx, merchantapi.Refund{TransactionID: "R1", ProviderReferenceID: q.ID, Amount: 400}); !merchantapi.Duplicate(err) {
		t.Errorf("refund again: %v", err)
	}
	much := must[merchantapi.Transaction](t)(client.Refund(ctx, merchantapi.Refund{TransactionID: "R2", ProviderReferenceID: q.ID, Amount: 601}))
	if much.Code != "PAYMENT_ERROR" || much.PayResponseCode != "EXCESS_REFUND_AMOUNT" || !much.Final() || much.Paid() {
		t.Errorf("too much: %+v", much)
	}
	if _, err := client.Refund(ctx, merchantapi.Refund{TransactionID: "R3", OriginalTransactionID: "NOBODYS", Amount: 1}); !merchantapi.NotFound(err) {
		t.Errorf("refund of nothing: %v", err)
	}
	if _, err := journal.Do(ctx, c.Journal, refundSettled(c.kept("R1"), "")); err != nil {
		t.Fatal(err)
	}
	refund = must[merchantapi.Transaction](t)(client.TransactionStatus(ctx, "R1"))
	if !refund.Paid() || refund.PaymentModes[0].UTR != "632600000009" {
		t.Errorf("refunded: %+v", refund)
	}

	list := must[merchantapi.List](t)(client.TransactionList(ctx, merchantapi.ListQuery{Size: 10, StoreID: "teststore1"}))
	row := want // a row of a list has no code, and calls a mode type as well
	row.Code, row.PaymentModes = "", []merchantapi.TransactionMode{{Mode: "ACCOUNT", Type: "ACCOUNT", Amount: 1000, UTR: "632512004217"}}
	if list.ResultCount != 1 || len(list.Transactions) != 1 || !reflect.DeepEqual(list.Transactions[0].Transaction, row) ||
		list.Transactions[0].Date != merchantapi.Date(fmt.Sprint(q.CreatedAt.UnixMilli())) || !list.Transactions[0].Paid() || list.EndTimestamp-list.StartTimestamp < 300_000 {
		t.Errorf("list: %+v\nwant %+v", list, row)
	}
	for n, filter := range map[int]merchantapi.ListQuery{
		1: {Size: 1, StoreID: "teststore1", TerminalID: "till-7", QRCodeID: q.ID, Last4Digits: "4217", Amount: 1000, StartTimestamp: from},
		0: {Size: 1, StoreID: "teststore1", Last4Digits: "0000"},
	} {
		if list := must[merchantapi.List](t)(client.TransactionList(ctx, filter)); len(list.Transactions) != n {
			t.Errorf("list of %+v: %+v", filter, list)
		}
	}

	for size := range 4 {
		recon := merchantapi.ReconQuery{StartTimestamp: from, EndTimestamp: time.Now().Add(time.Minute).UnixMilli(), Size: size}
		ids := []string{}
		for r, err := range client.Recon(ctx, recon) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, r.TransactionID)
			if r.TransactionID != "Q1" {
				continue
			}
			row.PaymentModes = want.PaymentModes
			if !reflect.DeepEqual(r.Transaction, row) || r.StoreID != "teststore1" || r.TerminalID != "till-7" || r.Date != merchantapi.Date(fmt.Sprint(q.CreatedAt.UnixMilli())) {
				t.Errorf("recon: %+v", r)
			}
			if s := r.Settlement; s == nil || s.Status != "SETTLED" || len(s.SettledDetails) != 1 || s.SettledDetails[0].Amount != int64(q.Settlement) || s.SettledDetails[0].UTR != "632512004217" {
				t.Errorf("settlement: %+v", r.Settlement)
			}
			if r.Instruments["ACCOUNT"] != (merchantapi.InstrumentSettlement{TotalAmount: 1000, SettlementAmount: int64(q.Settlement), UTR: "632512004217"}) {
				t.Errorf("instruments: %+v", r.Instruments)
			}
			if len(r.Refunds) != 1 || r.Refunds[0].TransactionID != "R1" || r.Refunds[0].OriginalTransactionID != "Q1" || r.Refunds[0].Amount != 400 || r.Refunds[0].PaymentState != "COMPLETED" {
				t.Errorf("refunds: %+v", r.Refunds)
			}
		}
		c.is(fmt.Sprint("recon, pages of ", size), ids, "Q1", "C1")
	}
}

// TestClientReadsCallbacks: what a callback carries is read by our client as what
// status answers.
func TestClientReadsCallbacks(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	client, verifier := c.client(nil), &merchantapi.Verifier{SaltKeys: map[int]string{1: merchantKey}}
	must[merchantapi.Accepted](t)(client.InitDQR(t.Context(), dqrSale))
	must[merchantapi.Accepted](t)(client.QRInit(t.Context(), qrSale))
	must[merchantapi.Accepted](t)(client.Charge(t.Context(), collect))
	c.happens("D1", "", paid...)
	c.happens("Q1", "", paid...)
	c.happens("C1", payment.ReasonCollectDeclined, failed...)
	for id, isPaid := range map[string]bool{"D1": true, "Q1": true, "C1": false} {
		body, err := payapi.StatusAnswer(c.kept(id))
		if err != nil {
			t.Fatal(err)
		}
		text := xverify.EncodeBody(body)
		got, err := verifier.Verify(t.Context(), http.Header{"X-Verify": {xverify.Header(text, "", merchantKey, 1)}}, []byte(`{"response":"`+text+`"}`))
		if err != nil || got.Paid() != isPaid {
			t.Errorf("%s: %+v, %v", id, got, err)
			continue
		}
		if got.Payment != nil {
			if want := must[merchantapi.Payment](t)(client.Status(t.Context(), id)); id != "D1" || !reflect.DeepEqual(*got.Payment, want) {
				t.Errorf("%s: %+v, status %+v", id, *got.Payment, want)
			}
			continue
		}
		if want := must[merchantapi.Transaction](t)(client.TransactionStatus(t.Context(), id)); id == "D1" || !reflect.DeepEqual(*got.Transaction, want) {
			t.Errorf("%s: %+v, status %+v", id, *got.Transaction, want)
		}
	}
}
