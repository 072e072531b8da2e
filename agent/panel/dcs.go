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

// Commands that ST7789, ILI9341 and ILI9488 have in common (MIPI Display Command
// Set; in their datasheets: System Function Command Table, Command List).
const (
	dcsSWRESET byte = 0x01
	dcsSLPIN   byte = 0x10
	dcsSLPOUT  byte = 0x11
	dcsNORON   byte = 0x13
	dcsINVOFF  byte = 0x20
	dcsINVON   byte = 0x21
	dcsDISPOFF byte = 0x28
	dcsDISPON  byte = 0x29
	dcsCASET   byte = 0x2a
	dcsRASET   byte = 0x2b
	dcsRAMWR   byte = 0x2c
	dcsMADCTL  byte = 0x36
	dcsCOLMOD  byte = 0x3a
)

// Bits of MADCTL.
const (
	madctlMY  byte = 0x80 // from the last row to the first
	madctlMX  byte = 0x40 // from the last column to the first
	madctlMV  byte = 0x20 // rows are columns
	madctlBGR byte = 0x08 // blue first
)

// The values of COLMOD, by format.
const (
	colmod565 byte = 0x55 // 65K colours, 16 bits a pixel
	colmod666 byte = 0x66 // 262K colours, 18 bits a pixel, in three bytes
)

// The longest waits that the datasheets ask for; all three say the same. After a
// reset: 5 ms before any command and 120 ms before SLPOUT. After SLPOUT: 5 ms
// before any command and 120 ms before SLPIN. After SLPIN: 5 ms. Reset pulse:
// 10 us.
const (
	dcsResetPulse = time.Millisecond
	dcsAfterReset = 120 * time.Millisecond
	dcsAfterWake  = 120 * time.Millisecond
	dcsAfterSleep = 5 * time.Millisecond
)

// dcsChip is what sets one chip apart from the others of its kind.
type dcsChip struct {
	name     string // for errors
	chip     string // as its maker writes it
	size     image.Point
	format   format
	slowest  physic.Frequency
	fastest  physic.Frequency
	upright  byte // MADCTL
	inverted byte // MADCTL for a panel that is mounted upside down
	// setup is what the glass needs besides COLMOD and MADCTL: commands, each
	// with its parameters.
	setup [][]byte
}

// dcs drives one of the chips with MIPI's Display Command Set.
type dcs struct {
	chip  dcsChip
	label string
	pins  Pins

	mu     sync.Mutex
	bus    *bus
	glass  *frame
	halted bool
	send   func() error // d.sendChanged, made once: a method value allocates
}

// start connects (mode 0, 8 bits), resets and wakes the chip, paints it black
// and switches its output on. The backlight stays off.
func (d *dcs) start(chip dcsChip, port spi.Port, pins Pins, opts Options) error {
	if port == nil {
		return fmt.Errorf("%s: no SPI port", chip.name)
	}
	if !wired(pins.DC) {
		return fmt.Errorf("%s: the D/C pin is required", chip.name)
	}
	opts, err := opts.checked(chip.slowest, chip.fastest)
	if err != nil {
		return fmt.Errorf("%s: %w", chip.name, err)
	}
	c, err := port.Connect(opts.MaxSpeed, spi.Mode0, 8)
	if err != nil {
		return fmt.Errorf("%s: connect to %s: %w", chip.name, port, err)
	}
	d.chip, d.pins = chip, pins
	d.label = fmt.Sprintf("%s{%s, %s}", chip.chip, port, pins.DC)
	d.bus = newBus(port, c, pins.DC, opts.Timeout)
	d.glass = newFrame(chip.size, chip.format)
	d.send = d.sendChanged
	wake := func() error { return d.wake(opts.UpsideDown) }
	if err := d.bus.do(wake, dcsResetPulse+dcsAfterReset+dcsAfterWake); err != nil {
		return fmt.Errorf("%s: start: %w", chip.name, err)
	}
	return nil
}

// wake brings the chip from any state to a black picture. Frame memory holds
// noise after power-on, so it is painted before the output is switched on.
func (d *dcs) wake(upsideDown bool) error {
	if err := d.light(false); err != nil {
		return err
	}
	if err := d.reset(); err != nil {
		return err
	}
	time.Sleep(dcsAfterReset)
	if err := d.bus.command(dcsSLPOUT); err != nil {
		return err
	}
	time.Sleep(dcsAfterWake)
	madctl := d.chip.upright
	if upsideDown {
		madctl = d.chip.inverted
	}
	commands := [][]byte{{dcsCOLMOD, d.chip.format.colmod}, {dcsMADCTL, madctl}}
	commands = append(append(commands, d.chip.setup...), []byte{dcsNORON})
	for _, c := range commands {
		if err := d.bus.command(c[0], c[1:]...); err != nil {
			return err
		}
	}
	if err := d.sendWindow(d.glass.bounds()); err != nil {
		return err
	}
	return d.bus.command(dcsDISPON)
}

func (d *dcs) reset() error {
	if !wired(d.pins.RST) {
		return d.bus.command(dcsSWRESET)
	}
	return pulseReset(d.pins.RST, dcsResetPulse)
}

// pulseReset pulls a reset line low for that long.
func pulseReset(rst gpio.PinOut, pulse time.Duration) error {
	if err := rst.Out(gpio.Low); err != nil {
		return fmt.Errorf("reset pin %s low: %w", rst, err)
	}
	time.Sleep(pulse)
	if err := rst.Out(gpio.High); err != nil {
		return fmt.Errorf("reset pin %s high: %w", rst, err)
	}
	return nil
}

// String implements conn.Resource.
func (d *dcs) String() string { return d.label }

// ColorModel implements display.Drawer: what the glass can show of a colour.
func (d *dcs) ColorModel() color.Model { return d.chip.format.model }

// Bounds implements display.Drawer: the glass from the origin.
func (d *dcs) Bounds() image.Rectangle { return d.glass.bounds() }

// Draw implements display.Drawer: see Panel. src is not read after it returns.
func (d *dcs) Draw(dst image.Rectangle, src image.Image, sp image.Point) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return fmt.Errorf("%s: draw: %w", d.chip.name, err)
	}
	if src == nil {
		return fmt.Errorf("%s: draw: no source image", d.chip.name)
	}
	d.glass.put(dst, src, sp)
	if len(d.glass.changed) == 0 {
		return nil
	}
	if err := d.bus.do(d.send, 0); err != nil {
		d.glass.unknown = true
		return fmt.Errorf("%s: draw: %w", d.chip.name, err)
	}
	d.glass.unknown = false
	return nil
}

// Backlight implements Panel.
func (d *dcs) Backlight(on bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.halted && on {
		return fmt.Errorf("%s: backlight: %w", d.chip.name, ErrHalted)
	}
	if err := d.light(on); err != nil {
		return fmt.Errorf("%s: %w", d.chip.name, err)
	}
	return nil
}

// Halt implements conn.Resource: the light goes out, the chip goes to sleep and
// the panel refuses every further Draw. Halting twice does nothing.
func (d *dcs) Halt() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.halted {
		return nil
	}
	d.halted = true
	// The light first: it must go out even when the bus is stuck.
	dark := d.light(false)
	asleep := d.bus.do(func() error {
		if err := d.bus.command(dcsDISPOFF); err != nil {
			return err
		}
		if err := d.bus.command(dcsSLPIN); err != nil {
			return err
		}
		time.Sleep(dcsAfterSleep)
		return nil
	}, dcsAfterSleep)
	if err := errors.Join(dark, asleep); err != nil {
		return fmt.Errorf("%s: halt: %w", d.chip.name, err)
	}
	return nil
}

func (d *dcs) usable() error {
	switch {
	case d.halted:
		return ErrHalted
	case d.bus.stuck:
		return ErrBusStuck
	}
	return nil
}

func (d *dcs) light(on bool) error {
	if !wired(d.pins.BL) {
		return nil
	}
	if err := d.pins.BL.Out(gpio.Level(on)); err != nil {
		return fmt.Errorf("backlight pin %s: %w", d.pins.BL, err)
	}
	return nil
}

func (d *dcs) sendChanged() error {
	for _, r := range d.glass.changed {
		if err := d.sendWindow(r); err != nil {
			return fmt.Errorf("window %v: %w", r, err)
		}
	}
	return nil
}

// sendWindow writes one rectangle of the shadow into frame memory. The chip
// names both ends of a window, so the last row and column are one less.
func (d *dcs) sendWindow(r image.Rectangle) error {
	x0, x1 := r.Min.X, r.Max.X-1
	y0, y1 := r.Min.Y, r.Max.Y-1
	if err := d.bus.command(dcsCASET, byte(x0>>8), byte(x0), byte(x1>>8), byte(x1)); err != nil {
		return err
	}
	if err := d.bus.command(dcsRASET, byte(y0>>8), byte(y0), byte(y1>>8), byte(y1)); err != nil {
		return err
	}
	if err := d.bus.command(dcsRAMWR); err != nil {
		return err
	}
	w := d.glass.size.X
	return d.bus.pixels(d.glass.format, d.glass.pix[y0*w+x0:], w, r.Dx(), r.Dy())
}
