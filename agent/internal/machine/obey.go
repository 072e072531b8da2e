package machine

import (
	"fmt"
	"time"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/upiuri"
)

// obey makes the terminal what the controller wants (DESIGN 4: level-triggered).
// A state counts when it answers this terminal's own question, or when that was
// answered before and this one is newer. An equal one repeats. An older one, or
// one that comes before the answer, is a doubt (failure matrix R5, R20): what a
// broker kept from yesterday must mean nothing to a terminal that has just been
// switched on.
func obey(m *Machine, now time.Duration, ev Event, w *work) {
	got := ev.(Received)
	st := got.State
	switch {
	case got.Answer || m.Link && st.Seq > m.Seq:
	case m.Link && st.Seq == m.Seq:
		w.do(Ack{Epoch: st.Epoch, N: st.AckSeq})
		if s := st.Sale; s != nil && m.Sale.is(s) {
			m.Sale.Ends = min(m.Sale.Ends, now+left(s))
		}
		w.do(Confirm{})
		return
	default:
		w.do(Ask{Why: fmt.Sprintf("state %d came, state %d is stored", st.Seq, m.Seq)})
		return
	}
	w.do(Ack{Epoch: st.Epoch, N: st.AckSeq})
	m.Seq, m.Link = st.Seq, true
	m.Display, m.Waiting = st.Display, st.Waiting
	m.judge(now, got, w)
	m.want(now, got, w)
	m.Remembered = Memory{}
	if got.Answer {
		w.do(Confirm{Answer: true})
	}
}

// Life of a payment, step 9: The terminal is told by a signed result and shows PAID.
//
// judge takes the end of a payment. It counts only for the payment that is on
// the glass, or was when the power went, for the same amount, and in a state
// that is newer than the one that brought the sale (DESIGN 3.3, failure matrix
// T1). Anything else is not shown, and PAID least of all.
func (m *Machine) judge(now time.Duration, got Received, w *work) {
	r := got.State.Result
	if r == nil || m.Result.Outcome != "" {
		return
	}
	sale, booted, ok := m.saleOf(r.PaymentID)
	switch {
	case !ok:
		return
	case r.MerchantTransactionID != sale.MerchantTransactionID || r.AmountPaise != sale.AmountPaise:
		w.do(Alarm{Text: fmt.Sprintf("result of payment %s is for %s and %q, the sale was for %s and %q",
			r.PaymentID, r.AmountPaise, r.MerchantTransactionID, sale.AmountPaise, sale.MerchantTransactionID)})
		return
	case !got.Answer && got.State.Seq <= sale.Seq:
		w.do(Alarm{Text: fmt.Sprintf("result of payment %s came in state %d, the sale in state %d",
			r.PaymentID, got.State.Seq, sale.Seq)})
		return
	}
	switch r.Outcome {
	case protocol.OutcomeSucceeded, protocol.OutcomeFailed, protocol.OutcomeExpired, protocol.OutcomeCancelled:
	default:
		w.do(Alarm{Text: fmt.Sprintf("result of payment %s has the unknown outcome %q", r.PaymentID, r.Outcome)})
		return
	}
	m.Sale = Sale{}
	superseded := r.Outcome == protocol.OutcomeCancelled && r.Reason == reasonSuperseded && got.State.Sale != nil
	old := booted && r.AgeMillis > resultLimit.Milliseconds()
	if superseded || old {
		return
	}
	m.Result, m.Ended = *r, sale
	m.EndAt, m.HeldAt, m.Shown = now, now, false
	if r.Outcome == protocol.OutcomeSucceeded {
		m.Last = r.AmountPaise
	}
}

// reasonSuperseded is phonepe-api's word for a sale that a newer one replaced.
// The newer one goes on the glass at once.
const reasonSuperseded = "SUPERSEDED"

// saleOf finds the sale in hand, or the one remembered over a power cut.
func (m *Machine) saleOf(paymentID string) (s Sale, booted, ok bool) {
	switch paymentID {
	case "":
		return Sale{}, false, false
	case m.Sale.PaymentID:
		return m.Sale, false, true
	case m.Remembered.Sale.PaymentID:
		return Sale{Order: m.Remembered.Sale}, true, true
	case m.Remembered.Ended.PaymentID:
		return Sale{Order: m.Remembered.Ended}, true, true
	}
	return Sale{}, false, false
}

// Life of a payment, step 5: The agent stores it, acks, prompts if it must.
//
// want takes the sale request that the state names, goes on with it, or drops
// the one in hand. A sale that is gone without a result is simply gone: the
// terminal invents no result.
func (m *Machine) want(now time.Duration, got Received, w *work) {
	s := got.State.Sale
	switch {
	case s == nil || s.PaymentID == "" || s.PaymentID == m.Declined || s.PaymentID == m.Ended.PaymentID:
		m.Sale = Sale{}
		return
	case m.Sale.is(s):
		m.goOn(now, got, w)
		return
	}
	if reason := unfit(s); reason != "" {
		m.Sale = Sale{}
		m.decline(s.PaymentID, reason, w)
		return
	}
	known := m.Remembered.Sale
	m.Sale = Sale{
		Order: Order{
			PaymentID:             s.PaymentID,
			MerchantTransactionID: s.MerchantTransactionID,
			OrderID:               s.OrderID,
			AmountPaise:           s.AmountPaise,
			Seq:                   got.State.Seq,
			// A controller that says "offered" or "taken" does not know that
			// the QR was on the glass: then it is told again.
			Presented: known.PaymentID == s.PaymentID && known.Presented && presented(s.Phase),
		},
		QR:     s.QR,
		Paying: !showsQR(s.Phase),
		Ends:   now + left(s),
		Total:  millis(s.TotalMillis),
		Stored: known.PaymentID == s.PaymentID,
	}
	if known.PaymentID != s.PaymentID {
		w.record(protocol.FactReceived, s.PaymentID, "")
	}
}

// goOn: the sale in hand is still wanted. A QR that was paid once never comes
// back, and its time is never made longer (failure matrix S5 K).
func (m *Machine) goOn(now time.Duration, got Received, w *work) {
	s := got.State.Sale
	m.Sale.Paying = m.Sale.Paying || !showsQR(s.Phase)
	m.Sale.Ends = min(m.Sale.Ends, now+left(s))
	if !got.Answer {
		return
	}
	m.Sale.Seq = got.State.Seq // numbers start anew from here
	if m.Sale.Presented && showsQR(s.Phase) && !presented(s.Phase) {
		w.record(protocol.FactPresented, s.PaymentID, "") // a restored database has lost it
	}
}

// is reports whether s is this very sale: a payment that comes back with another
// amount or QR is another one.
func (s Sale) is(o *protocol.Sale) bool {
	return s.PaymentID == o.PaymentID && s.MerchantTransactionID == o.MerchantTransactionID &&
		s.AmountPaise == o.AmountPaise && s.QR == o.QR
}

func showsQR(p protocol.Phase) bool {
	return p == protocol.PhaseOffered || p == protocol.PhaseTaken || p == protocol.PhasePresented
}

func presented(p protocol.Phase) bool {
	return p == protocol.PhasePresented || p == protocol.PhasePaying
}

// left is how much of the QR's time is left, counted from now, the receipt.
func left(s *protocol.Sale) time.Duration { return millis(s.LeftMillis) }

func millis(n int64) time.Duration {
	return time.Duration(min(max(n, 0), saleLimit.Milliseconds())) * time.Millisecond
}

// unfit says why a Dynamic-QR display cannot take a sale; empty: it can. The QR
// is drawn as it came; that it asks for the amount which the screen shows above
// it is looked at here once more (failure matrix T14).
func unfit(s *protocol.Sale) string {
	switch {
	case s.Prompt:
		return ReasonPrompt
	case !s.AmountPaise.Valid():
		return ReasonAmount
	case !showsQR(s.Phase):
		return "" // no QR will be drawn
	}
	link, err := upiuri.Parse(s.QR)
	switch {
	case err != nil || link.AM == 0:
		return ReasonQR
	case link.AM != s.AmountPaise:
		return ReasonQRAmount
	}
	return ""
}
