package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/board"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/signals"
)

// mentioned is a key or a table that the example only mentions.
var mentioned = regexp.MustCompile(`(?m)^(\s*)# (\[|[a-z0-9-]+ *=)`)

// wholeExample is the example with all that it mentions, but for what only an
// e-paper has.
func wholeExample(t *testing.T) string {
	t.Helper()
	text := mentioned.ReplaceAllString(exampleConfig, "$1$2")
	if strings.Count(text, "\n  busy = ") != 1 {
		t.Fatal("the example does not mention busy")
	}
	return strings.Replace(text, "\n  busy = ", "\n  # busy = ", 1)
}

// TestTheWholeExample is read as it says, and its wires are those of the tables.
func TestTheWholeExample(t *testing.T) {
	t.Parallel()
	c, err := readConfig(configFile(t, wholeExample(t)))
	if err != nil {
		t.Fatal(err)
	}
	a := c.agent()
	if a.Language != "hi" || !slices.Equal(a.Brokers, []string{"mqtts://broker.example:8883"}) || c.KeyFile != "/run/tpm/galla.key" {
		t.Errorf("agent is told %+v", a)
	}
	if c.Panel.MaxSpeedHz != 32_000_000 || !c.Panel.UpsideDown {
		t.Errorf("panel %+v", c.Panel)
	}
	if want := (panelConfig{Kind: "ssd1306", SPI: "SPI0.1", DC: "GPIO24", RST: "GPIO17"}); c.Companion == nil || *c.Companion != want {
		t.Errorf("companion %+v", c.Companion)
	}
	host := func(part, print string) string {
		p, err := board.LookupPart(part)
		if err != nil {
			t.Fatal(err)
		}
		wire, ok := p.Wire(print)
		if !ok {
			t.Fatalf("%s has no line %s", part, print)
		}
		return wire.Host
	}
	for _, key := range []string{"accept", "reject", "repeat"} {
		if want := host("buttons", key); c.Keys.Pins[key] != want {
			t.Errorf("keys.%s is %s, the table says %s", key, c.Keys.Pins[key], want)
		}
	}
	holds := c.Keys.holds()
	for key, means := range board.DefaultHolds() {
		if holds[key] != means {
			t.Errorf("%s held is %s, without the table it is %s", key, holds[key], means)
		}
	}
	if len(holds) != len(board.DefaultHolds()) {
		t.Errorf("holds are %v", holds)
	}
	for i, pin := range append(slices.Clone(c.Keypad.Rows), c.Keypad.Cols...) {
		if print := []string{"R1", "R2", "R3", "R4", "C1", "C2", "C3"}[i]; pin != host("keypad", print) {
			t.Errorf("keypad line %s is %s, the table says %s", print, pin, host("keypad", print))
		}
	}
	if want := (lampConfig{host("lamp", "RED"), host("lamp", "GREEN"), host("lamp", "BLUE"), true, true, true}); *c.Lamp != want {
		t.Errorf("lamp %+v, want %+v", *c.Lamp, want)
	}
	if want := (buzzerConfig{host("buzzer", "SIG"), true}); *c.Buzzer != want {
		t.Errorf("buzzer %+v, want %+v", *c.Buzzer, want)
	}
	if want := (signals.Volume{Day: 80, Quiet: 30, Hours: signals.QuietHours{From: 22 * 60, To: 7 * 60}}); c.Sound.volumes() != want || !c.Sound.speaks() ||
		c.Sound.Device != "default" || c.Sound.program() != "aplay" {
		t.Errorf("sound %+v, %+v", c.Sound, c.Sound.volumes())
	}
	if want := (cardConfig{Reader: "/dev/ttyUSB0", Baud: 115200}); *c.Card != want {
		t.Errorf("card %+v", *c.Card)
	}
}

// TestPartsThatNameNoPinsAreWhereTheTablesSay.
func TestPartsThatNameNoPinsAreWhereTheTablesSay(t *testing.T) {
	t.Parallel()
	whole, err := readConfig(configFile(t, wholeExample(t)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := readConfig(configFile(t, exampleConfig+"\n[keypad]\n[lamp]\n[buzzer]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Keypad.Rows, whole.Keypad.Rows) || !slices.Equal(c.Keypad.Cols, whole.Keypad.Cols) {
		t.Errorf("keypad %+v", *c.Keypad)
	}
	if c.Lamp.Red != whole.Lamp.Red || c.Lamp.Green != whole.Lamp.Green || c.Lamp.Blue != whole.Lamp.Blue || c.Buzzer.Pin != whole.Buzzer.Pin {
		t.Errorf("lamp %+v, buzzer %+v", *c.Lamp, *c.Buzzer)
	}
	if c.Keys.holds() != nil || c.Sound != nil || c.Companion != nil || c.Card != nil {
		t.Errorf("there is what nobody named: %+v", c)
	}
	// Without sound there still is a volume, for the buzzer.
	if v := c.Sound.volumes(); v != signals.DefaultVolume() || c.Sound.speaks() {
		t.Errorf("volume %+v", v)
	}
	if names := c.keyNames(); len(names) != 12 || names[0] != agent.Key0 || names[11] != agent.KeyClear {
		t.Errorf("the keys are %v", names)
	}
}

// TestEveryMistakeNamesItsKey.
func TestEveryMistakeNamesItsKey(t *testing.T) {
	t.Parallel()
	whole := wholeExample(t)
	change := func(old, text string) string {
		if strings.Count(whole, old) != 1 {
			t.Fatalf("the example has %q %d times", old, strings.Count(whole, old))
		}
		return strings.Replace(whole, old, text, 1)
	}
	for says, text := range map[string]string{
		`language: there is no language "fr": known are [en hi]`:                        change(`language = "hi"`, `language = "fr"`),
		`key-file: "galla.key" is not an absolute path`:                                 change(`"/run/tpm/galla.key"`, `"galla.key"`),
		`panel.kind: unknown panel kind "crt": known are st7789`:                        change(`kind = "st7789"`, `kind = "crt"`),
		"panel.busy: st7789 has no line BUSY":                                           change(`# busy = "GPIO24"`, `busy = "GPIO26"`),
		"panel.max-speed-hz: 1 is not within ":                                          change("max-speed-hz = 32000000", "max-speed-hz = 1"),
		"companion.kind is missing":                                                     change(`kind = "ssd1306"`, ""),
		"companion.dc is missing":                                                       change(`dc   = "GPIO24"`, ""),
		"companion.kind: waveshare2in13v3 is made for the QR":                           change(`kind = "ssd1306"`, `kind = "waveshare2in13v3"`),
		`panel.spi and companion.spi are the same port "SPI0.0"`:                        change(`"SPI0.1"`, `"SPI0.0"`),
		`companion.dc and panel.dc have the same pin "GPIO25"`:                          change(`dc   = "GPIO24"`, `dc   = "GPIO25"`),
		`keys: agent: there is no key "cash": known are [accept reject`:                 change(`accept = "GPIO5"`, `cash = "GPIO5"`),
		"keys.accept names no pin":                                                      change(`accept = "GPIO5"`, `accept = ""`),
		"keys.accept is not the name of a pin":                                          change(`accept = "GPIO5"`, `accept = 5`),
		`keys.accept and panel.bl have the same pin "GPIO18"`:                           change(`accept = "GPIO5"`, `accept = "GPIO18"`),
		`SPI0 and keys.accept have the same pin "GPIO10"`:                               change(`accept = "GPIO5"`, `accept = "GPIO10"`),
		`keys.accept and panel.spi have the same pin "GPIO8"`:                           change(`accept = "GPIO5"`, `accept = "GPIO8"`),
		`keys: agent: there is no key "9a"`:                                             change(`accept = "GPIO5"`, `9a = "GPIO5"`),
		"keys.ok is on the keypad already":                                              change(`repeat = "GPIO3"`, `ok = "GPIO3"`),
		"unknown key keys.long":                                                         change("[keys.hold]", "[keys.long]"),
		`keys.hold: agent: there is no key "cash"`:                                      change(`ok     = "repeat"`, `cash = "repeat"`),
		"keys.hold.ok: agent: there is no key":                                          change(`ok     = "repeat"`, `ok = "again"`),
		"keys.hold.ok is the key itself":                                                change(`ok     = "repeat"`, `ok = "ok"`),
		"keys.hold.ok is not the name of a key":                                         change(`ok     = "repeat"`, `ok = 1`),
		"keys.hold.card: there is no such key on this terminal":                         change(`ok     = "repeat"`, `card = "repeat"`),
		"keypad has 4 rows and 2 cols, it must have 4 and 3":                            change(`"GPIO4", "GPIO2", "GPIO19"`, `"GPIO4", "GPIO2"`),
		"keypad.cols: number 2 names no pin":                                            change(`"GPIO4", "GPIO2", "GPIO19"`, `"GPIO4", "", "GPIO19"`),
		`number 2 of keypad.cols and number 3 of keypad.cols have the same pin "GPIO2"`: change(`"GPIO4", "GPIO2", "GPIO19"`, `"GPIO4", "GPIO2", "GPIO2"`),
		`keys.repeat and lamp.red have the same pin "GPIO3"`:                            change(`red   = "GPIO22"`, `red = "GPIO3"`),
		`buzzer.pin and lamp.red have the same pin "GPIO22"`:                            change(`pin = "GPIO12"`, `pin = "GPIO22"`),
		"sound.volume: 101 is not within 0 to 100":                                      change("volume       = 80", "volume = 101"),
		"sound.quiet-volume: -1 is not within 0 to 100":                                 change("quiet-volume = 30", "quiet-volume = -1"),
		`quiet hours are written as "22:00-07:00"`:                                      change(`"22:00-07:00"`, `"at night"`),
		"sound.quiet-hours":                                                             change(`"22:00-07:00"`, `"25:00-07:00"`),
		"card.reader is missing: a serial device or tcp://HOST:PORT":                    change(`reader = "/dev/ttyUSB0"`, ""),
		"card.reader: a card reader's address is written tcp://HOST:PORT":               strings.Replace(change(`reader = "/dev/ttyUSB0"`, `reader = "udp://x:1"`), "baud   = 115200", "", 1),
		"card.baud: tcp://10.0.0.7:4000 has no speed":                                   change(`reader = "/dev/ttyUSB0"`, `reader = "tcp://10.0.0.7:4000"`),
		"card.baud: ":             change("baud   = 115200", "baud = 1234"),
		"unknown key lamp.yellow": change(`red   = "GPIO22"`, `yellow = "GPIO22"`),
	} {
		path := configFile(t, text)
		code, out, errs := call(t, "run", "--config", path)
		if code != exitUsage || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, path) || !strings.Contains(errs, says) {
			t.Errorf("exit %d, %q\nwant %q", code, errs, says)
		}
	}
}

// TestEveryPanelIsInTheExample: a new kind is mentioned there.
func TestEveryPanelIsInTheExample(t *testing.T) {
	t.Parallel()
	for _, k := range panel.Kinds() {
		if !strings.Contains(exampleConfig, k.Name) {
			t.Errorf("%s is not mentioned", k.Name)
		}
	}
	for _, key := range agent.AllKeys() {
		if name := string(key); len(name) > 1 && !strings.Contains(exampleConfig, name) {
			t.Errorf("key %s is not mentioned", name)
		}
	}
}
