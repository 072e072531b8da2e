package paneltest

// ILI9341 is a 240x320 TN module with an Ilitek ILI9341 on 4-wire SPI. Its glass
// is mounted as on the common modules: mirrored, with blue first. Give it to
// panel.NewILI9341 as port, with the pins of Pins. Make one with NewILI9341.
//
// It understands what ST7789 does, and the voltage and gamma commands PWCTRL1,
// PWCTRL2, VMCTRL1, VMCTRL2, GAMSET, PGAMCTRL and NGAMCTRL, of which it counts
// the parameters.
type ILI9341 struct{ dcs }

// NewILI9341 returns a module as it is when power comes on.
func NewILI9341() *ILI9341 {
	c := new(ILI9341)
	c.init(model{
		name: "ILI9341", width: 240, height: 320, depth: 16, mirrored: true, blueFirst: true,
		tables: map[byte]int{0xc0: 1, 0xc1: 1, 0xc5: 2, 0xc7: 1, 0x26: 1, 0xe0: 15, 0xe1: 15},
	})
	return c
}

// Memory returns a copy of what frame memory lays on the glass, RGB565, row by
// row of 240, whether or not anything of it can be seen.
func (c *ILI9341) Memory() []uint16 { return c.words() }
