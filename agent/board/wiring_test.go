package board

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/panel"
)

var update = flag.Bool("update", false, "write the golden files anew")

// header is the 40-pin header of a Raspberry Pi: what is on each pin, from its
// datasheet. A number is that of a GPIO.
func header() map[int]string {
	all := map[int]string{1: "3V3", 17: "3V3", 2: "5V", 4: "5V"}
	for _, pin := range []int{6, 9, 14, 20, 25, 30, 34, 39} {
		all[pin] = "GND"
	}
	for pin, gpio := range map[int]int{
		3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 19: 10, 21: 9, 22: 25, 23: 11, 24: 8,
		26: 7, 27: 0, 28: 1, 29: 5, 31: 6, 32: 12, 33: 13, 35: 19, 36: 16, 37: 26, 38: 20, 40: 21,
	} {
		all[pin] = "GPIO" + strconv.Itoa(gpio)
	}
	return all
}

// TestNoPinTwice: everything can be wired at once, beside any panel and a card
// machine; and every line is where the header has it. Ground and supply are shared
// by name, not by pin.
func TestNoPinTwice(t *testing.T) {
	t.Parallel()
	pins := header()
	for _, kind := range panel.Kinds() {
		taken := map[int]string{8: "the serial port", 10: "the serial port", 21: "SPI0", 26: "SPI0", 27: "a HAT's memory", 28: "a HAT's memory"}
		add := func(part string, wires []panel.Wire) {
			seen := map[string]bool{}
			for _, w := range wires {
				name := part + " " + w.Pin
				if other, twice := taken[w.Header]; twice {
					t.Errorf("%s is on pin %d, as %s", name, w.Header, other)
				}
				taken[w.Header] = name
				if pins[w.Header] != w.Host {
					t.Errorf("%s: %s is not on pin %d, which is %s", name, w.Host, w.Header, pins[w.Header])
				}
				if seen[w.Pin] || w.Note == "" || strings.ContainsAny(w.Note+w.Pin, "|\n") {
					t.Errorf("%s is there twice, or has no note that a table can hold", name)
				}
				seen[w.Pin] = true
			}
		}
		add(kind.Name, kind.Wires)
		for _, p := range Parts() {
			add(p.Name, p.Wires)
		}
	}
}

// TestDarkAndSilentBeforeTheDriver: what sounds or shines is on a pin that the
// chip pulls down from power-on (BCM2835 datasheet, table 6-31: GPIO9 and above).
func TestDarkAndSilentBeforeTheDriver(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"lamp", "buzzer"} {
		p, err := LookupPart(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range p.Wires {
			if number, ok := strings.CutPrefix(w.Host, "GPIO"); ok {
				if n, err := strconv.Atoi(number); err != nil || n < 9 {
					t.Errorf("%s %s is on %s", name, w.Pin, w.Host)
				}
			}
		}
	}
}

// TestPartsAreWhatTheDriversTake: a button is named as its key, the keypad has the
// rows and columns of its keys, the lamp its three channels.
func TestPartsAreWhatTheDriversTake(t *testing.T) {
	t.Parallel()
	names := map[string][]string{}
	for _, p := range Parts() {
		for _, w := range p.Wires {
			if strings.HasPrefix(w.Host, "GPIO") {
				names[p.Name] = append(names[p.Name], w.Pin)
			}
			if got, ok := p.Wire(w.Pin); !ok || got != w {
				t.Errorf("%s %s is %+v", p.Name, w.Pin, got)
			}
		}
	}
	for _, key := range names["buttons"] {
		if _, err := agent.ParseKey(key); err != nil {
			t.Error(err)
		}
	}
	if keys := MatrixKeys(); len(keys) != 4 || len(keys[0]) != 3 || strings.Join(names["keypad"], " ") != "R1 R2 R3 R4 C1 C2 C3" {
		t.Errorf("the keypad has %v", names["keypad"])
	}
	if strings.Join(names["lamp"], " ") != "RED GREEN BLUE" || strings.Join(names["buzzer"], " ") != "SIG" || len(names) != 4 {
		t.Errorf("the parts have %v", names)
	}
	buttons, _ := LookupPart("buttons")
	if _, ok := buttons.Wire("ok"); ok {
		t.Error("there is a line that there is not")
	}
	if _, err := LookupPart("siren"); err == nil || !strings.Contains(err.Error(), `"siren": known are buttons, keypad, lamp, buzzer`) {
		t.Errorf("a part that there is not: %v", err)
	}
}

// TestWiringTables are what the field guide prints.
func TestWiringTables(t *testing.T) {
	t.Parallel()
	for _, p := range Parts() {
		path := filepath.Join("testdata", "wiring", p.Name+".md")
		got := p.WiringTable()
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s", p.Name, got, want)
		}
	}
}
