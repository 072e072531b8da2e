package panel_test

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"periph.io/x/conn/v3/physic"
)

// open starts a panel on a chip; it is for use inside a synctest bubble, where
// the datasheet's waits take no time.
func open(t *testing.T, chip *paneltest.ST7789, opts panel.Options) *panel.ST7789 {
	t.Helper()
	d, err := panel.NewST7789(chip, chip.Pins(), opts)
	if err != nil {
		t.Fatalf("NewST7789: %v", err)
	}
	return d
}

// behaved fails the test when the driver broke a rule of the datasheet.
func behaved(t *testing.T, chip *paneltest.ST7789) {
	t.Helper()
	for _, err := range chip.Misuse() {
		t.Errorf("against the datasheet: %v", err)
	}
}

// lines writes a trace as a table: time, what, bytes. Runs of data are shown by
// their length.
func lines(events []paneltest.Event) string {
	var b strings.Builder
	for _, e := range events {
		data := fmt.Sprintf(" % x", e.Data)
		if len(e.Data) > 8 {
			data = fmt.Sprintf(" %d bytes", len(e.Data))
		}
		fmt.Fprintf(&b, "%6v  %s%s\n", e.At, e.What, strings.TrimRight(data, " "))
	}
	return b.String()
}

// solid is a picture of one colour that is big enough for any window.
func solid(c color.Color) image.Image { return image.NewUniform(c) }

func TestStartIsAsTheDatasheetSays(t *testing.T) {
	t.Parallel()
	clear := strings.Repeat(" 241ms  data 4096 bytes\n", 37) + " 241ms  data 2048 bytes\n"
	window := ` 241ms  command 2a
 241ms  data 00 00 00 ef
 241ms  command 2b
 241ms  data 00 00 01 3f
 241ms  command 2c
`
	for _, test := range []struct {
		name string
		pins func(*paneltest.ST7789) panel.Pins
		opts panel.Options
		want string
	}{
		{
			name: "reset by pin",
			pins: (*paneltest.ST7789).Pins,
			want: `    0s  RST low
   1ms  RST high
 121ms  command 11
 241ms  command 3a
 241ms  data 55
 241ms  command 36
 241ms  data 00
 241ms  command 21
 241ms  command 13
` + window + clear + " 241ms  command 29\n",
		},
		{
			name: "reset by command, upside down, no light",
			pins: func(c *paneltest.ST7789) panel.Pins { return panel.Pins{DC: c.DC} },
			opts: panel.Options{UpsideDown: true},
			want: strings.ReplaceAll(`    0s  command 01
 120ms  command 11
 241ms  command 3a
 241ms  data 55
 241ms  command 36
 241ms  data c0
 241ms  command 21
 241ms  command 13
`+window+clear+" 241ms  command 29\n", "241ms", "240ms"),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				chip := paneltest.NewST7789()
				chip.StartTrace()
				if _, err := panel.NewST7789(chip, test.pins(chip), test.opts); err != nil {
					t.Fatal(err)
				}
				if got := lines(chip.Trace()); got != test.want {
					t.Errorf("on the wire:\n%swant:\n%s", got, test.want)
				}
				if got := chip.Speed(); got != 32*physic.MegaHertz {
					t.Errorf("clock is %s, want 32MHz", got)
				}
				behaved(t, chip)
			})
		})
	}
}

// One changed rectangle is one window of exactly its pixels. The rows are where
// a byte of RASET overflows.
func TestDrawSendsExactlyTheWindow(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rect       image.Rectangle
		cols, rows string
	}{
		{image.Rect(0, 0, 1, 1), "00 00 00 00", "00 00 00 00"},
		{image.Rect(239, 319, 240, 320), "00 ef 00 ef", "01 3f 01 3f"},
		{image.Rect(0, 0, 240, 320), "00 00 00 ef", "00 00 01 3f"},
		{image.Rect(7, 254, 9, 255), "00 07 00 08", "00 fe 00 fe"},
		{image.Rect(7, 255, 9, 256), "00 07 00 08", "00 ff 00 ff"},
		{image.Rect(7, 256, 9, 257), "00 07 00 08", "01 00 01 00"},
		{image.Rect(7, 257, 9, 258), "00 07 00 08", "01 01 01 01"},
		{image.Rect(7, 254, 9, 258), "00 07 00 08", "00 fe 01 01"},
		{image.Rect(3, 0, 4, 255), "00 03 00 03", "00 00 00 fe"}, // 255 pixels
		{image.Rect(3, 0, 4, 256), "00 03 00 03", "00 00 00 ff"}, // 256
		{image.Rect(3, 0, 4, 257), "00 03 00 03", "00 00 01 00"}, // 257
		{image.Rect(8, 16, 59, 21), "00 08 00 3a", "00 10 00 14"},
		{image.Rect(8, 16, 24, 32), "00 08 00 17", "00 10 00 1f"},
	} {
		t.Run(test.rect.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				chip := paneltest.NewST7789()
				d := open(t, chip, panel.Options{})
				before := chip.Stats()
				chip.StartTrace()
				if err := d.Draw(test.rect, solid(color.RGBA{0x12, 0xb7, 0x6a, 0xff}), image.Point{}); err != nil {
					t.Fatal(err)
				}
				trace := chip.Trace()
				head := strings.Fields(strings.ReplaceAll(lines(trace[:5]), "0s", ""))
				want := strings.Fields("command 2a data " + test.cols + " command 2b data " + test.rows + " command 2c")
				if !slices.Equal(head, want) {
					t.Errorf("window is opened with %v, want %v", head, want)
				}
				pixels := test.rect.Dx() * test.rect.Dy()
				if got, want := chip.Stats().Bytes-before.Bytes, 11+2*pixels; got != want {
					t.Errorf("%d bytes sent, want 11 for the window and %d for %d pixels", got, 2*pixels, pixels)
				}
				// #12b76a is 00010 101101 01101: high byte first.
				if got := fmt.Sprintf("%x", trace[5].Data[:2]); got != "15ad" {
					t.Errorf("the first pixel is %s on the wire, want 15ad", got)
				}
				behaved(t, chip)
			})
		})
	}
}

func TestOnlyWhatChangedIsSent(t *testing.T) {
	t.Parallel()
	white := solid(color.White)
	for _, test := range []struct {
		name    string
		draw    func(*image.RGBA)
		windows int
		pixels  int
	}{
		{"nothing", func(*image.RGBA) {}, 0, 0},
		{"one pixel", func(m *image.RGBA) { m.Set(100, 300, color.White) }, 1, 1},
		{"two far corners", func(m *image.RGBA) { m.Set(0, 0, color.White); m.Set(239, 319, color.White) }, 2, 2},
		{"neighbours in one window", func(m *image.RGBA) { m.Set(10, 10, color.White); m.Set(14, 12, color.White) }, 1, 15},
		{"time bar and timer", func(m *image.RGBA) {
			draw.Draw(m, image.Rect(200, 290, 203, 294), white, image.Point{}, draw.Src)
			draw.Draw(m, image.Rect(8, 298, 60, 316), white, image.Point{}, draw.Src)
		}, 2, 3*4 + 52*18},
		{"below what 16 bits can show", func(m *image.RGBA) { m.Set(5, 5, color.RGBA{7, 3, 7, 255}) }, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				chip := paneltest.NewST7789()
				d := open(t, chip, panel.Options{})
				img := image.NewRGBA(d.Bounds())
				test.draw(img)
				before, version := chip.Stats(), chip.Version()
				if err := d.Draw(d.Bounds(), img, image.Point{}); err != nil {
					t.Fatal(err)
				}
				if got, want := chip.Stats().Bytes-before.Bytes, 11*test.windows+2*test.pixels; got != want {
					t.Errorf("%d bytes sent, want %d: %d windows of %d pixels together", got, want, test.windows, test.pixels)
				}
				if changed := chip.Version() != version; changed != (test.pixels > 0) {
					t.Errorf("glass changed: %v", changed)
				}
				before = chip.Stats()
				if err := d.Draw(d.Bounds(), img, image.Point{}); err != nil {
					t.Fatal(err)
				}
				if after := chip.Stats(); after != before {
					t.Errorf("the same picture again sent %d bytes", after.Bytes-before.Bytes)
				}
				behaved(t, chip)
			})
		})
	}
}

// A transfer is never longer than the port says, and as long as it allows.
func TestTransfersKeepToTheLimit(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 2, 3, 255, 256, 257, 4095, 4096, 4097, 65536, 200_000} {
		for _, pixels := range []int{1, 127, 128, 129, 255, 256, 257} {
			t.Run(fmt.Sprintf("%d bytes, %d pixels", limit, pixels), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					chip := paneltest.NewST7789()
					chip.SetMaxTxSize(limit)
					d := open(t, chip, panel.Options{})
					if got, want := chip.Stats().Largest, min(limit, 240*320*2); got != want {
						t.Errorf("largest transfer of a full picture is %d bytes, want %d", got, want)
					}
					rect := image.Rect(100, 30, 101, 30+pixels)
					img := noise(rect, uint64(limit*1000+pixels))
					before := chip.Stats().Transfers
					if err := d.Draw(rect, img, rect.Min); err != nil {
						t.Fatal(err)
					}
					params := (4 + limit - 1) / limit
					want := 3 + 2*params + (2*pixels+limit-1)/limit
					if got := chip.Stats().Transfers - before; got != want {
						t.Errorf("%d transfers, want %d", got, want)
					}
					equalGlass(t, chip, d, rect, img)
					behaved(t, chip)
				})
			})
		}
	}
}

func TestHaltIsDarkAsleepAndFinal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip := paneltest.NewST7789()
		d := open(t, chip, panel.Options{})
		if chip.Lit() {
			t.Error("the light is on before the first picture")
		}
		if err := d.Backlight(true); err != nil || !chip.Lit() {
			t.Fatalf("Backlight(true): lit %v, %v", chip.Lit(), err)
		}
		chip.StartTrace()
		began := time.Now()
		if err := d.Halt(); err != nil {
			t.Fatal(err)
		}
		if got, want := lines(chip.Trace()), "    0s  BL low\n    0s  command 28\n    0s  command 10\n"; got != want {
			t.Errorf("on the wire:\n%swant:\n%s", got, want)
		}
		if took := time.Since(began); took != 5*time.Millisecond {
			t.Errorf("Halt took %v, want the 5ms after SLPIN", took)
		}
		if err := d.Halt(); err != nil {
			t.Errorf("second Halt: %v", err)
		}
		refuses(t, "Draw", d.Draw(d.Bounds(), solid(color.White), image.Point{}), panel.ErrHalted)
		refuses(t, "Backlight(true)", d.Backlight(true), panel.ErrHalted)
		if err := d.Backlight(false); err != nil {
			t.Errorf("Backlight(false): %v", err)
		}
		behaved(t, chip)
	})
}

func TestUpsideDownTurnsByHalf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip := paneltest.NewST7789()
		d := open(t, chip, panel.Options{UpsideDown: true})
		if err := d.Draw(image.Rect(0, 0, 1, 1), solid(color.White), image.Point{}); err != nil {
			t.Fatal(err)
		}
		memory := chip.Memory()
		if i := slices.Index(memory, 0xffff); i != len(memory)-1 {
			t.Errorf("the first pixel went to %d, want the last, %d", i, len(memory)-1)
		}
		behaved(t, chip)
	})
}
