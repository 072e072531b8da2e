package terminal

import (
	"github.com/galla-pay/galla/agent/board/boardtest"
	"github.com/galla-pay/galla/firmware-sim/terminal/web"
)

// Routes are what Handler serves.
func (t *Terminal) Routes() []web.Route { return t.routes() }

// Misuse is what the drivers did against the datasheets of panel and companion,
// and what would harm the parts beside them.
func (t *Terminal) Misuse() []string {
	var all []string
	for _, g := range []*glass{t.glass, t.second} {
		if g == nil {
			continue
		}
		for _, err := range g.chip.Misuse() {
			all = append(all, err.Error())
		}
	}
	if w := t.parts(); w != nil {
		all = append(all, w.misuse()...)
	}
	return all
}

// LED and Buzzer are the emulated ones of a wired terminal whose agent runs.
func (t *Terminal) LED() *boardtest.LED       { return t.parts().led }
func (t *Terminal) Buzzer() *boardtest.Buzzer { return t.parts().sounder }

func (t *Terminal) parts() *wiring {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wiring
}

// Flapping is closed when nobody wiggles the cable any more.
func (t *Terminal) Flapping() <-chan struct{} {
	t.flap.mu.Lock()
	defer t.flap.mu.Unlock()
	if t.flap.done == nil {
		over := make(chan struct{})
		close(over)
		return over
	}
	return t.flap.done
}
