package screen

import (
	_ "embed" // the fonts
	"fmt"
	"image"
	"image/draw"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

//go:embed fonts/NotoSans-Regular.ttf
var regularTTF []byte

//go:embed fonts/NotoSans-Bold.ttf
var boldTTF []byte

// style is a weight at a size: the height of the em square in pixels.
type style struct {
	bold bool
	size int
}

// fonts rasterises glyphs and keeps them. It is not safe for concurrent use.
type fonts struct {
	regular, bold *sfnt.Font
	buf           sfnt.Buffer
	faces         map[style]font.Face
	glyphs        map[glyphKey]glyph
	kerns         map[kernKey]fixed.Int26_6
	known         map[rune]bool
	shaper        *shaper // of Devanagari; the rest is Latin
}

// mostKept bounds what is kept of each kind: texts from outside must not fill
// the memory. All pictures of a terminal's day need less than a tenth of it.
const mostKept = 1 << 13

// glyphKey includes where within a pixel the glyph starts, in quarters.
type glyphKey struct {
	style
	r       rune
	quarter uint8
}

type kernKey struct {
	style
	left, right rune
}

// glyph is a mask whose Rect is relative to the pen on the baseline.
type glyph struct {
	mask    *image.Alpha
	advance fixed.Int26_6
}

func newFonts() (*fonts, error) {
	f := &fonts{
		faces:  map[style]font.Face{},
		glyphs: map[glyphKey]glyph{},
		kerns:  map[kernKey]fixed.Int26_6{},
		known:  map[rune]bool{},
	}
	var err error
	if f.regular, err = opentype.Parse(regularTTF); err != nil {
		return nil, fmt.Errorf("parse Noto Sans Regular: %w", err)
	}
	if f.bold, err = opentype.Parse(boldTTF); err != nil {
		return nil, fmt.Errorf("parse Noto Sans Bold: %w", err)
	}
	if f.shaper, err = newShaper(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *fonts) font(bold bool) *sfnt.Font {
	if bold {
		return f.bold
	}
	return f.regular
}

// has reports whether both weights can draw r.
func (f *fonts) has(r rune) bool {
	if shaped(r) {
		return f.shaper.has(r)
	}
	known, seen := f.known[r]
	if !seen {
		a, errA := f.regular.GlyphIndex(&f.buf, r)
		b, errB := f.bold.GlyphIndex(&f.buf, r)
		known = errA == nil && errB == nil && a != 0 && b != 0 && unicode.IsPrint(r)
		if len(f.known) >= mostKept {
			clear(f.known)
		}
		f.known[r] = known
	}
	return known
}

// glyph returns r in a style, its pen a number of quarter pixels into a pixel.
func (f *fonts) glyph(s style, r rune, quarter uint8) glyph {
	key := glyphKey{s, r, quarter}
	g, seen := f.glyphs[key]
	if seen {
		return g
	}
	face := f.faces[s]
	if face == nil {
		// NewFace fails for no font and no size that there is here.
		face, _ = opentype.NewFace(f.font(s.bold), &opentype.FaceOptions{Size: float64(s.size), DPI: 72})
		f.faces[s] = face
	}
	dot := fixed.Point26_6{X: fixed.Int26_6(quarter) * 16}
	rect, mask, at, advance, found := face.Glyph(dot, r)
	g.advance = advance
	if found && !rect.Empty() {
		g.mask = image.NewAlpha(rect)
		draw.Draw(g.mask, rect, mask, at, draw.Src)
	}
	if len(f.glyphs) >= mostKept {
		clear(f.glyphs)
	}
	f.glyphs[key] = g
	return g
}

// kern returns how much closer two glyphs stand.
func (f *fonts) kern(s style, left, right rune) fixed.Int26_6 {
	key := kernKey{s, left, right}
	k, seen := f.kerns[key]
	if seen {
		return k
	}
	of := f.font(s.bold)
	l, errL := of.GlyphIndex(&f.buf, left)
	r, errR := of.GlyphIndex(&f.buf, right)
	if errL == nil && errR == nil {
		// No kerning is ErrNotFound and 0.
		k, _ = of.Kern(&f.buf, l, r, fixed.I(s.size), font.HintingNone)
	}
	if len(f.kerns) >= mostKept {
		clear(f.kerns)
	}
	f.kerns[key] = k
	return k
}

// width measures a text in 1/64 pixels.
func (f *fonts) width(s style, text string) fixed.Int26_6 {
	var w fixed.Int26_6
	pieces(text, func(piece string, devanagari bool) {
		if devanagari {
			w += f.shaper.run(s, piece).advance
			return
		}
		last := rune(-1)
		for _, r := range piece {
			if last >= 0 {
				w += f.kern(s, last, r)
			}
			w += f.glyph(s, r, 0).advance
			last = r
		}
	})
	return w
}
