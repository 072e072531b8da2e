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
	// ErrBusStuck: a call on the bus did not come back within Options.Timeout.
	// The panel refuses every further Draw; open it again.
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
	DC  gpio.PinOut // data/command; required by all chips known today
	RST gpio.PinOut // reset, active low; nil when tied to the supply
	BL  gpio.PinOut // backlight, high is on; nil when always on
}

// Options are what a deployment may choose; the zero value is good.
type Options struct {
	// MaxSpeed lowers the SPI clock, for long wires: 1 MHz up to the chip's own
	// limit. 0 means the chip's limit.
	MaxSpeed physic.Frequency
	// Timeout bounds the time that one call spends on the bus, waits that the
	// datasheet demands not included: 50 ms to 1 min. 0 means 2 s, fifty times
	// a full 240x320 picture at 32 MHz.
	Timeout time.Duration
	// UpsideDown turns the picture by 180 degrees, for a panel mounted so.
	UpsideDown bool
}

// Kind is what is known of a panel before one is connected.
type Kind struct {
	Name string      // as written in configuration, for example "st7789"
	Size image.Point // pixels, as they stand before the customer
	// ActiveWidth is the lit width of the smallest module sold with this chip:
	// it decides how many millimetres a QR module gets (terminal-ux: QR rule).
	ActiveWidth physic.Distance

	open func(spi.Port, Pins, Options) (Panel, error)
}

// Open connects to a panel of this kind, resets it and leaves it black with the
// backlight off: draw first, then switch the light on.
func (k Kind) Open(port spi.Port, pins Pins, opts Options) (Panel, error) {
	if k.open == nil {
		return nil, fmt.Errorf("%w %q", ErrUnknownKind, k.Name)
	}
	return k.open(port, pins, opts)
}

// Kinds lists every kind that Open knows, in the order to show them.
func Kinds() []Kind {
	return []Kind{
		kindST7789(),
	}
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
	minSpeed       = physic.MegaHertz
)

// checked fills the defaults in and refuses what is out of range; fastest is
// the chip's own limit.
func (o Options) checked(fastest physic.Frequency) (Options, error) {
	if o.MaxSpeed == 0 {
		o.MaxSpeed = fastest
	}
	if o.MaxSpeed < minSpeed || o.MaxSpeed > fastest {
		return o, fmt.Errorf("speed %s is not within %s to %s", o.MaxSpeed, minSpeed, fastest)
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
