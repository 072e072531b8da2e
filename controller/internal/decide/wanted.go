package decide

import (
	"time"

	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// Wanted is a terminal with the payments that its wanted state names, read at
// Now. It is read when a state is published, so that the time left is fresh.
type Wanted struct {
	Terminal     fleet.Terminal
	MerchantName string
	Sale         *payment.Payment
	Result       *payment.Payment
	Now          time.Time
}

// State is the terminal message that says it; nonce is that of the sync which
// it answers, or empty.
func (w Wanted) State(nonce string) protocol.State {
	t := w.Terminal
	s := protocol.State{
		Header: protocol.Header{V: protocol.Version, Type: protocol.TypeState, Identity: t.Identity},
		Seq:    t.Seq, Nonce: nonce, Epoch: t.Epoch, AckSeq: t.FactSeq, Waiting: len(t.Waiting),
		Display: protocol.Display{MerchantName: w.MerchantName, Label: t.Label},
	}
	if p := w.Sale; p != nil && !p.State.Final() {
		s.Sale = &protocol.Sale{
			PaymentID: p.ID, MerchantTransactionID: p.TransactionID, OrderID: p.OrderID,
			Phase: phase(p.State), AmountPaise: p.Amount, QR: p.QR,
			LeftMillis:  max(p.ExpiresAt.Sub(w.Now).Milliseconds(), 0),
			TotalMillis: p.ExpiresAt.Sub(p.CreatedAt).Milliseconds(),
		}
	}
	if p := w.Result; p != nil && p.State.Final() {
		s.Result = &protocol.Result{
			PaymentID: p.ID, MerchantTransactionID: p.TransactionID, AmountPaise: p.Amount,
			Outcome: outcome(p.State), Reason: p.Reason, Reference: lastFour(p.Reference),
			AgeMillis: max(w.Now.Sub(p.EndedAt).Milliseconds(), 0),
		}
	}
	return s
}

func phase(s payment.State) protocol.Phase {
	switch s {
	case payment.Created:
		return protocol.PhaseOffered
	case payment.HandedOver:
		return protocol.PhaseTaken
	case payment.Presented:
		return protocol.PhasePresented
	}
	return protocol.PhasePaying
}

func outcome(s payment.State) protocol.Outcome {
	switch s {
	case payment.Succeeded:
		return protocol.OutcomeSucceeded
	case payment.Expired:
		return protocol.OutcomeExpired
	case payment.Cancelled:
		return protocol.OutcomeCancelled
	}
	return protocol.OutcomeFailed
}

func lastFour(s string) string {
	if len(s) > 4 {
		return s[len(s)-4:]
	}
	return s
}
