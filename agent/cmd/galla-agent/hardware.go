package main

import (
	"errors"
	"fmt"
	"image"
	"image/color"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/panel"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spireg"
	"periph.io/x/host/v3"
)

// openHardware opens what the configuration names. The second result lets go of
// it, after the agent has ended.
func openHardware(c config) (agent.Hardware, func() error, error) {
	kind, err := panel.Lookup(c.Panel.Kind)
	if err != nil {
		return agent.Hardware{}, nil, err
	}
	if _, err := host.Init(); err != nil {
		return agent.Hardware{}, nil, fmt.Errorf("hardware: %w", err)
	}
	pins, err := c.Panel.pins(kind, gpioreg.ByName)
	if err != nil {
		return agent.Hardware{}, nil, err
	}
	keys, err := keyPins(c.Keys, gpioreg.ByName)
	if err != nil {
		return agent.Hardware{}, nil, err
	}
	k := &keeper{
		kind:     kind,
		pins:     pins,
		opts:     panel.Options{MaxSpeed: physic.Frequency(c.Panel.MaxSpeedHz) * physic.Hertz, UpsideDown: c.Panel.UpsideDown},
		openPort: func() (spi.PortCloser, error) { return spireg.Open(c.Panel.SPI) },
	}
	if err := k.open(); err != nil {
		return agent.Hardware{}, nil, err
	}
	hw := agent.Hardware{Panel: k, Kind: kind}
	if len(keys) == 0 {
		return hw, k.close, nil
	}
	pad, err := openKeypad(keys)
	if err != nil {
		return agent.Hardware{}, nil, errors.Join(err, k.close())
	}
	hw.Keys = pad.pressed
	return hw, func() error { return errors.Join(pad.close(), k.close()) }, nil
}

// pins finds the lines of a panel of that kind. Those that are not named are not
// there; but one that the kind cannot do without is where its wiring table says.
func (c panelConfig) pins(kind panel.Kind, byName func(string) gpio.PinIO) (panel.Pins, error) {
	var found panel.Pins
	for _, p := range []struct {
		line, key, name string
		set             func(gpio.PinIO)
	}{
		{"DC", "dc", c.DC, func(pin gpio.PinIO) { found.DC = pin }},
		{"RST", "rst", c.RST, func(pin gpio.PinIO) { found.RST = pin }},
		{"BL", "bl", c.BL, func(pin gpio.PinIO) { found.BL = pin }},
		{"BUSY", "busy", c.Busy, func(pin gpio.PinIO) { found.Busy = pin }},
	} {
		wire, has := kind.Wire(p.line)
		switch {
		case p.name != "" && !has:
			return panel.Pins{}, fmt.Errorf("panel.%s: %s has no line %s", p.key, kind.Name, p.line)
		case p.name == "" && has && !wire.Optional && p.line != "DC": // config.check demands that one
			p.name = wire.Host
		case p.name == "":
			continue
		}
		pin := byName(p.name)
		if pin == nil {
			return panel.Pins{}, fmt.Errorf("panel.%s: there is no pin %q", p.key, p.name)
		}
		p.set(pin)
	}
	return found, nil
}

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
		return fmt.Errorf("panel.spi: %w", err)
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
