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
	switch {
	case moved.Open && moved.State == payment.Created && p.TerminalID != "":
		release(tx, p, false) // back to the pool
		return moved, nil
	case moved.State == payment.Parked:
		free(tx, moved)
		return moved, nil
	case !moved.State.Final():
		showProgress(tx, p, moved)
		return moved, nil
	}
	release(tx, moved, moved.Reason != payment.ReasonSuperseded)
	if moved.Solution == payment.Refund && moved.State != payment.Succeeded {
		if err := giveBack(tx, moved); err != nil {
			return p, err
		}
	}
	// Without a URL the notice is sent to nobody, and still is in the merchant's
	// feed of events.
	tx.AddCallback(Callback{
		EventID: "EV" + moved.ID, PaymentID: moved.ID, MerchantID: moved.MerchantID,
		URL: moved.CallbackURL, Method: moved.CallbackMode, At: tx.Now(),
	})
	return moved, nil
}

// showProgress tells the terminal what changes its screen and did not come from
// itself: the customer pays, the QR is dead; a cancel was asked for.
func showProgress(tx *Tx, before, p payment.Payment) {
	if p.State == before.State && p.CancelAsked == before.CancelAsked || p.State != payment.InProgress {
		return
	}
	if t, ok := terminalOf(tx, p); ok && t.Sale == p.ID {
		t.Want()
		tx.PutTerminal(t)
	}
}

// release takes a payment off its terminal and gives the terminal the next one
// that waits. A superseded sale leaves no result: the newer sale is its news.
// A terminal that was freed before the end is told the end if it still tells that
// nobody knows it; if it has told that, it is told that the money came after all
// (terminal-ux: a late payment), unless it has another result to show.
func release(tx *Tx, p payment.Payment, tell bool) {
	t, ok := terminalOf(tx, p)
	switch {
	case !ok:
		return
	case t.Drop(p.ID, tell):
	case tell && t.Result == p.ID:
		t.Want()
	case tell && t.Result == "" && p.State == payment.Succeeded:
		t.Result = p.ID
		t.Want()
	default:
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
