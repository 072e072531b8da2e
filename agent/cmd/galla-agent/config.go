package main

import (
	"errors"
	"fmt"
	"os"
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

  # Only against a sandbox: enrol there by itself when data-dir has no keys.
  controller    = "http://127.0.0.1:8080"
  sandbox-enrol = true

  # Instead of the brokers that the enrolment names.
  # brokers = ["mqtts://broker.example:8883"]

  [panel]
  kind = "st7789"        # 240x320
  spi  = "SPI0.0"
  dc   = "GPIO25"
  rst  = "GPIO27"        # leave out when tied to the supply
  bl   = "GPIO18"        # leave out when always on
  # max-speed-hz = 32000000
  # upside-down  = true`

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
}

// panelConfig is its table panel. Names are those of periph's registries.
type panelConfig struct {
	Kind       string `toml:"kind"`
	SPI        string `toml:"spi"`
	DC         string `toml:"dc"`
	RST        string `toml:"rst"`
	BL         string `toml:"bl"`
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
