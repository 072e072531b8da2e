package network

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/upixml"
)

// Limits of one attempt and of the worker.
const (
	// SendTimeout is the time one message and its answer have (failure matrix
	// 0.6: 10 s for check and reversal).
	SendTimeout = 10 * time.Second
	// MaxAnswer is the longest answer, in bytes.
	MaxAnswer = 64 << 10
	// DefaultConcurrency is how many messages are under way at most.
	DefaultConcurrency = 8

	decideTimeout = 5 * time.Second
	dbTimeout     = 5 * time.Second
	// recordFor is how long a result is held for a database that does not take it.
	recordFor = 10 * time.Second
	// leaseTime is what an attempt may take, with a margin: reading, sending,
	// deciding, recording. It is also how late a message is repeated whose worker
	// was killed.
	leaseTime = dbTimeout + SendTimeout + decideTimeout + recordFor + 5*time.Second
	// pollEvery bounds the sleep of an idle worker: rows that nobody woke it for go
	// out within it.
	pollEvery = time.Second
	// blockedPoll is its sleep while rows are due that cannot be leased, because
	// another row of their payment is under way somewhere.
	blockedPoll = 200 * time.Millisecond
	// shortest is the shortest sleep before a row falls due.
	shortest = 10 * time.Millisecond
	// maxBackOff bounds its sleep while the database is away.
	maxBackOff = 4 * time.Second
)

// Rows is the outbox. Its clock is the database's.
type Rows interface {
	// LeaseNetwork takes rows to send: pending, due, not leased, at most limit,
	// and at most one of a payment, the first made; none of a payment of which
	// one is leased. They are leased, and attempts counted, when it returns.
	LeaseNetwork(ctx context.Context, limit int, lease time.Duration) ([]journal.NetworkDelivery, error)
	// RecordNetwork writes down what came of an attempt and ends its lease. Done
	// always counts; another outcome only moves a pending row whose latest attempt
	// it was of.
	RecordNetwork(ctx context.Context, o journal.NetworkOutcome) error
	// NextNetwork says how long until the earliest pending row is due and not
	// leased; false if there is none.
	NextNetwork(ctx context.Context) (time.Duration, bool, error)
}

// Reader is what the worker reads to write a message.
type Reader interface {
	// PaymentByID finds a payment by our id; journal.ErrNotFound when there is
	// none.
	PaymentByID(ctx context.Context, id string) (payment.Payment, error)
}

// Meter is told what happens, for the metrics, from many goroutines.
type Meter interface {
	// NetworkAttempt: an attempt at a row of that kind ended with one of Results
	// after took.
	NetworkAttempt(kind, result string, took time.Duration)
	// NetworkDead: a row of that kind was given up; somebody has to look at it.
	NetworkDead(kind string)
}

// Config is what a Worker needs. All but Meter, RootCAs and Concurrency must be
// given; URL, and with it Sign, may be empty: then nothing is sent.
type Config struct {
	Rows      Rows
	Reader    Reader
	Journal   *journal.Journal
	Directory func() *merchant.Directory
	// URL is the network's base, http or https. Empty: the rows wait.
	URL string
	// OrgID is our organisation, by whose certificates the answers are verified.
	OrgID string
	// Sign makes our signature; see upixml.Sign.
	Sign func(doc []byte) ([]byte, error)
	// Sandbox: an organisation that may send unsigned may also answer so.
	Sandbox bool
	Log     *slog.Logger
	Meter   Meter // may be nil
	// RootCAs for https; nil means the system's.
	RootCAs *x509.CertPool
	// Concurrency is how many messages are under way at most; 0 means
	// DefaultConcurrency.
	Concurrency int
}

// Worker sends what the outbox holds. Make one with New.
type Worker struct {
	cfg       Config
	transport *http.Transport
	wake      chan struct{}
	running   atomic.Bool
	pinned    upixml.Pinned
}

// New checks cfg and returns a Worker that does nothing until Run. The error says
// which field is missing or wrong.
func New(cfg Config) (*Worker, error) {
	switch {
	case cfg.Rows == nil, cfg.Reader == nil, cfg.Journal == nil, cfg.Directory == nil, cfg.Log == nil:
		return nil, errors.New("network: Rows, Reader, Journal, Directory and Log must be given")
	case cfg.OrgID == "":
		return nil, errors.New("network: no OrgID")
	case cfg.Concurrency < 0:
		return nil, fmt.Errorf("network: Concurrency is %d, below 0", cfg.Concurrency)
	}
	if cfg.URL != "" {
		u, err := url.Parse(cfg.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, errors.New("network: the URL must be http://HOST or https://HOST, with a path if need be")
		}
		if cfg.Sign == nil {
			return nil, errors.New("network: no Sign: every message is signed")
		}
	}
	if cfg.Concurrency == 0 {
		cfg.Concurrency = DefaultConcurrency
	}
	if cfg.Meter == nil {
		cfg.Meter = noMeter{}
	}
	return &Worker{cfg: cfg, transport: newTransport(cfg), wake: make(chan struct{}, 1)}, nil
}

// Wake tells a running worker that rows have been committed. It never blocks, and
// may be called from anywhere, at any time.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

type noMeter struct{}

func (noMeter) NetworkAttempt(string, string, time.Duration) {}
func (noMeter) NetworkDead(string)                           {}
