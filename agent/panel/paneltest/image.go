package paneltest

import "image"

// Lit reports whether the backlight is on.
func (c *dcs) Lit() bool { return bool(c.BL.Level()) }

// Image returns what a person sees: black while the light is out, the chip
// sleeps or its output is off; upright, as the module stands. Where the glass is an inverse one, it shows true
// colours after INVON and the negative without it.
func (c *dcs) Image() *image.RGBA {
	c.mu.Lock()
	defer c.mu.Unlock()
	w, h := c.model.width, c.model.height
	if c.model.turned {
		w, h = h, w
	}
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	seen := c.awake && c.displays && c.Lit()
	for i, v := range c.gram {
		x, y := i%c.model.width, i/c.model.width
		if c.model.turned {
			x, y = y, c.model.width-1-x
		}
		at := img.PixOffset(x, y)
		p := img.Pix[at : at+4 : at+4]
		p[3] = 0xff
		if !seen {
			continue
		}
		if c.inverted != c.model.inverse {
			v = ^v
		}
		r, g, b := c.colours(v)
		if (c.madctl&madctlBGR != 0) != c.model.blueFirst {
			r, b = b, r
		}
		p[0], p[1], p[2] = r, g, b
	}
	return img
}

// colours spreads a raw pixel over 8 bits each: the high bits come again at the
// bottom, so that full is 255.
func (c *dcs) colours(v uint32) (r, g, b byte) {
	if c.model.depth == 16 {
		r, g, b = byte(v>>11&0x1f), byte(v>>5&0x3f), byte(v&0x1f)
		return r<<3 | r>>2, g<<2 | g>>4, b<<3 | b>>2
	}
	r, g, b = byte(v>>18&0x3f), byte(v>>10&0x3f), byte(v>>2&0x3f)
	return r<<2 | r>>4, g<<2 | g>>4, b<<2 | b>>4
}

// words is frame memory of a chip with 16 bits a pixel.
func (c *dcs) words() []uint16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	words := make([]uint16, len(c.gram))
	for i, v := range c.gram {
		words[i] = uint16(v)
	}
	return words
}
