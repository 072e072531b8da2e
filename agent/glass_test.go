package agent_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"github.com/galla-pay/galla/protocol"
)

// TestALatePayment (failure matrix R13): it was "not confirmed", the terminal was
// freed, and then it was paid.
func TestALatePayment(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.presenting()
		r.end("A", protocol.OutcomeUnknown)
		if s := r.is(); s.Late || s.Result != protocol.OutcomeUnknown {
			t.Fatalf("status is %+v", s)
		}
		time.Sleep(9 * time.Second)
		r.want(protocol.ModeIdle, "")
		r.off()
		r.on()
		r.want(protocol.ModeIdle, "")
		r.end("A", protocol.OutcomeSucceeded)
		r.want(protocol.ModeResult, "A")
		if s := r.is(); !paid(s) || !s.Late || s.AmountPaise != 24500 {
			t.Fatalf("status is %+v", s)
		}
		time.Sleep(7 * time.Second)
		r.want(protocol.ModeIdle, "")
		if s := r.is(); s.Late || s.Last != 24500 {
			t.Fatalf("status is %+v", s)
		}
	})
}

// TestAQRThatDoesNotFitIsPaidByCard where there is a card machine.
func TestAQRThatDoesNotFitIsPaidByCard(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, m *cardMachine) {
		b := bill("A", protocol.PhaseOffered)
		b.QR += strings.Repeat("x", 1500)
		r.push(b)
		r.press(agent.KeyAccept)
		r.want(protocol.ModePresenting, "A") // there is nothing to choose
		if s := r.is(); s.PayMode != protocol.PayCard || m.wantsCard() != "A ₹245.00" {
			t.Fatalf("status is %+v", s)
		}
	})
}

// TestNobodyLooks: nothing is drawn and no QR encoded, and the sale goes on all the
// same; whoever looks sees it.
func TestNobodyLooks(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var seen atomic.Bool
		look := make(chan struct{})
		var p *failingPanel
		r.wrap = func(driver agent.Panel) agent.Panel { p = &failingPanel{Panel: driver}; return p }
		r.fit = func(hw *agent.Hardware) { hw.Hidden, hw.Look = func() bool { return !seen.Load() }, look }
		r.presenting()
		time.Sleep(10 * time.Second)
		if p.drawn() != 0 {
			t.Fatalf("%d pictures that nobody sees", p.drawn())
		}
		seen.Store(true)
		look <- struct{}{}
		if got := r.scan(); got != qrOf("A") {
			t.Fatalf("a phone reads %q", got)
		}
		before := p.drawn()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := p.drawn() - before; n < 4 || n > 6 {
			t.Errorf("looked at, it draws %d pictures in 5 s", n)
		}
		seen.Store(false)
		time.Sleep(2 * time.Second)
		before = p.drawn()
		r.end("A", protocol.OutcomeSucceeded)
		r.want(protocol.ModeResult, "A")
		if p.drawn() != before {
			t.Error("it draws although nobody looks any more")
		}
		close(look) // nobody will look again
		time.Sleep(5 * time.Second)
		r.want(protocol.ModeIdle, "")
	})
}

// TestABillIsRejectedAtTheChoice: the cashier need not wait for its end.
func TestABillIsRejectedAtTheChoice(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, _ *cardMachine) {
		r.push(bill("A", protocol.PhaseOffered))
		r.press(agent.KeyAccept)
		r.want(protocol.ModeChoosing, "A")
		r.press(agent.KeyReject)
		r.want(protocol.ModeIdle, "")
		r.wantFacts("received A", "accepted A", "rejected A")
	})
}

// TestAPanelThatShowsNoQR takes what is paid by card, and refuses the rest at once.
func TestAPanelThatShowsNoQR(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		chip := paneltest.NewSSD1306()
		kind, err := panel.Lookup("ssd1306")
		if err != nil {
			t.Fatal(err)
		}
		driver, err := kind.Open(chip, chip.Pins(), panel.Options{})
		if err != nil {
			t.Fatal(err)
		}
		m := newCardMachine(t)
		r.keys, r.card = make(chan agent.Key), m
		r.fit = func(hw *agent.Hardware) { hw.Panel, hw.Kind = driver, kind }
		r.on()
		r.want(protocol.ModeIdle, "")
		r.offer("A", protocol.PhaseOffered)
		r.want(protocol.ModeIdle, "")
		r.wantFacts("refused A QR_DOES_NOT_FIT")
		r.push(bill("B", protocol.PhaseOffered))
		r.press(agent.KeyAccept)
		r.want(protocol.ModePresenting, "B")
		r.wantFacts("refused A QR_DOES_NOT_FIT", "received B", "accepted B", "presented B CARD")
	})
}
