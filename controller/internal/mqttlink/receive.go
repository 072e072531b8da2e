package mqttlink

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

// maxFacts bounds the facts of one report; a spool never holds so many.
const maxFacts = 256

// Receive takes a message that a broker got on one of a terminal's topics. It
// never blocks: a message for which there is no room is dropped, and the
// terminal sends it again.
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
	var h maphash.Hash
	h.SetSeed(l.seed)
	h.WriteString(id.String())
	select {
	case l.queues[h.Sum64()%workers] <- inbound{id, leaf, bytes.Clone(payload)}:
	default:
		l.Counted("report_dropped")
	}
}

func (l *Link) work(ctx context.Context, queue <-chan inbound) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-queue:
			one, cancel := context.WithTimeout(ctx, patience)
			l.handle(one, m)
			cancel()
		}
	}
}

func (l *Link) handle(ctx context.Context, m inbound) {
	up, key, err := l.keys.open(ctx, m)
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
		err = l.report(ctx, key, *up.Report)
	case up.Heartbeat != nil && m.leaf == "report":
		l.audience.heard(m.id, newest)
		err = l.heartbeat(ctx, key, *up.Heartbeat)
	case up.Pull != nil && m.leaf == "report":
		_, err = journal.Do(ctx, l.Journal, signedBy(m.id, key, decide.Claim{Pull: *up.Pull}))
		l.tell(m.id, "") // the answer is in the state
		l.Counted("pull")
	case up.Presence != nil && m.leaf == "presence":
		_, err = journal.Do(ctx, l.Journal, signedBy(m.id, key, decide.Gone{Presence: *up.Presence}))
		l.audience.gone(m.id)
		l.Counted("presence")
	default:
		l.Counted("report_refused")
		return
	}
	switch {
	case errors.Is(err, errOldKey):
		l.keys.forget(m.id)
		l.Counted("report_refused")
		l.Log.Warn("message of a terminal refused", "terminal", m.id, "error", err)
	case err != nil:
		l.Log.Warn("report of a terminal not taken; it will come again", "terminal", m.id, "error", err)
	}
}

func (l *Link) report(ctx context.Context, key string, r protocol.Report) error {
	t, err := journal.Do(ctx, l.Journal, signedBy(r.Identity, key, decide.Report{Report: r}))
	if err != nil {
		return err
	}
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
		l.tell(r.Identity, r.Nonce)
	case len(r.Facts) > 0:
		l.Counted("report")
		l.tell(r.Identity, "") // the state says that the facts are committed
	case t.NeedsTelling():
		l.Counted("report")
		l.tell(r.Identity, "")
	}
	return nil
}

func (l *Link) heartbeat(ctx context.Context, key string, h protocol.Heartbeat) error {
	t, err := journal.Do(ctx, l.Journal, signedBy(h.Identity, key, decide.Heartbeat{Heartbeat: h}))
	if err != nil {
		return err
	}
	if t.NeedsTelling() {
		l.tell(h.Identity, "")
	}
	l.Counted("heartbeat")
	return nil
}
