package demo

import (
	"context"
	"sync"

	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
)

// Sightings is everything that was seen of one terminal, in order. Nothing that
// was shown only for a moment is missed.
type Sightings struct {
	who      string
	timeline *Timeline

	mu      sync.Mutex
	all     []terminal.View
	changed chan struct{}
}

func NewSightings(who string, timeline *Timeline) *Sightings {
	return &Sightings{who: who, timeline: timeline, changed: make(chan struct{})}
}

// Add is terminal.Config.Changed: it keeps what differs from the last one and
// writes mode changes into the timeline.
func (s *Sightings) Add(view terminal.View) {
	s.mu.Lock()
	view.SinceMs, view.LeftMs = 0, 0
	var last terminal.View
	if len(s.all) > 0 {
		last = s.all[len(s.all)-1]
	}
	if len(s.all) > 0 && last == view {
		s.mu.Unlock()
		return
	}
	s.all = append(s.all, view)
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	modeChanged := last.Mode != view.Mode || last.MerchantTransactionID != view.MerchantTransactionID || last.Result != view.Result
	switch {
	case modeChanged:
		s.timeline.Add(s.who, view.MerchantTransactionID, "%s: %s", view.Mode, view.Text)
	case last.Network != view.Network:
		s.timeline.Add(s.who, view.MerchantTransactionID, "network switch %s", onOff(view.Network))
	case last.Link != view.Link:
		s.timeline.Add(s.who, view.MerchantTransactionID, "link %s", upDown(view.Link))
	}
}

// Count says how much was seen so far: a mark for Await.
func (s *Sightings) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

// After returns what was seen after the mark, and a channel that is closed at
// the next sighting.
func (s *Sightings) After(mark int) ([]terminal.View, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]terminal.View(nil), s.all[mark:]...), s.changed
}

// Has reports whether anything like that was ever seen.
func (s *Sightings) Has(like func(terminal.View) bool) bool {
	all, _ := s.After(0)
	for _, view := range all {
		if like(view) {
			return true
		}
	}
	return false
}

// Await returns when something like that is seen after the mark, or ctx's error.
func (s *Sightings) Await(ctx context.Context, mark int, like func(terminal.View) bool) error {
	for {
		views, changed := s.After(mark)
		for _, view := range views {
			if like(view) {
				return nil
			}
		}
		mark += len(views)
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// What a terminal can be seen doing.

func ready(v terminal.View) bool { return v.Mode == protocol.ModeIdle && v.Link }

func presents(sale Sale) func(terminal.View) bool { return mode(sale, protocol.ModePresenting) }

func shows(sale Sale, outcome protocol.Outcome) func(terminal.View) bool {
	return func(v terminal.View) bool {
		return v.Mode == protocol.ModeResult && v.Result == outcome &&
			v.MerchantTransactionID == sale.TransactionID && v.AmountPaise == sale.Amount
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func upDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}
