package decide

import (
	"fmt"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// needed runs a decision over nothing but the rows that it names, as a storage
// does.
func needed[A any](w *world, d Decision[A]) (A, error) {
	w.t.Helper()
	n, all := d.Needs(), w.snap
	snap := NewSnapshot(all.Now)
	for _, id := range n.Payments {
		if p, ok := all.Payments[id]; ok {
			snap.Payments[id], snap.Keys[p.Key] = p, id
		}
	}
	for _, k := range n.Messages {
		if all.Messages[k] {
			snap.Messages[k] = true
		}
	}
	for _, k := range n.Txns {
		if r, ok := all.Txns[k]; ok {
			snap.Txns[k] = r
		}
	}
	for _, k := range n.Credits {
		if c, ok := all.Credits[k]; ok {
			snap.Credits[k] = c
		}
	}
	b := NewBatch(snap)
	answer, err := Run(b, d)
	w.save(b.Changes())
	return answer, err
}

// collect is a collect request of 100 rupees, three minutes long.
func (w *world) collect(id string) payment.Payment {
	w.t.Helper()
	d := newSale(id, 10_000)
	d.Payment.Solution, d.Payment.CollectBy, d.Payment.CollectFrom = payment.Collect, "VPA", "customer@upi"
	d.Payment.TerminalID = ""
	p, err := do(w, d)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// result is a good ReqCollectResult of a success; the test spoils what it likes.
func result(n, sale string) CollectResult {
	return CollectResult{
		OrgID: "MER101", MsgID: "R" + n, TxnID: "BANK" + n, PaymentID: "GP" + sale, Status: CollectPaid, Amount: 10_000,
		Payer: "customer@upi", Reference: "63260000000" + n, Fee: quote.Fee{BasisPoints: 50},
		Render: func(a CollectAnswer) []byte { return []byte(string(a.Code) + a.Result) },
	}
}

func (w *world) told(d CollectResult) CollectAnswer {
	w.t.Helper()
	a, err := needed(w, d)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) runOut(id string) {
	w.t.Helper()
	w.pass(3 * time.Minute)
	for range 2 { // asked once more, then given up
		if _, err := do(w, Expire{"GP" + id}); err != nil {
			w.t.Fatal(err)
		}
		w.pass(payment.AskGrace)
	}
	if w.state(id) != payment.Expired {
		w.t.Fatalf("it is %s", w.state(id))
	}
}

// TestCollectResults: what every result does to a collect request, whatever
// happened before (phonepe-api: Collect; failure matrix R1, R3, R15, R16).
func TestCollectResults(t *testing.T) {
	cancel := func(w *world) {
		if _, err := do(w, Cancel{Key: w.payment("1").Key, Actor: "pos:M"}); err != nil {
			w.t.Fatal(err)
		}
	}
	paid := func(w *world) { w.told(result("9", "1")) }
	for _, tt := range []struct {
		name   string
		before func(*world)
		spoil  func(*CollectResult)
		code   Code
		result string
		state  payment.State
		reason string
		credit CreditState // of BANK1; "" none
	}{
		{name: "paid", code: CodeOK, state: payment.Succeeded, credit: CreditApplied},
		{name: "paid by another address of the customer", spoil: func(d *CollectResult) { d.Payer = "other@upi" },
			code: CodeOK, state: payment.Succeeded, credit: CreditApplied},
		{name: "paid within the last grace", before: func(w *world) {
			w.pass(3 * time.Minute)
			do(w, Expire{"GP1"})
		}, code: CodeOK, state: payment.Succeeded, credit: CreditApplied},
		{name: "paid past its time, before anybody noticed", before: func(w *world) { w.pass(time.Hour) },
			code: CodeOK, state: payment.Succeeded, credit: CreditApplied},
		{name: "declined", spoil: func(d *CollectResult) { d.Status = CollectDeclined },
			code: CodeOK, state: payment.Failed, reason: payment.ReasonCollectDeclined},
		{name: "run out at the bank", spoil: func(d *CollectResult) { d.Status = CollectExpired },
			code: CodeOK, state: payment.Expired, reason: payment.ReasonCollectExpired},

		{name: "less was paid", spoil: func(d *CollectResult) { d.Amount = 9_999 },
			code: CodeOK, result: "REVERSED", state: payment.Failed, reason: payment.ReasonAmountDiffers, credit: CreditReversing},
		{name: "more was paid", spoil: func(d *CollectResult) { d.Amount = 10_001 },
			code: CodeOK, result: "REVERSED", state: payment.Failed, reason: payment.ReasonAmountDiffers, credit: CreditReversing},
		{name: "paid after the cancel", before: cancel,
			code: CodeOK, result: "REVERSED", state: payment.Cancelled, reason: payment.ReasonCancelledByMerchant, credit: CreditReversing},
		{name: "paid after the end", before: func(w *world) { w.runOut("1") },
			code: CodeOK, result: "REVERSED", state: payment.Expired, reason: payment.ReasonCollectExpired, credit: CreditReversing},
		{name: "paid after it was declined", before: func(w *world) {
			d := result("9", "1")
			d.Status = CollectDeclined
			w.told(d)
		}, code: CodeOK, result: "REVERSED", state: payment.Failed, reason: payment.ReasonCollectDeclined, credit: CreditReversing},
		{name: "paid twice", before: paid, code: CodeOK, result: "REVERSED", state: payment.Succeeded, credit: CreditReversing},

		{name: "declined after the cancel", before: cancel, spoil: func(d *CollectResult) { d.Status = CollectDeclined },
			code: CodeOK, state: payment.Cancelled, reason: payment.ReasonCancelledByMerchant},
		{name: "run out after the cancel", before: cancel, spoil: func(d *CollectResult) { d.Status = CollectExpired },
			code: CodeOK, state: payment.Cancelled, reason: payment.ReasonCancelledByMerchant},
		{name: "declined after it was paid", before: paid, spoil: func(d *CollectResult) { d.Status = CollectDeclined },
			code: CodeDuplicate, state: payment.Succeeded},
		{name: "run out after it was paid", before: paid, spoil: func(d *CollectResult) { d.Status = CollectExpired },
			code: CodeDuplicate, state: payment.Succeeded},

		{name: "the same TxnID again", before: func(w *world) {
			d := result("9", "1")
			d.TxnID = "BANK1"
			w.told(d)
		}, code: CodeDuplicate, state: payment.Succeeded, credit: CreditApplied},
		{name: "a TxnID that a ReqPay had", before: func(w *world) { w.snap.Txns[TxnKey{"MER101", "BANK1"}] = ReqPay{} },
			code: CodeDuplicate, state: payment.Created},
		{name: "a MsgID used before", before: func(w *world) { w.snap.Messages[MessageKey{"MER101", "R1"}] = true },
			code: CodeDuplicate, state: payment.Created},
		{name: "another organisation's MsgID is another", before: func(w *world) { w.snap.Messages[MessageKey{"OTHER", "R1"}] = true },
			code: CodeOK, state: payment.Succeeded, credit: CreditApplied},
		{name: "no payment of ours", spoil: func(d *CollectResult) { d.PaymentID = "GPnobody" }, code: CodeNoQR, state: payment.Created},
		{name: "a payment that is no collect request", before: func(w *world) { w.sale("2", 10_000) },
			spoil: func(d *CollectResult) { d.PaymentID = "GP2" }, code: CodeNoQR, state: payment.Created},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.collect("1")
			if tt.before != nil {
				tt.before(w)
			}
			messages, asked := len(w.messages), len(w.network)
			d := result("1", "1")
			if tt.spoil != nil {
				tt.spoil(&d)
			}
			a := w.told(d)
			p := w.payment("1")
			if a.Code != tt.code || a.Result != tt.result || p.State != tt.state || p.Reason != tt.reason {
				t.Fatalf("answered %s %s, payment %s %q; want %s %s, %s %q", a.Code, a.Result, p.State, p.Reason, tt.code, tt.result, tt.state, tt.reason)
			}
			c := w.snap.Credits[TxnKey{"MER101", "BANK1"}]
			if c.State != tt.credit || c.State != "" && (c.PaymentID != "GP1" || tt.code == CodeOK && c.Amount != d.Amount) {
				t.Errorf("the credit is %+v, want %s", c, tt.credit)
			}
			reversals := 0
			for _, r := range w.network[asked:] {
				if r.Kind == NetworkReversal && r.TxnKey == c.TxnKey && r.Amount == d.Amount && r.PaymentID == "GP1" {
					reversals++
				}
			}
			if (reversals == 1) != (tt.result == ResultReversed) || reversals > 1 {
				t.Errorf("%d reversals are asked for", reversals)
			}
			if used := len(w.messages) - messages; (used == 0) != (tt.name == "a MsgID used before") {
				t.Errorf("%d message ids were used up", used)
			}
			if tt.code == CodeOK && tt.state == payment.Succeeded && tt.result == "" {
				if p.Reference != d.Reference || p.Payer != d.Payer || p.Settlement != 9950 || p.UPITxnID != d.TxnID {
					t.Errorf("paid as %+v", p)
				}
				if len(w.callbacks) != 1 {
					t.Errorf("%d callbacks", len(w.callbacks))
				}
			}
		})
	}
}

// A result that is sent again, by its own id or a new one, changes nothing; the
// merchant is told once. Money and message ids are known again: ZD.
func TestCollectResultAgain(t *testing.T) {
	for _, status := range []CollectStatus{CollectPaid, CollectDeclined, CollectExpired} {
		w := newWorld(t)
		w.collect("1")
		d := result("1", "1")
		d.Status = status
		if a := w.told(d); a.Code != CodeOK {
			t.Fatal(a.Code)
		}
		before, credits, asked := w.payment("1"), len(w.credits), len(w.network)
		if a := w.told(d); a.Code != CodeDuplicate {
			t.Errorf("%s again: %s", status, a.Code)
		}
		d.MsgID = "R2"
		if a := w.told(d); a.Code != CodeDuplicate && status == CollectPaid {
			t.Errorf("%s again by another MsgID: %s", status, a.Code)
		}
		if w.payment("1") != before || len(w.credits) != credits || len(w.network) != asked || len(w.callbacks) != 1 {
			t.Errorf("%s again changed something", status)
		}
	}
}

// TestEveryRupeeIsAccountedFor: over any order of results, answers, cancels and
// ends, what was applied is what succeeded, and all else is on its way back
// (failure matrix I1).
func TestEveryRupeeIsAccountedFor(t *testing.T) {
	type step struct {
		name string
		do   func(*world, int)
	}
	steps := []step{
		{"paid", func(w *world, n int) { w.told(result(fmt.Sprint(n), "1")) }},
		{"declined", func(w *world, n int) {
			d := result(fmt.Sprint(n), "1")
			d.Status = CollectDeclined
			w.told(d)
		}},
		{"less paid", func(w *world, n int) {
			d := result(fmt.Sprint(n), "1")
			d.Amount = 1
			w.told(d)
		}},
		{"cancel", func(w *world, _ int) { do(w, Cancel{Key: w.payment("1").Key, Actor: "pos:M"}) }},
		{"time", func(w *world, _ int) { w.pass(3 * time.Minute); do(w, Expire{"GP1"}) }},
		{"asked: paid", func(w *world, n int) {
			needed(w, AskAnswered{PaymentID: "GP1", OrgID: "MER101", TxnID: fmt.Sprint("BANK", n), Status: TxnSuccess, Amount: 10_000, Reference: "r"})
		}},
		{"asked: pending", func(w *world, _ int) { needed(w, AskAnswered{PaymentID: "GP1", OrgID: "MER101", Status: TxnPending}) }},
	}
	for a := range steps {
		for b := range steps {
			for c := range steps {
				w := newWorld(t)
				w.collect("1")
				for n, s := range []int{a, b, c} {
					steps[s].do(w, n+1)
				}
				var applied protocol.Paise
				reversals := map[TxnKey]int{}
				for _, r := range w.network {
					if r.Kind == NetworkReversal {
						reversals[r.TxnKey]++
					}
				}
				for key, credit := range w.snap.Credits {
					if credit.State == CreditApplied {
						applied += credit.Amount
					}
					if (reversals[key] == 1) != (credit.State == CreditReversing) {
						t.Errorf("%s, %s, %s: credit %+v is asked back %d times", steps[a].name, steps[b].name, steps[c].name, credit, reversals[key])
					}
				}
				p := w.payment("1")
				if (p.State == payment.Succeeded) != (applied == p.Amount) || p.State != payment.Succeeded && applied != 0 {
					t.Errorf("%s, %s, %s: payment %s, applied %s", steps[a].name, steps[b].name, steps[c].name, p.State, applied.Rupees())
				}
			}
		}
	}
}
