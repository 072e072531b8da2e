package paneltest_test

import (
	"bytes"
	"image"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/galla-pay/galla/agent/panel/paneltest"
	"periph.io/x/conn/v3/gpio"
)

// oled is a module with wiped memory, upright, that glows.
func oled(t *testing.T) (*paneltest.SSD1306, func(...string)) {
	t.Helper()
	chip := paneltest.NewSSD1306()
	send := wired(t, chip, chip.DC)
	zeros := strings.TrimSpace(strings.Repeat("00 ", 1024))
	send("ae 20 00 21 00 7f 22 00 07:"+zeros, "a1 c8 8d 14 af")
	return chip, send
}

func TestOLEDBytesGoWhereTheDatasheetSays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		script []string
		want   string
	}{
		{"the low bit is above", []string{"b0 00 10:81"}, "(0,0)=ffffff (0,7)=ffffff"},
		{"along the page", []string{"b0 00 10:01 01"}, "(0,0)=ffffff (1,0)=ffffff"},
		{"low and high half of the column", []string{"b7 0f 17:80"}, "(127,63)=ffffff"},
		{"from the end of a page to the next", []string{"b0 0f 17:01 01"}, "(127,0)=ffffff (0,8)=ffffff"},
		{"a window, and back to its begin", []string{"21 05 06 22 02 02:01 01 02"}, "(6,16)=ffffff (5,17)=ffffff"},
		{"down the column", []string{"20 01 21 00 7f 22 00 07:01 01"}, "(0,0)=ffffff (0,8)=ffffff"},
		{"page mode stays in its page", []string{"20 02 b3 0f 17:01 01"}, "(0,24)=ffffff (127,24)=ffffff"},
		{"C0 turns top and bottom", []string{"c0 b0 00 10:01"}, "(0,63)=ffffff"},
		{"A0 turns left and right of what comes", []string{"b0 00 10:01", "a0 b1 00 10:01"}, "(0,0)=ffffff (127,8)=ffffff"},
		{"parameters in their own transfers", []string{"21", "05", "05", "22", "01", "01:01"}, "(5,8)=ffffff"},
		{"output off", []string{"b0 00 10:01", "ae"}, ""},
		{"no charge pump", []string{"b0 00 10:01", "8d 10"}, ""},
		{"contrast, timing and NOP cannot be seen", []string{"b0 00 10:01", "81 ff d5 f0 d9 f1 db 40 2e e3 40 a8 3f d3 00 da 12"}, "(0,0)=ffffff"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			chip, send := oled(t)
			send(test.script...)
			if got := glow(chip.Image()); got != test.want {
				t.Errorf("seen is %s, want %s", got, test.want)
			}
			if m := chip.Misuse(); len(m) > 0 {
				t.Error(m)
			}
		})
	}
}

func TestOLEDWholeGlass(t *testing.T) {
	t.Parallel()
	chip, send := oled(t)
	for _, test := range []struct {
		script string
		lit    bool
	}{{"a7", true}, {"a6", false}, {"a5", true}, {"a4", false}} {
		send(test.script)
		want := map[bool]byte{true: 0xff, false: 0}[test.lit]
		img := chip.Image()
		for i, v := range img.Pix {
			if i%4 != 3 && v != want {
				t.Fatalf("%s: byte %d of the picture is %02x", test.script, i, v)
			}
		}
	}
	if chip.Image().Rect != image.Rect(0, 0, 128, 64) {
		t.Error("not 128x64")
	}
}

func TestOLEDMisuse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ script, want string }{
		{"26", "ssd1306: command 0x26 is not known to the emulator"},
		{"21 05 04", "ssd1306: command 0x21: from 5 to 4"},
		{"22 00 08", "ssd1306: command 0x22: from 0 to 8"},
		{"20 03", "ssd1306: addressing mode 0x03"},
		{"41", "ssd1306: start line 1 is not that of the picture"},
		{"a8 1f", "ssd1306: multiplex ratio 0x1f is not that of the glass, 0x3f"},
		{"d3 01", "ssd1306: offset 0x01 is not that of the glass, 0x00"},
		{"da 02", "ssd1306: COM pins 0x02 is not that of the glass, 0x12"},
		{"81:ff", "ssd1306: data where 1 parameters of 0x81 are missing"},
	} {
		chip, send := oled(t)
		send(test.script)
		if m := chip.Misuse(); len(m) != 1 || m[0].Error() != test.want {
			t.Errorf("%s: misuse %q, want %q", test.script, m, test.want)
		}
	}
}

// Held in reset it is dark and deaf, and after it still dark; memory survives.
func TestOLEDReset(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip, send := oled(t)
		send("b0 00 10:01")
		chip.RST.Out(gpio.Low)
		if chip.Lit() {
			t.Error("it glows in reset")
		}
		send("af")
		chip.RST.Out(gpio.High)
		m := chip.Misuse()
		if len(m) != 2 || m[0].Error() != "ssd1306: command while RST is low" || m[1].Error() != "ssd1306: RST was low for 0s" {
			t.Errorf("misuse %q", m)
		}
		if chip.Lit() {
			t.Error("it glows after reset")
		}
		send("a1 c8 8d 14 af")
		if got := glow(chip.Image()); got != "(0,0)=ffffff" {
			t.Errorf("seen is %s", got)
		}
		before := chip.Image()
		chip.Reset()
		send("a1 c8 8d 14 af")
		if bytes.Equal(before.Pix, chip.Image().Pix) {
			t.Error("memory survived a power cut")
		}
	})
}
