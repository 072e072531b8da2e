package machine

import (
	"testing"

	"github.com/galla-pay/galla/protocol"
)

const (
	card = protocol.PayCard
	dqr  = protocol.PayDQR
)

// accepted is an EDC terminal whose cashier has accepted payment A.
func accepted(t *testing.T, modes ...protocol.PayMode) *walker {
	t.Helper()
	return idleEDC(t).does(pushed(6, edcSale("A", protocol.PhaseOffered, modes...), nil)).
		is(protocol.ModePrompting, "A").press(KeyAccept).wantFacts("received A, accepted A")
}

func TestThePrompt(t *testing.T) {
	t.Parallel()
	w := accepted(t, dqr).is(protocol.ModePresenting, "A").drawn().wantFacts("received A, accepted A, presented A DQR")
	// The controller has heard of it: nothing changes.
	heard := edcSale("A", protocol.PhasePresented, dqr)
	heard.Prompt = false
	w.does(pushed(7, heard, nil)).is(protocol.ModePresenting, "A")

	// Rejected: gone at once, and a state that still names it changes nothing.
	w = idleEDC(t).does(pushed(6, edcSale("A", protocol.PhaseOffered, card, dqr), nil)).press(KeyReject).
		is(protocol.ModeIdle, "").wantFacts("received A, rejected A")
	w.does(pushed(7, edcSale("A", protocol.PhaseTaken, card, dqr), nil)).is(protocol.ModeIdle, "")
	if mem := w.m.Memory(); mem.Sale.PaymentID != "" || mem.Declined.PaymentID != "A" {
		t.Fatalf("memory is %+v", mem)
	}
	newEDC(t, w.m.Memory()).does(Ready{}).does(answer(7, edcSale("A", protocol.PhaseTaken, dqr), nil)).is(protocol.ModeIdle, "")

	// Keys that mean nothing here, and keys that nobody can have meant: the
	// question was not on the glass yet (failure matrix S4).
	w = idleEDC(t).does(pushed(6, edcSale("A", protocol.PhaseOffered, dqr), nil)).
		does(Pressed{Key: KeyAccept}).does(Pressed{Key: KeyReject}).is(protocol.ModePrompting, "A")
	w.press("1", KeyOK, KeyClear, KeyCard, "?").is(protocol.ModePrompting, "A")
	w.does(pushed(7, edcSale("B", protocol.PhaseOffered, dqr), nil)).does(Pressed{Key: KeyAccept}).
		is(protocol.ModePrompting, "B").wantFacts("received A, received B")

	// Accepted twice, or accepted although the controller gave up: no harm.
	accepted(t, dqr).does(Pressed{Key: KeyAccept}).does(pushed(7, nil, result("A", protocol.OutcomeExpired))).
		is(protocol.ModeResult, "A").wantFacts("received A, accepted A")
	// Nobody answers: only the controller knows the end.
	w = idleEDC(t).does(pushed(6, edcSale("A", protocol.PhaseOffered, dqr), nil)).after(60*second).is(protocol.ModeChecking, "A")
	if last := w.done[len(w.done)-1]; last != (Ask{Why: "the time is up"}) {
		t.Fatalf("did %#v", last)
	}
	// autoAccept goes straight on, also when it is switched on meanwhile.
	auto := edcSale("A", protocol.PhaseOffered, dqr)
	auto.Prompt = false
	idleEDC(t).does(pushed(6, auto, nil)).is(protocol.ModePresenting, "A")
	idleEDC(t).does(pushed(6, edcSale("A", protocol.PhaseOffered, dqr), nil)).does(pushed(7, auto, nil)).is(protocol.ModePresenting, "A")
}

// TestTheAcceptIsStoredFirst: a disk that does not take it has not accepted.
func TestTheAcceptIsStoredFirst(t *testing.T) {
	t.Parallel()
	w := idleEDC(t).does(pushed(6, edcSale("A", protocol.PhaseOffered, dqr), nil))
	w.noDisk = true
	w.done = nil
	w.press(KeyAccept).is(protocol.ModeFault, "").wantFacts("refused A STORAGE_FAULT")
}

// TestThePromptAfterAPowerCut is failure matrix S4 T: asked again with the time
// that is left, but not when the answer was given already.
func TestThePromptAfterAPowerCut(t *testing.T) {
	t.Parallel()
	left := edcSale("A", protocol.PhaseTaken, card, dqr)
	left.LeftMillis = 30_000
	boot := func(mem Memory) *walker { return newEDC(t, mem).does(Ready{}) }
	asked := idleEDC(t).does(pushed(6, edcSale("A", protocol.PhaseOffered, card, dqr), nil)).m.Memory()
	w := boot(asked).does(answer(6, left, nil)).is(protocol.ModePrompting, "A").wantFacts("")
	w.after(30*second-1).is(protocol.ModePrompting, "A").after(1).is(protocol.ModeChecking, "A")

	yes := accepted(t, card, dqr).m.Memory()
	boot(yes).does(answer(6, left, nil)).is(protocol.ModeChoosing, "A").wantFacts("accepted A") // it is told again
	boot(yes).does(answer(6, changed(left, func(s *protocol.Sale) { s.Prompt = false }), nil)).
		is(protocol.ModeChoosing, "A").wantFacts("")
	// Another amount under the same id was never accepted.
	other := changed(left, func(s *protocol.Sale) { s.AmountPaise, s.QR = 100, "upi://pay?pa=merchant@upi&am=1.00" })
	boot(yes).does(answer(6, other, nil)).is(protocol.ModePrompting, "A").wantFacts("received A")
	// The choice is remembered, too.
	chosen := accepted(t, card, dqr).press(KeyDQR).m.Memory()
	boot(chosen).does(answer(6, left, nil)).is(protocol.ModePresenting, "A")
	boot(yes).does(answer(7, nil, nil)).is(protocol.ModeIdle, "")
}

// TestTheChoice: what can be chosen of, and by which key.
func TestTheChoice(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]protocol.PayMode{"1": dqr, KeyDQR: dqr, "2": card, KeyCard: card} {
		w := accepted(t, card, dqr).is(protocol.ModeChoosing, "A")
		w.does(Pressed{Key: key}).is(protocol.ModeChoosing, "A") // not on the glass yet
		w.press("3", KeyAccept, KeyOK, KeyRepeat, KeyTest).is(protocol.ModeChoosing, "A")
		w.press(key).is(protocol.ModePresenting, "A").drawn().wantFacts("received A, accepted A, presented A " + string(want))
		if w.m.Memory().Sale.Chosen != want {
			t.Errorf("key %s: memory is %+v", key, w.m.Memory())
		}
	}
	offer := func(parts Parts, prompt bool, modes ...protocol.PayMode) *walker {
		w := &walker{t: t, m: New(Memory{}, parts)}
		s := edcSale("A", protocol.PhaseOffered, modes...)
		s.Prompt = prompt
		return w.does(Ready{}).does(answer(5, nil, nil)).does(pushed(6, s, nil))
	}
	whole, noReader, noKeys := Parts{Keys: true, Card: true}, Parts{Keys: true}, Parts{Card: true}
	offer(whole, false, card, dqr).is(protocol.ModeChoosing, "A")
	offer(whole, false, dqr).is(protocol.ModePresenting, "A").drawn().wantFacts("received A, presented A DQR")
	offer(whole, false, card).is(protocol.ModePresenting, "A").drawn().wantFacts("received A, presented A CARD")
	offer(noReader, false, card, dqr).is(protocol.ModePresenting, "A").drawn().wantFacts("received A, presented A DQR")
	offer(noReader, false, card).is(protocol.ModeIdle, "").wantFacts("refused A NO_CARD_READER")
	offer(noReader, true, card).is(protocol.ModeIdle, "").wantFacts("refused A NO_CARD_READER")
	offer(noKeys, false, card, dqr).is(protocol.ModePresenting, "A").drawn().wantFacts("received A, presented A DQR")
	offer(noKeys, false, card).is(protocol.ModePresenting, "A").drawn().wantFacts("received A, presented A CARD")
	offer(noKeys, true, card, dqr).is(protocol.ModeIdle, "").wantFacts("refused A NO_KEYS")
	// Nobody chooses.
	accepted(t, card, dqr).after(60*second).is(protocol.ModeChecking, "A")
	// The cashier changes his mind: gone at once, once the question was on the glass.
	for _, key := range []string{KeyReject, KeyClear} {
		w := accepted(t, card, dqr).does(Pressed{Key: key}).is(protocol.ModeChoosing, "A")
		w.press(key).is(protocol.ModeIdle, "").wantFacts("received A, accepted A, rejected A")
		w.does(pushed(7, edcSale("A", protocol.PhaseTaken, card, dqr), nil)).is(protocol.ModeIdle, "")
	}
}

// TestTheTimeOfAQuestionIsUp: nobody can have paid, so nobody is told not to pay
// again; how it ended is the controller's to say. What may be paid is told apart.
func TestTheTimeOfAQuestionIsUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		w      *walker
		reason string
	}{
		"prompting":            {idleEDC(t).does(pushed(6, edcSale("A", protocol.PhaseOffered, card, dqr), nil)).drawn(), ReasonNotTaken},
		"choosing":             {accepted(t, card, dqr).drawn(), ReasonNotTaken},
		"presenting a QR":      {accepted(t, dqr).drawn(), ""},
		"a QR not drawn yet":   {accepted(t, dqr), ""},
		"presenting a card":    {accepted(t, card).drawn(), ""},
		"being paid elsewhere": {idleEDC(t).does(pushed(6, edcSale("A", protocol.PhasePaying, card, dqr), nil)), ""},
	} {
		w := c.w.after(60*second).is(protocol.ModeChecking, "A")
		if got := w.m.Reason(); got != c.reason {
			t.Errorf("%s: while checking it says %q, want %q", name, got, c.reason)
		}
		w.does(pushed(7, nil, result("A", protocol.OutcomeExpired))).is(protocol.ModeResult, "A")
	}
}

// TestAPanelWithoutAQR: where the panel shows none, or not this one, a sale is taken
// by card, or else refused at once, before anybody is asked about it.
func TestAPanelWithoutAQR(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		parts Parts
		unfit bool
		modes []protocol.PayMode
		mode  protocol.Mode
		facts string
	}{
		"QR only":                  {Parts{NoQR: true}, false, []protocol.PayMode{dqr}, protocol.ModeIdle, "refused A QR_DOES_NOT_FIT"},
		"QR only, too dense":       {Parts{}, true, []protocol.PayMode{dqr}, protocol.ModeIdle, "refused A QR_DOES_NOT_FIT"},
		"QR only, with a reader":   {Parts{Keys: true, Card: true, NoQR: true}, false, []protocol.PayMode{dqr}, protocol.ModeIdle, "refused A QR_DOES_NOT_FIT"},
		"both, no reader":          {Parts{Keys: true, NoQR: true}, false, []protocol.PayMode{card, dqr}, protocol.ModeIdle, "refused A QR_DOES_NOT_FIT"},
		"card only, no reader":     {Parts{Keys: true, NoQR: true}, false, []protocol.PayMode{card}, protocol.ModeIdle, "refused A NO_CARD_READER"},
		"both, nothing to choose":  {Parts{Keys: true, Card: true, NoQR: true}, false, []protocol.PayMode{card, dqr}, protocol.ModePresenting, "received A, presented A CARD"},
		"both, too dense, no keys": {Parts{Card: true}, true, []protocol.PayMode{card, dqr}, protocol.ModePresenting, "received A, presented A CARD"},
		"card only":                {Parts{Card: true, NoQR: true}, false, []protocol.PayMode{card}, protocol.ModePresenting, "received A, presented A CARD"},
	} {
		w := &walker{t: t, m: New(Memory{}, c.parts)}
		s := edcSale("A", protocol.PhaseOffered, c.modes...)
		s.Prompt = false
		w.does(Ready{}).does(answer(5, nil, nil)).does(Received{State: state(6, s, nil), Unfit: c.unfit}).drawn()
		if w.m.Mode != c.mode || w.facts() != c.facts {
			t.Errorf("%s: it is %s, facts %q; want %s, %q", name, w.m.Mode, w.facts(), c.mode, c.facts)
		}
	}
}
