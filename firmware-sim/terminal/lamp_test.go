package terminal

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/firmware-sim/terminal/web"
	"github.com/galla-pay/galla/protocol"
)

// The LED table of terminal-ux, row by row, with the sentence of each state.
func TestLampAndWords(t *testing.T) {
	t.Parallel()
	const amount = protocol.Paise(1_23_456_00)
	rows := []struct {
		state State
		lamp  signals.Light
		words string
	}{
		{State{Mode: protocol.ModeStarting}, light("white", "breathe"), "Starting"},
		{State{Mode: protocol.ModeEnrolling}, light("blue", "double-blink"), "Joining the controller"},
		{State{Mode: protocol.ModeOffline}, light("amber", "double-blink"), "No internet. Do not take QR"},
		{State{Mode: protocol.ModeIdle}, light("white", "dim"), "Ready"},
		{State{Mode: protocol.ModePresenting, AmountPaise: amount}, light("blue", "solid"), "Scan to pay ₹1,23,456.00"},
		{State{Mode: protocol.ModePulling}, light("blue", "solid"), "Type the order number"},
		{State{Mode: protocol.ModePulling, Keypad: Keypad{Digits: "004"}}, light("blue", "solid"), "Order number 004"},
		{State{Mode: protocol.ModePulling, Keypad: Keypad{Digits: "0042", Message: "No such order"}}, light("blue", "solid"), "Order number 0042: No such order"},
		{State{Mode: protocol.ModePrompting, AmountPaise: amount}, light("blue", "slow"), "Accept ₹1,23,456.00?"},
		{State{Mode: protocol.ModeChoosing, AmountPaise: amount}, light("blue", "solid"), "Card or QR for ₹1,23,456.00?"},
		{State{Mode: protocol.ModePresenting, AmountPaise: amount, PayMode: protocol.PayDQR}, light("blue", "solid"), "Scan to pay ₹1,23,456.00"},
		{State{Mode: protocol.ModePresenting, AmountPaise: amount, PayMode: protocol.PayCard}, light("blue", "chase"), "Tap, insert or swipe a card for ₹1,23,456.00"},
		{State{Mode: protocol.ModeChecking}, light("blue", "slow"), "Checking with bank. Do not pay again"},
		{State{Mode: protocol.ModeResult, Result: protocol.OutcomeSucceeded, AmountPaise: amount}, light("green", "solid"), "Received ₹1,23,456.00"},
		{State{Mode: protocol.ModeResult, Result: protocol.OutcomeFailed, Reason: "UPI:IP08"}, light("red", "three-blinks"), "Payment failed: UPI:IP08"},
		{State{Mode: protocol.ModeResult, Result: protocol.OutcomeFailed}, light("red", "three-blinks"), "Payment failed"},
		{State{Mode: protocol.ModeResult, Result: protocol.OutcomeExpired}, light("amber", "one-blink"), "Time over"},
		{State{Mode: protocol.ModeResult, Result: protocol.OutcomeCancelled}, light("amber", "one-blink"), "Bill cancelled"},
		{State{Mode: protocol.ModeResult, Result: protocol.OutcomeUnknown}, light("amber", "slow"), "Not confirmed. Do not pay again"},
		{State{Mode: protocol.ModeFault, Reason: "the disk is full"}, light("red", "slow"), "Fault: the disk is full"},
		{State{Mode: protocol.ModeTesting}, light("white", "chase"), "Testing itself"},
		{State{Mode: protocol.ModeUpdating}, light("white", "breathe"), "Restarting for an update"},
		{State{Mode: protocol.ModeOff}, light("dark", "off"), "Off"},
	}
	w := httptest.NewRecorder()
	web.Routes(web.Assets()).ServeHTTP(w, httptest.NewRequest("GET", "/base.css", nil))
	css := w.Body.String()
	for _, row := range rows {
		view := row.state.view()
		if view.Lamp != row.lamp || view.Text != row.words {
			t.Errorf("%s %s: %+v %q, want %+v %q", row.state.Mode, row.state.Result, view.Lamp, view.Text, row.lamp, row.words)
		}
		// The page knows how to draw it.
		for _, selector := range []string{`.lamp[data-colour="` + string(row.lamp.Colour) + `"]`, `.lamp[data-pattern="` + string(row.lamp.Pattern) + `"]`} {
			if !strings.Contains(css, selector) {
				t.Errorf("base.css does not know %s", selector)
			}
		}
	}
	// A mode that is not in the table has no light, and says its own name.
	unknown := State{Mode: "dancing"}.view()
	if unknown.Lamp != light("dark", "off") || unknown.Text != "dancing" {
		t.Errorf("an unknown mode is %+v", unknown)
	}
}

func light(colour signals.Colour, pattern signals.Pattern) signals.Light {
	return signals.Light{Colour: colour, Pattern: pattern}
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
