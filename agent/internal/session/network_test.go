package session

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent/internal/identity"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/protocol"
	"go.uber.org/goleak"
)

// TestRealSockets is a session over TCP, and over TLS, on the loopback: states
// come, the cable is pulled, it comes back, and the power goes.
func TestRealSockets(t *testing.T) {
	for _, scheme := range []string{"mqtt", "mqtts"} {
		t.Run(scheme, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			ctrl := sessiontest.NewController()
			defer ctrl.Broker.Close()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			cert := selfSigned(t)
			if scheme == "mqtts" {
				listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{cert}})
			}
			defer listener.Close()
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					ctrl.Broker.Serve(conn)
				}
			}()
			credentials, err := ctrl.EnrolBy(identity.Options{Dir: t.TempDir()}, identity.Transport{CA: pemOf(cert)})
			if err != nil {
				t.Fatal(err)
			}
			s, err := New(Config{
				Credentials: credentials,
				Brokers:     []string{scheme + "://" + listener.Addr().String()},
				Dial:        (&net.Dialer{}).DialContext,
				Log:         slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			s.Tell(idleStanding, false)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			done := make(chan struct{})
			go func() { defer close(done); s.Run(ctx) }()

			wait := func(what string, is func(Event) bool) {
				t.Helper()
				limit := time.After(10 * time.Second)
				for {
					select {
					case <-s.News():
					case <-limit:
						t.Fatalf("%s did not come", what)
					}
					for _, ev := range s.Take() {
						if is(ev) {
							return
						}
					}
				}
			}
			state := func(seq uint64, answer bool) func(Event) bool {
				return func(ev Event) bool {
					st, ok := ev.(State)
					return ok && st.State.Seq == seq && st.Answer == answer
				}
			}
			wait("the answer", state(1, true))
			ctrl.Want(func(*protocol.State) {})
			wait("a push", state(2, false))
			ctrl.Broker.Cut()
			wait("the loss", func(ev Event) bool { _, ok := ev.(Down); return ok })
			wait("the answer after the loss", state(2, true))

			begun := time.Now()
			heard := ctrl.Heard()
			stop()
			<-done
			if took := time.Since(begun); took > time.Second {
				t.Errorf("it took %v to stop", took)
			}
			for len(ctrl.Wills()) < 2 {
				<-heard
				heard = ctrl.Heard()
			}
			if wrong := ctrl.Wrong(); len(wrong) > 0 {
				t.Error(wrong)
			}
		})
	}
}

func pemOf(c tls.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key := sessiontest.Key("broker").Private
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
