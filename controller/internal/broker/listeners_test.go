package broker_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/galla-pay/galla/controller/internal/broker"
	"github.com/galla-pay/galla/controller/internal/tlsfile/tlsfiletest"
	"github.com/galla-pay/galla/protocol"
)

func TestTLS(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	certificate, pool := certificateFor(t, "broker.test")
	w := startOn(t, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}}), func(c *broker.Config) {
		c.ConnectTimeout = 2 * time.Second
	})
	plain := w.dial(t) // says nothing, so the handshake never ends
	secure, err := tls.Dial("tcp", w.addr, &tls.Config{RootCAs: pool, ServerName: "broker.test"})
	if err != nil {
		t.Fatal(err)
	}
	c := adopt(t, secure)
	c.send(w.connectOf(gina, nil))
	if code := c.connack(); code != 0 {
		t.Fatalf("login: code %d", code)
	}
	c.subscribe(1, protocol.CommandTopic(gina))
	c.publish(protocol.ReportTopic(gina), "sync", 1, false)
	c.want(packets.Puback)
	if err := w.Publish(protocol.CommandTopic(gina), []byte("state")); err != nil {
		t.Fatal(err)
	}
	if got := c.command(); got != "state" {
		t.Errorf("command %q", got)
	}
	plain.ended()
	w.refused(t, broker.ReasonSilent, 1)
	if !w.Kick(gina) {
		t.Error("Kick found nobody")
	}
	c.ended()
}

// TestClientCertificates: who shows one is who it names, and still needs its
// token. Who may issue one is the listener's configuration.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	authority, stranger := tlsfiletest.NewAuthority(t), tlsfiletest.NewAuthority(t)
	of := func(a *tlsfiletest.Authority, name string) *tlsfiletest.Pair {
		p := a.Issue(t, name, time.Time{})
		return &p
	}
	late := authority.Issue(t, gina.String(), time.Now().Add(-time.Minute))
	const open, shut = 0, 5 // the codes of CONNACK; none means that TLS failed
	const none = -1
	for _, row := range []struct {
		name               string
		shows              *tlsfiletest.Pair
		token              string // "": gina's
		optional, required int
		why                broker.Reason
	}{
		{"none", nil, "", open, none, broker.ReasonTLS},
		{"its own", of(authority, gina.String()), "", open, open, ""},
		{"its own, and a wrong token", of(authority, gina.String()), "wrong", shut, shut, broker.ReasonToken},
		{"another's", of(authority, hari.String()), "", shut, shut, broker.ReasonCertificate},
		{"another's, and a wrong token", of(authority, hari.String()), "wrong", shut, shut, broker.ReasonCertificate},
		{"in other letters", of(authority, "m1.SHOP.till-1"), "", shut, shut, broker.ReasonCertificate},
		{"nobody's", of(authority, ""), "", shut, shut, broker.ReasonCertificate},
		{"of a stranger's authority", of(stranger, gina.String()), "", none, none, broker.ReasonTLS},
		{"one that has ended", &late, "", none, none, broker.ReasonTLS},
	} {
		for mode, want := range map[tls.ClientAuthType]int{
			tls.VerifyClientCertIfGiven: row.optional, tls.RequireAndVerifyClientCert: row.required,
		} {
			t.Run(row.name+"/"+mode.String(), func(t *testing.T) {
				t.Parallel()
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				own := authority.Issue(t, "broker", time.Time{})
				w := startOn(t, tls.NewListener(l, &tls.Config{
					Certificates: []tls.Certificate{own.TLS(t)}, ClientAuth: mode, ClientCAs: authority.Pool(),
				}), nil)
				conf := &tls.Config{RootCAs: authority.Pool(), ServerName: "localhost"}
				if row.shows != nil {
					shown := row.shows.TLS(t) // also where the server did not name its issuer
					conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown, nil }
				}
				secure, err := tls.Dial("tcp", w.addr, conf)
				if err != nil {
					t.Fatal(err)
				}
				c := adopt(t, secure)
				c.send(w.connectOf(gina, func(pk *packets.Packet) {
					if row.token != "" {
						pk.Connect.Password = []byte(row.token)
					}
				}))
				if want == none {
					if n, err := c.Read(make([]byte, 1)); err == nil {
						t.Errorf("%d bytes came back, want a failed handshake", n)
					}
				} else if code := c.connack(); int(code) != want {
					t.Errorf("code %d, want %d", code, want)
				}
				if want != open {
					w.refused(t, row.why, 1)
				}
			})
		}
	}
}

func certificateFor(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestAcceptErrorsThatPassDoNotEndTheListener(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := startOn(t, &troubled{Listener: l, troubles: 3}, nil)
	w.join(t, gina).works()
}

// troubled is a listener that is out of file descriptors for a while.
type troubled struct {
	net.Listener
	troubles int
}

func (l *troubled) Accept() (net.Conn, error) {
	if l.troubles > 0 {
		l.troubles--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

func TestServeSeveralListeners(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- w.Serve(l) }()
	first := w.join(t, gina)
	w.addr = l.Addr().String()
	w.join(t, hari).works()
	first.works()
	// One that breaks is told apart from Close, and the other goes on.
	_ = l.Close()
	if err := <-served; err == nil || errors.Is(err, broker.ErrClosed) {
		t.Errorf("Serve of a broken listener = %v", err)
	}
	first.works()
	closeNow(t, w)
	l, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Serve(l); !errors.Is(err, broker.ErrClosed) {
		t.Errorf("Serve after Close = %v, want ErrClosed", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is open: %v", err)
	}
}

// pipes is a listener of net.Pipe connections, which have no buffers.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial(t testing.TB) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
	case <-p.closed:
		t.Fatal("the listener is closed")
	}
	return ours
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "pipe"} }
