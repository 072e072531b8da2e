package machine

import (
	"time"

	"github.com/galla-pay/galla/protocol"
)

// maxDigits of a short order id (phonepe-api: Payment init).
const maxDigits = 8

// Keypad is the mode pulling: the cashier types the short order id of an OPEN
// order and asks for it by OK (DESIGN 3.3).
type Keypad struct {
	Open   bool
	Digits string
	// Pull is asked for and not yet answered; zero: none.
	Pull Pull
	// Answer is what came of the last one, as long as it is shown; its Outcome
	// is empty when there is none. Silent: nothing came of it.
	Answer protocol.PullAnswer
	Silent bool
	// At is when a key was pressed last, or the last pull ended.
	At time.Duration
}

// Pull is a question for an order.
type Pull struct {
	ID           string
	ShortOrderID string
}

// until is when the keypad does something by itself.
func (k Keypad) until() time.Duration {
	if k.Pull.ID != "" {
		return k.At + pullLimit
	}
	return k.At + keypadLimit
}

// opensKeypad: in front of an idle terminal a digit begins a short order id.
func opensKeypad(m *Machine, now time.Duration, ev Event, _ *work) {
	if key := ev.(Pressed).Key; isDigit(key) && m.Parts.Keys && m.Display.Pull {
		m.Keypad = Keypad{Open: true, Digits: key, At: now}
	}
}

func isDigit(key string) bool { return len(key) == 1 && key[0] >= '0' && key[0] <= '9' }

// types takes a key of the keypad. While an order is asked for only KeyClear
// counts: it drops the question. Should the order be taken all the same, the
// state brings the sale.
func types(m *Machine, now time.Duration, ev Event, _ *work) {
	k, press := &m.Keypad, ev.(Pressed)
	asking, told := k.Pull.ID != "", k.Answer.Outcome != "" || k.Silent
	switch key := press.Key; {
	case key == KeyClear && asking:
		k.Pull = Pull{}
	case key == KeyClear && k.Digits == "":
		*k = Keypad{}
		return
	case key == KeyClear:
		k.Digits = k.Digits[:len(k.Digits)-1]
	case asking:
		return
	case isDigit(key) && told: // the next order
		k.Digits = key
	case isDigit(key) && len(k.Digits) < maxDigits:
		k.Digits += key
	case key == KeyOK && protocol.ValidShortOrderID(k.Digits) && m.Link:
		k.Pull = Pull{ID: press.PullID, ShortOrderID: k.Digits}
	default:
		return
	}
	k.Answer, k.Silent, k.At = protocol.PullAnswer{}, false, now
}

// keypadWaits bounds both waits: for an answer, and for a key.
func keypadWaits(m *Machine, now time.Duration, _ Event, _ *work) {
	k := &m.Keypad
	switch {
	case now < m.Until:
	case k.Pull.ID != "":
		k.Pull, k.Silent, k.At = Pull{}, true, now
	default:
		*k = Keypad{}
	}
}

// answered takes the answer to the pull that is asked. An order that was taken
// is the sale of the same state: then there is nothing to say.
func (m *Machine) answered(now time.Duration, a *protocol.PullAnswer) {
	k := &m.Keypad
	if !m.Display.Pull {
		*k = Keypad{} // switched off meanwhile
	}
	if a == nil || k.Pull.ID == "" || a.PullID != k.Pull.ID {
		return
	}
	if a.Outcome == protocol.PullTaken {
		*k = Keypad{}
		return
	}
	k.Pull, k.Answer, k.At = Pull{}, *a, now
}
