package machine

import (
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
)

func TestFromSwitchingOnToPaid(t *testing.T) {
	t.Parallel()
	w := newWalker(t, Memory{}).is(protocol.ModeStarting, "")
	w.does(Enrolling{}).is(protocol.ModeEnrolling, "")
	w.does(EnrolRefused{Reason: "UNKNOWN_TERMINAL"}).is(protocol.ModeEnrolling, "")
	if w.m.Reason() != "UNKNOWN_TERMINAL" {
		t.Fatalf("reason %q", w.m.Reason())
	}
	w.does(Ready{}).is(protocol.ModeStarting, "")
	w.does(answer(5, nil, nil)).is(protocol.ModeIdle, "")
	w.does(pushed(6, sale("A", protocol.PhaseOffered), nil)).is(protocol.ModePresenting, "A").wantFacts("received A")
	w.drawn().wantFacts("received A, presented A DQR")
	w.drawn().wantFacts("received A, presented A DQR") // the bar is drawn every second
	w.after(10*second).does(pushed(7, sale("A", protocol.PhasePaying), nil)).is(protocol.ModeChecking, "A")
	w.after(3*second).does(pushed(8, nil, result("A", protocol.OutcomeSucceeded))).is(protocol.ModeResult, "A")
	w.drawn().wantFacts("received A, presented A DQR, shown A")
	w.after(4*second-1).is(protocol.ModeResult, "A")
	w.after(1).is(protocol.ModeIdle, "")
	// The state goes on telling how the last sale ended: it was shown once.
	w.does(pushed(9, nil, result("A", protocol.OutcomeSucceeded))).is(protocol.ModeIdle, "")
	w.does(answer(9, nil, result("A", protocol.OutcomeSucceeded))).is(protocol.ModeIdle, "")
	w.wantFacts("received A, presented A DQR, shown A")
}

func TestHowLongAResultStays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		outcome protocol.Outcome
		waiting bool // another sale is offered half a second later
		holds   time.Duration
	}{
		{protocol.OutcomeSucceeded, false, 4 * second},
		{protocol.OutcomeSucceeded, true, 4 * second},
		{protocol.OutcomeFailed, false, 8 * second},
		{protocol.OutcomeFailed, true, 2 * second},
		{protocol.OutcomeUnknown, false, 8 * second},
		{protocol.OutcomeUnknown, true, 2 * second},
		{protocol.OutcomeExpired, false, 3 * second},
		{protocol.OutcomeExpired, true, 2 * second},
		{protocol.OutcomeCancelled, false, 3 * second},
		{protocol.OutcomeCancelled, true, 2 * second},
	} {
		w := presenting(t).does(pushed(7, nil, result("A", c.outcome))).is(protocol.ModeResult, "A")
		w.after(second / 10).drawn() // the panel takes its time: the customer's starts now
		end, next := protocol.ModeIdle, ""
		passed := time.Duration(0)
		if c.waiting {
			passed = second / 2
			w.after(passed).does(pushed(8, sale("B", protocol.PhaseOffered), result("A", c.outcome)))
			end, next = protocol.ModePresenting, "B"
		}
		w.after(c.holds-passed-1).is(protocol.ModeResult, "A")
		w.after(1).is(end, next)
	}
}

func TestALateSaleNeedNotWaitForAResultThatWasSeen(t *testing.T) {
	t.Parallel()
	w := presenting(t).does(pushed(7, nil, result("A", protocol.OutcomeFailed))).drawn()
	w.after(5 * second).does(pushed(8, sale("B", protocol.PhaseOffered), nil))
	w.after(0).is(protocol.ModePresenting, "B")
}

// TestAResultIsReadSooner: what did not come in can be wiped away by a key, once it
// was on the glass.
func TestAResultIsReadSooner(t *testing.T) {
	t.Parallel()
	for o, wiped := range map[protocol.Outcome]bool{
		protocol.OutcomeSucceeded: false, protocol.OutcomeUnknown: false,
		protocol.OutcomeFailed: true, protocol.OutcomeExpired: true, protocol.OutcomeCancelled: true,
	} {
		for _, key := range []string{KeyOK, KeyClear} {
			w := presenting(t).does(pushed(7, nil, result("A", o))).does(Pressed{Key: key}).is(protocol.ModeResult, "A")
			w.press("4", KeyAccept, KeyReject).is(protocol.ModeResult, "A")
			if w.press(key); (w.m.Mode == protocol.ModeIdle) != wiped {
				t.Errorf("%s and key %s: it is %s", o, key, w.m.Mode)
			}
		}
	}
}

func TestTheNewestSaleIsOnTheGlass(t *testing.T) {
	t.Parallel()
	superseded := result("A", protocol.OutcomeCancelled)
	superseded.Reason = "SUPERSEDED"
	presenting(t).does(pushed(7, sale("B", protocol.PhaseOffered), nil)).is(protocol.ModePresenting, "B").
		drawn().wantFacts("received A, presented A DQR, received B, presented B DQR")
	presenting(t).does(pushed(7, sale("B", protocol.PhaseOffered), superseded)).is(protocol.ModePresenting, "B")
	// Paid, while the next one waited: PAID is seen first.
	presenting(t).does(pushed(7, sale("B", protocol.PhaseOffered), result("A", protocol.OutcomeSucceeded))).
		is(protocol.ModeResult, "A").drawn().after(4*second).is(protocol.ModePresenting, "B")
	// It was cancelled behind a result, so it never comes.
	presenting(t).does(pushed(7, sale("B", protocol.PhaseOffered), result("A", protocol.OutcomeSucceeded))).
		does(pushed(8, nil, result("B", protocol.OutcomeCancelled))).is(protocol.ModeResult, "A").
		drawn().after(4*second).is(protocol.ModeIdle, "")
}

func TestTimeLeftRunsFromReceiptAndOnlyGetsShorter(t *testing.T) {
	t.Parallel()
	w := presenting(t).after(20 * second)
	longer, shorter := sale("A", protocol.PhaseOffered), sale("A", protocol.PhaseOffered)
	longer.LeftMillis, shorter.LeftMillis = 3_600_000, 15_000
	w.does(pushed(6, longer, nil)) // a repeat
	w.does(pushed(7, longer, nil))
	w.does(answer(7, longer, nil))
	if got := w.m.Left(w.now); got != 40*second {
		t.Fatalf("left %v, want 40s", got)
	}
	w.does(pushed(7, shorter, nil)) // a repeat with fresher time
	w.after(15*second-1).is(protocol.ModePresenting, "A").after(1).is(protocol.ModeChecking, "A")
}

// TestTheCustomersTimeBeginsWhenTheSaleIsHere: before, it is the time to take
// it. That happens once.
func TestTheCustomersTimeBeginsWhenTheSaleIsHere(t *testing.T) {
	t.Parallel()
	taken, again := sale("A", protocol.PhaseTaken), sale("A", protocol.PhasePresented)
	taken.LeftMillis, taken.TotalMillis, again.LeftMillis = 180_000, 180_000, 3_600_000
	w := presenting(t).after(20 * second).does(pushed(7, taken, nil))
	if w.m.Left(w.now) != 180*second || w.m.Sale.Total != 180*second {
		t.Fatalf("left %v of %v", w.m.Left(w.now), w.m.Sale.Total)
	}
	// As well when the state has no new number: time is news in any.
	r := presenting(t).after(20 * second).does(pushed(6, taken, nil))
	if r.m.Left(r.now) != 180*second {
		t.Fatalf("left %v after a repeat", r.m.Left(r.now))
	}
	w.does(pushed(8, sale("A", protocol.PhaseOffered), nil)).does(pushed(9, again, nil))
	if left := w.m.Left(w.now); left != 60*second {
		t.Fatalf("left %v, want the least that was told", left)
	}
}

func TestAtTheEndOfTheTimeOnlyTheControllerKnowsTheEnd(t *testing.T) {
	t.Parallel()
	w := presenting(t).after(60*second).is(protocol.ModeChecking, "A")
	w.after(10*time.Minute).is(protocol.ModeChecking, "A")
	asks := 0
	for _, e := range w.done {
		if _, ok := e.(Ask); ok {
			asks++
		}
	}
	if want := 1 + 60; asks != want { // at once, then every 10 s
		t.Fatalf("asked %d times, want %d", asks, want)
	}
	w.does(pushed(9, nil, result("A", protocol.OutcomeExpired))).is(protocol.ModeResult, "A")
}

func TestLostLink(t *testing.T) {
	t.Parallel()
	idle(t).does(LinkLost{}).is(protocol.ModeOffline, "").does(answer(5, nil, nil)).is(protocol.ModeIdle, "")
	// While presenting the QR stays until its time is up.
	w := presenting(t).does(LinkLost{}).is(protocol.ModePresenting, "A")
	w.after(60*second-1).is(protocol.ModePresenting, "A").after(1).is(protocol.ModeChecking, "A")
	// Then it stays "checking", and PAID comes with the link.
	w.does(answer(2, nil, result("A", protocol.OutcomeSucceeded))).is(protocol.ModeResult, "A")
	// Nobody waits for ever in front of "checking": but the sale is not forgotten.
	w = presenting(t).does(LinkLost{}).after(60*second+15*time.Minute+10*second).is(protocol.ModeOffline, "")
	if w.m.Memory().Sale.PaymentID != "A" {
		t.Fatalf("memory is %+v", w.m.Memory())
	}
	w.does(answer(9, nil, result("A", protocol.OutcomeSucceeded))).is(protocol.ModeResult, "A")
}

func TestASaleThatIsGoneIsGone(t *testing.T) {
	t.Parallel()
	presenting(t).does(pushed(7, nil, nil)).is(protocol.ModeIdle, "")
	presenting(t).does(pushed(7, sale("A", protocol.PhasePaying), nil)).does(pushed(8, nil, nil)).is(protocol.ModeIdle, "")
	presenting(t).does(pushed(7, nil, result("other", protocol.OutcomeSucceeded))).is(protocol.ModeIdle, "")
}

// TestForgedResults: each differs in one thing from the result that would show
// PAID (failure matrix T1). The signature is looked at before, by the session.
func TestForgedResults(t *testing.T) {
	t.Parallel()
	good := presenting(t).does(pushed(7, nil, result("A", protocol.OutcomeSucceeded))).is(protocol.ModeResult, "A")
	if good.m.Result.Outcome != protocol.OutcomeSucceeded {
		t.Fatal("the good one shows no PAID")
	}
	for name, forge := range map[string]func(*protocol.State){
		"other payment":     func(s *protocol.State) { s.Result.PaymentID = "B" },
		"no payment":        func(s *protocol.State) { s.Result.PaymentID = "" },
		"other transaction": func(s *protocol.State) { s.Result.MerchantTransactionID = "M-B" },
		"a paisa more":      func(s *protocol.State) { s.Result.AmountPaise++ },
		"a paisa less":      func(s *protocol.State) { s.Result.AmountPaise-- },
		"rupees for paise":  func(s *protocol.State) { s.Result.AmountPaise /= 100 },
		"old state":         func(s *protocol.State) { s.Seq = 5 },
		"the sale's state":  func(s *protocol.State) { s.Seq = 6 },
		"unknown outcome":   func(s *protocol.State) { s.Result.Outcome = "SUCCEEDED" },
	} {
		st := state(7, nil, result("A", protocol.OutcomeSucceeded))
		forge(&st)
		w := presenting(t).does(Received{State: st})
		if w.m.Mode == protocol.ModeResult {
			t.Errorf("%s: the terminal shows %s", name, w.m.Result.Outcome)
		}
	}
	// Numbers of states and of sales cannot part ways; if they ever did, the
	// sale's own counts.
	w := presenting(t)
	w.m.Sale.Seq = 9
	w.does(pushed(8, nil, result("A", protocol.OutcomeSucceeded))).is(protocol.ModeIdle, "")
}

func TestAQRThatWasPaidNeverComesBack(t *testing.T) {
	t.Parallel()
	presenting(t).does(pushed(7, sale("A", protocol.PhasePaying), nil)).
		does(pushed(8, sale("A", protocol.PhasePresented), nil)).is(protocol.ModeChecking, "A")
}

func TestAfterAPowerCut(t *testing.T) {
	t.Parallel()
	mem := presenting(t).m.Memory()
	if mem.Seq != 6 || mem.Sale.PaymentID != "A" || !mem.Sale.Presented || mem.Sale.AmountPaise != 24500 {
		t.Fatalf("memory is %+v", mem)
	}
	boot := func() *walker { return newWalker(t, mem).does(Ready{}).is(protocol.ModeStarting, "") }
	left := sale("A", protocol.PhasePresented)
	left.LeftMillis = 30_000
	cancelled := result("A", protocol.OutcomeCancelled)
	old := result("A", protocol.OutcomeSucceeded)
	old.AgeMillis = (15 * time.Minute).Milliseconds() + 1
	fresh := result("A", protocol.OutcomeSucceeded)
	fresh.AgeMillis = (15 * time.Minute).Milliseconds()

	// Nobody has begun to pay: presented again, same QR, the time that is left.
	w := boot().does(answer(6, left, nil)).is(protocol.ModePresenting, "A").drawn().wantFacts("")
	w.after(30*second-1).is(protocol.ModePresenting, "A").after(1).is(protocol.ModeChecking, "A")
	// The controller never heard that it was on the glass: it is told again.
	boot().does(answer(6, sale("A", protocol.PhaseTaken), nil)).drawn().wantFacts("presented A DQR")
	boot().does(answer(6, sale("A", protocol.PhasePaying), nil)).is(protocol.ModeChecking, "A")
	// It ended meanwhile.
	boot().does(answer(7, nil, fresh)).is(protocol.ModeResult, "A")
	boot().does(answer(2, nil, fresh)).is(protocol.ModeResult, "A") // numbers start anew
	boot().does(answer(7, nil, cancelled)).is(protocol.ModeResult, "A")
	boot().does(answer(7, nil, old)).is(protocol.ModeIdle, "")
	boot().does(answer(7, nil, nil)).is(protocol.ModeIdle, "")
	boot().does(answer(7, sale("B", protocol.PhaseOffered), fresh)).is(protocol.ModeResult, "A").
		drawn().after(4*second).is(protocol.ModePresenting, "B")
	// What a broker kept says nothing before the question is answered.
	boot().does(pushed(7, nil, fresh)).is(protocol.ModeStarting, "").
		does(pushed(8, sale("B", protocol.PhaseOffered), nil)).is(protocol.ModeStarting, "")
	// Cut between the news and the glass: PAID is shown once.
	paid := presenting(t).does(pushed(7, nil, result("A", protocol.OutcomeSucceeded))).m.Memory()
	newWalker(t, paid).does(Ready{}).does(answer(7, nil, fresh)).is(protocol.ModeResult, "A")
	shown := presenting(t).does(pushed(7, nil, result("A", protocol.OutcomeSucceeded))).drawn().m.Memory()
	newWalker(t, shown).does(Ready{}).does(answer(7, nil, fresh)).is(protocol.ModeIdle, "")
}

func TestARestoredDatabaseIsToldAgain(t *testing.T) {
	t.Parallel()
	w := presenting(t).does(LinkLost{}).does(answer(1, sale("A", protocol.PhaseOffered), nil)).is(protocol.ModePresenting, "A")
	w.wantFacts("received A, presented A DQR, presented A DQR")
	w.does(pushed(2, nil, result("A", protocol.OutcomeSucceeded))).is(protocol.ModeResult, "A")
}

func TestOldAndRepeatedStates(t *testing.T) {
	t.Parallel()
	// An old controller wakes up (failure matrix R20): ignored, but asked about.
	w := presenting(t).does(pushed(5, nil, nil)).is(protocol.ModePresenting, "A")
	if last := w.done[len(w.done)-1]; last != (Ask{Why: "state 5 came, state 6 is stored"}) {
		t.Fatalf("did %#v", last)
	}
	// A repeat: only the acknowledgement and the time left are news.
	w.does(pushed(6, nil, result("A", protocol.OutcomeSucceeded))).is(protocol.ModePresenting, "A")
	n := len(w.done)
	if w.done[n-2] != (Ack{Epoch: "e", N: 3}) || w.done[n-1] != (Confirm{}) {
		t.Fatalf("did %#v", w.done[n-2:])
	}
}

func TestWhatADisplayRefuses(t *testing.T) {
	t.Parallel()
	with := func(change func(*protocol.Sale)) *protocol.Sale {
		s := sale("B", protocol.PhaseOffered)
		change(s)
		return s
	}
	for _, c := range []struct {
		sale   *protocol.Sale
		reason string
	}{
		{with(func(s *protocol.Sale) { s.Prompt = true }), ReasonNoKeys},
		{with(func(s *protocol.Sale) { s.PayModes = nil }), ReasonNoMode},
		{with(func(s *protocol.Sale) { s.PayModes = []protocol.PayMode{"BARTER"} }), ReasonNoMode},
		{with(func(s *protocol.Sale) { s.PayModes = []protocol.PayMode{protocol.PayCard} }), ReasonNoReader},
		{with(func(s *protocol.Sale) { s.AmountPaise = 0 }), ReasonAmount},
		{with(func(s *protocol.Sale) { s.AmountPaise = -24500 }), ReasonAmount},
		{with(func(s *protocol.Sale) { s.AmountPaise = protocol.MaxPaise + 1 }), ReasonAmount},
		{with(func(s *protocol.Sale) { s.AmountPaise = 24501 }), ReasonQRAmount},
		{with(func(s *protocol.Sale) { s.QR = "" }), ReasonQR},
		{with(func(s *protocol.Sale) { s.QR = "https://pay?pa=merchant@upi&am=245.00" }), ReasonQR},
		{with(func(s *protocol.Sale) { s.QR = "upi://collect?pa=merchant@upi&am=245.00" }), ReasonQR},
		{with(func(s *protocol.Sale) { s.QR = "upi://pay?am=245.00" }), ReasonQR},
		{with(func(s *protocol.Sale) { s.QR = "upi://pay?pa=merchant@upi" }), ReasonQR},
		{with(func(s *protocol.Sale) { s.QR = "upi://pay?pa=merchant@upi&am=245.00&am=1.00" }), ReasonQR},
		{with(func(s *protocol.Sale) { s.QR = "upi://pay?pa=merchant@upi&am=2.45e2" }), ReasonQR},
		{with(func(s *protocol.Sale) { s.QR = "upi://pay?pa=merchant@upi&am=245.00&AM=1.00" }), ReasonQR},
		{with(func(s *protocol.Sale) { s.QR = "upi://pay?pa=merchant@upi&am=%zz" }), ReasonQR},
		{with(func(s *protocol.Sale) { s.QR = "upi://pay?pa=merchant@upi&am=1.00" }), ReasonQRAmount},
	} {
		w := idle(t).does(pushed(6, c.sale, nil)).is(protocol.ModeIdle, "").wantFacts("refused B " + c.reason)
		w.does(pushed(7, c.sale, nil)).is(protocol.ModeIdle, "").wantFacts("refused B " + c.reason) // once
	}
	// Found out only by the encoder.
	idle(t).does(pushed(6, sale("B", protocol.PhaseOffered), nil)).
		does(Unpresentable{PaymentID: "B", Reason: ReasonUnfit}).is(protocol.ModeIdle, "").
		does(pushed(7, sale("B", protocol.PhaseTaken), nil)).is(protocol.ModeIdle, "").
		wantFacts("received B, refused B QR_DOES_NOT_FIT")
	// No QR is drawn of a payment that is being paid, so none is looked at.
	idle(t).does(pushed(6, with(func(s *protocol.Sale) { s.QR, s.Phase = "", protocol.PhasePaying }), nil)).
		is(protocol.ModeChecking, "B")
	// An empty payment id cannot even be refused.
	idle(t).does(pushed(6, with(func(s *protocol.Sale) { s.PaymentID = "" }), nil)).is(protocol.ModeIdle, "").wantFacts("")
}

func TestBrokenPanel(t *testing.T) {
	t.Parallel()
	broken := DrawFailed{Reason: "bus is stuck"}
	// A hiccup: nothing is lost.
	w := idle(t).does(pushed(6, sale("A", protocol.PhaseOffered), nil)).does(broken).is(protocol.ModeFault, "")
	if w.m.Reason() != ReasonPanel {
		t.Fatalf("reason %q", w.m.Reason())
	}
	w.after(3 * second)
	if last := w.done[len(w.done)-1]; last != (Redraw{}) {
		t.Fatalf("after 3 s it did %#v, want another try", last)
	}
	w.drawn().is(protocol.ModePresenting, "A").drawn().wantFacts("received A, presented A DQR")
	// It stays broken: the sale that nobody ever saw is refused.
	w = idle(t).does(pushed(6, sale("A", protocol.PhaseOffered), nil)).does(broken).does(broken)
	w.is(protocol.ModeFault, "").wantFacts("received A, refused A PANEL_FAULT").drawn().is(protocol.ModeIdle, "")
	// One that was seen is not: the customer may be paying it.
	w = presenting(t).does(broken).does(broken).does(broken).is(protocol.ModeFault, "").wantFacts("received A, presented A DQR")
	w.does(pushed(7, nil, result("A", protocol.OutcomeSucceeded))).is(protocol.ModeFault, "")
	w.after(time.Minute).drawn().is(protocol.ModeResult, "A").drawn().wantFacts("received A, presented A DQR, shown A")
	w.after(4*second).is(protocol.ModeIdle, "")
	// A result that could not be shown for long is history.
	presenting(t).does(broken).does(pushed(7, nil, result("A", protocol.OutcomeSucceeded))).
		after(16*time.Minute).drawn().is(protocol.ModeIdle, "")
	// From anywhere.
	newWalker(t, Memory{}).does(broken).is(protocol.ModeFault, "").does(Ready{}).drawn().is(protocol.ModeStarting, "").
		after(3*second).is(protocol.ModeOffline, "")
}

func TestBrokenDisk(t *testing.T) {
	t.Parallel()
	// A new sale that cannot be stored is refused, and never said to be stored.
	w := idle(t)
	w.noDisk = true
	w.does(pushed(6, sale("A", protocol.PhaseOffered), nil)).is(protocol.ModeFault, "").
		wantFacts("refused A STORAGE_FAULT")
	if w.m.Reason() != ReasonStorage {
		t.Fatalf("reason %q", w.m.Reason())
	}
	w.does(pushed(7, sale("A", protocol.PhaseOffered), nil)).is(protocol.ModeFault, "")
	// The disk is tried again.
	w.after(3*second).is(protocol.ModeFault, "")
	w.noDisk = false
	w.after(3*second).is(protocol.ModeIdle, "")
	w.does(pushed(8, sale("B", protocol.PhaseOffered), nil)).is(protocol.ModePresenting, "B")

	// A sale that is on the glass is finished without a disk.
	w = idle(t).does(pushed(6, sale("A", protocol.PhaseOffered), nil))
	w.noDisk = true
	w.done = nil
	w.drawn().is(protocol.ModePresenting, "A").wantFacts("presented A DQR")
	w.does(pushed(7, nil, result("A", protocol.OutcomeSucceeded))).is(protocol.ModeResult, "A")
	w.drawn().wantFacts("presented A DQR, shown A").after(4*second).is(protocol.ModeFault, "")
}
