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
	// handsAtOnce is how many messages of terminals are handled at once. Each waits for
	// the journal's commit, so that so many share those that are under way, and are
	// their share of a journal that cannot keep up. More keep requests for payments
	// waiting: with 2,048 beside 1,000 sales a second a till waits three times as long
	// for its answer, and a herd is back only four seconds sooner.
	handsAtOnce = 128
	tellBatch   = 256 // terminals read at once
	// patience bounds every reading. For what the journal has accepted is waited until
	// it answers, which it always does: a sync that is given up because many wait
	// would only come again, and wait again.
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

// Listener is a Publisher that knows who hears what it sends. It is asked before a
// terminal is told something, so that nothing is read and signed for nobody.
type Listener interface {
	// Listening reports whether a terminal is connected and has subscribed.
	Listening(id protocol.Identity) bool
}

// Config is what the link needs.
type Config struct {
	Journal *journal.Journal
	Reader  Reader
	Keys    Keys // sign states
	Log     *slog.Logger
	// Merchant, where it is set, is what a terminal shows of its merchant: the name,
	// and whether orders may be pulled. Then a state whose payments were just committed
	// is told without being read again.
	Merchant func(id string) (name string, edc, ok bool)
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
	listening func(protocol.Identity) bool
	keys      *keyring
	audience  *audience
	inbox     *inbox
	beats     *beats
	clock     clock

	mu      sync.Mutex
	pending pending
	told    map[protocol.Identity]telling
	wake    chan struct{}
}

// New makes a link.
func New(c Config) *Link {
	if c.Counted == nil {
		c.Counted = func(string) {}
	}
	return &Link{
		Config: c, keys: newKeyring(c.Reader), audience: newAudience(), inbox: newInbox(inboxSize), beats: newBeats(),
		pending: newPending(), told: map[protocol.Identity]telling{}, wake: make(chan struct{}, 1),
	}
}

// Attach sets where messages go. Call it once, before Run.
func (l *Link) Attach(p Publisher) {
	l.publisher, l.listening = p, func(protocol.Identity) bool { return true }
	if k, ok := p.(Listener); ok {
		l.listening = k.Listening
	}
}

// Run works until ctx ends.
func (l *Link) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { l.inbox.run(ctx, handsAtOnce, func(m inbound) { l.handle(ctx, m) }) })
	wg.Go(func() { l.tellAll(ctx) })
	wg.Go(func() { l.sweep(ctx) })
	wg.Go(func() { l.spread(ctx) })
	wg.Go(func() { l.keepBeats(ctx) })
	wg.Wait()
}

// Terminal reads a terminal's row, together with others who ask at the same time, or
// returns journal.ErrNotFound. The key is remembered, since whoever is let in by a
// broker is about to say something.
func (l *Link) Terminal(ctx context.Context, id protocol.Identity) (fleet.Terminal, error) {
	return l.keys.read(ctx, id)
}
