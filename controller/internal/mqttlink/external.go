package mqttlink

import (
	"context"
	crand "crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/galla-pay/galla/protocol"
)

// Waits towards an existing broker.
const (
	connectTimeout = 5 * time.Second
	keepAlive      = 20 * time.Second
	retryFirst     = 200 * time.Millisecond
	retryMost      = 5 * time.Second
)

// ErrNotConnected is returned by Publish while the broker is away. Nothing is
// lost: the sweep publishes again.
var ErrNotConnected = errors.New("not connected to the broker")

// External is an existing broker, reached through paho. Every controller
// subscribes to everything and repeats are dropped by number, since not every
// broker delivers shared subscriptions (DESIGN section 4).
type External struct {
	URL      string // mqtt://host:port or mqtts://host:port
	Username string
	Password string
	TLS      *tls.Config // of mqtts; nil means the system's roots
	Receive  func(topic string, payload []byte)
	Log      *slog.Logger

	client chan mqtt.Client // always holds one: the connected client, or nil
}

// NewExternal makes the connection; Run holds it.
func NewExternal(e External) (*External, error) {
	u, err := url.Parse(e.URL)
	if err != nil || u.Hostname() == "" || u.Port() == "" || u.Scheme != "mqtt" && u.Scheme != "mqtts" ||
		u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		// Not quoted: it may hold a password, which belongs elsewhere.
		return nil, errors.New("the broker's URL must be mqtt://host:port or mqtts://host:port")
	}
	e.client = make(chan mqtt.Client, 1)
	e.client <- nil
	return &e, nil
}

// current is the connected client, or nil.
func (e *External) current() mqtt.Client {
	c := <-e.client
	e.client <- c
	return c
}

func (e *External) use(c mqtt.Client) {
	<-e.client
	e.client <- c
}

// Publish sends a message, if the broker is there. It does not wait for the
// broker's word: the terminal's own acknowledgement is what counts.
func (e *External) Publish(topic string, payload []byte) error {
	c := e.current()
	if c == nil || !c.IsConnectionOpen() {
		return ErrNotConnected
	}
	token := c.Publish(topic, 1, false, payload)
	select {
	case <-token.Done():
		return token.Error() // it could not even be queued, or is acknowledged already
	default:
		return nil
	}
}

// Connected reports whether the broker is there, for /readyz.
func (e *External) Connected() bool {
	c := e.current()
	return c != nil && c.IsConnectionOpen()
}

// Run connects, and connects again when the connection is lost, until ctx ends.
func (e *External) Run(ctx context.Context) {
	wait := retryFirst
	for ctx.Err() == nil {
		lost, err := e.connect(ctx)
		if err != nil {
			e.Log.Warn("cannot reach the broker", "broker", e.URL, "error", err)
		} else {
			wait = retryFirst
			e.Log.Info("connected to the broker", "broker", e.URL)
			select {
			case <-lost:
				e.Log.Warn("connection to the broker lost", "broker", e.URL)
			case <-ctx.Done():
			}
			c := e.current()
			e.use(nil)
			c.Disconnect(250)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait)):
		}
		wait = min(wait*2, retryMost)
	}
}

// connect makes a new client, since an old one is not to be used again, and
// returns a channel that closes when it is lost.
func (e *External) connect(ctx context.Context) (<-chan struct{}, error) {
	var id [6]byte
	_, _ = crand.Read(id[:])
	lost := make(chan struct{})
	// paho knows no context, and would hold on to a broker that does not answer;
	// it would also go through a proxy of the environment.
	release := func() bool { return true }
	dial := func(to *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
		conn, err := e.dial(ctx, to.Host)
		if err == nil {
			release = context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}
	opts := mqtt.NewClientOptions().
		AddBroker(e.URL).
		SetClientID("galla-controller-" + hex.EncodeToString(id[:])).
		SetUsername(e.Username).SetPassword(e.Password).
		SetCustomOpenConnectionFn(dial).
		SetProtocolVersion(4).
		SetCleanSession(true).
		SetAutoReconnect(false).
		SetConnectTimeout(connectTimeout).
		SetWriteTimeout(connectTimeout).
		SetKeepAlive(keepAlive).
		SetPingTimeout(connectTimeout).
		SetOrderMatters(true).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { e.Receive(m.Topic(), m.Payload()) }).
		SetConnectionLostHandler(func(mqtt.Client, error) { close(lost) })
	c := mqtt.NewClient(opts)
	if err := await(ctx, c.Connect()); err != nil {
		c.Disconnect(0)
		return nil, err
	}
	release()
	filters := map[string]byte{protocol.ReportFilter: 1, protocol.PresenceFilter: 1}
	token := c.SubscribeMultiple(filters, nil)
	err := await(ctx, token)
	if err == nil {
		for filter, granted := range token.(*mqtt.SubscribeToken).Result() {
			if granted == 0x80 {
				err = fmt.Errorf("the broker refused the subscription to %s: give the controller's user that right", filter)
			}
		}
	}
	if err != nil {
		c.Disconnect(0)
		return nil, err
	}
	e.use(c)
	return lost, nil
}

// dial opens the connection; connectTimeout bounds the TLS handshake too.
func (e *External) dial(ctx context.Context, host string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: connectTimeout}
	if strings.HasPrefix(e.URL, "mqtts://") {
		return (&tls.Dialer{NetDialer: plain, Config: e.TLS}).DialContext(ctx, "tcp", host)
	}
	return plain.DialContext(ctx, "tcp", host)
}

func await(ctx context.Context, token mqtt.Token) error {
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(2 * connectTimeout):
		return errors.New("no answer in time")
	}
}
