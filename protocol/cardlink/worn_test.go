package cardlink

import (
	"errors"
	"net"
	"testing"
)

// A session ends with its last number, so that none is used twice.
func TestWorn(t *testing.T) {
	t.Parallel()
	line := &acker{closed: make(chan struct{}), acks: make(chan []byte, 64)}
	l := NewLink(line)
	l.sending <- struct{}{}
	l.n = MaxN - 1
	<-l.sending
	if err := l.Send(t.Context(), Message{Kind: Status}); err != nil {
		t.Fatal(err)
	}
	if err := l.Send(t.Context(), Message{Kind: Status}); !errors.Is(err, ErrWorn) || !errors.Is(l.Err(), ErrWorn) {
		t.Fatalf("Send = %v", err)
	}
	_ = l.Close()
}

// acker is a line whose other side acknowledges everything.
type acker struct {
	acks   chan []byte
	closed chan struct{}
}

func (a *acker) Read(p []byte) (int, error) {
	select {
	case ack := <-a.acks:
		return copy(p, ack), nil
	case <-a.closed:
		return 0, net.ErrClosed
	}
}

func (a *acker) Write(p []byte) (int, error) {
	var d Decoder
	d.Feed(p, func(f Frame) {
		if f.Kind == Data {
			ack, _ := Encode(Frame{Kind: Ack, Session: f.Session, N: f.N})
			a.acks <- ack
		}
	}, func() {})
	return len(p), nil
}

func (a *acker) Close() error { close(a.closed); return nil }
