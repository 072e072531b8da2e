package broker_test

import (
	"fmt"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/galla-pay/galla/controller/internal/broker"
	"github.com/galla-pay/galla/protocol"
)

// terminal is a well-behaved terminal: the paho client that the agent uses.
type terminal struct {
	t        *testing.T
	w        *world
	id       protocol.Identity
	client   paho.Client
	commands chan string
	lost     chan error
	checks   int
}

// join connects a well-behaved terminal and subscribes it.
func (w *world) join(t *testing.T, id protocol.Identity) *terminal {
	t.Helper()
	g := &terminal{t: t, w: w, id: id, commands: make(chan string, 256), lost: make(chan error, 1)}
	options := paho.NewClientOptions().
		AddBroker("tcp://" + w.addr).
		SetClientID(id.String()).SetUsername(id.String()).SetPassword(w.token(id)).
		SetProtocolVersion(4).SetCleanSession(true).SetKeepAlive(30 * time.Second).
		SetConnectTimeout(patience).SetWriteTimeout(patience).
		SetAutoReconnect(false).SetConnectRetry(false).
		SetOrderMatters(false).
		SetConnectionLostHandler(func(_ paho.Client, err error) { g.lost <- err })
	g.client = paho.NewClient(options)
	g.done("connect", g.client.Connect())
	t.Cleanup(func() { g.client.Disconnect(0) })
	g.done("subscribe", g.client.Subscribe(protocol.CommandTopic(id), 1, func(_ paho.Client, m paho.Message) {
		g.commands <- string(m.Payload())
	}))
	return g
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

// works sends one report and gets one command, and is the fence of attack tests:
// what was sent before it has been dealt with after it.
func (g *terminal) works() {
	g.t.Helper()
	g.checks++
	text := fmt.Sprintf("check %d of %s", g.checks, g.id)
	g.done("report", g.client.Publish(protocol.ReportTopic(g.id), 1, false, text))
	g.w.await(g.t, message{g.id.String(), broker.KindReport, text})
	if err := g.w.Publish(protocol.CommandTopic(g.id), []byte(text)); err != nil {
		g.t.Fatal(err)
	}
	g.hears(text)
}

// hears wants text to be the next command, nothing before it.
func (g *terminal) hears(text string) {
	g.t.Helper()
	select {
	case got := <-g.commands:
		if got != text {
			g.t.Fatalf("%s got command %q, want %q", g.id, got, text)
		}
	case err := <-g.lost:
		g.t.Fatalf("%s lost its connection: %v", g.id, err)
	case <-time.After(patience):
		g.t.Fatalf("%s got no command", g.id)
	}
}
