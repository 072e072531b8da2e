package screen

import (
	"image"
	"math"
)

// iconName names a shape.
type iconName string

const (
	iconPlate  iconName = "plate"  // a rectangle with round corners
	iconDisc   iconName = "disc"   // a full circle
	iconTick   iconName = "tick"   // done
	iconCross  iconName = "cross"  // failed
	iconClock  iconName = "clock"  // time over
	iconBar    iconName = "bar"    // cancelled
	iconBang   iconName = "bang"   // fault
	iconBars   iconName = "bars"   // the link
	iconNoLink iconName = "nolink" // the link, struck through
	iconQR     iconName = "qr"     // pay by QR
	iconCard   iconName = "card"   // pay by card
	iconMuted  iconName = "muted"  // the voice is off
)

// iconKey is a shape at a size in pixels. All but plates are square.
type iconKey struct {
	name iconName
	w, h int
}

// icons keeps the masks of shapes. It is not safe for concurrent use.
type icons struct{ masks map[iconKey]*image.Alpha }

func newIcons() *icons { return &icons{masks: map[iconKey]*image.Alpha{}} }

// mask returns a shape's coverage.
func (i *icons) mask(k iconKey) *image.Alpha {
	m := i.masks[k]
	if m == nil {
		m = rasterise(k)
		i.masks[k] = m
	}
	return m
}

// shape is how far a point lies outside of a form; negative inside.
type shape func(x, y float64) float64

// rasterise turns the distance at each pixel's centre into its coverage. Icons
// are drawn on a grid of 96 by 96, plates in pixels.
func rasterise(k iconKey) *image.Alpha {
	m := image.NewAlpha(image.Rect(0, 0, k.w, k.h))
	scale := 96 / float64(k.w)
	form := icon(k.name)
	if k.name == iconPlate {
		scale = 1
		form = plate(0, 0, float64(k.w), float64(k.h), min(float64(k.h)/2, 10))
	}
	for y := range k.h {
		for x := range k.w {
			d := form((float64(x)+0.5)*scale, (float64(y)+0.5)*scale) / scale
			m.Pix[y*m.Stride+x] = byte(math.Round(255 * min(max(0.5-d, 0), 1)))
		}
	}
	return m
}

func icon(name iconName) shape {
	switch name {
	case iconDisc:
		return disc(48, 48, 48)
	case iconTick:
		return union(stroke(25, 50, 41, 66, 10), stroke(41, 66, 71, 34, 10))
	case iconCross:
		return union(stroke(31, 31, 65, 65, 10), stroke(65, 31, 31, 65, 10))
	case iconClock:
		return union(ring(48, 48, 42, 9), stroke(48, 25, 48, 50, 8), stroke(48, 50, 63, 59, 8))
	case iconBar:
		return union(ring(48, 48, 42, 9), stroke(30, 48, 66, 48, 10))
	case iconBang:
		return union(stroke(48, 24, 48, 52, 11), disc(48, 71, 7))
	case iconBars:
		return union(plate(4, 62, 24, 90, 5), plate(38, 36, 58, 90, 5), plate(72, 8, 92, 90, 5))
	case iconNoLink:
		struck := stroke(10, 8, 88, 90, 34)
		return union(except(icon(iconBars), struck), stroke(10, 8, 88, 90, 9))
	case iconMuted:
		cone := union(stroke(32, 48, 50, 28, 12), stroke(32, 48, 50, 68, 12), stroke(50, 26, 50, 70, 10), stroke(40, 48, 48, 48, 20))
		return union(plate(4, 34, 34, 62, 4), cone, stroke(66, 36, 90, 60, 9), stroke(90, 36, 66, 60, 9))
	case iconQR:
		finder := func(x, y float64) shape {
			return union(except(plate(x, y, x+34, y+34, 3), plate(x+7, y+7, x+27, y+27, 1)), plate(x+12, y+12, x+22, y+22, 1))
		}
		return union(finder(8, 8), finder(54, 8), finder(8, 54),
			plate(54, 54, 66, 66, 1), plate(76, 54, 88, 66, 1), plate(65, 65, 77, 77, 1), plate(54, 76, 66, 88, 1), plate(76, 76, 88, 88, 1))
	case iconCard:
		body := except(plate(4, 34, 92, 92, 8), plate(11, 41, 85, 85, 4))
		waves := except(union(ring(48, 34, 10, 5), ring(48, 34, 21, 5), ring(48, 34, 32, 5)), plate(0, 24, 96, 100, 1))
		return union(body, plate(8, 50, 88, 62, 1), plate(18, 70, 42, 76, 2), waves)
	}
	return func(float64, float64) float64 { return 1 }
}

func disc(cx, cy, r float64) shape {
	return func(x, y float64) float64 { return math.Hypot(x-cx, y-cy) - r }
}

// ring is a circle line; r is the middle of it.
func ring(cx, cy, r, width float64) shape {
	return func(x, y float64) float64 { return math.Abs(math.Hypot(x-cx, y-cy)-r) - width/2 }
}

// stroke is a line with round ends.
func stroke(x0, y0, x1, y1, width float64) shape {
	dx, dy := x1-x0, y1-y0
	return func(x, y float64) float64 {
		t := min(max(((x-x0)*dx+(y-y0)*dy)/(dx*dx+dy*dy), 0), 1)
		return math.Hypot(x-x0-t*dx, y-y0-t*dy) - width/2
	}
}

// plate is a rectangle with corners of radius r.
func plate(x0, y0, x1, y1, r float64) shape {
	cx, cy := (x0+x1)/2, (y0+y1)/2
	hx, hy := (x1-x0)/2-r, (y1-y0)/2-r
	return func(x, y float64) float64 {
		dx, dy := math.Abs(x-cx)-hx, math.Abs(y-cy)-hy
		return math.Hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - r
	}
}

func union(shapes ...shape) shape {
	return func(x, y float64) float64 {
		d := math.Inf(1)
		for _, s := range shapes {
			d = min(d, s(x, y))
		}
		return d
	}
}

func except(a, b shape) shape {
	return func(x, y float64) float64 { return max(a(x, y), -b(x, y)) }
}
