package terminal

import (
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/galla-pay/galla/firmware-sim/cable"
	"github.com/galla-pay/galla/firmware-sim/cable/cabletest"
)

func powered() *network {
	n := newNetwork()
	n.Power(true)
	return n
}

// Every way to lose the network cuts the sockets that there are and lets
// dialling fail until it is back.
func TestNetworkSwitches(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		off, on  func(n *network)
		plugged  bool // after off
		stillOff func(n *network)
	}{
		{
			name:    "the plug",
			off:     func(n *network) { n.Plug(false) },
			on:      func(n *network) { n.Plug(true) },
			plugged: false,
		},
		{
			name:    "the power",
			off:     func(n *network) { n.Power(false) },
			on:      func(n *network) { n.Power(true) },
			plugged: true,
		},
		{
			name:     "both, and the plug alone does not bring it back",
			off:      func(n *network) { n.Power(false); n.Plug(false) },
			stillOff: func(n *network) { n.Plug(true) },
			on:       func(n *network) { n.Power(true) },
			plugged:  false,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n, p := powered(), cabletest.NewPeer(t)
			conn := p.Dial(t, n)
			if _, err := conn.Write([]byte("a")); err != nil || <-p.Bytes != 'a' {
				t.Fatalf("a byte does not get through: %v", err)
			}
			tt.off(n)
			if got := n.Plugged(); got != tt.plugged {
				t.Fatalf("plugged = %v", got)
			}
			// What is written now is swallowed, and the peer sees a reset, not a
			// farewell.
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
			if tt.stillOff != nil {
				tt.stillOff(n)
			}
			if _, err := n.Dial(t.Context(), "tcp", p.Address()); !errors.Is(err, cable.ErrNoNetwork) || !errors.Is(err, syscall.ENETUNREACH) {
				t.Fatalf("Dial = %v, want no network", err)
			}
			tt.on(n)
			conn = p.Dial(t, n)
			if _, err := conn.Write([]byte("b")); err != nil || <-p.Bytes != 'b' {
				t.Fatalf("a byte does not get through again: %v", err)
			}
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			if err := <-p.Ended; err != io.EOF {
				t.Fatalf("the peer sees %v, want an orderly end", err)
			}
		})
	}
}

func TestNetworkHasNoPowerAtFirst(t *testing.T) {
	t.Parallel()
	n, p := newNetwork(), cabletest.NewPeer(t)
	if _, err := n.Dial(t.Context(), "tcp", p.Address()); !errors.Is(err, cable.ErrNoNetwork) {
		t.Fatalf("Dial = %v", err)
	}
}

func TestNetworkPlugSaysWhatChanged(t *testing.T) {
	t.Parallel()
	n := powered()
	for i, tt := range []struct{ to, changed bool }{{true, false}, {false, true}, {false, false}, {true, true}} {
		if got := n.Plug(tt.to); got != tt.changed {
			t.Errorf("move %d: Plug(%v) = %v", i, tt.to, got)
		}
	}
}
