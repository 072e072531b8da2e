package terminal

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/firmware-sim/card"
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
	// OrderID is the till's word for what is paid. ShortOrderID is what the
	// payment was pulled by; "" when it was pushed.
	OrderID      string `json:"orderId"`
	ShortOrderID string `json:"shortOrderId"`
	// PayMode is how it is paid, once that is settled. Choices are what the keys
	// 1 and 2 mean while Mode is choosing, else none.
	PayMode protocol.PayMode `json:"payMode"`
	Choices Choices          `json:"choices"`
	// LeftMs is how many milliseconds of its time are left, while there is
	// something to do for cashier or customer; else 0.
	LeftMs int64 `json:"leftMs"`
	// Waiting counts the sales that wait behind it.
	Waiting int `json:"waiting"`
	// Keypad is what is typed while Mode is pulling.
	Keypad Keypad `json:"keypad"`
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
	// Flapping is whether the network's switch is being worked by Flap.
	Flapping bool `json:"flapping"`
	// Card is what the card reader is doing, or none.
	Card card.Doing `json:"card"`
	// Clock is by how much the wall clock is wrong, as POST /clock takes it.
	Clock string `json:"clock"`
	// LastPaise is the last payment that came in since the power came, Language
	// that of the words on the glass; Muted and UpdateWaits are as in agent.Status.
	LastPaise   protocol.Paise `json:"lastPaise"`
	Language    string         `json:"language"`
	Muted       bool           `json:"muted"`
	UpdateWaits bool           `json:"updateWaits"`
	// Sound is what was heard last.
	Sound Sound `json:"sound"`
}

// Choices are pay modes, in the order of their keys; in JSON a list without the
// empty ones.
type Choices [2]protocol.PayMode

// MarshalJSON implements json.Marshaler.
func (c Choices) MarshalJSON() ([]byte, error) {
	modes := []protocol.PayMode{}
	for _, mode := range c {
		if mode != "" {
			modes = append(modes, mode)
		}
	}
	return json.Marshal(modes)
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Choices) UnmarshalJSON(text []byte) error {
	var modes []protocol.PayMode
	if err := json.Unmarshal(text, &modes); err != nil {
		return err
	}
	if len(modes) > len(c) {
		return fmt.Errorf("%d choices are more than %d", len(modes), len(c))
	}
	*c = Choices{}
	copy(c[:], modes)
	return nil
}

// Keypad is where a cashier types the short id of an OPEN order.
type Keypad struct {
	Digits string `json:"digits"`
	// Asking: the order is asked for, and there is no answer yet.
	Asking bool `json:"asking"`
	// Outcome is the answer, when it is a refusal, as long as it is shown.
	Outcome protocol.PullOutcome `json:"outcome"`
	// Message is what the glass says of all that.
	Message string `json:"message"`
}

// NoReader is the State.Card of a terminal without a card reader.
const NoReader card.Doing = "none"

// View is a State as a page shows it.
type View struct {
	State
	Lamp signals.Light `json:"lamp"`
	Text string        `json:"text"`
}

// view says s in words and light.
func (s State) view() View {
	return View{State: s, Lamp: LampOf(s), Text: s.words()}
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
	case protocol.ModePulling:
		return s.Keypad.words()
	case protocol.ModePrompting:
		return "Accept " + s.AmountPaise.String() + "?"
	case protocol.ModeChoosing:
		return "Card or QR for " + s.AmountPaise.String() + "?"
	case protocol.ModePresenting:
		if s.PayMode == protocol.PayCard {
			return "Tap, insert or swipe a card for " + s.AmountPaise.String()
		}
		return "Scan to pay " + s.AmountPaise.String()
	case protocol.ModeChecking:
		return "Checking with bank. Do not pay again"
	case protocol.ModeResult:
		return s.resultWords()
	case protocol.ModeFault:
		return "Fault: " + s.Reason
	case protocol.ModeTesting:
		return "Testing itself"
	case protocol.ModeUpdating:
		return "Restarting for an update"
	case protocol.ModeOff:
		return "Off"
	}
	return string(s.Mode)
}

func (k Keypad) words() string {
	text := "Type the order number"
	if k.Digits != "" {
		text = "Order number " + k.Digits
	}
	if k.Message != "" {
		text += ": " + k.Message
	}
	return text
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
	case protocol.OutcomeUnknown:
		return "Not confirmed. Do not pay again"
	}
	return string(s.Result)
}

// fromAgent takes over what the agent says.
func fromAgent(a agent.Status, now time.Time) State {
	since := now.Sub(a.Since)
	if a.Since.IsZero() || since < 0 {
		since = 0
	}
	left := time.Duration(0)
	if !a.Ends.IsZero() {
		left = max(0, a.Ends.Sub(now))
	}
	return State{
		Mode:                  a.Mode,
		MerchantTransactionID: a.MerchantTransactionID,
		AmountPaise:           a.AmountPaise,
		OrderID:               a.OrderID,
		ShortOrderID:          a.ShortOrderID,
		PayMode:               a.PayMode,
		Choices:               a.Choices,
		LeftMs:                left.Milliseconds(),
		Waiting:               a.Waiting,
		Keypad:                Keypad(a.Keypad),
		Result:                a.Result,
		Reason:                a.Reason,
		SinceMs:               since.Milliseconds(),
		Link:                  a.Link,
		LastPaise:             a.Last,
		Language:              a.Language,
		Muted:                 a.Muted,
		UpdateWaits:           a.UpdateWaits,
	}
}
