package main

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/pin"
)

// TestAStuckPanelIsOpenedAnew: the driver gives up on a bus that hangs; the
// keeper opens it again, as often as it takes, and stays dark meanwhile.
func TestAStuckPanelIsOpenedAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip := paneltest.NewST7789()
		k, err := emulated(chip)
		if err != nil {
			t.Fatal(err)
		}
		white := image.NewUniform(color.White)
		draw := func() error { return k.Draw(k.Bounds(), white, image.Point{}) }
		if err := errors.Join(draw(), k.Backlight(true)); err != nil {
			t.Fatal(err)
		}
		chip.SetStuck(true)
		if err := k.Draw(k.Bounds(), image.NewUniform(color.Black), image.Point{}); !errors.Is(err, panel.ErrBusStuck) {
			t.Fatalf("on a stuck bus: %v", err)
		}
		if chip.Lit() {
			t.Error("a dead picture can be seen")
		}
		if err := draw(); err == nil {
			t.Fatal("drawn on a stuck bus")
		}
		if k.Backlight(true) == nil || k.Backlight(false) != nil || k.Halt() != nil {
			t.Error("a panel that is not open is lit")
		}
		chip.SetStuck(false)
		if err := errors.Join(draw(), k.Backlight(true)); err != nil {
			t.Fatalf("after the bus works again: %v", err)
		}
		if got := chip.Image().At(120, 160); got != (color.RGBA{255, 255, 255, 255}) {
			t.Errorf("the glass is %v", got)
		}
		if err := k.close(); err != nil || chip.Lit() {
			t.Errorf("closed: %v, light %v", err, chip.Lit())
		}
	})
}

// namedPin is a line of which only the name counts.
type namedPin struct {
	gpio.PinIO
	name string
}

func (p namedPin) Name() string { return p.name }

// anyPin is a registry that has every line but one.
func anyPin(name string) gpio.PinIO {
	if name == "GPIO-NONE" {
		return nil
	}
	return namedPin{gpio.INVALID, name}
}

// TestLinesOfEachKind: what the configuration names, and where the wiring table
// has a line that the kind cannot do without; nothing that it has not.
func TestLinesOfEachKind(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind, dc, rst, bl, busy string
		want                    string // DC RST BL BUSY
	}{
		{"st7789", "GPIO25", "", "", "", "GPIO25 - - -"},
		{"st7789", "GPIO9", "GPIO27", "GPIO18", "", "GPIO9 GPIO27 GPIO18 -"},
		{"ili9341", "GPIO25", "GPIO27", "GPIO18", "", "GPIO25 GPIO27 GPIO18 -"},
		{"ili9488", "GPIO25", "GPIO27", "", "", "GPIO25 GPIO27 - -"},
		{"ili9488-landscape", "GPIO25", "", "GPIO18", "", "GPIO25 - GPIO18 -"},
		{"ssd1306", "GPIO25", "GPIO27", "", "", "GPIO25 GPIO27 - -"},
		{"waveshare2in13v3", "GPIO25", "", "", "", "GPIO25 GPIO17 - GPIO24"},
		{"waveshare2in13v3", "GPIO25", "GPIO5", "", "GPIO6", "GPIO25 GPIO5 - GPIO6"},
		{"st7789", "GPIO25", "", "", "GPIO24", "panel.busy: st7789 has no line BUSY"},
		{"ssd1306", "GPIO25", "", "GPIO18", "", "panel.bl: ssd1306 has no line BL"},
		{"waveshare2in13v3", "GPIO25", "", "", "GPIO-NONE", `panel.busy: there is no pin "GPIO-NONE"`},
		{"ili9341", "GPIO25", "GPIO-NONE", "", "", `panel.rst: there is no pin "GPIO-NONE"`},
	} {
		kind, err := panel.Lookup(test.kind)
		if err != nil {
			t.Fatal(err)
		}
		c := panelConfig{Kind: test.kind, DC: test.dc, RST: test.rst, BL: test.bl, Busy: test.busy}
		pins, err := c.pins(kind, "panel", anyPin)
		got := fmt.Sprint(err)
		if err == nil {
			var names []string
			for _, p := range []any{pins.DC, pins.RST, pins.BL, pins.Busy} {
				if p == nil {
					names = append(names, "-")
				} else {
					names = append(names, p.(pin.Pin).Name())
				}
			}
			got = strings.Join(names, " ")
		}
		if got != test.want {
			t.Errorf("%+v: %s, want %s", c, got, test.want)
		}
	}
}

// TestEveryKindIsOpenedByItsName: each panel works through the keeper as through
// its driver, and is closed dark, or white.
func TestEveryKindIsOpenedByItsName(t *testing.T) {
	t.Parallel()
	for name := range modules() {
		synctest.Test(t, func(t *testing.T) {
			c, on := modules()[name], newBench()
			on.plug("P", c)
			cfg := panelConfig{Kind: name, SPI: "P", DC: "P DC", RST: "P RST"}
			kind, err := panel.Lookup(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, has := kind.Wire("BL"); has {
				cfg.BL = "P BL"
			}
			if _, has := kind.Wire("BUSY"); has {
				cfg.Busy = "P BUSY"
			}
			k, err := cfg.open(on, "panel")
			if err != nil {
				t.Fatal(err)
			}
			left := image.Rect(0, 0, kind.Size.X/2, kind.Size.Y)
			if err := errors.Join(
				k.Draw(k.Bounds(), image.White, image.Point{}), k.Draw(left, image.Black, image.Point{}), k.Backlight(true)); err != nil {
				t.Fatal(err)
			}
			glass := c.Image()
			if glass.Rect != k.Bounds() || glass.At(0, 0) != (color.RGBA{A: 255}) || glass.At(kind.Size.X-1, 0) != (color.RGBA{255, 255, 255, 255}) {
				t.Errorf("%s: the glass is %v, %v and %v", name, glass.Rect, glass.At(0, 0), glass.At(kind.Size.X-1, 0))
			}
			if err := k.close(); err != nil {
				t.Error(err)
			}
			glass = c.Image()
			if glass.At(0, 0) != glass.At(kind.Size.X-1, 0) {
				t.Errorf("%s: the picture is left", name)
			}
			if m := c.Misuse(); len(m) > 0 {
				t.Error(name, m)
			}
		})
	}
}
