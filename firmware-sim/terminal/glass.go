package terminal

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"strings"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"periph.io/x/conn/v3/spi"
)

// chip is an emulated panel module: SPI port, pins and glass in one.
type chip interface {
	spi.PortCloser
	Pins() panel.Pins
	Image() *image.RGBA
	Version() uint64
	Reset()
	Misuse() []error
}

// emulated is how each kind of package panel is emulated.
func emulated() map[string]func() chip {
	return map[string]func() chip{
		"st7789":            func() chip { return paneltest.NewST7789() },
		"ili9341":           func() chip { return paneltest.NewILI9341() },
		"ili9488":           func() chip { return paneltest.NewILI9488(false) },
		"ili9488-landscape": func() chip { return paneltest.NewILI9488(true) },
		"ssd1306":           func() chip { return paneltest.NewSSD1306() },
		"waveshare2in13v3":  func() chip { return paneltest.NewEPaper() },
	}
}

// PanelKinds are the values of Config.PanelKind: every kind of package panel
// that can show a payment's QR.
func PanelKinds() []string { return kinds(true) }

// CompanionKinds are the values of Config.Companion, but for "": the kinds that
// are too small for a QR.
func CompanionKinds() []string { return kinds(false) }

func kinds(showQR bool) []string {
	var names []string
	for _, k := range panel.Kinds() {
		if k.ShowsQR == showQR && emulated()[k.Name] != nil {
			names = append(names, k.Name)
		}
	}
	return names
}

// glass is a panel seen from outside. A picture is looked at only between two
// draws, never while one is half sent; but a glass that needs no power changes
// all at once, in the middle of a draw that takes seconds, and is looked at any
// time.
type glass struct {
	kind    panel.Kind
	chip    chip
	changed func() // called after every change of the picture

	drawing sync.RWMutex
	version uint64 // of the chip, after the last whole draw

	mu       sync.Mutex
	encoded  []byte // the picture of version encodeOf
	encodeOf uint64
}

// newGlass makes the module of that kind, one of known, without power.
func newGlass(kind string, known []string, changed func()) (*glass, error) {
	for _, name := range known {
		if name != kind {
			continue
		}
		facts, err := panel.Lookup(kind)
		if err != nil {
			return nil, err
		}
		facts.DrawLimit += busPatience
		return &glass{kind: facts, chip: emulated()[kind](), changed: changed}, nil
	}
	return nil, fmt.Errorf("panel %q: known are %s", kind, strings.Join(known, ", "))
}

// paper reports whether the glass keeps its picture without power.
func (g *glass) paper() bool { return !g.kind.Backlight }

// busPatience is how long a call on an emulated bus may take, instead of the two
// seconds of a real one: it is as slow as this machine is busy, and a bus that was
// given up once stays so.
const busPatience = 15 * time.Second

// open starts the driver on the module.
func (g *glass) open() (panel.Panel, error) {
	var driver panel.Panel
	err := g.send(func() (err error) {
		driver, err = g.kind.Open(g.chip, g.chip.Pins(), panel.Options{Timeout: busPatience})
		return err
	})
	if err != nil {
		return nil, err
	}
	return &watched{Panel: driver, glass: g}, nil
}

// close lets go of the port, so that a driver that is still about can no longer
// reach the module.
func (g *glass) close() { _ = g.chip.Close() }

// powerCut takes power and port away at once; the glass is black after it, or
// as it was if it is paper.
func (g *glass) powerCut() {
	g.close()
	_ = g.send(func() error { g.chip.Reset(); return nil })
}

// send runs one change of the picture and tells when there was one.
func (g *glass) send(change func() error) error {
	if g.paper() {
		before := g.chip.Version()
		err := change()
		if g.chip.Version() != before {
			g.changed()
		}
		return err
	}
	g.drawing.Lock()
	before := g.version
	err := change()
	g.version = g.chip.Version()
	changed := g.version != before
	g.drawing.Unlock()
	if changed {
		g.changed()
	}
	return err
}

// Version rises with every whole picture.
func (g *glass) Version() uint64 {
	if g.paper() {
		return g.chip.Version()
	}
	g.drawing.RLock()
	defer g.drawing.RUnlock()
	return g.version
}

// picture is what is on the glass, and its version.
func (g *glass) picture() (*image.RGBA, uint64) {
	if g.paper() {
		version := g.chip.Version() // first: what came in between is told anew
		return g.chip.Image(), version
	}
	g.drawing.RLock()
	defer g.drawing.RUnlock()
	return g.chip.Image(), g.version
}

// PNG returns the picture, pixel for pixel, and its version.
func (g *glass) PNG() ([]byte, uint64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if version := g.Version(); g.encoded != nil && g.encodeOf == version {
		return g.encoded, version, nil
	}
	picture, version := g.picture()
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&out, picture); err != nil {
		return nil, 0, fmt.Errorf("encode the panel's picture: %w", err)
	}
	g.encoded, g.encodeOf = out.Bytes(), version
	return g.encoded, version, nil
}

// watched is the driver with a look at each change.
type watched struct {
	panel.Panel
	glass *glass
}

// Draw implements display.Drawer.
func (w *watched) Draw(dst image.Rectangle, src image.Image, sp image.Point) error {
	return w.glass.send(func() error { return w.Panel.Draw(dst, src, sp) })
}

// Backlight implements panel.Panel.
func (w *watched) Backlight(on bool) error {
	return w.glass.send(func() error { return w.Panel.Backlight(on) })
}
