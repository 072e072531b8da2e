package machine

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
)

var update = flag.Bool("update", false, "write the golden files")

// TestTable writes down what every mode makes of every event. All machines have
// stored state 6; payment A is theirs unless they are idle. It is second 100, but
// for a tick, which comes when it is due.
func TestTable(t *testing.T) {
	t.Parallel()
	const now = 100 * second
	other := result("A", protocol.OutcomeSucceeded)
	other.AmountPaise++
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
		{"state 7, A succeeded", pushed(7, nil, result("A", protocol.OutcomeSucceeded))},
		{"state 7, A succeeded, B offered", pushed(7, sale("B", protocol.PhaseOffered), result("A", protocol.OutcomeSucceeded))},
		{"state 7, A succeeded, other amount", pushed(7, nil, other)},
		{"state 7, A failed", pushed(7, nil, result("A", protocol.OutcomeFailed))},
		{"state 7, A expired", pushed(7, nil, result("A", protocol.OutcomeExpired))},
		{"state 7, A cancelled", pushed(7, nil, result("A", protocol.OutcomeCancelled))},
		{"state 7, B succeeded", pushed(7, nil, result("B", protocol.OutcomeSucceeded))},
		{"answer 2, nothing wanted", answer(2, nil, nil)},
		{"answer 2, A presented", answer(2, sale("A", protocol.PhasePresented), nil)},
		{"answer 2, A succeeded", answer(2, nil, result("A", protocol.OutcomeSucceeded))},
		{"link lost", LinkLost{}},
		{"tick", Tick{}},
		{"drawn", nil},
		{"draw failed", DrawFailed{Reason: "bus is stuck"}},
		{"unpresentable A", Unpresentable{PaymentID: "A", Reason: ReasonUnfit}},
		{"stored", Stored{}},
		{"store failed", StoreFailed{Reason: "no space left", Facts: []Fact{{Kind: protocol.FactShown, PaymentID: "A"}}}},
	}
	var b strings.Builder
	seen := map[Kind]bool{}
	for _, mode := range modes {
		fmt.Fprintf(&b, "%s\n", mode)
		for _, e := range events {
			m := inMode(t, mode)
			if m.Mode != mode {
				t.Fatalf("machine is %s, want %s", m.Mode, mode)
			}
			now := now
			if e.ev == (Tick{}) {
				now = max(now, m.Until)
			}
			ev := e.ev
			if ev == nil {
				ev = Drawn{Mode: m.Mode, PaymentID: m.Payment().PaymentID}
			}
			seen[ev.Kind()] = true
			if table[mode][ev.Kind()] == nil {
				fmt.Fprintf(&b, "  %-34s   -\n", e.name)
				continue
			}
			next, effects := Step(m, now, ev)
			fmt.Fprintf(&b, "  %-34s > %s\n", e.name, strings.Join(append([]string{modeText(next, now)}, effectsText(effects)...), "; "))
		}
	}
	golden(t, "testdata/table.golden", b.String())

	// The file has a row for everything that the table knows.
	if len(table) != len(modes) {
		t.Errorf("the table has %d modes, the test %d", len(table), len(modes))
	}
	for mode, row := range table {
		for kind := range row {
			if !seen[kind] {
				t.Errorf("%s knows %q, which the test does not try", mode, kind)
			}
		}
	}
}

var modes = []protocol.Mode{
	protocol.ModeStarting, protocol.ModeEnrolling, protocol.ModeOffline, protocol.ModeIdle,
	protocol.ModePresenting, protocol.ModeChecking, protocol.ModeResult, protocol.ModeFault,
}

// inMode is a machine in that mode, brought there by events in the first 40 s.
func inMode(t *testing.T, mode protocol.Mode) Machine {
	t.Helper()
	remembered := Memory{Seq: 6, Sale: Order{PaymentID: "A", MerchantTransactionID: "M-A", OrderID: "O-A", AmountPaise: 24500, Seq: 6, Presented: true}}
	switch mode {
	case protocol.ModeStarting:
		return New(remembered)
	case protocol.ModeEnrolling:
		return newWalker(t, remembered).does(Enrolling{}).m
	case protocol.ModeOffline:
		return newWalker(t, remembered).does(Ready{}).m
	case protocol.ModeIdle:
		return idle(t).does(pushed(6, nil, nil)).m
	case protocol.ModePresenting:
		w := idle(t)
		w.now = 60 * second
		return w.does(pushed(6, sale("A", protocol.PhaseOffered), nil)).m
	case protocol.ModeChecking:
		return idle(t).does(pushed(6, sale("A", protocol.PhasePaying), nil)).m
	case protocol.ModeResult:
		w := idle(t).does(pushed(5, nil, nil)).does(answer(4, sale("A", protocol.PhasePaying), nil))
		w.now = 99 * second
		return w.does(pushed(6, nil, result("A", protocol.OutcomeFailed))).m
	case protocol.ModeFault:
		w := idle(t)
		w.now = 60 * second
		return w.does(pushed(6, sale("A", protocol.PhaseOffered), nil)).does(DrawFailed{Reason: "bus is stuck"}).m
	}
	t.Fatalf("no machine for %s", mode)
	return Machine{}
}

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
	if m.Until != 0 {
		text += fmt.Sprintf(" for %v", m.Until-now)
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
