package mqttlink

import (
	"bytes"
	"context"
	"encoding/base64"
	"slices"
	"sync"

	"github.com/galla-pay/galla/protocol"
)

const (
	// boxLength is how many messages of one terminal wait at most. One that is not
	// after the limits of others has a sync, a report, a pull, a heartbeat and its
	// last will there.
	boxLength = 8
	// inboxSize is how much waits at most, in bytes: what a hundred thousand terminals
	// say when all of them come back at once.
	inboxSize = 64 << 20
	// inboundSize is what a message takes beside its bytes.
	inboundSize = 256
)

// inbound is a message that nobody has looked at yet.
type inbound struct {
	id      protocol.Identity
	leaf    string
	payload []byte
	kind    protocol.Type // by its own words, which nobody has checked; "" when it has none
}

func (m inbound) size() int { return len(m.payload) + inboundSize }

// inbox is what terminals have said and nobody has looked at yet. Each terminal has a
// box of its own, and one goroutine at most is at its messages, so that they keep
// their order and a terminal that talks much holds up itself alone. Boxes have their
// turns in the order in which they began to wait, for one message each.
//
// What is said again takes the place of what waits: a terminal says all that it owes
// each time (DESIGN section 4), so the newest makes the older one needless. Without
// that, ten thousand terminals that come back at once, and repeat what was not
// answered, crowd each other out until nobody is answered any more.
//
// Nobody is at work while nothing waits.
type inbox struct {
	limit int // in bytes

	mu     sync.Mutex
	boxes  map[protocol.Identity]*box
	ready  []*box // with something in them that nobody is at
	size   int    // of all that waits
	handle func(inbound)
	hands  int // how many may be at work
	busy   int // how many are
	work   sync.WaitGroup
}

// box is what one terminal has said. It is there as long as something waits in it or
// somebody is at a message of it.
type box struct {
	waiting []inbound // in order
	taken   bool      // somebody is at a message of it
	asked   bool      // which is a sync, and not answered
}

func newInbox(limit int) *inbox { return &inbox{limit: limit, boxes: map[protocol.Identity]*box{}} }

// fate is what becomes of a message that is put into an inbox.
type fate int

const (
	waits     fate = 0
	replaced  fate = 1 // it has taken the place of an older one, which nobody will look at
	outOfRoom fate = 2 // there is no room for it
)

// put takes a message in. It keeps none of m's bytes.
func (in *inbox) put(m inbound) fate {
	m.kind = kindOf(m.payload)
	in.mu.Lock()
	defer in.mu.Unlock()
	b := in.boxes[m.id]
	if b == nil {
		b = &box{}
	}
	older := b.olderThan(m)
	room := in.limit - in.size
	if older >= 0 {
		room += b.waiting[older].size()
	}
	if m.size() > room || older < 0 && len(b.waiting) >= boxLength {
		return outOfRoom
	}
	m.payload = bytes.Clone(m.payload)
	in.size += m.size()
	if older >= 0 {
		in.size -= b.waiting[older].size()
		b.waiting[older] = m
		return replaced
	}
	if b.waiting = append(b.waiting, m); len(b.waiting) == 1 && !b.taken {
		in.boxes[m.id] = b
		in.line(b)
	}
	return waits
}

// olderThan is the place of the message that m makes needless, or -1: the last of its
// kind, unless a connection ended after that. What is of no known kind, or says that
// a connection ended, replaces nothing.
func (b *box) olderThan(m inbound) int {
	for i, w := range slices.Backward(b.waiting) {
		switch {
		case m.leaf != "report" || m.kind == "" || w.leaf != "report" || w.kind == "":
			return -1
		case w.kind == m.kind:
			return i
		case w.kind == protocol.TypeSync:
			return -1 // it begins a connection: what was said before stays before it
		}
	}
	return -1
}

// line lets a box wait for its turn. in.mu is held.
func (in *inbox) line(b *box) {
	in.ready = append(in.ready, b)
	in.hire()
}

// hire has one more at work, if that may be. in.mu is held.
func (in *inbox) hire() {
	if in.handle != nil && in.busy < in.hands {
		in.busy++
		in.work.Go(in.serve)
	}
}

// run has messages handled, at most hands of them at once, until ctx ends and those
// under way are done with. What waits then is not looked at any more: the terminals
// say it again.
func (in *inbox) run(ctx context.Context, hands int, handle func(inbound)) {
	in.mu.Lock()
	in.hands, in.handle = hands, handle
	for range in.ready {
		in.hire()
	}
	in.mu.Unlock()
	<-ctx.Done()
	in.mu.Lock()
	in.handle = nil
	in.mu.Unlock()
	in.work.Wait()
}

// serve handles messages as long as there are some.
func (in *inbox) serve() {
	for {
		in.mu.Lock()
		handle := in.handle
		if handle == nil || len(in.ready) == 0 {
			in.busy--
			in.mu.Unlock()
			return
		}
		m, b := in.next()
		in.mu.Unlock()
		handle(m)
		in.mu.Lock()
		in.done(m, b)
		in.mu.Unlock()
	}
}

// next takes the message whose turn it is; there is one. in.mu is held.
func (in *inbox) next() (inbound, *box) {
	b := in.ready[0]
	in.ready[0] = nil
	if in.ready = in.ready[1:]; len(in.ready) == 0 {
		in.ready = nil
	}
	m := b.waiting[0]
	b.waiting = slices.Delete(b.waiting, 0, 1)
	b.taken, b.asked = true, m.kind == protocol.TypeSync
	in.size -= m.size()
	return m, b
}

// done gives a box back that a message was taken from. in.mu is held.
func (in *inbox) done(m inbound, b *box) {
	if b.taken, b.asked = false, false; len(b.waiting) > 0 {
		in.line(b)
	} else {
		delete(in.boxes, m.id)
	}
}

// speaks reports whether a terminal has said something that is not dealt with yet.
func (in *inbox) speaks(id protocol.Identity) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.boxes[id] != nil
}

// asks reports whether that is a sync that is still to be answered.
func (in *inbox) asks(id protocol.Identity) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	b := in.boxes[id]
	return b != nil && (b.asked || slices.ContainsFunc(b.waiting, func(m inbound) bool { return m.kind == protocol.TypeSync }))
}

// answered says that the sync of a terminal that is dealt with is about to be answered
// with whatever is wanted from now on.
func (in *inbox) answered(id protocol.Identity) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if b := in.boxes[id]; b != nil {
		b.asked = false
	}
}

// headStart is how a message begins that says its type where protocol.Header has it.
const headStart = `{"v":2,"type":"`

// kindOf is the type that a signed message says it has, by a look at its first bytes,
// or "". Nobody has checked the signature: it may be used for nothing but to choose
// between messages of one terminal.
func kindOf(message []byte) protocol.Type {
	_, rest, _ := bytes.Cut(message, []byte("."))
	text, _, _ := bytes.Cut(rest, []byte("."))
	var head [36]byte
	n, _ := base64.RawURLEncoding.Decode(head[:], text[:min(len(text), base64.RawURLEncoding.EncodedLen(len(head)))])
	after, found := bytes.CutPrefix(head[:n], []byte(headStart))
	kind, _, ended := bytes.Cut(after, []byte(`"`))
	if !found || !ended {
		return ""
	}
	switch t := protocol.Type(kind); t {
	case protocol.TypeSync, protocol.TypeReport, protocol.TypePull, protocol.TypeHeartbeat:
		return t
	}
	return ""
}
