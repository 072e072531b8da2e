package panel

import "image"

// windowCost is how many pixels could be sent in the time that opening one more
// window takes: five transfers of about 30 us each on a Raspberry Pi at 32 MHz.
const windowCost = 300

// frame is the shadow of the glass: what is on it, or is being sent.
type frame struct {
	size   image.Point
	format format
	pix    []uint32 // 0xRRGGBB, of which only the bits that the format has
	// changed are the windows to send, top to bottom, none overlapping. It is
	// kept between draws to spare the allocation.
	changed []image.Rectangle
	// unknown is set while the glass may differ from pix: a transfer failed.
	unknown bool
}

func newFrame(size image.Point, f format) *frame {
	return &frame{size: size, format: f, pix: make([]uint32, size.X*size.Y)}
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
			first, last = f.putRGBA(row, rgba.Pix[rgba.PixOffset(r.Min.X+shift.X, y+shift.Y):])
		} else {
			first, last = f.putAny(row, src, r.Min.X+shift.X, y+shift.Y)
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
func (f *frame) putRGBA(row []uint32, pix []byte) (first, last int) {
	pix = pix[:4*len(row)]
	first = len(row)
	for x := range row {
		p := pix[4*x : 4*x+3 : 4*x+3]
		v := (uint32(p[0])<<16 | uint32(p[1])<<8 | uint32(p[2])) & f.format.mask
		if row[x] != v {
			row[x] = v
			first = min(first, x)
			last = x + 1
		}
	}
	return first, last
}

// putAny is putRGBA for any other kind of image.
func (f *frame) putAny(row []uint32, src image.Image, sx, sy int) (first, last int) {
	first = len(row)
	for x := range row {
		r, g, b, _ := src.At(sx+x, sy).RGBA()
		if v := pack(r, g, b) & f.format.mask; row[x] != v {
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
