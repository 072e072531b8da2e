package panel_test

import (
	"errors"
	"image"
	"image/color"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// The chip is started dark, and its memory wiped before periph's driver switches
// the output on: nobody ever sees noise.
func TestStartOfTheSSD1306(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip := paneltest.NewSSD1306()
		chip.StartTrace()
		start(t, "ssd1306", chip, panel.Options{})
		var got strings.Builder
		for _, e := range chip.Trace() {
			if len(e.Data) > 40 {
				e.Data = []byte{byte(len(e.Data) >> 8), byte(len(e.Data))} // its length
			}
			got.WriteString(lines([]paneltest.Event{e}))
		}
		page := func(n string) string { return "   1ms  command b" + n + " 00 10\n   1ms  data 00 80\n" }
		want := "    0s  RST low\n   1ms  RST high\n" +
			"   1ms  command 9 bytes\n" + // off; along the pages; all columns; all pages
			"   1ms  data 04 00\n" + // 1,024 zeros
			"   1ms  command 32 bytes\n" + // periph's: its last byte switches on
			"   1ms  command ae\n" +
			page("0") + page("1") + page("2") + page("3") + page("4") + page("5") + page("6") + page("7")
		if got.String() != want {
			t.Errorf("on the wire:\n%swant:\n%s", got.String(), want)
		}
		if chip.Lit() {
			t.Error("it glows before its first picture")
		}
		if got := chip.Speed(); got != 10*physic.MegaHertz {
			t.Errorf("clock is %s", got)
		}
		wellUsed(t, chip)
	})
}

// Nothing but black and white, by luminance, with no dots in between.
func TestColoursBecomeBlackOrWhiteByLuminance(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ssd1306", "waveshare2in13v3"} {
		synctest.Test(t, func(t *testing.T) {
			c := module(t, name)
			p := start(t, name, c, panel.Options{})
			for _, test := range []struct {
				colour color.Color
				white  bool
			}{
				{color.White, true}, {color.Black, false},
				{color.Gray{127}, false}, {color.Gray{128}, true},
				{color.RGBA{0xff, 0, 0, 0xff}, false},            // red: 30 %
				{color.RGBA{0, 0xff, 0, 0xff}, true},             // green: 59 %
				{color.RGBA{0, 0, 0xff, 0xff}, false},            // blue: 11 %
				{color.RGBA{0x12, 0xb7, 0x6a, 0xff}, false},      // the green of PAID: 49 %
				{color.RGBA{0xfd, 0xb0, 0x22, 0xff}, true},       // the amber of a warning
				{color.NRGBA{0xff, 0xff, 0xff, 0x40}, false},     // mostly transparent
				{color.RGBA{0x10, 0x14, 0x18, 0xff}, false},      // the background
				{color.NRGBA64{0xffff, 0xffff, 0, 0xffff}, true}, // yellow
			} {
				// A uniform picture takes one path through the driver, RGBA another.
				uniform := image.NewUniform(test.colour)
				rgba := image.NewRGBA(p.Bounds())
				for i := range rgba.Rect.Dx() * rgba.Rect.Dy() {
					rgba.Set(i%rgba.Rect.Dx(), i/rgba.Rect.Dx(), test.colour)
				}
				for _, src := range []image.Image{uniform, rgba} {
					if err := errors.Join(p.Draw(p.Bounds(), src, image.Point{}), p.Backlight(true)); err != nil {
						t.Fatal(err)
					}
					want := color.RGBA{A: 0xff}
					if test.white {
						want = color.RGBA{0xff, 0xff, 0xff, 0xff}
					}
					glass := c.Image()
					for i := range rgba.Rect.Dx() * rgba.Rect.Dy() {
						if got := glass.RGBAAt(i%rgba.Rect.Dx(), i/rgba.Rect.Dx()); got != want {
							t.Fatalf("%s: %v is shown as %v", name, test.colour, got)
						}
					}
				}
			}
			wellUsed(t, c)
		})
	}
}

// An OLED that does not answer is made dark through its reset line, and cannot be
// without one.
func TestAStuckSSD1306IsMadeDark(t *testing.T) {
	t.Parallel()
	for _, wired := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			chip := paneltest.NewSSD1306()
			pins := chip.Pins()
			if !wired {
				pins.RST = nil
			}
			p, err := panel.NewSSD1306(chip, pins, panel.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(p.Draw(p.Bounds(), image.White, image.Point{}), p.Backlight(true)); err != nil {
				t.Fatal(err)
			}
			chip.SetStuck(true)
			began := time.Now()
			err = p.Backlight(false)
			if took := time.Since(began); took != 2*time.Second {
				t.Errorf("reset line %v: it took %v", wired, took)
			}
			if wired && (err != nil || chip.Lit()) {
				t.Errorf("it glows: %v, %v", chip.Lit(), err)
			}
			if !wired {
				refuses(t, "Backlight(false)", err, panel.ErrBusStuck)
			}
			refuses(t, "Backlight(true)", p.Backlight(true), panel.ErrBusStuck)
			chip.Close()
		})
	}
}

// After an error that passed, a panel that was dark stays dark through the next
// Draw, and one that glowed glows.
func TestSSD1306StartsAnewAsItWas(t *testing.T) {
	t.Parallel()
	broken := errors.New("input/output error")
	for _, glow := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			chip := paneltest.NewSSD1306()
			p := start(t, "ssd1306", chip, panel.Options{})
			if err := errors.Join(p.Draw(p.Bounds(), image.White, image.Point{}), p.Backlight(glow)); err != nil {
				t.Fatal(err)
			}
			chip.FailNext(broken)
			refuses(t, "Draw", p.Draw(p.Bounds(), image.Black, image.Point{}), broken)
			picture := noise(p.Bounds(), 8)
			if err := p.Draw(p.Bounds(), picture, image.Point{}); err != nil {
				t.Fatal(err)
			}
			if chip.Lit() != glow {
				t.Errorf("it glows: %v, before: %v", chip.Lit(), glow)
			}
			if err := p.Backlight(true); err != nil {
				t.Fatal(err)
			}
			if err := seenAs(chip, p, picture); err != nil {
				t.Error(err)
			}
			wellUsed(t, chip)
		})
	}
}

// A light that could not be put out by command is put out by reset, and the next
// picture starts the chip anew.
func TestSSD1306ComesBackFromItsReset(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip := paneltest.NewSSD1306()
		picture := noise(image.Rect(0, 0, 128, 64), 3)
		p := lit(t, kind(t, "ssd1306"), chip, picture)
		chip.FailNext(errors.New("input/output error"))
		if err := p.Backlight(false); err != nil || chip.Lit() {
			t.Fatalf("it glows: %v, %v", chip.Lit(), err)
		}
		if err := errors.Join(p.Draw(p.Bounds(), picture, image.Point{}), p.Backlight(true)); err != nil {
			t.Fatal(err)
		}
		if err := seenAs(chip, p, picture); err != nil {
			t.Error(err)
		}
		wellUsed(t, chip)
	})
}

func TestWhatOneBitPanelsRefuse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind string
		pins func(panel.Pins) panel.Pins
		opts panel.Options
		want string
	}{
		{"ssd1306", func(p panel.Pins) panel.Pins { p.DC = gpio.INVALID; return p }, panel.Options{}, "ssd1306: the D/C pin is required"},
		{"ssd1306", nil, panel.Options{MaxSpeed: physic.KiloHertz}, "ssd1306: speed 1kHz is not within 100kHz to 10MHz"},
		{"waveshare2in13v3", func(p panel.Pins) panel.Pins { p.DC = nil; return p }, panel.Options{}, "waveshare2in13v3: the D/C pin is required"},
		{"waveshare2in13v3", func(p panel.Pins) panel.Pins { p.RST = nil; return p }, panel.Options{}, "waveshare2in13v3: the RST pin is required"},
		{"waveshare2in13v3", func(p panel.Pins) panel.Pins { p.Busy = gpio.INVALID; return p }, panel.Options{}, "waveshare2in13v3: the BUSY pin is required"},
		{"waveshare2in13v3", nil, panel.Options{MaxSpeed: 5 * physic.MegaHertz}, "waveshare2in13v3: speed 5MHz is not within 500kHz to 4MHz"},
		{"waveshare2in13v3", nil, panel.Options{Timeout: time.Hour}, "waveshare2in13v3: timeout 1h0m0s is not within 50ms to 1m0s"},
	} {
		c := module(t, test.kind)
		pins := c.Pins()
		if test.pins != nil {
			pins = test.pins(pins)
		}
		if p, err := panel.Open(test.kind, c, pins, test.opts); p != nil || err == nil || err.Error() != test.want {
			t.Errorf("%s: %v, %v, want %s", test.kind, p, err, test.want)
		}
	}
}
