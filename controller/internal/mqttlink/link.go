// Package mqttlink is the back door to the terminals: wanted states out,
// reports in (DESIGN section 4). It works the same over the embedded broker and
// over an existing one; the broker keeps nothing, so nothing here depends on
// the order or the number of messages.
//
// It submits decisions to the journal and reads what is wanted from the
// storage when it publishes, so that the time left is fresh. A terminal's row
// is its outbox: whatever is lost here is found again by the sweep.
package mqttlink

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

// Limits of the link.
const (
	// workers handle reports; those of one terminal stay with one worker, in order.
	// A worker waits for the journal's commit, so that so many reports share one.
	workers     = 128
	queueLength = 64  // a worker's; above it reports are dropped, and come again
	tellBatch   = 256 // terminals read at once
	// patience bounds every database call.
	patience = 10 * time.Second
)

// Reader is what this door reads.
type Reader interface {
	// Wanted reads what is wanted of terminals, at the database's time.
	Wanted(ctx context.Context, ids []protocol.Identity) ([]decide.Wanted, error)
	// Unacked lists present terminals that have not stored their newest state.
	Unacked(ctx context.Context, limit int) ([]protocol.Identity, error)
	// Terminal reads a terminal's credentials; journal.ErrNotFound when there
	// is none.
	Terminal(ctx context.Context, id protocol.Identity) (fleet.Terminal, error)
}

// Publisher sends a message to a terminal, as far as the broker takes it. It
// must not block for long.
type Publisher interface {
	Publish(topic string, payload []byte) error
}

// Config is what the link needs.
type Config struct {
	Journal *journal.Journal
	Reader  Reader
	Keys    Keys // sign states
	Log     *slog.Logger
	// Allow, where it is set, says whether a terminal may report once more now.
	// What it may not is dropped, and comes again.
	Allow func(protocol.Identity) bool
	// Counted is told of what happened, by a short word; it may be nil.
	Counted func(what string)
	// Witness may be nil.
	Witness Witness
}

// Witness is told what terminals were told and have shown. It must not block.
type Witness interface {
	// StatePublished: the broker took a state that was not published here before;
	// publishing began then.
	StatePublished(w decide.Wanted, began time.Time)
	// ResultShown: a terminal says that a payment's result is on glass. It may say
	// so again, and be wrong.
	ResultShown(by protocol.Identity, paymentID string)
}

// Link is the door. Attach a Publisher, Run it, and give it what the broker
// receives by Receive.
type Link struct {
	Config
	publisher Publisher
	keys      *keyring
	audience  *audience
	queues    [workers]chan inbound
	seed      maphash.Seed

	mu      sync.Mutex
	pending map[protocol.Identity]string // to be told; the nonce to echo, or ""
	told    map[protocol.Identity]telling
	wake    chan struct{}
}

// telling is what this link has told a terminal; there is one for each terminal
// that there is, at most.
type telling struct {
	seq   uint64    // the newest that was published here
	tried time.Time // when it was last read what to tell; zero: never
}

type inbound struct {
	id      protocol.Identity
	leaf    string
	payload []byte
}

// New makes a link.
func New(c Config) *Link {
	if c.Counted == nil {
		c.Counted = func(string) {}
	}
	l := &Link{
		Config: c, keys: newKeyring(c.Reader), audience: newAudience(), seed: maphash.MakeSeed(),
		pending: map[protocol.Identity]string{}, told: map[protocol.Identity]telling{}, wake: make(chan struct{}, 1),
	}
	for i := range l.queues {
		l.queues[i] = make(chan inbound, queueLength)
	}
	return l
}

// Attach sets where messages go. Call it once, before Run.
func (l *Link) Attach(p Publisher) { l.publisher = p }

// Run works until ctx ends.
func (l *Link) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, queue := range l.queues {
		wg.Go(func() { l.work(ctx, queue) })
	}
	wg.Go(func() { l.tellAll(ctx) })
	wg.Go(func() { l.sweep(ctx) })
	wg.Go(func() { l.spread(ctx) })
	wg.Wait()
}

// Committed is told what the journal committed: terminals whose wanted state
// rose are told at once, and keys that were replaced are worth nothing from
// then on.
func (l *Link) Committed(c decide.Changes) {
	for _, t := range c.Terminals {
		l.keys.changed(t)
	}
	l.mu.Lock()
	for _, t := range c.Terminals {
		if t.NeedsTelling() && t.Seq > l.told[t.Identity].seq && t.Enrolled() {
			l.note(t.Identity, "")
		}
	}
	l.mu.Unlock()
}

// tell puts a terminal on the list of those to be told.
func (l *Link) tell(id protocol.Identity, nonce string) {
	l.mu.Lock()
	l.note(id, nonce)
	l.mu.Unlock()
}

func (l *Link) note(id protocol.Identity, nonce string) {
	if _, there := l.pending[id]; !there || nonce != "" {
		l.pending[id] = nonce
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take empties the list, up to tellBatch.
func (l *Link) take() map[protocol.Identity]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch := make(map[protocol.Identity]string, min(len(l.pending), tellBatch))
	now := time.Now()
	for id, nonce := range l.pending {
		if len(batch) == tellBatch {
			l.note(id, nonce) // more to do: stay awake
			break
		}
		batch[id] = nonce
		delete(l.pending, id)
		t := l.told[id]
		t.tried = now
		l.told[id] = t
	}
	return batch
}

func (l *Link) tellAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		batch := l.take()
		ids := make([]protocol.Identity, 0, len(batch))
		for id := range batch {
			ids = append(ids, id)
		}
		if len(ids) == 0 {
			continue
		}
		read, cancel := context.WithTimeout(ctx, patience)
		wanted, err := l.Reader.Wanted(read, ids)
		cancel()
		if err != nil {
			// Nothing is lost: the terminals' rows say that they are to be
			// told, and the sweep finds them. A terminal that asked, or that
			// waits for facts to be acknowledged, asks again.
			l.Log.Warn("cannot read what terminals are to be told", "error", err)
			continue
		}
		for _, w := range wanted {
			l.publish(w, batch[w.Terminal.Identity])
		}
	}
}

func (l *Link) publish(w decide.Wanted, nonce string) {
	id := w.Terminal.Identity
	topic := protocol.CommandTopic(id)
	began := time.Now()
	key, set, version := l.Keys.Current()
	session := w.Terminal.Session
	if (nonce != "" || !l.audience.has(id, session, version)) && !l.publishKeys(id, session, set, version) {
		return
	}
	if nonce != "" {
		l.audience.heard(id, version)
	}
	message, err := key.Sign(protocol.PurposeDown, w.State(nonce))
	if err != nil {
		l.Log.Error("cannot sign a state", "terminal", id, "error", err)
		l.Counted("publish_failed")
		return
	}
	// Life of a payment, step 4: `mqttlink` publishes the signed sale request.
	if err := l.publisher.Publish(topic, message); err != nil {
		l.Counted("publish_failed")
		return
	}
	l.Counted("state_published")
	l.mu.Lock()
	t := l.told[id]
	news := w.Terminal.Seq > t.seq
	t.seq = w.Terminal.Seq
	l.told[id] = t
	l.mu.Unlock()
	if l.Witness != nil && news {
		l.Witness.StatePublished(w, began)
	}
}
