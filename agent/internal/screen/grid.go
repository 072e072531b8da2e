package screen

import (
	"image"
	"image/color"
)

// The upright panels (terminal-ux: 240x320 portrait, 320x480 portrait). Both have
// the bands status, amount, body and footer; only their heights differ.
var (
	portrait240Size = image.Pt(240, 320)
	portrait240Card = image.Rect(7, 64, 233, 290)
	portrait240Link = image.Rect(46, 104, 194, 252)
	portrait320Size = image.Pt(320, 480)
	portrait320Card = image.Rect(0, 116, 320, 436)
	portrait320Link = image.Rect(55, 172, 265, 382)
)

// grid puts what is designed for 240x320 on an upright panel: as it is, or large,
// on 320x480.
type grid struct{ large bool }

// bands are where status, amount, body and footer begin and end, on 240x320
// and on 320x480.
var bands = [...][2]int{{0, 0}, {20, 28}, {64, 116}, {290, 436}, {320, 480}}

// down is a row of 240x320 on the panel.
func (g grid) down(y int) int {
	if !g.large {
		return y
	}
	i := 1
	for i < len(bands)-1 && y > bands[i][0] {
		i++
	}
	from, to := bands[i-1], bands[i]
	return from[1] + (y-from[0])*(to[1]-from[1])/(to[0]-from[0])
}

// across is a column of 240x320 on the panel.
func (g grid) across(x int) int {
	if !g.large {
		return x
	}
	return x * 4 / 3
}

// box is a box of 240x320 on the panel.
func (g grid) box(r image.Rectangle) image.Rectangle {
	return image.Rect(g.across(r.Min.X), g.down(r.Min.Y), g.across(r.Max.X), g.down(r.Max.Y))
}

// scaled is a height of letters on the panel.
func (g grid) scaled(size int) int { return g.across(size) }

// unscaled is a width on the panel in columns of 240x320, rounded up.
func (g grid) unscaled(w int) int {
	if !g.large {
		return w
	}
	return (w*3 + 3) / 4
}

// square is a square of 240x320 on the panel, where it stays one: a little larger
// than letters grow, in the middle of its box.
func (g grid) square(x, y, size int) image.Rectangle {
	if !g.large {
		return at(x, y, size, size)
	}
	box, grown := g.box(at(x, y, size, size)), size*10/7
	middle := box.Min.Add(box.Max).Div(2)
	return at(middle.X-grown/2, middle.Y-grown/2, grown, grown)
}

// card is the white card of a payment's QR.
func (g grid) card() image.Rectangle {
	if g.large {
		return portrait320Card
	}
	return portrait240Card
}

// link is the white card of the QR of an enrolment.
func (g grid) link() image.Rectangle {
	if g.large {
		return portrait320Link
	}
	return portrait240Link
}

// What follows hides the means of the canvas, which know no grid.

func (p portrait) fill(r image.Rectangle, col color.RGBA)  { p.canvas.fill(p.box(r), col) }
func (p portrait) round(r image.Rectangle, col color.RGBA) { p.canvas.round(p.box(r), col) }

func (p portrait) icon(name iconName, size int, at image.Point, col color.RGBA) {
	box := p.square(at.X, at.Y, size)
	p.canvas.icon(name, box.Dx(), box.Min, col)
}

// text writes in letters that grow with the panel. The least size grows less: it
// is one in millimetres (terminal-ux: Common rules).
func (p portrait) text(box image.Rectangle, k ink, text string) {
	if p.large {
		k.size, k.min = p.scaled(k.size), k.min*8/7
	}
	p.canvas.text(p.box(box), k, text)
}
