package panel

import (
	"image"
	"image/color"
)

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

// toRGB565 drops the low bits; what is transparent counts as over black.
func toRGB565(c color.Color) color.Color {
	r, g, b, _ := c.RGBA()
	return RGB565(pack(r, g, b))
}

func pack(r, g, b uint32) uint16 {
	return uint16(r>>11<<11 | g>>10<<5 | b>>11)
}

// windowCost is how many pixels could be sent in the time that opening one more
// window takes: five transfers of about 30 us each on a Raspberry Pi at 32 MHz.
const windowCost = 300

// frame is the shadow of the glass: what is on it, or is being sent.
type frame struct {
	size image.Point
	pix  []uint16
	// changed are the windows to send, top to bottom, none overlapping. It is
	// kept between draws to spare the allocation.
	changed []image.Rectangle
	// unknown is set while the glass may differ from pix: a transfer failed.
	unknown bool
}

func newFrame(size image.Point) *frame {
	return &frame{size: size, pix: make([]uint16, size.X*size.Y)}
}

func (f *frame) bounds() image.Rectangle { return image.Rectangle{Max: f.size} }

// put copies src into the shadow and notes in f.changed what has to be sent.
func (f *frame) put(dst image.Rectangle, src image.Image, sp image.Point) {
	f.changed = f.changed[:0]
	shift := sp.Sub(dst.Min) // from a point of the glass to its point of src
	r := dst.Intersect(f.bounds()).Intersect(src.Bounds().Sub(shift))
	rgba, fast := src.(*image.RGBA)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := f.pix[y*f.size.X:][r.Min.X:r.Max.X]
		var first, last int
		if fast {
			first, last = putRGBA(row, rgba.Pix[rgba.PixOffset(r.Min.X+shift.X, y+shift.Y):])
		} else {
			first, last = putAny(row, src, r.Min.X+shift.X, y+shift.Y)
		}
		if first < last {
			f.add(image.Rect(r.Min.X+first, y, r.Min.X+last, y+1))
		}
	}
	if f.unknown {
		f.changed = append(f.changed[:0], f.bounds())
	}
}

// putRGBA converts one row and returns the range [first, last) that changed.
func putRGBA(row []uint16, pix []byte) (first, last int) {
	pix = pix[:4*len(row)]
	first = len(row)
	for x := range row {
		p := pix[4*x : 4*x+3 : 4*x+3]
		v := uint16(p[0]>>3)<<11 | uint16(p[1]>>2)<<5 | uint16(p[2]>>3)
		if row[x] != v {
			row[x] = v
			first = min(first, x)
			last = x + 1
		}
	}
	return first, last
}

// putAny is putRGBA for any other kind of image.
func putAny(row []uint16, src image.Image, sx, sy int) (first, last int) {
	first = len(row)
	for x := range row {
		r, g, b, _ := src.At(sx+x, sy).RGBA()
		if v := pack(r, g, b); row[x] != v {
			row[x] = v
			first = min(first, x)
			last = x + 1
		}
	}
	return first, last
}

// add appends one changed row, joined to the window above it when sending the
// unchanged pixels between costs less than opening another window.
func (f *frame) add(row image.Rectangle) {
	if n := len(f.changed); n > 0 {
		above := f.changed[n-1]
		if both := above.Union(row); area(both)-area(above)-area(row) <= windowCost {
			f.changed[n-1] = both
			return
		}
	}
	f.changed = append(f.changed, row)
}

func area(r image.Rectangle) int { return r.Dx() * r.Dy() }
