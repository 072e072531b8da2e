package panel

import "image/color"

// format is how a chip takes pixels.
type format struct {
	bytes  int    // a pixel on the wire
	mask   uint32 // the bits of 0xRRGGBB that can be shown
	colmod byte   // the parameter of COLMOD
	model  color.Model
}

func formatRGB565() format {
	return format{bytes: 2, mask: 0xf8fcf8, colmod: colmod565, model: color.ModelFunc(toRGB565)}
}

func formatRGB666() format {
	return format{bytes: 3, mask: 0xfcfcfc, colmod: colmod666, model: color.ModelFunc(toRGB666)}
}

// RGB565 is the colour of 16-bit panels: 5 bits red, 6 green, 5 blue, from the
// top. It has no transparency.
type RGB565 uint16

// RGBA implements color.Color; full intensity comes back as 0xffff.
func (c RGB565) RGBA() (r, g, b, a uint32) {
	r5, g6, b5 := uint32(c>>11), uint32(c>>5&0x3f), uint32(c&0x1f)
	r = (r5<<3 | r5>>2) * 0x101
	g = (g6<<2 | g6>>4) * 0x101
	b = (b5<<3 | b5>>2) * 0x101
	return r, g, b, 0xffff
}

// RGB666 is the colour of 18-bit panels: 0xRRGGBB with six bits a colour, at the
// top of each byte. It has no transparency.
type RGB666 uint32

// RGBA implements color.Color; full intensity comes back as 0xffff.
func (c RGB666) RGBA() (r, g, b, a uint32) {
	spread := func(six uint32) uint32 { return (six<<2 | six>>4) * 0x101 }
	return spread(uint32(c >> 18 & 0x3f)), spread(uint32(c >> 10 & 0x3f)), spread(uint32(c >> 2 & 0x3f)), 0xffff
}

// toRGB565 drops the low bits; what is transparent counts as over black.
func toRGB565(c color.Color) color.Color {
	r, g, b, _ := c.RGBA()
	return RGB565(word(pack(r, g, b)))
}

// toRGB666 drops the low bits; what is transparent counts as over black.
func toRGB666(c color.Color) color.Color {
	r, g, b, _ := c.RGBA()
	return RGB666(pack(r, g, b) & 0xfcfcfc)
}

// pack makes 0xRRGGBB of what color.Color has.
func pack(r, g, b uint32) uint32 { return r>>8<<16 | g>>8<<8 | b>>8 }

// word makes RGB565 of 0xRRGGBB.
func word(p uint32) uint16 {
	return uint16(p>>19&0x1f<<11 | p>>10&0x3f<<5 | p>>3&0x1f)
}
