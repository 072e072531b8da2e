package screen_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"github.com/galla-pay/galla/protocol"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"periph.io/x/conn/v3/physic"
	"pgregory.net/rapid"
)

// link is an upi link of that many bytes.
func link(n int) string {
	head := "upi://pay?pa=merchant@upi&am=245.00&tn="
	return head + strings.Repeat("aZ5.", n)[:n-len(head)]
}

func presenting(q *screen.QR) screen.View {
	return screen.View{
		Mode: protocol.ModePresenting, AmountPaise: 24500, QR: q, Link: true,
		Left: 161 * time.Second, Total: 180 * time.Second,
	}
}

// There is a layout for every panel that has a driver, and these tests draw for the
// narrowest of each size.
func TestThePanelKindsAreTheGlassOfTheTests(t *testing.T) {
	t.Parallel()
	narrowest := map[image.Point]physic.Distance{}
	for _, k := range panel.Kinds() {
		if w, seen := narrowest[k.Size]; !seen || k.ActiveWidth < w {
			narrowest[k.Size] = k.ActiveWidth
		}
	}
	for size, width := range narrowest {
		i := slices.IndexFunc(panels(), func(p pane) bool { return p.Size == size })
		if i < 0 {
			t.Errorf("no layout for a panel of %v", size)
			continue
		}
		if p := panels()[i]; p.Width != width {
			t.Errorf("%v: the narrowest panel is %s wide, these tests have %s", size, width, p.Width)
		}
	}
}

// As few modules as the text needs, as many pixels a module as the card of 226
// holds with 4 modules of white around: L where it wins a pixel, else M.
func TestLevelAndModuleSize(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		bytes   int
		level   string
		modules int
		px      int
	}{
		{62, "M", 33, 5},  // version 4 has room: M
		{84, "M", 37, 5},  // the last of version 5-M
		{85, "L", 37, 5},  // 6-M would be 4 pixels, 5-L is 5
		{106, "L", 37, 5}, // the last of 5-L
		{107, "M", 45, 4}, // 4 pixels either way from here
		{122, "M", 45, 4},
		{123, "L", 41, 4}, // 8-M would be 3 pixels
		{154, "L", 45, 4}, // the last of 7-L
		{155, "M", 53, 3},
		{180, "M", 53, 3},
		{213, "M", 57, 3}, // the last of version 10-M
		{251, "M", 61, 3},
		{287, "M", 65, 3}, // the last of version 12-M
		{288, "L", 61, 3}, // 13-M would be 2 pixels
		{367, "L", 65, 3}, // the last of 12-L
	} {
		t.Run(fmt.Sprint(test.bytes), func(t *testing.T) {
			t.Parallel()
			q := encode(t, glass, link(test.bytes))
			if q.Level() != test.level || q.Modules() != test.modules || q.Pixels() != test.px {
				t.Errorf("%s, %d modules of %d pixels; want %s, %d of %d",
					q.Level(), q.Modules(), q.Pixels(), test.level, test.modules, test.px)
			}
		})
	}
}

func TestQRsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	wide := func(w physic.Distance) screen.Glass { return screen.Glass{Size: glass.Size, Width: w} }
	for _, test := range []struct {
		name  string
		text  string
		glass screen.Glass
		want  string // empty: it is encoded
		is    error
	}{
		{"12-L is the most", link(367), glass.Glass, "", nil},
		{"one byte more", link(368), glass.Glass,
			"QR does not fit this panel: 368 bytes need 69 modules a side, at most 67 can be read", screen.ErrQRDoesNotFit},
		{"more than any QR holds", link(3000), glass.Glass,
			"QR does not fit this panel: 3000 bytes: content too long to encode", screen.ErrQRDoesNotFit},
		{"more than is looked at", link(7090), glass.Glass,
			"QR does not fit this panel: 7090 bytes: no QR holds more than 7089", screen.ErrQRDoesNotFit},
		{"nothing", "", glass.Glass, "QR does not fit this panel: 0 bytes: no data to encode", screen.ErrQRDoesNotFit},
		{"3 pixels are 0.45 mm exactly", link(367), wide(36 * physic.MilliMetre), "", nil},
		{"3 pixels are a little less", link(367), wide(36*physic.MilliMetre - 1),
			"QR does not fit this panel: 367 bytes need 65 modules a side, at most 48 can be read", screen.ErrQRDoesNotFit},
		{"a larger panel, 2 pixels are enough", link(368), wide(54 * physic.MilliMetre), "", nil},
		{"no width", link(100), wide(0), "panel width 0m is not positive", nil},
		{"a companion", link(40), screen.Glass{Size: image.Pt(128, 64), Width: 21_740 * physic.MicroMetre},
			"QR does not fit this panel: 128x64 pixels never carry one", screen.ErrQRDoesNotFit},
		{"e-paper", link(53), screen.Glass{Size: image.Pt(122, 250), Width: 23_700 * physic.MicroMetre}, "", nil},
		{"more than e-paper holds", link(54), screen.Glass{Size: image.Pt(122, 250), Width: 23_700 * physic.MicroMetre},
			"QR does not fit this panel: 54 bytes need 33 modules a side, at most 32 can be read", screen.ErrQRDoesNotFit},
		{"no layout", link(100), screen.Glass{Size: image.Pt(100, 100), Width: glass.Width},
			"no screen layout for this panel size: 100x100; known are 240x320, 320x480, 480x320, 122x250, 128x64", screen.ErrSize},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			q, err := screen.EncodeQR(test.text, test.glass)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != test.want || (q == nil) != (test.want != "") {
				t.Errorf("QR %v, error %q, want %q", q != nil, got, test.want)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("error %v is not %v", err, test.is)
			}
		})
	}
}

func TestQROfAnotherPanelIsRefused(t *testing.T) {
	t.Parallel()
	// No larger layout exists, so no such QR can be encoded: this one claims to.
	q := screen.Enlarged(encode(t, glass, plainQR))
	err := newRenderer(t, glass).Render(picture(glass), presenting(q))
	if !errors.Is(err, screen.ErrView) {
		t.Errorf("error %v", err)
	}
}

// checkQR looks at the pixels alone: modules are whole and square, black or
// white, and four of them around are white.
func checkQR(glass pane, img *image.RGBA, q *screen.QR) error {
	card, err := screen.Card(glass.Size)
	if err != nil {
		return err
	}
	white, black := color.RGBA{255, 255, 255, 255}, color.RGBA{0, 0, 0, 255}
	var found image.Rectangle
	for y := card.Min.Y; y < card.Max.Y; y++ {
		for x := card.Min.X; x < card.Max.X; x++ {
			switch img.RGBAAt(x, y) {
			case white:
			case black:
				found = found.Union(image.Rect(x, y, x+1, y+1))
			default:
				return fmt.Errorf("pixel (%d,%d) of the card is %v", x, y, img.RGBAAt(x, y))
			}
		}
	}
	side, px := q.Modules()*q.Pixels(), q.Pixels()
	if found.Dx() != side || found.Dy() != side {
		return fmt.Errorf("the QR is %v large, want %d modules of %d pixels", found.Size(), q.Modules(), px)
	}
	if quiet := found.Inset(-4 * px); !quiet.In(card) {
		return fmt.Errorf("the quiet zone %v reaches beyond the card %v", quiet, card)
	}
	for y := range side {
		for x := range side {
			want := white
			if q.Dark(x/px, y/px) {
				want = black
			}
			if at := found.Min.Add(image.Pt(x, y)); img.RGBAAt(at.X, at.Y) != want {
				return fmt.Errorf("pixel (%d,%d) of module (%d,%d) is not that of the module", x%px, y%px, x/px, y/px)
			}
		}
	}
	return nil
}

func decode(img image.Image) (string, error) {
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return "", err
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil {
		return "", err
	}
	return result.GetText(), nil
}

// Whatever the link, the pixels are a QR by the rules and say the link.
func TestAnyLinkIsOnTheGlass(t *testing.T) {
	t.Parallel()
	eachQR(t, func(t *testing.T, glass pane) {
		r := newRenderer(t, glass)
		rapid.Check(t, func(rt *rapid.T) {
			text := "upi://pay?" + rapid.StringMatching(`[A-Za-z0-9@&=%.:/_-]{1,340}`).Draw(rt, "text")
			if glass.short {
				text = text[:min(len(text), len(shortQR))]
			}
			q, err := screen.EncodeQR(text, glass.Glass)
			if err != nil {
				rt.Fatal(err)
			}
			if err := checkModule(glass, q); err != nil {
				rt.Fatal(err)
			}
			img := picture(glass)
			if err := r.Render(img, presenting(q)); err != nil {
				rt.Fatal(err)
			}
			if err := checkQR(glass, img, q); err != nil {
				rt.Fatal(err)
			}
			if got, err := decodeCard(glass, img); err != nil || got != text {
				rt.Fatalf("read back %q, %v; want %q", got, err, text)
			}
		})
	})
}

// decodeCard reads the card alone, as it is. The decoder's search for a QR in a
// larger picture misses the version of a few texts, whatever their pixels.
func decodeCard(glass pane, img *image.RGBA) (string, error) {
	card, err := screen.Card(glass.Size)
	if err != nil {
		return "", err
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img.SubImage(card))
	if err != nil {
		return "", err
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
	if err != nil {
		return "", err
	}
	return result.GetText(), nil
}

// qrOf is the text that the golden of a state carries, empty for none.
func qrOf(glass pane, name string) string {
	switch name {
	case "presenting-signed", "presenting-most":
		return glass.text(signedQR)
	case "presenting-longest":
		return glass.text(longestQR)
	}
	switch {
	case strings.HasPrefix(name, "presenting"):
		return glass.text(plainQR)
	case strings.HasPrefix(name, "enrolling-link"):
		return enrolLink
	}
	return ""
}

// Two decoders that share no code read each golden of a QR.
func TestGoldensCanBeScanned(t *testing.T) {
	t.Parallel()
	eachQR(t, func(t *testing.T, glass pane) {
		scanned := 0
		for _, s := range states(t, glass) {
			want := qrOf(glass, s.name)
			if want == "" {
				if s.view.QR != nil {
					t.Errorf("%s: nobody scans its QR", s.name)
				}
				continue
			}
			scanned++
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(glass.goldens(), s.name+".png")
				file, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				img, err := png.Decode(bytes.NewReader(file))
				if err != nil {
					t.Fatal(err)
				}
				if got, err := decode(img); err != nil || got != want {
					t.Errorf("gozxing reads %q, %v; want %q", got, err, want)
				}
				zbar(t, path, want)
			})
		}
		if scanned < 4 {
			t.Errorf("only %d goldens were scanned", scanned)
		}
	})
}

func zbar(t *testing.T, path, want string) {
	t.Helper()
	out, err := exec.Command("zbarimg", "--nodbus", "-q", "--raw", path).CombinedOutput()
	if err != nil {
		t.Fatalf("zbarimg (package zbar-tools) on %s: %v: %s", path, err, out)
	}
	if got := strings.TrimSuffix(string(out), "\n"); got != want {
		t.Errorf("zbarimg reads %q, want %q", got, want)
	}
}

// The same through the panel: its driver, the chip and its 16 bits of colour.
func TestGlassCanBeScanned(t *testing.T) {
	t.Parallel()
	for _, text := range []string{plainQR, signedQR, longestQR} {
		synctest.Test(t, func(t *testing.T) {
			chip := paneltest.NewST7789()
			d, err := panel.Open("st7789", chip, chip.Pins(), panel.Options{})
			if err != nil {
				t.Fatal(err)
			}
			q := encode(t, glass, text)
			if err := d.Draw(d.Bounds(), render(t, glass, presenting(q)), image.Point{}); err != nil {
				t.Fatal(err)
			}
			if err := d.Backlight(true); err != nil {
				t.Fatal(err)
			}
			seen := chip.Image()
			if err := checkQR(glass, seen, q); err != nil {
				t.Error(err)
			}
			if got, err := decode(seen); err != nil || got != text {
				t.Errorf("gozxing reads %q, %v; want %q", got, err, text)
			}
			path := filepath.Join(t.TempDir(), "glass.png")
			write(t, path, seen)
			zbar(t, path, text)
		})
	}
}

// A second of the countdown moves a bar and some digits, not the picture.
func TestCountdownSendsLittle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip := paneltest.NewST7789()
		d, err := panel.Open("st7789", chip, chip.Pins(), panel.Options{})
		if err != nil {
			t.Fatal(err)
		}
		v := presenting(encode(t, glass, signedQR))
		r, img := newRenderer(t, glass), picture(glass)
		draw := func() int {
			before := chip.Stats().Bytes
			if err := r.Render(img, v); err != nil {
				t.Fatal(err)
			}
			if err := d.Draw(d.Bounds(), img, image.Point{}); err != nil {
				t.Fatal(err)
			}
			return chip.Stats().Bytes - before
		}
		full := draw()
		if draw() != 0 {
			t.Error("the same second was sent twice")
		}
		for v.Left > 25*time.Second {
			v.Left -= time.Second
			// The whole of bar and footer is 240x30; once they turn amber.
			if n := draw(); n == 0 || n > 8_000 {
				t.Fatalf("at %v %d bytes were sent, the whole picture was %d", v.Left, n, full)
			}
		}
	})
}

// A text of printable ASCII is read back as it was, or refused for its length.
func FuzzEncodeQR(f *testing.F) {
	for _, text := range []string{plainQR, signedQR, longestQR, "0", strings.Repeat("7", 800), strings.Repeat("A$", 200), ""} {
		f.Add(text)
	}
	r := newRenderer(f, glass)
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) {
			return // links are ASCII; decoders guess at the rest
		}
		q, err := screen.EncodeQR(text, glass.Glass)
		if err != nil {
			if !errors.Is(err, screen.ErrQRDoesNotFit) || (text != "" && len(text) <= 367) {
				t.Errorf("%d bytes: %v", len(text), err)
			}
			return
		}
		img := picture(glass)
		if err := r.Render(img, presenting(q)); err != nil {
			t.Fatal(err)
		}
		if err := checkQR(glass, img, q); err != nil {
			t.Error(err)
		}
		if got, err := decode(img); err != nil || got != text {
			t.Errorf("read back %q, %v; want %q", got, err, text)
		}
	})
}

// A draft says what EncodeQR would, without the work.
func TestADraftSaysWhatEncodeQRSays(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, glass pane) {
		rapid.Check(t, func(rt *rapid.T) {
			text := rapid.StringMatching(`upi://pay\?[A-Za-z0-9@&=%.:/_-]{1,700}`).Draw(rt, "text")
			_, err := screen.EncodeQR(text, glass.Glass)
			_, fits := screen.DraftQR(text, glass.Glass)
			if (err == nil) != (fits == nil) || err != nil && err.Error() != fits.Error() {
				rt.Fatalf("DraftQR says %v, EncodeQR %v", fits, err)
			}
		})
	})
}

func BenchmarkDraftQR(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := screen.DraftQR(signedQR, glass.Glass); err != nil {
			b.Fatal(err)
		}
	}
}
