package terminal

import (
	"os"
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// The LED table of terminal-ux, row by row, with the sentence of each state.
func TestLampAndWords(t *testing.T) {
	t.Parallel()
	const amount = protocol.Paise(1_23_456_00)
	rows := []struct {
		state State
		lamp  Lamp
		words string
	}{
		{State{Mode: protocol.ModeStarting}, Lamp{"white", "breathe"}, "Starting"},
		{State{Mode: protocol.ModeEnrolling}, Lamp{"blue", "double-blink"}, "Joining the controller"},
		{State{Mode: protocol.ModeOffline}, Lamp{"amber", "double-blink"}, "No internet. Do not take QR"},
		{State{Mode: protocol.ModeIdle}, Lamp{"white", "dim"}, "Ready"},
		{State{Mode: protocol.ModePresenting, AmountPaise: amount}, Lamp{"blue", "solid"}, "Scan to pay ₹1,23,456.00"},
		{State{Mode: protocol.ModePulling}, Lamp{"blue", "solid"}, "Type the order number"},
		{State{Mode: protocol.ModePulling, Keypad: Keypad{Digits: "004"}}, Lamp{"blue", "solid"}, "Order number 004"},
		{State{Mode: protocol.ModePulling, Keypad: Keypad{Digits: "0042", Message: "No such order"}}, Lamp{"blue", "solid"}, "Order number 0042: No such order"},
		{State{Mode: protocol.ModePrompting, AmountPaise: amount}, Lamp{"blue", "slow"}, "Accept ₹1,23,456.00?"},
		{State{Mode: protocol.ModeChoosing, AmountPaise: amount}, Lamp{"blue", "solid"}, "Card or QR for ₹1,23,456.00?"},
		{State{Mode: protocol.ModePresenting, AmountPaise: amount, PayMode: protocol.PayDQR}, Lamp{"blue", "solid"}, "Scan to pay ₹1,23,456.00"},
		{State{Mode: protocol.ModePresenting, AmountPaise: amount, PayMode: protocol.PayCard}, Lamp{"blue", "chase"}, "Tap, insert or swipe a card for ₹1,23,456.00"},
		{State{Mode: protocol.ModeChecking}, Lamp{"blue", "slow"}, "Checking with bank. Do not pay again"},
		{State{Mode: protocol.ModeResult, Result: protocol.OutcomeSucceeded, AmountPaise: amount}, Lamp{"green", "solid"}, "Received ₹1,23,456.00"},
		{State{Mode: protocol.ModeResult, Result: protocol.OutcomeFailed, Reason: "UPI:IP08"}, Lamp{"red", "three-blinks"}, "Payment failed: UPI:IP08"},
		{State{Mode: protocol.ModeResult, Result: protocol.OutcomeFailed}, Lamp{"red", "three-blinks"}, "Payment failed"},
		{State{Mode: protocol.ModeResult, Result: protocol.OutcomeExpired}, Lamp{"amber", "one-blink"}, "Time over"},
		{State{Mode: protocol.ModeResult, Result: protocol.OutcomeCancelled}, Lamp{"amber", "one-blink"}, "Bill cancelled"},
		{State{Mode: protocol.ModeResult, Result: protocol.OutcomeUnknown}, Lamp{"amber", "slow"}, "Not confirmed. Do not pay again"},
		{State{Mode: protocol.ModeFault, Reason: "the disk is full"}, Lamp{"red", "slow"}, "Fault: the disk is full"},
		{State{Mode: protocol.ModeOff}, Lamp{"dark", "off"}, "Off"},
	}
	css, err := os.ReadFile("web/assets/base.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		view := row.state.view()
		if view.Lamp != row.lamp || view.Text != row.words {
			t.Errorf("%s %s: %+v %q, want %+v %q", row.state.Mode, row.state.Result, view.Lamp, view.Text, row.lamp, row.words)
		}
		// The page knows how to draw it.
		for _, selector := range []string{`.lamp[data-colour="` + row.lamp.Colour + `"]`, `.lamp[data-pattern="` + row.lamp.Pattern + `"]`} {
			drawn := strings.Contains(string(css), selector)
			plain := row.lamp.Pattern == "solid" || row.lamp.Pattern == "off"
			if !drawn && !(plain && strings.Contains(selector, "pattern")) {
				t.Errorf("base.css does not know %s", selector)
			}
		}
	}
	// A mode that is not in the table has no light, and says its own name.
	unknown := State{Mode: "dancing"}.view()
	if unknown.Lamp != (Lamp{"dark", "off"}) || unknown.Text != "dancing" {
		t.Errorf("an unknown mode is %+v", unknown)
	}
}

// Every emulated panel is one that package panel can drive.
func TestPanelKinds(t *testing.T) {
	t.Parallel()
	if len(PanelKinds()) == 0 {
		t.Fatal("there is no panel")
	}
	for _, kind := range PanelKinds() {
		if _, err := newGlass(kind, func() {}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// What an agent of an earlier power cycle still says is not heard.
func TestEarlierBootIsNotHeard(t *testing.T) {
	t.Parallel()
	var told []View
	terminal, err := New(Config{
		Identity: protocol.Identity{MerchantID: "M", StoreID: "S", TerminalID: "T"},
		DataDir:  t.TempDir(),
		Changed:  func(v View) { told = append(told, v) },
	})
	if err != nil {
		t.Fatal(err)
	}
	terminal.boot = 7
	terminal.hear(7, agent.Status{Mode: protocol.ModeIdle, Link: true})
	terminal.hear(6, agent.Status{Mode: protocol.ModePresenting, MerchantTransactionID: "TXN-1"})
	if now := terminal.State(); now.Mode != protocol.ModeIdle || now.MerchantTransactionID != "" || len(told) != 1 {
		t.Fatalf("it is %+v, told %d times", now, len(told))
	}
	if err := terminal.Close(); err != nil {
		t.Fatal(err)
	}
}
