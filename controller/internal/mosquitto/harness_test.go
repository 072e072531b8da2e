package mosquitto_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"go.uber.org/goleak"

	"github.com/galla-pay/galla/controller/internal/mosquitto"
	"github.com/galla-pay/galla/hack/testservers"
	"github.com/galla-pay/galla/protocol"
)

// TestMain demands that no goroutine is left. paho's Disconnect leaves one for
// the milliseconds that it was given, which a busy machine makes long.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		left := goleak.Find()
		for begun := time.Now(); left != nil && time.Since(begun) < 10*time.Second; {
			left = goleak.Find()
		}
		if left != nil {
			fmt.Fprintln(os.Stderr, left)
			code = 1
		}
	}
	os.Exit(code)
}

// patience bounds every wait of a test. It is reached only by a failure.
const patience = 60 * time.Second

var (
	gina = protocol.Identity{MerchantID: "M1", StoreID: "shop", TerminalID: "till-1"}
	hari = protocol.Identity{MerchantID: "M1", StoreID: "shop", TerminalID: "till-2"}
	anna = protocol.Identity{MerchantID: "M2", StoreID: "shop", TerminalID: "till-1"}
)

const (
	ginasToken = "token-of-gina-0123456789abcdef0123456789"
	harisToken = "token-of-hari-0123456789abcdef0123456789"
)

// start runs Mosquitto as it is deployed.
func start(t *testing.T) *testservers.Mosquitto {
	t.Helper()
	broker, err := testservers.StartHardenedMosquitto(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the broker (running: %v) says:\n%s", broker.Running(), broker.Log())
		}
		broker.Stop()
	})
	return broker
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func options(broker *testservers.Mosquitto) mosquitto.Options {
	return mosquitto.Options{
		URL:      broker.URL(),
		Username: broker.AdminUsername,
		Password: broker.AdminPassword,
		Log:      quiet(),
		Timeout:  patience,
	}
}

// administer connects to the plug-in.
func administer(t *testing.T, broker *testservers.Mosquitto) *mosquitto.DynSec {
	t.Helper()
	d, err := mosquitto.New(t.Context(), options(broker))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// shop is a broker that has been set up by EnsureDefaults and EnsureController,
// with gina and hari provisioned.
type shop struct {
	*testservers.Mosquitto
	admin *mosquitto.DynSec
}

const (
	controllerName     = "controller-1"
	controllerPassword = "controller-0123456789abcdef"
)

func open(t *testing.T) shop {
	t.Helper()
	broker := start(t)
	s := shop{broker, administer(t, broker)}
	must(t, s.admin.EnsureDefaults(t.Context()))
	must(t, s.admin.EnsureController(t.Context(), controllerName, controllerPassword))
	must(t, s.admin.Provision(t.Context(), gina, ginasToken))
	must(t, s.admin.Provision(t.Context(), hari, harisToken))
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// party is an MQTT client, good or bad.
type party struct {
	t        *testing.T
	name     string
	client   paho.Client
	messages chan paho.Message
	lost     chan struct{}
}

// as is the login of a terminal, or of anybody, for change to spoil.
type as struct {
	clientID, username, password string
	willTopic, will              string
	retainWill                   bool
}

func terminal(id protocol.Identity, token string) as {
	return as{clientID: id.String(), username: id.String(), password: token}
}

func controller() as {
	return as{clientID: "controller-of-test", username: controllerName, password: controllerPassword}
}

// errRefused is a CONNECT that was not accepted.
var errRefused = errors.New("refused")

// connect logs in, or returns errRefused.
func connect(t *testing.T, broker *testservers.Mosquitto, a as) (*party, error) {
	t.Helper()
	p := &party{t: t, name: a.clientID, messages: make(chan paho.Message, 256), lost: make(chan struct{})}
	o := paho.NewClientOptions().AddBroker("tcp://" + broker.Addr()).
		SetClientID(a.clientID).SetUsername(a.username).SetPassword(a.password).
		SetProtocolVersion(4).SetCleanSession(true).SetKeepAlive(30 * time.Second).
		SetConnectTimeout(patience).SetWriteTimeout(patience).
		SetAutoReconnect(false).SetConnectRetry(false).SetOrderMatters(true).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { p.messages <- m }).
		SetConnectionLostHandler(func(paho.Client, error) { close(p.lost) })
	if a.willTopic != "" {
		o.SetWill(a.willTopic, a.will, 1, a.retainWill)
	}
	p.client = paho.NewClient(o)
	token := p.client.Connect()
	if !token.WaitTimeout(patience) {
		t.Fatalf("%s: no answer to CONNECT", p.name)
	}
	if err := token.Error(); err != nil {
		return nil, errors.Join(errRefused, err)
	}
	t.Cleanup(func() { p.client.Disconnect(0) })
	return p, nil
}

func join(t *testing.T, broker *testservers.Mosquitto, a as) *party {
	t.Helper()
	p, err := connect(t, broker, a)
	if err != nil {
		t.Fatalf("%s: %v", a.clientID, err)
	}
	return p
}

// subscribe reports whether the broker granted filter.
func (p *party) subscribe(filter string) bool {
	p.t.Helper()
	token := p.client.Subscribe(filter, 1, nil)
	if !token.WaitTimeout(patience) {
		p.t.Fatalf("%s: no answer to SUBSCRIBE %s", p.name, filter)
	}
	if token.Error() != nil {
		return false
	}
	for _, code := range token.(*paho.SubscribeToken).Result() {
		return code < 0x80 // the only one; paho names it without $share
	}
	p.t.Fatalf("%s: SUBACK without a code for %s", p.name, filter)
	return false
}

// publish returns when the broker has acknowledged, which it does whether or
// not it delivers.
func (p *party) publish(topic, text string) {
	p.t.Helper()
	p.send(topic, text, false)
}

func (p *party) send(topic, text string, retain bool) {
	p.t.Helper()
	if token := p.client.Publish(topic, 1, retain, text); !token.WaitTimeout(patience) {
		p.t.Fatalf("%s: no answer to PUBLISH %s", p.name, topic)
	}
}

// next is the next message, as "topic text".
func (p *party) next() string {
	p.t.Helper()
	select {
	case m := <-p.messages:
		return m.Topic() + " " + string(m.Payload())
	case <-p.lost:
		p.t.Fatalf("%s lost its connection", p.name)
	case <-time.After(patience):
		p.t.Fatalf("%s got no message", p.name)
	}
	return ""
}

// hears wants the next message to be text on topic: nothing else came before.
func (p *party) hears(topic, text string) {
	p.t.Helper()
	if got, want := p.next(), topic+" "+text; got != want {
		p.t.Errorf("%s heard %q, want %q", p.name, got, want)
	}
}

// hangUp breaks the connection without DISCONNECT. paho has no word for that;
// a second CONNECT of the same client id has the broker do it.
func hangUp(t *testing.T, broker *testservers.Mosquitto, p *party, a as) {
	t.Helper()
	a.willTopic = ""
	again := join(t, broker, a)
	select {
	case <-p.lost:
	case <-time.After(patience):
		t.Fatalf("%s was not taken over", p.name)
	}
	again.client.Disconnect(0)
}

// names reports whether err names command.
func names(err error, command string) bool {
	return err != nil && strings.Contains(err.Error(), command)
}

func ctxFor(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
