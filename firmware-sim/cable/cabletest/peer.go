// Package cabletest is the other end of a cable, for the tests of package cable and of
// those that plug one in. Nobody else imports it.
package cabletest

import (
	"context"
	"io"
	"net"
	"testing"
)

// Peer listens on loopback and reports every byte that arrives, and each end.
type Peer struct {
	Bytes chan byte  // one at a time, in order
	Ended chan error // io.EOF for an orderly end, what Read said for any other

	listener net.Listener
}

// NewPeer starts a peer that listens until the test is over.
func NewPeer(t testing.TB) *Peer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Peer{Bytes: make(chan byte, 64), Ended: make(chan error, 8), listener: listener}
	t.Cleanup(p.Close)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.read(conn)
		}
	}()
	return p
}

func (p *Peer) read(conn net.Conn) {
	defer conn.Close()
	one := make([]byte, 1)
	for {
		if _, err := io.ReadFull(conn, one); err != nil {
			p.Ended <- err
			return
		}
		p.Bytes <- one[0]
	}
}

// Address is where it listens.
func (p *Peer) Address() string { return p.listener.Addr().String() }

// Close stops listening; connections that there are stay.
func (p *Peer) Close() { _ = p.listener.Close() }

// Dialer is a cable, or what holds one.
type Dialer interface {
	Dial(ctx context.Context, network, address string) (net.Conn, error)
}

// Dial is a connection over the cable to the peer.
func (p *Peer) Dial(t testing.TB, over Dialer) net.Conn {
	t.Helper()
	conn, err := over.Dial(t.Context(), "tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
