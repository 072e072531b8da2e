package screen

import (
	"image"
	"image/color"
	"strings"
)

// mono draws one view, already checked, in black and white: fore on back.
type mono struct {
	*canvas
	View
	fore, back color.RGBA
}

// inverted swaps fore and back.
func (m mono) inverted() mono {
	m.fore, m.back = m.back, m.fore
	return m
}

// leastDevanagari is the least height of its letters in one bit, where a text has
// room for it; 10 is the least of all.
const leastDevanagari = 12

// items are the rows in the letters of a layout; what has none is left out.
func (m mono) items(s scene, letters func(part) (ink, bool)) []item {
	var all []item
	for _, r := range s.rows {
		k, shown := letters(r.part)
		if !shown {
			continue
		}
		k.color = m.fore
		if strings.ContainsFunc(r.text, shaped) {
			// Its marks are lost in fewer pixels.
			k.size, k.min = max(k.size, leastDevanagari), max(k.min, leastDevanagari)
		}
		it := item{text: r.text, ink: k, gap: 1}
		switch r.part {
		case partAlert, partCode:
			it.ink.color, it.back, it.pad = m.back, m.fore, 1
		}
		all = append(all, it)
	}
	return all
}

// bar is the time left, in a frame.
func (m mono) bar(box image.Rectangle) {
	if m.Total <= 0 {
		return
	}
	m.fill(box, m.fore)
	m.fill(box.Inset(1), m.back)
	box.Max.X = box.Min.X + m.barWidth(box.Dx())
	m.fill(box, m.fore)
}

// sign paints the sign of a state in the middle of a box.
func (m mono) sign(a art, box image.Rectangle) {
	size := min(box.Dx(), box.Dy())
	corner := box.Min.Add(image.Pt((box.Dx()-size)/2, (box.Dy()-size)/2))
	disc := func(name iconName) {
		m.icon(iconDisc, size, corner, m.fore)
		m.icon(name, size, corner, m.back)
	}
	switch a {
	case artNone:
	case artLogo:
		plate := image.Rectangle{Max: image.Pt(size, size)}.Add(corner)
		m.round(plate, m.fore)
		m.text(plate, ink{color: m.back, size: size * 68 / 96, bold: true}, "₹")
	case artSpinner, artExpired:
		m.icon(iconClock, size, corner, m.fore) // nothing turns here
	case artNoLink:
		m.icon(iconNoLink, size, corner, m.fore)
	case artReady, artPaid:
		disc(iconTick)
	case artCard:
		m.icon(iconCard, size, corner, m.fore)
	case artDoubt, artFault:
		disc(iconBang)
	case artFailed:
		disc(iconCross)
	case artStopped:
		m.icon(iconBar, size, corner, m.fore)
	}
}

// badges shows at the right, to x, what waits and that this is a test, and
// returns where they begin.
func (m mono) badges(x, y, size int) int {
	badge := func(text string) {
		w := m.fonts.width(style{true, size}, text).Ceil() + 4
		box := at(x-w, y, w, leading(size, text))
		m.fill(box, m.fore)
		m.text(box, ink{color: m.back, size: size, bold: true}, text)
		x -= w + 2
	}
	if m.silent() {
		m.icon(iconMuted, size+1, image.Pt(x-size-2, y), m.fore)
		x -= size + 4
	}
	if m.Test {
		badge(m.Lang.say(wTest))
	}
	if text := m.waiting(); text != "" {
		badge(text)
	}
	return x
}
