package panel

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"sync"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/devices/v3/waveshare2in13v3"
)

// How often the glass is refreshed. A partial refresh drives every pixel once
// and leaves some of the old picture behind; a full one drives them to and fro.
const (
	// epaperRest is the least time between the end of a refresh and the next.
	epaperRest = time.Second
	// epaperPartials is how many partial refreshes may follow each other. With
	// epaperRest it keeps full ones that are due at least ten seconds apart.
	epaperPartials = 10
	// epaperFullRest is the least time between two full refreshes that are not
	// due but better: when more than a quarter of the glass changes, a full one
	// leaves no ghost of one QR under another.
	epaperFullRest = 10 * time.Second
	// epaperFullAge: the maker wants a full refresh at least once a day.
	epaperFullAge = 24 * time.Hour
)

const (
	// epaperBusy bounds one wait for the chip. A full waveform takes 1.6 s.
	epaperBusy = 5 * time.Second
	// epaperWork bounds all waits of one Draw: periph's driver refreshes twice.
	epaperWork = 8 * time.Second

	epaperWaveform byte = 0x32 // write LUT register

	// The clock cycle is at least 50 ns (datasheet: SPI timing); periph's driver
	// asks for no more than 4 MHz. A picture is 8,000 bytes in both memories.
	epaperSlowest = 500 * physic.KiloHertz
	epaperFastest = 4 * physic.MegaHertz
)

func sizeEPaper() image.Point { return image.Pt(122, 250) }

// EPaper is a Waveshare 2.13 inch e-paper, version 3, with an SSD1680 on 4-wire
// SPI, driven by periph's waveshare2in13v3. It has no light and keeps its picture
// without power: what is on it when the power goes stays there. Only Halt, or a
// new Open, wipes it.
type EPaper struct {
	label string
	pins  Pins

	mu      sync.Mutex
	bus     *bus
	busy    *busyPin
	dev     *waveshare2in13v3.Dev
	shadow  mono
	unknown bool // the glass may differ from the shadow
	halted  bool

	partials int       // since the last full refresh
	fullAt   time.Time // end of the last full refresh
	doneAt   time.Time // end of the last refresh
}

var _ Panel = (*EPaper)(nil)

// NewEPaper connects (mode 0, 8 bits, at most 4 MHz), resets the chip and wipes
// the glass white, which takes four seconds, and at most Options.Timeout and
// eight. Pins.DC, Pins.RST and Pins.Busy are required: the chip wakes by its
// reset line alone.
func NewEPaper(port spi.Port, pins Pins, opts Options) (*EPaper, error) {
	switch {
	case port == nil:
		return nil, errors.New("waveshare2in13v3: no SPI port")
	case !wired(pins.DC):
		return nil, errors.New("waveshare2in13v3: the D/C pin is required")
	case !wired(pins.RST):
		return nil, errors.New("waveshare2in13v3: the RST pin is required")
	case !heard(pins.Busy):
		return nil, errors.New("waveshare2in13v3: the BUSY pin is required")
	}
	opts, err := opts.checked(epaperSlowest, epaperFastest)
	if err != nil {
		return nil, fmt.Errorf("waveshare2in13v3: %w", err)
	}
	c, err := port.Connect(opts.MaxSpeed, spi.Mode0, 8)
	if err != nil {
		return nil, fmt.Errorf("waveshare2in13v3: connect to %s: %w", port, err)
	}
	d := &EPaper{
		label:   fmt.Sprintf("EPaper{%s, %s}", port, pins.DC),
		pins:    pins,
		bus:     newBus(port, c, pins.DC, opts.Timeout),
		busy:    &busyPin{PinIn: pins.Busy, limit: epaperBusy},
		shadow:  newMono(sizeEPaper(), true),
		unknown: true,
	}
	// periph's driver drives a chip select line of its own.
	model := waveshare2in13v3.EPD2in13v3
	if opts.UpsideDown {
		model.Origin = waveshare2in13v3.BottomRight
	}
	l := &link{bus: d.bus, name: port.String(), wait: d.busy.problem}
	d.dev, err = waveshare2in13v3.New(l, pins.DC, new(noPin), pins.RST, d.busy, &model)
	if err != nil {
		return nil, fmt.Errorf("waveshare2in13v3: %w", err)
	}
	if err := d.refresh(d.shadow.Rect, true); err != nil {
		return nil, fmt.Errorf("waveshare2in13v3: start: %w", err)
	}
	return d, nil
}

// refresh shows r of the shadow, d.mu is held. While the chip's state is unknown
// it is started anew.
func (d *EPaper) refresh(r image.Rectangle, full bool) error {
	time.Sleep(time.Until(d.doneAt.Add(epaperRest)))
	anew := d.unknown
	err := d.bus.do(func() error {
		if anew {
			if err := d.dev.Init(); err != nil {
				return err
			}
		}
		if err := d.waveform(full); err != nil {
			return err
		}
		return errors.Join(d.dev.Draw(r, d.shadow.VerticalLSB, r.Min), d.busy.problem())
	}, epaperWork)
	d.doneAt = time.Now()
	d.unknown = err != nil
	switch {
	case err != nil:
		return err
	case full:
		d.partials, d.fullAt = 0, d.doneAt
	default:
		d.partials++
	}
	return nil
}

// waveform chooses how pixels are driven. periph's driver writes the first 70
// bytes of a waveform and leaves the rest to the one before, so that a partial
// refresh would take as long as a full one: the whole is written after it.
func (d *EPaper) waveform(full bool) error {
	mode, lut := waveshare2in13v3.Partial, waveshare2in13v3.EPD2in13v3.PartialUpdate
	if full {
		mode, lut = waveshare2in13v3.Full, waveshare2in13v3.EPD2in13v3.FullUpdate
	}
	if err := errors.Join(d.dev.SetUpdateMode(mode), d.busy.problem()); err != nil {
		return err
	}
	return d.bus.command(epaperWaveform, lut[:153]...)
}

// full decides between a full and a partial refresh; pixels is how many differ.
func (d *EPaper) full(pixels int) bool {
	age := time.Since(d.fullAt)
	size := d.shadow.Rect.Size()
	return d.unknown || d.partials >= epaperPartials || age >= epaperFullAge ||
		pixels > size.X*size.Y/4 && age >= epaperFullRest
}

// String implements conn.Resource.
func (d *EPaper) String() string { return d.label }

// ColorModel implements display.Drawer: image1bit.Bit by luminance.
func (d *EPaper) ColorModel() color.Model { return color.ModelFunc(toBit) }

// Bounds implements display.Drawer: 122x250 from the origin.
func (d *EPaper) Bounds() image.Rectangle { return d.shadow.Rect }

// Draw implements display.Drawer: see Panel. Colours become black or white by
// their luminance. It returns when the picture can be seen: after half a second
// for a partial refresh and three for a full one, besides the second that the
// glass rests between two. At the latest it returns after that second,
// Options.Timeout and eight seconds more; after five when BUSY does not fall.
func (d *EPaper) Draw(dst image.Rectangle, src image.Image, sp image.Point) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.halted:
		return fmt.Errorf("waveshare2in13v3: draw: %w", ErrHalted)
	case d.bus.stuck:
		return fmt.Errorf("waveshare2in13v3: draw: %w", ErrBusStuck)
	case src == nil:
		return errors.New("waveshare2in13v3: draw: no source image")
	}
	changed, pixels := d.shadow.put(dst, src, sp)
	if pixels == 0 && !d.unknown {
		return nil
	}
	full := d.full(pixels)
	if full {
		changed = d.shadow.Rect
	}
	if err := d.refresh(changed, full); err != nil {
		return fmt.Errorf("waveshare2in13v3: draw: %w", err)
	}
	return nil
}

// Backlight implements Panel: there is none.
func (d *EPaper) Backlight(on bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.halted && on {
		return fmt.Errorf("waveshare2in13v3: backlight: %w", ErrHalted)
	}
	return nil
}

// Halt implements conn.Resource: the glass is wiped white, so that no QR is left
// to be paid, the chip sleeps, and the panel refuses every further Draw. Halting
// twice does nothing.
func (d *EPaper) Halt() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.halted {
		return nil
	}
	d.halted = true
	if d.bus.stuck {
		return fmt.Errorf("waveshare2in13v3: halt: %w", ErrBusStuck)
	}
	d.shadow.put(d.shadow.Rect, image.White, image.Point{})
	if err := d.refresh(d.shadow.Rect, true); err != nil {
		return fmt.Errorf("waveshare2in13v3: halt: %w", err)
	}
	if err := d.bus.do(d.dev.Sleep, 0); err != nil {
		return fmt.Errorf("waveshare2in13v3: halt: %w", err)
	}
	return nil
}
