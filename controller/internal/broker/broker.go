package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"

	"github.com/galla-pay/galla/protocol"
)

// Errors of Serve and Publish.
var (
	// ErrClosed is returned by Serve after Close, and by Publish from then on.
	ErrClosed = errors.New("broker: closed")
	// ErrTopic: Publish writes terminals' command topics and nothing else.
	ErrTopic = errors.New("broker: not the command topic of a terminal")
	// ErrTooLarge: the message is longer than protocol.MaxMessage.
	ErrTooLarge = errors.New("broker: message is larger than 16 KiB")
	// ErrNotListening: the terminal is not connected or has not subscribed.
	// It will ask for its state when it comes.
	ErrNotListening = errors.New("broker: terminal is not listening")
	// ErrStuck: the terminal acknowledged none of its last 64 commands and
	// has been cut. It will ask for its state when it comes back.
	ErrStuck = errors.New("broker: terminal does not acknowledge its commands")
)

const (
	// mochiBuffer is the least that mochi reads with, in bytes: the socket has a
	// buffer of its own.
	mochiBuffer = 16
	// loginsAtOnce bounds calls of the Authenticator: enough to keep a database busy
	// that is asked about many terminals at once.
	loginsAtOnce = 512
	// acceptRetry is the longest pause after an Accept that failed for a while,
	// such as for lack of file descriptors.
	acceptRetry = time.Second
)

// Broker is the embedded MQTT broker. Its methods may be called from any
// goroutine, Config.OnReport included.
type Broker struct {
	config   Config
	server   *mqtt.Server
	table    *table
	counters counters
	hands    *hands
	logins   chan struct{} // a token for each call of the Authenticator

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	served sync.WaitGroup // sockets

	mu        sync.Mutex
	closed    bool
	listeners map[*net.Listener]struct{}
}

// New makes a broker that nobody can reach before Serve.
func New(config Config) (*Broker, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &Broker{
		config:    config,
		table:     newTable(config),
		counters:  counters{refused: map[Reason]uint64{}},
		listeners: map[*net.Listener]struct{}{},
		logins:    make(chan struct{}, loginsAtOnce),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.hands = newHands(b.ctx)
	capabilities := mqtt.NewDefaultServerCapabilities()
	capabilities.MinimumProtocolVersion = 4
	capabilities.MaximumQos = maxQoS
	capabilities.MaximumPacketSize = maxPacket
	capabilities.MaximumInflight = maxInflight
	capabilities.ReceiveMaximum = maxInflight
	capabilities.MaximumClientWritesPending = 1 // outbox.go writes the commands
	capabilities.MaximumSessionExpiryInterval = 0
	capabilities.MaximumMessageExpiryInterval = 60
	capabilities.TopicAliasMaximum = 0
	capabilities.RetainAvailable = 0
	capabilities.WildcardSubAvailable = 0
	capabilities.SharedSubAvailable = 0
	capabilities.SubIDAvailable = 0
	b.server = mqtt.New(&mqtt.Options{
		Capabilities:            capabilities,
		ClientNetReadBufferSize: mochiBuffer,
		// mochi logs whole packets, with passwords and payloads; what matters
		// is logged here.
		Logger: slog.New(slog.DiscardHandler),
	})
	if err := b.server.AddHook(&hook{b: b}, nil); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	return b, nil
}

// Serve lets terminals in through l, which may be a tls.Listener, until Close
// or until l fails for good. It always returns an error, and closes l; after
// Close it is ErrClosed. It may be called for several listeners.
//
// Who shows a certificate must be the terminal that it names: its common name is
// compared with the user name. Whether one is needed, and who may have issued
// it, is the listener's to say.
func (b *Broker) Serve(l net.Listener) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		_ = l.Close()
		return ErrClosed
	}
	b.listeners[&l] = struct{}{}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.listeners, &l)
		b.mu.Unlock()
		_ = l.Close()
	}()

	var pause time.Duration
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			b.accept(conn)
		case b.ctx.Err() != nil:
			return ErrClosed
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("broker: accept: %w", err)
		default:
			pause = min(max(2*pause, 5*time.Millisecond), acceptRetry)
			b.config.Log.Warn("broker cannot accept", "error", err, "retry_in", pause)
			select {
			case <-time.After(pause):
			case <-b.ctx.Done():
				return ErrClosed
			}
		}
	}
}

// accept starts to serve one connection, or closes it.
func (b *Broker) accept(conn net.Conn) {
	b.counters.add(&b.counters.sockets)
	s := &socket{
		Conn:         conn,
		address:      addressOf(conn.RemoteAddr()),
		writeTimeout: b.config.WriteTimeout,
		counters:     &b.counters,
	}
	if err := conn.SetDeadline(time.Now().Add(b.config.ConnectTimeout)); err != nil {
		s.shut() // it is closed already
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		s.shut()
		return
	}
	if why := b.table.admit(s); why != "" {
		b.refuse(s, why)
		s.shut()
		return
	}
	b.served.Add(1)
	go b.serve(s)
}

// Publish hands a command to a terminal's connection, with QoS 1. nil means
// handed over, not received: the terminal's own report tells that. It never
// waits for the terminal. Errors are ErrTopic, ErrTooLarge, ErrNotListening,
// ErrStuck and ErrClosed; none of them queues anything.
func (b *Broker) Publish(topic string, payload []byte) error {
	id, _, err := protocol.ParseTopic(topic)
	if err != nil || !mayRead(id, topic) {
		return fmt.Errorf("%w: %q", ErrTopic, topic)
	}
	if len(payload) > protocol.MaxMessage {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, len(payload))
	}
	if b.ctx.Err() != nil {
		return ErrClosed
	}
	s := b.table.get(id)
	if s == nil || s.ctx.Err() != nil {
		return ErrNotListening
	}
	subscription, ok := s.client.State.Subscriptions.Get(topic)
	if !ok {
		return ErrNotListening
	}
	switch err := s.send(topic, payload, min(subscription.Qos, maxQoS)); {
	case errors.Is(err, ErrStuck):
		// Nothing is lost by cutting it: it asks for its state when it comes
		// back. Without that it would hear nothing for ever.
		if s.cut() {
			b.counters.refuse(ReasonStuck)
			b.config.Log.Warn("terminal does not acknowledge", "terminal", id.String())
		}
		return err
	case err != nil:
		return fmt.Errorf("broker: publish: %w", err)
	}
	b.counters.add(&b.counters.commands)
	return nil
}

// Listening reports whether a terminal is connected and has subscribed to its
// commands: Publish to any other is ErrNotListening.
func (b *Broker) Listening(id protocol.Identity) bool {
	s := b.table.get(id)
	if s == nil || s.ctx.Err() != nil {
		return false
	}
	_, ok := s.client.State.Subscriptions.Get(protocol.CommandTopic(id))
	return ok
}

// Kick cuts a terminal's connection at once and reports whether it had one.
// For a revocation, make the Authenticator refuse the token first, then Kick: a
// login that was being checked meanwhile is checked again. A report that is
// being handed over may still finish, with its ctx ended.
func (b *Broker) Kick(id protocol.Identity) bool {
	if !b.table.kick(id) {
		return false
	}
	b.counters.refuse(ReasonKicked)
	b.config.Log.Info("terminal was cut", "terminal", id.String())
	return true
}

// Connected lists the terminals that are logged in, in no order.
func (b *Broker) Connected() []protocol.Identity { return b.table.identities() }

// Stats returns the counters of now.
func (b *Broker) Stats() Stats {
	stats := b.counters.snapshot()
	stats.Terminals, stats.Waiting = b.table.counts()
	return stats
}

// Close lets nobody in any more, cuts everybody, and waits until every
// OnReport has returned, at most until ctx ends; then it returns ctx's error.
// Terminals' last wills are not handed over: it is not they who went. It may
// be called again.
func (b *Broker) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	b.cancel()
	b.table.close()
	for l := range b.listeners {
		_ = (*l).Close() // Serve sees it
	}
	b.mu.Unlock()

	ended := make(chan struct{})
	go func() {
		b.served.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("broker: close: %w", ctx.Err())
	}
}

// refuse counts and logs the end of a socket, once. The caller ends it.
func (b *Broker) refuse(s *socket, why Reason, more ...any) {
	s.refused = true
	b.note(s, why, more...)
}

// note counts and logs something that a socket should not have done.
func (b *Broker) note(s *socket, why Reason, more ...any) {
	b.counters.refuse(why)
	level, attrs := slog.LevelDebug, []any{"reason", string(why), "remote", s.RemoteAddr().String()}
	if s.session != nil {
		level, attrs = slog.LevelWarn, append(attrs, "terminal", s.session.id.String())
	}
	if why == ReasonPanic {
		level = slog.LevelError
	}
	b.config.Log.Log(context.Background(), level, "broker refused", append(attrs, more...)...)
}
