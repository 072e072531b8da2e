package limit

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
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

	mu    sync.Mutex
	open  int
	idle  list.List // of *conn, the longest first
	peers map[netip.Prefix]*peer
}

// peer is an address with connections.
type peer struct {
	open int
	idle list.List // of *conn, the longest first
}

// NewConns makes bounds of perAddress connections for an address and 16 times
// as many for all; 0 bounds nothing. meter may be nil.
func NewConns(perAddress int, meter Meter) *Conns {
	return &Conns{perAddress: perAddress, meter: meter, peers: map[netip.Prefix]*peer{}}
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
	// Guarded by conns.mu.
	gone           bool
	idle, idleHere *list.Element // in Conns and in peer; nil while busy
}

func (c *Conns) admit(nc net.Conn) (*conn, bool) {
	address := Address(nc.RemoteAddr().String())
	c.mu.Lock()
	here := c.peers[address]
	var place *conn
	switch {
	case here != nil && here.open >= c.perAddress && !near(address):
		place = front(&here.idle)
	case c.open >= c.perAddress*allAddresses:
		place = front(&c.idle)
	default:
		defer c.mu.Unlock()
		return c.add(nc, address), true
	}
	if place == nil {
		c.mu.Unlock()
		if c.meter != nil {
			c.meter.Limited("connection")
		}
		return nil, false
	}
	c.leave(place)
	added := c.add(nc, address)
	c.mu.Unlock()
	_ = place.Conn.Close() // the server sees it
	return added, true
}

func front(l *list.List) *conn {
	if e := l.Front(); e != nil {
		return e.Value.(*conn)
	}
	return nil
}

// add counts nc. c.mu is held.
func (c *Conns) add(nc net.Conn, address netip.Prefix) *conn {
	if c.peers[address] == nil {
		c.peers[address] = &peer{}
	}
	c.open++
	c.peers[address].open++
	return &conn{Conn: nc, conns: c, address: address}
}

// leave forgets a connection, once. c.mu is held.
func (c *Conns) leave(one *conn) {
	if one.gone {
		return
	}
	c.busy(one)
	one.gone = true
	c.open--
	here := c.peers[one.address]
	if here.open--; here.open == 0 {
		delete(c.peers, one.address)
	}
}

// busy takes a connection out of the idle ones. c.mu is held.
func (c *Conns) busy(one *conn) {
	if one.idle != nil {
		c.idle.Remove(one.idle)
		c.peers[one.address].idle.Remove(one.idleHere)
		one.idle, one.idleHere = nil, nil
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
	c.mu.Lock()
	defer c.mu.Unlock()
	if one.gone {
		return
	}
	c.busy(one)
	if state == http.StateIdle {
		one.idle = c.idle.PushBack(one)
		one.idleHere = c.peers[one.address].idle.PushBack(one)
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
