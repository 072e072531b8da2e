package paneltest

import "image"

// Lit reports whether the backlight is on.
func (c *ST7789) Lit() bool { return bool(c.BL.Level()) }

// Image returns what a person sees: black while the light is out, the chip
// sleeps or its output is off. The module is an IPS one: it shows true colours
// after INVON and the negative without it.
func (c *ST7789) Image() *image.RGBA {
	c.mu.Lock()
	defer c.mu.Unlock()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	seen := c.awake && c.displays && c.Lit()
	for i, v := range c.gram {
		p := img.Pix[4*i : 4*i+4 : 4*i+4]
		p[3] = 0xff
		if !seen {
			continue
		}
		if !c.inverted {
			v = ^v
		}
		r, g, b := byte(v>>11), byte(v>>5&0x3f), byte(v&0x1f)
		if c.madctl&madctlBGR != 0 {
			r, b = b, r
		}
		// The high bits come again at the bottom, so that full is 255.
		p[0], p[1], p[2] = r<<3|r>>2, g<<2|g>>4, b<<3|b>>2
	}
	return img
}

// Memory returns a copy of frame memory, RGB565, row by row of 240 as the glass
// is, whether or not anything of it can be seen.
func (c *ST7789) Memory() []uint16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]uint16(nil), c.gram...)
}
