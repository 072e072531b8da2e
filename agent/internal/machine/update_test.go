package machine

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// restarts counts how often the terminal was told to end.
func (w *walker) restarts() (n int) {
	for _, e := range w.done {
		if _, ok := e.(Restart); ok {
			n++
		}
	}
	return n
}

// TestARestartOfATerminalAtRest: it is shown first, long enough to be read.
func TestARestartOfATerminalAtRest(t *testing.T) {
	t.Parallel()
	started := newEDC(t, Memory{})
	for name, w := range map[string]*walker{
		"idle":     idleEDC(t),
		"offline":  idleEDC(t).does(LinkLost{}),
		"testing":  idleEDC(t).press(KeyTest),
		"fault":    fullDisk(t),
		"enrol":    newEDC(t, Memory{}).does(Enrolling{}),
		"starting": started,
	} {
		w.does(RestartWanted{}).is(protocol.ModeUpdating, "")
		w.after(5*second-1).is(protocol.ModeUpdating, "")
		if w.restarts() != 0 {
			t.Errorf("%s: it restarts before anybody could read why", name)
		}
		w.drawn().after(1)
		if w.restarts() != 1 {
			t.Errorf("%s: %d restarts once the time is up", name, w.restarts())
		}
	}
	w := idleEDC(t).does(RestartWanted{}).drawn().after(second - 1)
	if w.restarts() != 0 {
		t.Error("it restarts within the second in which it is read")
	}
	if w.after(1); w.restarts() != 1 {
		t.Error("it does not restart once it was read")
	}
	// What comes now is the next run's; what the card machine says is not lost.
	w = idleEDC(t).does(RestartWanted{}).drawn().does(pushed(6, edcSale("A", protocol.PhaseOffered, dqr), nil)).is(protocol.ModeUpdating, "")
	if w.m.Seq != 5 || w.facts() != "" {
		t.Errorf("state %d, facts %q", w.m.Seq, w.facts())
	}
	w.does(CardApproved{PaymentID: "Z", Card: approved}).wantFacts("card_read Z, card_approved Z " + approved.RRN)
	// A panel that shows nothing stops nothing.
	w = idleEDC(t).does(DrawFailed{Reason: "bus is stuck"}).does(RestartWanted{}).is(protocol.ModeUpdating, "").after(1)
	if w.restarts() != 1 {
		t.Error("a broken panel holds it up")
	}
	w = idleEDC(t).does(RestartWanted{}).does(DrawFailed{Reason: "bus is stuck"}).after(1)
	if w.restarts() != 1 {
		t.Error("a panel that breaks holds it up")
	}
}

// fullDisk is a terminal whose disk takes nothing.
func fullDisk(t *testing.T) *walker {
	w := idleEDC(t)
	w.noDisk = true
	w.does(pushed(6, sale("A", protocol.PhaseOffered), nil)).is(protocol.ModeFault, "")
	w.done = nil
	return w
}

// TestARestartWaitsForASale is failure matrix R23.
func TestARestartWaitsForASale(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]*walker{
		"prompting":  idleEDC(t).does(pushed(6, edcSale("A", protocol.PhaseOffered, card, dqr), nil)).drawn(),
		"choosing":   accepted(t, card, dqr).drawn(),
		"presenting": presenting(t),
		"checking":   presenting(t).does(pushed(7, sale("A", protocol.PhasePaying), nil)),
		"result":     presenting(t).does(pushed(7, nil, paidResult("A"))),
		"pulling":    idleEDC(t).press("4"),
	} {
		before := w.m.Mode
		w.does(RestartWanted{}).does(RestartWanted{})
		if w.m.Mode != before || !w.m.Update.Wanted {
			t.Errorf("%s: it is %s, update %+v", name, w.m.Mode, w.m.Update)
		}
	}
	// The end of the sale: its result stays as long as ever, then it goes.
	w := presenting(t).does(RestartWanted{}).does(pushed(7, nil, paidResult("A"))).drawn()
	w.after(4*second-1).is(protocol.ModeResult, "A").after(1).is(protocol.ModeUpdating, "")
	// A sale that waits behind the result comes first,
	w = presenting(t).does(RestartWanted{}).does(pushed(7, sale("B", protocol.PhaseOffered), paidResult("A"))).drawn()
	w.after(4*second).is(protocol.ModePresenting, "B")
	// for ten minutes. Then the restart comes between two sales: B was never on the
	// glass, is on the disk, and its controller names it again.
	for _, waits := range []time.Duration{10*time.Minute - second, 10 * time.Minute} {
		w := idle(t)
		w.does(pushed(6, longSale("A"), nil)).drawn().does(RestartWanted{}).after(waits - 4*second)
		w.does(pushed(7, longSale("B"), paidResult("A"))).drawn().after(4 * second)
		if late := waits >= updatePatience; (w.m.Mode == protocol.ModeUpdating) != late {
			t.Errorf("after %v it is %s", waits, w.m.Mode)
		} else if late && w.m.Memory().Sale.PaymentID != "B" {
			t.Errorf("memory is %+v", w.m.Memory())
		}
	}
	// But never under a customer's eyes, however long it takes.
	w = idle(t).does(pushed(6, longSale("A"), nil)).drawn().does(RestartWanted{}).after(30*time.Minute).is(protocol.ModePresenting, "A")
	w.does(pushed(7, nil, result("A", protocol.OutcomeCancelled))).drawn().after(3*second).is(protocol.ModeUpdating, "")
	// A card whose outcome is open is under way, too; it survives a restart, so it is
	// not waited for longer than that.
	w = accepted(t, card).drawn().does(CardRead{PaymentID: "A"}).does(pushed(7, nil, result("A", protocol.OutcomeCancelled))).drawn()
	w.does(RestartWanted{}).after(9*time.Minute).is(protocol.ModeIdle, "").after(time.Minute).is(protocol.ModeUpdating, "")
	// Nor is a sale that is remembered of which nobody tells.
	w = newWalker(t, presenting(t).m.Memory()).does(Ready{}).does(RestartWanted{}).after(9*time.Minute).is(protocol.ModeOffline, "")
	w.after(time.Minute).is(protocol.ModeUpdating, "")
}

// longSale has an hour.
func longSale(id string) *protocol.Sale {
	return changed(sale(id, protocol.PhaseOffered), func(s *protocol.Sale) { s.LeftMillis, s.TotalMillis = 3_600_000, 3_600_000 })
}

// TestSwitchingOn: no word of a missing internet before there was time for an answer.
func TestSwitchingOn(t *testing.T) {
	t.Parallel()
	w := newEDC(t, Memory{}).does(Ready{}).is(protocol.ModeStarting, "")
	w.after(3*second-1).is(protocol.ModeStarting, "").after(1).is(protocol.ModeOffline, "")
	newEDC(t, Memory{}).does(Ready{}).after(2*second).does(answer(5, nil, nil)).is(protocol.ModeIdle, "").
		does(LinkLost{}).is(protocol.ModeOffline, "") // a real outage is told at once
	newEDC(t, Memory{}).does(Ready{}).does(answer(5, sale("A", protocol.PhaseOffered), nil)).is(protocol.ModePresenting, "A").
		does(LinkLost{}).does(CardUnread{PaymentID: "Z"}).is(protocol.ModePresenting, "A")
}

// TestTheCashiersSwitches: language and voice are changed at any time, are on the
// disk, and survive a power cut.
func TestTheCashiersSwitches(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]*walker{
		"idle": idleEDC(t), "prompting": idleEDC(t).does(pushed(6, edcSale("A", protocol.PhaseOffered, card), nil)),
		"presenting": presenting(t), "pulling": idleEDC(t).press("4"), "testing": idleEDC(t).press(KeyTest),
		"result": presenting(t).does(pushed(7, nil, paidResult("A"))), "starting": newEDC(t, Memory{}).does(Ready{}),
	} {
		mode, payment := w.m.Mode, w.m.Payment().PaymentID
		w.does(Pressed{Key: KeyLanguage, Language: "hi"}).does(Pressed{Key: KeyMute}).is(mode, payment)
		if !w.m.Muted || w.m.Language != "hi" {
			t.Errorf("%s: muted %v, language %q", name, w.m.Muted, w.m.Language)
		}
		i := slices.IndexFunc(w.done, func(e Effect) bool { s, ok := e.(Save); return ok && s.Memory.Muted })
		if i < 0 {
			t.Errorf("%s: it is not on the disk", name)
		}
		if m := New(w.m.Memory(), Parts{}); !m.Muted || m.Language != "hi" {
			t.Errorf("%s: after a power cut: muted %v, language %q", name, m.Muted, m.Language)
		}
		w.does(Pressed{Key: KeyMute}).does(Pressed{Key: KeyLanguage}) // there is no other language
		if w.m.Muted || w.m.Language != "hi" {
			t.Errorf("%s: muted %v, language %q", name, w.m.Muted, w.m.Language)
		}
	}
}

// TestWhatAnOlderTerminalRemembered is read as ever, and what is new is written only
// where there is some.
func TestWhatAnOlderTerminalRemembered(t *testing.T) {
	t.Parallel()
	const old = `{"seq":6,"sale":{"paymentId":"A","merchantTransactionId":"M-A","orderId":"O-A","amountPaise":24500,"seq":6,"chosen":"DQR","presented":true},` +
		`"ended":{"paymentId":"","merchantTransactionId":"","orderId":"","amountPaise":0,"seq":0,"presented":false}}`
	var mem Memory
	if err := json.Unmarshal([]byte(old), &mem); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(mem)
	if err != nil || string(text) != old {
		t.Errorf("it is written as %s, %v", text, err)
	}
	newWalker(t, mem).does(Ready{}).does(answer(6, sale("A", protocol.PhasePresented), nil)).is(protocol.ModePresenting, "A")
	mem.Doubt, mem.Language, mem.Muted = mem.Sale, "hi", true
	text, err = json.Marshal(mem)
	var back Memory
	if err != nil || json.Unmarshal(text, &back) != nil || back != mem {
		t.Errorf("%s is read as %+v, %v", text, back, err)
	}
}

// TestRepeat: only what there is can be said again, and only at rest.
func TestRepeat(t *testing.T) {
	t.Parallel()
	w := idleEDC(t).press(KeyRepeat)
	if w.m.Repeats != 0 {
		t.Error("it repeats a payment that never came")
	}
	w.does(pushed(6, sale("A", protocol.PhaseOffered), nil)).drawn().does(pushed(7, nil, paidResult("A"))).press(KeyRepeat)
	if w.after(4*second).is(protocol.ModeIdle, ""); w.m.Repeats != 0 {
		t.Error("it repeats a payment that is on the glass")
	}
	if w.press(KeyRepeat, KeyRepeat); w.m.Repeats != 2 || w.m.Last != 24500 {
		t.Errorf("%d repeats of %s", w.m.Repeats, w.m.Last)
	}
}
