package machine

import (
	"slices"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// questionIsOnGlass: from now on the cashier's keys mean this question of this
// sale, and no other.
func questionIsOnGlass(m *Machine, _ time.Duration, ev Event, _ *work) {
	if d := ev.(Drawn); d.Mode == m.Mode && d.PaymentID == m.Sale.PaymentID {
		m.Sale.Seen = d.Mode
	}
}

// answersPrompt: accepted or rejected. Either is on the disk before it is
// reported.
func answersPrompt(m *Machine, _ time.Duration, ev Event, w *work) {
	if m.Sale.Seen != protocol.ModePrompting {
		return
	}
	switch ev.(Pressed).Key {
	case KeyAccept:
		m.Sale.Accepted, m.Sale.Prompt = true, false
		w.record(Fact{Kind: protocol.FactAccepted, PaymentID: m.Sale.PaymentID})
	case KeyReject:
		m.rejects(w)
	}
}

// The keys of the two rows of the choice (terminal-ux: CHOOSE).
const (
	keyRowDQR  = "1"
	keyRowCard = "2"
)

// answersChoice: the customer pays by QR or by card, or not at all.
func answersChoice(m *Machine, _ time.Duration, ev Event, w *work) {
	if m.Sale.Seen != protocol.ModeChoosing {
		return
	}
	switch ev.(Pressed).Key {
	case keyRowDQR, KeyDQR:
		m.Sale.Chosen = protocol.PayDQR
	case keyRowCard, KeyCard:
		m.Sale.Chosen = protocol.PayCard
	case KeyReject, KeyClear:
		m.rejects(w)
	}
}

// rejects: the cashier does not take the sale. What was rejected is gone from the
// glass at once (failure matrix S4).
func (m *Machine) rejects(w *work) {
	w.record(Fact{Kind: protocol.FactRejected, PaymentID: m.Sale.PaymentID})
	m.refuse(m.Sale.PaymentID)
}

// choice is how the customer pays when there is nothing to choose, else empty.
// A card that cannot be read is not offered, nor a QR that the panel does not show;
// without keys nobody can choose.
func (m Machine) choice(s *protocol.Sale, noQR bool) protocol.PayMode {
	card := m.Parts.Card && slices.Contains(s.PayModes, protocol.PayCard)
	dqr := !noQR && slices.Contains(s.PayModes, protocol.PayDQR)
	switch {
	case dqr && (!card || !m.Parts.Keys):
		return protocol.PayDQR
	case card && !dqr:
		return protocol.PayCard
	}
	return ""
}
