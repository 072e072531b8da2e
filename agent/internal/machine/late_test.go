package machine

import (
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// wantResult checks which result is on the glass, and whether it is a late one.
func (w *walker) wantResult(payment string, o protocol.Outcome, late bool) *walker {
	w.t.Helper()
	w.is(protocol.ModeResult, payment)
	if w.m.Result.Outcome != o || w.m.Late != late {
		w.t.Fatalf("it shows %s, late %v; want %s, late %v", w.m.Result.Outcome, w.m.Late, o, late)
	}
	return w
}

func paidResult(id string) *protocol.Result    { return result(id, protocol.OutcomeSucceeded) }
func unknownResult(id string) *protocol.Result { return result(id, protocol.OutcomeUnknown) }

// TestALateSuccessWhileChecking: the terminal's own time is over, the QR is gone; the
// customer had begun before.
func TestALateSuccessWhileChecking(t *testing.T) {
	t.Parallel()
	w := presenting(t).after(70*second).is(protocol.ModeChecking, "A")
	w.does(pushed(7, nil, paidResult("A"))).wantResult("A", protocol.OutcomeSucceeded, false).drawn()
	w.after(4*second).is(protocol.ModeIdle, "").wantFacts("received A, presented A DQR, shown A")
}

// TestALateSuccessAfterNotConfirmed is failure matrix R13, and what terminal-ux calls
// a late payment: it is never lost.
func TestALateSuccessAfterNotConfirmed(t *testing.T) {
	t.Parallel()
	unconfirmed := func() *walker {
		return presenting(t).after(70*second).does(pushed(7, nil, unknownResult("A"))).
			wantResult("A", protocol.OutcomeUnknown, false).drawn()
	}
	// On an idle terminal it is shown, once.
	w := unconfirmed().after(9*second).is(protocol.ModeIdle, "")
	w.does(pushed(8, nil, paidResult("A"))).wantResult("A", protocol.OutcomeSucceeded, true).drawn()
	w.after(6*second-1).is(protocol.ModeResult, "A").after(1).is(protocol.ModeIdle, "")
	w.does(pushed(9, nil, paidResult("A"))).is(protocol.ModeIdle, "")
	w.wantFacts("received A, presented A DQR, shown A, shown A")
	if w.m.Last != 24500 {
		t.Errorf("the last payment is %s", w.m.Last)
	}
	// It takes the place of its own "not confirmed"; so does any other end.
	unconfirmed().does(pushed(8, nil, paidResult("A"))).wantResult("A", protocol.OutcomeSucceeded, true)
	unconfirmed().does(pushed(8, nil, result("A", protocol.OutcomeFailed))).wantResult("A", protocol.OutcomeFailed, false)
	// Later, only that it was paid is news.
	w = unconfirmed().after(9*second).does(pushed(8, nil, result("A", protocol.OutcomeFailed))).is(protocol.ModeIdle, "")
	w.does(pushed(9, nil, paidResult("A"))).is(protocol.ModeIdle, "") // it had ended

	// Never in the place of the next sale, whose customer would take it for his own.
	w = unconfirmed().after(9 * second).does(pushed(8, sale("B", protocol.PhaseOffered), nil)).drawn()
	w.does(pushed(9, sale("B", protocol.PhasePresented), paidResult("A"))).is(protocol.ModePresenting, "B")
	w.does(pushed(10, nil, paidResult("B"))).wantResult("B", protocol.OutcomeSucceeded, false).drawn()
	w.after(4*second).wantResult("A", protocol.OutcomeSucceeded, true).drawn().after(6*second).is(protocol.ModeIdle, "")
	// A failure makes room for it sooner, and so does it for a sale: 4 s are a PAID's.
	w = unconfirmed().after(9 * second).does(pushed(8, sale("B", protocol.PhaseOffered), nil)).drawn()
	w.does(pushed(9, sale("B", protocol.PhasePresented), paidResult("A"))).does(pushed(10, nil, result("B", protocol.OutcomeFailed))).drawn()
	w.after(2*second).wantResult("A", protocol.OutcomeSucceeded, true).drawn()
	w.does(pushed(11, sale("C", protocol.PhaseOffered), nil)).after(4*second).is(protocol.ModePresenting, "C")

	// The doubt is remembered over a power cut.
	mem := unconfirmed().after(9 * second).m.Memory()
	boot := newWalker(t, mem).does(Ready{}).does(answer(3, nil, nil)).is(protocol.ModeIdle, "")
	boot.does(pushed(4, nil, paidResult("A"))).wantResult("A", protocol.OutcomeSucceeded, true)
	newWalker(t, mem).does(Ready{}).does(answer(3, nil, paidResult("A"))).wantResult("A", protocol.OutcomeSucceeded, true)
	// So are the news that wait for the glass.
	w = unconfirmed().after(9 * second).does(pushed(8, sale("B", protocol.PhaseOffered), nil)).drawn()
	w.does(pushed(9, sale("B", protocol.PhasePresented), paidResult("A")))
	newWalker(t, w.m.Memory()).does(Ready{}).does(answer(10, nil, paidResult("A"))).wantResult("A", protocol.OutcomeSucceeded, false)
	// One that is older than 15 minutes is history: the idle screen has it.
	old := paidResult("A")
	old.AgeMillis = (15 * time.Minute).Milliseconds() + 1
	w = unconfirmed().after(20*time.Minute).does(pushed(8, nil, old)).is(protocol.ModeIdle, "")
	if w.m.Last != 24500 {
		t.Errorf("the last payment is %s", w.m.Last)
	}
}

// TestASaleThatLeftInDoubt: the controller stopped wanting it and said nothing of its
// end, so it may be paid still.
func TestASaleThatLeftInDoubt(t *testing.T) {
	t.Parallel()
	presenting(t).does(pushed(7, nil, nil)).is(protocol.ModeIdle, "").
		does(pushed(8, nil, paidResult("A"))).wantResult("A", protocol.OutcomeSucceeded, true)
	presenting(t).does(pushed(7, sale("B", protocol.PhaseOffered), nil)).drawn().
		does(pushed(8, nil, paidResult("A"))).wantResult("A", protocol.OutcomeSucceeded, true)
	// Nobody can have paid what was only asked about, nor what ended for good: the
	// terminal never says PAID for a sale that the cashier closed (failure matrix R3).
	idleEDC(t).does(pushed(6, edcSale("A", protocol.PhaseOffered, card, dqr), nil)).drawn().
		does(pushed(7, nil, nil)).does(pushed(8, nil, paidResult("A"))).is(protocol.ModeIdle, "")
	presenting(t).does(pushed(7, nil, result("A", protocol.OutcomeCancelled))).drawn().after(4*second).
		does(pushed(8, nil, paidResult("A"))).is(protocol.ModeIdle, "")
	// The power went, and the controller has forgotten it: then it comes all the same.
	mem := presenting(t).m.Memory()
	newWalker(t, mem).does(Ready{}).does(answer(6, nil, nil)).is(protocol.ModeIdle, "").
		does(pushed(7, nil, paidResult("A"))).wantResult("A", protocol.OutcomeSucceeded, true)
	// It is back: no doubt any more.
	w := presenting(t).does(pushed(7, nil, nil)).does(pushed(8, sale("A", protocol.PhasePresented), nil)).is(protocol.ModePresenting, "A")
	if w.m.Doubt.PaymentID != "" {
		t.Errorf("in doubt is %+v", w.m.Doubt)
	}
}

// TestForgedLateResults: each differs in one thing from the one that shows PAID.
func TestForgedLateResults(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]func(*protocol.State){
		"other payment":     func(s *protocol.State) { s.Result.PaymentID = "B" },
		"no payment":        func(s *protocol.State) { s.Result.PaymentID = "" },
		"other transaction": func(s *protocol.State) { s.Result.MerchantTransactionID = "M-B" },
		"a paisa more":      func(s *protocol.State) { s.Result.AmountPaise++ },
		"a paisa less":      func(s *protocol.State) { s.Result.AmountPaise-- },
		"old state":         func(s *protocol.State) { s.Seq = 6 },
		"the same state":    func(s *protocol.State) { s.Seq = 7 },
		"unknown outcome":   func(s *protocol.State) { s.Result.Outcome = "SUCCEEDED" },
	} {
		for where, left := range map[string]*walker{
			"while it says not confirmed": presenting(t).does(pushed(7, nil, unknownResult("A"))).drawn(),
			"in doubt":                    presenting(t).does(pushed(7, nil, nil)),
		} {
			st := state(8, nil, paidResult("A"))
			forge(&st)
			left.does(Received{State: st})
			if left.m.Result.Outcome == protocol.OutcomeSucceeded || left.m.News.Outcome != "" {
				t.Errorf("%s, %s: it shows %+v, news %+v", name, where, left.m.Result, left.m.News)
			}
		}
	}
	// Numbers of states and of doubts cannot part ways; if they did, the doubt's counts.
	w := presenting(t).does(pushed(7, nil, nil))
	w.m.Doubt.Seq = 9
	w.does(pushed(8, nil, paidResult("A"))).is(protocol.ModeIdle, "")
	if last, ok := w.done[len(w.done)-2].(Alarm); !ok {
		t.Errorf("did %#v, want an alarm", last)
	}
}
