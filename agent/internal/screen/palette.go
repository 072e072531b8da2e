package screen

import "image/color"

// The palette (terminal-ux: Common rules). Text is black on the light colours and
// white or muted on the dark ones: at least 4.5:1, amounts 7:1.
var (
	ground = rgb(0x101418)
	raised = rgb(0x1f262d) // a card on the ground
	white  = rgb(0xffffff)
	muted  = rgb(0x9aa4ae)
	ok     = rgb(0x12b76a)
	bad    = rgb(0xf04438)
	warn   = rgb(0xfdb022)
	info   = rgb(0x53b1fd)
	black  = rgb(0x000000)
)

func rgb(v uint32) color.RGBA {
	return color.RGBA{byte(v >> 16), byte(v >> 8), byte(v), 0xff}
}

// mix is part/whole of a and the rest of b.
func mix(a, b color.RGBA, part, whole int) color.RGBA {
	m := func(a, b byte) byte { return byte((int(a)*part + int(b)*(whole-part)) / whole) }
	return color.RGBA{m(a.R, b.R), m(a.G, b.G), m(a.B, b.B), 0xff}
}
