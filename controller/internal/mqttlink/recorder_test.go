package mqttlink_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/mqttlink"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

// recorder is a publisher that writes everything down, and the pen of one
// terminal that never was on a wire.
type recorder struct {
	t *testing.T
	w *world

	mu   sync.Mutex
	said []said
}

type said struct {
	to      protocol.Identity
	keySet  bool
	state   protocol.State
	arrived time.Time
}

// record has the link publish to a recorder.
func record(t *testing.T, w *world) *recorder {
	r := &recorder{t: t, w: w}
	var p mqttlink.Publisher = r
	w.mouth.to.Store(&p)
	return r
}

// Publish believes nothing that a terminal would not believe.
func (r *recorder) Publish(topic string, payload []byte) error {
	id, leaf, err := protocol.ParseTopic(topic)
	if err != nil || leaf != "command" {
		r.t.Errorf("published on %q: %v", topic, err)
		return nil
	}
	m := said{to: id, arrived: time.Now()}
	online := protocol.PublicKeys{protocoltest.Key("online").ID: protocoltest.Public("online")}
	if protocol.PurposeOf(payload) == protocol.PurposeKeys {
		_, _, err = protocol.OpenKeySet(payload, protocoltest.Public("root"))
		m.keySet = true
	} else {
		m.state, err = protocol.OpenState(payload, online, id)
	}
	if err != nil {
		r.t.Errorf("published on %s: %v", topic, err)
	}
	r.mu.Lock()
	r.said = append(r.said, m)
	r.mu.Unlock()
	r.w.ring()
	return nil
}

// heard takes what was said since it was asked last.
func (r *recorder) heard() []said {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.said
	r.said = nil
	return all
}

// inBubble runs a test in virtual time: link, journal and database are real,
// their clock is the bubble's.
func inBubble(t *testing.T, tills int, test func(t *testing.T, w *world, r *recorder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tills)
		test(t, w, record(t, w))
	})
}

// pass lets time pass, and everything happen that is due.
func pass(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

// hand is a terminal's pen: it gives the link signed messages, as a broker does.
type hand struct {
	t  *testing.T
	w  *world
	id protocol.Identity
	protocol.SigningKey
	session string
	boot    string // in a sync; "" is an old agent's
}

func newHand(t *testing.T, w *world, id protocol.Identity) *hand {
	t.Helper()
	h := &hand{t: t, w: w, id: id, session: "S1"}
	h.SigningKey, _ = w.enrol(t, id)
	return h
}

func (h *hand) give(topic string, message any) {
	h.t.Helper()
	b, err := h.Sign(protocol.PurposeUp, message)
	must(h.t, err)
	h.w.hear(topic, b)
}

func (h *hand) header(kind protocol.Type) protocol.Header {
	return protocol.Header{V: protocol.Version, Type: kind, Identity: h.id}
}

func (h *hand) sync(nonce string) {
	h.t.Helper()
	h.give(protocol.ReportTopic(h.id), protocol.Report{
		Header: h.header(protocol.TypeSync), Session: h.session, Epoch: "E1", Mode: protocol.ModeOffline, Nonce: nonce,
		Boot: h.boot,
	})
}

func (h *hand) report(ackSeq uint64, facts ...protocol.Fact) {
	h.t.Helper()
	h.give(protocol.ReportTopic(h.id), protocol.Report{
		Header: h.header(protocol.TypeReport), Session: h.session, Epoch: "E1", AckSeq: ackSeq, Mode: protocol.ModeIdle, Facts: facts,
	})
}

func (h *hand) beat(ackSeq uint64) {
	h.t.Helper()
	h.give(protocol.ReportTopic(h.id), protocol.Heartbeat{
		Header: h.header(protocol.TypeHeartbeat), Session: h.session, AckSeq: ackSeq, Mode: protocol.ModeIdle,
	})
}

func (h *hand) gone(session string) {
	h.t.Helper()
	h.give(protocol.PresenceTopic(h.id), protocol.Presence{Header: h.header(protocol.TypePresence), Session: session})
}
