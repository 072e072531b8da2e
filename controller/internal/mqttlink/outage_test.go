package mqttlink_test

import (
	"testing"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// Failure matrix S2 and S3: what was committed is told, whatever falls in
// between. These are rows of TestLink.

func publisherFails(t *testing.T, w *world, g *terminal) {
	failed := w.counted("publish_failed")
	topic := protocol.CommandTopic(g.id) // other rows' terminals are still told
	w.mouth.lose.Store(&topic)
	p := w.sale(t, g.id, g.name(1))
	g.offered(p.ID)
	if w.mouth.lose.Load() != nil || w.counted("publish_failed") == failed {
		t.Error("no message was lost")
	}
}

func deafTerminal(t *testing.T, w *world, g *terminal) {
	g.deafen()
	p := w.sale(t, g.id, g.name(1))
	g.listen()
	var seq uint64
	for range 3 { // it is told again as long as it does not say that it has it
		seq = g.offered(p.ID).Seq
	}
	g.report(seq, fact(1, protocol.FactReceived, p.ID))
	w.awaitState(t, p.ID, payment.HandedOver)
	if w.terminal(t, g.id).NeedsTelling() {
		t.Error("acknowledged, and still to be told")
	}
}

func oldKey(t *testing.T, w *world, g *terminal) {
	p := w.sale(t, g.id, g.name(1))
	seq := g.offered(p.ID).Seq
	stolen := g.sign(g.reporting(seq, fact(1, protocol.FactPresented, p.ID)))
	g.key, g.token = w.enrol(t, g.id)
	before := w.terminal(t, g.id)
	refused := w.counted("report_refused")
	w.hear(protocol.ReportTopic(g.id), stolen) // as a broker gives it that is slow to cut the old session
	w.await(t, "the old key is refused", func() bool { return w.counted("report_refused") == refused+1 })
	if got := w.story(t, p.ID); got != "init" || w.terminal(t, g.id).FactSeq != before.FactSeq {
		t.Errorf("the old key moved the payment: %s", got)
	}
	g.v.admit(t, g.id, g.token) // which cuts the old session
	g.awaitLost()
	g.connect()
	g.listen()
	if s := g.sync(); s.Sale == nil || s.Sale.PaymentID != p.ID {
		t.Errorf("state %+v", s)
	}
}

func controllerFalls(t *testing.T, w *world, g *terminal) {
	w.stop()
	p := w.sale(t, g.id, g.name(1)) // committed, and nobody is told
	w.start()
	s := g.offered(p.ID)
	g.report(s.Seq, fact(1, protocol.FactReceived, p.ID))
	g.acked(1)
}

func brokerFalls(t *testing.T, w *world, g *terminal) {
	g.v.restart(t)
	g.awaitLost()
	p := w.sale(t, g.id, g.name(1)) // while it is away
	g.connect()
	g.listen()
	if s := g.sync(); s.Sale == nil || s.Sale.PaymentID != p.ID {
		t.Errorf("state %+v", s)
	}
	g.report(w.terminal(t, g.id).Seq, fact(1, protocol.FactReceived, p.ID))
	g.acked(1)
	w.pay(t, p)
	g.state("the result", func(s protocol.State) bool { return s.Result != nil && s.Result.PaymentID == p.ID })
}
