package machine

import (
	"time"

	"github.com/galla-pay/galla/protocol"
)

// rest is the mode that follows from what is known, first match first.
func (m Machine) rest(now time.Duration) protocol.Mode {
	switch {
	case m.Update.Begun:
		return protocol.ModeUpdating
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
	case m.Test.Open:
		return protocol.ModeTesting
	case m.Keypad.Open:
		return protocol.ModePulling
	case !m.Linked && now < m.ReadyAt+bootGrace:
		return protocol.ModeStarting
	case !m.Link:
		return protocol.ModeOffline
	}
	return protocol.ModeIdle
}

// settle enters the mode that follows and sets its limit.
func (m *Machine) settle(now time.Duration) {
	m.tellNews(now)
	m.maybeUpdate(now)
	was, about := m.Mode, m.Payment().PaymentID
	m.Mode = m.rest(now)
	entered := m.Mode != was || m.Payment().PaymentID != about
	if entered {
		m.Since = now
	}
	if m.Mode != protocol.ModePulling { // whatever else takes the glass closes it
		m.Keypad = Keypad{}
	}
	if m.Mode != protocol.ModeTesting { // so does it end a test
		m.Test = SelfTest{}
	}
	switch m.Mode {
	case protocol.ModePrompting, protocol.ModeChoosing, protocol.ModePresenting:
		m.Until = m.Sale.Ends
	case protocol.ModePulling:
		m.Until = m.Keypad.until()
	case protocol.ModeChecking:
		m.waitAgain(now, entered, askEvery)
	case protocol.ModeResult:
		m.Until = m.HeldAt + m.hold()
	case protocol.ModeTesting:
		m.Until = m.Test.until()
	case protocol.ModeUpdating:
		m.Until = m.Update.GoAt
	case protocol.ModeFault:
		m.waitAgain(now, entered, retryEvery)
	default:
		m.Until = 0
		switch patience := m.Update.At + updatePatience; {
		case m.Mode == protocol.ModeStarting && m.Ready:
			m.Until = m.ReadyAt + bootGrace
		case m.Update.Wanted && patience > now:
			m.Until = patience
		}
	}
}

// waitAgain sets a limit that comes again and again.
func (m *Machine) waitAgain(now time.Duration, entered bool, gap time.Duration) {
	if entered || m.Until <= now {
		m.Until = now + gap
	}
}

// hold is how long the result stays on the glass. A sale or a late success that
// waits behind it cuts it short, but never a success: the cashier must have seen that.
func (m Machine) hold() time.Duration {
	waiting := m.Sale.PaymentID != "" || m.News.Outcome != ""
	switch o := m.Result.Outcome; {
	case m.Late && !waiting:
		return holdLate
	case o == protocol.OutcomeSucceeded:
		return holdSucceeded
	case waiting:
		return holdWaiting
	case o == protocol.OutcomeFailed || o == protocol.OutcomeUnknown:
		return holdFailed
	}
	return holdOther
}
