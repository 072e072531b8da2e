package machine

import (
	"time"

	"github.com/galla-pay/galla/protocol"
)

// rest is the mode that follows from what is known, first match first.
func (m Machine) rest(now time.Duration) protocol.Mode {
	switch {
	case m.Panel != "":
		return protocol.ModeFault
	case m.Result.Outcome != "":
		return protocol.ModeResult
	case m.Sale.PaymentID != "" && (m.Sale.Paying || m.Sale.Unsure || now >= m.Sale.Ends):
		return protocol.ModeChecking
	case m.Sale.PaymentID != "" && m.Sale.Prompt:
		return protocol.ModePrompting
	case m.Sale.PaymentID != "" && m.Sale.Chosen == "":
		return protocol.ModeChoosing
	case m.Sale.PaymentID != "":
		return protocol.ModePresenting
	case m.Storage != "":
		return protocol.ModeFault
	case !m.Ready && m.Enrolling:
		return protocol.ModeEnrolling
	case !m.Ready:
		return protocol.ModeStarting
	case m.Keypad.Open:
		return protocol.ModePulling
	case !m.Link:
		return protocol.ModeOffline
	}
	return protocol.ModeIdle
}

// settle enters the mode that follows and sets its limit.
func (m *Machine) settle(now time.Duration) {
	was, about := m.Mode, m.Payment().PaymentID
	m.Mode = m.rest(now)
	entered := m.Mode != was || m.Payment().PaymentID != about
	if entered {
		m.Since = now
	}
	if m.Mode != protocol.ModePulling { // whatever else takes the glass closes it
		m.Keypad = Keypad{}
	}
	switch m.Mode {
	case protocol.ModePrompting, protocol.ModeChoosing, protocol.ModePresenting:
		m.Until = m.Sale.Ends
	case protocol.ModePulling:
		m.Until = m.Keypad.until()
	case protocol.ModeChecking:
		m.waitAgain(now, entered, askEvery)
	case protocol.ModeResult:
		m.Until = m.HeldAt + hold(m.Result.Outcome, m.Sale.PaymentID != "")
	case protocol.ModeFault:
		m.waitAgain(now, entered, retryEvery)
	default:
		m.Until = 0
	}
}

// waitAgain sets a limit that comes again and again.
func (m *Machine) waitAgain(now time.Duration, entered bool, gap time.Duration) {
	if entered || m.Until <= now {
		m.Until = now + gap
	}
}

// hold is how long a result stays on the glass. A sale that waits behind it cuts
// it short, but never a success: the cashier must have seen that.
func hold(o protocol.Outcome, waiting bool) time.Duration {
	switch {
	case o == protocol.OutcomeSucceeded:
		return holdSucceeded
	case waiting:
		return holdWaiting
	case o == protocol.OutcomeFailed || o == protocol.OutcomeUnknown:
		return holdFailed
	}
	return holdOther
}
