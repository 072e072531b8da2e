package panel_test

import (
	"fmt"
	"image"
	"image/color"
	"testing"

	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"periph.io/x/conn/v3/spi"
)

// chip is what every emulated module can do.
type chip interface {
	spi.PortCloser
	Pins() panel.Pins
	Image() *image.RGBA
	Lit() bool
	Version() uint64
	Stats() paneltest.Stats
	Misuse() []error
	SetStuck(bool)
	SetMaxTxSize(int)
	FailNext(error)
	StartTrace()
	Trace() []paneltest.Event
	Reset()
}

// modules are the emulated modules by the names of their kinds.
func modules() map[string]func() chip {
	return map[string]func() chip{
		"st7789":            func() chip { return paneltest.NewST7789() },
		"ili9341":           func() chip { return paneltest.NewILI9341() },
		"ili9488":           func() chip { return paneltest.NewILI9488(false) },
		"ili9488-landscape": func() chip { return paneltest.NewILI9488(true) },
		"ssd1306":           func() chip { return paneltest.NewSSD1306() },
		"waveshare2in13v3":  func() chip { return paneltest.NewEPaper() },
	}
}

// module returns the emulated module of a kind.
func module(t *testing.T, kind string) chip {
	t.Helper()
	make, ok := modules()[kind]
	if !ok {
		t.Fatalf("there is no emulated module for %q", kind)
	}
	return make()
}

// start opens a panel of that kind on a module, inside a synctest bubble.
func start(t *testing.T, kind string, c chip, opts panel.Options) panel.Panel {
	t.Helper()
	p, err := panel.Open(kind, c, c.Pins(), opts)
	if err != nil {
		t.Fatalf("open %s: %v", kind, err)
	}
	return p
}

// wellUsed fails the test when a driver broke a rule of the datasheet.
func wellUsed(t *testing.T, c chip) {
	t.Helper()
	for _, err := range c.Misuse() {
		t.Errorf("against the datasheet: %v", err)
	}
}

// seenAs compares what a person sees with what the panel's colour model makes of
// a picture.
func seenAs(c chip, p panel.Panel, want image.Image) error {
	glass := c.Image()
	if glass.Rect != p.Bounds() {
		return fmt.Errorf("the glass is %v, the panel %v", glass.Rect, p.Bounds())
	}
	model := p.ColorModel()
	colour := func(c color.Color) color.RGBA {
		r, g, b, a := model.Convert(c).RGBA()
		return color.RGBA{byte(r >> 8), byte(g >> 8), byte(b >> 8), byte(a >> 8)}
	}
	for y := glass.Rect.Min.Y; y < glass.Rect.Max.Y; y++ {
		for x := glass.Rect.Min.X; x < glass.Rect.Max.X; x++ {
			said := colour(want.At(x, y))
			if got := glass.RGBAAt(x, y); got != said {
				return fmt.Errorf("pixel (%d,%d) is seen as %v, want %v", x, y, got, said)
			}
		}
	}
	return nil
}
