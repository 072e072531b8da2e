package network_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/network"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/sweep"
	"github.com/galla-pay/galla/controller/internal/upixml"
	"github.com/galla-pay/galla/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// signer is a key with its certificate. Keys are slow to make, so that the tests
// share two.
type signer struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

var (
	ours     = sync.OnceValue(newSigner)
	theirs   = sync.OnceValue(newSigner)
	stranger = sync.OnceValue(newSigner)
)

func newSigner() signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{ // good in a bubble too, whose time begins in 2000
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), crypto.Signer(key))
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return signer{key, cert}
}

func (s signer) sign(doc []byte) ([]byte, error) { return upixml.Sign(doc, s.key, s.cert) }

func (s signer) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.cert.Raw}))
}

// rig is a worker with a real house behind it and a bank before it.
type rig struct {
	t *testing.T
	*doortest.House
	bank   *bank
	meter  *meter
	log    *lockedBuffer
	config network.Config
	lives  time.Duration // a collect request

	mu      sync.Mutex
	workers []*network.Worker
}

// newRig builds it; change may alter the sandbox's data. Nothing runs yet.
func newRig(t *testing.T, change ...func(*merchant.Data)) *rig {
	t.Helper()
	r := &rig{t: t, bank: newBank(), meter: &meter{}, log: &lockedBuffer{}, lives: 3 * time.Minute}
	r.House = doortest.New(t, change...)
	r.OnCommit = func(c decide.Changes) {
		if len(c.Network) > 0 {
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, w := range r.workers {
				w.Wake()
			}
		}
	}
	r.config = network.Config{
		Rows: r.DB, Reader: r.DB, Journal: r.Journal, Directory: r.Directory, URL: "http://npci.example.in/upi/", OrgID: "MER101",
		Sign: ours().sign, Sandbox: true, Log: slog.New(slog.NewTextHandler(r.log, nil)), Meter: r.meter,
	}
	return r
}

// worker makes one over the wire that has no sockets.
func (r *rig) worker(change ...func(*network.Config)) *network.Worker {
	r.t.Helper()
	cfg := r.config
	for _, c := range change {
		c(&cfg)
	}
	w, err := network.New(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	w.DialThrough(r.bank.dial)
	return w
}

// start runs a worker until stop is called or the test ends.
func (r *rig) start(w *network.Worker) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.t.Context()))
	over := make(chan struct{})
	r.mu.Lock()
	r.workers = append(r.workers, w)
	r.mu.Unlock()
	go func() {
		defer close(over)
		w.Run(ctx)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-over
	})
	r.t.Cleanup(stop)
	return stop
}

// sweeps runs the sweeper until the test ends: what time alone makes due.
func (r *rig) sweeps() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.t.Context()))
	over := make(chan struct{})
	s := &sweep.Sweeper{Journal: r.Journal, Find: r.DB.Due, Log: r.Log}
	go func() {
		defer close(over)
		s.Run(ctx)
	}()
	r.t.Cleanup(func() { cancel(); <-over })
}

// overSockets lets the worker of the config speak to a real HTTP server.
func (r *rig) overSockets() *network.Worker {
	r.t.Helper()
	server := httptest.NewServer(r.bank)
	r.t.Cleanup(server.Close)
	cfg := r.config
	cfg.URL = server.URL + "/upi"
	w, err := network.New(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

func do[A any](r *rig, d decide.Decision[A]) A {
	r.t.Helper()
	a, err := journal.Do(context.WithoutCancel(r.t.Context()), r.Journal, d)
	if err != nil {
		r.t.Fatalf("%T: %v", d, err)
	}
	return a
}

// collect is a collect request of 1.00 that lives three minutes, unless lives
// says otherwise.
func (r *rig) collect(id string, change ...func(*payment.Payment)) payment.Payment {
	r.t.Helper()
	p := payment.Payment{
		ID: "GP" + id, Key: payment.Key{MerchantID: "MERCHANTUAT", TransactionID: id}, OrderID: "M123456789", Amount: 100,
		Solution: payment.Collect, CollectBy: "VPA", CollectFrom: "canary.payer@ybl", Payee: "merchant@upi",
		Message: "Collect for order 4821", CallbackURL: "https://pos.example.in/cb", CallbackMode: "POST",
		Signer: "MERCHANTUAT", SignerIndex: "1",
	}
	for _, c := range change {
		c(&p)
	}
	return do(r, decide.Init{Payment: p, ExpiresIn: r.lives, Actor: "pos:MERCHANTUAT"})
}

// result tells a ReqCollectResult of a success.
func (r *rig) result(n, id string, amount protocol.Paise) decide.CollectAnswer {
	r.t.Helper()
	return do(r, decide.CollectResult{
		OrgID: "MER101", MsgID: "R" + n, TxnID: "BANK" + n, PaymentID: "GP" + id, Status: decide.CollectPaid, Amount: amount,
		Payer: "canary.payer@ybl", Reference: "63260000000" + n, Fee: quote.Fee{BasisPoints: 50},
		Render: func(decide.CollectAnswer) []byte { return nil },
	})
}

// refund is a refund of 0.40 of a collect request that was paid, as BANK1.
func (r *rig) refund(id, of string) payment.Payment {
	r.t.Helper()
	return do(r, decide.Refund{Actor: "pos:MERCHANTUAT", Original: payment.Key{MerchantID: "MERCHANTUAT", TransactionID: of}, Payment: payment.Payment{
		ID: "GP" + id, Key: payment.Key{MerchantID: "MERCHANTUAT", TransactionID: id}, Amount: 40,
		CallbackURL: "https://pos.example.in/cb", CallbackMode: "POST", Signer: "MERCHANTUAT", SignerIndex: "1",
	}})
}

// paid is a collect request that was paid, with nothing left to send for it.
func (r *rig) paid(id string) {
	r.t.Helper()
	r.collect(id)
	if a := r.result("1", id, 100); a.Code != decide.CodeOK || a.Result != "" {
		r.t.Fatal(a.Code, a.Result)
	}
}

func (r *rig) payment(id string) payment.Payment {
	r.t.Helper()
	p, err := r.DB.PaymentByID(context.WithoutCancel(r.t.Context()), "GP"+id)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *rig) credit(key decide.TxnKey) (c decide.Credit) {
	r.t.Helper()
	err := r.DB.Apply(context.WithoutCancel(r.t.Context()), journal.NewBatchID(), decide.Needs{Credits: []decide.TxnKey{key}},
		func(s decide.Snapshot) (decide.Changes, error) {
			c = s.Credits[key]
			return decide.Changes{}, nil
		})
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) queue() journal.NetworkQueue {
	r.t.Helper()
	q, err := r.DB.NetworkQueue(context.WithoutCancel(r.t.Context()))
	if err != nil {
		r.t.Fatal(err)
	}
	return q
}

// until waits for what the worker does; a bubble's time passes meanwhile, real
// time runs out after a while.
func (r *rig) until(what string, is func() bool) {
	r.t.Helper()
	for n := range 4000 {
		if is() {
			return
		}
		step := 5 * time.Millisecond
		if n > 200 {
			step = 100 * time.Millisecond
		}
		<-time.After(step)
	}
	r.t.Fatalf("not seen: %s\n%s", what, r.log.String())
}

// idle waits until no row is to be sent any more.
func (r *rig) idle() {
	r.t.Helper()
	r.until("an empty outbox", func() bool { return r.queue().Pending == 0 })
}

// meter counts what it is told.
type meter struct {
	mu       sync.Mutex
	results  map[string]int
	given    map[string]int
	attempts int
}

func (m *meter) NetworkAttempt(kind, result string, _ time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.results == nil {
		m.results = map[string]int{}
	}
	m.results[kind+" "+result]++
	m.attempts++
}

func (m *meter) NetworkDead(kind string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.given == nil {
		m.given = map[string]int{}
	}
	m.given[kind]++
}

func (m *meter) count(what string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.results[what]
}

func (m *meter) dead(kind string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.given[kind]
}

func (m *meter) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprint(m.results)
}

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
