package decide

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// TestLifeOfAPayment is DESIGN section 3 as decisions: init, taken, presented,
// quoted, paid, result shown.
func TestLifeOfAPayment(t *testing.T) {
	w := newWorld(t)
	p := w.sale("1", 24500)
	if p.State != payment.Created || p.ExpiresAt != start.Add(3*time.Minute) {
		t.Fatalf("after init: %s until %v", p.State, p.ExpiresAt)
	}
	if tm := w.terminal(); tm.Sale != "GP1" || !tm.NeedsTelling() {
		t.Fatalf("terminal is not to be told of the sale: %+v", tm)
	}
	w.report(protocol.Fact{N: 1, Kind: protocol.FactReceived, PaymentID: "GP1"})
	if w.state("1") != payment.HandedOver || w.terminal().NeedsTelling() {
		t.Fatalf("after received: %s, needs telling %v", w.state("1"), w.terminal().NeedsTelling())
	}
	w.report(protocol.Fact{N: 2, Kind: protocol.FactPresented, PaymentID: "GP1"})
	if w.state("1") != payment.Presented {
		t.Fatalf("after presented: %s", w.state("1"))
	}
	if code := w.validate(validation("1", "1", 24500)); code != CodeOK {
		t.Fatalf("ReqValQr: %s", code)
	}
	if code := w.pay(paying("1", 24500)); code != CodeOK {
		t.Fatalf("ReqPay: %s", code)
	}
	p = w.payment("1")
	if p.State != payment.Succeeded || p.Reference != "632600000001" || p.Settlement != 24377 || p.UPITxnID != "X1" {
		t.Fatalf("after ReqPay: %+v", p)
	}
	tm := w.terminal()
	if tm.Sale != "" || tm.Result != "GP1" || !tm.NeedsTelling() {
		t.Fatalf("terminal is not to be told of the result: %+v", tm)
	}
	if len(w.callbacks) != 1 || w.callbacks[0].PaymentID != "GP1" || len(w.credits) != 1 || w.credits[0].State != CreditApplied {
		t.Fatalf("callbacks %v, credits %v", w.callbacks, w.credits)
	}
	w.report(protocol.Fact{N: 3, Kind: protocol.FactShown, PaymentID: "GP1"})
	if w.terminal().Result != "" {
		t.Fatal("a result that was shown is still told")
	}
}

// TestDuplicate: a transaction id is unique for ever, in the same batch too.
func TestDuplicate(t *testing.T) {
	w := newWorld(t)
	b := NewBatch(w.snap)
	if _, err := Run(b, newSale("1", 100)); err != nil {
		t.Fatal(err)
	}
	again := newSale("1", 200)
	again.Payment.ID = "GPother"
	if _, err := Run(b, again); !errors.Is(err, ErrDuplicate) {
		t.Fatalf("second init of a batch: %v", err)
	}
	w.save(b.Changes())
	if _, err := do(w, again); !errors.Is(err, ErrDuplicate) {
		t.Fatalf("init of another batch: %v", err)
	}
	if len(w.snap.Payments) != 1 || w.payment("1").Amount != 100 {
		t.Fatalf("the first did not stay: %v", w.snap.Payments)
	}
}

// TestRefusedDecisionLeavesNothing: what a decision did before it refused is
// not kept, and the next of the batch does not see it.
func TestRefusedDecisionLeavesNothing(t *testing.T) {
	w := newWorld(t)
	b := NewBatch(w.snap)
	if _, err := Run(b, half{}); err == nil {
		t.Fatal("it did not refuse")
	}
	if c := b.Changes(); !c.Empty() {
		t.Fatalf("changes were kept: %+v", c)
	}
}

type half struct{}

func (half) Needs() Needs { return Needs{} }
func (half) Decide(tx *Tx) (int, error) {
	tm, _ := tx.Terminal(counter)
	tm.Want()
	tx.PutTerminal(tm)
	tx.AddMessage(Message{MessageKey: MessageKey{"O", "M"}})
	return 0, errors.New("refused after all")
}

// TestNewestSaleIsShown: a DQR display shows the newest unpaid sale; what it
// replaces ends SUPERSEDED and its merchant is told.
func TestNewestSaleIsShown(t *testing.T) {
	w := newWorld(t)
	w.sale("1", 100)
	w.report(protocol.Fact{N: 1, Kind: protocol.FactPresented, PaymentID: "GP1"})
	w.sale("2", 200)
	if p := w.payment("1"); p.State != payment.Cancelled || p.Reason != payment.ReasonSuperseded {
		t.Fatalf("the older sale is %s %s", p.State, p.Reason)
	}
	if tm := w.terminal(); tm.Sale != "GP2" || tm.Result != "" || len(tm.Waiting) != 0 {
		t.Fatalf("the terminal is to show %+v", tm)
	}
	if len(w.callbacks) != 1 || w.callbacks[0].PaymentID != "GP1" {
		t.Fatalf("callbacks: %v", w.callbacks)
	}
}

// TestHeldSaleIsNotReplaced: while a customer holds a live token, a newer sale
// waits, 60 s at most; of several that wait only the newest is left.
func TestHeldSaleIsNotReplaced(t *testing.T) {
	w := newWorld(t)
	w.sale("1", 100)
	if code := w.validate(validation("1", "1", 100)); code != CodeOK {
		t.Fatal(code)
	}
	w.sale("2", 200)
	w.sale("3", 300)
	if w.state("1") != payment.Created || w.state("2") != payment.Cancelled || w.state("3") != payment.Created {
		t.Fatalf("states %s %s %s", w.state("1"), w.state("2"), w.state("3"))
	}
	if tm := w.terminal(); tm.Sale != "GP1" || !slices.Equal(tm.Waiting, []string{"GP3"}) {
		t.Fatalf("terminal %+v", tm)
	}

	t.Run("the customer pays", func(t *testing.T) {
		w := clone(w)
		if code := w.pay(paying("1", 100)); code != CodeOK {
			t.Fatal(code)
		}
		if tm := w.terminal(); tm.Sale != "GP3" || tm.Result != "GP1" || len(tm.Waiting) != 0 {
			t.Fatalf("the waiting sale did not come up beside the result: %+v", tm)
		}
	})
	t.Run("the customer does nothing", func(t *testing.T) {
		w := clone(w)
		w.pass(59 * time.Second)
		if moved, _ := do(w, Promote{counter}); moved {
			t.Fatal("replaced before the hold was over")
		}
		// A second look at the QR does not hold it any longer.
		if code := w.validate(validation("2", "1", 100)); code != CodeOK {
			t.Fatal(code)
		}
		w.pass(time.Second)
		if moved, err := do(w, Promote{counter}); !moved || err != nil {
			t.Fatalf("not replaced after the hold: %v", err)
		}
		if w.state("1") != payment.Cancelled || w.terminal().Sale != "GP3" {
			t.Fatalf("%s, %+v", w.state("1"), w.terminal())
		}
		if code := w.pay(paying("1", 100)); code != CodeDuplicate {
			t.Fatalf("a superseded sale could be paid: %s", code)
		}
	})
}

func clone(w *world) *world {
	c := newWorld(w.t)
	c.snap.Now = w.snap.Now
	for k, v := range w.snap.Terminals {
		c.snap.Terminals[k] = v
	}
	for k, v := range w.snap.Payments {
		c.snap.Payments[k] = v
	}
	for k, v := range w.snap.Quotes {
		c.snap.Quotes[k] = v
	}
	for k, v := range w.snap.Messages {
		c.snap.Messages[k] = v
	}
	for k, v := range w.events {
		c.events[k] = slices.Clone(v)
	}
	return c
}

// TestExpiry: strict, at expiresIn, the boundary instant included; a payment
// that was begun in time may finish.
func TestExpiry(t *testing.T) {
	w := newWorld(t)
	w.sale("1", 100)
	w.pass(3*time.Minute - time.Microsecond)
	if done, _ := do(w, Expire{"GP1"}); done {
		t.Fatal("expired before its time")
	}
	w.pass(time.Microsecond)
	if code := w.validate(validation("1", "1", 100)); code != CodeExpired {
		t.Fatalf("at the boundary instant ReqValQr answers %s", code)
	}
	if done, err := do(w, Expire{"GP1"}); !done || err != nil {
		t.Fatalf("not expired at its time: %v", err)
	}
	if done, err := do(w, Expire{"GP1"}); done || err != nil {
		t.Fatalf("expired twice: %v", err)
	}
	if p := w.payment("1"); p.State != payment.Expired || p.Reason != payment.ReasonQRExpired || len(w.callbacks) != 1 {
		t.Fatalf("%s %s, callbacks %v", p.State, p.Reason, w.callbacks)
	}
	if tm := w.terminal(); tm.Sale != "" || tm.Result != "GP1" {
		t.Fatalf("terminal %+v", tm)
	}
}

// TestReportsAreIdempotent: a report may come any number of times, late, or
// after the terminal was reflashed; each fact counts once, and facts about
// payments that are not this terminal's change nothing.
func TestReportsAreIdempotent(t *testing.T) {
	w := newWorld(t)
	w.sale("1", 100)
	facts := []protocol.Fact{
		{N: 1, Kind: protocol.FactReceived, PaymentID: "GP1"}, {N: 2, Kind: protocol.FactPresented, PaymentID: "GP1"},
	}
	if !w.report(facts...) || w.report(facts...) {
		t.Fatal("a repeated report was news")
	}
	if n := len(w.events["GP1"]); n != 3 {
		t.Fatalf("%d events, want init, handed_over, presented", n)
	}
	if w.report(protocol.Fact{N: 1, Kind: protocol.FactRefused, PaymentID: "GP1"}) || w.state("1") != payment.Presented {
		t.Fatal("a fact with an old number was taken")
	}
	w.tell(protocol.TypeSync, "E2", protocol.Fact{N: 1, Kind: protocol.FactPresented, PaymentID: "GP1"})
	if tm := w.terminal(); tm.Epoch != "E2" || tm.FactSeq != 1 {
		t.Fatalf("a reflashed terminal is not heard: %+v", tm)
	}
	if !w.terminal().NeedsTelling() {
		t.Fatal("a terminal that asked for its state is not told")
	}
	w.snap.Payments["GPx"] = payment.Payment{ID: "GPx", Key: payment.Key{MerchantID: "M", TransactionID: "x"}, StoreID: "S", TerminalID: "other", State: payment.None}
	w.tell(protocol.TypeReport, "E2", protocol.Fact{N: 2, Kind: protocol.FactPresented, PaymentID: "GPx"},
		protocol.Fact{N: 3, Kind: "something new", PaymentID: "GP1"}, protocol.Fact{N: 9, Kind: protocol.FactShown, PaymentID: "nobody's"})
	if w.terminal().FactSeq != 9 || w.snap.Payments["GPx"].State != payment.None {
		t.Fatal("facts that mean nothing here were not simply acknowledged")
	}
}

// TestRefusedByTerminal: a terminal that cannot take a sale ends it, and is
// free for the next.
func TestRefusedByTerminal(t *testing.T) {
	w := newWorld(t)
	w.sale("1", 100)
	w.report(protocol.Fact{N: 1, Kind: protocol.FactRefused, PaymentID: "GP1", Reason: "panel"})
	if p := w.payment("1"); p.State != payment.Failed || p.Reason != payment.ReasonTerminalRefused || w.terminal().Sale != "" {
		t.Fatalf("%s %s %+v", p.State, p.Reason, w.terminal())
	}
}
