package main

import (
	"errors"
	"fmt"
	"image"
	"sync"
	"testing"

	"github.com/galla-pay/galla/agent/board/boardtest"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// bench is a device whose parts are emulated, found by the names of their lines.
type bench struct {
	broken error // of Init
	mu     sync.Mutex
	pins   map[string]gpio.PinIO
	ports  map[string]spi.PortCloser
}

func newBench() *bench {
	return &bench{pins: map[string]gpio.PinIO{}, ports: map[string]spi.PortCloser{}}
}

func (b *bench) Init() error { return b.broken }

func (b *bench) Pin(name string) gpio.PinIO {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pins[name] // a nil interface where there is none
}

func (b *bench) Port(name string) (spi.PortCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if port, ok := b.ports[name]; ok {
		return port, nil
	}
	return nil, fmt.Errorf("there is no port %q", name)
}

// wire connects a pin of a part; an output is a line that can be driven only.
func (b *bench) wire(name string, pin any) {
	switch pin := pin.(type) {
	case gpio.PinIO:
		b.pins[name] = pin
	case gpio.PinOut:
		b.pins[name] = output{gpio.INVALID, pin}
	case gpio.PinIn:
		b.pins[name] = input{gpio.INVALID, pin}
	default:
		panic(fmt.Sprintf("%s is wired to %T", name, pin))
	}
}

// output is a line that a part listens to.
type output struct {
	gpio.PinIO // what is not used here is not there
	to         gpio.PinOut
}

func (o output) Out(l gpio.Level) error                    { return o.to.Out(l) }
func (o output) PWM(d gpio.Duty, f physic.Frequency) error { return o.to.PWM(d, f) }
func (o output) Halt() error                               { return o.to.Halt() }
func (o output) String() string                            { return o.to.String() }
func (o output) Name() string                              { return o.to.Name() }

// input is a line that a part drives.
type input struct {
	gpio.PinIO
	from gpio.PinIn
}

func (i input) In(pull gpio.Pull, edge gpio.Edge) error { return i.from.In(pull, edge) }
func (i input) Read() gpio.Level                        { return i.from.Read() }
func (i input) String() string                          { return i.from.String() }

// chip is what every emulated module can do.
type chip interface {
	spi.PortCloser
	Pins() panel.Pins
	Image() *image.RGBA
	Lit() bool
	SetStuck(bool)
	Misuse() []error
}

// modules are the emulated modules by the names of their kinds.
func modules() map[string]chip {
	return map[string]chip{
		"st7789":            paneltest.NewST7789(),
		"ili9341":           paneltest.NewILI9341(),
		"ili9488":           paneltest.NewILI9488(false),
		"ili9488-landscape": paneltest.NewILI9488(true),
		"ssd1306":           paneltest.NewSSD1306(),
		"waveshare2in13v3":  paneltest.NewEPaper(),
	}
}

// plug connects a panel to a port, with its lines named after it: "SPI0.0 DC".
func (b *bench) plug(port string, c chip) {
	b.ports[port] = c
	pins := c.Pins()
	b.wire(port+" DC", pins.DC)
	if pins.RST != nil {
		b.wire(port+" RST", pins.RST)
	}
	if pins.BL != nil {
		b.wire(port+" BL", pins.BL)
	}
	if pins.Busy != nil {
		b.wire(port+" BUSY", pins.Busy)
	}
}

// counter is a bench with all that a terminal can have: a display at SPI0.0, a
// companion at SPI0.1, two buttons, a keypad, a lamp and a buzzer.
type counter struct {
	*bench
	glass, companion chip
	accept, reject   *boardtest.Button
	keypad           *boardtest.Keypad
	lamp             *boardtest.LED
	buzzer           *boardtest.Buzzer
}

func newCounter() *counter {
	c := &counter{
		bench: newBench(), glass: paneltest.NewST7789(), companion: paneltest.NewSSD1306(),
		accept: boardtest.NewButton("accept"), reject: boardtest.NewButton("reject"),
		keypad: boardtest.NewKeypad(4, 3), lamp: boardtest.NewLED(false), buzzer: boardtest.NewBuzzer(),
	}
	c.plug("SPI0.0", c.glass)
	c.plug("SPI0.1", c.companion)
	c.wire("A", c.accept.Pin)
	c.wire("B", c.reject.Pin)
	for i := range 4 {
		c.wire(fmt.Sprintf("R%d", i+1), c.keypad.Row(i))
	}
	for i := range 3 {
		c.wire(fmt.Sprintf("C%d", i+1), c.keypad.Col(i))
	}
	c.wire("LR", c.lamp.Red)
	c.wire("LG", c.lamp.Green)
	c.wire("LB", c.lamp.Blue)
	c.wire("BZ", c.buzzer.Output)
	return c
}

// wellUsed fails the test when a driver did what harms a real part.
func (c *counter) wellUsed(t *testing.T) {
	t.Helper()
	for _, err := range append(c.glass.Misuse(), c.companion.Misuse()...) {
		t.Error(err)
	}
	for _, what := range append(append(c.accept.Misuse(), c.reject.Misuse()...), c.keypad.Misuse()...) {
		t.Error(errors.New(what))
	}
}

// counterConfig is the configuration of a counter, without dir's brokers.
func counterConfig(dir string, more ...string) string {
	text := displayConfig(dir, more...) + `
[companion]
kind = "ssd1306"
spi = "SPI0.1"
dc = "SPI0.1 DC"
rst = "SPI0.1 RST"
[keys]
accept = "A"
reject = "B"
[keys.hold]
[keypad]
rows = ["R1", "R2", "R3", "R4"]
cols = ["C1", "C2", "C3"]
[lamp]
red = "LR"
green = "LG"
blue = "LB"
[buzzer]
pin = "BZ"
`
	return text
}

// displayConfig is that of a display alone; more are lines before its tables.
func displayConfig(dir string, more ...string) string {
	text := fmt.Sprintf("merchant = %q\nstore = %q\nterminal = %q\ndata-dir = %q\n",
		sessiontest.ID.MerchantID, sessiontest.ID.StoreID, sessiontest.ID.TerminalID, dir)
	for _, line := range more {
		text += line + "\n"
	}
	return text + `[panel]
kind = "st7789"
spi = "SPI0.0"
dc = "SPI0.0 DC"
rst = "SPI0.0 RST"
bl = "SPI0.0 BL"
`
}

// emulated is a keeper on a chip.
func emulated(chip chip) (*keeper, error) {
	on := newBench()
	on.plug("SPI0.0", chip)
	return panelConfig{Kind: "st7789", SPI: "SPI0.0", DC: "SPI0.0 DC", RST: "SPI0.0 RST", BL: "SPI0.0 BL"}.open(on, "panel")
}
