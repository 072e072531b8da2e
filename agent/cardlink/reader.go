package cardlink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
	wire "github.com/galla-pay/galla/protocol/cardlink"
)

// The waits of a Reader.
const (
	// RetryLeast and RetryMost bound the wait between two tries to open the line.
	RetryLeast = 250 * time.Millisecond
	RetryMost  = 5 * time.Second
	// openLimit bounds one try to open it.
	openLimit = 5 * time.Second
	// lineLimit is how long a call waits for a line that is not open.
	lineLimit = 5 * time.Second
	// answerLimit is how long the reader may take to say the first word of a sale.
	answerLimit = 5 * time.Second
	// approvalLimit is how long it may be busy with a card; then nobody knows.
	approvalLimit = 2 * time.Minute
	// keptLimit is how long it may take to let an approval stand.
	keptLimit = 4 * time.Second
	// withdrawLimit is how long Pay waits to hear that no card is asked for any
	// more. Without that word no card can be charged either: Pay said no NOTED.
	withdrawLimit = 800 * time.Millisecond
	// lastLimit bounds a Last whose ctx does not.
	lastLimit = 10 * time.Second
)

// Errors of Pay and Last that say nothing of a card, beside those of the line and
// agent's. ErrAnswer is a reader's own error; its text has the code.
var (
	ErrClosed     = errors.New("card reader: closed")
	ErrNoLine     = errors.New("card reader: not connected")
	ErrLineBroke  = errors.New("card reader: the line broke")
	ErrRestarted  = errors.New("card reader: it was started anew")
	ErrNoWord     = errors.New("card reader: no answer to what was asked")
	ErrNotKept    = errors.New("card reader: it does not say that the approval stands")
	ErrStopped    = errors.New("card reader: it has stopped asking for a card")
	ErrAnswer     = errors.New("card reader: it cannot")
	ErrRef        = errors.New("card reader: no such reference or amount can be asked for")
	errOtherThing = errors.New("card reader: an answer to something else")
)

// Opener opens the line to the reader. It keeps to ctx; what it returns ends a
// Read and a Write under way when it is closed.
type Opener func(ctx context.Context) (io.ReadWriteCloser, error)

// Config is what a Reader needs.
type Config struct {
	Open Opener // required; see Port and Address
	// Log gets what an operator should know; nil: nowhere.
	Log *slog.Logger
}

// Reader is a card reader at the other end of a line. It is an agent.CardReader;
// all methods may be called from any goroutine.
type Reader struct {
	open   Opener
	log    *slog.Logger
	cancel context.CancelFunc
	ended  chan struct{} // closed when the line is no more kept
	life   context.Context

	mu      sync.Mutex
	line    *line         // the open one; nil: none is
	changed chan struct{} // closed when line becomes another
	asked   []asked       // what was asked for lately, oldest first
}

var _ agent.CardReader = (*Reader)(nil)

// asked is one payment that the reader was asked about.
type asked struct {
	tag    wire.Tag
	amount protocol.Paise // 0: not known
}

// maxAsked bounds what is remembered of them.
const maxAsked = 64

// New begins to keep a line open, and returns at once: a reader that is not there
// yet is waited for. Close the Reader when the agent's Run is over.
func New(cfg Config) *Reader {
	ctx, cancel := context.WithCancel(context.Background())
	r := &Reader{open: cfg.Open, log: cfg.Log, cancel: cancel, ended: make(chan struct{}), life: ctx, changed: make(chan struct{})}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	go r.keep(ctx)
	return r
}

// Close ends the line and every call under way; what a bank was asked goes on.
func (r *Reader) Close() error {
	r.cancel()
	<-r.ended
	return nil
}

// Check asks the reader what it is doing: for a self-test, and galla-agent
// doctor. Its errors are ErrNoLine, ErrNoWord, ErrLineBroke, ErrRestarted,
// ErrClosed and those of ctx; it takes ten seconds at most.
func (r *Reader) Check(ctx context.Context) (wire.Doing, error) {
	c, err := r.call(ctx, "", 0)
	if err != nil {
		return "", err
	}
	defer c.end()
	if err := c.say(ctx, wire.Message{Kind: wire.Status}); err != nil {
		return "", err
	}
	limit := time.NewTimer(answerLimit)
	defer limit.Stop()
	m, err := c.hear(ctx, limit.C)
	return m.Doing, err
}

// keep keeps a line open until ctx ends.
func (r *Reader) keep(ctx context.Context) {
	defer close(r.ended)
	gap, told := RetryLeast, false
	for {
		wasUp, err := r.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if wasUp {
			gap, told = RetryLeast, false
		}
		if !told {
			r.log.Error("card reader is not connected", "err", err)
			told = true
		}
		wait := time.NewTimer(gap)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return
		}
		gap = min(2*gap, RetryMost)
	}
}

// once opens the line and serves it until it is dead; up is whether a reader was
// at its other end.
func (r *Reader) once(ctx context.Context) (up bool, err error) {
	opening, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	opened, err := r.open(opening)
	if err != nil {
		return false, err
	}
	link := wire.NewLink(opened)
	defer link.Close()
	select {
	case <-link.Up():
	case <-link.Done():
		return false, link.Err()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	r.log.Info("card reader is connected")
	l, strange := newLine(link), false
	r.use(l)
	defer func() { r.use(nil) }()
	for {
		h, err := link.Receive(ctx)
		switch {
		case err != nil:
			l.end(fmt.Errorf("%w: %w", ErrLineBroke, err))
			return true, err
		case h.Restarted:
			r.log.Warn("card reader was started anew")
			l.end(ErrRestarted)
			l = newLine(link)
			r.use(l)
		case !l.tell(h.Message) && !r.knows(h.Message.Tag) && !strange:
			strange = true // once for a line: it may go on and on
			r.log.Error("card reader speaks of a payment that it was not asked about", "kind", h.Message.Kind)
		}
	}
}

// use makes l the line that calls get.
func (r *Reader) use(l *line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.line = l
	close(r.changed)
	r.changed = make(chan struct{})
}

// current waits for a line, lineLimit at most.
func (r *Reader) current(ctx context.Context) (*line, error) {
	limit := time.NewTimer(lineLimit)
	defer limit.Stop()
	for {
		r.mu.Lock()
		l, changed := r.line, r.changed
		r.mu.Unlock()
		if l != nil {
			return l, nil
		}
		select {
		case <-changed:
		case <-limit.C:
			return nil, ErrNoLine
		case <-r.life.Done():
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// remember notes that the reader was asked about a payment, and for how much.
func (r *Reader) remember(tag wire.Tag, amount protocol.Paise) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, a := range r.asked {
		if a.tag == tag {
			if amount != 0 {
				r.asked[i].amount = amount
			}
			return
		}
	}
	if len(r.asked) == maxAsked {
		r.asked = append(r.asked[:0], r.asked[1:]...)
	}
	r.asked = append(r.asked, asked{tag, amount})
}

// amount is what was asked for, 0 when that is not known.
func (r *Reader) amount(tag wire.Tag) protocol.Paise {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.asked {
		if a.tag == tag {
			return a.amount
		}
	}
	return 0
}

// knows reports whether the reader was asked about that payment lately, or it is
// none.
func (r *Reader) knows(tag wire.Tag) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.asked {
		if a.tag == tag {
			return true
		}
	}
	return tag == ""
}
