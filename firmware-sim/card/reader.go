package card

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// maxRef bounds a reference: no payment id is longer (DESIGN section 4).
const maxRef = 64

// decline is the word of every declined card: ISO 8583's "insufficient funds",
// as such a machine prints it.
const decline = "INSUFFICIENT_FUNDS"

var (
	// ErrNotAsked: the reader did not ask for a card while one was held to it.
	ErrNotAsked = errors.New("the card reader asks for no card")
	// ErrRef: a reference or an amount that no sale has.
	ErrRef = errors.New("the card reader takes a reference of 1 to 64 characters and an amount above 0")
	// ErrOtherAmount: the reference was used before, for another amount.
	ErrOtherAmount = errors.New("the card reader has that reference with another amount")
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
}

// Reader is one card machine; make it with Open. All methods may be called from
// any goroutine. It is an agent.CardReader.
type Reader struct {
	changed func()
	inUse   chan struct{} // holds one: the Pay that has the reader

	mu      sync.Mutex
	ledger  ledger
	request *request      // what a card is asked for; nil: none is
	busy    bool          // a card was read, and Pay waits for its bank
	asked   chan struct{} // closed at the next request
}

var _ agent.CardReader = (*Reader)(nil)

// request is a Pay that waits for a card.
type request struct {
	ref    string
	amount protocol.Paise
	read   chan attempt // gets the one card
}

// Open makes a reader, with what its ledger holds. It returns an error when the
// file can be read but is not a ledger, or cannot be read.
func Open(cfg Config) (*Reader, error) {
	r := &Reader{changed: cfg.Changed, inUse: make(chan struct{}, 1), asked: make(chan struct{})}
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
	if had, ok := r.ledger.find(ref); ok {
		r.mu.Unlock()
		if had.AmountPaise != amount {
			return protocol.Card{}, ErrOtherAmount
		}
		started()
		if had.Outcome == Late { // this Pay did not see it being read
			return had.answer(time.Now())
		}
		return had.await(ctx)
	}
	asks := &request{ref: ref, amount: amount, read: make(chan attempt, 1)}
	r.request = asks
	close(r.asked)
	r.asked = make(chan struct{})
	r.mu.Unlock()
	r.changed()

	a, ok := r.wait(ctx, asks)
	if !ok {
		return protocol.Card{}, ctx.Err()
	}
	started()
	defer r.idle()
	return a.await(ctx)
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
	r.busy = false
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
	return had.answer(time.Now())
}

// Tap holds a card to the reader until it is read, and returns its entry in the
// ledger, or until ctx ends: then ErrNotAsked. What is no card is ErrTap; a ledger
// that cannot be written is an error too, and no card is read.
func (r *Reader) Tap(ctx context.Context, tap Tap) (Entry, error) {
	tap, err := tap.check()
	if err != nil {
		return Entry{}, err
	}
	for {
		r.mu.Lock()
		if asks := r.request; asks != nil {
			a, err := r.ledger.read(*asks, tap, time.Now())
			if err == nil {
				r.request, r.busy = nil, true
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

// Doing returns what the reader is doing.
func (r *Reader) Doing() Doing {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.request != nil:
		return Waiting
	case r.busy:
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
