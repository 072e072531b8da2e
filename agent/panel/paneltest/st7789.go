package paneltest

import (
	"fmt"
	"image"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent/panel"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// The glass of the emulated module, in pixels.
const (
	width  = 240
	height = 320
)

// ST7789 is a 240x320 IPS module with a Sitronix ST7789 on 4-wire SPI. Give it
// to panel.NewST7789 as port, with the pins of Pins. Make one with NewST7789.
//
// It understands NOP, SWRESET, SLPIN, SLPOUT, NORON, INVOFF, INVON, DISPOFF,
// DISPON, CASET, RASET, RAMWR, MADCTL (MY, MX, MV, BGR), COLMOD (16 bits a
// pixel) and RAMWRC. Anything else is Misuse and changes nothing.
type ST7789 struct {
	// The lines beside the port. RST is pulled up on the module, so that a
	// driver need not use it; DC and BL are low until driven.
	DC, RST, BL *Pin

	mu       sync.Mutex
	session  *session
	speed    physic.Frequency
	speedCap physic.Frequency
	maxTx    int
	unstuck  chan struct{} // while stuck; closed when that ends
	failNext error
	stats    Stats
	trace    tracer

	chip
	gram    []uint16 // as the glass is: row by row, whatever MADCTL says
	version uint64
	changed chan struct{} // closed at the next change; nil while nobody asked
	misuse  []error
}

// chip is the state that a reset puts back (datasheet: Reset Table).
type chip struct {
	awake    bool
	displays bool
	inverted bool
	madctl   byte
	colmod   byte
	cols     span
	rows     span

	command   byte   // whose parameters are awaited
	params    []byte // of it, so far
	at        image.Point
	half      int // the first byte of a pixel, or -1
	readyAt   time.Time
	sleepAt   time.Time // SLPIN is allowed from here
	wakeAt    time.Time // SLPOUT is allowed from here
	heldReset bool
}

// span is a window in one direction, both ends included.
type span struct{ first, last int }

// NewST7789 returns a module as it is when power comes on.
func NewST7789() *ST7789 {
	c := &ST7789{maxTx: DefaultMaxTxSize, gram: make([]uint16, width*height)}
	c.DC = &Pin{name: "EMULATED-DC", number: 25}
	c.RST = &Pin{name: "EMULATED-RST", number: 27, edge: c.onReset}
	c.BL = &Pin{name: "EMULATED-BL", number: 18, edge: c.onBacklight}
	c.RST.level.Store(true)
	c.chip = powerOn()
	return c
}

// powerOn is the state after power-on or reset.
func powerOn() chip {
	return chip{
		colmod: 0x66,
		cols:   span{0, width - 1},
		rows:   span{0, height - 1},
		half:   -1,
	}
}

// Pins returns the lines as the driver wants them.
func (c *ST7789) Pins() panel.Pins { return panel.Pins{DC: c.DC, RST: c.RST, BL: c.BL} }

// Reset is a power cut: frame memory is black (a real one holds noise), the
// chip is as at power-on, the lines are at rest and the light is out. Port,
// knobs and counts stay: close the port too when the computer lost power.
func (c *ST7789) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.DC.level.Store(false)
	c.BL.level.Store(false)
	c.RST.level.Store(true)
	c.chip = powerOn()
	clear(c.gram)
	c.change()
}

// onReset is the RST line: the chip is held in reset while it is low. Frame
// memory survives (datasheet: Reset Table).
func (c *ST7789) onReset(l gpio.Level) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trace.edge("RST", l)
	c.reset()
	c.heldReset = l == gpio.Low
	c.change()
}

func (c *ST7789) onBacklight(l gpio.Level) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trace.edge("BL", l)
	c.change()
}

// reset is RST or SWRESET: 5 ms until the next command, 120 ms until SLPOUT.
func (c *ST7789) reset() {
	now := time.Now()
	c.chip = powerOn()
	c.readyAt = now.Add(5 * time.Millisecond)
	c.wakeAt = now.Add(120 * time.Millisecond)
}

// change tells everyone who waits that Image may differ; c.mu is held.
func (c *ST7789) change() {
	c.version++
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// Changed returns a channel that is closed at the next change of what Image
// shows. Any number may wait on it. Take the channel first, then look: a change
// between the two is then not missed.
func (c *ST7789) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return c.changed
}

// Version rises with every change of what Image shows.
func (c *ST7789) Version() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version
}

// Misuse lists what the driver did against the datasheet, at most the first 16.
func (c *ST7789) Misuse() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]error(nil), c.misuse...)
}

func (c *ST7789) wrong(format string, args ...any) {
	if len(c.misuse) < 16 {
		c.misuse = append(c.misuse, fmt.Errorf("st7789: "+format, args...))
	}
}
