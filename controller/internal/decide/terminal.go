package decide

import (
	"errors"

	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// Report is a terminal's report or sync (DESIGN section 4). Only facts that
// were not committed before are applied, so that it may come any number of
// times, in any order.
type Report struct{ Report protocol.Report }

// Needs names the terminal and the payments that its facts speak of.
func (d Report) Needs() Needs {
	n := Needs{Terminals: []protocol.Identity{d.Report.Identity}}
	for _, f := range d.Report.Facts {
		n.Payments = append(n.Payments, f.PaymentID)
	}
	return n
}

// Decide applies what is new and returns the terminal as it is then.
func (d Report) Decide(tx *Tx) (fleet.Terminal, error) {
	t, ok := tx.Terminal(d.Report.Identity)
	if !ok {
		return fleet.Terminal{}, ErrNoTerminal
	}
	news := t.Heard(d.Report, tx.Now())
	tx.PutTerminal(t)
	for _, f := range news {
		if err := d.apply(tx, f); err != nil {
			return fleet.Terminal{}, err
		}
	}
	t, _ = tx.Terminal(t.Identity)
	return t, nil
}

// apply takes one fact. A fact about a payment that is not this terminal's, or
// that comes too late to move it, changes nothing: the terminal learns the
// truth from the state that answers it.
func (d Report) apply(tx *Tx, f protocol.Fact) error {
	p, ok := tx.Payment(f.PaymentID)
	if id, has := p.Identity(); !ok || !has || id != d.Report.Identity {
		return nil
	}
	h := payment.Happening{Actor: "terminal:" + d.Report.Identity.String()}
	switch f.Kind {
	case protocol.FactReceived:
		h.Event = payment.EventHandedOver
	case protocol.FactPresented:
		h.Event = payment.EventPresented
	case protocol.FactRefused:
		h.Event, h.Reason = payment.EventRefused, payment.ReasonTerminalRefused
	case protocol.FactShown:
		// The result is on glass. It need not be told again, and the terminal
		// need not be told that.
		if t, ok := tx.Terminal(d.Report.Identity); ok && t.Result == f.PaymentID {
			t.Result = ""
			tx.PutTerminal(t)
		}
		return nil
	default:
		return nil // a newer agent's fact: acknowledged, not understood
	}
	_, err := move(tx, p, h)
	if refused := (*payment.RefusedError)(nil); errors.As(err, &refused) {
		return nil
	}
	return err
}

// Heartbeat notes that a terminal is still here.
type Heartbeat struct{ Heartbeat protocol.Heartbeat }

// Needs names the terminal.
func (d Heartbeat) Needs() Needs {
	return Needs{Terminals: []protocol.Identity{d.Heartbeat.Identity}}
}

// Decide returns the terminal as it is then.
func (d Heartbeat) Decide(tx *Tx) (fleet.Terminal, error) {
	t, ok := tx.Terminal(d.Heartbeat.Identity)
	if !ok {
		return fleet.Terminal{}, ErrNoTerminal
	}
	if d.Heartbeat.Session != t.Session {
		return t, nil // an older connection's
	}
	t.LastSeen, t.Mode = tx.Now(), d.Heartbeat.Mode
	if a := d.Heartbeat.AckSeq; a <= t.Seq && a > t.AckedSeq {
		t.AckedSeq = a
	}
	tx.PutTerminal(t)
	return t, nil
}

// Gone is a terminal's last will: the broker lost the connection of a session.
type Gone struct{ Presence protocol.Presence }

// Needs names the terminal.
func (d Gone) Needs() Needs { return Needs{Terminals: []protocol.Identity{d.Presence.Identity}} }

// Decide notes it, if it was the latest session.
func (d Gone) Decide(tx *Tx) (bool, error) {
	t, ok := tx.Terminal(d.Presence.Identity)
	if !ok {
		return false, ErrNoTerminal
	}
	if t.Session != d.Presence.Session || !t.GoneAt.IsZero() {
		return false, nil
	}
	t.GoneAt = tx.Now()
	tx.PutTerminal(t)
	return true, nil
}

// Enrol gives a terminal its device key and the hash of its token. What it had
// before is worth nothing from then on.
type Enrol struct {
	Identity  protocol.Identity
	PublicKey []byte
	TokenHash []byte
}

// Needs names the terminal.
func (d Enrol) Needs() Needs { return Needs{Terminals: []protocol.Identity{d.Identity}} }

// Decide stores the credentials.
func (d Enrol) Decide(tx *Tx) (fleet.Terminal, error) {
	t, ok := tx.Terminal(d.Identity)
	if !ok || !t.Active {
		return fleet.Terminal{}, ErrNoTerminal
	}
	t.PublicKey, t.TokenHash = d.PublicKey, d.TokenHash
	t.Session = ""
	tx.PutTerminal(t)
	return t, nil
}
