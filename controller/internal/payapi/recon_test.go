package payapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// put writes a payment as it stands.
type put struct{ p payment.Payment }

func (d put) Needs() decide.Needs { return decide.Needs{Keys: []payment.Key{d.p.Key}} }

func (d put) Decide(tx *decide.Tx) (bool, error) {
	tx.PutPayment(d.p)
	return true, nil
}

// crowd are inits of one moment: rows whose times are all the same.
type crowd []decide.Init

func (d crowd) Needs() (n decide.Needs) {
	for _, init := range d {
		n.Add(init.Needs())
	}
	return n
}

func (d crowd) Decide(tx *decide.Tx) (bool, error) {
	for _, init := range d {
		if _, err := init.Decide(tx); err != nil {
			return false, err
		}
	}
	return true, nil
}

// crowded makes n payments of one moment, and returns their ids sorted as recon
// sorts them: by our id.
func (c *city) crowded(n int, change func(*payment.Payment)) []string {
	c.t.Helper()
	var all crowd
	for range n {
		id := c.fresh()
		p := payment.Payment{
			ID: fmt.Sprintf("GPCROWD%06d", (c.n*7919)%1_000_003), Key: payment.Key{MerchantID: "MERCHANTUAT", TransactionID: id},
			StoreID: "teststore1", OrderID: "O", Amount: 100, Solution: payment.QRString, Payee: "merchant@upi", Signer: "MERCHANTUAT", SignerIndex: "1",
		}
		if change != nil {
			change(&p)
		}
		all = append(all, decide.Init{Payment: p, ExpiresIn: time.Minute, Actor: "test"})
	}
	if _, err := journal.Do(c.t.Context(), c.Journal, all); err != nil {
		c.t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b decide.Init) int { return strings.Compare(a.Payment.ID, b.Payment.ID) })
	var ids []string
	for _, d := range all {
		ids = append(ids, d.Payment.TransactionID)
	}
	return ids
}

// page is a page of recon.
type page struct {
	Rows        []map[string]any `json:"transactionDetails"`
	TotalResult int
	SearchAfter map[string]any
}

func (p page) ids() (ids []string) {
	for _, row := range p.Rows {
		ids = append(ids, fmt.Sprint(row["transactionId"]))
	}
	return ids
}

func (c *city) page(payload fields) page {
	c.t.Helper()
	a := c.send(postTo(c.t, "/v1/transactions/details", merchantKey, with(fields{"merchantId": "MERCHANTUAT"}, payload)))
	var form struct{ Data page }
	dec := json.NewDecoder(strings.NewReader(a.raw))
	dec.UseNumber() // a cursor is sent back as it came
	if err := dec.Decode(&form); err != nil || a.status != 200 || form.Data.Rows == nil || form.Data.TotalResult != len(form.Data.Rows) {
		c.t.Fatalf("%v: %d %s", payload, a.status, a.raw)
	}
	return form.Data
}

// walk goes on from a cursor until there is none, and returns the last row's.
// Pages may be empty on the way, while somebody else's transaction is open.
func (c *city) walk(payload fields, after map[string]any) (ids []string, last map[string]any) {
	c.t.Helper()
	for {
		p := c.page(with(payload, fields{"searchAfter": after}))
		ids = append(ids, p.ids()...)
		if len(p.Rows) > 0 {
			row, before := p.Rows[len(p.Rows)-1], after
			after = map[string]any{"timestamp": row["transactionDate"], "transactionId": row["transactionId"]}
			if fmt.Sprint(before) == fmt.Sprint(after) {
				c.t.Fatalf("the cursor does not move from %v", after)
			}
		}
		if p.SearchAfter == nil {
			return ids, after
		}
		if after != nil && fmt.Sprint(p.SearchAfter) != fmt.Sprint(after) || after == nil && len(p.SearchAfter) != 0 {
			c.t.Fatalf("the cursor %v is not that of the last row, %v", p.SearchAfter, after)
		}
	}
}

// TestReconMissesNothing: pages over many rows of one moment, in the middle of
// which a page ends, with more arriving meanwhile: every payment comes once, in
// order, and a cursor that was kept goes on where it stood (phonepe-api: Recon).
func TestReconMissesNothing(t *testing.T) {
	bothHouses(t, func(t *testing.T, c *city) {
		var want []string
		for range 3 {
			want = append(want, c.crowded(23, nil)...)
		}
		for _, size := range []int{1, 7, 23, 50} {
			got, _ := c.walk(fields{"size": size}, nil)
			c.is(fmt.Sprint("pages of ", size), got, want...)
		}
		// More arrive with every page.
		var got []string
		var after map[string]any
		for round := range 4 {
			p := c.page(fields{"size": 10, "searchAfter": after})
			got = append(got, p.ids()...)
			if after = p.SearchAfter; len(after) == 0 {
				after = nil
			}
			want = append(want, c.crowded(round+1, nil)...)
		}
		rest, kept := c.walk(fields{"size": 10}, after)
		c.is("rows arriving meanwhile", append(got, rest...), want...)
		want = c.crowded(5, nil)
		got, _ = c.walk(fields{"size": 10}, kept)
		c.is("from a cursor that was kept", got, want...)
		// By our id as well, as the documents say, and {} is the first page.
		p, err := c.Storage.Payment(t.Context(), "MERCHANTUAT", want[1])
		if err != nil {
			t.Fatal(err)
		}
		c.is("from our id", c.page(fields{"searchAfter": fields{"transactionId": p.ID, "timestamp": 1}}).ids(), want[2:]...)
		got, _ = c.walk(fields{"size": 50}, fields{})
		all, _ := c.walk(fields{"size": 49}, nil)
		c.is("from {}", got, all...)
		for _, bad := range []any{"x", 1, []any{}, fields{"timestamp": 1}, fields{"transactionId": "nobodys"}, fields{"transactionId": 7}, fields{"timestamp": "soon", "transactionId": want[0]}} {
			if a := c.send(postTo(t, "/v1/transactions/details", merchantKey, fields{"merchantId": "MERCHANTUAT", "searchAfter": bad})); a.status != 400 || a.Code != "BAD_REQUEST" || !strings.HasPrefix(a.Message, "searchAfter") {
				t.Errorf("searchAfter %v: %d %s", bad, a.status, a.raw)
			}
		}
	})
}

// gate is a storage whose next batch stays open until it is let through.
type gate struct {
	journal.Storage
	in, out chan struct{}
}

func (g gate) Apply(ctx context.Context, id journal.BatchID, needs decide.Needs, run func(decide.Snapshot) (decide.Changes, error)) error {
	return g.Storage.Apply(ctx, id, needs, func(s decide.Snapshot) (decide.Changes, error) {
		g.in <- struct{}{}
		<-g.out
		return run(s)
	})
}

// TestReconWaitsForTheSlow: a controller that took its time before another, and
// commits after it, is not passed by a cursor: what is later than an open
// transaction comes on a later page (DESIGN 3.1).
func TestReconWaitsForTheSlow(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.NewPostgres(t, shops))}
	neighbour := c.Neighbour(t)
	g := gate{neighbour.Storage, make(chan struct{}), make(chan struct{})}
	slow := newJournal(t, journal.Config{Storage: g, Log: c.Log})
	before := c.crowded(3, nil)
	got, kept := c.walk(nil, nil) // from here on only the slow one is under way
	c.is("before", got, before...)

	done := make(chan error, 1)
	late := payment.Payment{ID: "GPLATE", Key: payment.Key{MerchantID: "MERCHANTUAT", TransactionID: "LATE"}, OrderID: "O", Amount: 100, Solution: payment.QRString}
	go func() {
		_, err := journal.Do(context.Background(), slow, decide.Init{Payment: late, ExpiresIn: time.Minute, Actor: "test"})
		done <- err
	}()
	<-g.in // it has its time, and has not committed
	after := c.crowded(3, nil)
	p := c.page(nil)
	c.is("while the slow one commits", p.ids(), before...)
	if p.SearchAfter == nil {
		t.Error("it says that this is all")
	}
	if from := c.page(fields{"searchAfter": kept}); len(from.Rows) != 0 || fmt.Sprint(from.SearchAfter) != fmt.Sprint(kept) {
		t.Errorf("it went on to %v", from)
	}
	g.out <- struct{}{}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	got, _ = c.walk(nil, p.SearchAfter)
	c.is("when it has", got, append([]string{"LATE"}, after...)...)
}

// TestReconRow: what a row says, letter by letter, of each way to stand.
func TestReconRow(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	at := time.UnixMilli(1_700_000_000_000).UTC()
	base := payment.Payment{
		ID: "GP1", Key: payment.Key{MerchantID: "MERCHANTUAT", TransactionID: "T1"}, StoreID: "teststore1", TerminalID: "testterminal1", OrderID: "O",
		Amount: 24500, Solution: payment.DQRDevice, State: payment.Presented, CreatedAt: at, ExpiresAt: at, Payee: "merchant@upi",
		Instrument: "DQR", QR: "upi://pay?x",
	}
	ended := func(p payment.Payment, n int, state payment.State) payment.Payment {
		p.ID, p.TransactionID, p.State, p.EndedAt = fmt.Sprint("GP", n), fmt.Sprint("T", n), state, at.Add(9*time.Second)
		p.CreatedAt = at.Add(time.Duration(n) * time.Millisecond)
		return p
	}
	paid := ended(base, 2, payment.Succeeded)
	paid.Attempted, paid.Reference, paid.Settlement, paid.Refunded = true, "632600000001", 24377, 4500
	card := ended(base, 3, payment.Succeeded)
	card.Attempted, card.Solution, card.Instrument, card.Reference, card.Settlement, card.QR = true, payment.EDC, "CARD", "632512004217", 24500, ""
	refund := ended(base, 4, payment.Succeeded)
	refund.Solution, refund.Original, refund.Amount, refund.QR, refund.TerminalID, refund.Reference, refund.Instrument = payment.Refund, "GP2", 4500, "", "", "632600000002", ""
	failed := ended(base, 5, payment.Failed)
	failed.Reason, failed.Attempted = "UPI:IP08", true
	for _, p := range []payment.Payment{base, paid, card, refund, failed} {
		if _, err := journal.Do(t.Context(), c.Journal, put{p}); err != nil {
			t.Fatal(err)
		}
	}
	a := c.send(postTo(t, "/v1/transactions/details", merchantKey, fields{"merchantId": "MERCHANTUAT", "startTimestamp": 1_699_999_999, "endTimestamp": 1_700_000_001_000}))
	const context, place = `"transactionContext":{"storeId":"teststore1","terminalId":"testterminal1"`, `"storeId":"teststore1","terminalId":"testterminal1"`
	row := func(n, more string) string {
		return `{"transactionId":"T` + n + `","merchantId":"MERCHANTUAT","merchantOrderId":"O","providerReferenceId":"GP` + n + `","amount":24500,` + more + `}`
	}
	want := `{"success":true,"code":"SUCCESS","message":"Your request has been successfully completed.","data":{"searchAfter":null,"totalResult":4,"transactionDetails":[` + strings.Join([]string{
		row("1", `"paymentState":"PENDING","payResponseCode":"PAYMENT_PENDING",`+context+`,"qrCodeId":"GP1"},`+place+`,"transactionDate":1700000000000`),
		row("2", `"paymentState":"COMPLETED","payResponseCode":"SUCCESS","paymentModes":[{"mode":"ACCOUNT","amount":24500,"utr":"632600000001"}],`+context+`,"qrCodeId":"GP2"},`+place+
			`,"transactionDate":1700000000002,"transactionLevelSettlement":{"settlementText":"","toBeSettledDate":null,"transactionSettlementDetails":[{"utr":"632600000001","status":"SETTLED","settlementDate":1700000009000,"settlementAmount":24377}],"status":"SETTLED"},`+
			`"instrumentLevelSettlementDetails":{"ACCOUNT":{"totalAmount":24500,"settlementAmount":24377,"utr":"632600000001"}},`+
			`"refundTransactionDetails":[{"transactionId":"T4","merchantId":"MERCHANTUAT","merchantOrderId":"O","providerReferenceId":"GP4","amount":4500,"paymentState":"COMPLETED","payResponseCode":"SUCCESS","paymentModes":[{"mode":"ACCOUNT","amount":4500,"utr":"632600000002"}],"transactionContext":{"storeId":"teststore1"},"merchantTransactionId":"T4","transactionType":"REFUND","originalTransactionId":"T2","transactionDate":1700000000004}]`),
		row("3", `"paymentState":"COMPLETED","payResponseCode":"SUCCESS","paymentModes":[{"mode":"CARD","amount":24500,"utr":"632512004217"}],`+context+`},`+place+
			`,"transactionDate":1700000000003,"transactionLevelSettlement":{"settlementText":"","toBeSettledDate":null,"transactionSettlementDetails":[],"status":"PENDING"},"instrumentLevelSettlementDetails":{"CARD":{"totalAmount":24500,"settlementAmount":24500}}`),
		row("5", `"paymentState":"FAILED","payResponseCode":"UPI:IP08",`+context+`,"qrCodeId":"GP5"},`+place+`,"transactionDate":1700000000005`),
	}, ",") + `]}}`
	if a.raw != want {
		t.Errorf("%s\nwant\n%s", a.raw, want)
	}
}

// TestReconPassesRefunds: a page full of refunds is not an empty page, which
// clients take for the end.
func TestReconPassesRefunds(t *testing.T) {
	bothHouses(t, func(t *testing.T, c *city) {
		first := c.made(qrPath, qrSample, "", paid...)
		p, err := c.Storage.Payment(t.Context(), "MERCHANTUAT", first)
		if err != nil {
			t.Fatal(err)
		}
		c.crowded(250, func(r *payment.Payment) { r.Solution, r.Original = payment.Refund, p.ID })
		last := c.made(qrPath, qrSample, "")
		for _, size := range []int{1, 2, 50} {
			got, _ := c.walk(fields{"size": size}, nil)
			c.is(fmt.Sprint("pages of ", size), got, first, last)
		}
		if got := c.page(fields{"size": 2}); got.SearchAfter != nil {
			t.Errorf("a last page that is full goes on to %v", got.SearchAfter)
		}
		c.is("the list", c.rows("/v3/qr/transaction/list", nil, "transactions", "transactionId"), last, first)
	})
}

var _ payapi.Reader = doortest.Storage(nil)
