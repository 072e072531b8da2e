package fleet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
)

// errNoNetwork is why dialling fails while the cable is out: what Linux says when
// no interface is up.
var errNoNetwork = fmt.Errorf("the terminal's network is off: %w", syscall.ENETUNREACH)

// perAddress is how many terminals share one source address: a shop's.
const perAddress = 16

// cable is a terminal's only way out. Cutting it makes black holes of its sockets
// and resets them, so that nothing which is written after the cut leaves.
type cable struct {
	from net.Addr // nil: any address

	mu      sync.Mutex
	up      context.Context // ends at the next cut; dials under way end with it
	down    context.CancelFunc
	sockets map[*socket]struct{}
}

// newCable is the cable of terminal n, out of its socket.
func newCable(n int) *cable {
	c := &cable{sockets: map[*socket]struct{}{}, from: shopAddress(n)}
	c.up, c.down = context.WithCancel(context.Background())
	c.down()
	return c
}

// shopAddress is the loopback address of terminal n's shop. To a broker that
// counts what comes from one address, a fleet on one machine is then what it is in
// the country: many shops. Only Linux lets a socket have any of 127.0.0.0/8.
func shopAddress(n int) net.Addr {
	if runtime.GOOS != "linux" {
		return nil
	}
	shop := n / perAddress
	return &net.TCPAddr{IP: net.IPv4(127, byte(1+shop>>16), byte(shop>>8), byte(shop))}
}

// Plug puts the cable in or pulls it out.
func (c *cable) Plug(in bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch is := c.up.Err() == nil; {
	case in && !is:
		c.up, c.down = context.WithCancel(context.Background())
	case !in && is:
		c.down()
		for s := range c.sockets {
			s.cut()
		}
		clear(c.sockets)
	}
}

// Dial is agent.Config.Dial.
func (c *cable) Dial(ctx context.Context, kind, address string) (net.Conn, error) {
	c.mu.Lock()
	up := c.up
	c.mu.Unlock()
	none := &net.OpError{Op: "dial", Net: kind, Err: errNoNetwork}
	if up.Err() != nil {
		return nil, none
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(up, cancel)()
	dialer := net.Dialer{}
	if onLoopback(address) {
		dialer.LocalAddr = c.from
	}
	raw, err := dialer.DialContext(ctx, kind, address)
	if err != nil {
		if up.Err() != nil {
			err = none
		}
		return nil, err
	}
	s := &socket{Conn: raw, cable: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if up.Err() != nil {
		s.cut()
		return nil, none
	}
	c.sockets[s] = struct{}{}
	return s, nil
}

// onLoopback reports whether an address is this machine's IPv4 loopback.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Is4() && ip.IsLoopback()
}

// socket is one connection of an agent.
type socket struct {
	net.Conn
	cable *cable

	mu   sync.Mutex
	dead bool
}

// cut resets the connection; what is written to it from now on is lost.
func (s *socket) cut() {
	s.mu.Lock()
	s.dead = true
	s.mu.Unlock()
	if tcp, ok := s.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = s.Conn.Close()
}

func (s *socket) isDead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

// Write implements net.Conn.
func (s *socket) Write(b []byte) (int, error) {
	if s.isDead() {
		return len(b), nil
	}
	return s.Conn.Write(b)
}

// Close implements net.Conn.
func (s *socket) Close() error {
	s.cable.mu.Lock()
	delete(s.cable.sockets, s)
	s.cable.mu.Unlock()
	err := s.Conn.Close()
	if s.isDead() {
		return nil
	}
	return err
}

// Plugged reports whether the cable is in.
func (c *cable) Plugged() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up.Err() == nil
}
