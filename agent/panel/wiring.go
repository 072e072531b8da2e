package panel

import (
	"fmt"
	"strings"

	"periph.io/x/conn/v3/physic"
)

// Wire is one line between a panel and the 40-pin header of a Raspberry Pi.
type Wire struct {
	Pin      string // as the module's print says, for example "DC"
	Host     string // "GPIO25", "3V3" or "GND"; a GPIO is named so in configuration
	Header   int    // the header's pin, 1 to 40
	Optional bool   // may be left out
	Note     string // for people
}

// wiresBus are what every panel on SPI0.0 needs.
func wiresBus(vcc, clock, data, chipSelect string) []Wire {
	return []Wire{
		{Pin: vcc, Host: "3V3", Header: 1, Note: "3.3 V, never 5 V"},
		{Pin: "GND", Host: "GND", Header: 6, Note: "ground"},
		{Pin: clock, Host: "GPIO11", Header: 23, Note: "SPI0 clock"},
		{Pin: data, Host: "GPIO10", Header: 19, Note: "SPI0 data to the panel"},
		{Pin: chipSelect, Host: "GPIO8", Header: 24, Note: "SPI0 chip select 0"},
		{Pin: "DC", Host: "GPIO25", Header: 22, Note: "data or command"},
	}
}

func wiresDCS() []Wire {
	return append(wiresBus("VCC", "SCL", "SDA", "CS"),
		Wire{Pin: "RST", Host: "GPIO27", Header: 13, Optional: true, Note: "reset; else tied to 3.3 V"},
		Wire{Pin: "BL", Host: "GPIO18", Header: 12, Optional: true, Note: "backlight; else tied to 3.3 V"},
	)
}

func wiresSSD1306() []Wire {
	return append(wiresBus("VCC", "D0", "D1", "CS"),
		Wire{Pin: "RST", Host: "GPIO27", Header: 13, Optional: true,
			Note: "reset; else tied to 3.3 V, and a panel that does not answer cannot be made dark"},
	)
}

func wiresEPaper() []Wire {
	return append(wiresBus("VCC", "CLK", "DIN", "CS"),
		Wire{Pin: "RST", Host: "GPIO17", Header: 11, Note: "reset; it alone wakes the chip"},
		Wire{Pin: "BUSY", Host: "GPIO24", Header: 18, Note: "high while the glass works"},
	)
}

// Wire returns the line of that print.
func (k Kind) Wire(pin string) (Wire, bool) {
	for _, w := range k.Wires {
		if w.Pin == pin {
			return w, true
		}
	}
	return Wire{}, false
}

// WiringTable renders what a field engineer needs of a kind as Markdown: what to
// buy, its facts, and each line with its pin of the header.
func (k Kind) WiringTable() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### `%s`: %s\n\n", k.Name, k.Title)
	fmt.Fprintf(&b, "%dx%d pixels, %s, %s wide (%s a pixel). SPI mode %d, %s to %s. ",
		k.Size.X, k.Size.Y, k.Colour, millimetres(k.ActiveWidth), millimetres(k.ActiveWidth/physic.Distance(k.Size.X)),
		int(k.Mode), k.Slowest, k.Fastest)
	if k.ShowsQR {
		b.WriteString("Shows payment QRs.\n\n")
	} else {
		b.WriteString("**Never shows a payment QR.**\n\n")
	}
	b.WriteString("| Panel | Raspberry Pi | Header pin | Needed | What for |\n|---|---|---|---|---|\n")
	for _, w := range k.Wires {
		needed := "yes"
		if w.Optional {
			needed = "no"
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s |\n", w.Pin, w.Host, w.Header, needed, w.Note)
	}
	return b.String()
}

// millimetres writes a length with two decimals, three below a millimetre.
func millimetres(d physic.Distance) string {
	micro := int64(d / physic.MicroMetre)
	if micro < 1000 {
		return fmt.Sprintf("0.%03d mm", micro)
	}
	return fmt.Sprintf("%d.%02d mm", micro/1000, micro%1000/10)
}
