package session

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/galla-pay/galla/protocol"
)

const (
	keepAlive = 20 * time.Second
	// Of several brokers: so that a node whose machine is gone without a word, with no
	// sale to tell, is noticed and another one found within 30 s.
	keepAliveNodes = 10 * time.Second
	pingTimeout    = 5 * time.Second
	// paho's Publish and Subscribe hand a packet to its writer, which is idle
	// but for pings; this bounds them should it just have ended.
	handOver = 500 * time.Millisecond
	// paho is given this long to end all its goroutines.
	endTimeout = 900 * time.Millisecond
	// subscriptionRefused is the granted QoS that is none (MQTT 3.1.1: SUBACK).
	subscriptionRefused = 0x80
)

// link is one connection to one broker.
type link struct {
	s       *Session
	id      string // of this session, in the last will too
	client  mqtt.Client
	wire    *wire
	lost    chan error // one error, when the connection is gone
	ended   chan struct{}
	inbound inbound
	duties  duties
}

// connect makes one connection and serves it until it is lost. up is when it was
// subscribed, zero if it never was. The error says why it ended; it is never nil.
func (s *Session) connect(ctx context.Context, broker string) (up time.Time, err error) {
	l := &link{
		s:       s,
		id:      newNonce(),
		lost:    make(chan error, 1),
		ended:   make(chan struct{}),
		inbound: inbound{signal: make(chan struct{}, 1)},
	}
	s.cfg.Credentials.Tick()
	trial, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := l.enter(trial, broker); err != nil {
		// Nobody else has this id: a broker that rejects it does not like its form.
		if !errors.Is(err, packets.ErrorRefusedIDRejected) {
			return time.Time{}, err
		}
		s.nats = !s.nats
		l.lost, l.ended = make(chan error, 1), make(chan struct{})
		if err := l.enter(trial, broker); err != nil {
			return time.Time{}, err
		}
	}
	defer l.end()
	defer context.AfterFunc(ctx, l.wire.cut)()
	up = time.Now()
	s.cfg.Log.Info("link up", "broker", broker)
	s.inbox.put(Up{})
	return up, l.serve(ctx)
}

// enter makes a connection and logs in; on error nothing is left of it.
func (l *link) enter(ctx context.Context, broker string) error {
	if err := l.dial(ctx, broker); err != nil {
		return err
	}
	// Whatever paho waits for ends when the wire is cut.
	defer context.AfterFunc(ctx, l.wire.cut)()
	err := l.login(ctx)
	if err != nil {
		l.end()
	}
	return err
}

// clientID is the terminal's identity. NATS takes none with dots, by which it is known.
func (s *Session) clientID() string {
	if s.nats {
		return s.cfg.Credentials.Identity.ColonID()
	}
	return s.cfg.Credentials.Identity.String()
}

func (s *Session) keepAlive() time.Duration {
	if len(s.cfg.Brokers) > 1 {
		return keepAliveNodes
	}
	return keepAlive
}

// qos is 1 (DESIGN 4), for the broker's PUBACK says soon that a link is dead. NATS
// gives it only when a majority of the cluster has the message on disk, and keeps a
// group of its own for each subscription; while a node is lost that takes seconds.
// There it is 0. Nothing is lost by that: what is said is repeated until the
// controller has acknowledged it.
func (s *Session) qos() byte {
	if s.nats {
		return 0
	}
	return 1
}

// dial opens the wire and makes the client on it.
func (l *link) dial(ctx context.Context, broker string) error {
	cfg := l.s.cfg
	u, err := url.Parse(broker)
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"mqtt": "1883", "mqtts": "8883"}[u.Scheme]
	}
	conn, err := cfg.Dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	if u.Scheme == "mqtts" {
		secure, err := cfg.Credentials.Handshake(ctx, conn, u.Hostname())
		if err != nil {
			_ = conn.Close()
			return fmt.Errorf("TLS: %w", err)
		}
		conn = cutTLS{secure, conn}
	}
	l.wire = newWire(conn)
	will, err := cfg.Credentials.Key.Sign(protocol.PurposeUp, protocol.Presence{Header: l.header(protocol.TypePresence), Session: l.id})
	if err != nil {
		_ = conn.Close()
		return err
	}
	id := cfg.Credentials.Identity
	l.client = mqtt.NewClient(mqtt.NewClientOptions().
		AddBroker("tcp://"+u.Host).
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return l.wire, nil }).
		SetClientID(l.s.clientID()).
		SetUsername(id.String()).
		SetPassword(cfg.Credentials.Token).
		SetProtocolVersion(4). // and no other after a refusal
		SetCleanSession(true).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetKeepAlive(l.s.keepAlive()).
		SetPingTimeout(pingTimeout).
		SetConnectTimeout(connectTimeout).
		SetWriteTimeout(handOver).
		SetBinaryWill(protocol.PresenceTopic(id), will, l.s.qos(), false).
		SetDefaultPublishHandler(l.inbound.handle).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			l.lost <- err
			close(l.ended)
		}))
	return nil
}

// cutTLS is a TLS connection whose Close does not say good-bye: that would wait
// for a peer that is gone.
type cutTLS struct {
	*tls.Conn
	raw net.Conn
}

// Close implements net.Conn.
func (c cutTLS) Close() error { return c.raw.Close() }

// login is CONNECT and SUBSCRIBE.
func (l *link) login(ctx context.Context) error {
	token := l.client.Connect()
	<-token.Done() // ends with ctx at the latest, which cuts the wire
	if err := token.Error(); err != nil {
		close(l.ended) // paho has started nothing
		return fmt.Errorf("connect: %w", errors.Join(err, ctx.Err()))
	}
	topic := protocol.CommandTopic(l.s.cfg.Credentials.Identity)
	sub := l.client.Subscribe(topic, l.s.qos(), nil)
	select {
	case <-sub.Done():
	case <-ctx.Done():
		return fmt.Errorf("subscribe: %w", ctx.Err())
	case err := <-l.lost:
		return fmt.Errorf("subscribe: %w", err)
	}
	if err := sub.Error(); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	if granted, ok := sub.(*mqtt.SubscribeToken).Result()[topic]; !ok || granted == subscriptionRefused {
		return errNotGranted
	}
	return nil
}

// end cuts the wire and waits until paho is gone.
func (l *link) end() {
	l.wire.cut()
	select {
	case <-l.ended:
	case <-time.After(endTimeout):
		l.s.cfg.Log.Error("MQTT client does not end")
	}
}

func (l *link) header(t protocol.Type) protocol.Header {
	return protocol.Header{V: protocol.Version, Type: t, Identity: l.s.cfg.Credentials.Identity}
}

// newNonce is 128 random bits: a session id, or the nonce of a sync.
func newNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}
