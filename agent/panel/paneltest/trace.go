package paneltest

import (
	"bytes"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Event is one thing that the chip saw on its lines.
type Event struct {
	At   time.Duration // since StartTrace
	What string        // "command", "data", "RST low", "RST high", "BL low" or "BL high"
	Data []byte        // the bytes of a command or data transfer
}

// tracer collects events while it is on.
type tracer struct {
	on     bool
	since  time.Time
	events []Event
}

func (t *tracer) note(what string, data []byte) {
	if t.on {
		t.events = append(t.events, Event{time.Since(t.since), what, bytes.Clone(data)})
	}
}

func (t *tracer) edge(pin string, l gpio.Level) {
	if l {
		t.note(pin+" high", nil)
	} else {
		t.note(pin+" low", nil)
	}
}

// StartTrace forgets older events and collects all that follow, without bound:
// it is for tests that read the bytes.
func (c *Port) StartTrace() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trace = tracer{on: true, since: time.Now()}
}

// Trace ends what StartTrace began and returns the events in order.
func (c *Port) Trace() []Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	events := c.trace.events
	c.trace = tracer{}
	return events
}
