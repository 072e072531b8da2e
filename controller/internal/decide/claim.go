package decide

import (
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// Claim is a terminal pulling an OPEN order of its store by the short order id
// that the cashier typed. Exactly one terminal ever wins an order; the others
// are told who has it and since when (failure matrix R4).
type Claim struct{ Pull protocol.Pull }

// Needs names the terminal and the short order.
func (d Claim) Needs() Needs {
	return Needs{Terminals: []protocol.Identity{d.Pull.Identity}, Short: []ShortKey{d.key()}}
}

func (d Claim) key() ShortKey {
	return ShortKey{d.Pull.Identity.MerchantID, d.Pull.Identity.StoreID, d.Pull.ShortOrderID}
}

// Decide takes the order for the terminal, or notes why not, and returns the
// terminal as it is then. A pull that was answered before gets the same answer.
func (d Claim) Decide(tx *Tx) (fleet.Terminal, error) {
	t, ok := tx.Terminal(d.Pull.Identity)
	if !ok || !t.Active {
		return fleet.Terminal{}, ErrNoTerminal
	}
	if t.Pull.ID == d.Pull.PullID {
		return t, nil
	}
	if t.Session == d.Pull.Session {
		t.LastSeen = tx.Now()
	}
	pull := fleet.Pull{ID: d.Pull.PullID, Code: d.Pull.ShortOrderID, At: tx.Now(), Outcome: protocol.PullUnknown}
	o, known := tx.Short(d.key())
	p, there := tx.Payment(o.PaymentID)
	_, held := p.Identity()
	switch {
	case !t.Integrated || !known || !there:
	case p.State.Final() || p.State == payment.Created && !tx.Now().Before(p.ExpiresAt):
		pull.Outcome = protocol.PullEnded
	case t.Sale == p.ID:
		pull.Outcome = protocol.PullTaken
	case held:
		pull.Outcome, pull.By, pull.Since = protocol.PullOther, p.TerminalID, p.HandedOverAt
	case t.Sale != "" || len(t.Waiting) > 0:
		pull.Outcome = protocol.PullBusy
	default:
		pull.Outcome = protocol.PullTaken
		p.TerminalID = t.TerminalID
		if _, err := move(tx, p, payment.Happening{
			Event: payment.EventHandedOver, Actor: "terminal:" + t.Identity.String(), Window: window(t),
		}); err != nil {
			return fleet.Terminal{}, err
		}
		t.Offer(p.ID)
	}
	t.Pull = pull
	t.Want()
	tx.PutTerminal(t)
	return t, nil
}
