package npci_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/protocol"
)

// paid has the customer pay, and returns the TxnID.
func (s *strict) paid(payee string, amount protocol.Paise) string {
	s.t.Helper()
	got, err := s.client().Journey(s.t.Context(), buy(payee, amount))
	if err != nil {
		s.t.Error(err)
	}
	return got.Pay.TxnID
}

// TestReconcileFinds: whatever the controller's books say otherwise is found, and
// named.
func TestReconcileFinds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		payee string
		how   func(*account)
		about string // the first disagreement; "" they agree
		says  string
	}{
		{"nothing", "merchant@upi", func(*account) {}, "", ""},
		{"nothing about a refusal", "ip08@mercury", func(*account) {}, "", ""},
		{"not paid", "merchant@upi", func(a *account) { a.status, a.settled = "FAILED", 0 }, npci.AboutOutcome, "books say paid, the controller FAILED"},
		{"reversed, but nothing came", "merchant@upi", func(a *account) { a.status, a.settled = "REVERSED", 0 }, npci.AboutOutcome, "books say paid, the controller REVERSED"},
		{"pending", "merchant@upi", func(a *account) { a.status = "PENDING" }, npci.AboutPending, "the controller PENDING"},
		{"a paisa less paid", "merchant@upi", func(a *account) { a.amount-- }, npci.AboutAmount, "books say 245.00, the controller 244.99"},
		{"a paisa more settled", "merchant@upi", func(a *account) { a.settled++ }, npci.AboutSettlement, "books say 243.78, the controller 243.79"},
		{"paid, not refused", "ip08@mercury", func(a *account) { a.status = "SUCCESS" }, npci.AboutOutcome, "books say returned (refused), the controller SUCCESS"},
		{"a refusal settled", "ip08@mercury", func(a *account) { a.settled = 1 }, npci.AboutSettlement, "books say 0.00, the controller 0.01"},
		{"paid, not reversed", "gourmet@mercury", func(a *account) { a.status = "SUCCESS" }, npci.AboutOutcome, "books say returned (reversed), the controller SUCCESS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStrict(t, true)
				defer s.end()
				s.paid("nofee@mercury", 100)
				txnID := s.paid(tt.payee, 24500)
				s.jobs.Wait()
				s.change(txnID, tt.how)
				r, err := s.client().Reconcile(t.Context())
				if err != nil || r.Entries != 2 || r.Agrees() != (tt.about == "") {
					t.Fatalf("%v\n%s", err, r)
				}
				if tt.about == "" {
					return
				}
				if d := r.Disagreements[0]; d.TxnID != txnID || d.About != tt.about || !strings.Contains(r.String(), tt.says) || !strings.Contains(r.String(), txnID) {
					t.Errorf("%s", r)
				}
			})
		})
	}
}

// What the controller does not know at all, does not answer, or says it gave back
// and did not, is found, too.
func TestReconcileFindsLosses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStrict(t, true)
		defer s.end()
		txnID := s.paid("merchant@upi", 24500)
		s.mu.Lock()
		kept := s.accounts[txnID]
		delete(s.accounts, txnID)
		s.mu.Unlock()
		if r, err := s.client().Reconcile(t.Context()); err != nil || r.Agrees() || !strings.Contains(r.String(), "books say paid, the controller ZQ") || r.Theirs.Paid != 0 {
			t.Errorf("forgotten: %v\n%s", err, r)
		}
		s.mu.Lock()
		s.accounts[txnID] = kept
		s.mu.Unlock()
		s.faults[npci.PathCheck] = []fault{cutOff}
		if r, err := s.client().Reconcile(t.Context()); err != nil || r.Agrees() || r.Disagreements[0].About != npci.AboutAnswer {
			t.Errorf("no answer: %v\n%s", err, r)
		}
		if r, err := s.client().Reconcile(t.Context()); err != nil || !r.Agrees() || r.Ours != (npci.Sums{Paid: 24500, Settled: 24378}) {
			t.Errorf("answered: %v\n%s", err, r)
		}
		// It says REVERSED, but no reversal comes: the customer is without the money.
		s.silent = true
		got, err := s.client().Journey(t.Context(), buy("gourmet@mercury", 1000))
		if err == nil || got.Entry.State != npci.Unknown || got.Entry.Returned != 0 {
			t.Errorf("nothing came back: %+v, %v", got.Entry, err)
		}
		if r, err := s.client().Reconcile(t.Context()); err != nil || r.Agrees() || !strings.Contains(r.String(), "answered REVERSED") {
			t.Errorf("nothing came back: %v\n%s", err, r)
		}
	})
}

// TestOneLedger: what the Client debited comes back by the refunds and reversals
// that the controller sends to the Network, in the same books; what was collected
// is in them, too.
func TestOneLedger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStrict(t, true)
		defer s.end()
		entry := func(txnID string) npci.Entry {
			e, ok := s.client().Ledger().Entry(txnID)
			if !ok {
				t.Errorf("%s is not in the books", txnID)
			}
			return e
		}
		txnID := s.paid("merchant@upi", 24500)
		if !s.refund(txnID, 10000) || !s.refund(txnID, 14500) || s.refund(txnID, 1) {
			t.Error("refunds of the money of a ReqPay")
		}
		if e := entry(txnID); e.State != npci.Paid || e.Returned != 24500 || e.Settled != 24378 {
			t.Errorf("refunded: %+v", e)
		}
		held := s.paid("gourmet@mercury", 500)
		if e := entry(held); e.State != npci.Returned || e.Returned != 500 || e.Reversal != "REV"+held {
			t.Errorf("reversed: %+v", e)
		}
		s.collect("GP1", "accept@upi", 3000)
		s.collect("GP2", "accept@upi", 600000) // fits nothing, comes back
		s.collect("GP3", "decline@upi", 100)
		synctest.Wait()
		s.jobs.Wait()
		l := s.network.Ledger()
		c1, _ := l.Collect("GP1")
		c2, _ := l.Collect("GP2")
		if e := entry(c1.BankTxnID); e.Kind != npci.KindCollect || e.OrgTxnID != "GP1" || e.State != npci.Paid || e.Debited != 3000 {
			t.Errorf("collected: %+v", e)
		}
		if e := entry(c2.BankTxnID); e.State != npci.Returned || e.Back != npci.BackReversed || e.Returned != 600000 || c2.Returned != 600000 {
			t.Errorf("collected and reversed: %+v, %+v", e, c2)
		}
		if len(l.Entries) != 4 || len(l.Contradictions) != 0 {
			t.Errorf("the books say %+v", l)
		}
		r, err := s.client().Reconcile(t.Context())
		if sums, collected, refunded := s.sums(); err != nil || !r.Agrees() || r.Ours != sums || r.Refunded != refunded || r.Collected != collected {
			t.Errorf("%v\n%s", err, r)
		}
		// More than was paid, and what was never paid, does not come back.
		for _, tt := range []struct{ name, txnID, kind, amount string }{
			{"refunded already", txnID, "REFUND", "0.01"},
			{"reversed already", held, "REVERSAL", "5.00"},
			{"of a reversal", held, "REFUND", "0.01"},
			{"of a refusal", s.paid("ip08@mercury", 100), "REVERSAL", "1.00"},
			{"more than was collected", c1.BankTxnID, "REFUND", "30.01"},
		} {
			if code := s.send("X"+tt.name, tt.txnID, tt.kind, paise(tt.amount)); code != "ZE" {
				t.Errorf("%s: %s", tt.name, code)
			}
		}
		if r, err := s.client().Reconcile(t.Context()); err != nil || len(r.Disagreements) != 5 || r.Disagreements[0].About != npci.AboutContradiction {
			t.Errorf("%v\n%s", err, r)
		}
	})
}

// A reversal of what was given back already, because the controller said that it
// is reversed or because nobody knew, is the same money.
func TestReversalAfterwards(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStrict(t, true)
		defer s.end()
		s.faults[npci.PathPay] = []fault{neverSent}
		txnID := s.paid("merchant@upi", 100)
		e, _ := s.client().Ledger().Entry(txnID)
		if e.Back != npci.BackGivenUp {
			t.Fatalf("%+v", e)
		}
		if code := s.send("R1", txnID, "REVERSAL", 100); code != "00" {
			t.Errorf("reversed after it was given up: %s", code)
		}
		if code := s.send("R2", txnID, "REVERSAL", 100); code != "ZE" {
			t.Errorf("reversed twice: %s", code)
		}
		if e, _ := s.client().Ledger().Entry(txnID); e.Returned != 100 || e.Reversal != "R1" {
			t.Errorf("%+v", e)
		}
	})
}

// What is promised to go back cannot go back twice while it is not known whether
// it went.
func TestPendingRefunds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStrict(t, true)
		defer s.end()
		p := buy("merchant@upi", 100)
		p.PayerAddr = "pending-refund@upi"
		got, err := s.client().Journey(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		refund := func(id, amount string) string {
			return s.post(npci.PathRefund, envelop(t, "<ReqRefund><MsgID>M"+id+"</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID><TxnID>"+id+
				"</TxnID><OrgTxnID>"+got.Pay.TxnID+"</OrgTxnID><Type>REFUND</Type><Amount>"+amount+"</Amount></ReqRefund>", s.key, s.cert))["Status"]
		}
		if first, second, third := refund("R1", "0.60"), refund("R2", "0.41"), refund("R3", "0.40"); first != "PENDING" || second != "ZE" || third != "PENDING" {
			t.Errorf("answered %s, %s, %s", first, second, third)
		}
		if e, _ := s.client().Ledger().Entry(got.Pay.TxnID); e.Returned != 0 || e.State != npci.Paid {
			t.Errorf("%+v", e)
		}
	})
}

// TestBooksAgree: whatever customers, merchants and a bad network do, in the end
// the network's books and the controller's agree to the paisa, and everybody's
// money is somewhere once.
func TestBooksAgree(t *testing.T) {
	t.Parallel()
	type step struct {
		kind, payee, payer string
		amount, back       protocol.Paise
		faults             map[string][]fault
	}
	faults := rapid.SliceOfN(rapid.SampledFrom([]fault{well, well, neverSent, cutOff, broken, garbage}), 0, 3)
	rapid.Check(t, func(rt *rapid.T) {
		var steps []step
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			next := step{
				kind:   rapid.SampledFrom([]string{"INR", "INR", "USD", "collect"}).Draw(rt, "kind"),
				payee:  rapid.SampledFrom([]string{"merchant@upi", "merchant@upi", "ip08@mercury", "gourmet@mercury"}).Draw(rt, "payee"),
				payer:  rapid.SampledFrom([]string{"accept@upi", "accept@upi", "silent-refund@upi", "pending-refund@upi", "fail-refund@upi", "decline@upi"}).Draw(rt, "payer"),
				amount: protocol.Paise(rapid.Int64Range(100, 900000).Draw(rt, "amount")),
				back:   protocol.Paise(rapid.Int64Range(0, 900000).Draw(rt, "back")),
				faults: map[string][]fault{
					npci.PathValidate: faults.Draw(rt, "validate"), npci.PathPay: faults.Draw(rt, "pay"),
					npci.PathCheck: faults.Draw(rt, "check"), npci.PathCollectResult: faults.Draw(rt, "result"),
				},
			}
			// A bank that refuses a reversal leaves the two apart for ever, as
			// TestReconcileFindsLosses has it.
			if next.payer == "fail-refund@upi" && (next.payee == "gourmet@mercury" || next.kind == "collect") {
				next.payer = "accept@upi"
			}
			steps = append(steps, next)
		}
		var wrong string
		synctest.Test(t, func(t *testing.T) {
			s := newStrict(t, true)
			defer s.end()
			for i, step := range steps {
				s.mu.Lock()
				s.faults = step.faults
				s.mu.Unlock()
				txnID := ""
				if step.kind == "collect" {
					id := fmt.Sprint("GP", i)
					s.collect(id, step.payer, step.amount)
					time.Sleep(time.Minute)
					c, _ := s.network.Ledger().Collect(id)
					txnID = c.BankTxnID
				} else {
					p := buy(step.payee, step.amount)
					p.QR.Curr, p.PayerAddr = step.kind, step.payer
					got, err := s.client().Journey(t.Context(), p)
					if err != nil {
						wrong = fmt.Sprintf("step %d: %v", i, err)
						return
					}
					txnID = got.Pay.TxnID
				}
				s.refund(txnID, step.back)
			}
			s.mu.Lock()
			s.faults = nil
			s.mu.Unlock()
			s.jobs.Wait()
			r, err := s.client().Reconcile(t.Context())
			if sums, collected, refunded := s.sums(); err != nil || !r.Agrees() || r.Ours != sums || r.Refunded != refunded || r.Collected != collected {
				wrong = fmt.Sprintf("%v; the controller has %+v, refunded %d\n%s", err, sums, refunded, r)
			}
			for _, e := range s.client().Ledger().Entries {
				if e.Returned > e.Debited || e.Settled > e.Debited || (e.State == npci.Returned) != (e.Returned == e.Debited && e.Settled == 0) && e.State != npci.Paid ||
					e.State != npci.Paid && e.State != npci.Returned {
					wrong += fmt.Sprintf("\n%+v", e)
				}
			}
		})
		if wrong != "" {
			rt.Fatalf("%s", wrong)
		}
	})
}
