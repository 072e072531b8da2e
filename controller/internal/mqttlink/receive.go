package mqttlink

import (
	"context"
	"errors"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

// maxFacts bounds the facts of one report; a spool never holds so many.
const maxFacts = 256

// Receive takes a message that a broker got on one of a terminal's topics. It
// never blocks, and keeps none of payload's bytes: a message for which there is no
// room is dropped, and the terminal sends it again.
func (l *Link) Receive(topic string, payload []byte) {
	id, leaf, err := protocol.ParseTopic(topic)
	if err != nil {
		l.Counted("bad_topic")
		return
	}
	if leaf == "report" && l.Allow != nil && !l.Allow(id) {
		l.Counted("report_limited")
		return
	}
	switch l.inbox.put(inbound{id: id, leaf: leaf, payload: payload}) {
	case outOfRoom:
		l.Counted("report_dropped")
	case replaced:
		l.Counted("report_replaced")
	}
}

func (l *Link) handle(ctx context.Context, m inbound) {
	read, cancel := context.WithTimeout(ctx, patience)
	up, key, err := l.keys.open(read, m)
	cancel()
	if err != nil {
		l.Counted("report_refused")
		l.Log.Warn("message of a terminal refused", "terminal", m.id, "error", err)
		return
	}
	_, _, newest := l.Keys.Current()
	switch {
	case up.Report != nil && m.leaf == "report" && len(up.Report.Facts) <= maxFacts:
		if up.Report.Type != protocol.TypeSync {
			l.audience.heard(m.id, newest)
		}
		l.beats.forget(m.id) // this says all that a heartbeat says
		err = l.report(ctx, key, *up.Report)
	case up.Heartbeat != nil && m.leaf == "report":
		l.audience.heard(m.id, newest)
		err = l.heartbeat(ctx, beat{key, *up.Heartbeat})
	case up.Pull != nil && m.leaf == "report":
		_, err = journal.Do(ctx, l.Journal, signedBy(m.id, key, decide.Claim{Pull: *up.Pull}))
		l.tell(m.id, "") // the answer is in the state
		l.Counted("pull")
	case up.Presence != nil && m.leaf == "presence":
		l.beats.forget(m.id)
		_, err = journal.Do(ctx, l.Journal, signedBy(m.id, key, decide.Gone{Presence: *up.Presence}))
		l.audience.gone(m.id)
		l.Counted("presence")
	default:
		l.Counted("report_refused")
		return
	}
	l.taken(m.id, err)
}

// taken notes what came of a terminal's message.
func (l *Link) taken(id protocol.Identity, err error) {
	switch {
	case errors.Is(err, errOldKey):
		l.keys.forget(id)
		l.Counted("report_refused")
		l.Log.Warn("message of a terminal refused", "terminal", id, "error", err)
	case err != nil:
		l.Log.Warn("report of a terminal not taken; it will come again", "terminal", id, "error", err)
	}
}

func (l *Link) report(ctx context.Context, key string, r protocol.Report) error {
	t, err := journal.Do(ctx, l.Journal, signedBy(r.Identity, key, decide.Report{Report: r}))
	if err != nil {
		return err
	}
	l.heard(t)
	if l.Witness != nil {
		for _, f := range r.Facts {
			if f.Kind == protocol.FactShown {
				l.Witness.ResultShown(r.Identity, f.PaymentID)
			}
		}
	}
	switch {
	case r.Type == protocol.TypeSync:
		l.Counted("sync")
		if t.Shared() {
			l.Counted("identity_shared")
			l.Log.Error("two devices have one terminal's identity: revoke it, and enrol the right one again",
				"terminal", r.Identity, "boot", t.Boot)
		}
		l.inbox.answered(r.Identity)
		l.tell(r.Identity, r.Nonce)
	case len(r.Facts) > 0:
		l.Counted("report")
		l.tell(r.Identity, "") // the state says that the facts are committed
	default:
		l.Counted("report")
		l.tellStale(t)
	}
	return nil
}
