package mqttlink_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/mqttlink"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/hack/testservers"
	"github.com/galla-pay/galla/protocol"
)

// TestPublishWithoutConnection: nothing is taken before Run, nor after it.
func TestPublishWithoutConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	server := startMosquitto(t)
	e, err := mqttlink.NewExternal(mqttlink.External{
		URLs: []string{server.URL()}, Username: server.AdminUsername, Password: server.AdminPassword, Receive: w.hear, Log: w.log,
	})
	must(t, err)
	none := func(when string) {
		if err := e.Publish(protocol.CommandTopic(till(0)), nil); !errors.Is(err, mqttlink.ErrNotConnected) || e.Connected() {
			t.Errorf("%s: Publish = %v, connected %v", when, err, e.Connected())
		}
	}
	none("before Run")
	stop := running(t, e.Run)
	w.await(t, "connected", e.Connected)
	began := time.Now()
	stop()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("Run took %v to return", took)
	}
	none("after Run")
}

// TestSilentBroker: a broker that takes the connection and says nothing does
// not hold up the end, and the socket is not left behind.
func TestSilentBroker(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	e, err := mqttlink.NewExternal(mqttlink.External{URLs: []string{"mqtt://" + listener.Addr().String()}, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.Run(ctx)
	}()
	conn, err := listener.Accept()
	must(t, err)
	defer conn.Close()
	cancel()
	select {
	case <-done:
	case <-time.After(3 * time.Second):
		t.Fatal("Run goes on")
	}
	must(t, conn.SetReadDeadline(time.Now().Add(3*time.Second)))
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("the socket is not closed: %v", err)
	}
}

// TestRefusedByBroker: a broker that does not know the account, or gives it no
// rights, is a plain line in the log, and is tried again until it does.
func TestRefusedByBroker(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	server := startMosquitto(t)
	e, err := mqttlink.NewExternal(mqttlink.External{
		URLs: []string{server.URL()}, Username: "link", Password: "link-password", Receive: w.hear, Log: w.log,
	})
	must(t, err)
	running(t, e.Run)
	log := w.log.Handler().(*bell)
	w.await(t, "the login is refused", func() bool { return log.said("not Authorized") })
	must(t, server.Dynsec(t.Context(), "createClient", "link", "-p", "link-password"))
	w.await(t, "the subscription is refused", func() bool { return log.said("the broker refused the subscription to galla/v1/+/") })
	if e.Connected() {
		t.Error("connected without a right to hear anything")
	}
	for _, words := range [][]string{
		{"createRole", "link"},
		{"addRoleACL", "link", "subscribePattern", "galla/v1/#", "allow"},
		{"addClientRole", "link", "link"},
	} {
		must(t, server.Dynsec(t.Context(), words...))
	}
	w.await(t, "connected", e.Connected)
	if log.said("link-password") {
		t.Error("the password is in the log")
	}
}

// TestTwoControllers: each of them hears every report, which counts once, and a
// terminal is told by either (failure matrix R19).
func TestTwoControllers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	v := w.open(t, openMosquitto)
	w.start()
	first, stopFirst := w.link.Load(), w.stop
	w.start() // the second, over the same database
	second := w.link.Load()
	both := v.(*existing)
	must(t, both.admin.EnsureController(t.Context(), "second-controller", "second-password"))
	connectExternal(t, w, mqttlink.External{
		URLs: []string{both.server.URL()}, Username: "second-controller", Password: "second-password", Receive: second.Receive,
	})
	// The first connection hears for the first link.
	w.link.Store(first)
	g := join(t, w, v, till(1))
	p := w.sale(t, g.id, "A")
	s := g.offered(p.ID)
	g.report(s.Seq, fact(1, protocol.FactReceived, p.ID))
	g.report(s.Seq, fact(1, protocol.FactReceived, p.ID), fact(2, protocol.FactPresented, p.ID))
	w.await(t, "both have heard both reports", func() bool { return w.counted("report")+w.counted("report_replaced") == 4 })
	if got, want := w.story(t, p.ID), "init handed_over presented"; got != want {
		t.Errorf("events %q, want %q", got, want)
	}
	// One falls, and the other tells what it has not committed itself.
	stopFirst()
	w.link.Store(nil)
	w.pay(t, p)
	g.state("the result", func(s protocol.State) bool { return s.Result != nil && s.Result.PaymentID == p.ID })
	w.awaitState(t, p.ID, payment.Succeeded)
}

// TestTLS: mqtts speaks TLS and believes the given authority alone.
func TestTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	authority, conf := certificate(t)
	server, err := testservers.StartMosquitto(t.Context(), "", conf)
	must(t, err)
	t.Cleanup(server.Stop)
	url := "mqtts://" + server.Addr()
	connectExternal(t, w, mqttlink.External{URLs: []string{url}, TLS: &tls.Config{RootCAs: authority}, Receive: w.hear})
	log := w.log.Handler().(*bell)
	for _, stranger := range []*tls.Config{nil, {RootCAs: x509.NewCertPool()}} {
		log.forget()
		e, err := mqttlink.NewExternal(mqttlink.External{URLs: []string{url}, TLS: stranger, Receive: w.hear, Log: w.log})
		must(t, err)
		stop := running(t, e.Run)
		w.await(t, "the certificate is not believed", func() bool { return log.said("certificate signed by unknown authority") })
		if e.Connected() {
			t.Error("connected to a stranger")
		}
		stop()
	}
}

// certificate makes a broker's certificate, and a configuration with it that
// Mosquitto can read as another user.
func certificate(t *testing.T) (authority *x509.CertPool, conf string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	dir, err := os.MkdirTemp("", "galla-tls-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755)) // Mosquitto is another user where we are root
	for name, block := range map[string]*pem.Block{
		"certificate": {Type: "CERTIFICATE", Bytes: der}, "key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o644))
	}
	parsed, err := x509.ParseCertificate(der)
	must(t, err)
	authority = x509.NewCertPool()
	authority.AddCert(parsed)
	return authority, "listener 8883\nallow_anonymous true\ncertfile " + filepath.Join(dir, "certificate") +
		"\nkeyfile " + filepath.Join(dir, "key") + "\n"
}
