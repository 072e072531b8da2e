package terminal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// errNoNetwork is why dialling fails while the switch is off: what Linux says
// when no interface is up.
var errNoNetwork = fmt.Errorf("the terminal's network is off: %w", syscall.ENETUNREACH)

// network is the terminal's cable. Every socket of the agent is dialled through
// it, so it can cut them all as a pulled plug does: nothing that is written
// after the cut leaves the machine, in particular no farewell.
type network struct {
	dialer net.Dialer

	mu      sync.Mutex
	plugged bool // the network switch
	powered bool // without power there is no network either
	down    context.CancelFunc
	up      context.Context // ends at the next cut; dials under way end with it
	sockets map[*socket]struct{}
}

func newNetwork() *network {
	n := &network{plugged: true, sockets: map[*socket]struct{}{}}
	n.up, n.down = context.WithCancel(context.Background())
	n.down()
	return n
}

// Plug sets the network switch and reports whether that changed it.
func (n *network) Plug(on bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	changed := n.plugged != on
	n.plugged = on
	n.settle()
	return changed
}

// Power follows the terminal's power.
func (n *network) Power(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.powered = on
	n.settle()
}

// Plugged reports where the network switch is.
func (n *network) Plugged() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.plugged
}

// settle makes the sockets follow the two switches. The caller holds mu.
func (n *network) settle() {
	want := n.plugged && n.powered
	switch is := n.up.Err() == nil; {
	case want && !is:
		n.up, n.down = context.WithCancel(context.Background())
	case !want && is:
		n.down()
		for s := range n.sockets {
			s.cut()
		}
		clear(n.sockets)
	}
}

// Dial is agent.Config.Dial.
func (n *network) Dial(ctx context.Context, kind, address string) (net.Conn, error) {
	n.mu.Lock()
	up := n.up
	n.mu.Unlock()
	if up.Err() != nil {
		return nil, &net.OpError{Op: "dial", Net: kind, Err: errNoNetwork}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(up, cancel)()
	raw, err := n.dialer.DialContext(ctx, kind, address)
	if err != nil {
		if up.Err() != nil {
			return nil, &net.OpError{Op: "dial", Net: kind, Err: errNoNetwork}
		}
		return nil, err
	}
	s := &socket{Conn: raw, network: n}
	n.mu.Lock()
	defer n.mu.Unlock()
	if up.Err() != nil {
		s.cut()
		return nil, &net.OpError{Op: "dial", Net: kind, Err: errNoNetwork}
	}
	n.sockets[s] = struct{}{}
	return s, nil
}

// socket is one connection of the agent.
type socket struct {
	net.Conn
	network *network
	dead    atomic.Bool
}

// cut first makes a black hole of the socket and then resets it, so that both
// ends learn of it at once and nothing that was still to be sent is sent.
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
	s.network.mu.Lock()
	delete(s.network.sockets, s)
	s.network.mu.Unlock()
	if err := s.Conn.Close(); err != nil && !(s.dead.Load() && errors.Is(err, net.ErrClosed)) {
		return err
	}
	return nil
}
