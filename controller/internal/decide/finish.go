package decide

import (
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// move applies one event to a payment and, when that ended it, does what every
// end asks for: the terminal is told and gets its next sale, the merchant's
// callback goes into the outbox. It is the only way a payment moves.
func move(tx *Tx, p payment.Payment, h payment.Happening) (payment.Payment, error) {
	h.At = tx.Now()
	moved, events, err := p.Apply(h)
	if err != nil || len(events) == 0 {
		return p, err
	}
	tx.PutPayment(moved, events...)
	if !moved.State.Final() {
		if moved.State != p.State {
			showProgress(tx, moved)
		}
		return moved, nil
	}
	release(tx, moved)
	if moved.CallbackURL != "" {
		tx.AddCallback(Callback{
			EventID: "EV" + moved.ID, PaymentID: moved.ID, MerchantID: moved.MerchantID,
			URL: moved.CallbackURL, Method: moved.CallbackMode, At: tx.Now(),
		})
	}
	return moved, nil
}

// showProgress tells the terminal when its sale is being paid: the QR is dead.
// The other moves it has reported itself.
func showProgress(tx *Tx, p payment.Payment) {
	if p.State != payment.InProgress {
		return
	}
	if t, ok := terminalOf(tx, p); ok && t.Sale == p.ID {
		t.Want()
		tx.PutTerminal(t)
	}
}

// release takes an ended payment off its terminal and gives the terminal the
// next one that waits. A superseded sale leaves no result: the newer sale is
// its news.
func release(tx *Tx, p payment.Payment) {
	t, ok := terminalOf(tx, p)
	if !ok || !t.Drop(p.ID, p.Reason != payment.ReasonSuperseded) {
		return
	}
	if t.Sale == "" {
		if next := t.Next(); next != "" {
			t.Offer(next)
		}
	}
	tx.PutTerminal(t)
}

func terminalOf(tx *Tx, p payment.Payment) (fleet.Terminal, bool) {
	id, ok := p.Identity()
	if !ok {
		return fleet.Terminal{}, false
	}
	return tx.Terminal(id)
}
