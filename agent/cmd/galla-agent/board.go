package main

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/board"
	"periph.io/x/conn/v3/gpio"
)

// wired is the pin of that name; key is where the configuration has it.
func wired(h host, key, name string) (gpio.PinIO, error) {
	if pin := h.Pin(name); pin != nil {
		return pin, nil
	}
	return nil, &noPin{key, name}
}

// noPin: the device has no line of that name.
type noPin struct{ key, name string }

// Error implements error.
func (e *noPin) Error() string { return fmt.Sprintf("%s: there is no pin %q", e.key, e.name) }

// Advice is what galla-agent doctor says to do about it.
func (e *noPin) Advice() string {
	return "run this on the terminal itself; if it is, correct the pin's name: they are GPIO2 to GPIO27"
}

// hasKeys reports whether the terminal has any key.
func (c *config) hasKeys() bool { return len(c.Keys.Pins) > 0 || c.Keypad != nil }

// openKeys opens the keys and the keypad; holds is what long presses mean, nil
// what the configuration says.
func (c *config) openKeys(h host, holds map[agent.Key]agent.Key, log *slog.Logger) (*board.Keys, error) {
	var lines []board.Line
	for _, name := range slices.Sorted(maps.Keys(c.Keys.Pins)) {
		pin, err := wired(h, "keys."+name, c.Keys.Pins[name])
		if err != nil {
			return nil, err
		}
		lines = append(lines, board.Line{Key: agent.Key(name), Pin: pin})
	}
	var matrix *board.Matrix
	if c.Keypad != nil {
		matrix = &board.Matrix{Keys: board.MatrixKeys()}
		for i, name := range c.Keypad.Rows {
			pin, err := wired(h, fmt.Sprintf("number %d of keypad.rows", i+1), name)
			if err != nil {
				return nil, err
			}
			matrix.Rows = append(matrix.Rows, pin)
		}
		for i, name := range c.Keypad.Cols {
			pin, err := wired(h, fmt.Sprintf("number %d of keypad.cols", i+1), name)
			if err != nil {
				return nil, err
			}
			matrix.Cols = append(matrix.Cols, pin)
		}
	}
	if holds == nil {
		holds = c.Keys.holds()
	}
	return board.OpenKeys(lines, matrix, board.KeysOptions{Holds: holds, Log: log})
}

// holds is what long presses mean; nil leaves it to board.DefaultHolds.
func (k keysConfig) holds() map[agent.Key]agent.Key {
	if k.Hold == nil {
		return nil
	}
	holds := map[agent.Key]agent.Key{}
	for key, means := range k.Hold {
		holds[agent.Key(key)] = agent.Key(means)
	}
	return holds
}

// openLamp opens the lamp.
func (c lampConfig) open(h host, log *slog.Logger) (*board.Lamp, error) {
	var pins board.LampPins
	for _, p := range []struct {
		key, name string
		into      *gpio.PinOut
	}{{"lamp.red", c.Red, &pins.Red}, {"lamp.green", c.Green, &pins.Green}, {"lamp.blue", c.Blue, &pins.Blue}} {
		if p.name == "" {
			continue
		}
		pin, err := wired(h, p.key, p.name)
		if err != nil {
			return nil, err
		}
		*p.into = pin
	}
	return board.OpenLamp(pins, board.LampOptions{PWM: c.PWM, ActiveLow: c.ActiveLow, Log: log})
}

// open opens the buzzer.
func (c buzzerConfig) open(h host, log *slog.Logger) (*board.Buzzer, error) {
	pin, err := wired(h, "buzzer.pin", c.Pin)
	if err != nil {
		return nil, err
	}
	return board.OpenBuzzer(pin, board.BuzzerOptions{ActiveLow: c.ActiveLow, Log: log})
}

// withDefaults fills in the pins of parts that are there and name none, as
// board.Parts has them.
func (c *config) withDefaults() {
	host := func(part, print string) string {
		p, _ := board.LookupPart(part)
		wire, _ := p.Wire(print)
		return wire.Host
	}
	if k := c.Keypad; k != nil && len(k.Rows) == 0 && len(k.Cols) == 0 {
		for i := range board.MatrixKeys() {
			k.Rows = append(k.Rows, host("keypad", fmt.Sprintf("R%d", i+1)))
		}
		for i := range board.MatrixKeys()[0] {
			k.Cols = append(k.Cols, host("keypad", fmt.Sprintf("C%d", i+1)))
		}
	}
	if l := c.Lamp; l != nil && l.Red+l.Green+l.Blue == "" {
		l.Red, l.Green, l.Blue = host("lamp", "RED"), host("lamp", "GREEN"), host("lamp", "BLUE")
	}
	if b := c.Buzzer; b != nil && b.Pin == "" {
		b.Pin = host("buzzer", "SIG")
	}
}
