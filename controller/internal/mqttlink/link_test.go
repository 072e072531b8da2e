package mqttlink_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	mrand "math/rand/v2"
	"testing"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

// TestLink is DESIGN section 4 over a real broker, the same for both: the
// embedded one, and a Mosquitto as it is deployed. Every row has a terminal of
// its own, which has enrolled and synced.
func TestLink(t *testing.T) {
	rows := []struct {
		name string
		do   func(t *testing.T, w *world, g *terminal)
	}{
		{"a sync is answered by the key set and the state with its nonce", syncAnswered},
		{"a sale is published at once, and facts move it", saleTaken},
		{"facts in any number and order count once", factsOnce},
		{"the result is told until it is on glass", resultShown},
		{"a fact about another's payment moves nothing", foreignFact},
		{"a heartbeat of the latest session is noted", heartbeat},
		{"a last will counts for the latest session", lastWill},
		{"what the terminal did not sign is refused", forgeries},
		{"a message above 16 KiB is refused", oversize},
		{"a state that the broker did not take comes again", publisherFails},
		{"a state that nobody heard comes again until it is stored", deafTerminal},
		{"after an enrolment the old key is worth nothing", oldKey},
		{"a controller that fell between commit and publish goes on", controllerFalls},
		{"a broker that fell comes back", brokerFalls},
	}
	for _, kind := range venues {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, len(rows)+1)
			v := w.open(t, kind.open)
			w.start()
			for n, row := range rows {
				t.Run(row.name, func(t *testing.T) {
					row.do(t, w, join(t, w, v, till(n+1)))
				})
			}
		})
	}
}

// name makes the id of a sale that no other row has.
func (g *terminal) name(n int) string { return fmt.Sprint(g.id.TerminalID, "-sale-", n) }

func syncAnswered(t *testing.T, w *world, g *terminal) {
	s := g.sync()
	row := w.terminal(t, g.id)
	if s.Seq != row.Seq || s.Epoch != g.epoch || s.AckSeq != 0 || s.Sale != nil || s.Result != nil ||
		s.Display != (protocol.Display{MerchantName: "Galla Test Store", Label: row.Label, Pull: true}) {
		t.Errorf("state %+v of %+v", s, row)
	}
	if row.Session != g.session || row.Mode != protocol.ModeOffline || !row.GoneAt.IsZero() || row.LastSeen.IsZero() {
		t.Errorf("row %+v", row)
	}
	w.sale(t, g.id, g.name(1))
	g.offered("GP" + g.name(1))
	// What it has stored counts for nothing once it asks again.
	g.beat(g.session, w.terminal(t, g.id).Seq, protocol.ModeIdle)
	w.await(t, "the heartbeat is noted", func() bool { return !w.terminal(t, g.id).NeedsTelling() })
	if s := g.sync(); s.Sale == nil || s.Sale.PaymentID != "GP"+g.name(1) {
		t.Errorf("state %+v has no sale", s)
	}
	if !w.terminal(t, g.id).NeedsTelling() {
		t.Error("a terminal that asks is taken to have the answer")
	}
}

func saleTaken(t *testing.T, w *world, g *terminal) {
	w.reader.noSweep.Store(true) // so it is the commit that tells
	defer w.reader.noSweep.Store(false)
	p := w.sale(t, g.id, g.name(1))
	s := g.offered(p.ID)
	if s.Seq != w.terminal(t, g.id).Seq || s.Sale.Phase != protocol.PhaseOffered || s.Sale.QR != p.QR ||
		s.Sale.AmountPaise != 24500 || s.Sale.MerchantTransactionID != p.TransactionID || s.Sale.OrderID != p.OrderID ||
		s.Sale.TotalMillis != 180_000 || s.Sale.LeftMillis > 180_000 || s.Sale.LeftMillis < 180_000-patience.Milliseconds() {
		t.Errorf("state %+v with %+v", s, s.Sale)
	}
	g.report(s.Seq, fact(1, protocol.FactReceived, p.ID))
	if s := g.acked(1); s.Sale == nil || s.Sale.Phase != protocol.PhaseTaken {
		t.Errorf("after received: %+v", s.Sale)
	}
	if got := w.payment(t, p.ID).State; got != payment.HandedOver {
		t.Errorf("after received the payment is %s", got)
	}
	g.report(s.Seq, fact(1, protocol.FactReceived, p.ID), fact(2, protocol.FactPresented, p.ID))
	if s := g.acked(2); s.Sale == nil || s.Sale.Phase != protocol.PhasePresented {
		t.Errorf("after presented: %+v", s.Sale)
	}
	if got := w.payment(t, p.ID).State; got != payment.Presented {
		t.Errorf("after presented the payment is %s", got)
	}
	if row := w.terminal(t, g.id); row.NeedsTelling() || row.Mode != protocol.ModePresenting {
		t.Errorf("row %+v", row)
	}
}

func factsOnce(t *testing.T, w *world, g *terminal) {
	p := w.sale(t, g.id, g.name(1))
	seq := g.offered(p.ID).Seq
	received, presented := fact(1, protocol.FactReceived, p.ID), fact(2, protocol.FactPresented, p.ID)
	var reports [][]byte
	for range 3 {
		for _, facts := range [][]protocol.Fact{{received}, {received, presented}, {presented}, nil} {
			reports = append(reports, g.sign(g.reporting(seq, facts...)))
		}
	}
	order := mrand.New(mrand.NewPCG(3, 1)) // any order, always the same
	order.Shuffle(len(reports), func(i, j int) { reports[i], reports[j] = reports[j], reports[i] })
	for _, r := range reports {
		g.say(r)
	}
	g.beat(g.session, seq, protocol.ModeChecking) // a fence: reports stay in order
	w.await(t, "all is taken", func() bool { return w.terminal(t, g.id).Mode == protocol.ModeChecking })
	if got, want := w.story(t, p.ID), "init handed_over presented"; got != want {
		t.Errorf("events %q, want %q", got, want)
	}
	if row := w.terminal(t, g.id); row.FactSeq != 2 || row.AckedSeq != seq {
		t.Errorf("row %+v", row)
	}
}

func resultShown(t *testing.T, w *world, g *terminal) {
	p := w.sale(t, g.id, g.name(1))
	s := g.offered(p.ID)
	g.report(s.Seq, fact(1, protocol.FactReceived, p.ID), fact(2, protocol.FactPresented, p.ID))
	g.acked(2)
	w.pay(t, p)
	r := g.state("the result", func(s protocol.State) bool { return s.Result != nil })
	if r.Seq <= s.Seq || r.Sale != nil || *r.Result != (protocol.Result{
		PaymentID: p.ID, MerchantTransactionID: p.TransactionID, AmountPaise: 24500, Outcome: protocol.OutcomeSucceeded,
		Reference: "0042", AgeMillis: r.Result.AgeMillis,
	}) {
		t.Errorf("state %+v with %+v", r, r.Result)
	}
	// Asked again, it is told again, until it says that it has shown it.
	if again := g.sync(); again.Result == nil || again.Result.PaymentID != p.ID {
		t.Errorf("the result is lost: %+v", again)
	}
	g.report(r.Seq, fact(3, protocol.FactShown, p.ID))
	if s := g.acked(3); s.Result != nil {
		t.Errorf("shown, and told again: %+v", s.Result)
	}
	if row := w.terminal(t, g.id); row.Result != "" || row.NeedsTelling() {
		t.Errorf("row %+v", row)
	}
}

func foreignFact(t *testing.T, w *world, g *terminal) {
	other := till(w.tills) // which never comes
	p := w.sale(t, other, g.name(1))
	g.report(0, fact(1, protocol.FactPresented, p.ID), fact(2, protocol.FactRefused, p.ID), fact(3, protocol.FactShown, "GPnone"))
	g.acked(3)
	if got := w.story(t, p.ID); got != "init" {
		t.Errorf("events %q", got)
	}
}

func heartbeat(t *testing.T, w *world, g *terminal) {
	p := w.sale(t, g.id, g.name(1))
	seq := g.offered(p.ID).Seq
	before := w.terminal(t, g.id)
	g.beat("another session", seq, protocol.ModeFault)
	g.beat(g.session, seq+5, protocol.ModeIdle) // of a state that there never was
	w.await(t, "the heartbeat is noted", func() bool { return w.terminal(t, g.id).Mode == protocol.ModeIdle })
	row := w.terminal(t, g.id)
	if !row.NeedsTelling() || !row.LastSeen.After(before.LastSeen) {
		t.Errorf("row %+v, before %+v", row, before)
	}
	g.offered(p.ID) // so it is told again
	g.beat(g.session, seq, protocol.ModePresenting)
	w.await(t, "the state is acknowledged", func() bool { return !w.terminal(t, g.id).NeedsTelling() })
}

func lastWill(t *testing.T, w *world, g *terminal) {
	wills := w.counted("presence")
	old := g.lost
	g.connect() // takes the old session over, whose will the broker sends
	g.listen()
	g.sync()
	<-old
	w.await(t, "the old session's will", func() bool { return w.counted("presence") == wills+1 })
	if row := w.terminal(t, g.id); !row.GoneAt.IsZero() || row.Session != g.session {
		t.Errorf("gone by the will of an old session: %+v", row)
	}
	g.cut()
	w.await(t, "it is gone", func() bool { return !w.terminal(t, g.id).GoneAt.IsZero() })
	g.connect()
	g.listen()
	g.sync()
	if row := w.terminal(t, g.id); !row.GoneAt.IsZero() {
		t.Errorf("back, and still gone: %+v", row)
	}
	if got := w.counted("presence"); got != wills+2 {
		t.Errorf("%d wills came, want 2", got-wills)
	}
}

func forgeries(t *testing.T, w *world, g *terminal) {
	other := join(t, w, g.v, till(w.tills))
	p := w.sale(t, g.id, g.name(1))
	seq := g.offered(p.ID).Seq
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	impostor := protocol.SigningKey{ID: g.key.ID, Private: stranger}
	report := g.reporting(seq, fact(1, protocol.FactPresented, p.ID))
	future, foreign, down := report, report, report
	future.V, foreign.Identity, down.Type = protocol.Version+1, other.id, protocol.TypeState
	many := report
	for n := range 257 {
		many.Facts = append(many.Facts, protocol.Fact{N: uint64(n)})
	}
	good := g.sign(report)
	flipped := append([]byte(nil), good...)
	flipped[len(flipped)-10] ^= 1
	for _, row := range []struct {
		name    string
		payload []byte
	}{
		{"nothing", nil},
		{"text", []byte("PAID")},
		{"a message without signature", protocoltest.JSON("report")},
		{"a signature with a bit flipped", flipped},
		{"a message cut short", good[:len(good)-1]},
		{"another terminal's key", g.signAs(other.key, protocol.PurposeUp, report)},
		{"a stranger's key that takes the terminal's key id", g.signAs(impostor, protocol.PurposeUp, report)},
		{"the controller's own key", g.signAs(protocoltest.Key("online"), protocol.PurposeUp, report)},
		{"another terminal's identity", g.sign(foreign)},
		{"another terminal's message, as it is", other.sign(foreign)},
		{"a signature for another purpose", g.signAs(g.key, protocol.PurposeDown, report)},
		{"another version of the protocol", g.sign(future)},
		{"a state", g.sign(down)},
		{"a last will on the report topic", g.sign(g.presence(g.session))},
		{"more facts than a spool holds", g.sign(many)},
	} {
		before, beside, paying := w.terminal(t, g.id), w.terminal(t, other.id), w.payment(t, p.ID)
		refused := w.counted("report_refused")
		g.say(row.payload)
		w.await(t, row.name+" is refused", func() bool { return w.counted("report_refused") == refused+1 })
		if after := w.terminal(t, g.id); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("%s changed the terminal from %+v to %+v", row.name, before, after)
		}
		if after := w.terminal(t, other.id); fmt.Sprint(after) != fmt.Sprint(beside) {
			t.Errorf("%s changed the other terminal from %+v to %+v", row.name, beside, after)
		}
		if after := w.payment(t, p.ID); after != paying {
			t.Errorf("%s changed the payment from %+v to %+v", row.name, paying, after)
		}
	}
	g.say(good) // and the good one is still taken
	w.awaitState(t, p.ID, payment.Presented)
}

func oversize(t *testing.T, w *world, g *terminal) {
	p := w.sale(t, g.id, g.name(1))
	seq := g.offered(p.ID).Seq
	large := append(g.sign(g.reporting(seq, fact(1, protocol.FactPresented, p.ID))), make([]byte, protocol.MaxMessage)...)
	g.client.Publish(protocol.ReportTopic(g.id), 1, false, large)
	g.awaitLost()
	g.connect()
	g.listen()
	g.sync()
	if row := w.terminal(t, g.id); row.FactSeq != 0 || w.story(t, p.ID) != "init" {
		t.Errorf("row %+v, events %s", row, w.story(t, p.ID))
	}
}
