package paneltest

// ST7789 is a 240x320 IPS module with a Sitronix ST7789 on 4-wire SPI. Give it
// to panel.NewST7789 as port, with the pins of Pins. Make one with NewST7789.
//
// It understands NOP, SWRESET, SLPIN, SLPOUT, NORON, INVOFF, INVON, DISPOFF,
// DISPON, CASET, RASET, RAMWR, MADCTL (MY, MX, MV, BGR), COLMOD (16 bits a
// pixel) and RAMWRC. Anything else is Misuse and changes nothing.
type ST7789 struct{ dcs }

// NewST7789 returns a module as it is when power comes on.
func NewST7789() *ST7789 {
	c := new(ST7789)
	c.init(model{name: "ST7789", width: 240, height: 320, depth: 16, inverse: true})
	return c
}

// Memory returns a copy of frame memory, RGB565, row by row of 240 as the glass
// is, whether or not anything of it can be seen.
func (c *ST7789) Memory() []uint16 { return c.words() }
