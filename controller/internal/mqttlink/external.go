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
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/galla-pay/galla/protocol"
)

// Waits towards an existing broker.
const (
	connectTimeout = 5 * time.Second
	// reachFirst is how long a node of several may take to be reached before the
	// next is tried; it doubles with each round of them, up to connectTimeout.
	reachFirst = time.Second
	// A node that falls silent without a word is left within keepAlive*3/2 and
	// pingTimeout; so long also lasts what a broker gives to a controller that fell
	// silent, where reports are shared.
	keepAlive   = 5 * time.Second
	pingTimeout = 3 * time.Second
	leaveTime   = time.Second // for a broker to let go of us
	retryFirst  = 200 * time.Millisecond
	retryMost   = 5 * time.Second
)

// ErrNotConnected is returned by Publish while the broker is away. Nothing is
// lost: the sweep publishes again.
var ErrNotConnected = errors.New("not connected to the broker")

// External is an existing broker, reached through paho: one server, or the nodes
// of one cluster. It is connected to one of them at a time, the first of which
// it draws, so that controllers spread over them; when that is lost, or does not
// take it, it goes on to the next.
type External struct {
	URLs     []string // of ParseBrokers
	Username string
	Password string
	TLS      *tls.Config // of mqtts; nil means the system's roots
	// ShareGroup is the group in which controllers share the reports, so that each
	// is handled by one of them, where the broker delivers shared subscriptions
	// (DESIGN section 4). With "" every controller hears every report, and repeats
	// are dropped by number; that costs work and nothing else.
	ShareGroup string
	// AtMostOnce publishes and subscribes at QoS 0 instead of 1: for a broker that
	// pays for 1 with a disk and a quorum, as NATS does. Nothing depends on the
	// broker's care, since terminals acknowledge themselves.
	AtMostOnce bool
	Receive    func(topic string, payload []byte)
	Log        *slog.Logger

	now *atomic.Pointer[connection] // to nil: not connected
	// wary: the last connection ended while it was probed for shared subscriptions,
	// so that the next is left alone.
	wary bool
	left *atomic.Bool // no reports are taken any more
}

// connection is one connection to one node.
type connection struct {
	mqtt.Client
	url    string
	lost   chan struct{} // closed when it is
	probe  string        // the topic that shared subscriptions are tried with
	heard  chan struct{} // holds a token when something came on it
	shared atomic.Bool   // reports come by a shared subscription
}

// NewExternal makes the connection; Run holds it.
func NewExternal(e External) (*External, error) {
	if len(e.URLs) == 0 {
		return nil, errBrokerURL
	}
	for _, text := range e.URLs {
		if _, err := parseBroker(text); err != nil {
			return nil, err
		}
	}
	e.now, e.left = &atomic.Pointer[connection]{}, &atomic.Bool{}
	return &e, nil
}

func (e *External) qos() byte {
	if e.AtMostOnce {
		return 0
	}
	return 1
}

// Publish sends a message, if the broker is there. It does not wait for the
// broker's word: the terminal's own acknowledgement is what counts.
func (e *External) Publish(topic string, payload []byte) error {
	c := e.now.Load()
	if c == nil || !c.IsConnectionOpen() {
		return ErrNotConnected
	}
	token := c.Publish(topic, e.qos(), false, payload)
	select {
	case <-token.Done():
		return token.Error() // it could not even be queued, or is acknowledged already
	default:
		return nil
	}
}

// Connected reports whether the broker is there, for /readyz.
func (e *External) Connected() bool {
	c := e.now.Load()
	return c != nil && c.IsConnectionOpen()
}

// Node is the address of the node that it is connected to, or "".
func (e *External) Node() string {
	if c := e.now.Load(); c != nil && c.IsConnectionOpen() {
		return c.url
	}
	return ""
}

// Shared reports whether reports come by a shared subscription now.
func (e *External) Shared() bool {
	c := e.now.Load()
	return c != nil && c.IsConnectionOpen() && c.shared.Load()
}

// Run connects, and connects again when the connection is lost, until ctx ends.
func (e *External) Run(ctx context.Context) {
	failed := 0 // connections in a row that did not come about
	for at := rand.N(len(e.URLs)); ctx.Err() == nil; at = (at + 1) % len(e.URLs) {
		c, err := e.connect(ctx, e.URLs[at], failed)
		if err != nil {
			failed++
			e.Log.Warn("cannot reach the broker", "broker", e.URLs[at], "error", err)
		} else {
			failed = 0
			e.Log.Info("connected to the broker", "broker", c.url)
			e.hold(ctx, c)
		}
		select {
		case <-ctx.Done():
		case <-time.After(e.pause(failed)):
		}
	}
}

// rounds is how often all nodes failed, after so many failures.
func (e *External) rounds(failed int) int { return max(failed-1, 0) / len(e.URLs) }

// pause is the wait before the next try: short until all nodes have failed.
func (e *External) pause(failed int) time.Duration {
	wait := retryMost
	if n := e.rounds(failed); n < 8 {
		wait = min(retryFirst<<n, retryMost)
	}
	return wait/2 + rand.N(wait)
}

// reach is how long a node may take to be reached.
func (e *External) reach(failed int) time.Duration {
	if n := e.rounds(failed); len(e.URLs) > 1 && n < 8 {
		return min(reachFirst<<n, connectTimeout)
	}
	return connectTimeout
}

// greet is how long a node that was reached may take to let us in. One of a
// cluster that has just lost another may be busy with that.
func (e *External) greet(failed int) time.Duration { return min(2*e.reach(failed), connectTimeout) }

// hold uses a connection until it is lost or ctx ends.
func (e *External) hold(ctx context.Context, c *connection) {
	held, done := context.WithCancel(ctx)
	var sharing sync.WaitGroup
	e.now.Store(c)
	wary := e.wary
	e.wary = false
	if e.ShareGroup != "" && !wary && !e.left.Load() {
		sharing.Go(func() { e.share(held, c) })
	}
	select {
	case <-c.lost:
		e.Log.Warn("connection to the broker lost", "broker", c.url)
	case <-ctx.Done():
	}
	done()
	sharing.Wait()
	_ = e.leave(context.WithoutCancel(ctx), c) // what is lost by that comes again
	e.now.Store(nil)
	c.Disconnect(250)
}

// Leave stops taking reports in, and goes on publishing. A broker that shares
// reports gives them to the other controllers from then on: what it gave to a
// connection that ends would be lost until the terminals say it again.
func (e *External) Leave(ctx context.Context) error {
	e.left.Store(true)
	if c := e.now.Load(); c != nil {
		return e.leave(ctx, c)
	}
	return nil
}

func (e *External) leave(ctx context.Context, c *connection) error {
	if !c.IsConnectionOpen() {
		return nil // the broker knows
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	filters := []string{protocol.ReportFilter, protocol.PresenceFilter}
	if e.ShareGroup != "" {
		filters = append(filters, e.shared(protocol.ReportFilter), e.shared(protocol.PresenceFilter))
	}
	return await(ctx, c.Unsubscribe(filters...))
}

// connect makes a new client, since an old one is not to be used again, and
// subscribes to everything that terminals say.
func (e *External) connect(ctx context.Context, node string, failed int) (*connection, error) {
	var id [6]byte
	_, _ = crand.Read(id[:])
	name := hex.EncodeToString(id[:])
	c := &connection{url: node, lost: make(chan struct{}), probe: probeTopic(name), heard: make(chan struct{}, 1)}
	// paho knows no context, and would hold on to a broker that does not answer;
	// it would also go through a proxy of the environment.
	release := func() bool { return true }
	dial := func(to *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
		conn, err := e.dial(ctx, to.Host, e.reach(failed))
		if err == nil {
			release = context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}
	c.Client = mqtt.NewClient(mqtt.NewClientOptions().
		AddBroker(node).
		SetClientID("galla-controller-" + name).
		SetUsername(e.Username).SetPassword(e.Password).
		SetCustomOpenConnectionFn(dial).
		SetProtocolVersion(4).
		SetCleanSession(true).
		SetAutoReconnect(false).
		SetConnectTimeout(e.greet(failed)).
		SetWriteTimeout(connectTimeout).
		SetKeepAlive(keepAlive).
		SetPingTimeout(pingTimeout).
		SetOrderMatters(true).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			if m.Topic() == c.probe {
				c.echo()
				return
			}
			e.Receive(m.Topic(), m.Payload())
		}).
		SetConnectionLostHandler(func(mqtt.Client, error) { close(c.lost) }))
	if err := await(ctx, c.Connect()); err != nil {
		c.Disconnect(0)
		return nil, err
	}
	release()
	if e.left.Load() {
		return c, nil
	}
	if err := e.subscribe(ctx, c, protocol.ReportFilter, protocol.PresenceFilter); err != nil {
		c.Disconnect(0)
		return nil, err
	}
	return c, nil
}

// subscribe subscribes to filters, to all of them or it is an error.
func (e *External) subscribe(ctx context.Context, c mqtt.Client, filters ...string) error {
	wanted := map[string]byte{}
	for _, filter := range filters {
		wanted[filter] = e.qos()
	}
	token := c.SubscribeMultiple(wanted, nil)
	if err := await(ctx, token); err != nil {
		return err
	}
	for filter, granted := range token.(*mqtt.SubscribeToken).Result() {
		if granted == 0x80 {
			return fmt.Errorf("the broker refused the subscription to %s: give the controller's user that right", filter)
		}
	}
	return nil
}

// dial opens the connection within limit, the TLS handshake too.
func (e *External) dial(ctx context.Context, host string, limit time.Duration) (net.Conn, error) {
	plain := &net.Dialer{Timeout: limit}
	if strings.HasPrefix(e.URLs[0], "mqtts://") {
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
