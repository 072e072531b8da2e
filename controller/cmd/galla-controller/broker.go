package main

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/galla-pay/galla/controller/internal/broker"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/mqttlink"
	"github.com/galla-pay/galla/protocol"
)

// brokerFlags say which broker terminals meet at.
type brokerFlags struct {
	Broker             string `placeholder:"mqtt://HOST:PORT,..." help:"Use an existing broker instead of the embedded one: Mosquitto with its dynamic-security plug-in, or another with --broker-auth-secret-file or --nats-auth-url; mqtts:// for TLS. Of a cluster, all its nodes, separated by commas: the controller keeps to one and goes on to the next when it is lost, and terminals are told all of them."`
	BrokerUsername     string `help:"The controller's user at the broker; at Mosquitto, an administrator of its dynamic security."`
	BrokerPasswordFile string `placeholder:"FILE" help:"Its password."`
	BrokerCA           string `name:"broker-ca" placeholder:"FILE" help:"The certificate authority (PEM) that the broker's certificate must come from."`
	BrokerAuthFile     string `name:"broker-auth-secret-file" placeholder:"FILE" help:"For EMQX and others without Mosquitto's dynamic security: the bearer token with which the broker asks /broker/v1/auth and /broker/v1/acl what a terminal may do."`
	BrokerPublic       string `placeholder:"mqtts://HOST:PORT,..." help:"The broker's addresses as terminals reach them, where those are others."`
	natsFlags
}

// terminalBroker is the embedded broker or an existing one.
type terminalBroker interface {
	mqttlink.Publisher
	fmt.Stringer
	// Run serves, or holds the connection, until ctx ends.
	Run(ctx context.Context)
	// Close stops taking reports in.
	Close(ctx context.Context) error
	// Provision lets a terminal in with a new token; what it used before is cut.
	Provision(ctx context.Context, id protocol.Identity, token string) error
	// Revoke shuts a terminal out and cuts it. Only nil means that it is out.
	Revoke(ctx context.Context, id protocol.Identity) error
	// URLs are what terminals are told.
	URLs() []string
	// Ready says what is wrong, or nil.
	Ready() error
	// Terminals counts those that are connected; -1 where nobody can tell.
	Terminals() int
}

func (f brokerFlags) openBroker(ctx context.Context, c *controller) (terminalBroker, error) {
	if f.Broker == "" {
		return newEmbedded(c)
	}
	return f.newExternal(ctx, c)
}

// embedded is the broker in this process.
type embedded struct {
	*broker.Broker
	listeners []net.Listener
	urls      []string // of the listeners; the one that terminals are told is first
	failed    chan error
	c         *controller
}

func newEmbedded(c *controller) (*embedded, error) {
	e := &embedded{failed: make(chan error, 1), c: c}
	for _, door := range []struct {
		flag, address, scheme string
		secure                bool
	}{
		// Who is told the address with TLS is never told the other one: it would
		// send its token in the clear as soon as somebody blocks the first.
		{"--mqtt-tls-listen", c.MQTTTLSListen, "mqtts://", true},
		{"--mqtt-listen", c.MQTTListen, "mqtt://", false},
	} {
		if door.address == "" {
			continue
		}
		listener, err := net.Listen("tcp", door.address)
		if err != nil {
			for _, l := range e.listeners {
				_ = l.Close() // nobody came yet
			}
			return nil, fmt.Errorf("%s: %w", door.flag, err)
		}
		e.urls = append(e.urls, door.scheme+listener.Addr().String())
		if door.secure {
			listener = tls.NewListener(listener, c.mqttTLS(c.certificate))
		}
		e.listeners = append(e.listeners, listener)
	}
	var err error
	e.Broker, err = broker.New(broker.Config{
		Log:  c.log,
		Auth: e.authenticate,
		OnReport: func(_ context.Context, id protocol.Identity, kind string, payload []byte) {
			topic := protocol.ReportTopic(id)
			if kind == broker.KindPresence {
				topic = protocol.PresenceTopic(id)
			}
			c.link.Receive(topic, payload)
		},
	})
	return e, err
}

// authenticate compares a token's hash with the stored one.
func (e *embedded) authenticate(ctx context.Context, id protocol.Identity, token [32]byte) (bool, error) {
	t, err := e.c.link.Terminal(ctx, id) // with others who log in at the same time
	if errors.Is(err, journal.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return t.Active && t.Enrolled() && subtle.ConstantTimeCompare(t.TokenHash, token[:]) == 1, nil
}

func (e *embedded) Run(ctx context.Context) {
	var serving sync.WaitGroup
	for _, listener := range e.listeners {
		serving.Go(func() {
			err := e.Serve(listener)
			if errors.Is(err, broker.ErrClosed) {
				return
			}
			e.c.log.Error("the broker stopped", "address", listener.Addr().String(), "error", err)
			select {
			case e.failed <- err:
			default: // one is enough
			}
		})
	}
	<-ctx.Done()
	serving.Wait() // Close has ended them
}

func (e *embedded) Provision(_ context.Context, id protocol.Identity, _ string) error {
	e.Kick(id) // the token's hash is in the terminal's row, which is asked
	return nil
}

func (e *embedded) Revoke(_ context.Context, id protocol.Identity) error {
	e.Kick(id) // authenticate refuses a terminal that is not active
	return nil
}

func (e *embedded) URLs() []string {
	if e.c.BrokerPublic != "" {
		return e.c.public()
	}
	return e.urls[:1]
}

func (e *embedded) String() string { return strings.Join(e.urls, ", ") + " (embedded)" }
func (e *embedded) Terminals() int { return len(e.Connected()) }

func (e *embedded) Ready() error {
	select {
	case err := <-e.failed:
		e.failed <- err
		return err
	default:
		return nil
	}
}
