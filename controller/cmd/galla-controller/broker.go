package main

import (
	"cmp"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/galla-pay/galla/controller/internal/broker"
	"github.com/galla-pay/galla/controller/internal/brokerauth"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/mosquitto"
	"github.com/galla-pay/galla/controller/internal/mqttlink"
	"github.com/galla-pay/galla/controller/internal/ops"
	"github.com/galla-pay/galla/protocol"
)

// brokerFlags say which broker terminals meet at.
type brokerFlags struct {
	Broker             string `placeholder:"mqtt://HOST:PORT" help:"Use an existing broker instead of the embedded one: Mosquitto with its dynamic-security plug-in, or another with --broker-auth-secret-file; mqtts:// for TLS."`
	BrokerUsername     string `help:"An administrator of the broker's dynamic security."`
	BrokerPasswordFile string `placeholder:"FILE" help:"Its password."`
	BrokerCA           string `name:"broker-ca" placeholder:"FILE" help:"The certificate authority (PEM) that the broker's certificate must come from."`
	BrokerAuthFile     string `name:"broker-auth-secret-file" placeholder:"FILE" help:"For EMQX and others without Mosquitto's dynamic security: the bearer token with which the broker asks /broker/v1/auth and /broker/v1/acl what a terminal may do."`
	BrokerPublic       string `placeholder:"mqtts://HOST:PORT" help:"The broker's address as terminals reach it, where that is another."`
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
	// URL is what terminals are told.
	URL() string
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
	t, err := e.c.db.Terminal(ctx, id)
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

func (e *embedded) URL() string    { return cmp.Or(e.c.BrokerPublic, e.urls[0]) }
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

// external is an existing broker.
type external struct {
	*mqttlink.External
	keeper terminalKeeper
	public string
}

// terminalKeeper lets terminals in at an existing broker and shuts them out:
// Mosquitto's dynamic security, or our own door that the broker asks.
type terminalKeeper interface {
	Provision(ctx context.Context, id protocol.Identity, token string) error
	Revoke(ctx context.Context, id protocol.Identity) error
}

func (f brokerFlags) newExternal(ctx context.Context, c *controller) (*external, error) {
	password := ""
	if f.BrokerPasswordFile != "" {
		var err error
		if password, err = readPassword(f.BrokerPasswordFile); err != nil {
			return nil, fmt.Errorf("--broker-password-file: %w", err)
		}
	}
	conf, err := f.tls()
	if err != nil {
		return nil, err
	}
	keeper, err := f.newKeeper(ctx, c, password, conf)
	if err != nil {
		return nil, err
	}
	link, err := mqttlink.NewExternal(mqttlink.External{
		URL: f.Broker, Username: f.BrokerUsername, Password: password, TLS: conf, Receive: c.link.Receive, Log: c.log,
	})
	if err != nil {
		return nil, err
	}
	e := &external{External: link, keeper: keeper, public: f.BrokerPublic}
	if e.public == "" {
		e.public = f.Broker
	}
	return e, nil
}

// newKeeper makes the broker's keeper of terminals; of a broker that asks, also
// the door that answers it.
func (f brokerFlags) newKeeper(ctx context.Context, c *controller, password string, conf *tls.Config) (terminalKeeper, error) {
	if f.BrokerAuthFile != "" {
		secret, err := readPassword(f.BrokerAuthFile)
		if err != nil {
			return nil, fmt.Errorf("--broker-auth-secret-file: %w", err)
		}
		if c.brokerDoor, err = brokerauth.New(brokerauth.Config{Reader: c.db, Secret: secret, Log: c.log}); err != nil {
			return nil, fmt.Errorf("--broker-auth-secret-file: %w", err)
		}
		return &brokerauth.Kicker{URL: f.Broker, TLS: conf, Secret: secret}, nil
	}
	dynsec, err := mosquitto.New(ctx, mosquitto.Options{
		URL: f.Broker, Username: f.BrokerUsername, Password: password, TLS: conf, Log: c.log,
	})
	if err == nil {
		err = dynsec.EnsureDefaults(ctx)
	}
	if err == nil {
		err = dynsec.EnsureController(ctx, f.BrokerUsername, password)
	}
	if err != nil {
		return nil, fmt.Errorf("--broker %s: %w", f.Broker, err)
	}
	return dynsec, nil
}

func (f brokerFlags) tls() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.BrokerCA == "" {
		return conf, nil
	}
	pem, err := os.ReadFile(f.BrokerCA)
	if err != nil {
		return nil, fmt.Errorf("--broker-ca: %w", err)
	}
	conf.RootCAs = x509.NewCertPool()
	if !conf.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--broker-ca: %s holds no certificate in PEM", f.BrokerCA)
	}
	return conf, nil
}

func (e *external) Close(context.Context) error { return nil } // Run ends with its context

func (e *external) Provision(ctx context.Context, id protocol.Identity, token string) error {
	return e.keeper.Provision(ctx, id, token)
}

func (e *external) Revoke(ctx context.Context, id protocol.Identity) error {
	return e.keeper.Revoke(ctx, id)
}

func (e *external) URL() string    { return e.public }
func (e *external) String() string { return e.External.URL }
func (e *external) Terminals() int { return -1 }

func (e *external) Ready() error {
	if !e.Connected() {
		return ops.NotReady("not connected to " + e.External.URL)
	}
	return nil
}
