package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/galla-pay/galla/controller/internal/brokerauth"
	"github.com/galla-pay/galla/controller/internal/mosquitto"
	"github.com/galla-pay/galla/controller/internal/mqttlink"
	"github.com/galla-pay/galla/controller/internal/ops"
	"github.com/galla-pay/galla/protocol"
)

// checkBroker refuses flags of the broker that cannot work.
func (f brokerFlags) checkBroker() error {
	for _, row := range []struct{ flag, list string }{{"--broker", f.Broker}, {"--broker-public", f.BrokerPublic}} {
		if row.list == "" {
			continue
		}
		if _, err := mqttlink.ParseBrokers(row.list); err != nil {
			return fmt.Errorf("%s: %w", row.flag, err)
		}
	}
	if strings.Contains(f.Broker, ",") && f.BrokerAuthFile == "" && f.NATSAuthURL == "" {
		return errors.New("--broker: Mosquitto keeps its accounts on each server alone and has no cluster: give one address, or the nodes of another broker with --broker-auth-secret-file or --nats-auth-url")
	}
	return f.checkNATS(f.Broker, f.BrokerAuthFile)
}

// public is what terminals are told instead of --broker; checkBroker has read it.
func (f brokerFlags) public() []string {
	urls, _ := mqttlink.ParseBrokers(cmp.Or(f.BrokerPublic, f.Broker))
	return urls
}

// toldInTheClear is the first address beyond this machine that terminals are
// told without TLS, or "".
func (f brokerFlags) toldInTheClear() string {
	for _, url := range f.public() {
		if strings.HasPrefix(url, "mqtt://") && !onThisMachine(url) {
			return url
		}
	}
	return ""
}

// external is an existing broker.
type external struct {
	*mqttlink.External
	keeper     terminalKeeper
	public     []string
	atMostOnce bool // see mqttlink.External
	// serve answers a broker that asks over a connection of ours, and asked says
	// what is wrong with that; nil where there is nothing to do.
	serve func(context.Context)
	asked func() error
}

// terminalKeeper lets terminals in at an existing broker and shuts them out:
// Mosquitto's dynamic security, or our own door that the broker asks.
type terminalKeeper interface {
	Provision(ctx context.Context, id protocol.Identity, token string) error
	Revoke(ctx context.Context, id protocol.Identity) error
}

func (f brokerFlags) newExternal(ctx context.Context, c *controller) (*external, error) {
	urls, err := mqttlink.ParseBrokers(f.Broker)
	if err != nil {
		return nil, fmt.Errorf("--broker: %w", err)
	}
	password := ""
	if f.BrokerPasswordFile != "" {
		if password, err = readPassword(f.BrokerPasswordFile); err != nil {
			return nil, fmt.Errorf("--broker-password-file: %w", err)
		}
	}
	conf, err := f.tls()
	if err != nil {
		return nil, err
	}
	e := &external{public: f.public()}
	if err := f.openKeeper(ctx, c, e, urls, password, conf); err != nil {
		return nil, err
	}
	e.External, err = mqttlink.NewExternal(mqttlink.External{
		URLs: urls, Username: f.BrokerUsername, Password: password, TLS: conf, ShareGroup: mosquitto.ShareGroup,
		AtMostOnce: e.atMostOnce, Receive: c.link.Receive, Log: c.log,
	})
	return e, err
}

// openKeeper makes the broker's keeper of terminals; of a broker that asks, also
// the door that answers it.
func (f brokerFlags) openKeeper(ctx context.Context, c *controller, e *external, urls []string, password string, conf *tls.Config) error {
	switch {
	case f.NATSAuthURL != "":
		return f.openNATS(c, e, urls, conf)
	case f.BrokerAuthFile != "":
		secret, err := readPassword(f.BrokerAuthFile)
		if err == nil {
			c.brokerDoor, err = brokerauth.New(brokerauth.Config{Reader: c.link, Secret: secret, Log: c.log})
		}
		if err != nil {
			return fmt.Errorf("--broker-auth-secret-file: %w", err)
		}
		e.keeper = &brokerauth.Kicker{URLs: urls, TLS: conf, Secret: secret}
		return nil
	}
	dynsec, err := mosquitto.New(ctx, mosquitto.Options{
		URL: urls[0], Username: f.BrokerUsername, Password: password, TLS: conf, Log: c.log,
	})
	if err == nil {
		err = dynsec.EnsureDefaults(ctx)
	}
	if err == nil {
		err = dynsec.EnsureController(ctx, f.BrokerUsername, password)
	}
	if err != nil {
		return fmt.Errorf("--broker %s: %w", f.Broker, err)
	}
	e.keeper = dynsec
	return nil
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

// Run holds the connection, and answers a broker that asks, until ctx ends.
func (e *external) Run(ctx context.Context) {
	if e.serve == nil {
		e.External.Run(ctx)
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.serve(ctx)
	}()
	e.External.Run(ctx)
	<-done
}

// Close stops taking reports in; Run ends with its context.
func (e *external) Close(ctx context.Context) error {
	if err := e.Leave(ctx); err != nil {
		e.External.Log.Warn("the broker was left without its word", "error", err)
	}
	return nil
}

func (e *external) Provision(ctx context.Context, id protocol.Identity, token string) error {
	return e.keeper.Provision(ctx, id, token)
}

func (e *external) Revoke(ctx context.Context, id protocol.Identity) error {
	return e.keeper.Revoke(ctx, id)
}

func (e *external) URLs() []string { return slices.Clone(e.public) }
func (e *external) String() string { return strings.Join(e.External.URLs, ", ") }
func (e *external) Terminals() int { return -1 }

func (e *external) Ready() error {
	if !e.Connected() {
		return ops.NotReady("not connected to " + e.String())
	}
	if e.asked != nil {
		return e.asked()
	}
	return nil
}
