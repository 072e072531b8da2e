package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/board"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/protocol"
)

// check names the first key that is missing or wrong.
func (c *config) check() error {
	for _, id := range []struct{ key, value string }{
		{"merchant", c.Merchant}, {"store", c.Store}, {"terminal", c.Terminal},
	} {
		if !protocol.ValidID(id.value, protocol.MaxIDLength) {
			return fmt.Errorf("%s must be 1 to %d letters, digits, _ or -", id.key, protocol.MaxIDLength)
		}
	}
	if c.DataDir == "" {
		return errors.New("data-dir is missing")
	}
	if c.SandboxEnrol && c.Controller == "" {
		return errors.New("sandbox-enrol needs controller")
	}
	if c.KeyFile != "" && !filepath.IsAbs(c.KeyFile) {
		return fmt.Errorf("key-file: %q is not an absolute path", c.KeyFile)
	}
	if c.Language != "" {
		if _, err := language(c.Language); err != nil {
			return fmt.Errorf("language: %w", err)
		}
	}
	for _, part := range []func() error{
		func() error { return c.Panel.check("panel") },
		c.checkCompanion, c.checkKeys, c.checkSound, c.checkCard, c.checkPins,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// check looks at a panel's own keys; table is where they are.
func (c panelConfig) check(table string) error {
	for _, required := range []struct{ key, value string }{{"kind", c.Kind}, {"spi", c.SPI}, {"dc", c.DC}} {
		if required.value == "" {
			return fmt.Errorf("%s.%s is missing", table, required.key)
		}
	}
	kind, err := panel.Lookup(c.Kind)
	if err != nil {
		return fmt.Errorf("%s.kind: %w", table, err)
	}
	for _, line := range c.lines() {
		if _, has := kind.Wire(line.print); line.pin != "" && !has {
			return fmt.Errorf("%s.%s: %s has no line %s", table, line.key, kind.Name, line.print)
		}
	}
	slowest, fastest := hertz(kind.Slowest), hertz(kind.Fastest)
	if speed := c.MaxSpeedHz; speed != 0 && (speed < slowest || speed > fastest) {
		return fmt.Errorf("%s.max-speed-hz: %d is not within %d to %d", table, speed, slowest, fastest)
	}
	return nil
}

func (c *config) checkCompanion() error {
	if c.Companion == nil {
		return nil
	}
	if err := c.Companion.check("companion"); err != nil {
		return err
	}
	if kind, _ := panel.Lookup(c.Companion.Kind); kind.ShowsQR {
		return fmt.Errorf("companion.kind: %s is made for the QR of a payment, a companion shows the status only", kind.Name)
	}
	if c.Companion.SPI == c.Panel.SPI {
		return fmt.Errorf("panel.spi and companion.spi are the same port %q", c.Panel.SPI)
	}
	return nil
}

// checkKeys looks at keys, what they mean when held, and the keypad.
func (c *config) checkKeys() error {
	for _, name := range slices.Sorted(maps.Keys(c.Keys.Pins)) {
		if _, err := agent.ParseKey(name); err != nil {
			return fmt.Errorf("keys: %w", err)
		}
		if c.Keys.Pins[name] == "" {
			return fmt.Errorf("keys.%s names no pin", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Keys.Hold)) {
		if _, err := agent.ParseKey(name); err != nil {
			return fmt.Errorf("keys.hold: %w", err)
		}
		means, err := agent.ParseKey(c.Keys.Hold[name])
		switch {
		case err != nil:
			return fmt.Errorf("keys.hold.%s: %w", name, err)
		case string(means) == name:
			return fmt.Errorf("keys.hold.%s is the key itself", name)
		case c.Keys.Pins[name] == "" && (c.Keypad == nil || !onKeypad(name)):
			return fmt.Errorf("keys.hold.%s: there is no such key on this terminal", name)
		}
	}
	if c.Keypad == nil {
		return nil
	}
	keys := board.MatrixKeys()
	if rows, cols := len(c.Keypad.Rows), len(c.Keypad.Cols); rows != len(keys) || cols != len(keys[0]) {
		return fmt.Errorf("keypad has %d rows and %d cols, it must have %d and %d", rows, cols, len(keys), len(keys[0]))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Keys.Pins)) {
		if onKeypad(name) {
			return fmt.Errorf("keys.%s is on the keypad already", name)
		}
	}
	return nil
}

func (c *config) checkSound() error {
	if c.Sound == nil {
		return nil
	}
	for _, v := range []struct {
		key   string
		value *int
	}{{"volume", c.Sound.Volume}, {"quiet-volume", c.Sound.QuietVolume}} {
		if v.value != nil && (*v.value < 0 || *v.value > signals.MaxVolume) {
			return fmt.Errorf("sound.%s: %d is not within 0 to %d", v.key, *v.value, signals.MaxVolume)
		}
	}
	return nil
}

// use is a line of the header and the key that has it.
type use struct{ key, pin string }

// checkPins names two keys that have the same line.
func (c *config) checkPins() error {
	var uses []use
	for _, p := range []struct {
		table string
		panel *panelConfig
	}{{"panel", &c.Panel}, {"companion", c.Companion}} {
		if p.panel != nil {
			uses = append(uses, p.panel.uses(p.table)...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Keys.Pins)) {
		uses = append(uses, use{"keys." + name, c.Keys.Pins[name]})
	}
	if c.Keypad != nil {
		for _, side := range []struct {
			key  string
			pins []string
		}{{"rows", c.Keypad.Rows}, {"cols", c.Keypad.Cols}} {
			for i, pin := range side.pins {
				if pin == "" {
					return fmt.Errorf("keypad.%s: number %d names no pin", side.key, i+1)
				}
				uses = append(uses, use{fmt.Sprintf("number %d of keypad.%s", i+1, side.key), pin})
			}
		}
	}
	if c.Lamp != nil {
		uses = append(uses, use{"lamp.red", c.Lamp.Red}, use{"lamp.green", c.Lamp.Green}, use{"lamp.blue", c.Lamp.Blue})
	}
	if c.Buzzer != nil {
		uses = append(uses, use{"buzzer.pin", c.Buzzer.Pin})
	}
	taken := map[string]string{}
	for _, u := range uses {
		if other, is := taken[u.pin]; is && u.pin != "" && other != u.key {
			return fmt.Errorf("%s and %s have the same pin %q", min(other, u.key), max(other, u.key), u.pin)
		}
		taken[u.pin] = u.key
	}
	return nil
}

// uses are the lines of a panel, those of its bus included.
func (c panelConfig) uses(table string) []use {
	var all []use
	kind, _ := panel.Lookup(c.Kind)
	for _, line := range c.lines() {
		pin := line.pin
		if wire, has := kind.Wire(line.print); pin == "" && has && !wire.Optional {
			pin = wire.Host
		}
		all = append(all, use{table + "." + line.key, pin})
	}
	if bus, chip, ok := strings.Cut(c.SPI, "."); ok && bus == "SPI0" {
		for _, pin := range []string{"GPIO9", "GPIO10", "GPIO11"} {
			all = append(all, use{"SPI0", pin}) // two panels may share it
		}
		if pin := map[string]string{"0": "GPIO8", "1": "GPIO7"}[chip]; pin != "" {
			all = append(all, use{table + ".spi", pin})
		}
	}
	return all
}
