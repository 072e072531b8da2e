package paneltest

import (
	"image"
	"time"

	"github.com/galla-pay/galla/agent/panel"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/spi"
)

// model is what tells the chips with MIPI's Display Command Set apart, glass
// included.
type model struct {
	name          string
	width, height int
	// depth is the bits a pixel that the emulator takes: 16 or 18. The chip
	// itself knows others, which its driver does not use.
	depth int
	// mirrored glass has column 0 of the memory at its right edge, blueFirst
	// glass has its colour filter the other way round: MADCTL must undo both.
	mirrored, blueFirst bool
	// inverse glass shows true colours only after INVON (IPS).
	inverse bool
	// turned is a module that lies on its left edge: what a person sees is
	// turned by a quarter.
	turned bool
	// tables are further commands that set voltages and curves, with how many
	// parameters they take. Nothing of them can be seen.
	tables map[byte]int
}

// dcs is a chip with MIPI's Display Command Set: ST7789, ILI9341 and ILI9488.
// Their reset and sleep timing is the same: 5 ms from a reset to any command and
// 120 ms to SLPOUT, 5 ms from SLPOUT to any command and 120 ms to SLPIN, 120 ms
// from SLPIN to SLPOUT.
type dcs struct {
	Port
	// The lines beside the port. RST is pulled up on the module, so that a
	// driver need not use it; DC and BL are low until driven.
	DC, RST, BL *Pin

	model model
	chip
	gram []uint32 // as the glass is, row by row, whatever MADCTL says: raw pixels
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
	partial   [3]byte // the first bytes of a pixel
	have      int     // how many of them there are
	readyAt   time.Time
	sleepAt   time.Time // SLPIN is allowed from here
	wakeAt    time.Time // SLPOUT is allowed from here
	heldReset bool
}

// span is a window in one direction, both ends included.
type span struct{ first, last int }

// init makes c a module as it is when power comes on.
func (c *dcs) init(m model) {
	c.model = m
	c.gram = make([]uint32, m.width*m.height)
	c.DC = &Pin{name: "EMULATED-DC", number: 25}
	c.RST = &Pin{name: "EMULATED-RST", number: 27, edge: c.onReset}
	c.BL = &Pin{name: "EMULATED-BL", number: 18, edge: c.onBacklight}
	c.RST.level.Store(true)
	c.Port.name, c.Port.mode, c.Port.dc = m.name, spi.Mode0, c.DC
	c.Port.maxTx, c.Port.receiver = DefaultMaxTxSize, c.receive
	c.chip = c.powerOn()
}

// powerOn is the state after power-on or reset.
func (c *dcs) powerOn() chip {
	return chip{
		colmod: 0x66,
		cols:   span{0, c.model.width - 1},
		rows:   span{0, c.model.height - 1},
	}
}

// Pins returns the lines as the driver wants them.
func (c *dcs) Pins() panel.Pins { return panel.Pins{DC: c.DC, RST: c.RST, BL: c.BL} }

// Reset is a power cut: frame memory is black (a real one holds noise), the
// chip is as at power-on, the lines are at rest and the light is out. Port,
// knobs and counts stay: close the port too when the computer lost power.
func (c *dcs) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.DC.level.Store(false)
	c.BL.level.Store(false)
	c.RST.level.Store(true)
	c.chip = c.powerOn()
	clear(c.gram)
	c.change()
}

// onReset is the RST line: the chip is held in reset while it is low. Frame
// memory survives (datasheet: Reset Table).
func (c *dcs) onReset(l gpio.Level) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trace.edge("RST", l)
	c.reset()
	c.heldReset = l == gpio.Low
	c.change()
}

func (c *dcs) onBacklight(l gpio.Level) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trace.edge("BL", l)
	c.change()
}

// reset is RST or SWRESET: 5 ms until the next command, 120 ms until SLPOUT.
func (c *dcs) reset() {
	now := time.Now()
	c.chip = c.powerOn()
	c.readyAt = now.Add(5 * time.Millisecond)
	c.wakeAt = now.Add(120 * time.Millisecond)
}
