// Package callback is the back door to the merchant's server: it takes the
// rows of the callback outbox that are due, sends each as a signed notice to
// the merchant's URL, and writes down what came of it (phonepe-api: Callback).
//
// It leases the row, commits, sends, records, and never holds a lock across
// HTTP (DESIGN 3.1). An attempt is written before it is sent, so a crash makes
// a notice go out twice, with the same event id, and never not at all (failure
// matrix S11, R12). Any number of controllers may run a Sender on one outbox.
//
// Only the wiring of the controller calls this package. It is a door: it knows
// neither SQL nor a storage nor another door, and is given what it needs as
// the Outbox and the functions of Config. A merchant's URL is judged for its
// form when a payment is begun, elsewhere; here it is judged by the address
// that is really dialled.
//
// # Why a dead merchant delays nobody
//
// A lane is one destination of one merchant, and each has a circuit breaker: a
// lane that keeps failing is tried once in a while, and its other rows wait in
// the outbox, not in memory. A merchant has two places at most; a lane that
// has not yet answered has one. A quarter of all places is kept for lanes whose
// last notice was delivered, so that not even a thousand servers that hang can
// take the last place from those that work (failure matrix T12, T13).
package callback

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// Limits of one attempt and of the sender.
const (
	// SendTimeout is the time one attempt has, from the name look-up to the
	// status line (phonepe-api: Callback).
	SendTimeout = 5 * time.Second
	// MaxResponse is how much of an answer is read, in bytes; the rest is left.
	MaxResponse = 4096
	// PerMerchant is how many attempts one merchant has in flight at most, on
	// one controller (failure matrix T13).
	PerMerchant = 2
	// DefaultConcurrency is how many attempts are in flight at most in all.
	DefaultConcurrency = 512

	renderTimeout = 2 * time.Second
	// leaseTime is what an attempt may take, with a margin for the database.
	// It is also how late a notice is repeated whose sender was killed.
	leaseTime = SendTimeout + renderTimeout + 5*time.Second
	// pollEvery bounds the sleep of an idle sender: rows that nobody woke it for,
	// because a controller that is dead now committed them or an operator had
	// them resent, go out within it.
	pollEvery = time.Second
	// maxBackOff bounds its sleep while the database is away.
	maxBackOff = 4 * time.Second
	// expireEvery is how often rows of dead lanes are looked through.
	expireEvery = time.Minute
	dbTimeout   = 5 * time.Second
	// stopTime is what is left after Run's context ends: to finish attempts
	// and to write them down.
	stopTime = renderTimeout + SendTimeout + dbTimeout
)

// Notice is what one payment's callback says, and the key that vouches for it.
type Notice struct {
	// Body is the JSON that the status API would answer.
	Body []byte
	// SaltKey and SaltIndex are of the key that signed the payment's init.
	SaltKey   string
	SaltIndex int
}

// LogValue keeps the key and the body out of logs.
func (n Notice) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("bodyBytes", len(n.Body)), slog.Int("saltIndex", n.SaltIndex))
}

// Format keeps the key and the body out of every fmt verb.
func (n Notice) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "notice of %d bytes, salt index %d", len(n.Body), n.SaltIndex)
}

// Meter is told what happens, for the metrics, from many goroutines.
type Meter interface {
	// CallbackAttempt: an attempt ended with one of Results after took.
	CallbackAttempt(result string, took time.Duration)
	// CallbackDead: n notices were given up.
	CallbackDead(n int)
	// CallbackLanesOpen: the breakers of n lanes are open now.
	CallbackLanesOpen(n int)
}

// BreakerMeter is what a Meter may be besides: it is told when the breaker of a
// lane opens that was not held back before.
type BreakerMeter interface {
	CallbackBreakerOpened()
}

// Config is what a Sender needs. Outbox, Render, Sign and Log must be given.
type Config struct {
	Outbox Outbox
	// Render gives the notice of a payment as it is now. An error costs the
	// row an attempt, which is repeated like any other.
	Render func(ctx context.Context, paymentID string) (Notice, error)
	// Sign makes X-Galla-Signature; see NewSigner.
	Sign Signer
	Log  *slog.Logger
	// Meter may be nil.
	Meter Meter
	// Attempted, where it is not nil, is told of every attempt that is over: one of
	// Results, the HTTP status or 0, and how long it took. It must not block.
	Attempted func(d Delivery, result string, status int, took time.Duration)

	// Concurrency is how many attempts are in flight at most; 0 means
	// DefaultConcurrency.
	Concurrency int
	// AllowPrivate lets callbacks go to loopback, private networks and any
	// port, for local work. Link-local and metadata addresses stay refused.
	AllowPrivate bool
	// Ports that may be dialled; nil means 80 and 443. AllowPrivate lifts it.
	Ports []uint16
	// Deny is further addresses that are never dialled: the operator's own.
	Deny []netip.Prefix
	// RootCAs for https; nil means the system's.
	RootCAs *x509.CertPool
	// Resolver for host names; nil means the system's.
	Resolver *net.Resolver
}

// Sender sends what the outbox holds. Make one with New.
type Sender struct {
	cfg       Config
	transport *http.Transport
	breakers  BreakerMeter
	wake      chan struct{}
	running   atomic.Bool
}

// New checks cfg and returns a Sender that does nothing until Run. The error
// says which field is missing or wrong.
func New(cfg Config) (*Sender, error) {
	switch {
	case cfg.Outbox == nil:
		return nil, errors.New("callback: no Outbox")
	case cfg.Render == nil:
		return nil, errors.New("callback: no Render")
	case cfg.Sign == nil:
		return nil, errors.New("callback: no Sign")
	case cfg.Log == nil:
		return nil, errors.New("callback: no Log")
	case cfg.Concurrency < 0:
		return nil, fmt.Errorf("callback: Concurrency is %d, below 0", cfg.Concurrency)
	}
	if cfg.Concurrency == 0 {
		cfg.Concurrency = DefaultConcurrency
	}
	if cfg.Meter == nil {
		cfg.Meter = noMeter{}
	}
	s := &Sender{cfg: cfg, transport: newTransport(cfg), breakers: noMeter{}, wake: make(chan struct{}, 1)}
	if m, ok := cfg.Meter.(BreakerMeter); ok {
		s.breakers = m
	}
	return s, nil
}

// Wake tells a running sender that rows have been committed. It never blocks,
// and may be called from anywhere, at any time.
func (s *Sender) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

type noMeter struct{}

func (noMeter) CallbackAttempt(string, time.Duration) {}
func (noMeter) CallbackDead(int)                      {}
func (noMeter) CallbackLanesOpen(int)                 {}
func (noMeter) CallbackBreakerOpened()                {}
