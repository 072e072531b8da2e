package cardlink_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"testing"

	"github.com/galla-pay/galla/agent/cardlink"
	wire "github.com/galla-pay/galla/protocol/cardlink"
	"github.com/galla-pay/galla/protocol/cardlink/cardlinktest"
)

// noises are the lines that sales are made over, in real time.
func noises() map[string]cardlinktest.Noise {
	return map[string]cardlinktest.Noise{
		"good":      {},
		"in pieces": {Split: true},
		"repeating": {Repeat: 0.5},
		"noisy":     {Lose: 0.001, Flip: 0.001, Junk: 0.002, Repeat: 0.1, Split: true},
	}
}

// connect is a driver over a line that open opens, with noise in what it writes.
func connect(t *testing.T, noise cardlinktest.Noise, open cardlink.Opener) *rig {
	t.Helper()
	r := &rig{t: t}
	r.Reader = cardlink.New(cardlink.Config{
		Log: slog.New(slog.NewTextHandler(r, nil)),
		Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
			line, err := open(ctx)
			if err != nil {
				return nil, err
			}
			return noise.Over(line, 7), nil
		},
	})
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// attach makes line the reader's end, with noise in what it writes.
func (r *rig) attach(noise cardlinktest.Noise, line io.ReadWriteCloser) {
	link := wire.NewLink(noise.Over(line, 11))
	r.mu.Lock()
	r.link = link
	r.mu.Unlock()
	served := make(chan struct{})
	go func() { defer close(served); r.serve(link) }()
	r.t.Cleanup(func() { _ = link.Close(); <-served })
}

// sell has cards read over the line, each once.
func sell(t *testing.T, r *rig) {
	t.Helper()
	r.does(good())
	var want []string
	for i := range 6 {
		read := 0
		card, err := r.Pay(t.Context(), "P1", 24_500, func() { read++ })
		if err != nil || card != approvedCard || read != 1 {
			t.Fatalf("sale %d: Pay = %+v, %v; a card was read %d times", i, card, err, read)
		}
		if card, err := r.Last(t.Context(), "P1"); err != nil || card != approvedCard {
			t.Fatalf("sale %d: Last = %+v, %v", i, card, err)
		}
		want = append(want, "SALE P1 INR24500", "NOTED P1", "TOOK P1", "LAST P1", "TOOK P1")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.heard, want) {
		t.Fatalf("the reader was told %q", r.heard)
	}
}

// Sales over TCP that loses, changes, repeats and invents bytes.
func TestOverTCP(t *testing.T) {
	t.Parallel()
	for name, noise := range noises() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			open, err := cardlink.Address(fmt.Sprint("tcp://", listener.Addr()))
			if err != nil {
				t.Fatal(err)
			}
			r := connect(t, noise, open)
			conn, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			r.attach(noise, conn)
			sell(t, r)
		})
	}
}

// A reader over TCP that hangs up is called again.
func TestTCPCallsAgain(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	open, err := cardlink.Address(fmt.Sprint("tcp://", listener.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	r := connect(t, cardlinktest.Noise{}, open)
	r.does(good())
	for range 3 {
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		r.attach(cardlinktest.Noise{}, conn)
		if card, err := r.Last(t.Context(), "P1"); err != nil || card != approvedCard {
			t.Fatalf("Last = %+v, %v", card, err)
		}
		_ = conn.Close()
	}
}
