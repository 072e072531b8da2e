package machine

import (
	"fmt"
	"slices"
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
			m.Sale.hasLeft(now, s)
		}
		w.do(Confirm{})
		return
	default:
		w.do(Ask{Why: fmt.Sprintf("state %d came, state %d is stored", st.Seq, m.Seq)})
		return
	}
	w.do(Ack{Epoch: st.Epoch, N: st.AckSeq})
	m.Seq, m.Link, m.Linked, m.Contested = st.Seq, true, true, false
	m.Display, m.Waiting, m.PullID = st.Display, st.Waiting, ""
	if st.Pull != nil {
		m.PullID = st.Pull.PullID
	}
	if got.Answer {
		m.found(CheckLink, FindingOK)
	}
	m.answered(now, st.Pull)
	m.late(now, got, w)
	m.judge(now, got, w)
	m.want(now, got, w)
	m.consume(got)
	if got.Answer {
		m.Doubt.Seq = st.Seq // numbers start anew from here
		if m.Doubt.PaymentID == "" {
			m.Doubt = Order{}
		}
		w.do(Confirm{Answer: true})
	}
}

// consume forgets what was remembered over a power cut: the state has told of it,
// or else its end is in doubt.
func (m *Machine) consume(got Received) {
	known, r := m.Remembered.Sale, got.State.Result
	told := r != nil && r.PaymentID == known.PaymentID
	if (known.Presented || known.CardRead) && !told && known.PaymentID != m.Sale.PaymentID {
		known.Seq = got.State.Seq
		m.doubt(known)
	}
	m.Remembered = Memory{}
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
	if !knownOutcome(r.Outcome) {
		w.do(Alarm{Text: fmt.Sprintf("result of payment %s has the unknown outcome %q", r.PaymentID, r.Outcome)})
		return
	}
	m.Sale = Sale{}
	superseded := r.Outcome == protocol.OutcomeCancelled && r.Reason == reasonSuperseded && got.State.Sale != nil
	old := booted && r.AgeMillis > resultLimit.Milliseconds()
	if r.Outcome == protocol.OutcomeSucceeded {
		m.Last = r.AmountPaise // also when it is history: the idle screen has it
	}
	if superseded || old {
		return
	}
	m.Result, m.Ended = *r, sale
	m.EndAt, m.HeldAt, m.Shown, m.Late = now, now, false, false
	if r.Outcome == protocol.OutcomeUnknown {
		sale.Seq = got.State.Seq // what comes later may be its end
		m.doubt(sale.Order)
	}
}

func knownOutcome(o protocol.Outcome) bool {
	switch o {
	case protocol.OutcomeSucceeded, protocol.OutcomeFailed, protocol.OutcomeExpired, protocol.OutcomeCancelled,
		protocol.OutcomeUnknown:
		return true
	}
	return false
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
	if s != nil && m.Sale.is(s) && !m.declined(s, got.State.Pull) && s.PaymentID != m.Ended.PaymentID {
		m.goOn(now, got, w)
		return
	}
	if m.Sale.mayBePaid() && (s == nil || s.PaymentID != m.Sale.PaymentID) {
		left := m.Sale.Order
		left.Seq = got.State.Seq
		m.doubt(left)
	}
	m.Sale = Sale{}
	if s == nil || s.PaymentID == "" || s.PaymentID == m.Ended.PaymentID || m.declined(s, got.State.Pull) {
		return
	}
	if s.PaymentID == m.Doubt.PaymentID {
		m.Doubt = Order{} // it is back
	}
	noQR := m.Parts.NoQR || got.Unfit
	known := m.Remembered.Sale
	if known.PaymentID != s.PaymentID || known.MerchantTransactionID != s.MerchantTransactionID || known.AmountPaise != s.AmountPaise {
		known = Order{}
	}
	chosen := m.chosen(known, s, noQR)
	if reason := m.unfit(s, known, chosen, noQR); reason != "" {
		m.decline(s.PaymentID, reason, w)
		return
	}
	m.Sale = Sale{
		Order: Order{
			PaymentID:             s.PaymentID,
			MerchantTransactionID: s.MerchantTransactionID,
			OrderID:               s.OrderID,
			AmountPaise:           s.AmountPaise,
			Seq:                   got.State.Seq,
			Accepted:              known.Accepted,
			Chosen:                chosen,
			// A controller that says "offered" or "taken" does not know that
			// the sale was on the glass: then it is told again.
			Presented: known.Presented && presented(s.Phase),
			CardRead:  known.CardRead,
		},
		QR:           s.QR,
		ShortOrderID: s.ShortOrderID,
		Prompt:       asks(s, known),
		Offered:      s.Phase == protocol.PhaseOffered,
		Paying:       !showsQR(s.Phase) || known.CardRead || m.Cards.of(s.PaymentID) != nil,
		Ends:         now + left(s),
		Total:        millis(s.TotalMillis),
		Stored:       known.PaymentID == s.PaymentID,
	}
	m.Sale.Unsure = chosen == protocol.PayCard && (known.Presented || presented(s.Phase)) && !m.Sale.Paying
	if known.PaymentID != s.PaymentID {
		w.record(Fact{Kind: protocol.FactReceived, PaymentID: s.PaymentID})
	}
	if chosen == protocol.PayCard && m.Sale.Paying {
		m.askFor(now, s.PaymentID) // its answer may have been lost with the power
	}
	m.again(now, s, w)
}

// declined reports whether the sale is one that this terminal does not take, and
// was not pulled once more since.
func (m *Machine) declined(s *protocol.Sale, a *protocol.PullAnswer) bool {
	pulled := a != nil && a.Outcome == protocol.PullTaken && a.PullID != m.Declined.PullID
	return s.PaymentID == m.Declined.PaymentID && !pulled
}

// chosen is how the customer pays: as was chosen here, as the controller says it
// was presented, or as it has to be; empty when that is open.
func (m *Machine) chosen(known Order, s *protocol.Sale, noQR bool) protocol.PayMode {
	switch {
	case known.Chosen != "":
		return known.Chosen
	case presented(s.Phase) && s.Chosen != "":
		return s.Chosen
	}
	return m.choice(s, noQR)
}

// asks reports whether the cashier still has to accept the sale.
func asks(s *protocol.Sale, known Order) bool {
	return s.Prompt && !known.Accepted && showsQR(s.Phase) && !presented(s.Phase)
}

// again brings what a controller does not know of a sale that comes back, after
// a power cut or from a restored database, up to date.
func (m *Machine) again(now time.Duration, s *protocol.Sale, w *work) {
	if m.Sale.Accepted && s.Prompt {
		w.record(Fact{Kind: protocol.FactAccepted, PaymentID: s.PaymentID})
	}
	if m.Sale.Presented && showsQR(s.Phase) && !presented(s.Phase) {
		w.record(m.Sale.presentedFact())
	}
	if m.Sale.CardRead && showsQR(s.Phase) {
		w.record(Fact{Kind: protocol.FactCardRead, PaymentID: s.PaymentID})
		m.askFor(now, s.PaymentID)
	}
}

// askFor has the card machine asked how a payment ended.
func (m *Machine) askFor(now time.Duration, paymentID string) {
	if m.Parts.Card && m.Cards.of(paymentID) == nil {
		m.Cards.add(Card{PaymentID: paymentID, At: now, Since: now})
	}
}

// hasLeft takes what is left of a sale's time. It is never made longer (failure
// matrix S5 K), but once: when the controller hears that the sale is here, the
// customer's time begins.
func (s *Sale) hasLeft(now time.Duration, o *protocol.Sale) {
	if s.Offered && o.Phase != protocol.PhaseOffered {
		s.Offered, s.Ends, s.Total = false, now+left(o), millis(o.TotalMillis)
	}
	s.Ends = min(s.Ends, now+left(o))
}

// goOn: the sale in hand is still wanted. A QR that was paid once never comes
// back.
func (m *Machine) goOn(now time.Duration, got Received, w *work) {
	s := got.State.Sale
	m.Sale.hasLeft(now, s)
	m.Sale.Prompt = m.Sale.Prompt && s.Prompt && !presented(s.Phase)
	m.Sale.Paying = m.Sale.Paying || !showsQR(s.Phase)
	if got.Answer {
		m.Sale.Seq = got.State.Seq // numbers start anew from here
		m.again(now, s, w)
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

// unfit says why this terminal cannot take a sale; empty: it can. The QR is drawn
// as it came; that it asks for the amount which the screen shows above it is
// looked at here once more (failure matrix T14).
func (m *Machine) unfit(s *protocol.Sale, known Order, chosen protocol.PayMode, noQR bool) string {
	card := slices.Contains(s.PayModes, protocol.PayCard)
	dqr := slices.Contains(s.PayModes, protocol.PayDQR)
	switch {
	case !s.AmountPaise.Valid():
		return ReasonAmount
	case !showsQR(s.Phase):
		return "" // nothing will be presented
	case !card && !dqr:
		return ReasonNoMode
	case asks(s, known) && !m.Parts.Keys:
		return ReasonNoKeys
	case !m.Parts.Card && (!dqr || chosen == protocol.PayCard):
		return ReasonNoReader
	case noQR && (chosen == protocol.PayDQR || !card || !m.Parts.Card):
		return ReasonUnfit
	case chosen == protocol.PayCard:
		return ""
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
