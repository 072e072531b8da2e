package machine

import (
	"testing"

	"github.com/galla-pay/galla/protocol"
)

// asking is a terminal that asks for order 4821 by PULL-ok.
func asking(t *testing.T) *walker {
	t.Helper()
	w := idleEDC(t).press("4", "8", "2", "1", KeyOK).is(protocol.ModePulling, "")
	if w.m.Keypad.Pull != (Pull{ID: "PULL-ok", ShortOrderID: "4821"}) {
		t.Fatalf("asks for %+v", w.m.Keypad.Pull)
	}
	return w
}

func pullAnswer(id string, o protocol.PullOutcome) *protocol.PullAnswer {
	return &protocol.PullAnswer{PullID: id, ShortOrderID: "4821", Outcome: o, By: "T2", AgeMillis: 61_000}
}

// digits checks what stands on the keypad, and whether it asks.
func (w *walker) digits(want string, asks bool) *walker {
	w.t.Helper()
	if k := w.m.Keypad; k.Digits != want || (k.Pull.ID != "") != asks {
		w.t.Fatalf("keypad is %+v, want %q, asking %v", k, want, asks)
	}
	return w
}

func TestTyping(t *testing.T) {
	t.Parallel()
	w := idleEDC(t).press(KeyOK, KeyClear, KeyAccept, "x").is(protocol.ModeIdle, "")
	w.press("0", "0").is(protocol.ModePulling, "").digits("00", false)  // leading zeros matter
	w.press("4").digits("004", false).press(KeyOK).digits("004", false) // 4 to 8
	w.press("2", KeyClear, "3", "4", "5", "6", "7").digits("00434567", false)
	w.press("8").digits("00434567", false)
	w.press(KeyClear, KeyClear, KeyClear, KeyClear, KeyClear, KeyClear, KeyClear, KeyClear).is(protocol.ModePulling, "").digits("", false)
	w.press(KeyClear).is(protocol.ModeIdle, "")
	// 30 s without a key.
	w.press("4").after(20*second).press("8").after(30*second-1).is(protocol.ModePulling, "").after(1).is(protocol.ModeIdle, "")
	// Only where orders may be pulled.
	newEDC(t, Memory{}).does(Ready{}).does(answer(5, nil, nil)).press("4").is(protocol.ModeIdle, "")
	idle(t).does(pulls(pushed(6, nil, nil), nil)).press("4").is(protocol.ModeIdle, "")
	w.press("4").does(pushed(6, nil, nil)).is(protocol.ModeIdle, "") // switched off
	idleEDC(t).does(LinkLost{}).press("4").is(protocol.ModeOffline, "")
}

func TestAPullIsTaken(t *testing.T) {
	t.Parallel()
	order := edcSale("A", protocol.PhaseTaken, card, dqr)
	order.ShortOrderID = "4821"
	asking(t).does(pulls(pushed(6, order, nil), pullAnswer("PULL-ok", protocol.PullTaken))).
		is(protocol.ModePrompting, "A").wantFacts("received A").digits("", false)
	// It was over before the state came.
	asking(t).does(pulls(pushed(6, nil, nil), pullAnswer("PULL-ok", protocol.PullTaken))).is(protocol.ModeIdle, "")

	// Rejected, given back to the pool, pulled once more here: another question,
	// so it is asked about again. The old answer, told again, is not.
	w := asking(t).does(pulls(pushed(6, order, nil), pullAnswer("PULL-ok", protocol.PullTaken))).press(KeyReject).is(protocol.ModeIdle, "")
	w.does(pulls(pushed(7, order, nil), pullAnswer("PULL-ok", protocol.PullTaken))).is(protocol.ModeIdle, "")
	w.does(pushed(8, order, nil)).is(protocol.ModeIdle, "")
	w.does(pulls(pushed(9, nil, nil), nil)).press("4", "8", "2", "1").does(Pressed{Key: KeyOK, PullID: "PULL-2"})
	w.does(pulls(pushed(10, order, nil), pullAnswer("PULL-2", protocol.PullTaken))).is(protocol.ModePrompting, "A").
		wantFacts("received A, rejected A, received A")
}

func TestAPullIsNotTaken(t *testing.T) {
	t.Parallel()
	for _, o := range []protocol.PullOutcome{protocol.PullOther, protocol.PullUnknown, protocol.PullEnded, protocol.PullBusy} {
		w := asking(t).does(pulls(pushed(6, nil, nil), pullAnswer("PULL-old", protocol.PullTaken))).digits("4821", true)
		w.does(pulls(pushed(7, nil, nil), pullAnswer("PULL-ok", o))).is(protocol.ModePulling, "").digits("4821", false)
		if a := w.m.Keypad.Answer; a.Outcome != o || a.By != "T2" {
			t.Fatalf("answer is %+v", a)
		}
		w.press("7").digits("7", false) // the next order
		if w.m.Keypad.Answer.Outcome != "" {
			t.Fatalf("answer is still %+v", w.m.Keypad.Answer)
		}
	}
	refused := func() *walker {
		return asking(t).does(pulls(pushed(7, nil, nil), pullAnswer("PULL-ok", protocol.PullUnknown)))
	}
	refused().press(KeyClear).digits("482", false)
	refused().press(KeyOK).digits("4821", true)
	refused().after(30*second-1).is(protocol.ModePulling, "").after(1).is(protocol.ModeIdle, "")
}

func TestAPullThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	w := asking(t).press("1", "2", KeyOK, KeyAccept).digits("4821", true) // only clear counts
	w.after(15*second-1).digits("4821", true).after(1).is(protocol.ModePulling, "").digits("4821", false)
	if !w.m.Keypad.Silent {
		t.Fatalf("keypad is %+v", w.m.Keypad)
	}
	w.after(30*second).is(protocol.ModeIdle, "")
	asking(t).press(KeyClear).digits("4821", false)
	// Without a link nothing is asked, and the keypad says so; a question waits
	// for it.
	w = idleEDC(t).press("4", "8", "2", "1").does(LinkLost{}).is(protocol.ModePulling, "").press(KeyOK).digits("4821", false)
	w.does(pulls(answer(5, nil, nil), nil)).press(KeyOK).digits("4821", true)
	w.does(LinkLost{}).digits("4821", true).does(pulls(answer(6, nil, nil), pullAnswer("PULL-ok", protocol.PullEnded))).digits("4821", false)
	w.does(LinkLost{}).after(30*second).is(protocol.ModeOffline, "")
}

// TestAPushedSaleWins: the keypad closes; the cashier is asked about the sale.
func TestAPushedSaleWins(t *testing.T) {
	t.Parallel()
	for _, w := range []*walker{idleEDC(t).press("4", "8"), asking(t)} {
		w.does(pulls(pushed(6, edcSale("A", protocol.PhaseOffered, dqr), nil), nil)).is(protocol.ModePrompting, "A").digits("", false)
		w.does(pulls(pushed(7, nil, nil), pullAnswer("PULL-ok", protocol.PullBusy))).is(protocol.ModeIdle, "")
	}
	idleEDC(t).press("4").does(DrawFailed{Reason: "bus is stuck"}).is(protocol.ModeFault, "").drawn().is(protocol.ModeIdle, "")
}
