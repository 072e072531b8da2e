package machine

import (
	"slices"
	"testing"

	"github.com/galla-pay/galla/protocol"
)

// findings are what came of the checks, by name.
func (w *walker) findings() map[Check]Finding {
	all := map[Check]Finding{}
	for i, c := range Checks() {
		all[c] = w.m.Test.Found[i]
	}
	return all
}

// tested is a terminal with keys and a card machine in its first self-test.
func tested(t *testing.T) *walker {
	t.Helper()
	w := idleEDC(t).press(KeyTest).is(protocol.ModeTesting, "")
	if n := len(w.done); n < 2 || w.done[n-2] != (Ask{Why: "self-test"}) || w.done[n-1] != (RunSelfTest{Run: 1}) {
		t.Fatalf("did %#v", w.done)
	}
	return w.wantCall(Call{PaymentID: TestRef, Last: true})
}

func TestEveryPartIsTested(t *testing.T) {
	t.Parallel()
	w := tested(t).drawn().does(answer(5, nil, nil)).does(CardUnread{PaymentID: TestRef})
	for _, c := range []Check{CheckCompanion, CheckStorage, CheckClock} {
		w.does(Tested{Run: 1, Check: c, Finding: FindingOK})
	}
	for c, f := range w.findings() {
		if f != FindingOK {
			t.Errorf("%s is %q", c, f)
		}
	}
	w.wantCall(Call{}).wantFacts("")
	// The first answer counts, and none of another test.
	w.does(Tested{Run: 1, Check: CheckClock, Finding: FindingFailed})
	if f := w.findings()[CheckClock]; f != FindingOK {
		t.Errorf("the clock is %q", f)
	}
	w = tested(t).does(Tested{Run: 0, Check: CheckStorage, Finding: FindingFailed}).press(KeyTest).is(protocol.ModeIdle, "").press(KeyTest)
	w.does(Tested{Run: 1, Check: CheckStorage, Finding: FindingOK})
	if f := w.findings()[CheckStorage]; f != FindingOpen {
		t.Errorf("the disk is %q by an answer of the test before", f)
	}
	// A state that nobody asked for is no answer; a picture of something else none.
	w = tested(t).does(pulls(pushed(6, nil, nil), nil)).does(Drawn{Mode: protocol.ModeIdle})
	if f := w.findings(); f[CheckLink] != FindingOpen || f[CheckPanel] != FindingOpen {
		t.Errorf("link %q, panel %q", f[CheckLink], f[CheckPanel])
	}
	// What it has not.
	w = newWalker(t, Memory{}).does(Ready{}).does(answer(5, nil, nil)).press(KeyTest)
	if f := w.findings(); f[CheckKeys] != FindingAbsent || f[CheckCard] != FindingAbsent {
		t.Errorf("keys %q, card machine %q", f[CheckKeys], f[CheckCard])
	}
	w.wantCall(Call{})
}

func TestAPartThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	w := tested(t).does(CardFailed{PaymentID: TestRef, Asked: true})
	if f := w.findings()[CheckCard]; f != FindingFailed {
		t.Errorf("the card machine is %q", f)
	}
	w.after(10*second - 1)
	if f := w.findings(); f[CheckLink] != FindingOpen {
		t.Errorf("link %q before its time", f[CheckLink])
	}
	w.after(1)
	for c, want := range map[Check]Finding{CheckLink: FindingFailed, CheckStorage: FindingFailed, CheckKeys: FindingOK} {
		if f := w.findings()[c]; f != want {
			t.Errorf("%s is %q, want %q", c, f, want)
		}
	}
	w.after(50*second-1).is(protocol.ModeTesting, "").after(1).is(protocol.ModeIdle, "")
	// A card machine that claims a card was read for a test: nobody is told of it.
	for _, ev := range []Event{
		CardRead{PaymentID: TestRef}, CardApproved{PaymentID: TestRef, Card: approved},
		CardDeclined{PaymentID: TestRef, Reason: "51"}, CardUnknown{PaymentID: TestRef},
	} {
		w := tested(t).does(ev).wantFacts("")
		if f := w.findings()[CheckCard]; f != FindingFailed || w.m.Cards != (Cards{}) {
			t.Errorf("%s: the card machine is %q, cards %+v", ev.Kind(), f, w.m.Cards)
		}
	}
}

// TestWhatEndsASelfTest: a key, any sale, a broken panel, an update; nothing of it
// stays.
func TestWhatEndsASelfTest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ev   Event
		mode protocol.Mode
	}{
		"test":    {Pressed{Key: KeyTest}, protocol.ModeIdle},
		"clear":   {Pressed{Key: KeyClear}, protocol.ModeIdle},
		"a digit": {Pressed{Key: "4"}, protocol.ModeTesting},
		"a sale":  {pushed(6, sale("A", protocol.PhaseOffered), nil), protocol.ModePresenting},
		"a bill":  {pushed(6, edcSale("A", protocol.PhaseOffered, card, dqr), nil), protocol.ModePrompting},
		"a panel": {DrawFailed{Reason: "bus is stuck"}, protocol.ModeFault},
		"update":  {RestartWanted{}, protocol.ModeUpdating},
		"link":    {LinkLost{}, protocol.ModeTesting},
	} {
		w := tested(t).does(c.ev)
		if w.m.Mode != c.mode || w.m.Test.Open != (c.mode == protocol.ModeTesting) {
			t.Errorf("%s: it is %s, test %+v", name, w.m.Mode, w.m.Test)
		}
	}
	// It begins in front of a terminal at rest only, also without a link.
	idleEDC(t).does(LinkLost{}).press(KeyTest).is(protocol.ModeTesting, "").press(KeyClear).is(protocol.ModeOffline, "")
	for _, w := range []*walker{presenting(t), idleEDC(t).press("4"), presenting(t).does(pushed(7, nil, paidResult("A")))} {
		mode := w.m.Mode
		if w.press(KeyTest); w.m.Mode != mode || slices.Contains(w.done, Effect(RunSelfTest{Run: 1})) {
			t.Errorf("%s: it tests itself", mode)
		}
	}
}
