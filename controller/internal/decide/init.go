package decide

import (
	"errors"
	"time"

	"github.com/galla-pay/galla/controller/internal/fleet"
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
	// ErrShortOrderUsed: a live OPEN order of the store has the short id.
	ErrShortOrderUsed = errors.New("short order id is in use")
)

// Init is a POS asking to be paid (DESIGN 3, steps 2 and 3): on a DQR display,
// on an EDC terminal, by an OPEN order, by a QR that it draws itself, or by a
// collect request. Payment holds all that the request said; times and state are
// set here.
type Init struct {
	Payment payment.Payment
	// ExpiresIn is how long the customer has; of an EDC request, how long a
	// terminal may take to take it.
	ExpiresIn time.Duration
	Actor     string
}

// Needs names the merchant's key and the terminal, or the short order id.
func (d Init) Needs() Needs {
	n := Needs{Keys: []payment.Key{d.Payment.Key}}
	if id, ok := d.Payment.Identity(); ok {
		n.Terminals = []protocol.Identity{id}
	}
	if d.Payment.Open {
		n.Short = []ShortKey{d.short()}
	}
	return n
}

func (d Init) short() ShortKey {
	return ShortKey{d.Payment.MerchantID, d.Payment.StoreID, d.Payment.ShortOrderID}
}

// Decide creates the payment and puts it on the terminal.
func (d Init) Decide(tx *Tx) (payment.Payment, error) {
	if _, taken := tx.Taken(d.Payment.Key); taken {
		return payment.Payment{}, ErrDuplicate
	}
	p := d.Payment
	p.ExpiresAt = tx.Now().Add(d.ExpiresIn)
	if p.Solution == payment.EDC {
		p.HandoverBy = p.ExpiresAt
	}
	p, events, err := p.Apply(payment.Happening{Event: payment.EventInit, At: tx.Now(), Actor: d.Actor})
	if err != nil {
		return payment.Payment{}, err
	}
	switch p.Solution {
	case payment.DQRDevice, payment.EDC:
		if p.Open {
			if err := d.pool(tx, p.ID); err != nil {
				return payment.Payment{}, err
			}
			tx.PutPayment(p, events...)
			return p, nil
		}
	case payment.Collect:
		tx.AddNetwork(NetworkRequest{ID: p.ID + "-collect", Kind: NetworkCollect, PaymentID: p.ID, Amount: p.Amount})
		tx.PutPayment(p, events...)
		return p, nil
	default:
		tx.PutPayment(p, events...)
		return p, nil
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

// pool lays an OPEN order out under its short id, which only an ended order may
// have had before (phonepe-api: SHORT_CODE_ALREADY_USED).
func (d Init) pool(tx *Tx, id string) error {
	o, used := tx.Short(d.short())
	if used {
		if live, ok := tx.Payment(o.PaymentID); ok && !live.State.Final() {
			return ErrShortOrderUsed
		}
	}
	tx.PutShort(ShortOrder{ShortKey: d.short(), PaymentID: id})
	return nil
}

// present puts a new sale on a terminal. Where the terminal shows the newest
// (a DQR display, unless its setting says otherwise), what waits there is
// superseded, and so is the shown sale, unless a customer holds it or pays it.
// In any other case the new one waits its turn (DESIGN section 3.2, Superseded).
func present(tx *Tx, id protocol.Identity, p payment.Payment) error {
	t, _ := tx.Terminal(id)
	for _, waiting := range t.Waiting {
		if old, ok := tx.Payment(waiting); ok && replaces(t, old, p) {
			if err := supersede(tx, waiting, p.ID); err != nil {
				return err
			}
		}
	}
	if t, _ = tx.Terminal(id); t.Sale != "" {
		shown, ok := tx.Payment(t.Sale)
		if ok && !shown.State.Final() && !(replaces(t, shown, p) && replaceable(tx, shown)) {
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
	if len(t.Waiting) > 0 { // of the other product, and before it
		t.Queue(p.ID)
		if t.Sale == "" {
			t.Offer(t.Next())
		}
	} else {
		t.Offer(p.ID)
	}
	tx.PutTerminal(t)
	return nil
}

// replaces reports whether a newer sale takes an older one's place at t: by the
// terminal's setting, else by the product.
func replaces(t fleet.Terminal, old, newer payment.Payment) bool {
	switch t.Busy {
	case fleet.BusyReplace:
		return true
	case fleet.BusyQueue:
		return false
	}
	return old.Solution == payment.DQRDevice && newer.Solution == payment.DQRDevice
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
