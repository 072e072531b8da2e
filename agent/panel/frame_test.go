package panel_test

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"pgregory.net/rapid"
)

// noise is a picture of random opaque pixels.
func noise(r image.Rectangle, seed uint64) *image.RGBA {
	rnd := rand.New(rand.NewPCG(seed, 1))
	m := image.NewRGBA(r)
	for i := 0; i < len(m.Pix); i += 4 {
		binary.LittleEndian.PutUint32(m.Pix[i:], rnd.Uint32()|0xff00_0000)
	}
	return m
}

// rgb565 is the reference, from the definition: 5, 6 and 5 bits from the top.
func rgb565(c color.RGBA) uint16 {
	return uint16(c.R/8)*2048 + uint16(c.G/4)*32 + uint16(c.B/8)
}

// compare says where frame memory differs from the picture inside r.
func compare(memory []uint16, r image.Rectangle, want *image.RGBA) error {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if got, want := memory[y*240+x], rgb565(want.RGBAAt(x, y)); got != want {
				return fmt.Errorf("pixel (%d,%d) is %04x, want %04x", x, y, got, want)
			}
		}
	}
	return nil
}

func equalGlass(t *testing.T, chip *paneltest.ST7789, d panel.Panel, r image.Rectangle, want *image.RGBA) {
	t.Helper()
	if err := compare(chip.Memory(), r.Intersect(d.Bounds()), want); err != nil {
		t.Error(err)
	}
}

// op is one Draw with a random source.
type op struct {
	dst, within image.Rectangle
	sp          image.Point
	kind        string
	seed        uint64
}

func drawOp(t *rapid.T) op {
	point := rapid.Custom(func(t *rapid.T) image.Point {
		return image.Pt(rapid.IntRange(-20, 260).Draw(t, "x"), rapid.IntRange(-20, 340).Draw(t, "y"))
	})
	rect := func(label string) image.Rectangle {
		return image.Rectangle{Min: point.Draw(t, label), Max: point.Draw(t, label)}.Canon()
	}
	return op{
		dst:    rect("dst"),
		within: rect("src bounds"),
		sp:     point.Draw(t, "sp"),
		kind:   rapid.SampledFrom([]string{"rgba", "sub", "nrgba", "uniform", "gray"}).Draw(t, "kind"),
		seed:   rapid.Uint64().Draw(t, "seed"),
	}
}

func (o op) source() image.Image {
	m := noise(o.within, o.seed)
	switch o.kind {
	case "sub":
		return m.SubImage(o.within.Inset(3))
	case "nrgba":
		n := image.NewNRGBA(o.within)
		copy(n.Pix, m.Pix)
		for i := 3; i < len(n.Pix); i += 4 {
			n.Pix[i] = byte(i)
		}
		return n
	case "uniform":
		return image.NewUniform(color.NRGBA{byte(o.seed), byte(o.seed >> 8), byte(o.seed >> 16), byte(o.seed >> 24)})
	case "gray":
		g := image.NewGray(o.within)
		copy(g.Pix, m.Pix)
		return g
	}
	return m
}

// Whatever is drawn wherever, the glass shows what the standard library's draw
// would have painted, to the last pixel.
func TestEveryPixelOfAnyDraw(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		ops := rapid.SliceOfN(rapid.Custom(drawOp), 1, 6).Draw(r, "ops")
		limit := rapid.SampledFrom([]int{0, 3, 255, 256, 257, 4096}).Draw(r, "max tx size")
		var failed error
		synctest.Test(t, func(t *testing.T) {
			chip := paneltest.NewST7789()
			chip.SetMaxTxSize(limit)
			d := open(t, chip, panel.Options{})
			want := image.NewRGBA(d.Bounds())
			draw.Draw(want, want.Bounds(), image.Black, image.Point{}, draw.Src)
			for i, o := range ops {
				src := o.source()
				draw.Draw(want, o.dst, src, o.sp, draw.Src)
				if err := d.Draw(o.dst, src, o.sp); err != nil {
					failed = fmt.Errorf("draw %d: %w", i, err)
					return
				}
				if err := compare(chip.Memory(), d.Bounds(), want); err != nil {
					failed = fmt.Errorf("after draw %d: %w", i, err)
					return
				}
			}
			behaved(t, chip)
		})
		if failed != nil {
			r.Fatal(failed)
		}
	})
}

// The driver's own colour model says what the glass will show.
func TestColorModelIsWhatTheGlassShows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip := paneltest.NewST7789()
		d := open(t, chip, panel.Options{})
		// Every red, every green and every blue, in rows below each other.
		every := image.NewRGBA(image.Rect(0, 0, 240, 4))
		for i := range 3 * 256 {
			var c color.RGBA
			*[]*uint8{&c.R, &c.G, &c.B}[i/256] = uint8(i)
			c.A = 0xff
			every.SetRGBA(i%240, i/240, c)
		}
		if err := d.Draw(every.Rect, every, image.Point{}); err != nil {
			t.Fatal(err)
		}
		if err := d.Backlight(true); err != nil {
			t.Fatal(err)
		}
		glass := chip.Image()
		for i := range 3 * 256 {
			x, y := i%240, i/240
			said := color.RGBAModel.Convert(d.ColorModel().Convert(every.At(x, y)))
			if seen := glass.At(x, y); seen != said {
				t.Errorf("%v is shown as %v, ColorModel says %v", every.At(x, y), seen, said)
			}
		}
	})
}

// A draw allocates next to nothing: its goroutine, not its pixels.
func TestDrawDoesNotAllocatePictures(t *testing.T) {
	chip := paneltest.NewST7789()
	d := open(t, chip, panel.Options{})
	pictures := []*image.RGBA{noise(d.Bounds(), 1), noise(d.Bounds(), 2)}
	i := 0
	allocs := testing.AllocsPerRun(20, func() {
		i++
		if err := d.Draw(d.Bounds(), pictures[i%2], image.Point{}); err != nil {
			t.Error(err)
		}
	})
	if allocs > 2 {
		t.Errorf("%v allocations a draw, want at most 2", allocs)
	}
}
