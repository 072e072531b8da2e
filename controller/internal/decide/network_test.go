package decide

import (
	"errors"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
)

func (w *world) asked(d AskAnswered) error {
	w.t.Helper()
	d.OrgID = "MER101"
	_, err := needed(w, d)
	return err
}

// TestCollectAsked: the network's last word at a collect request's end. Only
// money that is there is a success; anything else ends it at once.
func TestCollectAsked(t *testing.T) {
	atEnd := func(w *world) {
		w.pass(3 * time.Minute)
		do(w, Expire{"GP1"})
	}
	success := AskAnswered{Status: TxnSuccess, TxnID: "BANK1", Amount: 10_000, Reference: "632600000001", Fee: quote.Fee{BasisPoints: 50}}
	for _, tt := range []struct {
		name   string
		before func(*world)
		answer AskAnswered
		state  payment.State
		reason string
		credit CreditState
	}{
		{name: "paid", before: atEnd, answer: success, state: payment.Succeeded, credit: CreditApplied},
		{name: "not paid", before: atEnd, answer: AskAnswered{Status: TxnFailed}, state: payment.Expired, reason: payment.ReasonCollectExpired},
		{name: "not known yet", before: atEnd, answer: AskAnswered{Status: TxnPending}, state: payment.Expired, reason: payment.ReasonCollectExpired},
		{name: "paid, and given back already", before: atEnd, answer: AskAnswered{Status: TxnReversed}, state: payment.Expired, reason: payment.ReasonCollectExpired},
		{name: "not known at all", before: atEnd, answer: AskAnswered{Status: TxnUnknown}, state: payment.Expired, reason: payment.ReasonCollectExpired},
		{name: "paid another amount", before: atEnd, answer: AskAnswered{Status: TxnSuccess, TxnID: "BANK1", Amount: 1, Reference: "r"},
			state: payment.Failed, reason: payment.ReasonAmountDiffers, credit: CreditReversing},
		{name: "paid, when it is too late", before: func(w *world) { w.runOut("1") }, answer: success,
			state: payment.Expired, reason: payment.ReasonCollectExpired, credit: CreditReversing},
		{name: "not paid, before its time", answer: AskAnswered{Status: TxnFailed}, state: payment.Created},
		{name: "paid, before its time", answer: success, state: payment.Succeeded, credit: CreditApplied},
		{name: "paid, as its result has said", before: func(w *world) { w.told(result("1", "1")) }, answer: success,
			state: payment.Succeeded, credit: CreditApplied},
		{name: "paid too late, as its result has said", before: func(w *world) {
			w.runOut("1")
			w.told(result("1", "1"))
		}, answer: success, state: payment.Expired, reason: payment.ReasonCollectExpired, credit: CreditReversing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.collect("1")
			if tt.before != nil {
				tt.before(w)
			}
			tt.answer.PaymentID = "GP1"
			for range 2 { // an answer that is told again changes nothing
				if err := w.asked(tt.answer); err != nil {
					t.Fatal(err)
				}
			}
			if p := w.payment("1"); p.State != tt.state || p.Reason != tt.reason {
				t.Errorf("payment %s %q, want %s %q", p.State, p.Reason, tt.state, tt.reason)
			}
			if c := w.snap.Credits[TxnKey{"MER101", "BANK1"}]; c.State != tt.credit || len(w.credits) > 1 {
				t.Errorf("credits %+v, want %s", w.credits, tt.credit)
			}
			reversals := 0
			for _, r := range w.network {
				if r.Kind == NetworkReversal {
					reversals++
				}
			}
			if (reversals == 1) != (tt.credit == CreditReversing) {
				t.Errorf("%d reversals", reversals)
			}
			// The bank's own message comes after all of that, and finds it known.
			if tt.credit != "" {
				before := w.payment("1")
				d := result("1", "1")
				d.MsgID = "late"
				if a := w.told(d); a.Code != CodeDuplicate || w.payment("1") != before {
					t.Errorf("the result after the answer: %s", a.Code)
				}
			}
		})
	}
}

// begun is a sale whose customer began to pay and whose end nobody knows.
func (w *world) begun(id string) {
	w.t.Helper()
	p := w.sale(id, 24_500)
	b := NewBatch(w.snap)
	tx := &Tx{batch: b, own: newLayer()}
	_, err := move(tx, p, payment.Happening{Event: payment.EventPayStarted, Actor: "upi:MER101", Payer: "customer@upi", UPITxnID: "X1"})
	if err != nil {
		w.t.Fatal(err)
	}
	b.done.add(tx.own)
	w.save(b.Changes())
}

// TestAttemptAsked: only an answer settles an attempt, also one that is parked;
// what is not known stays so (failure matrix R13, I14).
func TestAttemptAsked(t *testing.T) {
	success := AskAnswered{Status: TxnSuccess, TxnID: "X1", Amount: 24_500, Reference: "632600000001", Fee: quote.Fee{BasisPoints: 50}}
	park := func(w *world) {
		w.pass(payment.ParkAfter)
		if did, err := do(w, Attend{"GP1"}); !did || err != nil || w.state("1") != payment.Parked {
			w.t.Fatal(did, err, w.state("1"))
		}
	}
	resolve := func(paid bool) func(*world) {
		return func(w *world) {
			if _, err := do(w, Resolve{PaymentID: "GP1", Paid: paid, Reference: "UTR", Actor: "operator"}); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	cancelled := func(w *world) {
		if a, err := do(w, Cancel{Key: w.payment("1").Key, Actor: "pos:M"}); err != nil || !a.Asked {
			w.t.Fatal(a, err)
		}
	}
	for _, tt := range []struct {
		name   string
		before func(*world)
		answer AskAnswered
		state  payment.State
		reason string
		credit CreditState
	}{
		{name: "paid", answer: success, state: payment.Succeeded, credit: CreditApplied},
		{name: "paid, parked meanwhile", before: park, answer: success, state: payment.Succeeded, credit: CreditApplied},
		{name: "paid, a cancel was asked for", before: cancelled, answer: success, state: payment.Succeeded, credit: CreditApplied},
		{name: "failed", answer: AskAnswered{Status: TxnFailed}, state: payment.Failed, reason: "UPI:FAILED"},
		{name: "failed, parked meanwhile", before: park, answer: AskAnswered{Status: TxnFailed}, state: payment.Failed, reason: "UPI:FAILED"},
		{name: "failed, a cancel was asked for", before: cancelled, answer: AskAnswered{Status: TxnFailed},
			state: payment.Cancelled, reason: payment.ReasonCancelledByMerchant},
		{name: "reversed", answer: AskAnswered{Status: TxnReversed}, state: payment.Failed, reason: "UPI:REVERSED"},
		{name: "pending", answer: AskAnswered{Status: TxnPending}, state: payment.InProgress},
		{name: "pending, parked meanwhile", before: park, answer: AskAnswered{Status: TxnPending}, state: payment.Parked},
		{name: "not known", answer: AskAnswered{Status: TxnUnknown}, state: payment.InProgress},
		{name: "paid another amount", answer: AskAnswered{Status: TxnSuccess, TxnID: "X1", Amount: 1, Reference: "r"},
			state: payment.Failed, reason: payment.ReasonAmountDiffers, credit: CreditReversing},
		{name: "paid, when an operator had settled it so", before: resolve(true), answer: success, state: payment.Succeeded},
		{name: "paid, when an operator had settled it otherwise", before: resolve(false), answer: success,
			state: payment.Failed, reason: payment.ReasonResolvedUnpaid, credit: CreditReversing},
		{name: "failed, when an operator had settled it otherwise", before: resolve(true), answer: AskAnswered{Status: TxnFailed}, state: payment.Succeeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.begun("1")
			if tt.before != nil {
				tt.before(w)
			}
			tt.answer.PaymentID = "GP1"
			for range 2 {
				if err := do2(w, tt.answer); err != nil {
					t.Fatal(err)
				}
			}
			if p := w.payment("1"); p.State != tt.state || p.Reason != tt.reason {
				t.Errorf("payment %s %q, want %s %q", p.State, p.Reason, tt.state, tt.reason)
			}
			if c := w.snap.Credits[TxnKey{"MER101", "X1"}]; c.State != tt.credit {
				t.Errorf("credit %+v, want %s", c, tt.credit)
			}
			if tt.state.Final() && len(w.callbacks) != 1 {
				t.Errorf("%d callbacks", len(w.callbacks))
			}
		})
	}
}

// do2 runs an answer with the terminal at hand, as a storage adds it.
func do2(w *world, d AskAnswered) error {
	d.OrgID = "MER101"
	_, err := do(w, d)
	return err
}

// refunding is a refund of 1.00 of a sale that was paid.
func (w *world) refunding(id, of string) payment.Payment {
	w.t.Helper()
	p, err := do(w, Refund{Actor: "pos:M", Original: payment.Key{MerchantID: "M", TransactionID: of}, Payment: payment.Payment{
		ID: "GP" + id, Key: payment.Key{MerchantID: "M", TransactionID: id}, Amount: 100,
		CallbackURL: "https://pos.example/callback", CallbackMode: "POST",
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// TestRefundSettled: a refund ends as the network says, by whichever answer, and
// a failed one frees what it had reserved (failure matrix I9).
func TestRefundSettled(t *testing.T) {
	settled := func(reference, failed string) func(*world) error {
		return func(w *world) error {
			_, err := needed(w, RefundSettled{PaymentID: "GPR", Original: "GP1", OrgID: "MER101", Reference: reference, Failed: failed})
			return err
		}
	}
	asked := func(d AskAnswered) func(*world) error {
		d.PaymentID, d.Original = "GPR", "GP1"
		return func(w *world) error { return w.asked(d) }
	}
	for _, tt := range []struct {
		name     string
		tell     []func(*world) error
		state    payment.State
		reason   string
		refunded int64
		err      error
	}{
		{"gone back", []func(*world) error{settled("632600000009", "")}, payment.Succeeded, "", 100, nil},
		{"gone back, told again", []func(*world) error{settled("632600000009", ""), settled("632600000009", "")}, payment.Succeeded, "", 100, nil},
		{"refused", []func(*world) error{settled("", "U30")}, payment.Failed, "UPI:U30", 0, nil},
		{"refused, told again", []func(*world) error{settled("", "U30"), settled("", "U30")}, payment.Failed, "UPI:U30", 0, nil},
		{"asked: gone back", []func(*world) error{asked(AskAnswered{Status: TxnSuccess, Amount: 100, Reference: "632600000009"})}, payment.Succeeded, "", 100, nil},
		{"asked: failed", []func(*world) error{asked(AskAnswered{Status: TxnFailed})}, payment.Failed, "UPI:FAILED", 0, nil},
		{"asked: pending", []func(*world) error{asked(AskAnswered{Status: TxnPending})}, payment.InProgress, "", 100, nil},
		{"asked: not known", []func(*world) error{asked(AskAnswered{Status: TxnUnknown})}, payment.InProgress, "", 100, nil},
		{"asked: another amount went back", []func(*world) error{asked(AskAnswered{Status: TxnSuccess, Amount: 99, Reference: "r"})},
			payment.InProgress, "", 100, ErrContradiction},
		{"refused, then gone back", []func(*world) error{settled("", "U30"), settled("632600000009", "")}, payment.Failed, "UPI:U30", 0, ErrContradiction},
		{"gone back, then refused", []func(*world) error{settled("632600000009", ""), settled("", "U30")}, payment.Succeeded, "", 100, ErrContradiction},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.sale("1", 24_500)
			w.validate(validation("1", "1", 24_500))
			w.pay(paying("1", 24_500))
			w.refunding("R", "1")
			callbacks := len(w.callbacks)
			var err error
			for _, tell := range tt.tell {
				err = tell(w)
			}
			p := w.payment("R")
			if !errors.Is(err, tt.err) || p.State != tt.state || p.Reason != tt.reason || int64(w.payment("1").Refunded) != tt.refunded {
				t.Fatalf("%v; refund %s %q, given back %d; want %v, %s %q, %d",
					err, p.State, p.Reason, w.payment("1").Refunded, tt.err, tt.state, tt.reason, tt.refunded)
			}
			if told := len(w.callbacks) - callbacks; (told == 1) != tt.state.Final() {
				t.Errorf("%d callbacks", told)
			}
			if tt.state == payment.Succeeded && p.Reference != "632600000009" {
				t.Errorf("reference %q", p.Reference)
			}
			if len(w.credits) != 1 {
				t.Errorf("a refund made a credit: %+v", w.credits)
			}
		})
	}
}

// A decision that fails a refund without its original loses nothing: it fails.
func TestRefundWithoutItsOriginal(t *testing.T) {
	w := newWorld(t)
	w.sale("1", 24_500)
	w.validate(validation("1", "1", 24_500))
	w.pay(paying("1", 24_500))
	w.refunding("R", "1")
	if _, err := needed(w, RefundSettled{PaymentID: "GPR", OrgID: "MER101", Failed: "U30"}); err == nil || w.state("R") != payment.InProgress {
		t.Errorf("%v; the refund is %s", err, w.state("R"))
	}
	if _, err := needed(w, Resolve{PaymentID: "GPR", Original: "GP1", Actor: "operator"}); err != nil || w.payment("1").Refunded != 0 {
		t.Errorf("settled by evidence: %v, given back %d", err, w.payment("1").Refunded)
	}
	if _, err := needed(w, RefundSettled{PaymentID: "GP1", OrgID: "MER101", Reference: "r"}); !errors.Is(err, ErrNoPayment) {
		t.Errorf("a payment that is no refund: %v", err)
	}
}

// TestCollectRefused: a request that the network does not deliver fails with its
// code; the customer has not been asked anything.
func TestCollectRefused(t *testing.T) {
	w := newWorld(t)
	w.collect("1")
	refused := CollectRefused{PaymentID: "GP1", OrgID: "MER101", Code: "U17"}
	for range 2 {
		p, err := needed(w, refused)
		if err != nil || p.State != payment.Failed || p.Reason != "UPI:U17" || p.Attempted {
			t.Fatalf("%s %q attempted %v: %v", p.State, p.Reason, p.Attempted, err)
		}
	}
	if len(w.callbacks) != 1 {
		t.Errorf("%d callbacks", len(w.callbacks))
	}
	w.collect("2")
	w.told(result("2", "2"))
	refused.PaymentID = "GP2"
	if p, err := needed(w, refused); err != nil || p.State != payment.Succeeded {
		t.Errorf("after it was paid: %s, %v", p.State, err)
	}
	w.sale("3", 100)
	refused.PaymentID = "GP3"
	if _, err := needed(w, refused); !errors.Is(err, ErrNoPayment) || w.state("3") != payment.Created {
		t.Errorf("a sale on a terminal: %v, %s", err, w.state("3"))
	}
}

// TestReversalDone: a credit on its way back ends reversed, or, where the network
// will not have it, in suspense; no other credit moves.
func TestReversalDone(t *testing.T) {
	key := TxnKey{"MER101", "BANK1"}
	for _, tt := range []struct {
		from    CreditState
		refused bool
		to      CreditState
	}{
		{CreditReversing, false, CreditReversed}, {CreditReversing, true, CreditSuspense},
		{CreditReversed, false, CreditReversed}, {CreditReversed, true, CreditReversed},
		{CreditSuspense, false, CreditReversed}, {CreditSuspense, true, CreditSuspense},
		{CreditApplied, false, CreditApplied}, {CreditApplied, true, CreditApplied},
		{CreditReceived, false, CreditReceived},
	} {
		w := newWorld(t)
		w.snap.Credits[key] = Credit{TxnKey: key, PaymentID: "GP1", Amount: 100, State: tt.from}
		for range 2 {
			if c, err := needed(w, ReversalDone{TxnKey: key, Refused: tt.refused}); err != nil || c.State != tt.to {
				t.Errorf("from %s, refused %v: %s, %v; want %s", tt.from, tt.refused, c.State, err, tt.to)
			}
		}
		if got := w.snap.Credits[key]; got.State != tt.to || got.Amount != 100 || got.PaymentID != "GP1" {
			t.Errorf("the credit is %+v", got)
		}
	}
	if _, err := needed(newWorld(t), ReversalDone{TxnKey: key}); !errors.Is(err, ErrNoPayment) {
		t.Errorf("no such credit: %v", err)
	}
}
