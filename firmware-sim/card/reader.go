package card

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
	wire "github.com/galla-pay/galla/protocol/cardlink"
)

// maxRef bounds a reference: no payment id is longer (DESIGN section 4).
const maxRef = 64

// reverseDefault is how long an approval lasts that is reversed by Reverse, when
// Config says nothing.
const reverseDefault = 5 * time.Second

var (
	// ErrNotAsked: the reader did not ask for a card while one was held to it.
	ErrNotAsked = errors.New("the card reader asks for no card")
	// ErrRef: a reference or an amount that no sale has.
	ErrRef = errors.New("the card reader takes a reference of 1 to 64 characters and an amount above 0")
	// ErrOtherAmount: the reference was used before, for another amount.
	ErrOtherAmount = errors.New("the card reader has that reference with another amount")
	// ErrNoCard: there is no card in the reader that could be taken out.
	ErrNoCard = errors.New("there is no card in the card reader")

	errReversed = errors.New("the card reader has reversed that approval")
)

// Doing is what a reader is doing. The values are in GET /state.
type Doing string

// What a reader does.
const (
	Idle    Doing = "idle"    // it is asked for nothing
	Waiting Doing = "waiting" // it asks for a card
	Busy    Doing = "busy"    // a card was read, its bank is asked
)

// Config says where a reader keeps its ledger and who is told of changes. The
// zero value is a reader that keeps it in memory.
type Config struct {
	// File is made when the first card is read; "" keeps the ledger in memory.
	// One reader at a time may have it.
	File string
	// Changed is called after every change of Doing, by whoever caused it. It
	// must not block and may ask the reader.
	Changed func()
	// ReverseAfter is how long an approval waits until the terminal has it; then
	// the reader gives the money back. 0: it waits for ever.
	ReverseAfter time.Duration
}

// Reader is one card machine; make it with Open. All methods may be called from
// any goroutine. It is an agent.CardReader.
type Reader struct {
	changed      func()
	reverseAfter time.Duration
	inUse        chan struct{} // holds one: the Pay that has the reader

	mu      sync.Mutex
	ledger  ledger
	request *request      // what a card is asked for; nil: none is
	inside  *request      // whose card is in the reader, while Pay waits for its bank; nil: none is
	asked   chan struct{} // closed at the next request
}

var _ agent.CardReader = (*Reader)(nil)

// request is a Pay that waits for a card.
type request struct {
	ref    string
	amount protocol.Paise
	gated  bool
	read   chan attempt  // gets the one card
	out    chan struct{} // closed when it is taken out
}

// Open makes a reader, with what its ledger holds. It returns an error when the
// file can be read but is not a ledger, or cannot be read.
func Open(cfg Config) (*Reader, error) {
	r := &Reader{changed: cfg.Changed, reverseAfter: cfg.ReverseAfter, inUse: make(chan struct{}, 1), asked: make(chan struct{})}
	if r.changed == nil {
		r.changed = func() {}
	}
	var err error
	if r.ledger, err = openLedger(cfg.File); err != nil {
		return nil, fmt.Errorf("the card reader's ledger: %w", err)
	}
	return r, nil
}

// Pay implements agent.CardReader. A reference that a card was read for before
// is never charged again: it is answered as Last answers it. Other errors than
// the agent's are ErrRef and ErrOtherAmount.
func (r *Reader) Pay(ctx context.Context, ref string, amount protocol.Paise, started func()) (protocol.Card, error) {
	card, err := r.pay(ctx, ref, amount, steps{
		asked:   func() {},
		started: func(<-chan struct{}) string { started(); return "" },
		pending: func() {},
	})
	if err != nil {
		return protocol.Card{}, err
	}
	return r.keep(ref, card)
}

// steps are what a Pay tells on its way.
type steps struct {
	// gated: the bank is not asked before started is back.
	gated bool
	asked func() // a card is asked for
	// started: a card was read; out is closed when it is taken out. With gated it
	// returns "", or the word for why the bank is not asked.
	started func(out <-chan struct{}) (dropped string)
	pending func() // the bank is asked
}

// pay is Pay, but that the approval is not kept.
func (r *Reader) pay(ctx context.Context, ref string, amount protocol.Paise, s steps) (protocol.Card, error) {
	if ref == "" || len(ref) > maxRef || amount <= 0 {
		return protocol.Card{}, ErrRef
	}
	select {
	case r.inUse <- struct{}{}:
		defer func() { <-r.inUse }()
	case <-ctx.Done():
		return protocol.Card{}, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return protocol.Card{}, err
	}
	r.mu.Lock()
	if had, ok := r.ledger.find(ref); ok && had.dropped != wire.CodeNotAuthorised {
		r.mu.Unlock()
		if had.AmountPaise != amount {
			return protocol.Card{}, ErrOtherAmount
		}
		s.started(nil)
		if had.secret() { // this Pay did not see it being read
			return had.answer(time.Now())
		}
		return had.await(ctx, nil)
	}
	asks := &request{ref: ref, amount: amount, gated: s.gated, read: make(chan attempt, 1), out: make(chan struct{})}
	r.request = asks
	close(r.asked)
	r.asked = make(chan struct{})
	r.mu.Unlock()
	s.asked()
	r.changed()

	a, ok := r.wait(ctx, asks)
	if !ok {
		return protocol.Card{}, ctx.Err()
	}
	defer r.idle()
	dropped := s.started(asks.out)
	if s.gated {
		var err error
		if a, err = r.gate(ref, dropped); err != nil {
			return protocol.Card{}, err
		}
		if a.dropped != "" {
			return a.answer(time.Now())
		}
	}
	s.pending()
	return a.await(ctx, asks.out)
}

// gate has the bank asked, or never, when dropped says why. It returns the card
// as it is then.
func (r *Reader) gate(ref, dropped string) (attempt, error) {
	m := marked{Ref: ref, Mark: markSent, At: time.Now()}
	if dropped != "" {
		m.Mark, m.Reason = markDropped, dropped
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	a, err := r.ledger.mark(m)
	if err != nil {
		// What cannot be written does not happen: the bank is not asked, and a
		// reader that begins with this ledger knows no more.
		if last := r.ledger.latest(ref); last.dropped == "" {
			last.dropped = wire.CodeNotAuthorised
		}
		return attempt{}, fmt.Errorf("the card reader's ledger: %w", err)
	}
	return a, nil
}

// keep is what a terminal in the same process is told: with its answer it has the
// approval, if that stands.
func (r *Reader) keep(ref string, card protocol.Card) (protocol.Card, error) {
	switch err := r.took(ref); {
	case errors.Is(err, errReversed):
		return protocol.Card{}, &agent.CardDeclined{Reason: string(wire.Reversed)}
	case err != nil:
		return protocol.Card{}, err
	}
	return card, nil
}

// took: the terminal has the approval, which stands from now on; errReversed when
// it was taken back before.
func (r *Reader) took(ref string) error {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.ledger.latest(ref)
	switch {
	case a == nil:
		return agent.ErrCardUnknownRef
	case a.result(now) == Reversed:
		return errReversed
	case a.result(now) != Approved || a.Outcome == Reverse:
		return errMark
	case a.kept || a.ReverseAt.IsZero():
		return nil
	}
	if _, err := r.ledger.mark(marked{Ref: ref, Mark: markKept, At: now}); err != nil {
		return fmt.Errorf("the card reader's ledger: %w", err)
	}
	return nil
}

// wait returns the card that was read, or not ok when ctx ended before one was.
func (r *Reader) wait(ctx context.Context, asks *request) (attempt, bool) {
	select {
	case a := <-asks.read:
		return a, true
	case <-ctx.Done():
	}
	r.mu.Lock()
	if r.request == asks {
		r.request = nil
		r.mu.Unlock()
		r.changed()
		return attempt{}, false
	}
	r.mu.Unlock()
	return <-asks.read, true // the card was faster
}

// idle: the Pay that had a card read is over.
func (r *Reader) idle() {
	r.mu.Lock()
	r.inside = nil
	r.mu.Unlock()
	r.changed()
}

// Last implements agent.CardReader. It never waits.
func (r *Reader) Last(ctx context.Context, ref string) (protocol.Card, error) {
	if err := ctx.Err(); err != nil {
		return protocol.Card{}, err
	}
	r.mu.Lock()
	had, ok := r.ledger.find(ref)
	r.mu.Unlock()
	if !ok {
		return protocol.Card{}, agent.ErrCardUnknownRef
	}
	card, err := had.answer(time.Now())
	if err != nil {
		return protocol.Card{}, err
	}
	return r.keep(ref, card)
}

// Tap holds a card to the reader until it is read, and returns its entry in the
// ledger, or until ctx ends: then ErrNotAsked. What is no card is ErrTap; a ledger
// that cannot be written is an error too, and no card is read. Remove takes out
// the card that is in the reader, if there is one.
func (r *Reader) Tap(ctx context.Context, tap Tap) (Entry, error) {
	tap, err := tap.check()
	if err != nil {
		return Entry{}, err
	}
	if tap.Outcome == Remove {
		if entry, err := r.Remove(); !errors.Is(err, ErrNoCard) {
			return entry, err
		}
	}
	for {
		r.mu.Lock()
		if asks := r.request; asks != nil {
			a, err := r.ledger.read(*asks, tap, time.Now(), r.reverseAfter)
			if err == nil {
				r.request, r.inside = nil, asks
				asks.read <- a
			}
			r.mu.Unlock()
			if err != nil {
				return Entry{}, fmt.Errorf("the card reader's ledger: %w", err)
			}
			r.changed()
			return a.entry(time.Now()), nil
		}
		asked := r.asked
		r.mu.Unlock()
		select {
		case <-asked:
		case <-ctx.Done():
			return Entry{}, ErrNotAsked
		}
	}
}

// Remove takes out the card that is in the reader, and returns its entry in the
// ledger. Before its bank was asked the reader declines it; later the bank answers
// what it would have answered, and Pay is told nothing. ErrNoCard when none is in.
func (r *Reader) Remove() (Entry, error) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	in := r.inside
	if in == nil {
		return Entry{}, ErrNoCard
	}
	select {
	case <-in.out:
		return Entry{}, ErrNoCard
	default:
		close(in.out)
	}
	return r.ledger.latest(in.ref).entry(now), nil
}

// Doing returns what the reader is doing.
func (r *Reader) Doing() Doing {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.request != nil:
		return Waiting
	case r.inside != nil:
		return Busy
	}
	return Idle
}

// Ledger returns every card that was read, oldest first.
func (r *Reader) Ledger() []Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	entries := []Entry{}
	for _, a := range r.ledger.attempts {
		entries = append(entries, a.entry(now))
	}
	return entries
}
