package decide

import (
	"errors"
	"time"

	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// Report is a terminal's report or sync (DESIGN section 4). Only facts that
// were not committed before are applied, so that it may come any number of
// times, in any order.
type Report struct{ Report protocol.Report }

// Needs names the terminal, the payments that its facts speak of, and the
// credits of approved cards.
func (d Report) Needs() Needs {
	n := Needs{Terminals: []protocol.Identity{d.Report.Identity}}
	for _, f := range d.Report.Facts {
		n.Payments = append(n.Payments, f.PaymentID)
		if f.Card != nil {
			n.Credits = append(n.Credits, cardCredit(f))
		}
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
	if err := d.lost(tx); err != nil {
		return fleet.Terminal{}, err
	}
	t, _ = tx.Terminal(t.Identity)
	return t, nil
}

// lost gives an OPEN order back to the pool that this terminal had stored and,
// by its own sync, does not hold any more. A terminal that never had it stored
// is still to be told, and silence gives nothing back.
func (d Report) lost(tx *Tx) error {
	t, _ := tx.Terminal(d.Report.Identity)
	if d.Report.Type != protocol.TypeSync || t.Sale == "" || t.Stored != t.Sale || d.Report.Holds == t.Sale {
		return nil
	}
	p, ok := tx.Payment(t.Sale)
	if !ok || !p.Open || p.State != payment.HandedOver {
		return nil
	}
	_, err := move(tx, p, payment.Happening{Event: payment.EventHandoverLost, Actor: d.actor()})
	return err
}

func (d Report) actor() string { return "terminal:" + d.Report.Identity.String() }

// events says what each fact is to a payment. A newer agent's fact is
// acknowledged and not understood.
var events = map[protocol.FactKind]struct {
	on     payment.Event
	reason string
}{
	protocol.FactReceived:     {on: payment.EventHandedOver},
	protocol.FactAccepted:     {on: payment.EventAccepted},
	protocol.FactRejected:     {payment.EventRejected, payment.ReasonRejectedByCashier},
	protocol.FactPresented:    {on: payment.EventPresented},
	protocol.FactRefused:      {payment.EventRefused, payment.ReasonTerminalRefused},
	protocol.FactCardRead:     {on: payment.EventPayStarted},
	protocol.FactCardDeclined: {payment.EventPayFailed, payment.ReasonCardDeclined},
	protocol.FactCardUnknown:  {on: payment.EventPayUnknown},
}

// apply takes one fact. A fact about a payment that is not this terminal's, or
// that comes too late to move it, changes nothing: the terminal learns the
// truth from the state that answers it. Money is another matter: see approved.
func (d Report) apply(tx *Tx, f protocol.Fact) error {
	p, ok := tx.Payment(f.PaymentID)
	if !ok || p.MerchantID != d.Report.Identity.MerchantID {
		return nil
	}
	if f.Kind == protocol.FactCardApproved {
		return d.approved(tx, p, f)
	}
	if id, has := p.Identity(); !has || id != d.Report.Identity {
		return nil
	}
	t, _ := tx.Terminal(d.Report.Identity)
	switch f.Kind {
	case protocol.FactShown:
		// The result is on glass. It need not be told again, and the terminal
		// need not be told that.
		if t.Result == f.PaymentID {
			t.Result = ""
			tx.PutTerminal(t)
		}
		return nil
	case protocol.FactReceived:
		if t.Sale == f.PaymentID {
			t.Stored = f.PaymentID
			tx.PutTerminal(t)
		}
	}
	e, ok := events[f.Kind]
	if !ok {
		return nil
	}
	h := payment.Happening{Event: e.on, Actor: d.actor(), Reason: e.reason, Window: window(t), Instrument: f.PayMode}
	switch {
	case f.Kind == protocol.FactCardRead:
		h.Instrument = protocol.PayCard
	case h.Instrument == "" && f.Kind == protocol.FactPresented:
		h.Instrument = protocol.PayDQR
	}
	_, err := move(tx, p, h)
	return unlessRefused(err)
}

// unlessRefused forgives what came too late to move a payment.
func unlessRefused(err error) error {
	if refused := (*payment.RefusedError)(nil); errors.As(err, &refused) {
		return nil
	}
	return err
}

// window is how long an EDC customer has at t.
func window(t fleet.Terminal) time.Duration {
	if t.WindowSeconds > 0 {
		return time.Duration(t.WindowSeconds) * time.Second
	}
	return payment.Window
}

// cardCredit names the credit of an approved card. RRNs come round again, so
// the payment is part of the name.
func cardCredit(f protocol.Fact) TxnKey {
	return TxnKey{OrgID: "CARD", TxnID: f.PaymentID + ":" + f.Card.RRN}
}

// approved takes a card machine's approval: money that arrived. It pays the
// payment that is waiting for it; in any other case (the payment has ended, or
// is another terminal's, or the amount differs) it is recorded and reversed, and
// never dropped (failure matrix R3, R15, R16).
func (d Report) approved(tx *Tx, p payment.Payment, f protocol.Fact) error {
	if f.Card == nil || f.Card.RRN == "" || f.Card.AmountPaise <= 0 {
		return nil // not an approval
	}
	key := cardCredit(f)
	if _, known := tx.Credit(key); known {
		return nil
	}
	credit := Credit{TxnKey: key, PaymentID: p.ID, Amount: f.Card.AmountPaise, State: CreditReceived, At: tx.Now()}
	id, has := p.Identity()
	if !has || id != d.Report.Identity || p.State.Final() {
		reverse(tx, credit)
		return nil
	}
	if p.State.Unpaid() {
		t, _ := tx.Terminal(id)
		var err error
		if p, err = move(tx, p, payment.Happening{
			Event: payment.EventPayStarted, Actor: d.actor(), Instrument: protocol.PayCard, Window: window(t),
		}); err != nil {
			return err
		}
	}
	if f.Card.AmountPaise != p.Amount {
		reverse(tx, credit)
		_, err := move(tx, p, payment.Happening{
			Event: payment.EventPayFailed, Actor: d.actor(), Reason: payment.ReasonAmountDiffers,
		})
		return err
	}
	credit.State = CreditApplied
	tx.PutCredit(credit)
	_, err := move(tx, p, payment.Happening{
		Event: payment.EventPaySucceeded, Actor: d.actor(), Reference: f.Card.RRN, Settlement: p.Amount,
		CardLast4: f.Card.Last4, CardNetwork: f.Card.Network, CardType: f.Card.Type,
	})
	return err
}

// reverse gives a credit back that fits no open payment.
func reverse(tx *Tx, c Credit) {
	c.State = CreditReversing
	tx.PutCredit(c)
	tx.AddNetwork(NetworkRequest{
		ID: "RV-" + c.OrgID + "-" + c.TxnID, Kind: NetworkReversal, PaymentID: c.PaymentID, TxnKey: c.TxnKey, Amount: c.Amount,
	})
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
