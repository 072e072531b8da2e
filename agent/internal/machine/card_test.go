package machine

import (
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// want24500 is the call for the card of payment A, last the question for it.
var (
	want24500 = Call{PaymentID: "A", AmountPaise: 24500}
	last      = Call{PaymentID: "A", Last: true}
)

// wantingCard is a terminal on whose glass payment A wants a card.
func wantingCard(t *testing.T) *walker {
	t.Helper()
	w := accepted(t, card, dqr).press(KeyCard).is(protocol.ModePresenting, "A").wantCall(Call{})
	w.drawn().wantFacts("received A, accepted A, presented A CARD").wantCall(want24500)
	w.done = nil
	return w
}

func TestACardPays(t *testing.T) {
	t.Parallel()
	w := wantingCard(t).after(10*second).does(CardRead{"A"}).is(protocol.ModeChecking, "A").wantFacts("card_read A").wantCall(Call{})
	// The card machine's word is no PAID; the controller's is.
	w.after(second).does(CardApproved{"A", approved}).is(protocol.ModeChecking, "A").wantCall(Call{}).
		wantFacts("card_read A, card_approved A 632512004217")
	w.does(pushed(7, edcSale("A", protocol.PhasePaying, card, dqr), nil)).is(protocol.ModeChecking, "A")
	w.does(pushed(8, nil, result("A", protocol.OutcomeSucceeded))).is(protocol.ModeResult, "A").wantCall(Call{})
	if w.m.CallDue(w.now) != 0 {
		t.Error("the card machine is asked about a payment that has ended")
	}
	// Said no: also the controller's to tell.
	wantingCard(t).does(CardRead{"A"}).does(CardDeclined{"A", "51"}).is(protocol.ModeChecking, "A").
		wantFacts("card_read A, card_declined A 51").wantCall(Call{})
	// A no or a yes without a card being read first implies it.
	wantingCard(t).does(CardDeclined{"A", "CANCELLED"}).wantFacts("card_read A, card_declined A CANCELLED")
}

// TestAnUnknownCard: nobody knows what became of it, so it is asked on schedule;
// its truth comes whenever it comes (failure matrix R2).
func TestAnUnknownCard(t *testing.T) {
	t.Parallel()
	w := wantingCard(t).does(CardRead{"A"}).does(CardUnknown{"A"}).wantFacts("card_read A, card_unknown A")
	w.does(pushed(7, edcSale("A", protocol.PhasePaying, card, dqr), nil))
	for _, gap := range []time.Duration{2, 5, 10, 30, 60, 60, 60} {
		w.wantCall(Call{}).after(gap*second - 1).wantCall(Call{}).after(1).wantCall(last)
		w.does(CardUnknown{"A"}).wantFacts("card_read A, card_unknown A").is(protocol.ModeChecking, "A")
	}
	w.after(60 * second).does(CardApproved{"A", approved}).wantCall(Call{}).
		wantFacts("card_read A, card_unknown A, card_approved A 632512004217")

	// It was read and the machine's call came to nothing: it is asked at once,
	// before anybody is told that nobody knows.
	w = wantingCard(t).does(CardRead{"A"}).does(CardFailed{PaymentID: "A"}).wantCall(last).wantFacts("card_read A")
	w.does(CardDeclined{"A", "51"}).wantFacts("card_read A, card_declined A 51")
	w = wantingCard(t).does(CardRead{"A"}).does(CardFailed{PaymentID: "A"}).does(CardFailed{PaymentID: "A", Asked: true})
	w.wantFacts("card_read A, card_unknown A").wantCall(Call{}).after(2 * second).wantCall(last)
	// A machine that denies what it has read says nothing.
	w.does(CardUnread{"A"}).is(protocol.ModeChecking, "A").wantCall(Call{})
	// A machine that says nothing at all is asked after two minutes.
	wantingCard(t).does(CardRead{"A"}).after(2*time.Minute - 1).wantCall(Call{}).after(1).wantCall(last)
}

// TestAWithdrawnSaleWantsNoCard: and one that was read meanwhile is told all the
// same, so that the controller can give the money back.
func TestAWithdrawnSaleWantsNoCard(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*walker) *walker{
		"cancelled":  func(w *walker) *walker { return w.does(pushed(7, nil, result("A", protocol.OutcomeCancelled))) },
		"superseded": func(w *walker) *walker { return w.does(pushed(7, edcSale("B", protocol.PhaseOffered, dqr), nil)) },
		"expired":    func(w *walker) *walker { return w.after(60 * second) },
		"gone":       func(w *walker) *walker { return w.does(pushed(7, nil, nil)) },
	} {
		w := end(wantingCard(t)).wantCall(Call{})
		w.done = nil
		w.does(CardRead{"A"}).does(CardApproved{"A", approved}).wantFacts("card_read A, card_approved A 632512004217")
		if w.m.Result.Outcome == protocol.OutcomeSucceeded {
			t.Errorf("%s: PAID", name)
		}
	}
	// It was parked, and the terminal is free; the card is asked for a while.
	w := wantingCard(t).does(CardRead{"A"}).does(CardUnknown{"A"}).
		does(pushed(7, nil, result("A", protocol.OutcomeUnknown))).is(protocol.ModeResult, "A").after(8*second).is(protocol.ModeIdle, "")
	asked := 0
	for w.m.CallDue(w.now) != 0 || w.m.Call(w.now) != (Call{}) {
		w.after(max(0, w.m.CallDue(w.now)-w.now)).wantCall(last).does(CardUnknown{"A"})
		asked++
	}
	if w.now < 15*time.Minute || w.now > 17*time.Minute || asked < 15 {
		t.Errorf("asked %d times until %v", asked, w.now)
	}
	// The next sale does not wait for that.
	w = wantingCard(t).does(CardRead{"A"}).does(CardUnknown{"A"})
	next := edcSale("B", protocol.PhaseOffered, card)
	next.Prompt = false
	w.does(pushed(7, next, nil)).is(protocol.ModePresenting, "B").drawn().after(5 * second).wantCall(Call{PaymentID: "B", AmountPaise: 24500})
}

// TestTheCardMachineFails: it is tried again as long as a card is wanted.
func TestTheCardMachineFails(t *testing.T) {
	t.Parallel()
	w := wantingCard(t)
	for range 5 {
		w.does(CardFailed{PaymentID: "A"}).is(protocol.ModePresenting, "A").wantCall(Call{})
		w.after(3*second - 1).wantCall(Call{}).after(1).wantCall(want24500)
	}
	w.wantFacts("")
}

// TestACardAndAPowerCut: one that was read is never charged again, and is asked
// for; whether one was read is asked before another is wanted.
func TestACardAndAPowerCut(t *testing.T) {
	t.Parallel()
	boot := func(w *walker) *walker { return newEDC(t, w.m.Memory()).does(Ready{}) }
	sale := func(phase protocol.Phase) *protocol.Sale {
		s := edcSale("A", phase, card, dqr)
		s.Prompt, s.Chosen = false, card
		return s
	}
	// Wanted, and the power went.
	for _, phase := range []protocol.Phase{protocol.PhaseTaken, protocol.PhasePresented} {
		w := boot(wantingCard(t)).wantCall(Call{}).does(answer(6, sale(phase), nil)).is(protocol.ModeChecking, "A").wantCall(last)
		w.does(CardFailed{PaymentID: "A", Asked: true}).wantCall(Call{}).after(3 * second).wantCall(last) // still not sure
		w.does(CardUnread{"A"}).is(protocol.ModePresenting, "A").drawn().wantCall(want24500)
	}
	boot(wantingCard(t)).does(answer(6, sale(protocol.PhasePresented), nil)).does(CardApproved{"A", approved}).
		wantFacts("card_read A, card_approved A 632512004217").is(protocol.ModeChecking, "A").wantCall(Call{})
	boot(wantingCard(t)).does(answer(6, sale(protocol.PhasePresented), nil)).does(CardUnknown{"A"}).
		wantFacts("card_read A, card_unknown A").is(protocol.ModeChecking, "A").wantCall(Call{})
	// Another disk: the controller's word for it counts.
	newEDC(t, Memory{}).does(Ready{}).does(answer(6, sale(protocol.PhasePresented), nil)).is(protocol.ModeChecking, "A").wantCall(last)
	newEDC(t, Memory{}).does(Ready{}).does(answer(6, sale(protocol.PhasePaying), nil)).is(protocol.ModeChecking, "A").wantCall(last)

	// Read, and the power went: it is asked at once, even without a link.
	read := wantingCard(t).does(CardRead{"A"})
	w := boot(read).is(protocol.ModeStarting, "").wantCall(last)
	w.does(CardApproved{"A", approved}).wantFacts("card_approved A 632512004217").wantCall(Call{})
	// Whatever the controller has heard of it.
	for _, phase := range []protocol.Phase{protocol.PhaseOffered, protocol.PhaseTaken, protocol.PhasePresented, protocol.PhasePaying} {
		boot(read).does(answer(6, sale(phase), nil)).is(protocol.ModeChecking, "A").wantCall(last)
	}
	// Its sale is gone: the outcome is told all the same.
	boot(read).does(answer(7, nil, result("A", protocol.OutcomeCancelled))).wantCall(last).
		does(CardApproved{"A", approved}).drawn().wantFacts("card_approved A 632512004217, shown A")
	// Answered, and the power went before the controller heard it.
	boot(read.does(CardDeclined{"A", "51"})).does(answer(6, sale(protocol.PhasePresented), nil)).
		is(protocol.ModeChecking, "A").wantFacts("card_read A").wantCall(last)
}

func TestManyUnknownCards(t *testing.T) {
	t.Parallel()
	w := idleEDC(t)
	for _, id := range []string{"A", "B", "C", "D", "E"} {
		w.does(CardRead{id}).does(CardUnknown{id})
	}
	w.after(2 * second)
	for _, id := range []string{"B", "C", "D", "E"} { // the oldest is the controller's
		w.wantCall(Call{PaymentID: id, Last: true}).does(CardDeclined{id, "51"})
	}
	w.wantCall(Call{})
}
