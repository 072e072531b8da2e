package terminal

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"strings"
	"sync"

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
}

// emulated lists the panels that a simulated terminal can have, by the names of
// package panel.
func emulated() []struct {
	name string
	make func() chip
} {
	return []struct {
		name string
		make func() chip
	}{
		{"st7789", func() chip { return paneltest.NewST7789() }},
		{"ili9341", func() chip { return paneltest.NewILI9341() }},
		{"ili9488", func() chip { return paneltest.NewILI9488(false) }},
		{"ili9488-landscape", func() chip { return paneltest.NewILI9488(true) }},
	}
}

// PanelKinds are the values of Config.PanelKind.
func PanelKinds() []string {
	var names []string
	for _, e := range emulated() {
		names = append(names, e.name)
	}
	return names
}

// glass is the panel seen from outside. A picture is looked at only between two
// draws, never while one is half sent.
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

// newGlass makes the module of that kind, without power.
func newGlass(kind string, changed func()) (*glass, error) {
	for _, e := range emulated() {
		if e.name != kind {
			continue
		}
		facts, err := panel.Lookup(kind)
		if err != nil {
			return nil, err
		}
		return &glass{kind: facts, chip: e.make(), changed: changed}, nil
	}
	return nil, fmt.Errorf("panel %q: known are %s", kind, strings.Join(PanelKinds(), ", "))
}

// open starts the driver on the module.
func (g *glass) open() (panel.Panel, error) {
	driver, err := g.kind.Open(g.chip, g.chip.Pins(), panel.Options{})
	if err != nil {
		return nil, err
	}
	return &watched{Panel: driver, glass: g}, nil
}

// close lets go of the port, so that a driver that is still about can no longer
// reach the module.
func (g *glass) close() { _ = g.chip.Close() }

// powerCut takes power and port away at once; the glass is black after it.
func (g *glass) powerCut() {
	g.close()
	_ = g.send(func() error { g.chip.Reset(); return nil })
}

// send runs one change of the picture and tells when there was one.
func (g *glass) send(change func() error) error {
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
	g.drawing.RLock()
	defer g.drawing.RUnlock()
	return g.version
}

// PNG returns the picture, pixel for pixel, and its version.
func (g *glass) PNG() ([]byte, uint64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drawing.RLock()
	version := g.version
	if g.encoded != nil && g.encodeOf == version {
		g.drawing.RUnlock()
		return g.encoded, version, nil
	}
	picture := g.chip.Image()
	g.drawing.RUnlock()
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
