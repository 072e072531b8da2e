package machine

import (
	"time"

	"github.com/galla-pay/galla/protocol"
)

const (
	// updatePatience is how long a restart waits for a counter that is never idle
	// (failure matrix R23).
	updatePatience = 10 * time.Minute
	// updateSeen is how long the picture of it stays before the restart: long enough
	// to be read, and for the report to leave.
	updateSeen = time.Second
	// updateLimit is how long that picture may take.
	updateLimit = 5 * time.Second
)

// Update is a restart that was asked for.
type Update struct {
	Wanted bool
	At     time.Duration // when it was asked for
	// Begun: nothing was under way, so it is on its way and nothing stops it.
	Begun bool
	// GoAt is when the terminal ends.
	GoAt time.Duration
}

func restartIsWanted(m *Machine, now time.Duration, _ Event, _ *work) {
	if !m.Update.Wanted {
		m.Update = Update{Wanted: true, At: now}
	}
}

// underWay reports whether a restart would be in somebody's way (failure matrix
// R23). One that has waited for ten minutes comes between two sales, even if the
// next is here already: nobody has seen that one, its controller names it again
// after the restart, and a display without keys has nobody who could be asked. A
// panel that shows nothing holds it up no longer either.
func (m Machine) underWay(now time.Duration) bool {
	patient := now-m.Update.At < updatePatience
	switch s := m.Sale; {
	case m.Result.Outcome != "" && (patient || m.Panel == ""):
		return true
	case m.Keypad.Open:
		return true
	case s.PaymentID != "" && (patient || !s.unseen() || s.Accepted || s.Seen != ""):
		return true
	}
	return patient && (m.Remembered.Sale.PaymentID != "" || m.Cards != Cards{})
}

// maybeUpdate begins the restart once nothing is under way.
func (m *Machine) maybeUpdate(now time.Duration) {
	if !m.Update.Wanted || m.Update.Begun || m.underWay(now) {
		return
	}
	m.Update.Begun, m.Update.GoAt = true, now+updateLimit
	if m.Panel != "" {
		m.Update.GoAt = now + 1 // at the next tick: nothing can be shown
	}
}

// updateIsOnGlass: it is read, then the terminal ends.
func updateIsOnGlass(m *Machine, now time.Duration, ev Event, _ *work) {
	if ev.(Drawn).Mode == protocol.ModeUpdating {
		m.Update.GoAt = min(m.Update.GoAt, now+updateSeen)
	}
}

// updateUnseen: the panel does not show it, which stops nothing.
func updateUnseen(m *Machine, now time.Duration, ev Event, w *work) {
	panelBroke(m, now, ev, w)
	m.Update.GoAt = min(m.Update.GoAt, now+1)
}

func goes(m *Machine, now time.Duration, _ Event, w *work) {
	if now >= m.Update.GoAt {
		m.Update.GoAt = now + updateLimit // should nobody have done it
		w.do(Restart{})
	}
}
