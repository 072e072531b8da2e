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
	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/protocol"
)

// config is the configuration file.
type config struct {
	Merchant     string      `toml:"merchant"`
	Store        string      `toml:"store"`
	Terminal     string      `toml:"terminal"`
	DataDir      string      `toml:"data-dir"`
	Controller   string      `toml:"controller"`
	SandboxEnrol bool        `toml:"sandbox-enrol"`
	KeyFile      string      `toml:"key-file"`
	Brokers      []string    `toml:"brokers"`
	Language     string      `toml:"language"`
	Panel        panelConfig `toml:"panel"`
	// The tables from here on are nil where there is no such part.
	Companion *panelConfig  `toml:"companion"`
	Keys      keysConfig    `toml:"keys"`
	Keypad    *keypadConfig `toml:"keypad"`
	Lamp      *lampConfig   `toml:"lamp"`
	Buzzer    *buzzerConfig `toml:"buzzer"`
	Sound     *soundConfig  `toml:"sound"`
	Card      *cardConfig   `toml:"card"`
}

// panelConfig is a table panel or companion. Names are those of periph's
// registries.
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

// keysConfig is its table keys.
type keysConfig struct {
	Pins map[string]string // by the names of agent.Key
	Hold map[string]string // what a long press of one means, both by name; nil: as board.DefaultHolds
}

// keypadConfig is its table keypad, each from the top or the left.
type keypadConfig struct {
	Rows []string `toml:"rows"`
	Cols []string `toml:"cols"`
}

// lampConfig is its table lamp: the pin of each colour, "" for one that is not
// there.
type lampConfig struct {
	Red       string `toml:"red"`
	Green     string `toml:"green"`
	Blue      string `toml:"blue"`
	PWM       bool   `toml:"pwm"`
	ActiveLow bool   `toml:"active-low"`
	DarkIdle  bool   `toml:"dark-when-idle"`
}

// buzzerConfig is its table buzzer.
type buzzerConfig struct {
	Pin       string `toml:"pin"`
	ActiveLow bool   `toml:"active-low"`
}

// soundConfig is its table sound.
type soundConfig struct {
	Program     string             `toml:"program"`
	Device      string             `toml:"device"`
	Volume      *int               `toml:"volume"` // nil: as signals.DefaultVolume, and so is QuietVolume
	QuietHours  signals.QuietHours `toml:"quiet-hours"`
	QuietVolume *int               `toml:"quiet-volume"`
	Voice       *bool              `toml:"voice"` // nil: true
}

// cardConfig is its table card.
type cardConfig struct {
	Reader string `toml:"reader"`
	Baud   int    `toml:"baud"` // of a serial device; 0 is cardlink.DefaultBaud
}

// UnmarshalTOML implements toml.Unmarshaler: a table whose keys are names, and
// one of them a table.
func (k *keysConfig) UnmarshalTOML(value any) error {
	table, ok := value.(map[string]any)
	if !ok {
		return errors.New("keys is no table")
	}
	k.Pins = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		switch v := table[name].(type) {
		case string:
			k.Pins[name] = v
		case map[string]any:
			if name != "hold" {
				return fmt.Errorf("unknown key keys.%s", name)
			}
			k.Hold = map[string]string{}
			for _, held := range slices.Sorted(maps.Keys(v)) {
				text, ok := v[held].(string)
				if !ok {
					return fmt.Errorf("keys.hold.%s is not the name of a key", held)
				}
				k.Hold[held] = text
			}
		default:
			return fmt.Errorf("keys.%s is not the name of a pin", name)
		}
	}
	return nil
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
			if at.LastKey != "" {
				return fmt.Errorf("line %d, %s: %s", at.Position.Line, at.LastKey, at.Message)
			}
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
	c.withDefaults()
	return c.check()
}

// agent is what package agent is told.
func (c *config) agent() agent.Config {
	return agent.Config{
		Identity:   protocol.Identity{MerchantID: c.Merchant, StoreID: c.Store, TerminalID: c.Terminal},
		Controller: c.Controller,
		Brokers:    c.Brokers,
		DataDir:    c.DataDir,
		KeyFile:    c.KeyFile,
		Enrol:      c.SandboxEnrol,
		Software:   version,
		Language:   c.Language,
	}
}
