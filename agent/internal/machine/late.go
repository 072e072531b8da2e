package machine

import (
	"fmt"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// mayBePaid reports whether a customer can have paid the sale, or can have begun.
func (s Sale) mayBePaid() bool {
	return s.PaymentID != "" && (s.Presented || s.Paying || s.Unsure)
}

// doubt remembers a sale that leaves the glass although nobody told how it ended:
// it may be paid still, and then the cashier hears of it (terminal-ux: late
// payment). Only the last one is remembered.
func (m *Machine) doubt(o Order) {
	m.Doubt = o
}

// late takes the end of the payment in doubt. Of these, only that it was paid is
// news; it is shown once nothing else is on the glass, and never in the place of
// another sale's QR: that customer would take it for his own. As long as "not
// confirmed" is on the glass, any end takes its place.
func (m *Machine) late(now time.Duration, got Received, w *work) {
	r, d := got.State.Result, m.Doubt
	switch {
	case r == nil || r.PaymentID == "" || r.PaymentID != d.PaymentID:
		return
	case r.Outcome == protocol.OutcomeUnknown:
		return
	case r.MerchantTransactionID != d.MerchantTransactionID || r.AmountPaise != d.AmountPaise:
		w.do(Alarm{Text: fmt.Sprintf("late result of payment %s is for %s and %q, the sale was for %s and %q",
			r.PaymentID, r.AmountPaise, r.MerchantTransactionID, d.AmountPaise, d.MerchantTransactionID)})
		return
	case !got.Answer && got.State.Seq <= d.Seq:
		w.do(Alarm{Text: fmt.Sprintf("late result of payment %s came in state %d, its sale left in state %d",
			r.PaymentID, got.State.Seq, d.Seq)})
		return
	case r.Outcome != protocol.OutcomeSucceeded:
		m.Doubt = Order{}
		if m.unconfirmed(d) && knownOutcome(r.Outcome) {
			m.Result, m.EndAt, m.HeldAt, m.Shown = *r, now, now, false
		}
	case r.AgeMillis > resultLimit.Milliseconds(): // history: the idle screen has it
		m.Doubt, m.Last = Order{}, r.AmountPaise
	default:
		m.News, m.NewsOf, m.Doubt, m.Last = *r, d, Order{}, r.AmountPaise
	}
}

// unconfirmed reports whether the glass says of that very sale that it is not
// confirmed.
func (m *Machine) unconfirmed(o Order) bool {
	return m.Result.Outcome == protocol.OutcomeUnknown && m.Result.PaymentID == o.PaymentID && m.Result.AmountPaise == o.AmountPaise
}

// tellNews puts a payment that came in late on the glass, if that is free. It takes
// the place of its own "not confirmed".
func (m *Machine) tellNews(now time.Duration) {
	switch {
	case m.News.Outcome == "" || m.Result.Outcome != "" && !m.unconfirmed(m.NewsOf):
		return
	case m.Sale.PaymentID != "" || m.Keypad.Open || m.Update.Begun:
		return
	}
	m.Result, m.Ended = m.News, Sale{Order: m.NewsOf}
	m.EndAt, m.HeldAt, m.Shown, m.Late = now, now, false, true
	m.News, m.NewsOf = protocol.Result{}, Order{}
}
