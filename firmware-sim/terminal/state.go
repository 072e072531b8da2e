package terminal

import (
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// State is what a terminal is doing; its JSON is the answer of GET /state.
// Every field is always there.
type State struct {
	// Mode is in DESIGN 3.3's words: the agent's own, or off.
	Mode protocol.Mode `json:"mode"`
	// MerchantTransactionID and AmountPaise are those of the payment on the
	// screen; "" and 0 when there is none.
	MerchantTransactionID string         `json:"merchantTransactionId"`
	AmountPaise           protocol.Paise `json:"amountPaise"`
	// Result is how that payment ended; "" unless Mode is result.
	Result protocol.Outcome `json:"result"`
	// Reason says why it failed, or why the terminal has a fault.
	Reason string `json:"reason"`
	// SinceMs is for how many milliseconds Mode has lasted.
	SinceMs int64 `json:"sinceMs"`
	// Link is whether the terminal is connected to the broker and in sync.
	Link bool `json:"link"`
	// Power and Network are where the two switches are.
	Power   bool `json:"power"`
	Network bool `json:"network"`
}

// View is a State as a page shows it.
type View struct {
	State
	Lamp Lamp   `json:"lamp"`
	Text string `json:"text"`
}

// view says s in words and light.
func (s State) view() View {
	return View{State: s, Lamp: LampOf(s.Mode, s.Result), Text: s.words()}
}

// words is the one plain sentence of a state (terminal-ux: Device screens).
func (s State) words() string {
	switch s.Mode {
	case protocol.ModeStarting:
		return "Starting"
	case protocol.ModeEnrolling:
		return "Joining the controller"
	case protocol.ModeOffline:
		return "No internet. Do not take QR"
	case protocol.ModeIdle:
		return "Ready"
	case protocol.ModePresenting:
		return "Scan to pay " + s.AmountPaise.String()
	case protocol.ModeChecking:
		return "Checking with bank. Do not pay again"
	case protocol.ModeResult:
		return s.resultWords()
	case protocol.ModeFault:
		return "Fault: " + s.Reason
	case protocol.ModeOff:
		return "Off"
	}
	return string(s.Mode)
}

func (s State) resultWords() string {
	switch s.Result {
	case protocol.OutcomeSucceeded:
		return "Received " + s.AmountPaise.String()
	case protocol.OutcomeFailed:
		if s.Reason != "" {
			return "Payment failed: " + s.Reason
		}
		return "Payment failed"
	case protocol.OutcomeExpired:
		return "Time over"
	case protocol.OutcomeCancelled:
		return "Bill cancelled"
	}
	return string(s.Result)
}

// fromAgent takes over what the agent says.
func fromAgent(a agent.Status, now time.Time) State {
	since := now.Sub(a.Since)
	if a.Since.IsZero() || since < 0 {
		since = 0
	}
	return State{
		Mode:                  a.Mode,
		MerchantTransactionID: a.MerchantTransactionID,
		AmountPaise:           a.AmountPaise,
		Result:                a.Result,
		Reason:                a.Reason,
		SinceMs:               since.Milliseconds(),
		Link:                  a.Link,
	}
}
