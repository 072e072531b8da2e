package machine

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
)

var update = flag.Bool("update", false, "write the golden files")

// TestTable writes down what a terminal makes of every event in every situation;
// a mode has as many as differ. All have keys, a card machine and state 6, which
// lets them pull, as all states do; payment A is theirs unless nothing is. It is second 100, but for
// a tick, which comes when it is due. What can be seen on the glass was drawn.
//
// How to read table.golden: a line that is not indented is a situation, and begins
// with its mode. Below it is what each event makes of that: "-", the mode does not
// know the event; "no change"; or ">", the mode that follows and what it is about,
// for how long if nothing happens, what the card machine is to do, and then the
// effects, each after a semicolon. Facts stand after a "+" within the save that
// carries them.
func TestTable(t *testing.T) {
	t.Parallel()
	const now = 100 * second
	other := result("A", protocol.OutcomeSucceeded)
	other.AmountPaise++
	both := []protocol.PayMode{protocol.PayCard, protocol.PayDQR}
	autoAccept := changed(edcSale("B", protocol.PhaseOffered, both...), func(s *protocol.Sale) { s.Prompt = false })
	pulled := func(o protocol.PullOutcome) *protocol.PullAnswer {
		return &protocol.PullAnswer{PullID: "PULL0001", ShortOrderID: "4821", Outcome: o}
	}
	takenB := changed(edcSale("B", protocol.PhaseTaken, both...), func(s *protocol.Sale) { s.ShortOrderID = "4821" })
	events := []struct {
		name string
		ev   Event
	}{
		{"enrolling", Enrolling{}},
		{"enrol refused", EnrolRefused{Reason: "UNKNOWN_TERMINAL"}},
		{"ready", Ready{}},
		{"state 5, older", pushed(5, nil, nil)},
		{"state 6, a repeat", pushed(6, sale("A", protocol.PhaseOffered), nil)},
		{"state 7, nothing wanted", pushed(7, nil, nil)},
		{"state 7, A offered", pushed(7, sale("A", protocol.PhaseOffered), nil)},
		{"state 7, A presented", pushed(7, sale("A", protocol.PhasePresented), nil)},
		{"state 7, A paying", pushed(7, sale("A", protocol.PhasePaying), nil)},
		{"state 7, B offered", pushed(7, sale("B", protocol.PhaseOffered), nil)},
		{"state 7, B, to be accepted", pushed(7, edcSale("B", protocol.PhaseOffered, both...), nil)},
		{"state 7, B, by card or QR", pushed(7, autoAccept, nil)},
		{"state 7, A succeeded", pushed(7, nil, result("A", protocol.OutcomeSucceeded))},
		{"state 7, A succeeded, B offered", pushed(7, sale("B", protocol.PhaseOffered), result("A", protocol.OutcomeSucceeded))},
		{"state 7, A succeeded, other amount", pushed(7, nil, other)},
		{"state 7, A failed", pushed(7, nil, result("A", protocol.OutcomeFailed))},
		{"state 7, A expired", pushed(7, nil, result("A", protocol.OutcomeExpired))},
		{"state 7, A cancelled", pushed(7, nil, result("A", protocol.OutcomeCancelled))},
		{"state 7, A unknown", pushed(7, nil, result("A", protocol.OutcomeUnknown))},
		{"state 7, B succeeded", pushed(7, nil, result("B", protocol.OutcomeSucceeded))},
		{"state 7, B offered, its QR does not fit", unfit(pushed(7, sale("B", protocol.PhaseOffered), nil))},
		{"state 7, B, by card or a QR that does not fit", unfit(pushed(7, autoAccept, nil))},
		{"state 7, pull taken, B taken", pulls(pushed(7, takenB, nil), pulled(protocol.PullTaken))},
		{"state 7, pull: other has it", pulls(pushed(7, nil, nil), pulled(protocol.PullOther))},
		{"answer 2, nothing wanted", answer(2, nil, nil)},
		{"answer 2, A presented", answer(2, sale("A", protocol.PhasePresented), nil)},
		{"answer 2, A succeeded", answer(2, nil, result("A", protocol.OutcomeSucceeded))},
		{"link lost", LinkLost{}},
		{"link lost to another device", LinkLost{Contested: true}},
		{"tick", Tick{}},
		{"drawn", nil},
		{"draw failed", DrawFailed{Reason: "bus is stuck"}},
		{"unpresentable A", Unpresentable{PaymentID: "A", Reason: ReasonUnfit}},
		{"stored", Stored{}},
		{"store failed", StoreFailed{Reason: "no space left", Facts: []Fact{{Kind: protocol.FactShown, PaymentID: "A"}}}},
		{"key accept", Pressed{Key: KeyAccept}},
		{"key reject", Pressed{Key: KeyReject}},
		{"key card", Pressed{Key: KeyCard}},
		{"key dqr", Pressed{Key: KeyDQR}},
		{"key 1", Pressed{Key: "1"}},
		{"key 2", Pressed{Key: "2"}},
		{"key 3", Pressed{Key: "3"}},
		{"key ok", Pressed{Key: KeyOK, PullID: "PULL0002"}},
		{"key clear", Pressed{Key: KeyClear}},
		{"key repeat", Pressed{Key: KeyRepeat}},
		{"key language", Pressed{Key: KeyLanguage, Language: "hi"}},
		{"key mute", Pressed{Key: KeyMute}},
		{"key test", Pressed{Key: KeyTest}},
		{"test 1: the disk works", Tested{Run: 1, Check: CheckStorage, Finding: FindingOK}},
		{"test 0: the disk has failed", Tested{Run: 0, Check: CheckStorage, Finding: FindingFailed}},
		{"card of no payment, for the test, unread", CardUnread{PaymentID: TestRef}},
		{"card of no payment, for the test: question failed", CardFailed{PaymentID: TestRef, Asked: true}},
		{"restart wanted", RestartWanted{}},
		{"card of A read", CardRead{PaymentID: "A"}},
		{"card of A approved", CardApproved{PaymentID: "A", Card: approved}},
		{"card of A declined", CardDeclined{PaymentID: "A", Reason: "51"}},
		{"card of A unknown", CardUnknown{PaymentID: "A"}},
		{"card of A: machine failed", CardFailed{PaymentID: "A"}},
		{"card of A: question failed", CardFailed{PaymentID: "A", Asked: true}},
		{"card of A unread", CardUnread{PaymentID: "A"}},
	}
	var b strings.Builder
	seen := map[protocol.Mode]map[Kind]bool{}
	for _, in := range situations(t) {
		fmt.Fprintf(&b, "%s\n", in.name)
		mode := in.m.Mode
		if seen[mode] == nil {
			seen[mode] = map[Kind]bool{}
		}
		for _, e := range events {
			m, now := in.m, now
			if e.ev == (Tick{}) {
				now = max(now, m.Until)
			}
			ev := e.ev
			if r, ok := ev.(Received); ok {
				r.State.Display.Pull = true
				ev = r
			}
			if ev == nil {
				ev = Drawn{Mode: m.Mode, PaymentID: m.Payment().PaymentID}
			}
			seen[mode][ev.Kind()] = true
			if table[mode][ev.Kind()] == nil {
				fmt.Fprintf(&b, "  %-49s   -\n", e.name)
				continue
			}
			next, effects := Step(m, now, ev)
			did := effectsText(effects)
			if next == m && len(did) == 0 {
				fmt.Fprintf(&b, "  %-49s   no change\n", e.name)
				continue
			}
			fmt.Fprintf(&b, "  %-49s > %s\n", e.name, strings.Join(append([]string{modeText(next, now)}, did...), "; "))
		}
	}
	golden(t, "testdata/table.golden", b.String())

	// The file has a situation for every mode and a row for everything that the
	// table knows in it.
	for mode, row := range table {
		for kind := range row {
			if !seen[mode][kind] {
				t.Errorf("%s knows %q, which the test does not try", mode, kind)
			}
		}
	}
}

// situation is a machine under a name that begins with its mode.
type situation struct {
	name string
	m    Machine
}

// situations are brought about by events in the first 99 s.
func situations(t *testing.T) []situation {
	t.Helper()
	remembered := Memory{Seq: 6, Sale: Order{PaymentID: "A", MerchantTransactionID: "M-A", OrderID: "O-A", AmountPaise: 24500, Seq: 6, Presented: true, Chosen: protocol.PayDQR}}
	both := []protocol.PayMode{protocol.PayCard, protocol.PayDQR}
	ready := func(at time.Duration, s *protocol.Sale) *walker {
		w := idleEDC(t)
		w.now = at
		return w.does(pulls(pushed(6, s, nil), nil))
	}
	choosing := func() *walker { return ready(60*second, edcSale("A", protocol.PhaseOffered, both...)).press(KeyAccept) }
	started := func(at time.Duration) *walker {
		w := newEDC(t, remembered)
		w.now = at
		return w.does(Ready{})
	}
	paying := idleEDC(t).does(pulls(answer(4, sale("A", protocol.PhasePaying), nil), nil))
	paying.now = 99 * second
	late := func() *walker { w := *paying; return &w }
	all := []situation{
		{"starting", newEDC(t, remembered).m},
		{"enrolling", newEDC(t, remembered).does(Enrolling{}).m},
		{"starting, no answer yet", started(99 * second).m},
		{"offline", started(60 * second).after(30 * second).m},
		{"idle", ready(60*second, nil).drawn().m},
		{"pulling, 482 typed", ready(90*second, nil).press("4", "8", "2").m},
		{"pulling, 4821 asked for", ready(90*second, nil).press("4", "8", "2", "1").does(Pressed{Key: KeyOK, PullID: "PULL0001"}).m},
		{"prompting", ready(60*second, edcSale("A", protocol.PhaseOffered, both...)).drawn().m},
		{"choosing", choosing().drawn().m},
		{"presenting, QR on its way to the glass", ready(60*second, sale("A", protocol.PhaseOffered)).m},
		{"presenting, QR on the glass", ready(60*second, sale("A", protocol.PhaseOffered)).drawn().m},
		{"presenting, card wanted", choosing().press(KeyCard).drawn().m},
		{"checking, QR is being paid", ready(60*second, sale("A", protocol.PhasePaying)).m},
		{"checking, card was read", choosing().press(KeyCard).drawn().does(CardRead{PaymentID: "A"}).m},
		{"checking, the time to accept is over", ready(40*second, edcSale("A", protocol.PhaseOffered, both...)).drawn().after(60 * second).m},
		{"result, A failed", late().does(pulls(pushed(6, nil, result("A", protocol.OutcomeFailed)), nil)).m},
		{"result, A unknown", late().does(pulls(pushed(6, nil, result("A", protocol.OutcomeUnknown)), nil)).drawn().m},
		{"idle, A has left in doubt", late().does(pulls(pushed(6, nil, nil), nil)).drawn().m},
		{"testing, all asked", ready(95*second, nil).press(KeyTest).m},
		{"testing, all answered", ready(60*second, nil).press(KeyTest).drawn().after(20 * second).m},
		{"updating", ready(99*second, nil).drawn().does(RestartWanted{}).m},
		{"presenting, a restart waits", ready(60*second, sale("A", protocol.PhaseOffered)).drawn().does(RestartWanted{}).m},
		{"fault, the panel's, A unseen", ready(60*second, sale("A", protocol.PhaseOffered)).does(DrawFailed{Reason: "bus is stuck"}).m},
	}
	for _, s := range all {
		if mode, _, _ := strings.Cut(s.name, ","); string(s.m.Mode) != mode || s.m.Seq != 6 {
			t.Fatalf("%s: the machine is %s in state %d", s.name, s.m.Mode, s.m.Seq)
		}
	}
	return all
}

// unfit is the event with a QR that is too dense for the panel.
func unfit(ev Event) Event {
	r := ev.(Received)
	r.Unfit = true
	return r
}

// approved is what a card machine says of a card that was charged.
var approved = protocol.Card{RRN: "632512004217", AmountPaise: 24500, Last4: "4242", Network: "VISA", Type: "DEBIT"}

func modeText(m Machine, now time.Duration) string {
	text := string(m.Mode)
	if p := m.Payment().PaymentID; p != "" {
		text += " " + p
	}
	if m.Mode == protocol.ModeResult {
		text += " " + string(m.Result.Outcome)
	}
	if r := m.Reason(); r != "" {
		text += " " + r
	}
	if m.Mode == protocol.ModePresenting {
		text += " " + string(m.Sale.Chosen)
	}
	if m.Mode == protocol.ModeResult && m.Late {
		text += " late"
	}
	if m.Mode == protocol.ModeTesting {
		for i, c := range Checks() {
			text += fmt.Sprintf(" %s:%s", c, cmp.Or(m.Test.Found[i], "?"))
		}
	}
	if m.Repeats > 0 {
		text += fmt.Sprintf(", said %d times", m.Repeats)
	}
	if m.Update.Wanted {
		text += ", to restart"
	}
	if k := m.Keypad; k.Open {
		text += fmt.Sprintf(" %q", k.Digits)
		if k.Pull.ID != "" {
			text += " asked for by " + k.Pull.ID
		}
		if k.Answer.Outcome != "" {
			text += " " + string(k.Answer.Outcome)
		}
		if k.Silent {
			text += " no answer"
		}
	}
	if m.Until != 0 {
		text += fmt.Sprintf(" for %v", m.Until-now)
	}
	call, due := m.Call(now), m.CallDue(now)
	switch {
	case call.Last:
		text += ", asks how the card of " + call.PaymentID + " ended"
	case call.PaymentID != "":
		text += fmt.Sprintf(", wants a card for %s of %s", call.AmountPaise, call.PaymentID)
	}
	if due != 0 {
		text += fmt.Sprintf(", card machine due in %v", due-now)
	}
	return text
}

func effectsText(effects []Effect) (out []string) {
	for _, e := range effects {
		switch e := e.(type) {
		case Ack:
			out = append(out, fmt.Sprintf("ack %s/%d", e.Epoch, e.N))
		case Save:
			text := fmt.Sprintf("save seq %d sale %q ended %q", e.Memory.Seq, e.Memory.Sale.PaymentID, e.Memory.Ended.PaymentID)
			if d := e.Memory.Doubt.PaymentID; d != "" {
				text += fmt.Sprintf(" doubt %q", d)
			}
			if l := e.Memory.Language; l != "" {
				text += " language " + l
			}
			if e.Memory.Muted {
				text += " muted"
			}
			for _, f := range factsText(e.Facts) {
				text += " + " + f
			}
			out = append(out, text)
		case Tell:
			out = append(out, "tell "+strings.Join(factsText(e.Facts), " + "))
		case Ask:
			out = append(out, "ask: "+e.Why)
		case Confirm:
			out = append(out, map[bool]string{true: "confirm the answer", false: "confirm"}[e.Answer])
		case Redraw:
			out = append(out, "redraw")
		case RunSelfTest:
			out = append(out, fmt.Sprintf("look at the parts for test %d", e.Run))
		case Restart:
			out = append(out, "RESTART")
		case Alarm:
			out = append(out, "ALARM: "+e.Text)
		default:
			out = append(out, fmt.Sprintf("%#v", e))
		}
	}
	return out
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run with -update and look at the change.\n%s", path, got)
	}
}
