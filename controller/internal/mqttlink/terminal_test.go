package mqttlink_test

import (
	"crypto/rand"
	"net"
	"net/url"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/galla-pay/galla/protocol"
)

// terminal is a terminal played by paho, the agent's client.
type terminal struct {
	t       *testing.T
	w       *world
	v       venue
	id      protocol.Identity
	key     protocol.SigningKey
	token   string
	session string
	epoch   string

	client   paho.Client
	wire     chan net.Conn
	commands chan []byte
	lost     chan struct{}
	version  uint64              // of the newest key set
	keys     protocol.PublicKeys // that it has brought
}

// join enrols a terminal, connects it, and has it sync.
func join(t *testing.T, w *world, v venue, id protocol.Identity) *terminal {
	t.Helper()
	g := &terminal{t: t, w: w, v: v, id: id, epoch: "E-" + id.TerminalID}
	g.key, g.token = w.enrol(t, id)
	v.admit(t, id, g.token)
	g.connect()
	g.listen()
	g.sync()
	return g
}

// connect logs in, on a new session with its last will.
func (g *terminal) connect() {
	g.t.Helper()
	g.session = rand.Text()
	g.wire, g.commands, g.lost = make(chan net.Conn, 1), make(chan []byte, 1024), make(chan struct{})
	commands, lost, wire := g.commands, g.lost, g.wire
	options := paho.NewClientOptions().AddBroker("tcp://"+g.v.addr()).
		SetClientID(g.id.String()).SetUsername(g.id.String()).SetPassword(g.token).
		SetProtocolVersion(4).SetCleanSession(true).SetKeepAlive(30*time.Second).
		SetConnectTimeout(patience).SetWriteTimeout(patience).
		SetAutoReconnect(false).SetConnectRetry(false).SetOrderMatters(true).
		SetBinaryWill(protocol.PresenceTopic(g.id), g.sign(g.presence(g.session)), 1, false).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { commands <- m.Payload() }).
		SetConnectionLostHandler(func(paho.Client, error) { close(lost) }).
		SetCustomOpenConnectionFn(func(u *url.URL, _ paho.ClientOptions) (net.Conn, error) {
			conn, err := net.Dial("tcp", u.Host)
			if err == nil {
				wire <- conn
			}
			return conn, err
		})
	client := paho.NewClient(options)
	g.done("CONNECT", client.Connect())
	g.client = client
	// Disconnect waits until DISCONNECT is written: a socket closed before that
	// makes the broker send the will, into the counts of the next row.
	g.t.Cleanup(func() { client.Disconnect(uint(patience.Milliseconds())) })
}

// cut ends the connection without DISCONNECT. It closes our half of it, since
// paho does not call a socket lost that was closed here.
func (g *terminal) cut() {
	g.t.Helper()
	must(g.t, (<-g.wire).(*net.TCPConn).CloseWrite())
	g.awaitLost()
}

func (g *terminal) awaitLost() {
	g.t.Helper()
	select {
	case <-g.lost:
	case <-time.After(patience):
		g.t.Fatalf("%s is still connected", g.id)
	}
}

func (g *terminal) listen() {
	g.t.Helper()
	token := g.client.Subscribe(protocol.CommandTopic(g.id), 1, nil)
	g.done("SUBSCRIBE", token)
	if code := token.(*paho.SubscribeToken).Result()[protocol.CommandTopic(g.id)]; code > 1 {
		g.t.Fatalf("%s may not listen: %#x", g.id, code)
	}
}

func (g *terminal) deafen() {
	g.t.Helper()
	g.done("UNSUBSCRIBE", g.client.Unsubscribe(protocol.CommandTopic(g.id)))
}

func (g *terminal) done(what string, token paho.Token) {
	g.t.Helper()
	if !token.WaitTimeout(patience) {
		g.t.Fatalf("%s: no answer to %s", g.id, what)
	}
	if err := token.Error(); err != nil {
		g.t.Fatalf("%s: %s: %v", g.id, what, err)
	}
}

func (g *terminal) header(kind protocol.Type) protocol.Header {
	return protocol.Header{V: protocol.Version, Type: kind, Identity: g.id}
}

func (g *terminal) presence(session string) protocol.Presence {
	return protocol.Presence{Header: g.header(protocol.TypePresence), Session: session}
}

func (g *terminal) sign(message any) []byte { return g.signAs(g.key, protocol.PurposeUp, message) }

func (g *terminal) signAs(key protocol.SigningKey, purpose protocol.Purpose, message any) []byte {
	g.t.Helper()
	b, err := key.Sign(purpose, message)
	must(g.t, err)
	return b
}

// say publishes on the report topic; the broker has taken it when it returns.
func (g *terminal) say(payload []byte) {
	g.t.Helper()
	g.done("PUBLISH", g.client.Publish(protocol.ReportTopic(g.id), 1, false, payload))
}

func (g *terminal) reporting(ackSeq uint64, facts ...protocol.Fact) protocol.Report {
	return protocol.Report{
		Header: g.header(protocol.TypeReport), Session: g.session, Epoch: g.epoch, AckSeq: ackSeq,
		Mode: protocol.ModePresenting, Facts: facts,
	}
}

func (g *terminal) report(ackSeq uint64, facts ...protocol.Fact) {
	g.t.Helper()
	g.say(g.sign(g.reporting(ackSeq, facts...)))
}

func (g *terminal) beat(session string, ackSeq uint64, mode protocol.Mode) {
	g.t.Helper()
	g.say(g.sign(protocol.Heartbeat{Header: g.header(protocol.TypeHeartbeat), Session: session, AckSeq: ackSeq, Mode: mode}))
}

// sync asks for the whole state. The key set comes first and opens with the
// root key that the terminal has pinned; then the state with the nonce.
func (g *terminal) sync() protocol.State {
	g.t.Helper()
	nonce := rand.Text()
	r := g.reporting(0)
	r.Type, r.Nonce, r.Mode = protocol.TypeSync, nonce, protocol.ModeOffline
	g.say(g.sign(r))
	for protocol.PurposeOf(g.peek()) == protocol.PurposeDown {
		// The sweep was faster with a state, which says nothing as yet.
	}
	return g.state("the answer to the sync", func(s protocol.State) bool { return s.Nonce == nonce })
}

// peek takes the next message; a key set that is newer is believed.
func (g *terminal) peek() []byte {
	g.t.Helper()
	select {
	case m := <-g.commands:
		if protocol.PurposeOf(m) == protocol.PurposeKeys {
			version, keys, err := protocol.OpenKeySet(m, g.w.root)
			must(g.t, err)
			if version > g.version {
				g.version, g.keys = version, keys
			}
		}
		return m
	case <-g.lost:
		g.t.Fatalf("%s lost its connection", g.id)
	case <-time.After(patience):
		g.t.Fatalf("%s hears nothing", g.id)
	}
	return nil
}

// state waits for a state, signed by a key of the key set, that is as wanted;
// those before it may be repeats of older ones.
func (g *terminal) state(what string, ok func(protocol.State) bool) protocol.State {
	g.t.Helper()
	limit := time.Now().Add(patience)
	for time.Now().Before(limit) {
		m := g.peek()
		if protocol.PurposeOf(m) == protocol.PurposeKeys {
			continue
		}
		s, err := protocol.OpenState(m, g.keys, g.id)
		must(g.t, err)
		if ok(s) {
			return s
		}
	}
	g.t.Fatalf("%s is never told: %s", g.id, what)
	return protocol.State{}
}

// offered waits for the state with the sale.
func (g *terminal) offered(paymentID string) protocol.State {
	g.t.Helper()
	return g.state(paymentID+" is offered", func(s protocol.State) bool { return s.Sale != nil && s.Sale.PaymentID == paymentID })
}

// acked waits for the state that says that facts up to n are committed.
func (g *terminal) acked(n uint64) protocol.State {
	g.t.Helper()
	return g.state("facts are committed", func(s protocol.State) bool { return s.AckSeq == n && s.Epoch == g.epoch })
}

func fact(n uint64, kind protocol.FactKind, paymentID string) protocol.Fact {
	return protocol.Fact{N: n, Kind: kind, PaymentID: paymentID}
}
