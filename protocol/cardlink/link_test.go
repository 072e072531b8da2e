package cardlink_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/protocol/cardlink"
	"github.com/galla-pay/galla/protocol/cardlink/cardlinktest"
)

// sale is a message that is like no other one.
func sale(i int) cardlink.Message {
	return cardlink.Message{Kind: cardlink.Sale, Ref: fmt.Sprintf("P%d", i), AmountPaise: int64(i)}
}

// peer is the other side of a Link, frame by frame, as a test wants it.
type peer struct {
	t    *testing.T
	line net.Conn
	mu   sync.Mutex
	got  []cardlink.Frame
	at   []time.Time // when
}

// newPeer is a Link and what is at the other end of its line.
func newPeer(t *testing.T) (*cardlink.Link, *peer) {
	ours, theirs := net.Pipe()
	p := &peer{t: t, line: theirs}
	go func() {
		var d cardlink.Decoder
		buffer := make([]byte, 256)
		for {
			n, err := theirs.Read(buffer)
			d.Feed(buffer[:n], func(f cardlink.Frame) {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.got, p.at = append(p.got, f), append(p.at, time.Now())
			}, func() { t.Error("a Link writes what is no frame") })
			if err != nil {
				return
			}
		}
	}()
	l := cardlink.NewLink(ours)
	t.Cleanup(func() { _ = l.Close() })
	return l, p
}

// say writes frames.
func (p *peer) say(frames ...cardlink.Frame) {
	p.t.Helper()
	for _, f := range frames {
		p.raw(string(encode(p.t, f)))
	}
}

func (p *peer) raw(text string) {
	p.t.Helper()
	if _, err := p.line.Write([]byte(text)); err != nil {
		p.t.Fatal(err)
	}
	synctest.Wait()
}

// heard is every frame of a kind that the Link has written.
func (p *peer) heard(kind cardlink.FrameKind) (frames []cardlink.Frame, at []time.Time) {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, f := range p.got {
		if f.Kind == kind {
			frames, at = append(frames, f), append(at, p.at[i])
		}
	}
	return frames, at
}

func data(n int, m cardlink.Message) cardlink.Frame {
	return cardlink.Frame{Kind: cardlink.Data, Session: session, N: n, Message: m}
}

// Both sides say what they have to say, and each hears the other, once and in
// order, over a line that loses, changes, repeats and invents bytes.
func TestOverAnyLine(t *testing.T) {
	t.Parallel()
	for name, noise := range map[string]cardlinktest.Noise{
		"good": {}, "in pieces": {Split: true}, "repeating": {Repeat: 0.5}, "losing": {Lose: 0.003, Split: true},
		"flipping": {Flip: 0.003}, "inventing": {Junk: 0.005}, "all": {Lose: 0.001, Flip: 0.001, Junk: 0.002, Repeat: 0.2, Split: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(8) {
				synctest.Test(t, func(t *testing.T) {
					a, b := net.Pipe()
					links := []*cardlink.Link{cardlink.NewLink(noise.Over(a, seed)), cardlink.NewLink(noise.Over(b, seed+100))}
					const many = 40
					var all sync.WaitGroup
					for side, l := range links {
						all.Go(func() {
							for i := range many {
								if err := l.Send(t.Context(), sale(1+i+side*many)); err != nil {
									t.Errorf("message %d: %v", i, err)
									return
								}
							}
						})
						all.Go(func() {
							for i := range many {
								h, err := l.Receive(t.Context())
								if want := sale(1 + i + (1-side)*many); err != nil || h.Restarted || h.Message != want {
									t.Errorf("heard %+v, %v; want %+v", h, err, want)
									return
								}
							}
						})
					}
					all.Wait()
					for _, l := range links {
						if err := l.Close(); err != nil || !errors.Is(l.Err(), cardlink.ErrClosed) && !errors.Is(l.Err(), cardlink.ErrLine) {
							t.Errorf("closed: %v, %v", err, l.Err())
						}
					}
				})
			}
		})
	}
}

// A message is said again every 300 ms, at once for an N, until its A comes; after
// 4 s the line is dead.
func TestResend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, p := newPeer(t)
		p.say(cardlink.Frame{Kind: cardlink.Keep, Session: session})
		sent := make(chan error, 1)
		go func() { sent <- l.Send(t.Context(), sale(1)) }()
		began := time.Now()
		time.Sleep(700 * time.Millisecond)
		said, at := p.heard(cardlink.Data)
		if len(said) != 3 || said[0] != said[1] || said[0] != said[2] || at[2].Sub(began) != 600*time.Millisecond {
			t.Fatalf("said %+v at %v", said, at)
		}
		p.say(cardlink.Frame{Kind: cardlink.Nak})
		if said, _ := p.heard(cardlink.Data); len(said) != 4 {
			t.Fatalf("after an N it was said %d times", len(said))
		}
		// What another message's A, or another session's, says is nothing.
		p.say(cardlink.Frame{Kind: cardlink.Ack, Session: said[0].Session, N: 2}, cardlink.Frame{Kind: cardlink.Ack, Session: session, N: 1})
		select {
		case err := <-sent:
			t.Fatalf("Send = %v without an A", err)
		default:
		}
		p.say(cardlink.Frame{Kind: cardlink.Ack, Session: said[0].Session, N: 1})
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		// The next one is never acknowledged.
		began = time.Now()
		go func() { // the line is not silent
			for range 3 {
				time.Sleep(time.Second)
				_, _ = p.line.Write(encode(t, cardlink.Frame{Kind: cardlink.Keep, Session: session}))
			}
		}()
		if err := l.Send(t.Context(), sale(2)); !errors.Is(err, cardlink.ErrNoAck) || time.Since(began) != cardlink.GiveUp {
			t.Fatalf("Send = %v after %v", err, time.Since(began))
		}
		<-l.Done()
		if err := l.Send(t.Context(), sale(3)); !errors.Is(err, cardlink.ErrNoAck) {
			t.Fatalf("Send over a dead line = %v", err)
		}
		if _, err := l.Receive(t.Context()); !errors.Is(err, cardlink.ErrNoAck) {
			t.Fatalf("Receive over a dead line = %v", err)
		}
	})
}

// ctx ends a Send, not the line; the next message has the next number.
func TestSendEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, p := newPeer(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Send(ctx, sale(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Send = %v", err)
		}
		if err := l.Send(t.Context(), cardlink.Message{Kind: cardlink.Sale, Ref: "4111 1111"}); !errors.Is(err, cardlink.ErrMessage) {
			t.Fatalf("Send of no message = %v", err)
		}
		sent := make(chan error, 1)
		go func() { sent <- l.Send(t.Context(), sale(2)) }()
		said, _ := p.heard(cardlink.Data)
		if last := said[len(said)-1]; last.N != 2 || last.Message != sale(2) {
			t.Fatalf("said %+v", said)
		}
		p.say(cardlink.Frame{Kind: cardlink.Ack, Session: said[0].Session, N: 2})
		if err := <-sent; err != nil || l.Err() != nil {
			t.Fatal(err, l.Err())
		}
	})
}

// Each message is heard once and acknowledged as often as it comes; a session that
// is new has numbers of its own.
func TestRepeatsAndRestarts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, p := newPeer(t)
		p.say(data(5, sale(1)), data(5, sale(1)), data(4, sale(9)), data(7, sale(2)))
		anew := data(1, sale(3))
		anew.Session = "zzzzzzzz"
		p.say(anew, anew)
		var heard []cardlink.Heard
		for range 4 {
			h, err := l.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			heard = append(heard, h)
		}
		want := []cardlink.Heard{{Message: sale(1)}, {Message: sale(2)}, {Restarted: true}, {Message: sale(3)}}
		if !slices.Equal(heard, want) {
			t.Fatalf("heard %+v", heard)
		}
		acks, _ := p.heard(cardlink.Ack)
		var got []string
		for _, a := range acks {
			got = append(got, fmt.Sprint(a.Session, a.N))
		}
		if want := []string{session + "5", session + "5", session + "4", session + "7", "zzzzzzzz1", "zzzzzzzz1"}; !slices.Equal(got, want) {
			t.Fatalf("acknowledged %v", got)
		}
		if keeps, at := p.heard(cardlink.Keep); len(keeps) != 3 || at[2].Sub(at[0]) != 0 {
			t.Fatalf("a new session is answered at once: %v at %v", keeps, at)
		}
	})
}

// What there is no room for is not acknowledged, and comes again.
func TestRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, p := newPeer(t)
		n := 0
		for {
			n++
			p.say(data(n, sale(n)))
			if acks, _ := p.heard(cardlink.Ack); len(acks) < n {
				break
			}
			if n > 1000 {
				t.Fatal("it takes any number")
			}
		}
		for i := 1; i < n; i++ {
			if h, err := l.Receive(t.Context()); err != nil || h.Message != sale(i) {
				t.Fatalf("heard %+v, %v; want %d", h, err, i)
			}
		}
		p.say(data(n, sale(n)))
		if h, err := l.Receive(t.Context()); err != nil || h.Message != sale(n) {
			t.Fatalf("heard %+v, %v; want %d", h, err, n)
		}
	})
}

// A side that says nothing else says every 2 s that it is there; one that is not
// heard for 7 s is not.
func TestSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		l, p := newPeer(t)
		select {
		case <-l.Up():
			t.Fatal("nobody was heard")
		default:
		}
		<-l.Done()
		if took := time.Since(began); !errors.Is(l.Err(), cardlink.ErrSilent) || took < cardlink.Silence || took > cardlink.Silence+time.Second {
			t.Fatalf("dead after %v: %v", took, l.Err())
		}
		keeps, at := p.heard(cardlink.Keep)
		if len(keeps) != 4 || at[3].Sub(began) != 6*time.Second {
			t.Fatalf("said %v at %v", keeps, at)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		one, two := cardlink.NewLink(a), cardlink.NewLink(b)
		<-one.Up()
		<-two.Up()
		time.Sleep(time.Hour)
		if one.Err() != nil || two.Err() != nil {
			t.Fatalf("after an hour: %v, %v", one.Err(), two.Err())
		}
		_ = one.Close()
		<-two.Done()
		// Who notices first, reading or saying K at that moment, is chance.
		if err := two.Err(); !errors.Is(err, cardlink.ErrLine) || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
			t.Fatalf("hung up: %v", two.Err())
		}
		_ = two.Close()
	})
}

// Noise is answered with N, five times a second at most: two sides that hear
// nothing but noise do not talk each other to death.
func TestNoise(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, p := newPeer(t)
		for range 50 {
			p.raw("$G1 D rubbish*00000000\n" + strings.Repeat("$", 5) + strings.Repeat("x", 500))
		}
		if naks, _ := p.heard(cardlink.Nak); len(naks) != 1 {
			t.Fatalf("%d N at once", len(naks))
		}
		time.Sleep(cardlink.NakGap)
		p.raw("$\n")
		if naks, _ := p.heard(cardlink.Nak); len(naks) != 2 {
			t.Fatalf("%d N", len(naks))
		}
	})
}

// A line that takes no bytes is dead after 4 s.
func TestStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		l := cardlink.NewLink(&stuck{closed: make(chan struct{})})
		<-l.Done()
		if took := time.Since(began); !errors.Is(l.Err(), cardlink.ErrStuck) || took > cardlink.GiveUp+time.Second {
			t.Fatalf("dead after %v: %v", took, l.Err())
		}
		_ = l.Close()
	})
}

// stuck reads and writes nothing until it is closed.
type stuck struct {
	once   sync.Once
	closed chan struct{}
}

func (s *stuck) Read([]byte) (int, error)  { <-s.closed; return 0, net.ErrClosed }
func (s *stuck) Write([]byte) (int, error) { <-s.closed; return 0, net.ErrClosed }
func (s *stuck) Close() error              { s.once.Do(func() { close(s.closed) }); return nil }
