package cardlink

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// The times of the line (see the package's text).
const (
	Resend     = 300 * time.Millisecond
	GiveUp     = 4 * time.Second
	NakGap     = 200 * time.Millisecond
	KeepAlive  = 2 * time.Second
	Silence    = 7 * time.Second
	NotedLimit = 10 * time.Second
)

// Why a line is dead, or a message did not come through.
var (
	ErrClosed = errors.New("the line was closed")
	ErrSilent = errors.New("the line is silent")
	ErrNoAck  = errors.New("the other side acknowledges nothing")
	ErrStuck  = errors.New("the line takes no bytes")
	ErrWorn   = errors.New("the session has used up its numbers")
	ErrLine   = errors.New("the line broke")
)

const (
	// room is how many messages may wait for Receive, and frames for the line.
	room = 32
	// lookEvery is how often silence and a stuck write are looked for.
	lookEvery = 500 * time.Millisecond
)

// Link is one side of an open line. Make it with NewLink; all methods may be
// called from any goroutine.
type Link struct {
	line    io.ReadWriteCloser
	session string
	sending chan struct{} // holds one: the Send that has the line
	out     chan []byte   // frames to be written
	in      chan Heard
	acked   chan int      // numbers that the other side has
	again   chan struct{} // an N has come
	up      chan struct{} // closed at the first good frame
	done    chan struct{} // closed when the line is dead
	all     sync.WaitGroup

	mu      sync.Mutex
	err     error     // why it is dead
	n       int       // of the last message that was sent
	peer    string    // the other side's session; "": nothing came yet
	taken   int       // the last number of it that was taken
	heard   time.Time // when the last good frame came
	writing time.Time // since when a write is under way; zero: none is
	wrote   time.Time // when the last one ended
	naked   time.Time // when the last N was sent
}

// Heard is what came over a line.
type Heard struct {
	// Message is zero when Restarted.
	Message Message
	// Restarted: the other side was started anew and remembers nothing of the line;
	// what comes after this is its.
	Restarted bool
}

// NewLink begins to talk over an open line, which it owns from now on: it closes
// it when the line is dead. Closing has to end a Read and a Write under way.
func NewLink(line io.ReadWriteCloser) *Link {
	now := time.Now()
	l := &Link{
		line: line, session: newSession(),
		sending: make(chan struct{}, 1), out: make(chan []byte, room), in: make(chan Heard, room),
		acked: make(chan int, room), again: make(chan struct{}, 1),
		up: make(chan struct{}), done: make(chan struct{}),
		heard: now, wrote: now,
	}
	l.put(Frame{Kind: Keep, Session: l.session})
	l.all.Go(l.read)
	l.all.Go(l.write)
	l.all.Go(l.watch)
	return l
}

// newSession is eight letters by chance.
func newSession() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	for i, b := range random {
		random[i] = 'a' + b%26
	}
	return string(random[:])
}

// Up is closed once the other side was heard.
func (l *Link) Up() <-chan struct{} { return l.up }

// Done is closed once the line is dead.
func (l *Link) Done() <-chan struct{} { return l.done }

// Err is why the line is dead, nil while it is not.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Close ends the line and waits until nothing of it runs any more.
func (l *Link) Close() error {
	l.fail(ErrClosed)
	l.all.Wait()
	return nil
}

// fail makes the line dead, once.
func (l *Link) fail(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = why
		close(l.done)
		_ = l.line.Close() // it is dead; whatever Close says
	}
}

// Receive returns what the other side said, in order. Its errors are that of the
// line, once all that came was received, and those of ctx.
func (l *Link) Receive(ctx context.Context) (Heard, error) {
	select {
	case h := <-l.in:
		return h, nil
	default:
	}
	select {
	case h := <-l.in:
		return h, nil
	case <-ctx.Done():
		return Heard{}, ctx.Err()
	case <-l.done:
	}
	select {
	case h := <-l.in:
		return h, nil
	default:
		return Heard{}, l.Err()
	}
}

// Send says m, and returns nil once the other side has it. After an error it may
// have it or not: ErrMessage (it has not), those of ctx, or the line's. It takes
// GiveUp at most, and as long for each Send that began earlier.
func (l *Link) Send(ctx context.Context, m Message) error {
	select {
	case l.sending <- struct{}{}:
		defer func() { <-l.sending }()
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		return l.Err()
	}
	if l.n == MaxN { // Send alone has n, and there is one
		l.fail(ErrWorn)
		return ErrWorn
	}
	text, err := Encode(Frame{Kind: Data, Session: l.session, N: l.n + 1, Message: m})
	if err != nil {
		return err
	}
	l.n++
	select {
	case <-l.again: // about a frame before this one
	default:
	}
	giveUp, resend := time.NewTimer(GiveUp), time.NewTicker(Resend)
	defer giveUp.Stop()
	defer resend.Stop()
	for {
		select {
		case l.out <- text:
		default: // it is full of frames that are not yet written
		}
		if acked, err := l.await(ctx, resend, giveUp); acked || err != nil {
			return err
		}
	}
}

// await waits for the acknowledgement of the last message, not acked when it is
// to be sent again.
func (l *Link) await(ctx context.Context, resend *time.Ticker, giveUp *time.Timer) (acked bool, err error) {
	for {
		select {
		case n := <-l.acked:
			if n == l.n {
				return true, nil
			}
		case <-l.again:
			return false, nil
		case <-resend.C:
			return false, nil
		case <-giveUp.C:
			l.fail(ErrNoAck)
			return false, ErrNoAck
		case <-ctx.Done():
			return false, ctx.Err()
		case <-l.done:
			return false, l.Err()
		}
	}
}

// put has a frame of the line's own written; on a line that is full it is lost,
// as it may be on the way.
func (l *Link) put(f Frame) {
	text, err := Encode(f)
	if err != nil {
		return // not reached: such frames are made here alone
	}
	select {
	case l.out <- text:
	default:
	}
}

// read takes what comes until the line is dead.
func (l *Link) read() {
	var decoder Decoder
	buffer := make([]byte, 512)
	for {
		n, err := l.line.Read(buffer)
		decoder.Feed(buffer[:n], l.take, l.bad)
		if err != nil {
			l.fail(fmt.Errorf("%w: %w", ErrLine, err))
			return
		}
	}
}

// take is one good frame.
func (l *Link) take(f Frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heard = time.Now(); l.peer == "" && (f.Kind == Data || f.Kind == Keep) {
		close(l.up)
	}
	switch f.Kind {
	case Ack:
		if f.Session == l.session {
			select {
			case l.acked <- f.N:
			default: // nobody waits for that many
			}
		}
	case Nak:
		select {
		case l.again <- struct{}{}:
		default:
		}
	case Keep:
		l.meet(f.Session)
	case Data:
		if !l.meet(f.Session) {
			return // no room: it comes again
		}
		if f.N > l.taken {
			select {
			case l.in <- Heard{Message: f.Message}:
				l.taken = f.N
			default:
				return
			}
		}
		l.put(Frame{Kind: Ack, Session: f.Session, N: f.N})
	}
}

// meet notes the other side's session; not ok when there is no room to say that
// it is another than before.
func (l *Link) meet(session string) (ok bool) {
	if l.peer == session {
		return true
	}
	if l.peer != "" {
		select {
		case l.in <- Heard{Restarted: true}:
		default:
			return false
		}
	}
	l.peer, l.taken = session, 0
	l.put(Frame{Kind: Keep, Session: l.session})
	return true
}

// bad is something that came and was no frame.
func (l *Link) bad() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.naked) >= NakGap {
		l.naked = now
		l.put(Frame{Kind: Nak})
	}
}

// write writes frames until the line is dead, and says that it is still here
// when there is nothing else to say.
func (l *Link) write() {
	for {
		l.mu.Lock()
		quiet := time.Until(l.wrote.Add(KeepAlive))
		l.mu.Unlock()
		timer := time.NewTimer(quiet)
		var text []byte
		select {
		case text = <-l.out:
		case <-timer.C:
			text, _ = Encode(Frame{Kind: Keep, Session: l.session}) // it is one
		case <-l.done:
			timer.Stop()
			return
		}
		timer.Stop()
		l.mark(true)
		_, err := l.line.Write(text)
		l.mark(false)
		if err != nil {
			l.fail(fmt.Errorf("%w: %w", ErrLine, err))
		}
	}
}

// mark notes that a write begins or ends.
func (l *Link) mark(begins bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if begins {
		l.writing = time.Now()
	} else {
		l.writing, l.wrote = time.Time{}, time.Now()
	}
}

// watch finds a line that is silent, or takes nothing.
func (l *Link) watch() {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-l.done:
			return
		case now := <-look.C:
			l.mu.Lock()
			silent := now.Sub(l.heard) >= Silence
			stuck := !l.writing.IsZero() && now.Sub(l.writing) >= GiveUp
			l.mu.Unlock()
			switch {
			case silent:
				l.fail(ErrSilent)
			case stuck:
				l.fail(ErrStuck)
			}
		}
	}
}
