// Package cable is a terminal's way out into the network, with a plug. Packages
// terminal and fleet give each of their agents one, whose Dial is
// agent.Config.Dial; nobody else may use it.
//
// Pulling the plug makes black holes of the sockets that there are and then resets
// them, so that both ends learn of it at once and nothing that is written after it
// leaves the machine, in particular no farewell.
package cable

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// ErrNoNetwork is why dialling fails while the plug is out: what Linux says when no
// interface is up.
var ErrNoNetwork = fmt.Errorf("the terminal's network is off: %w", syscall.ENETUNREACH)

// Cable is one cable. Make one with New. All methods may be called by several
// goroutines.
type Cable struct {
	dialer func(address string) net.Dialer

	mu      sync.Mutex
	up      context.Context // ends when the plug is pulled; dials under way end with it
	down    context.CancelFunc
	sockets map[*socket]struct{}
}

// New makes a cable that is not plugged in. dialer is asked for every connection;
// nil is the zero net.Dialer.
func New(dialer func(address string) net.Dialer) *Cable {
	if dialer == nil {
		dialer = func(string) net.Dialer { return net.Dialer{} }
	}
	c := &Cable{dialer: dialer, sockets: map[*socket]struct{}{}}
	c.up, c.down = context.WithCancel(context.Background())
	c.down()
	return c
}

// Plug puts the plug in or pulls it, and reports whether that changed anything.
func (c *Cable) Plug(in bool) (changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	is := c.up.Err() == nil
	switch {
	case in && !is:
		c.up, c.down = context.WithCancel(context.Background())
	case !in && is:
		c.down()
		for s := range c.sockets {
			s.cut()
		}
		clear(c.sockets)
	}
	return in != is
}

// Plugged reports whether the plug is in.
func (c *Cable) Plugged() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up.Err() == nil
}

// Dial connects as a net.Dialer does. While the plug is out the error wraps
// ErrNoNetwork.
func (c *Cable) Dial(ctx context.Context, kind, address string) (net.Conn, error) {
	c.mu.Lock()
	up := c.up
	c.mu.Unlock()
	none := &net.OpError{Op: "dial", Net: kind, Err: ErrNoNetwork}
	if up.Err() != nil {
		return nil, none
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(up, cancel)()
	dialer := c.dialer(address)
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

// socket is one connection of an agent.
type socket struct {
	net.Conn
	cable *Cable
	dead  atomic.Bool
}

// cut makes a black hole of the socket before it resets it.
func (s *socket) cut() {
	s.dead.Store(true)
	if tcp, ok := s.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = s.Conn.Close()
}

// Write swallows everything once the socket is cut.
func (s *socket) Write(b []byte) (int, error) {
	if s.dead.Load() {
		return len(b), nil
	}
	return s.Conn.Write(b)
}

// Close is the agent's own close.
func (s *socket) Close() error {
	s.cable.mu.Lock()
	delete(s.cable.sockets, s)
	s.cable.mu.Unlock()
	if err := s.Conn.Close(); err != nil && !(s.dead.Load() && errors.Is(err, net.ErrClosed)) {
		return err
	}
	return nil
}
