package machine

import (
	"maps"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// move takes note of an event that happened at now. Which mode follows is not
// its business: settle computes that from what is known.
type move func(m *Machine, now time.Duration, ev Event, w *work)

// table says what each mode makes of each event. A cell that is missing means:
// in this mode that event tells nothing, and is dropped.
var table = map[protocol.Mode]map[Kind]move{
	protocol.ModeStarting: atWork(map[Kind]move{
		KindEnrolling: asksForCredentials,
		KindReady:     hasCredentials,
	}),
	protocol.ModeEnrolling: {
		KindEnrolRefused:  wasRefused,
		KindReady:         hasCredentials,
		KindTick:          passes,
		KindDrawFailed:    panelBroke,
		KindStored:        diskTook,
		KindStoreFailed:   diskRefused,
		KindPressed:       keys(nil),
		KindRestartWanted: restartIsWanted,
	},
	protocol.ModeOffline: atWork(map[Kind]move{
		KindPressed: keys(atOutage),
	}),
	protocol.ModeIdle: atWork(map[Kind]move{
		KindPressed: keys(atRest),
	}),
	protocol.ModePulling: atWork(map[Kind]move{
		KindTick:    keypadWaits,
		KindPressed: keys(types),
	}),
	protocol.ModePrompting: atWork(map[Kind]move{
		KindTick:    timeIsUp,
		KindDrawn:   questionIsOnGlass,
		KindPressed: keys(answersPrompt),
	}),
	protocol.ModeChoosing: atWork(map[Kind]move{
		KindTick:    timeIsUp,
		KindDrawn:   questionIsOnGlass,
		KindPressed: keys(answersChoice),
	}),
	protocol.ModePresenting: atWork(map[Kind]move{
		KindTick:          timeIsUp,
		KindDrawn:         isOnGlass,
		KindUnpresentable: cannotPresent,
	}),
	protocol.ModeChecking: atWork(map[Kind]move{
		KindTick: askAgain,
	}),
	protocol.ModeResult: atWork(map[Kind]move{
		KindTick:    resultIsOver,
		KindDrawn:   resultIsOnGlass,
		KindPressed: keys(resultIsRead),
	}),
	protocol.ModeFault: atWork(map[Kind]move{
		KindEnrolling:     asksForCredentials,
		KindEnrolRefused:  wasRefused,
		KindReady:         hasCredentials,
		KindTick:          tryAgain,
		KindDrawn:         panelWorks,
		KindUnpresentable: cannotPresent,
	}),
	protocol.ModeTesting: atWork(map[Kind]move{
		KindTick:    testWaits,
		KindDrawn:   testIsOnGlass,
		KindPressed: keys(leavesTest),
		KindTested:  partWasTested,
	}),
	protocol.ModeUpdating: restarting(),
}

// atWork is the row of a mode of a terminal that has its credentials: what it
// makes of the controller, the disk, the panel's trouble, the card machine and a
// wish to restart is the same in each; own are the cells that differ.
func atWork(own map[Kind]move) map[Kind]move {
	row := map[Kind]move{
		KindReceived:      obey,
		KindLinkLost:      linkWent,
		KindTick:          passes,
		KindDrawFailed:    panelBroke,
		KindStored:        diskTook,
		KindStoreFailed:   diskRefused,
		KindPressed:       keys(nil),
		KindCardRead:      ofTest(FindingFailed, cardWasRead),
		KindCardApproved:  ofTest(FindingFailed, cardWasApproved),
		KindCardDeclined:  ofTest(FindingFailed, cardWasDeclined),
		KindCardUnknown:   ofTest(FindingFailed, cardIsUnknown),
		KindCardFailed:    ofTest(FindingFailed, cardFailed),
		KindCardUnread:    ofTest(FindingOK, cardIsUnread),
		KindRestartWanted: restartIsWanted,
	}
	maps.Copy(row, own)
	return row
}

// restarting is the row of a terminal that is about to end: a state and a key are
// the next run's; what the card machine and the disk say is not lost.
func restarting() map[Kind]move {
	row := atWork(map[Kind]move{
		KindTick:       goes,
		KindDrawn:      updateIsOnGlass,
		KindDrawFailed: updateUnseen,
	})
	delete(row, KindReceived)
	delete(row, KindPressed)
	return row
}

// Step returns the machine after ev, which happened at now, and what to do
// about it. Now never goes back; it counts from the start of the agent.
func Step(m Machine, now time.Duration, ev Event) (Machine, []Effect) {
	note := table[m.Mode][ev.Kind()]
	if note == nil {
		return m, nil
	}
	before := m.Memory()
	var w work
	note(&m, now, ev, &w)
	m.settle(now)
	if after := m.Memory(); (after != before || len(w.facts) > 0) && !w.unsaved {
		m.Sale.Stored = m.Sale.Stored && after.Sale == before.Sale
		w.do(Save{Memory: after, Facts: w.facts})
	}
	if len(w.told) > 0 {
		w.do(Tell{Facts: w.told})
	}
	return m, w.effects
}

func asksForCredentials(m *Machine, _ time.Duration, _ Event, _ *work) { m.Enrolling = true }

func wasRefused(m *Machine, _ time.Duration, ev Event, _ *work) {
	m.Refusal = ev.(EnrolRefused).Reason
}

func hasCredentials(m *Machine, now time.Duration, _ Event, _ *work) {
	m.Ready, m.ReadyAt, m.Enrolling, m.Refusal = true, now, false, ""
}

// passes takes note of nothing but the time.
func passes(*Machine, time.Duration, Event, *work) {}

// linkWent changes nothing that is on the glass: a QR stays until its time is
// up (DESIGN 3.3, failure matrix S5 B).
func linkWent(m *Machine, _ time.Duration, ev Event, _ *work) {
	m.Link, m.Contested = false, ev.(LinkLost).Contested
}

// timeIsUp takes the sale off the glass. Only the controller knows how the
// payment ended, so it is asked.
func timeIsUp(m *Machine, now time.Duration, _ Event, w *work) {
	if now >= m.Until {
		w.do(Ask{Why: "the time is up"})
	}
}

// askAgain bounds the wait for the end of a payment. Without a link for long,
// the sale goes back to memory: its result may still come.
func askAgain(m *Machine, now time.Duration, _ Event, w *work) {
	switch {
	case now < m.Until:
	case !m.Link && now-m.Since >= checkingLimit:
		m.Remembered.Sale, m.Sale = m.Sale.Order, Sale{}
	default:
		w.do(Ask{Why: "the payment has not ended"})
	}
}

// resultIsOver makes room for what comes next; should that be the disk's fault, the
// disk is tried at once.
func resultIsOver(m *Machine, now time.Duration, _ Event, w *work) {
	if now < m.Until {
		return
	}
	m.forgetResult()
	m.trySaving(w)
}

// resultIsRead: the cashier has seen that nothing came in, and goes on (terminal-ux:
// FAILED, 8 s or key). PAID and "not confirmed" are for the customer to see, too.
func resultIsRead(m *Machine, _ time.Duration, ev Event, w *work) {
	key := ev.(Pressed).Key
	if !m.Shown || key != KeyOK && key != KeyClear {
		return
	}
	switch m.Result.Outcome {
	case protocol.OutcomeFailed, protocol.OutcomeExpired, protocol.OutcomeCancelled:
		m.forgetResult()
		m.trySaving(w)
	}
}

// trySaving tries a disk again that took nothing.
func (m *Machine) trySaving(w *work) {
	if m.Storage != "" {
		w.do(Save{Memory: m.Memory()})
		w.unsaved = true
	}
}

func tryAgain(m *Machine, now time.Duration, _ Event, w *work) {
	if now < m.Until {
		return
	}
	if m.Panel != "" {
		w.do(Redraw{})
	}
	m.trySaving(w)
}

// Life of a payment, step 6: The screen shows the QR.
//
// isOnGlass: only now may it be reported, and a card be asked for.
func isOnGlass(m *Machine, _ time.Duration, ev Event, w *work) {
	d := ev.(Drawn)
	if d.Mode != protocol.ModePresenting || d.PaymentID != m.Sale.PaymentID || m.Sale.Presented {
		return
	}
	m.Sale.Presented = true
	w.record(m.Sale.presentedFact())
}

func (s Sale) presentedFact() Fact {
	return Fact{Kind: protocol.FactPresented, PaymentID: s.PaymentID, PayMode: s.Chosen}
}

func resultIsOnGlass(m *Machine, now time.Duration, ev Event, w *work) {
	d := ev.(Drawn)
	if d.Mode != protocol.ModeResult || d.PaymentID != m.Ended.PaymentID || m.Shown {
		return
	}
	m.Shown, m.HeldAt = true, now
	w.record(Fact{Kind: protocol.FactShown, PaymentID: m.Ended.PaymentID})
}

// panelBroke is told again at every retry that fails. A sale that never came on
// the glass is then refused, so that the POS need not wait for its end.
func panelBroke(m *Machine, _ time.Duration, ev Event, w *work) {
	again := m.Panel != ""
	m.Panel = ev.(DrawFailed).Reason
	if s := m.Sale; again && s.unseen() {
		m.decline(s.PaymentID, ReasonPanel, w)
	}
}

// unseen reports whether there is a sale that no customer can have begun to pay.
func (s Sale) unseen() bool {
	return s.PaymentID != "" && !s.Presented && !s.Paying && !s.Unsure
}

// panelWorks brings the terminal back to where it would be by now. A result
// that could not be shown gets its whole time, unless it has become history.
func panelWorks(m *Machine, now time.Duration, _ Event, _ *work) {
	m.Panel = ""
	if m.Result.Outcome == "" || m.Shown {
		return
	}
	m.HeldAt = now
	if now-m.EndAt > resultLimit {
		m.forgetResult()
	}
}

func cannotPresent(m *Machine, _ time.Duration, ev Event, w *work) {
	u := ev.(Unpresentable)
	if u.PaymentID == m.Sale.PaymentID {
		m.decline(u.PaymentID, u.Reason, w)
	}
}

func diskTook(m *Machine, _ time.Duration, _ Event, _ *work) {
	m.Storage = ""
	m.Sale.Stored = m.Sale.PaymentID != ""
}

// diskRefused: a sale that could not be stored, or whose acceptance could not, is
// refused; whatever else was to be stored is told all the same (failure matrix
// R21). What the customer has seen already goes on.
func diskRefused(m *Machine, _ time.Duration, ev Event, w *work) {
	e := ev.(StoreFailed)
	m.Storage, w.unsaved = e.Reason, true
	for _, f := range e.Facts {
		if f.Kind != protocol.FactReceived && f.Kind != protocol.FactAccepted {
			w.tell(f)
		}
	}
	if s := m.Sale; s.unseen() && !s.Stored {
		m.refuse(s.PaymentID)
		w.tell(Fact{Kind: protocol.FactRefused, PaymentID: s.PaymentID, Reason: ReasonStorage})
	}
}

// decline drops the sale in hand and says why.
func (m *Machine) decline(paymentID, reason string, w *work) {
	m.refuse(paymentID)
	w.record(Fact{Kind: protocol.FactRefused, PaymentID: paymentID, Reason: reason})
}

// refuse drops a sale, for good unless it is pulled again.
func (m *Machine) refuse(paymentID string) {
	m.Declined = Declined{PaymentID: paymentID, PullID: m.PullID}
	if m.Sale.PaymentID == paymentID {
		m.Sale = Sale{}
	}
}

func (m *Machine) forgetResult() {
	m.Result, m.Ended, m.Shown, m.Late = protocol.Result{}, Sale{}, false, false
}
