package panel

import (
	"errors"
	"fmt"
	"image"
	"strings"
	"time"

	"periph.io/x/conn/v3/display"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// Errors that every driver of this package returns, wrapped with what failed.
var (
	// ErrBusStuck: a call on the bus did not come back within Options.Timeout,
	// or the chip's BUSY line does not fall. The panel refuses every further
	// Draw; open it again.
	ErrBusStuck = errors.New("panel bus is stuck")
	// ErrHalted: the panel was halted; open it again.
	ErrHalted = errors.New("panel is halted")
	// ErrUnknownKind: no driver has that name.
	ErrUnknownKind = errors.New("unknown panel kind")
)

// Panel is a screen that is ready to be drawn on. Its methods may be called
// from any goroutine, one at a time runs.
type Panel interface {
	// Draw shows src on the glass and sends only what differs from what is
	// there (display.Drawer). Nothing is sent when nothing differs. It returns
	// ErrBusStuck, ErrHalted, or the bus's error; after a bus error the next
	// Draw repaints the whole glass.
	display.Drawer
	// Backlight switches the light behind the glass. It works on a stuck panel
	// too, so that a dead picture can at least be made dark. Panels without a
	// light, or without a pin for it, return nil.
	Backlight(on bool) error
}

// Pins are the lines beside the SPI port.
type Pins struct {
	DC   gpio.PinOut // data/command; required by all chips known today
	RST  gpio.PinOut // reset, active low; nil when tied to the supply
	BL   gpio.PinOut // backlight, high is on; nil when always on
	Busy gpio.PinIn  // e-paper only: high while it cannot be spoken to
}

// Options are what a deployment may choose; the zero value is good.
type Options struct {
	// MaxSpeed lowers the SPI clock, for long wires: within Kind.Slowest and
	// Kind.Fastest. 0 means the latter.
	MaxSpeed physic.Frequency
	// Timeout bounds the time that one call spends on the bus, waits that the
	// datasheet demands not included: 50 ms to 1 min. 0 means 2 s, fifty times
	// a full 240x320 picture at 32 MHz.
	Timeout time.Duration
	// UpsideDown turns the picture by 180 degrees, for a panel mounted so.
	UpsideDown bool
}

// Kind is what is known of a panel before one is connected. The field guide's
// wiring tables are made of it (WiringTable), so that guide and driver cannot
// differ.
type Kind struct {
	Name   string      // as written in configuration, for example "st7789"
	Title  string      // what to buy, for people
	Size   image.Point // pixels, as they stand before the customer
	Colour string      // what a pixel can be, for people
	// ActiveWidth is the lit width of the smallest module sold with this chip,
	// along Size.X: it decides how many millimetres a QR module gets
	// (terminal-ux: QR rule).
	ActiveWidth physic.Distance
	// ShowsQR is false for a glass whose pixels are too small for any payment's
	// QR. Such a panel is the companion of another one and must never be given
	// one (terminal-ux: 128x64 OLED).
	ShowsQR bool
	// Backlight tells that Panel.Backlight can make the glass dark. A glass
	// without keeps its last picture, even without power.
	Backlight bool
	// DrawLimit is the longest that a Draw takes with zero Options, whether it
	// succeeds or not. Whoever waits for a Draw has to wait longer than that.
	DrawLimit time.Duration

	Mode             spi.Mode         // of the bus, always with words of 8 bits
	Slowest, Fastest physic.Frequency // that Options.MaxSpeed may be; Fastest is the default
	Wires            []Wire           // in the order to connect them

	open func(spi.Port, Pins, Options) (Panel, error)
}

// Open connects to a panel of this kind, resets it and leaves it black with the
// backlight off, or white when it is paper: draw first, then switch the light on.
func (k Kind) Open(port spi.Port, pins Pins, opts Options) (Panel, error) {
	if k.open == nil {
		return nil, fmt.Errorf("%w %q", ErrUnknownKind, k.Name)
	}
	return k.open(port, pins, opts)
}

// Kinds lists every kind that Open knows, in the order to show them.
func Kinds() []Kind {
	return []Kind{
		kindDCS(chipST7789(), opener(NewST7789), Kind{
			Title: "2.4 inch IPS display with ST7789, 240x320", Colour: "65,536 colours",
			ActiveWidth: 36_700 * physic.MicroMetre,
		}),
		kindDCS(chipILI9341(), opener(NewILI9341), Kind{
			Title: "2.4 inch TFT display with ILI9341, 240x320", Colour: "65,536 colours",
			ActiveWidth: 36_700 * physic.MicroMetre,
		}),
		kindDCS(chipILI9488(false), opener(newPortraitILI9488), Kind{
			Title: "3.5 inch TFT display with ILI9488, 320x480, standing", Colour: "262,144 colours",
			ActiveWidth: 48_960 * physic.MicroMetre,
		}),
		kindDCS(chipILI9488(true), opener(newLandscapeILI9488), Kind{
			Title: "3.5 inch TFT display with ILI9488, 480x320, lying on its left edge", Colour: "262,144 colours",
			ActiveWidth: 73_440 * physic.MicroMetre,
		}),
		{
			Name: "ssd1306", Title: "0.96 inch OLED with SSD1306, 128x64: a companion for status, never for a QR",
			Size: sizeSSD1306(), Colour: "black and white", ActiveWidth: 21_740 * physic.MicroMetre,
			Backlight: true, DrawLimit: defaultTimeout + oledResetPulse,
			Mode: spi.Mode0, Slowest: oledSlowest, Fastest: oledFastest,
			Wires: wiresSSD1306(), open: opener(NewSSD1306),
		},
		{
			Name: "waveshare2in13v3", Title: "Waveshare 2.13 inch e-paper HAT, version 3, 122x250",
			Size: sizeEPaper(), Colour: "black and white, kept without power", ActiveWidth: 23_700 * physic.MicroMetre,
			ShowsQR: true, DrawLimit: epaperRest + defaultTimeout + epaperWork,
			Mode: spi.Mode0, Slowest: epaperSlowest, Fastest: epaperFastest,
			Wires: wiresEPaper(), open: opener(NewEPaper),
		},
	}
}

// kindDCS fills in what the driver of a chip knows.
func kindDCS(c dcsChip, open func(spi.Port, Pins, Options) (Panel, error), k Kind) Kind {
	k.Name, k.Size, k.open = c.name, c.size, open
	k.ShowsQR, k.Backlight, k.DrawLimit = true, true, defaultTimeout
	k.Mode, k.Slowest, k.Fastest = spi.Mode0, c.slowest, c.fastest
	k.Wires = wiresDCS()
	return k
}

// opener makes a constructor one of Panels; a nil chip must not become a Panel
// that is not nil.
func opener[P Panel](connect func(spi.Port, Pins, Options) (P, error)) func(spi.Port, Pins, Options) (Panel, error) {
	return func(port spi.Port, pins Pins, opts Options) (Panel, error) {
		p, err := connect(port, pins, opts)
		if err != nil {
			return nil, err
		}
		return p, nil
	}
}

func newPortraitILI9488(port spi.Port, pins Pins, opts Options) (*ILI9488, error) {
	return NewILI9488(port, pins, opts, false)
}

func newLandscapeILI9488(port spi.Port, pins Pins, opts Options) (*ILI9488, error) {
	return NewILI9488(port, pins, opts, true)
}

// Lookup returns the kind of that name, or ErrUnknownKind with the names that
// there are.
func Lookup(name string) (Kind, error) {
	var known []string
	for _, k := range Kinds() {
		if k.Name == name {
			return k, nil
		}
		known = append(known, k.Name)
	}
	return Kind{}, fmt.Errorf("%w %q: known are %s", ErrUnknownKind, name, strings.Join(known, ", "))
}

// Open is Lookup and Kind.Open in one.
func Open(kind string, port spi.Port, pins Pins, opts Options) (Panel, error) {
	k, err := Lookup(kind)
	if err != nil {
		return nil, err
	}
	return k.Open(port, pins, opts)
}

const (
	defaultTimeout = 2 * time.Second
	minTimeout     = 50 * time.Millisecond
	maxTimeout     = time.Minute
)

// checked fills the defaults in and refuses what is out of range; slowest and
// fastest are the chip's own limits.
func (o Options) checked(slowest, fastest physic.Frequency) (Options, error) {
	if o.MaxSpeed == 0 {
		o.MaxSpeed = fastest
	}
	if o.MaxSpeed < slowest || o.MaxSpeed > fastest {
		return o, fmt.Errorf("speed %s is not within %s to %s", o.MaxSpeed, slowest, fastest)
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Timeout < minTimeout || o.Timeout > maxTimeout {
		return o, fmt.Errorf("timeout %v is not within %v to %v", o.Timeout, minTimeout, maxTimeout)
	}
	return o, nil
}

// wired reports whether a pin is there; periph writes an absent one as INVALID.
func wired(p gpio.PinOut) bool { return p != nil && p != gpio.INVALID }

// heard is wired for inputs.
func heard(p gpio.PinIn) bool { return p != nil && p != gpio.INVALID }
