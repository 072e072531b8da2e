package board

import (
	"fmt"
	"strings"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/panel"
)

// Part is something that is wired to the header beside the panel, with the pins
// that it has where a configuration names no others. No part shares a pin with
// another, nor with any panel, nor with the serial port of a card machine (GPIO14
// and 15).
type Part struct {
	Name  string // "buttons", "keypad", "lamp" or "buzzer"
	Title string // what to buy, for people
	Wires []panel.Wire
}

// Parts lists them, in the order to show them. Keys are on pins that are pulled up
// from power-on or get their pull-up from the driver; lamp and buzzer are on pins
// that are pulled down, so that they are dark and silent before the driver runs.
func Parts() []Part {
	return []Part{
		{
			Name: "buttons", Title: "Push buttons, one side to the pin, the other to ground",
			Wires: []panel.Wire{
				{Pin: string(agent.KeyAccept), Host: "GPIO5", Header: 29, Note: "accept, to the right; held 3 s: the next language"},
				{Pin: string(agent.KeyReject), Host: "GPIO6", Header: 31, Note: "reject, to the left; held 3 s: the self-test"},
				{Pin: string(agent.KeyRepeat), Host: "GPIO3", Header: 5, Optional: true, Note: "says the last payment again"},
				{Pin: "GND", Host: "GND", Header: 30, Note: "the buttons' other side"},
			},
		},
		{
			Name: "keypad", Title: "4x3 matrix keypad, passive: 1 to 9, *, 0, #",
			Wires: []panel.Wire{
				{Pin: "R1", Host: "GPIO16", Header: 36, Note: "row 1 2 3"},
				{Pin: "R2", Host: "GPIO20", Header: 38, Note: "row 4 5 6"},
				{Pin: "R3", Host: "GPIO21", Header: 40, Note: "row 7 8 9"},
				{Pin: "R4", Host: "GPIO26", Header: 37, Note: "row * 0 #; * is clear, held 3 s: voice off or on; # is OK, held 3 s: the last payment again"},
				{Pin: "C1", Host: "GPIO4", Header: 7, Note: "column 1 4 7 *"},
				{Pin: "C2", Host: "GPIO2", Header: 3, Note: "column 2 5 8 0; a clock module on I2C cannot be used beside it"},
				{Pin: "C3", Host: "GPIO19", Header: 35, Note: "column 3 6 9 #"},
			},
		},
		{
			Name: "lamp", Title: "RGB LED with a common cathode, or a LED of one colour on any of its lines",
			Wires: []panel.Wire{
				{Pin: "RED", Host: "GPIO22", Header: 15, Optional: true, Note: "red, through 330 ohm"},
				{Pin: "GREEN", Host: "GPIO23", Header: 16, Optional: true, Note: "green, through 330 ohm"},
				{Pin: "BLUE", Host: "GPIO13", Header: 33, Optional: true, Note: "blue, through 330 ohm"},
				{Pin: "GND", Host: "GND", Header: 14, Note: "the common leg"},
			},
		},
		{
			Name: "buzzer", Title: "Active buzzer module for 3.3 V, high is on",
			Wires: []panel.Wire{
				{Pin: "VCC", Host: "3V3", Header: 17, Note: "3.3 V, never 5 V"},
				{Pin: "SIG", Host: "GPIO12", Header: 32, Note: "high sounds"},
				{Pin: "GND", Host: "GND", Header: 34, Note: "ground"},
			},
		},
	}
}

// LookupPart returns the part of that name; the error names those that there are.
func LookupPart(name string) (Part, error) {
	var known []string
	for _, p := range Parts() {
		if p.Name == name {
			return p, nil
		}
		known = append(known, p.Name)
	}
	return Part{}, fmt.Errorf("there is no part %q: known are %s", name, strings.Join(known, ", "))
}

// Wire returns the line of that name.
func (p Part) Wire(pin string) (panel.Wire, bool) {
	for _, w := range p.Wires {
		if w.Pin == pin {
			return w, true
		}
	}
	return panel.Wire{}, false
}

// WiringTable renders what a field engineer needs of a part as Markdown, in the
// columns of panel.Kind.WiringTable.
func (p Part) WiringTable() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### `%s`: %s\n\n", p.Name, p.Title)
	b.WriteString("| Part | Raspberry Pi | Header pin | Needed | What for |\n|---|---|---|---|---|\n")
	for _, w := range p.Wires {
		needed := "yes"
		if w.Optional {
			needed = "no"
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s |\n", w.Pin, w.Host, w.Header, needed, w.Note)
	}
	return b.String()
}
