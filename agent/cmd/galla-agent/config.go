package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// exampleConfig is shown by --help, and is a configuration that is read well.
const exampleConfig = `  # Who this terminal is.
  merchant = "MERCHANTUAT"
  store    = "teststore1"
  terminal = "testterminal1"

  # Keys, token and what was not yet reported live here.
  data-dir = "/var/lib/galla"

  # A terminal enrols once, with a code that the operator makes:
  #   galla-agent enroll --config FILE --code CODE --controller https://HOST
  # Only against a sandbox: enrol there by itself when data-dir has no keys.
  controller    = "http://127.0.0.1:8080"
  sandbox-enrol = true

  # Instead of the brokers that the enrolment names.
  # brokers = ["mqtts://broker.example:8883"]

  [panel]
  kind = "st7789"        # 240x320; or ili9341, ili9488, ili9488-landscape, waveshare2in13v3
  spi  = "SPI0.0"
  dc   = "GPIO25"
  rst  = "GPIO27"        # leave out when tied to the supply
  bl   = "GPIO18"        # leave out when always on
  # busy = "GPIO24"      # e-paper only
  # max-speed-hz = 32000000
  # upside-down  = true

  # Buttons from these pins to ground, for a terminal that asks its cashier. There
  # is no driver for a card machine: a terminal of this program takes UPI, and
  # refuses a payment that allows nothing but a card.
  # [keys]
  # accept = "GPIO5"
  # reject = "GPIO6"
  # card   = "GPIO12"
  # dqr    = "GPIO13"
  # ok     = "GPIO16"
  # clear  = "GPIO19"
  # 0 = "GPIO20"
  # 1 = "GPIO21"
  # 2 = "GPIO26"
  # 3 = "GPIO4"
  # 4 = "GPIO17"
  # 5 = "GPIO22"
  # 6 = "GPIO23"
  # 7 = "GPIO24"
  # 8 = "GPIO2"
  # 9 = "GPIO3"`

// config is the configuration file.
type config struct {
	Merchant     string      `toml:"merchant"`
	Store        string      `toml:"store"`
	Terminal     string      `toml:"terminal"`
	DataDir      string      `toml:"data-dir"`
	Controller   string      `toml:"controller"`
	SandboxEnrol bool        `toml:"sandbox-enrol"`
	Brokers      []string    `toml:"brokers"`
	Panel        panelConfig `toml:"panel"`
	// Keys are the pins of the keys, by the names of agent.Key.
	Keys map[string]string `toml:"keys"`
}

// panelConfig is its table panel. Names are those of periph's registries.
type panelConfig struct {
	Kind       string `toml:"kind"`
	SPI        string `toml:"spi"`
	DC         string `toml:"dc"`
	RST        string `toml:"rst"`
	BL         string `toml:"bl"`
	Busy       string `toml:"busy"`
	MaxSpeedHz int64  `toml:"max-speed-hz"`
	UpsideDown bool   `toml:"upside-down"`
}

// readConfig reads the file. Its errors are one line and name the file.
func readConfig(path string) (config, error) {
	var c config
	text, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	if err := c.parse(string(text)); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func (c *config) parse(text string) error {
	meta, err := toml.Decode(text, c)
	if err != nil {
		if at := (toml.ParseError{}); errors.As(err, &at) {
			return fmt.Errorf("line %d: %s", at.Position.Line, at.Message)
		}
		return err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		var names []string
		for _, key := range unknown {
			names = append(names, key.String())
		}
		sort.Strings(names)
		return fmt.Errorf("unknown key %s", strings.Join(names, ", "))
	}
	return c.check()
}

// check names the first key that is missing or wrong.
func (c *config) check() error {
	for _, id := range []struct{ key, value string }{
		{"merchant", c.Merchant}, {"store", c.Store}, {"terminal", c.Terminal},
	} {
		if !protocol.ValidID(id.value, protocol.MaxIDLength) {
			return fmt.Errorf("%s must be 1 to %d letters, digits, _ or -", id.key, protocol.MaxIDLength)
		}
	}
	for _, required := range []struct{ key, value string }{
		{"data-dir", c.DataDir}, {"panel.kind", c.Panel.Kind}, {"panel.spi", c.Panel.SPI}, {"panel.dc", c.Panel.DC},
	} {
		if required.value == "" {
			return fmt.Errorf("%s is missing", required.key)
		}
	}
	if c.SandboxEnrol && c.Controller == "" {
		return errors.New("sandbox-enrol needs controller")
	}
	return c.checkKeys()
}

// checkKeys names the first key that there is not, or whose pin has another use.
func (c *config) checkKeys() error {
	used := map[string]string{}
	for _, p := range []struct{ key, pin string }{{"panel.dc", c.Panel.DC}, {"panel.rst", c.Panel.RST}, {"panel.bl", c.Panel.BL}, {"panel.busy", c.Panel.Busy}} {
		used[p.pin] = p.key
	}
	for _, name := range slices.Sorted(maps.Keys(c.Keys)) {
		if _, err := agent.ParseKey(name); err != nil {
			return fmt.Errorf("keys: %w", err)
		}
		pin := c.Keys[name]
		if pin == "" {
			return fmt.Errorf("keys.%s names no pin", name)
		}
		if other, taken := used[pin]; taken {
			one, two := "keys."+name, other
			return fmt.Errorf("%s and %s have the same pin %q", min(one, two), max(one, two), pin)
		}
		used[pin] = "keys." + name
	}
	return nil
}

// agent is what package agent is told.
func (c *config) agent() agent.Config {
	return agent.Config{
		Identity:   protocol.Identity{MerchantID: c.Merchant, StoreID: c.Store, TerminalID: c.Terminal},
		Controller: c.Controller,
		Brokers:    c.Brokers,
		DataDir:    c.DataDir,
		Enrol:      c.SandboxEnrol,
		Software:   version,
	}
}
