package panel_test

import (
	"errors"
	"image"
	"image/color"
	"image/draw"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

func refuses(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// A transfer that never returns costs the caller the timeout, once.
func TestStuckBusIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, timeout := range []time.Duration{0, 50 * time.Millisecond, time.Minute} {
		t.Run(timeout.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				chip := paneltest.NewST7789()
				d := open(t, chip, panel.Options{Timeout: timeout})
				if err := d.Backlight(true); err != nil {
					t.Fatal(err)
				}
				chip.SetStuck(true)
				sent := chip.Stats()

				limit := timeout
				if limit == 0 {
					limit = 2 * time.Second
				}
				began := time.Now()
				refuses(t, "Draw on a stuck bus", d.Draw(d.Bounds(), solid(color.White), image.Point{}), panel.ErrBusStuck)
				if took := time.Since(began); took != limit {
					t.Errorf("Draw gave up after %v, want %v", took, limit)
				}

				began = time.Now()
				refuses(t, "the next Draw", d.Draw(d.Bounds(), solid(color.Black), image.Point{}), panel.ErrBusStuck)
				if took := time.Since(began); took != 0 {
					t.Errorf("the next Draw waited %v", took)
				}
				if err := d.Backlight(false); err != nil || chip.Lit() {
					t.Errorf("Backlight(false) on a stuck panel: lit %v, %v", chip.Lit(), err)
				}

				// Even when the bus comes back, what was given up ends with
				// the transfer that it was in.
				chip.SetStuck(false)
				synctest.Wait()
				if got := chip.Stats().Transfers - sent.Transfers; got != 1 {
					t.Errorf("%d transfers after the bus came back, want the 1 under way", got)
				}
				refuses(t, "Draw after the bus came back", d.Draw(d.Bounds(), solid(color.White), image.Point{}), panel.ErrBusStuck)

				// Opened again, the panel works.
				if err := chip.Close(); err != nil {
					t.Fatal(err)
				}
				again := open(t, chip, panel.Options{})
				picture := noise(again.Bounds(), 7)
				if err := again.Draw(again.Bounds(), picture, image.Point{}); err != nil {
					t.Fatal(err)
				}
				equalGlass(t, chip, again, again.Bounds(), picture)
				behaved(t, chip)
			})
		})
	}
}

func TestStuckAtStartAndAtHalt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip := paneltest.NewST7789()
		chip.SetStuck(true)
		began := time.Now()
		_, err := panel.NewST7789(chip, chip.Pins(), panel.Options{})
		refuses(t, "NewST7789", err, panel.ErrBusStuck)
		if took := time.Since(began); took > 2*time.Second+250*time.Millisecond {
			t.Errorf("NewST7789 gave up after %v", took)
		}
		chip.Close()
		chip.SetStuck(false)

		d := open(t, chip, panel.Options{})
		if err := d.Backlight(true); err != nil {
			t.Fatal(err)
		}
		chip.SetStuck(true)
		refuses(t, "Halt", d.Halt(), panel.ErrBusStuck)
		if chip.Lit() {
			t.Error("the light is on after Halt of a stuck panel")
		}
		refuses(t, "Draw", d.Draw(d.Bounds(), solid(color.White), image.Point{}), panel.ErrHalted)
		chip.Close() // lets the goroutine that was given up end
	})
}

// portFunc is a port whose transfers go through a function of the test. It has
// no conn.Limits, like ports that know none.
type portFunc struct {
	chip *paneltest.ST7789
	tx   func(to spi.Conn, w, r []byte) error
}

type connFunc struct {
	spi.Conn
	tx func(to spi.Conn, w, r []byte) error
}

func (p portFunc) String() string { return "SPI0.0" }

func (p portFunc) Connect(f physic.Frequency, m spi.Mode, bits int) (spi.Conn, error) {
	c, err := p.chip.Connect(f, m, bits)
	if err != nil {
		return nil, err
	}
	return struct{ spi.Conn }{connFunc{c, p.tx}}, nil
}

func (c connFunc) Tx(w, r []byte) error { return c.tx(c.Conn, w, r) }

func TestPortWithoutLimitGets4096(t *testing.T) {
	t.Parallel()
	t.Run("no conn.Limits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			chip := paneltest.NewST7789()
			port := portFunc{chip, func(to spi.Conn, w, r []byte) error { return to.Tx(w, r) }}
			if _, err := panel.NewST7789(port, chip.Pins(), panel.Options{}); err != nil {
				t.Fatal(err)
			}
			if got := chip.Stats().Largest; got != 4096 {
				t.Errorf("largest transfer is %d bytes", got)
			}
		})
	})
	t.Run("conn.Limits says 0", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			chip := paneltest.NewST7789()
			chip.SetMaxTxSize(0)
			open(t, chip, panel.Options{})
			if got := chip.Stats().Largest; got != 4096 {
				t.Errorf("largest transfer is %d bytes", got)
			}
		})
	})
}

// Whichever transfer fails, Draw says so, and the next Draw leaves nothing of
// the wreck on the glass, not even where it draws nothing.
func TestAfterAFailedTransferTheGlassIsRepainted(t *testing.T) {
	t.Parallel()
	broken := errors.New("input/output error")
	const transfers = 5 + 8 // a window and 240x60 pixels in pieces of 4096
	for nth := 1; nth <= transfers; nth++ {
		synctest.Test(t, func(t *testing.T) {
			chip := paneltest.NewST7789()
			left := -1
			port := portFunc{chip, func(to spi.Conn, w, r []byte) error {
				if left--; left == 0 {
					return broken
				}
				return to.Tx(w, r)
			}}
			d, err := panel.NewST7789(port, chip.Pins(), panel.Options{})
			if err != nil {
				t.Fatal(err)
			}
			picture := image.NewRGBA(d.Bounds())
			rect := image.Rect(0, 100, 240, 160)
			draw.Draw(picture, rect, noise(rect, 3), rect.Min, draw.Src)
			left = nth
			refuses(t, "Draw", d.Draw(d.Bounds(), picture, image.Point{}), broken)
			if err := d.Draw(image.Rect(5, 5, 6, 6), picture, image.Pt(5, 5)); err != nil {
				t.Fatalf("transfer %d: next Draw: %v", nth, err)
			}
			equalGlass(t, chip, d, d.Bounds(), picture)
			before := chip.Stats()
			if err := d.Draw(d.Bounds(), picture, image.Point{}); err != nil {
				t.Fatal(err)
			}
			if chip.Stats() != before {
				t.Errorf("transfer %d: the glass is known again, yet more was sent", nth)
			}
			behaved(t, chip)
		})
	}
}

// periph's sysfs port panics when it is closed under a transfer.
func TestPanickingPortIsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip := paneltest.NewST7789()
		closed := false
		port := portFunc{chip, func(to spi.Conn, w, r []byte) error {
			if closed {
				panic("nil pointer dereference")
			}
			return to.Tx(w, r)
		}}
		d, err := panel.NewST7789(port, chip.Pins(), panel.Options{})
		if err != nil {
			t.Fatal(err)
		}
		closed = true
		err = d.Draw(d.Bounds(), solid(color.White), image.Point{})
		if err == nil || !strings.Contains(err.Error(), "nil pointer dereference") {
			t.Errorf("Draw: %v", err)
		}
	})
}

// brokenPin is a line that the kernel refuses to drive.
type brokenPin struct{ *paneltest.Pin }

var errPin = errors.New("device or resource busy")

func (brokenPin) Out(gpio.Level) error { return errPin }

func TestWhatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	taken := paneltest.NewST7789()
	if _, err := taken.Connect(physic.MegaHertz, spi.Mode0, 8); err != nil {
		t.Fatal(err)
	}
	good := func(c *paneltest.ST7789) panel.Pins { return c.Pins() }
	for _, test := range []struct {
		name string
		chip *paneltest.ST7789
		pins func(*paneltest.ST7789) panel.Pins
		opts panel.Options
		want string
	}{
		{"no D/C pin", nil, func(c *paneltest.ST7789) panel.Pins { return panel.Pins{RST: c.RST} }, panel.Options{},
			"st7789: the D/C pin is required"},
		{"invalid D/C pin", nil, func(c *paneltest.ST7789) panel.Pins { return panel.Pins{DC: gpio.INVALID} }, panel.Options{},
			"st7789: the D/C pin is required"},
		{"too fast", nil, good, panel.Options{MaxSpeed: 33 * physic.MegaHertz},
			"st7789: speed 33MHz is not within 1MHz to 32MHz"},
		{"too slow", nil, good, panel.Options{MaxSpeed: physic.KiloHertz},
			"st7789: speed 1kHz is not within 1MHz to 32MHz"},
		{"timeout too short", nil, good, panel.Options{Timeout: time.Millisecond},
			"st7789: timeout 1ms is not within 50ms to 1m0s"},
		{"timeout too long", nil, good, panel.Options{Timeout: time.Hour},
			"st7789: timeout 1h0m0s is not within 50ms to 1m0s"},
		{"port in use", taken, good, panel.Options{},
			"st7789: connect to EMULATED-ST7789: paneltest: Connect() can only be called exactly once"},
		{"D/C pin cannot be driven", nil, func(c *paneltest.ST7789) panel.Pins {
			return panel.Pins{DC: brokenPin{c.DC}, RST: c.RST}
		}, panel.Options{}, "st7789: start: command 0x11: set D/C pin EMULATED-DC: device or resource busy"},
		{"RST pin cannot be driven", nil, func(c *paneltest.ST7789) panel.Pins {
			return panel.Pins{DC: c.DC, RST: brokenPin{c.RST}}
		}, panel.Options{}, "st7789: start: reset pin EMULATED-RST low: device or resource busy"},
		{"BL pin cannot be driven", nil, func(c *paneltest.ST7789) panel.Pins {
			return panel.Pins{DC: c.DC, RST: c.RST, BL: brokenPin{c.BL}}
		}, panel.Options{}, "st7789: start: backlight pin EMULATED-BL: device or resource busy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chip := test.chip
				if chip == nil {
					chip = paneltest.NewST7789()
				}
				p, err := panel.Open("st7789", chip, test.pins(chip), test.opts)
				if err == nil || err.Error() != test.want {
					t.Errorf("error %q, want %q", err, test.want)
				}
				if p != nil {
					t.Errorf("a panel %v came with the error", p)
				}
			})
		})
	}
	if _, err := panel.NewST7789(nil, panel.Pins{}, panel.Options{}); err == nil {
		t.Error("a panel without a port was made")
	}
}

func TestDrawWithoutSourceIsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip := paneltest.NewST7789()
		d := open(t, chip, panel.Options{})
		before := chip.Stats()
		if err := d.Draw(d.Bounds(), nil, image.Point{}); err == nil {
			t.Error("no error")
		}
		if chip.Stats() != before {
			t.Error("something was sent")
		}
	})
}
