package agent_test

import (
	"testing"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// TestABillByQR: the cashier accepts, the customer chooses the QR, pixels and
// facts follow.
func TestABillByQR(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, m *cardMachine) {
		b := bill("A", protocol.PhaseOffered)
		b.ShortOrderID = "0042"
		r.ctrl.Want(func(s *protocol.State) { s.Sale, s.Waiting = b, 2 })
		r.want(protocol.ModePrompting, "A")
		s := r.is()
		if s.OrderID != "4821" || s.ShortOrderID != "0042" || s.Waiting != 2 || s.AmountPaise != 24500 {
			t.Fatalf("status is %+v", s)
		}
		if left := time.Until(s.Ends); left < 59*time.Second || left > time.Minute {
			t.Fatalf("it says that %v are left", left)
		}
		if r.scan() != "" {
			t.Fatal("a QR is on the glass before the cashier has accepted")
		}
		r.press(agent.Key1, agent.KeyOK, agent.KeyClear) // mean nothing here
		r.want(protocol.ModePrompting, "A")
		r.press(agent.KeyAccept)
		r.want(protocol.ModeChoosing, "A")
		if s := r.is(); s.Choices != [2]protocol.PayMode{protocol.PayDQR, protocol.PayCard} {
			t.Fatalf("status is %+v", s)
		}
		r.press(agent.Key1)
		r.want(protocol.ModePresenting, "A")
		if s := r.is(); s.PayMode != protocol.PayDQR || r.scan() != qrOf("A") {
			t.Fatalf("status is %+v, a phone reads %q", s, r.scan())
		}
		r.wantFacts("received A", "accepted A", "presented A DQR")
		if m.wantsCard() != "" {
			t.Fatal("a card is wanted, too")
		}
		r.end("A", protocol.OutcomeSucceeded)
		if !paid(r.is()) {
			t.Fatalf("status is %+v", r.is())
		}
	})
}

// TestARejectedBill is gone at once, and stays gone over a power cut.
func TestARejectedBill(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, _ *cardMachine) {
		r.push(bill("A", protocol.PhaseOffered))
		r.ctrl.Silence(true)
		r.press(agent.KeyReject)
		r.want(protocol.ModeIdle, "")
		r.off()
		r.ctrl.Silence(false)
		r.on()
		r.want(protocol.ModeIdle, "")
		r.wantFacts("received A", "rejected A")
		for _, up := range r.ctrl.Ups() {
			if up.Report != nil && up.Report.Holds != "" && up.Report.PaymentID == "" && up.Report.Mode != protocol.ModeOffline {
				t.Errorf("it holds what it rejected: %+v", up.Report)
			}
		}
		r.push(bill("B", protocol.PhaseOffered))
		r.want(protocol.ModePrompting, "B")
	})
}

// TestThePromptAndAPowerCut is failure matrix S4 T.
func TestThePromptAndAPowerCut(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, _ *cardMachine) {
		again := func(left int64) {
			r.off()
			r.ctrl.Want(func(s *protocol.State) {
				s.Sale = bill("A", protocol.PhaseTaken)
				s.Sale.LeftMillis = left
			})
			r.on()
		}
		r.push(bill("A", protocol.PhaseOffered))
		again(40_000)
		r.want(protocol.ModePrompting, "A")
		if sync := r.lastSync(); sync.Holds != "A" {
			t.Fatalf("the sync is %+v", sync)
		}
		r.ctrl.Silence(true) // the answer is stored, and not heard
		r.press(agent.KeyAccept)
		r.want(protocol.ModeChoosing, "A")
		r.off()
		r.ctrl.Silence(false)
		again(30_000)
		r.want(protocol.ModeChoosing, "A") // not asked again
		r.wantFacts("received A", "accepted A")
		time.Sleep(31 * time.Second)
		r.want(protocol.ModeChecking, "A")
		r.end("A", protocol.OutcomeExpired)
		r.want(protocol.ModeResult, "A")
	})
}

// lastSync is the newest sync.
func (r *rig) lastSync() protocol.Report {
	r.t.Helper()
	var last protocol.Report
	for _, up := range r.ctrl.Ups() {
		if up.Report != nil && up.Report.Type == protocol.TypeSync {
			last = *up.Report
		}
	}
	return last
}

// TestWhatATerminalHasIsWhatItTakes: keys and card machine.
func TestWhatATerminalHasIsWhatItTakes(t *testing.T) {
	both := []protocol.PayMode{protocol.PayCard, protocol.PayDQR}
	for name, c := range map[string]struct {
		keys, card, prompt bool
		modes              []protocol.PayMode
		last               string
	}{
		"a prompt without keys":        {prompt: true, modes: both, last: "refused A NO_KEYS"},
		"card only, no machine":        {keys: true, modes: both[:1], last: "refused A NO_CARD_READER"},
		"no mode that is known":        {keys: true, card: true, modes: nil, last: "refused A NO_PAY_MODE"},
		"both, no machine":             {keys: true, modes: both, last: "presented A DQR"},
		"both, no keys":                {card: true, modes: both, last: "presented A DQR"},
		"card only, no keys":           {card: true, modes: both[:1], last: "presented A CARD"},
		"card only, nothing to choose": {keys: true, card: true, modes: both[:1], last: "presented A CARD"},
		"QR only, nothing to choose":   {keys: true, card: true, modes: both[1:], last: "presented A DQR"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				if c.keys {
					r.keys = make(chan agent.Key)
				}
				if c.card {
					r.card = newCardMachine(t)
				}
				r.on()
				b := bill("A", protocol.PhaseOffered)
				b.Prompt, b.PayModes = c.prompt, c.modes
				r.push(b)
				r.is()
				if facts := r.ctrl.Facts(); len(facts) == 0 || facts[len(facts)-1] != c.last {
					t.Fatalf("facts are %q, want %q at the end", facts, c.last)
				}
			})
		})
	}
}

// TestKeysThatEnd: the keys are gone, the terminal goes on.
func TestKeysThatEnd(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, _ *cardMachine) {
		close(r.keys)
		b := bill("A", protocol.PhaseOffered)
		b.Prompt, b.PayModes = false, []protocol.PayMode{protocol.PayDQR}
		r.push(b)
		r.want(protocol.ModePresenting, "A")
	})
}

// TestEveryKeyHasAName and back.
func TestEveryKeyHasAName(t *testing.T) {
	t.Parallel()
	for _, k := range agent.AllKeys() {
		if got, err := agent.ParseKey(string(k)); err != nil || got != k {
			t.Errorf("%q is read as %q, %v", k, got, err)
		}
	}
	if len(agent.AllKeys()) != 20 {
		t.Errorf("there are %d keys", len(agent.AllKeys()))
	}
	for _, name := range []string{"", "ACCEPT", "10", "enter"} {
		if k, err := agent.ParseKey(name); err == nil {
			t.Errorf("%q is read as %q", name, k)
		}
	}
}
