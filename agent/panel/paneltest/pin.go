package paneltest

import (
	"errors"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// Pin is one input of an emulated chip, given to the driver as its output.
type Pin struct {
	name   string
	number int
	level  atomic.Bool
	// edge is told every Out that changed the level; nil for a line that the
	// chip only samples.
	edge func(gpio.Level)
}

var _ gpio.PinOut = (*Pin)(nil)

// Level returns what the driver last put out.
func (p *Pin) Level() gpio.Level { return gpio.Level(p.level.Load()) }

// Out implements gpio.PinOut.
func (p *Pin) Out(l gpio.Level) error {
	if p.level.Swap(bool(l)) != bool(l) && p.edge != nil {
		p.edge(l)
	}
	return nil
}

// PWM implements gpio.PinOut. It is refused, as on the lines of a Raspberry Pi
// 5 (libraries: Pi notes).
func (p *Pin) PWM(gpio.Duty, physic.Frequency) error {
	return errors.New("paneltest: pin " + p.name + " has no PWM")
}

// String implements conn.Resource.
func (p *Pin) String() string { return p.name }

// Halt implements conn.Resource; it does nothing.
func (p *Pin) Halt() error { return nil }

// Name implements pin.Pin.
func (p *Pin) Name() string { return p.name }

// Number implements pin.Pin.
func (p *Pin) Number() int { return p.number }

// Function implements pin.Pin.
func (p *Pin) Function() string {
	if p.Level() {
		return "Out/High"
	}
	return "Out/Low"
}

// BusyPin is an output of an emulated chip that says when it cannot be spoken
// to: high while it works.
type BusyPin struct {
	gpio.PinIO // every other method: an absent pin
	name       string
	left       func() time.Duration // how much longer it is high; 0: it is low
}

// Read implements gpio.PinIn.
func (p *BusyPin) Read() gpio.Level { return p.left() > 0 }

// WaitForEdge implements gpio.PinIn for the falling edge.
func (p *BusyPin) WaitForEdge(timeout time.Duration) bool {
	left := p.left()
	if left > 0 && left <= timeout {
		time.Sleep(left)
		return true
	}
	time.Sleep(timeout)
	return false
}

// In implements gpio.PinIn.
func (p *BusyPin) In(gpio.Pull, gpio.Edge) error { return nil }

// String implements conn.Resource.
func (p *BusyPin) String() string { return p.name }
