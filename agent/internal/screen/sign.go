package screen

import (
	"image"
	"image/color"
)

// sign paints the sign of a state, so many pixels wide, in the middle of a box.
func (c *canvas) sign(a art, box image.Rectangle, size, tick int) {
	size = min(size, box.Dx(), box.Dy())
	corner := box.Min.Add(image.Pt((box.Dx()-size)/2, (box.Dy()-size)/2))
	disc := func(name iconName, back, col color.RGBA) {
		c.icon(iconDisc, size, corner, back)
		c.icon(name, size, corner, col)
	}
	switch a {
	case artNone:
	case artLogo:
		plate := image.Rectangle{Max: image.Pt(size, size)}.Add(corner)
		c.round(plate, info)
		c.text(plate, ink{color: black, size: size * 68 / 96, bold: true}, "₹")
	case artSpinner:
		c.spinner(corner, size, tick)
	case artNoLink:
		c.icon(iconNoLink, size, corner, warn)
	case artReady:
		disc(iconTick, ok, black)
	case artCard:
		c.icon(iconCard, size, corner, info)
	case artDoubt:
		disc(iconBang, warn, black)
	case artPaid:
		disc(iconTick, black, ok)
	case artFailed:
		disc(iconCross, black, bad)
	case artExpired:
		c.icon(iconClock, size, corner, warn)
	case artStopped:
		c.icon(iconBar, size, corner, muted)
	case artFault:
		disc(iconBang, bad, black)
	}
}

// spinner turns eight dots within a square.
func (c *canvas) spinner(corner image.Point, size, tick int) {
	spots := [8][2]int{{28, 0}, {48, 8}, {56, 28}, {48, 48}, {28, 56}, {8, 48}, {0, 28}, {8, 8}}
	for i, s := range spots {
		age := ((tick-i)%8 + 8) % 8 // 0 is the head, 7 the end of its tail
		spot := image.Pt(s[0]*size/64, s[1]*size/64)
		c.icon(iconDisc, size/8, corner.Add(spot), mix(info, raised, 8-age, 8))
	}
}
