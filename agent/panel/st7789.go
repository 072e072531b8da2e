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
)

// Commands of the ST7789 (datasheet: System Function Command Table).
const (
	st7789SWRESET byte = 0x01
	st7789SLPIN   byte = 0x10
	st7789SLPOUT  byte = 0x11
	st7789NORON   byte = 0x13
	st7789INVON   byte = 0x21
	st7789DISPOFF byte = 0x28
	st7789DISPON  byte = 0x29
	st7789CASET   byte = 0x2a
	st7789RASET   byte = 0x2b
	st7789RAMWR   byte = 0x2c
	st7789MADCTL  byte = 0x36
	st7789COLMOD  byte = 0x3a
)

const (
	st7789RGB565     byte = 0x55 // COLMOD: 65K colours, 16 bits a pixel
	st7789Upright    byte = 0x00 // MADCTL: as the glass is, red first
	st7789UpsideDown byte = 0xc0 // MADCTL: MY and MX

	// The longest waits that the datasheet asks for. After reset: 5 ms before
	// any command and 120 ms before SLPOUT. After SLPOUT: 5 ms before any
	// command and 120 ms before SLPIN. After SLPIN: 5 ms. Reset pulse: 10 us.
	st7789ResetPulse = time.Millisecond
	st7789AfterReset = 120 * time.Millisecond
	st7789AfterWake  = 120 * time.Millisecond
	st7789AfterSleep = 5 * time.Millisecond

	st7789Fastest = 32 * physic.MegaHertz
)

// kindST7789 describes the 240x320 modules; the width is that of the 2.4 inch
// one, the smallest (terminal-ux: QR rule).
func kindST7789() Kind {
	return Kind{
		Name:        "st7789",
		Size:        image.Pt(240, 320),
		ActiveWidth: 36_700 * physic.MicroMetre,
		open: func(port spi.Port, pins Pins, opts Options) (Panel, error) {
			d, err := NewST7789(port, pins, opts)
			if err != nil {
				return nil, err // not a non-nil Panel that holds nil
			}
			return d, nil
		},
	}
}

// ST7789 is a 240x320 IPS panel with a Sitronix ST7789 on 4-wire SPI.
type ST7789 struct {
	name string
	pins Pins

	mu     sync.Mutex
	bus    *bus
	glass  *frame
	halted bool
	send   func() error // d.sendChanged, made once: a method value allocates
}

var _ Panel = (*ST7789)(nil)

// NewST7789 connects (mode 0, 8 bits, at most 32 MHz), resets and wakes the
// chip, paints it black and switches its output on. The backlight stays off
// until Backlight(true). It takes a quarter of a second, because of the waits
// that the datasheet asks for, and never longer than that plus Options.Timeout.
//
// Pins.DC is required. Without Pins.RST the chip is reset by command.
func NewST7789(port spi.Port, pins Pins, opts Options) (*ST7789, error) {
	if port == nil {
		return nil, errors.New("st7789: no SPI port")
	}
	if !wired(pins.DC) {
		return nil, errors.New("st7789: the D/C pin is required")
	}
	opts, err := opts.checked(st7789Fastest)
	if err != nil {
		return nil, fmt.Errorf("st7789: %w", err)
	}
	c, err := port.Connect(opts.MaxSpeed, spi.Mode0, 8)
	if err != nil {
		return nil, fmt.Errorf("st7789: connect to %s: %w", port, err)
	}
	d := &ST7789{
		name:  fmt.Sprintf("ST7789{%s, %s}", port, pins.DC),
		pins:  pins,
		bus:   newBus(port, c, pins.DC, opts.Timeout),
		glass: newFrame(kindST7789().Size),
	}
	d.send = d.sendChanged
	start := func() error { return d.start(opts.UpsideDown) }
	if err := d.bus.do(start, st7789ResetPulse+st7789AfterReset+st7789AfterWake); err != nil {
		return nil, fmt.Errorf("st7789: start: %w", err)
	}
	return d, nil
}

// start brings the chip from any state to a black picture. GRAM holds noise
// after power-on, so it is painted before the output is switched on.
func (d *ST7789) start(upsideDown bool) error {
	if err := d.light(false); err != nil {
		return err
	}
	if err := d.reset(); err != nil {
		return err
	}
	time.Sleep(st7789AfterReset)
	if err := d.bus.command(st7789SLPOUT); err != nil {
		return err
	}
	time.Sleep(st7789AfterWake)
	madctl := st7789Upright
	if upsideDown {
		madctl = st7789UpsideDown
	}
	for _, c := range [][]byte{
		{st7789COLMOD, st7789RGB565},
		{st7789MADCTL, madctl},
		{st7789INVON}, // IPS glass shows true colours only when inverted
		{st7789NORON},
	} {
		if err := d.bus.command(c[0], c[1:]...); err != nil {
			return err
		}
	}
	if err := d.sendWindow(d.glass.bounds()); err != nil {
		return err
	}
	return d.bus.command(st7789DISPON)
}

func (d *ST7789) reset() error {
	if !wired(d.pins.RST) {
		return d.bus.command(st7789SWRESET)
	}
	if err := d.pins.RST.Out(gpio.Low); err != nil {
		return fmt.Errorf("reset pin %s low: %w", d.pins.RST, err)
	}
	time.Sleep(st7789ResetPulse)
	if err := d.pins.RST.Out(gpio.High); err != nil {
		return fmt.Errorf("reset pin %s high: %w", d.pins.RST, err)
	}
	return nil
}

// String implements conn.Resource.
func (d *ST7789) String() string { return d.name }

// ColorModel implements display.Drawer: RGB565.
func (d *ST7789) ColorModel() color.Model { return color.ModelFunc(toRGB565) }

// Bounds implements display.Drawer: 240x320 from the origin.
func (d *ST7789) Bounds() image.Rectangle { return d.glass.bounds() }

// Draw implements display.Drawer: see Panel. src is not read after it returns.
func (d *ST7789) Draw(dst image.Rectangle, src image.Image, sp image.Point) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return fmt.Errorf("st7789: draw: %w", err)
	}
	if src == nil {
		return errors.New("st7789: draw: no source image")
	}
	d.glass.put(dst, src, sp)
	if len(d.glass.changed) == 0 {
		return nil
	}
	if err := d.bus.do(d.send, 0); err != nil {
		d.glass.unknown = true
		return fmt.Errorf("st7789: draw: %w", err)
	}
	d.glass.unknown = false
	return nil
}

// Backlight implements Panel.
func (d *ST7789) Backlight(on bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.halted && on {
		return fmt.Errorf("st7789: backlight: %w", ErrHalted)
	}
	if err := d.light(on); err != nil {
		return fmt.Errorf("st7789: %w", err)
	}
	return nil
}

// Halt implements conn.Resource: the light goes out, the chip goes to sleep and
// the panel refuses every further Draw. Halting twice does nothing.
func (d *ST7789) Halt() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.halted {
		return nil
	}
	d.halted = true
	// The light first: it must go out even when the bus is stuck.
	dark := d.light(false)
	asleep := d.bus.do(func() error {
		if err := d.bus.command(st7789DISPOFF); err != nil {
			return err
		}
		if err := d.bus.command(st7789SLPIN); err != nil {
			return err
		}
		time.Sleep(st7789AfterSleep)
		return nil
	}, st7789AfterSleep)
	if err := errors.Join(dark, asleep); err != nil {
		return fmt.Errorf("st7789: halt: %w", err)
	}
	return nil
}

func (d *ST7789) usable() error {
	switch {
	case d.halted:
		return ErrHalted
	case d.bus.stuck:
		return ErrBusStuck
	}
	return nil
}

func (d *ST7789) light(on bool) error {
	if !wired(d.pins.BL) {
		return nil
	}
	if err := d.pins.BL.Out(gpio.Level(on)); err != nil {
		return fmt.Errorf("backlight pin %s: %w", d.pins.BL, err)
	}
	return nil
}

func (d *ST7789) sendChanged() error {
	for _, r := range d.glass.changed {
		if err := d.sendWindow(r); err != nil {
			return fmt.Errorf("window %v: %w", r, err)
		}
	}
	return nil
}

// sendWindow writes one rectangle of the shadow into frame memory. The chip
// names both ends of a window, so the last row and column are one less.
func (d *ST7789) sendWindow(r image.Rectangle) error {
	x0, x1 := r.Min.X, r.Max.X-1
	y0, y1 := r.Min.Y, r.Max.Y-1
	if err := d.bus.command(st7789CASET, byte(x0>>8), byte(x0), byte(x1>>8), byte(x1)); err != nil {
		return err
	}
	if err := d.bus.command(st7789RASET, byte(y0>>8), byte(y0), byte(y1>>8), byte(y1)); err != nil {
		return err
	}
	if err := d.bus.command(st7789RAMWR); err != nil {
		return err
	}
	w := d.glass.size.X
	return d.bus.pixels(d.glass.pix[y0*w+x0:], w, r.Dx(), r.Dy())
}
