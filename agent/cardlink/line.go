package cardlink

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/galla-pay/galla/protocol"
	wire "github.com/galla-pay/galla/protocol/cardlink"
)

// line is a link to one start of the reader.
type line struct {
	link *wire.Link
	gone chan struct{} // closed when it is over

	mu    sync.Mutex
	calls map[*call]bool
	err   error // why it is over
}

func newLine(link *wire.Link) *line {
	return &line{link: link, gone: make(chan struct{}), calls: map[*call]bool{}}
}

// end makes it over, for every call.
func (l *line) end(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = why
		close(l.gone)
	}
}

func (l *line) why() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// tell gives a message to the calls that it is meant for, and reports whether
// there are any. One that does not listen misses it, and its wait ends by time.
func (l *line) tell(m wire.Message) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	meant := false
	for c := range l.calls {
		if c.tag == m.Tag {
			meant = true
			select {
			case c.said <- m:
			default:
			}
		}
	}
	return meant
}

// call is one question that the reader is asked, and all that it says to it.
type call struct {
	reader *Reader
	line   *line
	ref    string
	tag    wire.Tag // of ref; "" for what is about no payment
	said   chan wire.Message
}

// call begins one over a line that is open, or is within lineLimit. amount 0 is
// not known.
func (r *Reader) call(ctx context.Context, ref string, amount protocol.Paise) (*call, error) {
	c := &call{reader: r, ref: ref, said: make(chan wire.Message, 16)}
	if ref != "" {
		c.tag = wire.TagOf(ref)
		r.remember(c.tag, amount)
	}
	l, err := r.current(ctx)
	if err != nil {
		return nil, err
	}
	c.line = l
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, l.err
	}
	l.calls[c] = true
	return c, nil
}

// end: nothing more is listened to.
func (c *call) end() {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	delete(c.line.calls, c)
}

// say says something, for wire.GiveUp at most, or until ctx ends.
func (c *call) say(ctx context.Context, m wire.Message) error {
	err := c.line.link.Send(ctx, m)
	switch {
	case err == nil || ctx.Err() != nil && err == ctx.Err():
		return err
	case c.reader.life.Err() != nil:
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrLineBroke, err)
}

// hear returns what the reader says next; ErrNoWord when late comes first. late
// may be nil: then the line's own limits hold.
func (c *call) hear(ctx context.Context, late <-chan time.Time) (wire.Message, error) {
	select {
	case m := <-c.said: // what was said before the end counts
		return m, nil
	default:
	}
	select {
	case m := <-c.said:
		return m, nil
	case <-late:
		return wire.Message{}, ErrNoWord
	case <-ctx.Done():
		return wire.Message{}, ctx.Err()
	case <-c.reader.life.Done():
		return wire.Message{}, ErrClosed
	case <-c.line.gone:
		return wire.Message{}, c.line.why()
	}
}
