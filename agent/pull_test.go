package agent_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// askFor types order 0042 and OK, and returns the question that the controller
// hears.
func (r *rig) askFor() protocol.Pull {
	r.t.Helper()
	r.press(agent.Key0, agent.Key0, agent.Key4, agent.Key2)
	if s := r.is(); s.Mode != protocol.ModePulling || s.Keypad.Digits != "0042" || s.Keypad.Asking {
		r.t.Fatalf("status is %+v", s)
	}
	before := len(r.ctrl.Pulls())
	r.press(agent.KeyOK)
	pulls := r.ctrl.Pulls()
	if len(pulls) != before+1 {
		r.t.Fatalf("%d pulls came", len(pulls)-before)
	}
	p := pulls[before]
	if p.ShortOrderID != "0042" || !r.is().Keypad.Asking {
		r.t.Fatalf("it asks for %+v, status is %+v", p, r.is())
	}
	return p
}

// answer is the controller's answer to a pull.
func (r *rig) answer(p protocol.Pull, o protocol.PullOutcome, taken *protocol.Sale) {
	r.ctrl.Want(func(s *protocol.State) {
		s.Sale = taken
		s.Pull = &protocol.PullAnswer{PullID: p.PullID, ShortOrderID: p.ShortOrderID, Outcome: o}
		if o == protocol.PullOther {
			s.Pull.By, s.Pull.AgeMillis = "T2", 61_000
		}
	})
	synctest.Wait()
}

// TestPullingAnOrder: typed, asked for, taken, accepted, paid.
func TestPullingAnOrder(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, _ *cardMachine) {
		p := r.askFor()
		order := bill("A", protocol.PhaseTaken)
		order.ShortOrderID = "0042"
		r.answer(p, protocol.PullTaken, order)
		r.want(protocol.ModePrompting, "A")
		if s := r.is(); s.Keypad != (agent.Keypad{}) || s.ShortOrderID != "0042" {
			t.Fatalf("status is %+v", s)
		}
		// Rejected: back to the pool, and pulled once more.
		r.press(agent.KeyReject)
		r.want(protocol.ModeIdle, "")
		r.ctrl.Want(func(s *protocol.State) { s.Sale = nil })
		again := r.askFor()
		if again.PullID == p.PullID {
			t.Fatal("two questions have one id")
		}
		r.answer(again, protocol.PullTaken, order)
		r.want(protocol.ModePrompting, "A")
		r.press(agent.KeyAccept, agent.KeyDQR)
		if got := r.scan(); got != qrOf("A") {
			t.Fatalf("a phone reads %q", got)
		}
		r.wantFacts("received A", "rejected A", "received A", "accepted A", "presented A DQR")
	})
}

// TestWhyAnOrderIsNotPulled: each reason has words of its own.
func TestWhyAnOrderIsNotPulled(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, _ *cardMachine) {
		for o, says := range map[protocol.PullOutcome]string{
			protocol.PullOther:   "Taken by T2, 1 min ago",
			protocol.PullUnknown: "No such order",
			protocol.PullEnded:   "This order is over",
			protocol.PullBusy:    "This terminal has a bill already",
		} {
			r.answer(r.askFor(), o, nil)
			s := r.is()
			if s.Mode != protocol.ModePulling || s.Keypad != (agent.Keypad{Digits: "0042", Outcome: o, Message: says}) {
				t.Fatalf("%s: status is %+v", o, s)
			}
			r.press(agent.KeyClear)
			if s := r.is(); s.Keypad != (agent.Keypad{Digits: "004"}) {
				t.Fatalf("after clear: %+v", s)
			}
			r.press(agent.KeyClear, agent.KeyClear, agent.KeyClear, agent.KeyClear)
			r.want(protocol.ModeIdle, "")
		}
	})
}

// TestAPullAndALostLink: the question is repeated, over a reconnect too, and the
// terminal that hears no answer within 15 s says so.
func TestAPullAndALostLink(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, _ *cardMachine) {
		p := r.askFor()
		time.Sleep(2 * time.Second)
		r.ctrl.Broker.Behave(unreachable)
		r.ctrl.Broker.Cut()
		if s := r.is(); s.Mode != protocol.ModePulling || s.Link || s.Keypad.Message != "No internet" {
			t.Fatalf("status is %+v", s)
		}
		r.ctrl.Broker.Behave(well)
		asked := len(r.ctrl.Pulls())
		time.Sleep(7 * time.Second)
		synctest.Wait()
		pulls := r.ctrl.Pulls()
		if len(pulls) <= asked || pulls[len(pulls)-1].PullID != p.PullID {
			t.Fatalf("pulls are %+v", pulls)
		}
		time.Sleep(7 * time.Second)
		if s := r.is(); s.Keypad.Asking || s.Keypad.Message != "No answer. Try again" {
			t.Fatalf("status is %+v", s)
		}
		asked = len(r.ctrl.Pulls())
		time.Sleep(20 * time.Second)
		if n := len(r.ctrl.Pulls()); n != asked {
			t.Fatalf("it asks %d times more", n-asked)
		}
		// The answer comes after all: the order is this terminal's.
		order := bill("A", protocol.PhaseTaken)
		r.answer(p, protocol.PullTaken, order)
		r.want(protocol.ModePrompting, "A")
	})
}

// TestAPullIsNotRemembered: after a power cut the keypad is gone; an order that
// was taken meanwhile comes by itself.
func TestAPullIsNotRemembered(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, _ *cardMachine) {
		p := r.askFor()
		r.off()
		r.on()
		r.want(protocol.ModeIdle, "")
		asked := len(r.ctrl.Pulls())
		time.Sleep(10 * time.Second)
		if n := len(r.ctrl.Pulls()); n != asked {
			t.Fatalf("it asks %d times more", n-asked)
		}
		r.answer(p, protocol.PullTaken, bill("A", protocol.PhaseTaken))
		r.want(protocol.ModePrompting, "A")
	})
}

// TestAPushedSaleClosesTheKeypad, whatever was typed.
func TestAPushedSaleClosesTheKeypad(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, _ *cardMachine) {
		r.press(agent.Key4, agent.Key8)
		r.push(bill("A", protocol.PhaseOffered))
		r.want(protocol.ModePrompting, "A")
		r.press(agent.Key2, agent.Key1, agent.KeyOK)
		r.want(protocol.ModePrompting, "A")
		r.end("A", protocol.OutcomeCancelled)
		time.Sleep(4 * time.Second)
		if s := r.is(); s.Mode != protocol.ModeIdle || s.Keypad != (agent.Keypad{}) {
			t.Fatalf("status is %+v", s)
		}
		r.press(agent.Key4)
		time.Sleep(31 * time.Second)
		r.want(protocol.ModeIdle, "")
	})
}
