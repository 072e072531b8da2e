package panel

import (
	"image"
	"image/color"

	"periph.io/x/devices/v3/ssd1306/image1bit"
)

// mono is the shadow of a glass that knows black and white.
type mono struct {
	*image1bit.VerticalLSB
}

// newMono makes a shadow that is black, or white.
func newMono(size image.Point, white bool) mono {
	m := mono{image1bit.NewVerticalLSB(image.Rectangle{Max: size})}
	if white {
		for i := range m.Pix {
			m.Pix[i] = 0xff
		}
	}
	return m
}

// put copies src into the shadow and returns the smallest rectangle that holds
// every pixel that changed, and how many did.
func (m mono) put(dst image.Rectangle, src image.Image, sp image.Point) (changed image.Rectangle, pixels int) {
	shift := sp.Sub(dst.Min) // from a point of the glass to its point of src
	r := dst.Intersect(m.Rect).Intersect(src.Bounds().Sub(shift))
	rgba, fast := src.(*image.RGBA)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			var bit image1bit.Bit
			if fast {
				p := rgba.RGBAAt(x+shift.X, y+shift.Y)
				bit = bright(uint32(p.R)*0x101, uint32(p.G)*0x101, uint32(p.B)*0x101)
			} else {
				red, green, blue, _ := src.At(x+shift.X, y+shift.Y).RGBA()
				bit = bright(red, green, blue)
			}
			if m.BitAt(x, y) != bit {
				m.SetBit(x, y, bit)
				changed = changed.Union(image.Rect(x, y, x+1, y+1))
				pixels++
			}
		}
	}
	return changed, pixels
}

// bright is the threshold between black and white: half of the luminance, as
// color.GrayModel weighs it (JFIF), of eight bits a colour, so that a picture gives
// the same whatever kind of image.Image holds it. There is no dithering: dots
// between the modules of a QR and in thin type do harm.
func bright(r, g, b uint32) image1bit.Bit {
	r, g, b = (r>>8)*0x101, (g>>8)*0x101, (b>>8)*0x101
	return (19595*r+38470*g+7471*b+1<<15)>>16 >= 0x8000
}

// toBit is the colour model; what is transparent counts as over black.
func toBit(c color.Color) color.Color {
	r, g, b, _ := c.RGBA()
	return bright(r, g, b)
}
