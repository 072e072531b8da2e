package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/galla-pay/galla/controller/internal/brokerauth"
	"github.com/galla-pay/galla/controller/internal/callback"
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/enrol"
	"github.com/galla-pay/galla/controller/internal/eventapi"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/mqttlink"
	upinet "github.com/galla-pay/galla/controller/internal/network"
	"github.com/galla-pay/galla/controller/internal/ops"
	"github.com/galla-pay/galla/controller/internal/ops/tracing"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/sweep"
	"github.com/galla-pay/galla/controller/internal/tlsfile"
	"github.com/galla-pay/galla/controller/internal/upiapi"
)

// shutdownTime is how long a stop may take before it is forced.
const shutdownTime = 15 * time.Second

// serveCommand serves everything.
type serveCommand struct {
	Listen     string `default:"127.0.0.1:8080" help:"Address of the HTTP API."`
	MQTTListen string `name:"mqtt-listen" default:"127.0.0.1:1883" help:"Address of the embedded MQTT broker; not used with --broker. Empty: only over TLS."`
	tlsFlags
	databaseFlags
	retentionFlags
	brokerFlags
	limitFlags
	networkFlags
	dynamicFlags
	fxFlags
	riskFlags
	tracingFlags
	profileFlags

	Sandbox              bool           `help:"Serve the sandbox's merchants, and enrol terminals of this machine."`
	SandboxEnrolFrom     []netip.Prefix `placeholder:"CIDR" help:"Addresses besides loopback from which the sandbox enrols terminals, for containers."`
	CallbackAllowPrivate bool           `help:"Let callbacks go to loopback and private addresses, for local work."`
	LogFormat            string         `enum:"text,json" default:"text" help:"text or json."`
	LogLevel             string         `enum:"debug,info,warn,error" default:"info" help:"debug, info, warn or error."`
}

// Run serves until ctx ends, then finishes what it has accepted.
func (s serveCommand) Run(ctx context.Context) error {
	log, err := ops.NewLogger(s.LogFormat, s.LogLevel, os.Stderr)
	if err != nil {
		return err
	}
	return s.serve(ctx, log)
}

func (s serveCommand) serve(ctx context.Context, log *slog.Logger) error {
	warnings, err := s.check()
	if err == nil {
		err = s.checkNetwork(s.Sandbox)
	}
	if err == nil {
		err = s.checkDynamic()
	}
	if err == nil {
		err = s.checkTracing(s.Sandbox)
	}
	if err != nil {
		return err
	}
	for _, warning := range warnings {
		log.Warn(warning)
	}
	certificate, err := s.openTLS(log)
	if err != nil {
		return err
	}
	var db storage
	traces, err := s.newTracing(func(ctx context.Context, id string) (payment.Payment, error) { return db.PaymentByID(ctx, id) }, log)
	if err != nil {
		return err
	}
	db, writers, err := s.openTraced(ctx, log, traces.Queries())
	if err != nil {
		return err
	}
	defer db.Close()
	defer traces.Close()
	if err := s.setRetention(db); err != nil {
		return err
	}
	if err := db.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if s.Sandbox {
		if err := db.Seed(ctx, merchant.Sandbox()); err != nil {
			return fmt.Errorf("sandbox data: %w", err)
		}
	}
	k, err := loadKeys(ctx, db)
	if err != nil {
		return fmt.Errorf("signing keys: %w", err)
	}
	signer, err := s.openSigner(ctx, db, s.Sandbox)
	if err != nil {
		return err
	}
	people := &directory{db: db, log: log}
	if err := people.read(ctx); err != nil {
		return fmt.Errorf("merchants: %w", err)
	}
	metrics := ops.NewMetrics(version)
	c := &controller{
		serveCommand: s, log: log, db: db, keys: k, people: people, metrics: metrics,
		signer: signer, certificate: certificate, tracing: traces, limits: s.newLimits(s.Sandbox, metrics, log),
	}
	return c.run(ctx, writers)
}

// controller is a running controller: everything that serve wires together.
type controller struct {
	serveCommand
	log     *slog.Logger
	db      storage
	keys    keys
	people  *directory
	metrics *ops.Metrics

	certificate *tlsfile.Files // nil: no TLS
	signer      *upiSigner     // nil: messages to the UPI network are not signed
	limits      limits
	tracing     *tracing.Tracing // nil: nothing is traced

	journal   *journal.Journal
	link      *mqttlink.Link
	callback  *callback.Sender
	pay       *payapi.API
	events    *eventapi.API
	network   *upinet.Worker
	upi       *upiapi.API
	assessor  assessor
	broker    terminalBroker
	registrar *enrol.Registrar
	// brokerDoor answers a broker that asks who may do what; nil: none asks.
	brokerDoor *brokerauth.Door
	ready      *ops.Readiness
}

// run starts everything, waits for ctx or for the first thing that fails, and
// stops in the order in which work flows: no new requests, then the journal
// until it has answered what it accepted, then the rest.
func (c *controller) run(ctx context.Context, writers int) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	failed := make(chan error, 8)
	var background sync.WaitGroup
	var err error

	rules, err := c.openRisk(c.log)
	if err != nil {
		return err
	}
	rates, err := c.newFX(c.Sandbox, c.log, c.metrics.FXAge, c.metrics.FXDistrusted)
	if err != nil {
		return err
	}
	c.assessor = c.newAssessor(rules)
	if c.journal, err = journal.New(c.journalConfig(writers)); err != nil {
		return err
	}
	c.assessor.worker.Journal = c.journal
	c.upi = c.newUPI(rates)
	c.link = mqttlink.New(mqttlink.Config{
		Journal: c.journal, Reader: c.db, Keys: c.keys.ring, Allow: c.limits.allowTerminal, Log: c.log, Witness: c.witness(),
		Counted: c.metrics.TerminalMessage,
		Merchant: func(id string) (name string, edc, ok bool) {
			m, ok := c.people.get().Merchant(id)
			return m.Name, m.EDC, ok
		},
	})
	if c.callback, err = c.newCallback(); err != nil {
		return err
	}
	if c.network, err = c.newNetwork(c, c.db, c.signer); err != nil {
		return err
	}
	if c.broker, err = c.openBroker(work, c); err != nil {
		return err
	}
	c.link.Attach(c.broker)
	if c.registrar, err = newRegistrar(work, c.db, c.broker, c.log); err != nil {
		return err
	}
	c.ready = c.newReadiness()
	http, err := c.listenHTTP()
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	profiles, err := c.openProfile()
	if err != nil {
		return err
	}
	router, err := c.newRouter()
	if err != nil {
		return err
	}
	server := c.newServer(router)
	server.RegisterOnShutdown(c.events.Stop)

	journalDone := make(chan error, 1)
	go func() { journalDone <- c.journal.Run(work) }()
	sweeper := &sweep.Sweeper{Journal: c.journal, Find: c.db.Due, TimedOut: c.timeout().End, Log: c.log}
	services := []func(context.Context){
		c.link.Run, c.callback.Run, c.network.Run, sweeper.Run, c.people.keepFresh, c.shutOut, c.measure, c.broker.Run,
		c.upi.Run, rates.Run, c.assessor.worker.Run, c.tracing.Run,
		(&enrol.Watcher{Storage: c.registrar.Storage, Broker: c.broker, Log: c.log}).Run,
	}
	services = append(services, func(ctx context.Context) { c.keys.ring.Run(ctx, c.log) })
	if c.certificate != nil {
		services = append(services, c.certificate.Run)
	}
	if profiles != nil {
		services = append(services, func(ctx context.Context) { serveProfile(ctx, profiles, c.log) })
	}
	for _, run := range services {
		background.Go(func() { run(work) })
	}
	go func() { failed <- server.Serve(http) }()
	c.log.Info("serving", "version", version, "listen", http.Addr().String(), "broker", c.broker.String(),
		"tls", c.certificate != nil, "sandbox", c.Sandbox)

	select {
	case <-ctx.Done():
		c.log.Info("stopping: finishing what was accepted")
		c.ready.Stopping()
	case err = <-failed:
		err = fmt.Errorf("http: %w", err)
	case err = <-journalDone:
		err = fmt.Errorf("journal: %w", err)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	errs := []error{err, server.Shutdown(end), c.broker.Close(end), c.journal.Close(end)}
	stop()
	background.Wait()
	return errors.Join(errs...)
}

func (c *controller) journalConfig(writers int) journal.Config {
	return journal.Config{
		Storage: c.db, Writers: writers, Log: c.log, Metrics: journalMeter{c.metrics},
		OnCommit: func(changes decide.Changes) {
			c.link.Committed(changes)
			c.tracing.Committed(changes)
			c.count(changes)
			c.assessor.worker.Committed(changes)
			if len(changes.Network) > 0 {
				c.network.Wake()
			}
			for _, notice := range changes.Callbacks {
				if notice.URL != "" {
					c.callback.Wake()
				}
				c.events.Committed(notice.MerchantID)
			}
		},
	}
}

// newCallback makes the sender of callbacks: the body is what the status route
// answers, signed with the key that signed the init.
func (c *controller) newCallback() (*callback.Sender, error) {
	return callback.New(callback.Config{
		Outbox: outbox{c.db}, Sign: c.keys.signCallback, Log: c.log, AllowPrivate: c.CallbackAllowPrivate, Meter: c.metrics,
		Attempted: c.callbackTrace(),
		Render: func(ctx context.Context, paymentID string) (callback.Notice, error) {
			p, err := c.db.PaymentByID(ctx, paymentID)
			if err != nil {
				return callback.Notice{}, err
			}
			key, ok := c.people.get().SaltKey(p.Signer, p.SignerIndex)
			if !ok {
				return callback.Notice{}, fmt.Errorf("salt key %s of %s is gone", p.SignerIndex, p.Signer)
			}
			index, err := strconv.Atoi(key.Index)
			if err != nil {
				return callback.Notice{}, fmt.Errorf("salt index of %s: %w", p.Signer, err)
			}
			body, err := payapi.StatusAnswer(p)
			return callback.Notice{Body: body, SaltKey: string(key.Secret), SaltIndex: index}, err
		},
	})
}
