package boardtest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// circuit is pins and the switches between them. Its levels follow from who
// drives, who pulls and which switches are closed.
type circuit struct {
	mu     sync.Mutex
	pins   []*Pin
	closed map[[2]int]bool // two pins by their places, lower first; -1 is ground
	misuse []string
}

func newCircuit(names ...string) *circuit {
	c := &circuit{closed: map[[2]int]bool{}}
	for i, name := range names {
		c.pins = append(c.pins, &Pin{circuit: c, name: name, number: i, edges: make(chan struct{}, 1), halted: make(chan struct{})})
	}
	c.follow()
	return c
}

const ground = -1

// connect opens or closes a switch between two pins, or a pin and ground.
func (c *circuit) connect(a, b int, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed[[2]int{min(a, b), max(a, b)}] = closed
	c.follow()
}

// follow finds the levels anew and tells those who wait for an edge. The caller
// holds mu.
func (c *circuit) follow() {
	net := make([]int, len(c.pins)+1) // the last is ground
	for i := range net {
		net[i] = i
	}
	place := func(i int) int {
		if i == ground {
			return len(c.pins)
		}
		return i
	}
	for pair, closed := range c.closed {
		if a, b := net[place(pair[0])], net[place(pair[1])]; closed && a != b {
			for i := range net {
				if net[i] == b {
					net[i] = a
				}
			}
		}
	}
	for i, p := range c.pins {
		level, known := c.level(net, net[i])
		p.floats = !known
		if known && level != p.level {
			p.level = level
			if p.hears(level) {
				select {
				case p.edges <- struct{}{}:
				default:
				}
			}
		}
	}
}

// level is that of a net; false: nothing drives or pulls it.
func (c *circuit) level(net []int, of int) (gpio.Level, bool) {
	low, high, up, down := net[len(c.pins)] == of, false, false, false
	for i, p := range c.pins {
		if net[i] != of {
			continue
		}
		low = low || p.drives && !bool(p.out)
		high = high || p.drives && bool(p.out)
		up = up || !p.drives && p.pull == gpio.PullUp
		down = down || !p.drives && p.pull == gpio.PullDown
	}
	switch {
	case low && high:
		c.blame("two outputs are shorted")
		return gpio.Low, true
	case low:
		return gpio.Low, true
	case high || up && !down:
		return gpio.High, true
	case down && !up:
		return gpio.Low, true
	}
	return gpio.Low, false
}

// blame notes a misuse, once. The caller holds mu.
func (c *circuit) blame(what string) {
	if !slices.Contains(c.misuse, what) {
		c.misuse = append(c.misuse, what)
	}
}

// Misuse is what the driver did that would harm a real part or read nothing; the
// slice is the caller's.
func (c *circuit) Misuse() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.misuse)
}

// Pin is a line of an emulated part, as the driver holds it.
type Pin struct {
	circuit *circuit
	name    string
	number  int
	edges   chan struct{} // an edge that nobody waited for is remembered
	halted  chan struct{} // closed by Halt

	// Guarded by the circuit.
	drives  bool
	out     gpio.Level
	pull    gpio.Pull
	edge    gpio.Edge
	level   gpio.Level
	floats  bool
	silent  bool
	refuses error
}

var _ gpio.PinIO = (*Pin)(nil)

// hears reports that the driver asked for the edge to l.
func (p *Pin) hears(l gpio.Level) bool {
	switch p.edge {
	case gpio.BothEdges:
		return !p.silent
	case gpio.RisingEdge:
		return !p.silent && l == gpio.High
	case gpio.FallingEdge:
		return !p.silent && l == gpio.Low
	}
	return false
}

// Break has the pin refuse what it is told with err; nil: it works again.
func (p *Pin) Break(err error) {
	p.circuit.mu.Lock()
	defer p.circuit.mu.Unlock()
	p.refuses = err
}

// Silence makes it a pin of a driver that reports no edge and does not wait for
// one.
func (p *Pin) Silence() {
	p.circuit.mu.Lock()
	defer p.circuit.mu.Unlock()
	p.silent = true
}

// In implements gpio.PinIn.
func (p *Pin) In(pull gpio.Pull, edge gpio.Edge) error {
	p.circuit.mu.Lock()
	defer p.circuit.mu.Unlock()
	if p.refuses != nil {
		return p.refuses
	}
	p.drives, p.pull, p.edge = false, pull, edge
	p.circuit.follow()
	select {
	case <-p.edges:
	default:
	}
	return nil
}

// Read implements gpio.PinIn.
func (p *Pin) Read() gpio.Level {
	p.circuit.mu.Lock()
	defer p.circuit.mu.Unlock()
	if p.floats {
		p.circuit.blame(fmt.Sprintf("%s is read while nothing drives or pulls it", p.name))
	}
	return p.level
}

// WaitForEdge implements gpio.PinIn. Halt ends it.
func (p *Pin) WaitForEdge(limit time.Duration) bool {
	p.circuit.mu.Lock()
	halted, silent := p.halted, p.silent
	p.circuit.mu.Unlock()
	if silent {
		return false
	}
	var late <-chan time.Time
	if limit >= 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-p.edges:
		return true
	case <-late:
	case <-halted:
	}
	return false
}

// Out implements gpio.PinOut.
func (p *Pin) Out(l gpio.Level) error {
	p.circuit.mu.Lock()
	defer p.circuit.mu.Unlock()
	if p.refuses != nil {
		return p.refuses
	}
	p.drives, p.out, p.edge = true, l, gpio.NoEdge
	p.circuit.follow()
	return nil
}

// PWM implements gpio.PinOut; a key has no use for it.
func (p *Pin) PWM(gpio.Duty, physic.Frequency) error {
	return errors.New("boardtest: " + p.name + " has no PWM")
}

// Halt implements conn.Resource: it ends what waits for an edge.
func (p *Pin) Halt() error {
	p.circuit.mu.Lock()
	defer p.circuit.mu.Unlock()
	select {
	case <-p.halted:
	default:
		close(p.halted)
	}
	return nil
}

// Halted reports that the driver let go of it.
func (p *Pin) Halted() bool {
	select {
	case <-p.halted:
		return true
	default:
		return false
	}
}

// Drives reports that the driver puts a level out.
func (p *Pin) Drives() bool {
	p.circuit.mu.Lock()
	defer p.circuit.mu.Unlock()
	return p.drives
}

// Pull implements gpio.PinIn.
func (p *Pin) Pull() gpio.Pull {
	p.circuit.mu.Lock()
	defer p.circuit.mu.Unlock()
	return p.pull
}

// DefaultPull implements gpio.PinIn.
func (p *Pin) DefaultPull() gpio.Pull { return gpio.PullNoChange }

// String implements conn.Resource.
func (p *Pin) String() string { return p.name }

// Name implements pin.Pin.
func (p *Pin) Name() string { return p.name }

// Number implements pin.Pin.
func (p *Pin) Number() int { return p.number }

// Function implements pin.Pin.
func (p *Pin) Function() string {
	if p.Drives() {
		return "Out"
	}
	return "In"
}
