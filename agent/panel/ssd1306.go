package panel

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/devices/v3/ssd1306"
)

// Commands of the SSD1306 that periph's driver does not offer (datasheet:
// Command Table). Their parameters are sent as commands.
const (
	oledMemoryMode byte = 0x20
	oledColumns    byte = 0x21
	oledPages      byte = 0x22
	oledOff        byte = 0xae
	oledOn         byte = 0xaf
)

const (
	// oledResetPulse is more than the 3 us that the datasheet asks for.
	oledResetPulse = time.Millisecond
	// A clock cycle is at least 100 ns (datasheet: 4-wire Serial Interface
	// Timing). A whole picture is 1 KiB: slower does no harm.
	oledSlowest = 100 * physic.KiloHertz
	oledFastest = 10 * physic.MegaHertz
)

func sizeSSD1306() image.Point { return image.Pt(128, 64) }

// SSD1306 is a 128x64 OLED with a Solomon SSD1306 on 4-wire SPI, driven by
// periph's ssd1306. It is the companion of another screen: its modules are too
// small for any payment's QR (terminal-ux: 128x64 OLED).
//
// Its pixels are their own light: Backlight switches the chip's output. On a bus
// that does not answer it is made dark through its reset line, where that is
// wired.
type SSD1306 struct {
	label string
	pins  Pins
	opts  ssd1306.Opts

	mu      sync.Mutex
	bus     *bus
	link    *link
	dev     *ssd1306.Dev // periph's; it remembers what it sent
	shadow  mono
	unknown bool // the glass may differ from the shadow
	on      bool
	halted  bool
}

var _ Panel = (*SSD1306)(nil)

// NewSSD1306 connects (mode 0, 8 bits, at most 10 MHz), resets the chip and
// leaves it black with its output off until Backlight(true), within
// Options.Timeout. Pins.DC is required.
func NewSSD1306(port spi.Port, pins Pins, opts Options) (*SSD1306, error) {
	if port == nil {
		return nil, errors.New("ssd1306: no SPI port")
	}
	if !wired(pins.DC) {
		return nil, errors.New("ssd1306: the D/C pin is required")
	}
	opts, err := opts.checked(oledSlowest, oledFastest)
	if err != nil {
		return nil, fmt.Errorf("ssd1306: %w", err)
	}
	c, err := port.Connect(opts.MaxSpeed, spi.Mode0, 8)
	if err != nil {
		return nil, fmt.Errorf("ssd1306: connect to %s: %w", port, err)
	}
	size := sizeSSD1306()
	d := &SSD1306{
		label:   fmt.Sprintf("SSD1306{%s, %s}", port, pins.DC),
		pins:    pins,
		opts:    ssd1306.Opts{W: size.X, H: size.Y, MirrorVertical: opts.UpsideDown, MirrorHorizontal: opts.UpsideDown},
		bus:     newBus(port, c, pins.DC, opts.Timeout),
		shadow:  newMono(size, false),
		unknown: true,
	}
	d.link = &link{bus: d.bus, name: port.String(), wait: func() error { return nil }}
	if err := d.bus.do(d.paint(true, false), oledResetPulse); err != nil {
		return nil, fmt.Errorf("ssd1306: start: %w", err)
	}
	d.unknown = false
	return d, nil
}

// paint returns what brings the shadow to the glass: anew from any state of the
// chip, and then with its output on or off, or only what periph's driver finds
// changed. What it returns reads no field that may change when it was given up.
func (d *SSD1306) paint(anew, on bool) func() error {
	return func() error {
		if anew {
			if err := d.start(); err != nil {
				return err
			}
		}
		if err := d.dev.Draw(d.shadow.Rect, d.shadow.VerticalLSB, image.Point{}); err != nil {
			return err
		}
		if anew && on {
			return d.link.low(oledOn)
		}
		return nil
	}
}

// start resets the chip. periph's driver switches the output on at once, while
// memory holds noise or an old picture: it is cleared before.
func (d *SSD1306) start() error {
	if wired(d.pins.RST) {
		if err := pulseReset(d.pins.RST, oledResetPulse); err != nil {
			return err
		}
	}
	last := d.shadow.Rect.Max.Sub(image.Pt(1, 1))
	if err := d.link.low(oledOff,
		oledMemoryMode, 0x00, // along the page, then to the next
		oledColumns, 0, byte(last.X),
		oledPages, 0, byte(last.Y/8)); err != nil {
		return err
	}
	if err := d.bus.dc.Out(gpio.High); err != nil {
		return fmt.Errorf("set D/C pin %s: %w", d.bus.dc, err)
	}
	if err := d.link.Tx(make([]byte, len(d.shadow.Pix)), nil); err != nil {
		return err
	}
	dev, err := ssd1306.NewSPI(d.link, d.bus.dc, &d.opts)
	if err != nil {
		return err
	}
	d.dev = dev
	return d.link.low(oledOff)
}

// String implements conn.Resource.
func (d *SSD1306) String() string { return d.label }

// ColorModel implements display.Drawer: image1bit.Bit by luminance.
func (d *SSD1306) ColorModel() color.Model { return color.ModelFunc(toBit) }

// Bounds implements display.Drawer: 128x64 from the origin.
func (d *SSD1306) Bounds() image.Rectangle { return d.shadow.Rect }

// Draw implements display.Drawer: see Panel. Colours become black or white by
// their luminance.
func (d *SSD1306) Draw(dst image.Rectangle, src image.Image, sp image.Point) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.halted:
		return fmt.Errorf("ssd1306: draw: %w", ErrHalted)
	case d.bus.stuck:
		return fmt.Errorf("ssd1306: draw: %w", ErrBusStuck)
	case src == nil:
		return errors.New("ssd1306: draw: no source image")
	}
	if _, pixels := d.shadow.put(dst, src, sp); pixels == 0 && !d.unknown {
		return nil
	}
	if err := d.bus.do(d.paint(d.unknown, d.on), oledResetPulse); err != nil {
		d.unknown = true
		return fmt.Errorf("ssd1306: draw: %w", err)
	}
	d.unknown = false
	return nil
}

// Backlight implements Panel.
func (d *SSD1306) Backlight(on bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.halted {
		if on {
			return fmt.Errorf("ssd1306: backlight: %w", ErrHalted)
		}
		return nil
	}
	if err := d.light(on); err != nil {
		return fmt.Errorf("ssd1306: backlight: %w", err)
	}
	return nil
}

// light switches the chip's output. Dark is dark even when the bus fails, where
// the chip can be held in reset; the next Draw starts it anew.
func (d *SSD1306) light(on bool) error {
	command := oledOff
	if on {
		command = oledOn
	}
	err := d.bus.do(func() error { return d.link.low(command) }, 0)
	if err == nil {
		d.on = on
		return nil
	}
	d.unknown = true
	if on || !wired(d.pins.RST) {
		return err
	}
	d.on = false
	return d.pins.RST.Out(gpio.Low)
}

// Halt implements conn.Resource: the chip's output goes off and the panel
// refuses every further Draw. Halting twice does nothing.
func (d *SSD1306) Halt() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.halted {
		return nil
	}
	d.halted = true
	if err := d.light(false); err != nil {
		return fmt.Errorf("ssd1306: halt: %w", err)
	}
	return nil
}
