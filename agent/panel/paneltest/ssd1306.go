package paneltest

import (
	"image"
	"time"

	"github.com/galla-pay/galla/agent/panel"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/spi"
)

// The glass of the emulated OLED.
const (
	oledWidth  = 128
	oledHeight = 64
)

// SSD1306 is a 128x64 OLED module with a Solomon SSD1306 on 4-wire SPI. Give it
// to panel.NewSSD1306 as port, with the pins of Pins. Make one with NewSSD1306.
//
// It understands the command table of the datasheet but scrolling, of which it
// takes only the command that ends it. B0 to B7 and 00 to 1F set the position in
// every addressing mode, as the chip does. What sets another geometry than that
// of its glass is Misuse.
type SSD1306 struct {
	Port
	// The lines beside the port. RST is pulled up on the module.
	DC, RST *Pin

	oled
	gram  [oledHeight / 8][oledWidth]byte // by page and segment; the low bit is above
	lowAt time.Time                       // when RST went low
}

// oled is the state that a reset puts back.
type oled struct {
	displays  bool
	inverted  bool
	allOn     bool
	pump      bool // the charge pump, without which nothing glows
	remapped  bool // A1: column 127 is segment 0
	reversed  bool // C8: rows from the last to the first
	moving    byte // addressing mode
	cols      span
	pages     span
	col, page int
	held      bool

	command byte
	params  []byte
	want    int // parameters that are still to come
}

func oledReset() oled {
	return oled{moving: 0x02, cols: span{0, oledWidth - 1}, pages: span{0, oledHeight/8 - 1}}
}

// NewSSD1306 returns a module as it is when power comes on; its memory holds
// noise.
func NewSSD1306() *SSD1306 {
	c := &SSD1306{oled: oledReset()}
	c.DC = &Pin{name: "EMULATED-DC", number: 25}
	c.RST = &Pin{name: "EMULATED-RST", number: 27, edge: c.onReset}
	c.RST.level.Store(true)
	c.Port.name, c.Port.mode, c.Port.dc = "SSD1306", spi.Mode0, c.DC
	c.Port.maxTx, c.Port.receiver = DefaultMaxTxSize, c.receive
	c.noise()
	return c
}

func (c *SSD1306) noise() {
	for page := range c.gram {
		for seg := range c.gram[page] {
			c.gram[page][seg] = byte(seg*37 ^ page*101)
		}
	}
}

// Pins returns the lines as the driver wants them.
func (c *SSD1306) Pins() panel.Pins { return panel.Pins{DC: c.DC, RST: c.RST} }

// Reset is a power cut: memory holds noise, the chip is as at power-on and the
// lines are at rest.
func (c *SSD1306) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.DC.level.Store(false)
	c.RST.level.Store(true)
	c.oled = oledReset()
	c.noise()
	c.change()
}

// onReset is the RST line: memory survives, the output goes off. The pulse has to
// last 3 us.
func (c *SSD1306) onReset(l gpio.Level) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trace.edge("RST", l)
	c.oled = oledReset()
	if l == gpio.Low {
		c.held = true
		c.lowAt = time.Now()
	} else if pulse := time.Since(c.lowAt); pulse < 3*time.Microsecond {
		c.wrong("RST was low for %v", pulse)
	}
	c.change()
}

// Lit reports whether the chip's output is on.
func (c *SSD1306) Lit() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.displays && c.pump
}

// Image returns what a person sees: white pixels glow.
func (c *SSD1306) Image() *image.RGBA {
	c.mu.Lock()
	defer c.mu.Unlock()
	img := image.NewRGBA(image.Rect(0, 0, oledWidth, oledHeight))
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 0xff
	}
	if !c.displays || !c.pump {
		return img
	}
	for y := range oledHeight {
		row := y
		if !c.reversed {
			row = oledHeight - 1 - y
		}
		for x := range oledWidth {
			// Segment 0 is at the right edge of the glass.
			bit := c.gram[row/8][oledWidth-1-x]>>(row%8)&1 == 1
			if c.allOn || bit != c.inverted {
				at := img.PixOffset(x, y)
				img.Pix[at], img.Pix[at+1], img.Pix[at+2] = 0xff, 0xff, 0xff
			}
		}
	}
	return img
}

// receive takes the bytes of one transfer; c.mu is held.
func (c *SSD1306) receive(dc gpio.Level, w []byte) {
	what := "data"
	if dc == gpio.Low {
		what = "command"
	}
	c.trace.note(what, w)
	if c.held {
		c.wrong("%s while RST is low", what)
		return
	}
	if dc == gpio.Low {
		for _, b := range w {
			c.take(b)
		}
		return
	}
	if c.want > 0 {
		c.wrong("data where %d parameters of %#02x are missing", c.want, c.command)
	}
	touched := false
	for _, b := range w {
		seg := c.col
		if c.remapped {
			seg = oledWidth - 1 - seg
		}
		if at := &c.gram[c.page][seg]; *at != b {
			*at, touched = b, true
		}
		c.advance()
	}
	if touched {
		c.change()
	}
}

// advance moves to the next byte as the addressing mode says.
func (c *SSD1306) advance() {
	switch c.moving {
	case 0x00: // along the page
		if c.col++; c.col > c.cols.last || c.col >= oledWidth {
			c.col = c.cols.first
			if c.page++; c.page > c.pages.last || c.page >= oledHeight/8 {
				c.page = c.pages.first
			}
		}
	case 0x01: // down the column
		if c.page++; c.page > c.pages.last || c.page >= oledHeight/8 {
			c.page = c.pages.first
			if c.col++; c.col > c.cols.last || c.col >= oledWidth {
				c.col = c.cols.first
			}
		}
	default: // along the page and back to its beginning
		c.col = (c.col + 1) % oledWidth
	}
}

// take is one byte with D/C low: a command, or a parameter of the last one.
func (c *SSD1306) take(b byte) {
	if c.want > 0 {
		c.params = append(c.params, b)
		if c.want--; c.want == 0 {
			c.finish()
		}
		return
	}
	c.command, c.params = b, c.params[:0]
	switch {
	case b <= 0x0f:
		c.col = c.col&0x70 | int(b)
	case b <= 0x1f:
		c.col = c.col&0x0f | int(b&0x07)<<4
	case b == 0x21, b == 0x22:
		c.want = 2
	case b == 0x20, b == 0x81, b == 0x8d, b == 0xa8, b == 0xd3, b == 0xd5, b == 0xd9, b == 0xda, b == 0xdb:
		c.want = 1
	case b == 0x2e, b == 0xe3: // no scrolling, NOP
	case b >= 0x40 && b <= 0x7f:
		if b != 0x40 {
			c.wrong("start line %d is not that of the picture", b&0x3f)
		}
	case b == 0xa0, b == 0xa1:
		c.remapped = b == 0xa1
	case b == 0xa4, b == 0xa5:
		c.allOn = b == 0xa5
		c.change()
	case b == 0xa6, b == 0xa7:
		c.inverted = b == 0xa7
		c.change()
	case b == 0xae, b == 0xaf:
		if on := b == 0xaf; c.displays != on {
			c.displays = on
			c.change()
		}
	case b >= 0xb0 && b <= 0xb7:
		c.page = int(b & 0x07)
	case b == 0xc0, b == 0xc8:
		c.reversed = b == 0xc8
		c.change()
	default:
		c.wrong("command %#02x is not known to the emulator", b)
	}
}

// finish takes a command whose parameters are there.
func (c *SSD1306) finish() {
	p := c.params
	switch c.command {
	case 0x20:
		if c.moving = p[0]; p[0] > 0x02 {
			c.wrong("addressing mode %#02x", p[0])
		}
	case 0x21, 0x22:
		limit := byte(oledWidth - 1)
		if c.command == 0x22 {
			limit = oledHeight/8 - 1
		}
		if p[0] > p[1] || p[1] > limit {
			c.wrong("command %#02x: from %d to %d", c.command, p[0], p[1])
			return
		}
		if c.command == 0x21 {
			c.cols, c.col = span{int(p[0]), int(p[1])}, int(p[0])
		} else {
			c.pages, c.page = span{int(p[0]), int(p[1])}, int(p[0])
		}
	case 0x8d:
		c.pump = p[0]&0x04 != 0
		c.change()
	case 0xa8:
		c.geometry("multiplex ratio", p[0], oledHeight-1)
	case 0xd3:
		c.geometry("offset", p[0], 0)
	case 0xda:
		c.geometry("COM pins", p[0], 0x12)
	}
}

func (c *SSD1306) geometry(what string, got, want byte) {
	if got != want {
		c.wrong("%s %#02x is not that of the glass, %#02x", what, got, want)
	}
}
