package session

import "sync"

// inbox is what came and was not yet taken. It cannot grow: of several states
// the newest wins (DESIGN 4: level-triggered). Only the answer to a sync is kept
// beside a newer state, because it says where the numbers begin.
type inbox struct {
	signal chan struct{} // holds one token while there are events

	mu     sync.Mutex
	events []Event
}

func (b *inbox) put(ev Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := b.events[:0]
	for _, old := range b.events {
		if overtaken(ev, old) {
			return
		}
		if !outdates(ev, old) {
			kept = append(kept, old)
		}
	}
	b.events = append(kept, ev)
	select {
	case b.signal <- struct{}{}:
	default:
	}
}

// outdates reports whether ev makes old meaningless. Up and Down are all about
// the present, and what came over a lost connection counts no more than what
// the next one will bring.
func outdates(ev, old Event) bool {
	switch ev := ev.(type) {
	case Up:
		_, wasUp := old.(Up)
		return wasUp
	case Down:
		_, wasDown := old.(Down)
		_, wasUp := old.(Up)
		return wasDown || wasUp
	case State:
		was, ok := old.(State)
		return ok && (ev.Answer || !was.Answer && was.State.Seq <= ev.State.Seq)
	}
	return false
}

// overtaken reports whether ev is a state that came after a newer one.
func overtaken(ev, old Event) bool {
	is, ok := ev.(State)
	was, wasState := old.(State)
	return ok && wasState && !is.Answer && !was.Answer && is.State.Seq < was.State.Seq
}

func (b *inbox) take() []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = nil
	return events
}
