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
	// EDC: the merchant's orders may be pulled.
	EDC    bool
	Sale   *payment.Payment
	Result *payment.Payment
	Now    time.Time
}

// State is the terminal message that says it; nonce is that of the sync which
// it answers, or empty.
func (w Wanted) State(nonce string) protocol.State {
	t := w.Terminal
	s := protocol.State{
		Header: protocol.Header{V: protocol.Version, Type: protocol.TypeState, Identity: t.Identity},
		Seq:    t.Seq, Nonce: nonce, Epoch: t.Epoch, AckSeq: t.FactSeq, Waiting: len(t.Waiting),
		Display: protocol.Display{MerchantName: w.MerchantName, Label: t.Label, Pull: w.EDC && t.Integrated, Language: t.Language},
	}
	if age := w.Now.Sub(t.Pull.At); t.Pull.ID != "" && age < fleet.PullAge {
		s.Pull = &protocol.PullAnswer{
			PullID: t.Pull.ID, ShortOrderID: t.Pull.Code, Outcome: t.Pull.Outcome, By: t.Pull.By,
		}
		if !t.Pull.Since.IsZero() {
			s.Pull.AgeMillis = max(w.Now.Sub(t.Pull.Since).Milliseconds(), 0)
		}
	}
	if p := w.Sale; p != nil && !p.State.Final() {
		s.Sale = &protocol.Sale{
			PaymentID: p.ID, MerchantTransactionID: p.TransactionID, OrderID: p.OrderID,
			ShortOrderID: p.ShortOrderID, PayModes: payModes(*p), Chosen: p.Instrument,
			Phase: phase(p.State), AmountPaise: p.Amount, QR: p.QR,
			LeftMillis:  max(p.ExpiresAt.Sub(w.Now).Milliseconds(), 0),
			TotalMillis: p.ExpiresAt.Sub(began(*p)).Milliseconds(),
			Prompt:      p.Solution == payment.EDC && !p.AutoAccept && !p.Accepted,
		}
	}
	if p := w.Result; p != nil && p.State != payment.None {
		s.Result = &protocol.Result{
			PaymentID: p.ID, MerchantTransactionID: p.TransactionID, AmountPaise: p.Amount,
			Outcome: outcome(p.State), Reason: p.Reason, Reference: lastFour(p.Reference),
		}
		if p.State.Final() {
			s.Result.AgeMillis = max(w.Now.Sub(p.EndedAt).Milliseconds(), 0)
		}
	}
	return s
}

// payModes are what the customer may choose of. A DQR display has its QR alone.
func payModes(p payment.Payment) []protocol.PayMode {
	var modes []protocol.PayMode
	if p.AllowCard && p.Solution == payment.EDC {
		modes = append(modes, protocol.PayCard)
	}
	if p.Solution != payment.EDC || p.AllowDQR {
		modes = append(modes, protocol.PayDQR)
	}
	return modes
}

// began is when the wait began that ExpiresAt ends.
func began(p payment.Payment) time.Time {
	if p.Solution == payment.EDC && !p.HandedOverAt.IsZero() {
		return p.HandedOverAt
	}
	return p.CreatedAt
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
	case payment.Failed:
		return protocol.OutcomeFailed
	}
	return protocol.OutcomeUnknown
}

func lastFour(s string) string {
	if len(s) > 4 {
		return s[len(s)-4:]
	}
	return s
}
