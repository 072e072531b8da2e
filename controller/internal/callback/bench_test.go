package callback_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback"
	"github.com/galla-pay/galla/controller/internal/callback/callbacktest"
	"github.com/galla-pay/galla/protocol"
)

const (
	saltKey   = "salt-canary-5c1d"
	saltIndex = 3
)

// key signs the notices of all tests.
var key = protocol.NewSigningKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)))

// notice is what the status API would answer.
func notice(paymentID string) []byte {
	return fmt.Appendf(nil, `{"success":true,"code":"SUCCESS","data":{"transactionId":%q}}`, paymentID)
}

// bench is a sender with its outbox, and all that it says.
type bench struct {
	*callback.Sender
	callbacktest.Outbox
	log   lockedBuffer
	meter meter
}

// newBench makes a sender on an outbox in memory. change may be nil.
func newBench(t *testing.T, change func(*callback.Config)) *bench {
	t.Helper()
	sign, err := callback.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{}
	cfg := callback.Config{
		Outbox: &b.Outbox,
		Render: func(_ context.Context, paymentID string) (callback.Notice, error) {
			return callback.Notice{Body: notice(paymentID), SaltKey: saltKey, SaltIndex: saltIndex}, nil
		},
		Sign:         sign,
		Log:          slog.New(slog.NewTextHandler(&b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Meter:        &b.meter,
		AllowPrivate: true,
	}
	if change != nil {
		change(&cfg)
	}
	b.Sender, err = callback.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// start runs the sender; the returned function stops it and waits for its end.
func (b *bench) start(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		b.Run(ctx)
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			<-over
		})
	}
	t.Cleanup(stop)
	return stop
}

// sell commits a callback that is due at once, and wakes the sender.
func (b *bench) sell(t *testing.T, merchant, event, to string) {
	t.Helper()
	b.put(t, merchant, event, to)
	b.Wake()
}

// put commits it without a word to the sender, as another controller does.
func (b *bench) put(t *testing.T, merchant, event, to string) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		u = &url.URL{}
	}
	err = b.Add(t.Context(), callbacktest.Row{
		EventID: event, PaymentID: "pay-" + event, MerchantID: merchant, Lane: merchant + " " + u.Host, URL: to,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// settled waits until the row is in state.
func (b *bench) settled(t *testing.T, event, state string) {
	t.Helper()
	b.until(t, func() bool {
		r, err := b.Row(t.Context(), event)
		if err != nil {
			t.Fatal(err)
		}
		return r.State == state
	})
}

// until waits for a change of the outbox that makes ok true.
func (b *bench) until(t *testing.T, ok func() bool) {
	t.Helper()
	for {
		changed := b.Changed()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatal("the test ended first")
		}
	}
}

func (b *bench) attempts(t *testing.T, event string) []callbacktest.Attempt {
	t.Helper()
	a, err := b.Attempts(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// till is a merchant's server that keeps what it is sent.
type till struct {
	mu     sync.Mutex
	got    []received
	answer http.HandlerFunc // nil answers 200
}

type received struct {
	at     time.Time
	method string
	path   string
	header http.Header
	body   []byte
}

func (p *till) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.got = append(p.got, received{time.Now(), r.Method, r.URL.RequestURI(), r.Header.Clone(), body})
	answer := p.answer
	p.mu.Unlock()
	if answer != nil {
		answer(w, r)
	}
}

func (p *till) received() []received {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]received(nil), p.got...)
}

func (p *till) answers(h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = h
}

// quiet takes what test servers say about clients that went away.
var quiet = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)

// wire is a network in memory, for tests whose time is not the world's. Hosts
// that are not on it refuse the connection.
type wire struct {
	mu    sync.Mutex
	hosts map[string]func(net.Conn)
}

func newWire() *wire { return &wire{hosts: map[string]func(net.Conn){}} }

// serve puts an HTTP server on the wire.
func (w *wire) serve(host string, h http.Handler) {
	w.plug(host, func(c net.Conn) {
		server := &http.Server{Handler: h, ErrorLog: quiet}
		_ = server.Serve(&oneConn{Conn: c})
	})
}

// plug puts a server of any kind on the wire; nil takes the host off it.
func (w *wire) plug(host string, serve func(net.Conn)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts[host+":80"] = serve
}

func (w *wire) dial(_ context.Context, _, address string) (net.Conn, error) {
	w.mu.Lock()
	serve := w.hosts[address]
	w.mu.Unlock()
	if serve == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	client, server := net.Pipe()
	go serve(server)
	return client, nil
}

// hang takes the connection and never says a word.
func hang(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// oneConn is a listener that has one connection to give.
type oneConn struct {
	net.Conn
	given bool
}

func (l *oneConn) Accept() (net.Conn, error) {
	if l.given {
		return nil, io.EOF
	}
	l.given = true
	return l.Conn, nil
}
func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return l.LocalAddr() }

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// meter counts what the sender tells the metrics.
type meter struct {
	mu      sync.Mutex
	results map[string]int
	dead    int
	open    int
	opened  int
}

func (m *meter) CallbackAttempt(result string, _ time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.results == nil {
		m.results = map[string]int{}
	}
	m.results[result]++
}

func (m *meter) CallbackDead(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead += n
}

func (m *meter) CallbackLanesOpen(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open = n
}

func (m *meter) count(result string) (attempts, dead, open int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.results[result], m.dead, m.open
}

func (m *meter) CallbackBreakerOpened() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opened++
}
