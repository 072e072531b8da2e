package screen

import (
	"bytes"
	_ "embed" // the fonts
	"fmt"
	"image"
	"unicode"

	"github.com/go-text/typesetting/di"
	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/language"
	"github.com/go-text/typesetting/shaping"
	"golang.org/x/image/math/fixed"
)

//go:embed fonts/NotoSansDevanagari-Regular.ttf
var devanagariRegularTTF []byte

//go:embed fonts/NotoSansDevanagari-Bold.ttf
var devanagariBoldTTF []byte

// shaper turns runs of Devanagari into glyphs: letters join, change places and
// carry marks there, which no table of single runes can say. It keeps what it has
// made, and is not safe for concurrent use.
type shaper struct {
	faces  [2]*font.Face // regular, bold
	shaper shaping.HarfbuzzShaper
	runs   map[runKey]run
	glyphs map[shapedKey]*image.Alpha
	known  map[rune]bool
}

type runKey struct {
	style
	text string
}

// run is a shaped text: its glyphs, each with its place relative to the run's pen.
type run struct {
	glyphs  []placed
	advance fixed.Int26_6
	lacking bool // a glyph is missing
}

type placed struct {
	gid  font.GID
	x, y fixed.Int26_6 // y grows downward
}

// shapedKey includes where within a pixel the glyph starts, in quarters; it is as
// high as it is, in whole pixels.
type shapedKey struct {
	style
	gid     font.GID
	quarter uint8
}

func newShaper() (*shaper, error) {
	s := &shaper{runs: map[runKey]run{}, glyphs: map[shapedKey]*image.Alpha{}, known: map[rune]bool{}}
	for i, ttf := range [][]byte{devanagariRegularTTF, devanagariBoldTTF} {
		f, err := font.ParseTTF(bytes.NewReader(ttf))
		if err != nil {
			return nil, fmt.Errorf("parse Noto Sans Devanagari: %w", err)
		}
		s.faces[i] = f
	}
	return s, nil
}

func (s *shaper) face(bold bool) *font.Face {
	if bold {
		return s.faces[1]
	}
	return s.faces[0]
}

// shaped reports whether a rune is written by the shaper. The joiners are, too,
// where they stand after such a one.
func shaped(r rune) bool { return r >= 0x0900 && r <= 0x097f }

func joiner(r rune) bool { return r == 0x200c || r == 0x200d }

// has reports whether both weights can draw a rune of Devanagari.
func (s *shaper) has(r rune) bool {
	known, seen := s.known[r]
	if !seen {
		known = true
		for _, f := range s.faces {
			gid, found := f.NominalGlyph(r)
			known = known && found && gid != 0
		}
		s.known[r] = known // of 128 runes at most
	}
	return known
}

// run shapes a text of Devanagari alone.
func (s *shaper) run(st style, text string) run {
	key := runKey{st, text}
	r, seen := s.runs[key]
	if seen {
		return r
	}
	runes := []rune(text)
	out := s.shaper.Shape(shaping.Input{
		Text: runes, RunEnd: len(runes), Direction: di.DirectionLTR, Face: s.face(st.bold),
		Size: fixed.I(st.size), Script: language.Devanagari, Language: language.NewLanguage("hi"),
	})
	for _, g := range out.Glyphs {
		r.glyphs = append(r.glyphs, placed{g.GlyphID, r.advance + g.XOffset, -g.YOffset})
		r.advance += g.Advance
		r.lacking = r.lacking || g.GlyphID == 0
	}
	if len(s.runs) >= mostKept {
		clear(s.runs)
	}
	s.runs[key] = r
	return r
}

// glyph rasterises one glyph; nil when it leaves nothing.
func (s *shaper) glyph(st style, gid font.GID, quarter uint8) *image.Alpha {
	key := shapedKey{st, gid, quarter}
	m, seen := s.glyphs[key]
	if seen {
		return m
	}
	f := s.face(st.bold)
	if outline, ok := f.GlyphData(gid).(font.GlyphOutline); ok {
		m = rasteriseOutline(outline, float32(st.size)/float32(f.Upem()), float32(quarter)/4)
	}
	if len(s.glyphs) >= mostKept {
		clear(s.glyphs)
	}
	s.glyphs[key] = m
	return m
}

// pieces cuts a text where its script changes, and hands each piece over.
func pieces(text string, hand func(piece string, devanagari bool)) {
	start, in := 0, false
	for i, r := range text {
		is := shaped(r) || (in && joiner(r))
		if i > start && is != in {
			hand(text[start:i], in)
			start = i
		}
		in = is
	}
	if start < len(text) {
		hand(text[start:], in)
	}
}

// splits reports whether a text may be cut before its rune i: not within a
// syllable.
func splits(text []rune, i int) bool {
	if i <= 0 || i >= len(text) {
		return true
	}
	const virama = 0x094d
	return !unicode.In(text[i], unicode.Mn, unicode.Mc) && !joiner(text[i]) &&
		text[i-1] != virama && !joiner(text[i-1])
}
