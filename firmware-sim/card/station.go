package card

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
	wire "github.com/galla-pay/galla/protocol/cardlink"
)

// busyLimit is how long a sale waits for the reader to be free of another
// terminal's.
const busyLimit = time.Second

// Talk is the reader's end of one open line, which it closes. It returns why the
// line ended: an error of protocol/cardlink.
func (r *Reader) Talk(ctx context.Context, line io.ReadWriteCloser) error {
	link := wire.NewLink(line)
	ctx, cancel := context.WithCancel(ctx)
	s := &station{reader: r, link: link, life: ctx, out: make(chan wire.Message, 64), telling: map[string]bool{}}
	s.all.Go(s.speak)
	defer s.all.Wait()
	defer cancel()
	defer link.Close()
	for {
		h, err := link.Receive(ctx)
		switch {
		case err != nil:
			return err
		case h.Restarted:
			s.stop()
		default:
			s.hear(h.Message)
		}
	}
}

// station is the reader's end of one line.
type station struct {
	reader *Reader
	link   *wire.Link
	life   context.Context // of the line
	out    chan wire.Message
	all    sync.WaitGroup

	mu      sync.Mutex
	sale    *sale           // the last one
	telling map[string]bool // refs whose outcome is awaited, to be told
}

// sale is one SALE.
type sale struct {
	ref    string
	amount protocol.Paise
	cancel context.CancelFunc
	done   chan struct{}
	noted  chan struct{}
	stop   chan struct{} // closed by CANCEL, and by another SALE

	stage   wire.Kind // WAITING, READ, PENDING; "" when it is over
	stopped bool      // stop is closed
	hasNote bool      // noted is closed
}

// speak says what is to be said, in order.
func (s *station) speak() {
	for {
		select {
		case m := <-s.out:
			_ = s.link.Send(s.life, m) // a line that does not take it is dead
		case <-s.life.Done():
			return
		case <-s.link.Done():
			return
		}
	}
}

// say has m said. A terminal that takes nothing more misses it, and asks LAST.
func (s *station) say(m wire.Message) {
	select {
	case s.out <- m:
	default:
	}
}

// of says one word about a payment.
func (s *station) of(ref string, kind wire.Kind) {
	s.say(wire.Message{Kind: kind, Tag: wire.TagOf(ref)})
}

func (s *station) wrong(ref, code string) {
	s.say(wire.Message{Kind: wire.Error, Tag: wire.TagOf(ref), Code: code})
}

// hear is one thing that the terminal says.
func (s *station) hear(m wire.Message) {
	switch m.Kind {
	case wire.Status:
		doing := map[Doing]wire.Doing{Idle: wire.Idle, Waiting: wire.AskedCard, Busy: wire.Busy}[s.reader.Doing()]
		s.say(wire.Message{Kind: wire.State, Doing: doing})
	case wire.Sale:
		s.begin(m.Ref, protocol.Paise(m.AmountPaise))
	case wire.Cancel:
		s.withdraw(m.Ref)
	case wire.Noted:
		s.note(m.Ref)
	case wire.Last:
		s.tell(m.Ref)
	case wire.Took:
		switch err := s.reader.took(m.Ref); {
		case err == nil:
			s.of(m.Ref, wire.Kept)
		case errors.Is(err, errReversed):
			s.of(m.Ref, wire.Reversed)
		case errors.Is(err, agent.ErrCardUnknownRef):
			s.of(m.Ref, wire.None)
		default:
			s.wrong(m.Ref, wire.CodeFault)
		}
	}
}

// begin is SALE.
func (s *station) begin(ref string, amount protocol.Paise) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.sale
	switch under := before != nil && before.stage != ""; {
	case under && before.ref == ref && before.amount != amount:
		s.wrong(ref, wire.CodeOtherAmount)
		return
	case under && before.ref == ref && !before.stopped:
		s.of(ref, before.stage)
		return
	case under && before.stage != wire.Waiting:
		s.wrong(ref, wire.CodeBusy)
		return
	case under:
		before.end()
	}
	ctx, cancel := context.WithCancel(s.life)
	now := &sale{
		ref: ref, amount: amount, cancel: cancel, stage: wire.Waiting,
		done: make(chan struct{}), noted: make(chan struct{}), stop: make(chan struct{}),
	}
	s.sale = now
	s.all.Go(func() {
		defer close(now.done)
		defer cancel()
		if before != nil {
			<-before.done
		}
		s.run(ctx, now)
	})
}

// end stops a sale whose bank was not asked; station.mu is held.
func (a *sale) end() {
	if !a.stopped {
		a.stopped = true
		close(a.stop)
		a.cancel()
	}
}

// stop: the terminal remembers nothing of its sale.
func (s *station) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.sale; a != nil && (a.stage == wire.Waiting || a.stage == wire.Read) && !a.hasNote {
		a.end()
	}
}

// withdraw is CANCEL.
func (s *station) withdraw(ref string) {
	s.mu.Lock()
	a := s.sale
	mine := a != nil && a.ref == ref && a.stage != ""
	if mine && a.stage != wire.Pending && !a.hasNote {
		a.end() // and says so when it has
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	s.tell(ref)
}

// note is NOTED.
func (s *station) note(ref string) {
	s.mu.Lock()
	a := s.sale
	mine := a != nil && a.ref == ref && a.stage == wire.Read && !a.stopped
	if mine && !a.hasNote {
		a.hasNote = true
		close(a.noted)
	}
	s.mu.Unlock()
	if a == nil || a.ref != ref { // of an earlier line: what came of that card was not said over this one
		s.tell(ref)
	}
}

// reach notes how far a sale is, and says so.
func (s *station) reach(a *sale, stage wire.Kind) {
	s.mu.Lock()
	a.stage = stage
	s.mu.Unlock()
	if stage != "" {
		s.of(a.ref, stage)
	}
}

// run has a card read for a sale, and says what comes of it.
func (s *station) run(ctx context.Context, a *sale) {
	defer s.reach(a, "")
	free := time.AfterFunc(busyLimit, a.cancel)
	defer free.Stop()
	asked := false
	card, err := s.reader.pay(ctx, a.ref, a.amount, steps{
		gated: true,
		asked: func() {
			asked = free.Stop()
			s.reach(a, wire.Waiting)
		},
		started: func(out <-chan struct{}) string {
			if out == nil { // a card of an earlier sale
				asked = free.Stop()
				s.reach(a, wire.Pending)
				return ""
			}
			s.reach(a, wire.Read)
			return s.gate(a, out)
		},
		pending: func() { s.reach(a, wire.Pending) },
	})
	s.mu.Lock()
	stopped := a.stopped
	s.mu.Unlock()
	switch {
	case s.life.Err() != nil: // nobody listens
	case stopped && s.uncharged(a.ref):
		s.of(a.ref, wire.Withdrawn)
	case stopped: // a card of an earlier sale
		s.tell(a.ref)
	case errors.Is(err, context.Canceled) && !asked:
		s.wrong(a.ref, wire.CodeBusy)
	default:
		s.end(a.ref, card, err)
		s.of(a.ref, wire.Remove)
	}
}

// uncharged reports whether no bank was ever asked for a payment.
func (s *station) uncharged(ref string) bool {
	s.reader.mu.Lock()
	defer s.reader.mu.Unlock()
	had, ok := s.reader.ledger.find(ref)
	return !ok || had.dropped == wire.CodeNotAuthorised
}

// gate waits until the terminal has the card on its disk; else it is the word for
// why the bank is not asked.
func (s *station) gate(a *sale, out <-chan struct{}) (dropped string) {
	late := time.NewTimer(wire.NotedLimit)
	defer late.Stop()
	select {
	case <-a.noted:
		return ""
	case <-out:
		return wire.CodeCardRemoved
	case <-late.C:
	case <-a.stop:
	case <-s.life.Done():
	case <-s.link.Done():
	}
	return wire.CodeNotAuthorised
}

// end says what came of a card.
func (s *station) end(ref string, card protocol.Card, err error) {
	declined := (*agent.CardDeclined)(nil)
	switch {
	case err == nil:
		s.say(wire.Message{
			Kind: wire.Approved, Tag: wire.TagOf(ref), AmountPaise: int64(card.AmountPaise),
			RRN: card.RRN, Network: card.Network, Type: card.Type, Last4: card.Last4,
		})
	case errors.As(err, &declined) && declined.Reason == string(wire.Reversed):
		s.of(ref, wire.Reversed)
	case errors.As(err, &declined):
		s.say(wire.Message{Kind: wire.Declined, Tag: wire.TagOf(ref), Code: declined.Reason})
	case errors.Is(err, agent.ErrCardNoAnswer):
		s.of(ref, wire.Unknown)
	case errors.Is(err, agent.ErrCardUnknownRef):
		s.of(ref, wire.None)
	case errors.Is(err, ErrOtherAmount):
		s.wrong(ref, wire.CodeOtherAmount)
	default:
		s.wrong(ref, wire.CodeFault)
	}
}

// tell is LAST: how far a payment is, and what it comes to as soon as that is
// known.
func (s *station) tell(ref string) {
	r := s.reader
	r.mu.Lock()
	had, ok := r.ledger.find(ref)
	r.mu.Unlock()
	now := time.Now()
	switch {
	case !ok:
		s.of(ref, wire.None)
	case had.result(now) != Asked || had.secret():
		card, err := had.answer(now)
		s.end(ref, card, err)
	case had.Gated && !had.sent: // its sale is under way, and says what comes of it
		s.of(ref, wire.Pending)
	default:
		s.of(ref, wire.Pending)
		s.tellLater(had)
	}
}

// tellLater says what the bank answered, once it has.
func (s *station) tellLater(had attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.telling[had.Ref] || s.sale != nil && s.sale.ref == had.Ref && s.sale.stage != "" {
		return // it is told anyway
	}
	s.telling[had.Ref] = true
	s.all.Go(func() {
		card, err := had.await(s.life, nil)
		s.mu.Lock()
		delete(s.telling, had.Ref)
		s.mu.Unlock()
		if s.life.Err() == nil {
			s.end(had.Ref, card, err)
		}
	})
}
