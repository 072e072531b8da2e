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
	"github.com/galla-pay/galla/protocol"
)

const (
	keepAlive   = 20 * time.Second
	pingTimeout = 5 * time.Second
	// paho's Publish and Subscribe hand a packet to its writer, which is idle
	// but for pings; this bounds them should it just have ended.
	handOver = 500 * time.Millisecond
	// paho is given this long to end all its goroutines.
	endTimeout = 900 * time.Millisecond

	qos = 1
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
	if err := l.dial(trial, broker); err != nil {
		return time.Time{}, err
	}
	defer l.end()
	// Whatever paho waits for ends when the wire is cut.
	stop := context.AfterFunc(trial, l.wire.cut)
	err = l.login(trial)
	stop()
	if err != nil {
		return time.Time{}, err
	}
	defer context.AfterFunc(ctx, l.wire.cut)()
	up = time.Now()
	s.cfg.Log.Info("link up", "broker", broker)
	s.inbox.put(Up{})
	return up, l.serve(ctx)
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
		SetClientID(id.String()).
		SetUsername(id.String()).
		SetPassword(cfg.Credentials.Token).
		SetProtocolVersion(4). // and no other after a refusal
		SetCleanSession(true).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetKeepAlive(keepAlive).
		SetPingTimeout(pingTimeout).
		SetConnectTimeout(connectTimeout).
		SetWriteTimeout(handOver).
		SetBinaryWill(protocol.PresenceTopic(id), will, qos, false).
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
	sub := l.client.Subscribe(topic, qos, nil)
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
