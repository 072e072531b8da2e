package screen

import (
	"image"
	"image/color"
	"strings"

	"golang.org/x/image/math/fixed"
)

// canvas paints on one picture. Its picture is opaque throughout.
type canvas struct {
	dst   *image.RGBA
	fonts *fonts
	icons *icons
	bit   bool // a pixel is painted whole or not at all
	// on is told every text before it is written, and the picture under it;
	// nil but in tests.
	on func(print, *image.RGBA)
}

// print is a text laid out in its box.
type print struct {
	text  string
	box   image.Rectangle
	ink   ink
	lines []string
	size  int  // the size that fitted
	cut   bool // it did not fit and was shortened
}

type align string

const (
	alignLeft   align = "left"
	alignCenter align = "center"
	alignRight  align = "right"
)

// ink is how a text is written: in the largest size of size to min pixels that
// fits its box. Smaller than 14 is not readable (terminal-ux: Common rules).
type ink struct {
	color color.RGBA
	size  int
	min   int // 0: size, it does not shrink
	bold  bool
	align align // center when empty
	lines int   // at most; 0 is 1
	tail  bool  // a line that is too long loses its middle, not its end
}

// fill paints a rectangle.
func (c *canvas) fill(r image.Rectangle, col color.RGBA) {
	if r = r.Intersect(c.dst.Rect); r.Empty() {
		return
	}
	first := c.dst.Pix[c.dst.PixOffset(r.Min.X, r.Min.Y):][:4*r.Dx()]
	for x := 0; x < len(first); x += 4 {
		p := first[x : x+4 : x+4]
		p[0], p[1], p[2], p[3] = col.R, col.G, col.B, 0xff
	}
	for y := r.Min.Y + 1; y < r.Max.Y; y++ {
		copy(c.dst.Pix[c.dst.PixOffset(r.Min.X, y):], first)
	}
}

// stamp paints a colour through a mask whose Rect is moved by at.
func (c *canvas) stamp(mask *image.Alpha, at image.Point, col color.RGBA) {
	r := mask.Rect.Add(at).Intersect(c.dst.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		m := mask.Pix[mask.PixOffset(r.Min.X-at.X, y-at.Y):][:r.Dx()]
		d := c.dst.Pix[c.dst.PixOffset(r.Min.X, y):][:4*r.Dx()]
		for x, a := range m {
			if c.bit {
				a = whole(a)
			}
			if a == 0 {
				continue
			}
			p := d[4*x : 4*x+3 : 4*x+3]
			p[0] = over(p[0], col.R, a)
			p[1] = over(p[1], col.G, a)
			p[2] = over(p[2], col.B, a)
		}
	}
}

// whole is a pixel of one bit: painted when a third of it is covered, or thin
// strokes would break.
func whole(a byte) byte {
	if a < 84 {
		return 0
	}
	return 255
}

// over is a of top, the rest of bottom, rounded.
func over(bottom, top, a byte) byte {
	v := uint32(top)*uint32(a) + uint32(bottom)*uint32(255-a) + 127
	return byte(v / 255)
}

// icon paints an icon with its upper left corner at at.
func (c *canvas) icon(name iconName, size int, at image.Point, col color.RGBA) {
	c.stamp(c.icons.mask(iconKey{name, size, size}), at, col)
}

// round paints a rectangle with round corners.
func (c *canvas) round(r image.Rectangle, col color.RGBA) {
	c.stamp(c.icons.mask(iconKey{iconPlate, r.Dx(), r.Dy()}), r.Min, col)
}

// text writes into a box, in the middle of its height.
func (c *canvas) text(box image.Rectangle, k ink, text string) {
	text = c.readable(text)
	if text == "" {
		return
	}
	k.lines = max(k.lines, 1)
	if k.min == 0 {
		k.min = k.size
	}
	lines, size, whole := c.fit(box, k, text)
	p := print{text, box, k, lines, size, !whole}
	if c.on != nil {
		c.on(p, c.dst)
	}
	c.write(p)
}

// write puts down what text has laid out.
func (c *canvas) write(p print) {
	s := style{p.ink.bold, p.size}
	// Capitals of Noto Sans are 0.714 em high; they stand in the middle.
	high := leading(p.size, p.text)
	y := p.box.Min.Y + (p.box.Dy()-len(p.lines)*high)/2 + (high+p.size*714/1000)/2
	for _, line := range p.lines {
		w := c.fonts.width(s, line)
		x := fixed.I(p.box.Min.X)
		switch p.ink.align {
		case alignLeft:
		case alignRight:
			x = fixed.I(p.box.Max.X) - w
		default:
			x += (fixed.I(p.box.Dx()) - w) / 2
		}
		c.line(s, x, y, line, p.ink.color)
		y += high
	}
}

// leading is the distance of two lines of a text: Devanagari has marks above and
// below.
func leading(size int, text string) int {
	if strings.ContainsFunc(text, shaped) {
		return size * 7 / 5
	}
	return size * 6 / 5
}

// line writes one line, its pen starting at x on the baseline y.
func (c *canvas) line(s style, x fixed.Int26_6, y int, text string, col color.RGBA) {
	pieces(text, func(piece string, devanagari bool) {
		if devanagari {
			x = c.shapedLine(s, x, y, piece, col)
			return
		}
		last := rune(-1)
		for _, r := range piece {
			if last >= 0 {
				x += c.fonts.kern(s, last, r)
			}
			pen := c.pen(x)
			g := c.fonts.glyph(s, r, uint8(pen&63/16))
			if g.mask != nil {
				c.stamp(g.mask, image.Pt(pen.Floor(), y), col)
			}
			x += g.advance
			last = r
		}
	})
}

// shapedLine writes Devanagari and returns where the pen is then.
func (c *canvas) shapedLine(s style, x fixed.Int26_6, y int, text string, col color.RGBA) fixed.Int26_6 {
	r := c.fonts.shaper.run(s, text)
	for _, g := range r.glyphs {
		pen := c.pen(x + g.x)
		if m := c.fonts.shaper.glyph(s, g.gid, uint8(pen&63/16)); m != nil {
			c.stamp(m, image.Pt(pen.Floor(), y+g.y.Round()), col)
		}
	}
	return x + r.advance
}

// pen is where a glyph starts: at the nearest quarter of a pixel, or at a whole
// one where there is but one bit, so that strokes stay sharp.
func (c *canvas) pen(x fixed.Int26_6) fixed.Int26_6 {
	if c.bit {
		return (x + 32) &^ 63
	}
	return x + 8
}

// longest is more runes than any box holds; laying out costs by the rune.
const longest = 160

// readable drops what the fonts cannot draw, makes one space of many, and ends
// a text that no box could hold.
func (c *canvas) readable(text string) string {
	left := longest
	before := rune(-1)
	text = strings.Map(func(r rune) rune {
		left--
		last := before
		before = r
		switch {
		case left < 0:
			return -1
		case joiner(r):
			if !shaped(last) {
				return -1
			}
			return r
		case c.fonts.has(r):
			return r
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		}
		return -1
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// fit lays a text out: in the largest size that holds the whole of it, else in
// the smallest and shortened.
func (c *canvas) fit(box image.Rectangle, k ink, text string) (lines []string, size int, whole bool) {
	for size = k.size; size >= k.min; size-- {
		lines = c.wrap(style{k.bold, size}, fixed.I(box.Dx()), text)
		if lines != nil && len(lines) <= k.lines && (len(lines)-1)*leading(size, text)+size*6/5 <= box.Dy() {
			return c.balance(style{k.bold, size}, box.Dx(), text, lines), size, true
		}
	}
	if k.tail {
		return []string{c.middle(style{k.bold, k.min}, fixed.I(box.Dx()), text)}, k.min, false
	}
	return c.shorten(style{k.bold, k.min}, fixed.I(box.Dx()), text, k.lines), k.min, false
}

// wrap breaks a text at spaces, or returns nil when a word is too wide.
func (c *canvas) wrap(s style, width fixed.Int26_6, text string) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if c.fonts.width(s, word) > width {
			return nil
		}
		longer := word
		if line != "" {
			longer = line + " " + word
		}
		if c.fonts.width(s, longer) <= width {
			line = longer
			continue
		}
		lines = append(lines, line)
		line = word
	}
	return append(lines, line)
}

// balance makes lines about equally long: the narrowest box that still holds
// the text in as many.
func (c *canvas) balance(s style, width int, text string, lines []string) []string {
	if len(lines) < 2 {
		return lines
	}
	for width -= 4; width > 0; width -= 4 {
		narrower := c.wrap(s, fixed.I(width), text)
		if narrower == nil || len(narrower) > len(lines) {
			break
		}
		lines = narrower
	}
	return lines
}

// shorten fills the lines and ends the last one with an ellipsis.
func (c *canvas) shorten(s style, width fixed.Int26_6, text string, count int) []string {
	var lines []string
	rest := []rune(text)
	for len(lines) < count-1 {
		n := c.holds(s, width, rest, "")
		if n == len(rest) {
			break
		}
		if space := lastSpace(rest[:n]); space > 0 {
			n = space + 1
		}
		lines = append(lines, strings.TrimSpace(string(rest[:n])))
		rest = rest[n:]
	}
	if n := c.holds(s, width, rest, "…"); n < len(rest) && c.fonts.width(s, string(rest)) > width {
		rest = append([]rune(strings.TrimSpace(string(rest[:n]))), '…')
	}
	return append(lines, string(rest))
}

// middle replaces the middle of one line by an ellipsis: twice as much stays
// before it as after it.
func (c *canvas) middle(s style, width fixed.Int26_6, text string) string {
	runes := []rune(text)
	for keep := len(runes) - 1; keep > 0; keep-- {
		tail := keep / 3
		if !splits(runes, keep-tail) || !splits(runes, len(runes)-tail) {
			continue
		}
		line := string(runes[:keep-tail]) + "…" + string(runes[len(runes)-tail:])
		if c.fonts.width(s, line) <= width {
			return line
		}
	}
	return "…"
}

// holds counts the runes that fit together with an end.
func (c *canvas) holds(s style, width fixed.Int26_6, text []rune, end string) int {
	n := 0
	for n < len(text) && c.fonts.width(s, string(text[:n+1])+end) <= width {
		n++
	}
	for !splits(text, n) {
		n--
	}
	return n
}

func lastSpace(text []rune) int {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == ' ' {
			return i
		}
	}
	return -1
}
