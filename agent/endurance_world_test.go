package agent_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/internal/identity"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"github.com/galla-pay/galla/protocol"
)

// world is a whole terminal in real time, whose broker is on the loopback, over
// TLS: what a rig, in its bubble, cannot have.
type world struct {
	tb   testing.TB
	ctrl *sessiontest.Controller
	chip *paneltest.ST7789
	cfg  agent.Config
	cert *x509.Certificate // the broker's
	stop context.CancelFunc
	done chan error

	mu     sync.Mutex
	status agent.Status
	news   chan struct{} // closed at the next status
}

// newWorld is a world with a terminal that is enrolled and not yet switched on. The
// broker's certificate lives from an hour ago until in an hour.
func newWorld(tb testing.TB, dir string) *world {
	tb.Helper()
	w := &world{tb: tb, ctrl: sessiontest.NewController(), chip: paneltest.NewST7789(), news: make(chan struct{})}
	key := sessiontest.Key("broker").Private
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	if w.cert, err = x509.ParseCertificate(der); err != nil {
		tb.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		tb.Fatal(err)
	}
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			w.ctrl.Broker.Serve(conn)
		}
	}()
	tb.Cleanup(func() {
		_ = listener.Close()
		<-accepting
		w.ctrl.Broker.Close()
	})
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	if _, err := w.ctrl.EnrolBy(identity.Options{Dir: dir}, identity.Transport{CA: ca}); err != nil {
		tb.Fatal(err)
	}
	w.cfg = agent.Config{
		Identity: sessiontest.ID,
		DataDir:  dir,
		Brokers:  []string{"mqtts://" + listener.Addr().String()},
		Software: "test",
		Status:   w.told,
		Log:      slog.New(slog.DiscardHandler),
	}
	return w
}

func (w *world) told(s agent.Status) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status = s
	close(w.news)
	w.news = make(chan struct{})
}

// on switches the terminal on; off, or the end of the test, cuts the power.
func (w *world) on() {
	w.tb.Helper()
	kind, err := panel.Lookup("st7789")
	if err != nil {
		w.tb.Fatal(err)
	}
	driver, err := kind.Open(w.chip, w.chip.Pins(), panel.Options{})
	if err != nil {
		w.tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.stop, w.done = cancel, make(chan error, 1)
	done := w.done
	go func() { done <- agent.Run(ctx, w.cfg, agent.Hardware{Panel: driver, Kind: kind}) }()
	w.tb.Cleanup(w.off)
}

func (w *world) off() {
	if w.stop == nil {
		return
	}
	w.stop()
	if err := <-w.done; err != nil {
		w.tb.Errorf("Run: %v", err)
	}
	w.stop = nil
	_ = w.chip.Close()
	w.chip.Reset()
}

// wait waits until the terminal is so, and returns what it is.
func (w *world) wait(what string, is func(agent.Status) bool) agent.Status {
	w.tb.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for {
		w.mu.Lock()
		s, news := w.status, w.news
		w.mu.Unlock()
		if is(s) {
			return s
		}
		select {
		case <-news:
		case <-limit.C:
			w.tb.Fatalf("%s: it is %+v", what, s)
		}
	}
}

func idle(s agent.Status) bool { return s.Mode == protocol.ModeIdle && s.Link }

// offer makes the controller want a sale with that much time left.
func (w *world) offer(payment string, left time.Duration) {
	w.ctrl.Want(func(s *protocol.State) {
		s.Sale, s.Result = sale(payment, protocol.PhaseOffered), nil
		s.Sale.LeftMillis = left.Milliseconds()
	})
}

// end makes the controller tell the end of a payment.
func (w *world) end(payment string, o protocol.Outcome) {
	w.ctrl.Want(func(s *protocol.State) {
		s.Sale = nil
		s.Result = &protocol.Result{PaymentID: payment, MerchantTransactionID: "M-" + payment, AmountPaise: 24500, Outcome: o}
	})
}
