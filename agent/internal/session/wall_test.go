package session

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent/internal/identity"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
)

const tenYears = 10 * 365 * 24 * time.Hour

// wrongWall is a wall clock that is wrong by a duration that changes.
type wrongWall struct{ by atomic.Int64 }

func (w *wrongWall) set(by time.Duration) { w.by.Store(int64(by)) }
func (w *wrongWall) now() time.Time       { return time.Now().Add(time.Duration(w.by.Load())) }

// serveTLS brings TLS connections of the loopback to a broker, and returns its
// address and its certificate authority.
func serveTLS(t *testing.T, broker *sessiontest.Broker, cert tls.Certificate) (address, ca string) {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			broker.Serve(conn)
		}
	}()
	return "mqtts://" + listener.Addr().String(), pemOf(cert)
}

// TestAWallClockThatIsWrong (failure matrix T18): with a broker of TLS whose
// certificate lives for two hours, a terminal whose clock is ten years late or
// early connects, is in sync, and stays so while the clock jumps; each jump is a
// doubt, so that it asks. A new connection after the jump works too.
func TestAWallClockThatIsWrong(t *testing.T) {
	for _, row := range []struct {
		name        string
		first, then time.Duration
	}{
		{"ten years late, then right", -tenYears, 0},
		{"right, then ten years early", 0, tenYears},
		{"right, then an hour early", 0, 59 * time.Minute},
		{"from ten years late to ten years early", -tenYears, tenYears},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			ctrl := sessiontest.NewController()
			defer ctrl.Broker.Close()
			address, ca := serveTLS(t, ctrl.Broker, selfSigned(t))
			var wall wrongWall
			wall.set(row.first)
			credentials, err := ctrl.EnrolBy(identity.Options{Dir: t.TempDir(), Wall: wall.now}, identity.Transport{CA: ca})
			if err != nil {
				t.Fatal(err)
			}
			s, err := New(Config{Credentials: credentials, Brokers: []string{address}, Dial: (&net.Dialer{}).DialContext, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			s.Tell(idleStanding, false)
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); s.Run(ctx) }()
			defer func() { stop(); <-done }()
			// answered waits for the answer to a question.
			answered := func(what string) {
				t.Helper()
				limit := time.After(10 * time.Second)
				for {
					select {
					case <-s.News():
					case <-limit:
						t.Fatalf("%s: no answer", what)
					}
					for _, ev := range s.Take() {
						if st, ok := ev.(State); ok && st.Answer {
							return
						}
					}
				}
			}
			answered("at first")
			wall.set(row.then)
			next := idleStanding
			next.AckSeq++
			s.Tell(next, false) // it looks at its clock whenever it has something to do
			answered("after the jump")
			ctrl.Broker.Cut()
			answered("over a new connection")
		})
	}
}

// TestAnExpiredBroker: a certificate that has expired is refused by a clock that is
// right, and by a clock that is wrong once the terminal knows better.
func TestAnExpiredBroker(t *testing.T) {
	t.Parallel()
	ctrl := sessiontest.NewController()
	defer ctrl.Broker.Close()
	address, ca := serveTLS(t, ctrl.Broker, selfSigned(t))
	dir := t.TempDir()
	var wall wrongWall
	credentials, err := ctrl.EnrolBy(identity.Options{Dir: dir, Wall: wall.now}, identity.Transport{CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	shake := func() error {
		t.Helper()
		conn, err := net.Dial("tcp", address[len("mqtts://"):])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = credentials.Handshake(t.Context(), conn, "127.0.0.1")
		return err
	}
	if err := shake(); err != nil {
		t.Fatal(err)
	}
	wall.set(2 * time.Hour) // its end was an hour ago
	if err := shake(); err == nil {
		t.Error("an expired certificate is believed")
	}
	wall.set(tenYears) // that is no clock
	if err := shake(); err != nil {
		t.Errorf("with a clock of nonsense: %v", err)
	}
	block, _ := pem.Decode([]byte(ca))
	if cert, err := x509.ParseCertificate(block.Bytes); err != nil || time.Until(cert.NotAfter) > 2*time.Hour {
		t.Fatalf("the certificate lives until %v, %v", cert.NotAfter, err)
	}
}
