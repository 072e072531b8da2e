package paneltest

// ILI9488 is a 320x480 TN module with an Ilitek ILI9488 on 4-wire SPI. Its glass
// is mounted as on the common modules: mirrored, with blue first. Give it to
// panel.NewILI9488 as port, with the pins of Pins. Make one with NewILI9488.
//
// It understands what ST7789 does, but takes 18 bits a pixel in three bytes, the
// only depth of the real chip on this bus besides 3 bits; and the voltage and
// gamma commands PWCTRL1, PWCTRL2, VMCTRL, PGAMCTRL and NGAMCTRL, of which it
// counts the parameters.
type ILI9488 struct{ dcs }

// NewILI9488 returns a module as it is when power comes on: standing, or lying
// on its left edge. Only Image differs.
func NewILI9488(landscape bool) *ILI9488 {
	c := new(ILI9488)
	c.init(model{
		name: "ILI9488", width: 320, height: 480, depth: 18, mirrored: true, blueFirst: true, turned: landscape,
		tables: map[byte]int{0xc0: 2, 0xc1: 1, 0xc5: 3, 0xe0: 15, 0xe1: 15},
	})
	return c
}

// Memory returns a copy of what frame memory lays on the glass, row by row of
// 320, whether or not anything of it can be seen: 0xRRGGBB with six bits a
// colour, at the top of each byte.
func (c *ILI9488) Memory() []uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]uint32(nil), c.gram...)
}
