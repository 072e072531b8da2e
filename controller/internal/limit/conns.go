package limit

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
)

// allAddresses is how many times the bound of one address all of them together
// may have open.
const allAddresses = 16

// Conns bounds the connections of an http.Server: those of one address, and all.
// A newcomer over a bound takes the place of the connection that has been idle
// longest, of its own address or of all; where none is idle it is closed. So a
// crowd behind one address is served as long as it does not all talk at once,
// and connections that are only held open shut nobody out.
//
// Loopback has the common bound only: it is the proxy in front. Make it with
// NewConns, accept through Listen, and give State to the http.Server.
type Conns struct {
	perAddress int
	meter      Meter

	turns atomic.Int64 // counts what became idle

	mu    sync.Mutex
	open  int
	peers map[netip.Prefix]map[*conn]bool
}

// NewConns makes bounds of perAddress connections for an address and 16 times
// as many for all; 0 bounds nothing. meter may be nil.
func NewConns(perAddress int, meter Meter) *Conns {
	return &Conns{perAddress: perAddress, meter: meter, peers: map[netip.Prefix]map[*conn]bool{}}
}

// Listen is l without the connections that are one too many. They are closed
// without a word, which is cheap.
func (c *Conns) Listen(l net.Listener) net.Listener {
	if c.perAddress <= 0 {
		return l
	}
	return &listener{l, c}
}

type listener struct {
	net.Listener
	conns *Conns
}

// Accept returns the next connection within the bounds.
func (l *listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c, ok := l.conns.admit(nc); ok {
			return c, nil
		}
		_ = nc.Close() // it is given up
	}
}

// conn is a connection that counts.
type conn struct {
	net.Conn
	conns   *Conns
	address netip.Prefix
	// idle is the turn in which it became idle, busy, or given up. It is changed at
	// every request, so without the lock: who is over a bound, which is rare, looks
	// at all.
	idle atomic.Int64
}

// The values of conn.idle that are no turn.
const (
	busy    = 0
	givenUp = -1
)

func (c *Conns) admit(nc net.Conn) (*conn, bool) {
	added := &conn{Conn: nc, conns: c, address: Address(nc.RemoteAddr().String())}
	c.mu.Lock()
	here := c.peers[added.address]
	var place *conn
	switch {
	case len(here) >= c.perAddress && !near(added.address):
		place = longestIdle(map[netip.Prefix]map[*conn]bool{added.address: here})
	case c.open >= c.perAddress*allAddresses:
		place = longestIdle(c.peers)
	default:
		c.add(added)
		c.mu.Unlock()
		return added, true
	}
	if place == nil {
		c.mu.Unlock()
		if c.meter != nil {
			c.meter.Limited("connection")
		}
		return nil, false
	}
	c.leave(place)
	c.add(added)
	c.mu.Unlock()
	_ = place.Conn.Close() // the server sees it
	return added, true
}

// longestIdle gives up the connection that has been idle longest and returns it, or
// nil where all are busy.
func longestIdle(peers map[netip.Prefix]map[*conn]bool) *conn {
	for {
		var longest *conn
		var since int64
		for _, here := range peers {
			for one := range here {
				if turn := one.idle.Load(); turn > busy && (longest == nil || turn < since) {
					longest, since = one, turn
				}
			}
		}
		if longest == nil || longest.idle.CompareAndSwap(since, givenUp) {
			return longest
		}
		// It got a request meanwhile.
	}
}

// add counts a connection. c.mu is held.
func (c *Conns) add(one *conn) {
	if c.peers[one.address] == nil {
		c.peers[one.address] = map[*conn]bool{}
	}
	c.open++
	c.peers[one.address][one] = true
}

// leave forgets a connection, once. c.mu is held.
func (c *Conns) leave(one *conn) {
	here := c.peers[one.address]
	if !here[one] {
		return
	}
	c.open--
	if delete(here, one); len(here) == 0 {
		delete(c.peers, one.address)
	}
}

// State is the http.Server's ConnState. A connection whose next request is not
// yet read to the end of its header still counts as idle.
func (c *Conns) State(nc net.Conn, state http.ConnState) {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	one, ok := nc.(*conn)
	if !ok {
		return
	}
	next := int64(busy)
	if state == http.StateIdle {
		next = c.turns.Add(1)
	}
	for was := one.idle.Load(); was != givenUp && !one.idle.CompareAndSwap(was, next); was = one.idle.Load() {
	}
}

// Close ends the connection and makes room.
func (one *conn) Close() error {
	one.conns.mu.Lock()
	one.conns.leave(one)
	one.conns.mu.Unlock()
	return one.Conn.Close()
}

// Open is how many connections are open now.
func (c *Conns) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}
