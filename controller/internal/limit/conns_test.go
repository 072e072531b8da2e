package limit_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/limit"
	"github.com/galla-pay/galla/controller/internal/tlsfile/tlsfiletest"
)

// wire is a listener whose connections are made in memory and come from where
// the test says.
type wire struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newWire() *wire { return &wire{conns: make(chan net.Conn), closed: make(chan struct{})} }

type from struct {
	net.Conn
	address net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.address }

// dial comes from ip.
func (w *wire) dial(ip string) net.Conn {
	near, far := net.Pipe()
	w.conns <- from{far, &net.TCPAddr{IP: net.ParseIP(ip), Port: 40000}}
	return near
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

func (w *wire) Addr() net.Addr { return &net.TCPAddr{} }

// shop is a server of HTTP with bounds. GET / answers at once; POST / waits for
// the body.
type shop struct {
	*wire
	conns *limit.Conns
	meter counted
	t     *testing.T
}

func openShop(t *testing.T, perAddress int, over func(net.Listener) net.Listener) *shop {
	s := &shop{wire: newWire(), meter: counted{}, t: t}
	s.conns = limit.NewConns(perAddress, s.meter)
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusNoContent)
		}),
		ConnState: s.conns.State,
	}
	l := s.conns.Listen(s.wire)
	if over != nil {
		l = over(l)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		synctest.Wait()
		if n := s.conns.Open(); n != 0 {
			t.Errorf("%d connections are counted after the end", n)
		}
	})
	return s
}

// client is one connection.
type client struct {
	net.Conn
	in *bufio.Reader
	t  *testing.T
}

func (s *shop) client(ip string) *client {
	c := s.dial(ip)
	s.t.Cleanup(func() { _ = c.Close() })
	return &client{c, bufio.NewReader(c), s.t}
}

// served asks and reports whether there was an answer.
func (c *client) served() bool {
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return false
	}
	return c.answered()
}

// answered waits for the answer.
func (c *client) answered() bool {
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	synctest.Wait() // the server is idle again
	return res.StatusCode == http.StatusNoContent
}

// begin sends a request all but the last byte of its body.
func (c *client) begin() *client {
	if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nx"); err != nil {
		c.t.Error(err)
	}
	synctest.Wait()
	return c
}

// cut reports whether the server has hung up.
func (c *client) cut() bool {
	_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.in.ReadByte()
	_ = c.SetReadDeadline(time.Time{})
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe)
}

const (
	mall  = "192.0.2.1" // a crowd behind one address
	other = "192.0.2.2"
)

// TestBusyConnectionsOfOneAddressAreBounded, and of no other.
func TestBusyConnectionsOfOneAddressAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, 3, nil)
		busy := []*client{s.client(mall).begin(), s.client(mall).begin(), s.client(mall).begin()}
		if !s.client(mall).cut() {
			t.Error("a fourth busy connection was taken")
		}
		if s.meter["connection"] != 1 {
			t.Errorf("counted %v", s.meter)
		}
		if !s.client(other).served() {
			t.Error("another address was shut out")
		}
		for _, c := range busy {
			if _, err := io.WriteString(c, "x"); err != nil || !c.answered() {
				t.Errorf("who was served first was not served to the end: %v", err)
			}
		}
		if !s.client(mall).served() {
			t.Error("shut out although others are idle now")
		}
	})
}

// TestTheLongestIdleMakesRoom: a crowd of tills that each ask now and then is
// served behind one address, however large it is.
func TestTheLongestIdleMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, 3, nil)
		a, b, c := s.client(mall), s.client(mall), s.client(mall)
		for _, one := range []*client{a, b, c, a} { // b is idle the longest
			if !one.served() {
				t.Fatal("not served within the bound")
			}
			time.Sleep(time.Second)
		}
		d := s.client(mall)
		if !d.served() || !b.cut() || a.cut() || c.cut() {
			t.Error("the newcomer did not take the place of who was idle longest")
		}
		a.begin() // c is the only idle one besides d
		if e := s.client(mall); !e.served() || !c.cut() || a.cut() {
			t.Error("a busy connection was cut, or an idle one was not")
		}
		for range 1000 {
			if !s.client(mall).served() {
				t.Fatal("a member of the crowd was not served")
			}
		}
		if n := s.conns.Open(); n != 3 || s.meter["connection"] != 0 {
			t.Errorf("%d open, counted %v", n, s.meter)
		}
	})
}

// TestHeldOpenConnectionsShutNobodyOut: from many addresses, up to the bound of
// all; the next one takes the place of the longest idle.
func TestHeldOpenConnectionsShutNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, 2, nil) // 32 in all
		var held []*client
		for n := range 32 {
			held = append(held, s.client("203.0.113."+strconv.Itoa(n/2)))
			if !held[n].served() {
				t.Fatalf("connection %d not served", n)
			}
		}
		if !s.client(mall).served() || !held[0].cut() || held[1].cut() {
			t.Error("the newcomer did not take the place of who was idle longest of all")
		}
		for _, c := range held[1:] {
			c.begin()
		}
		// mall's own is the one idle place, which other gets; then all are busy.
		s.client(other).begin()
		if !s.client("192.0.2.3").cut() {
			t.Error("more than 32 were taken")
		}
		if n := s.conns.Open(); n != 32 {
			t.Errorf("%d open, want 32", n)
		}
	})
}

// TestLoopbackIsTheProxy: it has the bound of all only.
func TestLoopbackIsTheProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, 2, nil) // 32 in all
		for n := range 32 {
			s.client([]string{"127.0.0.1", "::1"}[n%2]).begin()
		}
		if !s.client("127.0.0.1").cut() {
			t.Error("more than 32 were taken")
		}
	})
}

// TestNoBound takes them all.
func TestNoBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, 0, nil)
		for range 100 {
			s.client(mall).begin()
		}
		if !s.client(mall).served() {
			t.Error("not served")
		}
	})
}

// TestBoundsUnderTLS: the server knows the connection above TLS, the bounds the
// one below.
func TestBoundsUnderTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		authority := tlsfiletest.NewAuthority(t)
		own := authority.Issue(t, "x", time.Time{})
		s := openShop(t, 1, func(l net.Listener) net.Listener {
			return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{own.TLS(t)}})
		})
		secure := func() *client {
			c := tls.Client(s.dial(mall), &tls.Config{RootCAs: authority.Pool(), ServerName: "localhost"})
			t.Cleanup(func() { _ = c.NetConn().Close() })
			return &client{c, bufio.NewReader(c), t}
		}
		first := secure()
		if !first.served() {
			t.Fatal("not served")
		}
		second := secure()
		if !second.served() || !first.cut() {
			t.Error("an idle connection did not make room")
		}
		second.begin()
		if secure().served() {
			t.Error("a busy connection made room")
		}
	})
}
