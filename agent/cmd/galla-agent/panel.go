package main

import (
	"errors"
	"fmt"
	"image"
	"image/color"

	"github.com/galla-pay/galla/agent/panel"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// line is a line of a panel beside its bus: its key in the configuration, the pin
// that stands there, and the print on the module.
type line struct{ key, pin, print string }

// lines are those that a panel can have.
func (c panelConfig) lines() []line {
	return []line{{"dc", c.DC, "DC"}, {"rst", c.RST, "RST"}, {"bl", c.BL, "BL"}, {"busy", c.Busy, "BUSY"}}
}

// open opens the panel; table is where its keys are in the configuration.
func (c panelConfig) open(h host, table string) (*keeper, error) {
	kind, err := panel.Lookup(c.Kind)
	if err != nil {
		return nil, fmt.Errorf("%s.kind: %w", table, err)
	}
	pins, err := c.pins(kind, table, h.Pin)
	if err != nil {
		return nil, err
	}
	k := &keeper{
		kind: kind,
		pins: pins,
		opts: panel.Options{MaxSpeed: physic.Frequency(c.MaxSpeedHz) * physic.Hertz, UpsideDown: c.UpsideDown},
		openPort: func() (spi.PortCloser, error) {
			port, err := h.Port(c.SPI)
			if err != nil {
				return nil, fmt.Errorf("%s.spi: %w", table, err)
			}
			return port, nil
		},
	}
	return k, k.open()
}

// pins finds the lines of a panel of that kind. Those that are not named are not
// there; but one that the kind cannot do without is where its wiring table says.
func (c panelConfig) pins(kind panel.Kind, table string, byName func(string) gpio.PinIO) (panel.Pins, error) {
	found := map[string]gpio.PinIO{}
	for _, l := range c.lines() {
		wire, has := kind.Wire(l.print)
		switch {
		case l.pin != "" && !has:
			return panel.Pins{}, fmt.Errorf("%s.%s: %s has no line %s", table, l.key, kind.Name, l.print)
		case l.pin == "" && has && !wire.Optional && l.print != "DC": // config.check demands that one
			l.pin = wire.Host
		case l.pin == "":
			continue
		}
		pin := byName(l.pin)
		if pin == nil {
			return panel.Pins{}, &noPin{table + "." + l.key, l.pin}
		}
		found[l.print] = pin
	}
	var pins panel.Pins // a nil PinIO must not become a PinOut that is not nil
	if pin, ok := found["DC"]; ok {
		pins.DC = pin
	}
	if pin, ok := found["RST"]; ok {
		pins.RST = pin
	}
	if pin, ok := found["BL"]; ok {
		pins.BL = pin
	}
	if pin, ok := found["BUSY"]; ok {
		pins.Busy = pin
	}
	return pins, nil
}

// hertz is a frequency in whole hertz, as the configuration has it.
func hertz(f physic.Frequency) int64 { return int64(f / physic.Hertz) }

// keeper is a panel that is opened anew when its bus was stuck: its driver then
// refuses to go on, because nobody knows what the chip has heard. It is used by
// one goroutine at a time, as the agent does.
type keeper struct {
	kind     panel.Kind
	pins     panel.Pins
	opts     panel.Options
	openPort func() (spi.PortCloser, error)

	port  spi.PortCloser
	panel panel.Panel // nil: to be opened
}

var _ panel.Panel = (*keeper)(nil)

func (k *keeper) open() error {
	port, err := k.openPort()
	if err != nil {
		return err
	}
	p, err := k.kind.Open(port, k.pins, k.opts)
	if err != nil {
		return errors.Join(err, port.Close())
	}
	k.port, k.panel = port, p
	return nil
}

// String implements conn.Resource.
func (k *keeper) String() string { return k.kind.Name }

// Halt implements conn.Resource.
func (k *keeper) Halt() error {
	if k.panel == nil {
		return nil
	}
	return k.panel.Halt()
}

// ColorModel implements display.Drawer.
func (k *keeper) ColorModel() color.Model {
	if k.panel == nil {
		return color.RGBAModel
	}
	return k.panel.ColorModel()
}

// Bounds implements display.Drawer.
func (k *keeper) Bounds() image.Rectangle { return image.Rectangle{Max: k.kind.Size} }

// Draw implements display.Drawer.
func (k *keeper) Draw(dst image.Rectangle, src image.Image, at image.Point) error {
	if k.panel == nil {
		if err := k.open(); err != nil {
			return err
		}
	}
	err := k.panel.Draw(dst, src, at)
	if errors.Is(err, panel.ErrBusStuck) {
		k.drop()
	}
	return err
}

// drop gives a stuck panel up, after putting its light out: what can be seen on
// it is no longer so.
func (k *keeper) drop() {
	_ = k.panel.Backlight(false)
	_ = k.port.Close()
	k.panel, k.port = nil, nil
}

// Backlight implements panel.Panel.
func (k *keeper) Backlight(on bool) error {
	switch {
	case k.panel != nil:
		return k.panel.Backlight(on)
	case on:
		return panel.ErrBusStuck
	}
	return nil
}

// close puts the panel to sleep and closes its port.
func (k *keeper) close() error {
	if k.panel == nil {
		return nil
	}
	err := errors.Join(k.panel.Halt(), k.port.Close())
	k.panel, k.port = nil, nil
	return err
}
