package mqttlink_test

import (
	"context"
	"crypto/subtle"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/galla-pay/galla/controller/internal/broker"
	"github.com/galla-pay/galla/controller/internal/mosquitto"
	"github.com/galla-pay/galla/controller/internal/mqttlink"
	"github.com/galla-pay/galla/hack/testservers"
	"github.com/galla-pay/galla/protocol"
)

// venue is a broker where terminals and the link meet.
type venue interface {
	mqttlink.Publisher
	addr() string
	// admit lets an enrolled terminal in.
	admit(t *testing.T, id protocol.Identity, token string)
	// restart ends the broker and brings it back, with the link's connection.
	restart(t *testing.T)
}

// venues are both ways to reach terminals (DESIGN section 4).
var venues = []struct {
	name string
	open func(t *testing.T, w *world) venue
}{
	{"embedded broker", openEmbedded},
	{"existing Mosquitto", openMosquitto},
}

// open opens a venue and gives it to the link.
func (w *world) open(t *testing.T, open func(*testing.T, *world) venue) venue {
	t.Helper()
	v := open(t, w)
	var p mqttlink.Publisher = v
	w.mouth.to.Store(&p)
	return v
}

// hear is what every broker gives the link that runs now.
func (w *world) hear(topic string, payload []byte) {
	if l := w.link.Load(); l != nil {
		l.Receive(topic, payload)
	}
}

// embedded is the broker in this process.
type embedded struct {
	w        *world
	now      atomic.Pointer[broker.Broker]
	listener net.Listener
	served   chan error
}

func openEmbedded(t *testing.T, w *world) venue {
	t.Helper()
	e := &embedded{w: w, served: make(chan error, 1)}
	e.open(t)
	t.Cleanup(func() { e.close(t) })
	return e
}

func (e *embedded) open(t *testing.T) {
	t.Helper()
	b, err := broker.New(broker.Config{Auth: e.auth, OnReport: e.onReport, Log: e.w.log})
	must(t, err)
	e.listener, err = net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	e.now.Store(b)
	listener := e.listener
	go func() { e.served <- b.Serve(listener) }()
}

func (e *embedded) close(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must(t, e.now.Load().Close(ctx))
	<-e.served
}

func (e *embedded) auth(ctx context.Context, id protocol.Identity, token [32]byte) (bool, error) {
	row, err := e.w.DB.Terminal(ctx, id)
	return err == nil && subtle.ConstantTimeCompare(row.TokenHash, token[:]) == 1, err
}

func (e *embedded) onReport(_ context.Context, id protocol.Identity, kind string, payload []byte) {
	topic := protocol.ReportTopic(id)
	if kind == broker.KindPresence {
		topic = protocol.PresenceTopic(id)
	}
	e.w.hear(topic, payload)
}

func (e *embedded) Publish(topic string, payload []byte) error {
	return e.now.Load().Publish(topic, payload)
}
func (e *embedded) addr() string { return e.listener.Addr().String() }
func (e *embedded) admit(_ *testing.T, id protocol.Identity, _ string) {
	e.now.Load().Kick(id) // the row of the terminal is asked
}

func (e *embedded) restart(t *testing.T) {
	t.Helper()
	e.close(t)
	e.open(t)
}

// existing is a Mosquitto as it is deployed, reached by an External.
type existing struct {
	*mqttlink.External
	server *testservers.Mosquitto
	admin  *mosquitto.DynSec
	w      *world
}

func openMosquitto(t *testing.T, w *world) venue {
	t.Helper()
	server := startMosquitto(t)
	admin, err := mosquitto.New(t.Context(), mosquitto.Options{
		URL: server.URL(), Username: server.AdminUsername, Password: server.AdminPassword, Log: w.log, Timeout: patience,
	})
	must(t, err)
	t.Cleanup(admin.Close)
	must(t, admin.EnsureDefaults(t.Context()))
	// One account administers and carries messages, as the controller does it.
	must(t, admin.EnsureController(t.Context(), server.AdminUsername, server.AdminPassword))
	link, _ := connectExternal(t, w, mqttlink.External{
		URLs: []string{server.URL()}, Username: server.AdminUsername, Password: server.AdminPassword, Receive: w.hear,
	})
	return &existing{link, server, admin, w}
}

func startMosquitto(t *testing.T) *testservers.Mosquitto {
	t.Helper()
	server, err := testservers.StartHardenedMosquitto(t.Context(), "")
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the broker (running: %v) says:\n%s", server.Running(), server.Log())
		}
		server.Stop()
	})
	return server
}

// connectExternal runs an External and waits until it is connected.
func connectExternal(t *testing.T, w *world, e mqttlink.External) (*mqttlink.External, func()) {
	t.Helper()
	e.Log = w.log
	link, err := mqttlink.NewExternal(e)
	must(t, err)
	stop := running(t, link.Run)
	w.await(t, "the link is connected", link.Connected)
	return link, stop
}

func (e *existing) addr() string { return e.server.Addr() }

func (e *existing) admit(t *testing.T, id protocol.Identity, token string) {
	t.Helper()
	must(t, e.admin.Provision(t.Context(), id, token))
}

func (e *existing) restart(t *testing.T) {
	t.Helper()
	e.server.Kill()
	e.w.await(t, "the link sees that the broker is gone", func() bool { return !e.Connected() })
	if err := e.Publish(protocol.CommandTopic(till(1)), []byte("lost")); !errors.Is(err, mqttlink.ErrNotConnected) {
		t.Errorf("Publish to a broker that is gone: %v, want ErrNotConnected", err)
	}
	must(t, e.server.Restart(t.Context()))
	e.w.await(t, "the link is connected again", e.Connected)
	must(t, e.admin.EnsureDefaults(t.Context())) // which has its own connection
}
