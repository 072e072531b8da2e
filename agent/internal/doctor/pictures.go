package doctor

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"strings"

	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/protocol"
	"github.com/skip2/go-qrcode"
	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
	"periph.io/x/conn/v3/physic"
)

// glassTester draws the pictures of a self-test. They are for an engineer, in
// English, all but those that show how the terminal writes.
type glassTester struct {
	panel    panel.Panel
	kind     panel.Kind
	renderer *screen.Renderer
	image    *image.RGBA
}

func newGlassTester(p panel.Panel, k panel.Kind) (*glassTester, error) {
	r, err := screen.New(k.Size)
	if err != nil {
		return nil, err
	}
	return &glassTester{panel: p, kind: k, renderer: r, image: image.NewRGBA(image.Rectangle{Max: k.Size})}, nil
}

// light switches the light on, over a black picture.
func (g *glassTester) light() error {
	if err := g.black(); err != nil {
		return err
	}
	return g.panel.Backlight(true)
}

// show puts the picture on the glass.
func (g *glassTester) show() error { return g.panel.Draw(g.image.Rect, g.image, image.Point{}) }

func (g *glassTester) fill(r image.Rectangle, c color.Color) {
	draw.Draw(g.image, r, image.NewUniform(c), image.Point{}, draw.Src)
}

func (g *glassTester) white() error { g.fill(g.image.Rect, color.White); return g.show() }

func (g *glassTester) black() error { g.fill(g.image.Rect, color.Black); return g.show() }

// bars are upright: white, yellow, cyan, green, magenta, red, blue and black, or
// black and white where there is no other colour.
func (g *glassTester) bars() error {
	const count = 8
	for i := range count {
		bits := count - 1 - i
		part := func(bit int) uint8 { return uint8(0xff * (bits >> bit & 1)) }
		c := color.RGBA{part(1), part(2), part(0), 0xff}
		if !g.coloured() {
			c = color.RGBA{part(0), part(0), part(0), 0xff}
		}
		w := g.image.Rect.Dx()
		g.fill(image.Rect(i*w/count, 0, (i+1)*w/count, g.image.Rect.Max.Y), c)
	}
	return g.show()
}

// coloured reports whether the glass tells red from blue.
func (g *glassTester) coloured() bool {
	m := g.panel.ColorModel()
	at := func(c color.Color) [4]uint32 { r, g, b, a := m.Convert(c).RGBA(); return [4]uint32{r, g, b, a} }
	return at(color.RGBA{R: 0xff, A: 0xff}) != at(color.RGBA{B: 0xff, A: 0xff})
}

// words are a picture of the terminal's own, with an amount and the word TEST. No
// payment is on it.
func (g *glassTester) words(lang screen.Lang, terminal string) error {
	err := g.renderer.Render(g.image, screen.View{
		Mode: protocol.ModeIdle, Link: true, Test: true, Lang: lang,
		MerchantName: "TEST " + terminal, TerminalLabel: "TEST", Last: 1_23_456_78,
	})
	if err != nil {
		return err
	}
	return g.show()
}

// testTexts are what the test QR says: one as long as a payment's link, and one
// for a glass that cannot show that. Neither is a link, so no phone opens anything.
func testTexts(terminal string) []string {
	return []string{"TEST. This is no payment. Terminal " + terminal + " shows QRs that a phone can read.", "TEST, NO PAYMENT"}
}

const (
	quiet = 4 // modules, white, all round (terminal-ux: QR rule)
	// leastModule is below what a phone reads at a counter (terminal-ux: QR rule).
	leastModule = 450 * physic.MicroMetre
)

// testQR is a QR of the size that a payment's has, or nearly.
func (g *glassTester) testQR(terminal string) error {
	size := g.image.Rect.Size()
	var modules [][]bool
	var px int
	for _, text := range testTexts(terminal) {
		code, err := qrcode.New(text, qrcode.Medium)
		if err != nil {
			return err
		}
		code.DisableBorder = true
		modules = code.Bitmap()
		px = min(size.X, size.Y) / (len(modules) + 2*quiet)
		if g.kind.ActiveWidth*physic.Distance(px)/physic.Distance(size.X) >= leastModule {
			break
		}
	}
	g.fill(g.image.Rect, color.White)
	side := px * (len(modules) + 2*quiet)
	for y, row := range modules {
		for x, dark := range row {
			if dark {
				g.fill(image.Rect(0, 0, px, px).Add(image.Pt(px*(x+quiet), px*(y+quiet))), color.Black)
			}
		}
	}
	rest := image.Rect(0, side, size.X, size.Y)
	if size.X > size.Y {
		rest = image.Rect(side, 0, size.X, size.Y)
	}
	g.write(rest, color.Black, "TEST", "SCAN WITH", "A PHONE", "AT 25 CM")
	return g.show()
}

// say fills the glass with lines of capitals.
func (g *glassTester) say(lines ...string) error {
	g.fill(g.image.Rect, color.Black)
	g.write(g.image.Rect, color.White, lines...)
	return g.show()
}

// result lists the parts under their code.
func (g *glassTester) result(parts []Part) error {
	lines := []string{"SELF-TEST", Code(parts), ""}
	for _, p := range parts {
		lines = append(lines, fmt.Sprintf("%-6s %-6s", strings.ToUpper(p.Name), strings.ToUpper(string(p.Outcome))))
	}
	return g.say(lines...)
}

// write centres lines in a box, as large as whole multiples of the letters allow.
// Lines for which there is no room are left out.
func (g *glassTester) write(box image.Rectangle, ink color.Color, lines ...string) {
	face := basicfont.Face7x13
	longest := 0
	for _, l := range lines {
		longest = max(longest, len(l))
	}
	if longest == 0 || box.Dx() < face.Advance || box.Dy() < face.Height {
		return
	}
	scale := max(1, min(box.Dx()/(longest*face.Advance), box.Dy()/(len(lines)*face.Height), 6))
	lines = lines[:min(len(lines), box.Dy()/(scale*face.Height))]
	top := box.Min.Y + (box.Dy()-len(lines)*scale*face.Height)/2
	for i, l := range lines {
		small := image.NewAlpha(image.Rect(0, 0, len(l)*face.Advance, face.Height))
		(&font.Drawer{Dst: small, Src: image.Opaque, Face: face, Dot: fixed.P(0, face.Ascent)}).DrawString(l)
		at := image.Pt(box.Min.X+(box.Dx()-small.Rect.Dx()*scale)/2, top+i*scale*face.Height)
		for y := range small.Rect.Dy() {
			for x := range small.Rect.Dx() {
				if small.AlphaAt(x, y).A >= 0x80 {
					r := image.Rect(0, 0, scale, scale).Add(image.Pt(x, y).Mul(scale)).Add(at)
					g.fill(r.Intersect(box), ink)
				}
			}
		}
	}
}
