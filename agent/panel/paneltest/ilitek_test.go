package paneltest_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/galla-pay/galla/agent/panel/paneltest"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// emulated is what the script of a wire needs of a chip.
type emulated interface {
	spi.Port
	Misuse() []error
}

// wired connects a script to any chip; dc is its line.
func wired(t *testing.T, chip emulated, dc *paneltest.Pin) func(script ...string) {
	t.Helper()
	c, err := chip.Connect(4*physic.MegaHertz, spi.Mode0, 8)
	if err != nil {
		t.Fatal(err)
	}
	w := line{t, dc, c}
	return w.send
}

// glow lists what can be seen, but for black, in order.
func glow(img *image.RGBA) string {
	var b strings.Builder
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if c := img.RGBAAt(x, y); c != (color.RGBA{A: 0xff}) {
				fmt.Fprintf(&b, "(%d,%d)=%02x%02x%02x ", x, y, c.R, c.G, c.B)
			}
		}
	}
	return strings.TrimSpace(b.String())
}

// Where a pixel is seen on the glass of the Ilitek modules, which is mirrored and
// has blue first, and in which colour.
func TestILI9341PixelsGoWhereTheDatasheetSays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		script []string
		want   string
	}{
		{"MX and BGR undo what the module does", []string{"36:48", "2c:f8 00 00 1f"}, "(0,0)=ff0000 (1,0)=0000ff"},
		{"as after a reset: mirrored, colours swapped", []string{"2c:f8 00 00 1f"}, "(238,0)=ff0000 (239,0)=0000ff"},
		{"MY and BGR: upside down", []string{"36:88", "2c:f8 00"}, "(239,319)=ff0000"},
		{"the voltages and curves cannot be seen", []string{"36:48", "2c:ff ff", "c0:23", "c5:3e 28", "e0:0f 31 2b 0c 0e 08 4e f1 37 07 10 03 0e 09 00"}, "(0,0)=ffffff"},
		{"a curve that is sent in pieces", []string{"e1:00 0e 14|03 11 07 31 c1 48 08 0f 0c 31 36|0f", "36:48", "2c:ff ff"}, "(0,0)=ffffff"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				chip := paneltest.NewILI9341()
				send := wired(t, chip, chip.DC)
				send("11", "wait 120ms", "3a:55", "29")
				send(test.script...)
				chip.BL.Out(gpio.High)
				if got := glow(chip.Image()); got != test.want {
					t.Errorf("seen is %s, want %s", got, test.want)
				}
				if m := chip.Misuse(); len(m) > 0 {
					t.Error(m)
				}
			})
		})
	}
}

func TestILI9488PixelsGoWhereTheDatasheetSays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		landscape bool
		script    []string
		want      string
	}{
		{"upright", false, []string{"36:48", "2c:fc 00 00 00 80 04"}, "(0,0)=ff0000 (1,0)=008204"},
		{"the low two bits do not count", false, []string{"36:48", "2c:ff 03 01"}, "(0,0)=ff0000"},
		{"a pixel over three transfers", false, []string{"36:48", "2c:fc|00|00 00 00|fc"}, "(0,0)=ff0000 (1,0)=0000ff"},
		{"a command ends two thirds of a pixel", false, []string{"36:48", "2c:fc fc", "2c:00 fc 00"}, "(0,0)=00ff00"},
		{"last column and row", false, []string{"36:48", "2a:01 3f 01 3f", "2b:01 df 01 df", "2c:fc 00 00"}, "(319,479)=ff0000"},
		{"upside down", false, []string{"36:88", "2c:fc 00 00"}, "(319,479)=ff0000"},
		{"landscape", true, []string{"36:28", "2c:fc 00 00 00 00 fc"}, "(0,0)=ff0000 (1,0)=0000ff"},
		{"landscape, last column and row", true, []string{"36:28", "2a:01 df 01 df", "2b:01 3f 01 3f", "2c:fc 00 00"}, "(479,319)=ff0000"},
		{"landscape, upside down", true, []string{"36:e8", "2c:fc 00 00"}, "(479,319)=ff0000"},
		{"portrait on a module that lies", true, []string{"36:48", "2c:fc 00 00"}, "(0,319)=ff0000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				chip := paneltest.NewILI9488(test.landscape)
				send := wired(t, chip, chip.DC)
				send("11", "wait 120ms", "29")
				send(test.script...)
				chip.BL.Out(gpio.High)
				if got := glow(chip.Image()); got != test.want {
					t.Errorf("seen is %s, want %s", got, test.want)
				}
				if m := chip.Misuse(); len(m) > 0 {
					t.Error(m)
				}
			})
		})
	}
}

func TestMisuseOfTheIlitekChips(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		chip, script, want string
	}{
		{"ili9341", "3a:66 2c:00 00 00", "ili9341: pixels while COLMOD is 0x66: the emulator takes 16 bits a pixel"},
		{"ili9341", "c0:23 00", "ili9341: command 0xc0 takes 1 parameters, got one more: 0x00"},
		{"ili9341", "d0", "ili9341: command 0xd0 is not known to the emulator"},
		{"ili9488", "3a:55 2c:00 00", "ili9488: pixels while COLMOD is 0x55: the emulator takes 18 bits a pixel"},
		{"ili9488", "c7:86", "ili9488: command 0xc7 is not known to the emulator"},
		{"ili9488", "2b:01 e0 01 e0 2c:00 00 00", "ili9488: pixel at column 0, row 480 is outside of the memory"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var chip emulated
			var dc *paneltest.Pin
			if test.chip == "ili9341" {
				c := paneltest.NewILI9341()
				chip, dc = c, c.DC
			} else {
				c := paneltest.NewILI9488(false)
				chip, dc = c, c.DC
			}
			send := wired(t, chip, dc)
			send("11", "wait 120ms")
			// Commands are what stands before a colon.
			script := test.script
			if at := strings.LastIndex(script, " 2c:"); at > 0 {
				send(script[:at])
				script = script[at+1:]
			}
			send(script)
			if m := chip.Misuse(); len(m) == 0 || m[0].Error() != test.want {
				t.Errorf("%s %s: misuse %q, want %q", test.chip, test.script, m, test.want)
			}
		})
	}
}

// FuzzChips: however a stream of bytes is cut into transfers, each chip shows the
// same after it, and nothing that can be sent stops it.
func FuzzChips(f *testing.F) {
	f.Add([]byte{0x11, 0x29, 0x36, 0x48, 0x2c, 0xff, 0xfc, 0x00, 0x01}, uint64(0b111101000), uint64(0b01010))
	f.Add([]byte{0xb0, 0x00, 0x10, 0x55, 0x21, 0x05, 0x06, 0xaa, 0x8d, 0x14, 0xaf}, uint64(0b10001000), uint64(0xff))
	f.Add([]byte{0x4e, 0x0f, 0x4f, 0xf9, 0x00, 0x24, 0x00, 0x22, 0xc7, 0x20, 0x10, 0x01}, uint64(0b100101011010), uint64(0b1010))
	f.Add([]byte{0xe0, 1, 2, 3, 0x20, 0x03, 0x44, 0xff, 0xff, 0x45, 1, 1, 1, 1, 0x32, 9, 0x12}, uint64(0b011110110001110), uint64(0))
	f.Fuzz(func(t *testing.T, stream []byte, data, cuts uint64) {
		synctest.Test(t, func(t *testing.T) {
			isData := func(i int) bool { return data>>(i%64)&1 == 1 }
			play := func(pieces bool) (seen []*image.RGBA) {
				ili9341, ili9488, oled, paper := paneltest.NewILI9341(), paneltest.NewILI9488(true), paneltest.NewSSD1306(), paneltest.NewEPaper()
				for _, c := range []struct {
					emulated
					dc   *paneltest.Pin
					look func() *image.RGBA
				}{
					{ili9341, ili9341.DC, ili9341.Image}, {ili9488, ili9488.DC, ili9488.Image},
					{oled, oled.DC, oled.Image}, {paper, paper.DC, paper.Image},
				} {
					conn, err := c.Connect(4*physic.MegaHertz, spi.Mode0, 8)
					if err != nil {
						t.Fatal(err)
					}
					from := 0
					for i := range stream {
						last := i+1 == len(stream) || isData(i+1) != isData(i)
						if last || pieces && cuts>>(i%64)&1 == 1 {
							line{t, c.dc, conn}.tx(gpio.Level(isData(i)), stream[from:i+1])
							from = i + 1
						}
					}
					seen = append(seen, c.look())
				}
				return seen
			}
			whole, pieces := play(false), play(true)
			for i := range whole {
				if !bytes.Equal(whole[i].Pix, pieces[i].Pix) || !whole[i].Opaque() {
					t.Errorf("chip %d: cut or not, the glass differs, or it is not opaque: %v", i, whole[i].Opaque())
				}
			}
		})
	})
}
