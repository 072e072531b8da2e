package paneltest

import (
	"image"
	"math"
	"time"

	"github.com/galla-pay/galla/agent/panel"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/spi"
)

// The glass of the emulated e-paper, and its memory: bytes of eight pixels in a
// row, of which the last six have no glass.
const (
	paperWidth  = 122
	paperHeight = 250
	paperStride = 16
)

// paperFrame is one step of a waveform at 75 Hz, the rate that the driver's
// waveforms choose.
const paperFrame = time.Second / 75

// EPaper is a Waveshare 2.13 inch module, version 3, with a Solomon SSD1680. Give
// it to panel.NewEPaper as port, with the pins of Pins. Make one with NewEPaper.
//
// It keeps both picture memories, the window and position in them, the waveform
// and the state of its voltage supply; BUSY is high for as long as the waveform
// takes. Commands while BUSY is high or the chip sleeps are Misuse, as is a
// refresh without voltage. The physics of the pixels is not emulated: a refresh
// shows the black and white memory. Like the real one it keeps its picture when
// the power goes.
type EPaper struct {
	Port
	// The lines beside the port. RST is pulled up on the module.
	DC, RST *Pin
	BUSY    *BusyPin

	paper
	glass, black, red [paperHeight][paperStride]byte // a set bit is white
	lut               [153]byte
	stuckBusy         bool
	busyUntil         time.Time
	refreshes         []Refresh
}

// Refresh is one time that the pixels were driven.
type Refresh struct {
	At   time.Time     // its begin
	Took time.Duration // how long BUSY was high
	// Full refreshes drive every pixel to and fro, partial ones in one direction.
	Full bool
}

// paper is the state that a reset puts back.
type paper struct {
	asleep  bool
	held    bool
	analog  bool // the voltages for the pixels are there
	entry   byte
	xs, ys  span // xs in bytes
	x, y    int
	update  byte
	command byte
	params  []byte
}

func paperReset() paper {
	return paper{entry: 0x03, xs: span{0, paperStride - 1}, ys: span{0, paperHeight - 1}}
}

// NewEPaper returns a module as it is when power comes on, with an old picture on
// its glass.
func NewEPaper() *EPaper {
	c := &EPaper{paper: paperReset()}
	c.DC = &Pin{name: "EMULATED-DC", number: 25}
	c.RST = &Pin{name: "EMULATED-RST", number: 17, edge: c.onReset}
	c.RST.level.Store(true)
	c.BUSY = &BusyPin{PinIO: gpio.INVALID, name: "EMULATED-BUSY", left: c.left}
	c.Port.name, c.Port.mode, c.Port.dc = "WAVESHARE2IN13V3", spi.Mode0, c.DC
	c.Port.maxTx, c.Port.receiver = DefaultMaxTxSize, c.receive
	for y := range c.glass {
		for x := range c.glass[y] {
			c.glass[y][x] = byte(x*73 ^ y*29)
		}
	}
	return c
}

// Pins returns the lines as the driver wants them.
func (c *EPaper) Pins() panel.Pins { return panel.Pins{DC: c.DC, RST: c.RST, Busy: c.BUSY} }

// Reset is a power cut: the picture stays on the glass.
func (c *EPaper) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.DC.level.Store(false)
	c.RST.level.Store(true)
	c.paper = paperReset()
	c.busyUntil = time.Time{}
	c.lut = [153]byte{}
	c.change()
}

// SetBusyStuck makes BUSY stay high until it is called with false.
func (c *EPaper) SetBusyStuck(stuck bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stuckBusy = stuck
}

// Refreshes lists every refresh so far.
func (c *EPaper) Refreshes() []Refresh {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Refresh(nil), c.refreshes...)
}

// Lit reports whether the picture can be seen: always, it has no light.
func (c *EPaper) Lit() bool { return true }

// Image returns what a person sees.
func (c *EPaper) Image() *image.RGBA {
	c.mu.Lock()
	defer c.mu.Unlock()
	img := image.NewRGBA(image.Rect(0, 0, paperWidth, paperHeight))
	for y := range paperHeight {
		for x := range paperWidth {
			at := img.PixOffset(x, y)
			img.Pix[at+3] = 0xff
			if c.glass[y][x/8]&(0x80>>(x%8)) != 0 {
				img.Pix[at], img.Pix[at+1], img.Pix[at+2] = 0xff, 0xff, 0xff
			}
		}
	}
	return img
}

// left is how much longer BUSY is high.
func (c *EPaper) left() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stuckBusy || c.asleep {
		return math.MaxInt64
	}
	return max(0, time.Until(c.busyUntil))
}

// onReset is the RST line; it alone wakes a sleeping chip. The picture stays.
func (c *EPaper) onReset(l gpio.Level) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trace.edge("RST", l)
	c.paper = paperReset()
	c.held = l == gpio.Low
	c.busyUntil = time.Now().Add(10 * time.Millisecond)
}

// paperParams are the commands and how many parameters they take, at least and at
// most.
func paperParams(cmd byte) (least, most int, known bool) {
	switch cmd {
	case 0x12, 0x20:
		return 0, 0, true
	case 0x03, 0x10, 0x11, 0x18, 0x22, 0x2c, 0x3c, 0x3f, 0x4e:
		return 1, 1, true
	case 0x21: // the second byte is optional
		return 1, 2, true
	case 0x44, 0x4f:
		return 2, 2, true
	case 0x04:
		return 2, 3, true
	case 0x01:
		return 3, 3, true
	case 0x45:
		return 4, 4, true
	case 0x37:
		return 7, 10, true
	case 0x32:
		return 1, 153, true
	case 0x24, 0x26:
		return 0, math.MaxInt, true
	}
	return 0, 0, false
}

// receive takes the bytes of one transfer; c.mu is held.
func (c *EPaper) receive(dc gpio.Level, w []byte) {
	what := "data"
	if dc == gpio.Low {
		what = "command"
	}
	c.trace.note(what, w)
	for _, b := range w {
		switch {
		case c.held:
			c.wrong("%s while RST is low", what)
			return
		case c.asleep:
			c.wrong("%s while the chip sleeps", what)
			return
		case time.Now().Before(c.busyUntil):
			c.wrong("%s while BUSY is high", what)
			return
		}
		if dc == gpio.High {
			c.data(b)
		} else {
			c.begin(b)
		}
	}
}

// begin takes a command.
func (c *EPaper) begin(cmd byte) {
	if least, _, _ := paperParams(c.command); c.command != 0 && c.command != 0x24 && c.command != 0x26 && len(c.params) < least {
		c.wrong("command %#02x takes %d parameters, got %d", c.command, least, len(c.params))
	}
	c.command, c.params = cmd, c.params[:0]
	if _, _, known := paperParams(cmd); !known {
		c.wrong("command %#02x is not known to the emulator", cmd)
		return
	}
	switch cmd {
	case 0x12:
		c.paper = paperReset()
		c.busyUntil = time.Now().Add(10 * time.Millisecond)
	case 0x20:
		c.activate()
	}
}

// data takes one byte that belongs to the command before it.
func (c *EPaper) data(b byte) {
	switch c.command {
	case 0x24:
		c.black[c.y][c.x] = b
		c.advance()
		return
	case 0x26:
		c.red[c.y][c.x] = b
		c.advance()
		return
	}
	_, most, _ := paperParams(c.command)
	if len(c.params) >= most {
		c.wrong("command %#02x takes %d parameters, got one more: %#02x", c.command, most, b)
		return
	}
	c.params = append(c.params, b)
	n := len(c.params)
	switch {
	case c.command == 0x10:
		c.asleep = b&0x03 != 0
	case c.command == 0x11:
		if c.entry = b; b != 0x03 {
			c.wrong("data entry mode %#02x is not known to the emulator", b)
		}
	case c.command == 0x22:
		c.update = b
	case c.command == 0x32:
		c.lut[n-1] = b
	case c.command == 0x44 && n == 2:
		c.window(&c.xs, int(c.params[0]), int(c.params[1]), paperStride)
	case c.command == 0x45 && n == 4:
		c.window(&c.ys, word(c.params[0:]), word(c.params[2:]), paperHeight)
	case c.command == 0x4e:
		c.position(&c.x, int(b), paperStride)
	case c.command == 0x4f && n == 2:
		c.position(&c.y, word(c.params), paperHeight)
	}
}

func word(b []byte) int { return int(b[0]) | int(b[1])<<8 }

func (c *EPaper) window(s *span, first, last, size int) {
	if first > last || last >= size {
		c.wrong("command %#02x: window from %d to %d", c.command, first, last)
		return
	}
	*s = span{first, last}
}

func (c *EPaper) position(at *int, to, size int) {
	if to >= size {
		c.wrong("command %#02x: position %d is outside of the memory", c.command, to)
		return
	}
	*at = to
}

// advance moves along the row, then to the next, and from the window's end to its
// beginning (data entry mode 3).
func (c *EPaper) advance() {
	if c.x++; c.x > c.xs.last || c.x >= paperStride {
		c.x = c.xs.first
		if c.y++; c.y > c.ys.last || c.y >= paperHeight {
			c.y = c.ys.first
		}
	}
}

// activate runs the sequence of display update control 2.
func (c *EPaper) activate() {
	took := 40 * time.Millisecond // clock and voltages
	if c.update&0x40 != 0 {
		c.analog = true
	}
	if c.update&0x04 != 0 {
		if !c.analog {
			c.wrong("refresh %#02x without voltage", c.update)
			return
		}
		took += c.wave()
		c.refreshes = append(c.refreshes, Refresh{At: time.Now(), Took: took, Full: c.flashes()})
		if c.glass != c.black {
			c.glass = c.black
			c.change()
		}
	}
	if c.update&0x02 != 0 {
		c.analog = false
	}
	c.busyUntil = time.Now().Add(took)
}

// wave is how long the waveform takes: twelve groups of seven bytes behind the
// five rows of voltages, each with four phases and how often they come again.
func (c *EPaper) wave() time.Duration {
	frames := 0
	for g := range 12 {
		group := c.lut[60+7*g:][:7]
		frames += (int(group[0]) + int(group[1]) + int(group[3]) + int(group[4])) * (int(group[6]) + 1)
	}
	return time.Duration(frames) * paperFrame
}

// flashes reports whether the waveform drives a black pixel both ways.
func (c *EPaper) flashes() bool {
	up, down := false, false
	for _, b := range c.lut[:12] {
		for shift := 0; shift < 8; shift += 2 {
			up = up || b>>shift&3 == 1
			down = down || b>>shift&3 == 2
		}
	}
	return up && down
}
