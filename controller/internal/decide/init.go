package decide

import (
	"errors"
	"time"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// Refusals of Init.
var (
	// ErrDuplicate: the merchant has used this transaction id before, for ever
	// (phonepe-api: Wire rules).
	ErrDuplicate = errors.New("duplicate transaction id")
	// ErrNoTerminal: the terminal is not there any more.
	ErrNoTerminal = errors.New("no such terminal")
)

// Init is a POS asking to be paid on a DQR display (DESIGN 3, steps 2 and 3).
// Payment holds all that the request said; times and state are set here.
type Init struct {
	Payment   payment.Payment
	ExpiresIn time.Duration
	Actor     string
}

// Needs names the merchant's key and the terminal.
func (d Init) Needs() Needs {
	n := Needs{Keys: []payment.Key{d.Payment.Key}}
	if id, ok := d.Payment.Identity(); ok {
		n.Terminals = []protocol.Identity{id}
	}
	return n
}

// Decide creates the payment and puts it on the terminal.
func (d Init) Decide(tx *Tx) (payment.Payment, error) {
	if _, taken := tx.Taken(d.Payment.Key); taken {
		return payment.Payment{}, ErrDuplicate
	}
	p := d.Payment
	p.ExpiresAt = tx.Now().Add(d.ExpiresIn)
	p, events, err := p.Apply(payment.Happening{Event: payment.EventInit, At: tx.Now(), Actor: d.Actor})
	if err != nil {
		return payment.Payment{}, err
	}
	id, ok := p.Identity()
	if !ok {
		return payment.Payment{}, ErrNoTerminal
	}
	if _, ok := tx.Terminal(id); !ok {
		return payment.Payment{}, ErrNoTerminal
	}
	tx.PutPayment(p, events...)
	if err := present(tx, id, p); err != nil {
		return payment.Payment{}, err
	}
	return p, nil
}

// present puts a new sale on a DQR display, which shows the newest unpaid sale:
// what waits there is superseded, and so is the shown sale, unless a customer
// holds it or pays it. Then the new one waits (DESIGN section 3.2, Superseded).
func present(tx *Tx, id protocol.Identity, p payment.Payment) error {
	t, _ := tx.Terminal(id)
	for _, waiting := range t.Waiting {
		if err := supersede(tx, waiting, p.ID); err != nil {
			return err
		}
	}
	if t, _ = tx.Terminal(id); t.Sale != "" {
		shown, ok := tx.Payment(t.Sale)
		if ok && !replaceable(tx, shown) {
			t.Queue(p.ID)
			tx.PutTerminal(t)
			return nil
		}
		if ok {
			if err := supersede(tx, shown.ID, p.ID); err != nil {
				return err
			}
		}
	}
	t, _ = tx.Terminal(id)
	t.Offer(p.ID)
	tx.PutTerminal(t)
	return nil
}

// replaceable reports whether a newer sale may take the shown one's place.
func replaceable(tx *Tx, shown payment.Payment) bool {
	return shown.State.Unpaid() && !tx.Now().Before(shown.HoldUntil) || shown.State.Final()
}

func supersede(tx *Tx, id, by string) error {
	p, ok := tx.Payment(id)
	if !ok || !p.State.Unpaid() {
		return nil
	}
	_, err := move(tx, p, payment.Happening{
		Event: payment.EventSuperseded, Actor: "payment:" + by, Reason: payment.ReasonSuperseded,
	})
	return err
}
