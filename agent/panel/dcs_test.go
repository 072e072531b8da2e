package panel_test

import (
	"fmt"
	"image"
	"image/color"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/panel"
)

// wire writes a trace without its times, transfers of the same kind joined: what
// the chip was told, however it was cut.
func wire(trace string) string {
	var b strings.Builder
	before := ""
	for line := range strings.Lines(trace) {
		f := strings.Fields(line)
		switch {
		case f[1] == "data" && before == "data":
			fmt.Fprint(&b, " ", strings.Join(f[2:], " "))
		default:
			fmt.Fprint(&b, "\n", strings.Join(f[1:], " "))
		}
		before = f[1]
	}
	return strings.TrimPrefix(b.String(), "\n") + "\n"
}

// The start of each chip is its datasheet's: wake it, tell it the depth and the
// way its glass is mounted, the voltages and curves, paint, show.
func TestStartOfTheIlitekChips(t *testing.T) {
	t.Parallel()
	const ili9341 = `command c0
data 23
command c1
data 10
command c5
data 3e 28
command c7
data 86
command 26
data 01
command e0
data 15 bytes
command e1
data 15 bytes
command 20
command 13
command 2a
data 00 00 00 ef
command 2b
data 00 00 01 3f
command 2c
`
	const ili9488 = `command c0
data 17 15
command c1
data 41
command c5
data 00 12 80
command e0
data 15 bytes
command e1
data 15 bytes
command 20
command 13
`
	const portrait = "command 2a\ndata 00 00 01 3f\ncommand 2b\ndata 00 00 01 df\ncommand 2c\n"
	const landscape = "command 2a\ndata 00 00 01 df\ncommand 2b\ndata 00 00 01 3f\ncommand 2c\n"
	full := func(transfers, rest int) string {
		s := "data" + strings.Repeat(" 4096 bytes", transfers)
		if rest > 0 {
			s += fmt.Sprintf(" %d bytes", rest)
		}
		return s + "\n"
	}
	for _, test := range []struct {
		kind       string
		upsideDown bool
		want       string
	}{
		{"ili9341", false, "command 3a\ndata 55\ncommand 36\ndata 48\n" + ili9341 + full(37, 2048)},
		{"ili9341", true, "command 3a\ndata 55\ncommand 36\ndata 88\n" + ili9341 + full(37, 2048)},
		{"ili9488", false, "command 3a\ndata 66\ncommand 36\ndata 48\n" + ili9488 + portrait + full(112, 2048)},
		{"ili9488", true, "command 3a\ndata 66\ncommand 36\ndata 88\n" + ili9488 + portrait + full(112, 2048)},
		{"ili9488-landscape", false, "command 3a\ndata 66\ncommand 36\ndata 28\n" + ili9488 + landscape + full(112, 2048)},
		{"ili9488-landscape", true, "command 3a\ndata 66\ncommand 36\ndata e8\n" + ili9488 + landscape + full(112, 2048)},
	} {
		t.Run(fmt.Sprint(test.kind, " upside down ", test.upsideDown), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := module(t, test.kind)
				c.StartTrace()
				start(t, test.kind, c, panel.Options{UpsideDown: test.upsideDown})
				trace := lines(c.Trace())
				want := "RST low\nRST high\ncommand 11\n" + test.want + "command 29\n"
				if got := wire(trace); got != want {
					t.Errorf("on the wire:\n%swant:\n%s", got, want)
				}
				for _, at := range []string{"    0s  RST low\n", "   1ms  RST high\n", " 121ms  command 11\n", " 241ms  command 3a\n"} {
					if !strings.Contains(trace, at) {
						t.Errorf("not at its time: %q", at)
					}
				}
				wellUsed(t, c)
			})
		})
	}
}

// One changed rectangle is one window of exactly its pixels, of which each is
// three bytes on an ILI9488. The rows and columns are where a byte overflows.
func TestILI9488SendsExactlyTheWindow(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind       string
		rect       image.Rectangle
		cols, rows string
	}{
		{"ili9488", image.Rect(0, 0, 1, 1), "00 00 00 00", "00 00 00 00"},
		{"ili9488", image.Rect(319, 479, 320, 480), "01 3f 01 3f", "01 df 01 df"},
		{"ili9488", image.Rect(254, 254, 256, 256), "00 fe 00 ff", "00 fe 00 ff"},
		{"ili9488", image.Rect(255, 255, 257, 257), "00 ff 01 00", "00 ff 01 00"},
		{"ili9488", image.Rect(256, 256, 258, 258), "01 00 01 01", "01 00 01 01"},
		{"ili9488-landscape", image.Rect(479, 319, 480, 320), "01 df 01 df", "01 3f 01 3f"},
		{"ili9488-landscape", image.Rect(255, 255, 257, 257), "00 ff 01 00", "00 ff 01 00"},
	} {
		t.Run(fmt.Sprint(test.kind, test.rect), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := module(t, test.kind)
				p := start(t, test.kind, c, panel.Options{})
				before := c.Stats()
				c.StartTrace()
				if err := p.Draw(test.rect, solid(color.RGBA{0x12, 0xb7, 0x6a, 0xff}), image.Point{}); err != nil {
					t.Fatal(err)
				}
				trace := c.Trace()
				head := strings.Fields(strings.ReplaceAll(lines(trace[:5]), "0s", ""))
				want := strings.Fields("command 2a data " + test.cols + " command 2b data " + test.rows + " command 2c")
				if !slices.Equal(head, want) {
					t.Errorf("window is opened with %v, want %v", head, want)
				}
				if got, want := c.Stats().Bytes-before.Bytes, 11+3*test.rect.Dx()*test.rect.Dy(); got != want {
					t.Errorf("%d bytes sent, want %d", got, want)
				}
				// #12b76a keeps the upper six bits of each colour.
				if got := fmt.Sprintf("% x", trace[5].Data[:3]); got != "10 b4 68" {
					t.Errorf("the first pixel is %s on the wire, want 10 b4 68", got)
				}
				wellUsed(t, c)
			})
		})
	}
}

// Three bytes a pixel do not divide a transfer: pixels are cut where it ends.
func TestILI9488TransfersKeepToTheLimit(t *testing.T) {
	t.Parallel()
	for limit, counts := range map[int][]int{
		2: {86}, 255: {1, 84, 85, 86, 170, 171}, 256: {1, 85, 86, 256}, 257: {85, 86, 255, 256, 257},
		4095: {257}, 4096: {1, 255, 256, 257}, 4097: {257},
	} {
		for _, pixels := range counts {
			t.Run(fmt.Sprintf("%d bytes, %d pixels", limit, pixels), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := module(t, "ili9488")
					c.SetMaxTxSize(limit)
					rect := image.Rect(100, 30, 101, 30+pixels)
					picture := image.NewRGBA(image.Rect(0, 0, 320, 480))
					p := lit(t, kind(t, "ili9488"), c, picture)
					for y := rect.Min.Y; y < rect.Max.Y; y++ {
						picture.Set(100, y, color.RGBA{byte(y)&0xfc | 4, byte(y * 3), byte(y * 7), 0xff})
					}
					before := c.Stats().Transfers
					if err := p.Draw(rect, picture, rect.Min); err != nil {
						t.Fatal(err)
					}
					params := (4 + limit - 1) / limit
					if got, want := c.Stats().Transfers-before, 3+2*params+(3*pixels+limit-1)/limit; got != want {
						t.Errorf("%d transfers, want %d", got, want)
					}
					if err := seenAs(c, p, picture); err != nil {
						t.Error(err)
					}
					wellUsed(t, c)
				})
			})
		}
	}
}

func kind(t *testing.T, name string) panel.Kind {
	t.Helper()
	k, err := panel.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// However slow the clock may be, a picture is through within the timeout.
func TestTheSlowestClockIsFastEnough(t *testing.T) {
	t.Parallel()
	perPixel := map[string]int64{"st7789": 16, "ili9341": 16, "ili9488": 24, "ili9488-landscape": 24, "ssd1306": 1, "waveshare2in13v3": 2}
	for _, k := range panel.Kinds() {
		bits := int64(k.Size.X*k.Size.Y) * perPixel[k.Name]
		if took := time.Duration(bits) * k.Slowest.Period(); bits == 0 || took >= 2*time.Second {
			t.Errorf("%s: %d bits take %v at %s", k.Name, bits, took, k.Slowest)
		}
	}
}
