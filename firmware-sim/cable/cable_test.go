package cable

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/galla-pay/galla/firmware-sim/cable/cabletest"
)

func plugged() *Cable {
	c := New(nil)
	c.Plug(true)
	return c
}

// A cable that is pulled cuts the sockets that there are without a farewell, and lets
// dialling fail until it is back.
func TestPlug(t *testing.T) {
	t.Parallel()
	c, p := New(nil), cabletest.NewPeer(t)
	nothing := func() {
		t.Helper()
		if c.Plugged() {
			t.Fatal("it is plugged in")
		}
		if _, err := c.Dial(t.Context(), "tcp", p.Address()); !errors.Is(err, ErrNoNetwork) || !errors.Is(err, syscall.ENETUNREACH) {
			t.Fatalf("Dial = %v, want no network", err)
		}
	}
	move := func(in, changed bool) {
		t.Helper()
		if got := c.Plug(in); got != changed {
			t.Fatalf("Plug(%v) = %v", in, got)
		}
	}
	nothing()
	for range 2 {
		move(true, true)
		move(true, false)
		conn := p.Dial(t, c)
		if _, err := conn.Write([]byte("a")); err != nil || <-p.Bytes != 'a' || !c.Plugged() {
			t.Fatalf("a byte does not get through: %v", err)
		}
		move(false, true)
		move(false, false)
		if k, err := conn.Write([]byte("farewell")); k != 8 || err != nil {
			t.Fatalf("Write into the dead cable = %d, %v", k, err)
		}
		if err := <-p.Ended; !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("the peer sees %v, want a reset", err)
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Fatal("Read from the dead cable succeeds")
		}
		if err := conn.Close(); err != nil {
			t.Fatalf("Close = %v", err)
		}
		nothing()
	}
}

// The caller's own reasons stay the caller's.
func TestDialFails(t *testing.T) {
	t.Parallel()
	n, p := plugged(), cabletest.NewPeer(t)
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := n.Dial(ended, "tcp", p.Address()); err == nil || errors.Is(err, ErrNoNetwork) {
		t.Fatalf("Dial with an ended context = %v", err)
	}
	p.Close()
	if _, err := n.Dial(t.Context(), "tcp", p.Address()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("Dial to nobody = %v", err)
	}
}

// A dial that is under way when the plug is pulled fails: the peer's name is
// resolved by a server that never answers.
func TestDialUnderWay(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 16)
	n := New(func(string) net.Dialer {
		return net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			asked <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}}}
	})
	n.Plug(true)
	failed := make(chan error, 1)
	go func() {
		_, err := n.Dial(t.Context(), "tcp", "controller.example:1883")
		failed <- err
	}()
	<-asked
	n.Plug(false)
	if err := <-failed; !errors.Is(err, ErrNoNetwork) {
		t.Fatalf("Dial = %v, want no network", err)
	}
}

// A socket that the agent closed itself is forgotten.
func TestForgetsClosedSockets(t *testing.T) {
	t.Parallel()
	n, p := plugged(), cabletest.NewPeer(t)
	for range 3 {
		if err := p.Dial(t, n).Close(); err != nil {
			t.Fatal(err)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.sockets) != 0 {
		t.Fatalf("%d sockets are kept", len(n.sockets))
	}
}
