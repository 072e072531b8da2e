package screen

import (
	"image"
	"image/color"

	"golang.org/x/image/math/fixed"
)

// Printed is a text as a picture shows it.
type Printed struct {
	Text  string
	Lines int
	Size  int // the size that it got, in pixels
	Box   image.Rectangle
	Cut   bool
	Color color.RGBA
	// Ink is every point of the panel, or beside it, that the text covers at
	// least half; Under what was there before, black beside the panel.
	Ink   []image.Point
	Under []color.RGBA
}

// Watch renders a view and returns every text of it, without its ink.
func Watch(r *Renderer, dst *image.RGBA, v View) ([]Printed, error) {
	return watch(r, dst, v, false)
}

// WatchInk is Watch with Ink and Under.
func WatchInk(r *Renderer, dst *image.RGBA, v View) ([]Printed, error) {
	return watch(r, dst, v, true)
}

func watch(r *Renderer, dst *image.RGBA, v View, ink bool) ([]Printed, error) {
	var all []Printed
	r.canvas.on = func(p print, under *image.RGBA) {
		out := Printed{p.text, len(p.lines), p.size, p.box, p.cut, p.ink.color, nil, nil}
		if !ink {
			all = append(all, out)
			return
		}
		// Once more, white on black, where what falls beside the box shows.
		around := p.box.Inset(-50)
		c := r.canvas
		c.on = nil
		c.dst = image.NewRGBA(image.Rectangle{Max: around.Size()})
		p.box, p.ink.color = p.box.Sub(around.Min), white
		c.write(p)
		for i := 0; i < len(c.dst.Pix); i += 4 {
			if c.dst.Pix[i] > 127 {
				at := image.Pt(i%c.dst.Stride/4, i/c.dst.Stride).Add(around.Min)
				out.Ink = append(out.Ink, at)
				out.Under = append(out.Under, under.RGBAAt(at.X, at.Y))
			}
		}
		all = append(all, out)
	}
	defer func() { r.canvas.on = nil }()
	err := r.Render(dst, v)
	return all, err
}

// Texts is the table of texts: word, language, text.
func Texts() map[string]map[Lang]string {
	all := map[string]map[Lang]string{}
	for l, row := range texts().texts {
		for w, text := range row {
			if all[string(w)] == nil {
				all[string(w)] = map[Lang]string{}
			}
			all[string(w)][l] = text
		}
	}
	return all
}

// Lacks reports whether a text has a cluster without a glyph, or with the dotted
// circle that stands for a letter that is not there.
func Lacks(r *Renderer, text string) bool {
	f := r.canvas.fonts
	lacks := false
	pieces(text, func(piece string, devanagari bool) {
		if !devanagari {
			for _, c := range piece {
				lacks = lacks || !f.has(c)
			}
			return
		}
		for _, bold := range []bool{false, true} {
			run := f.shaper.run(style{bold, 20}, piece)
			circle, _ := f.shaper.face(bold).NominalGlyph(0x25cc)
			lacks = lacks || run.lacking || len(run.glyphs) == 0
			for _, g := range run.glyphs {
				lacks = lacks || g.gid == circle
			}
		}
	})
	return lacks
}

// Glyphs are those of a text of Devanagari.
func Glyphs(r *Renderer, text string) (ids []uint32) {
	for _, g := range r.canvas.fonts.shaper.run(style{false, 20}, text).glyphs {
		ids = append(ids, uint32(g.gid))
	}
	return ids
}

// CanDraw reports whether both fonts have a rune.
func CanDraw(r *Renderer, c rune) bool { return r.canvas.fonts.has(c) }

// DigitWidths are the widths of 0 to 9 in both weights, in 1/64 pixels.
func DigitWidths(r *Renderer, size int) (widths [2][10]fixed.Int26_6) {
	for d := range 10 {
		widths[0][d] = r.canvas.fonts.glyph(style{false, size}, rune('0'+d), 0).advance
		widths[1][d] = r.canvas.fonts.glyph(style{true, size}, rune('0'+d), 0).advance
	}
	return widths
}

// Card is where the QR is on a panel of that size.
func Card(size image.Point) (image.Rectangle, error) {
	l, err := layoutOf(size)
	return l.card, err
}

// Dark reports whether a module of a QR is dark.
func (q *QR) Dark(x, y int) bool { return q.dark[y*q.modules+x] }

// Enlarged is a QR as for a larger panel than there is.
func Enlarged(q *QR) *QR {
	e := *q
	e.px++
	return &e
}
