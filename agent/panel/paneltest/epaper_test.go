package paneltest_test

import (
	"bytes"
	"fmt"
	"image/color"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/panel/paneltest"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/devices/v3/waveshare2in13v3"
)

// waveform is the script of a whole waveform.
func waveform(lut waveshare2in13v3.LUT) string { return fmt.Sprintf("32:% x", []byte(lut[:153])) }

// page is an e-paper with white memory, its voltages on and the whole waveform.
func page(t *testing.T) (*paneltest.EPaper, func(...string)) {
	t.Helper()
	chip := paneltest.NewEPaper()
	send := wired(t, chip, chip.DC)
	white := strings.TrimSpace(strings.Repeat("ff ", 4000))
	send("12", "wait 10ms", "01:f9 00 00", "11:03", "44:00 0f", "45:00 00 f9 00", "4e:00", "4f:00 00", "24:"+white,
		waveform(waveshare2in13v3.EPD2in13v3.FullUpdate))
	return chip, send
}

// black lists what is not white.
func black(chip *paneltest.EPaper) string {
	var b strings.Builder
	img := chip.Image()
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if img.RGBAAt(x, y) == (color.RGBA{A: 0xff}) {
				fmt.Fprintf(&b, "(%d,%d) ", x, y)
			}
		}
	}
	return strings.TrimSpace(b.String())
}

func TestPaperBytesGoWhereTheDatasheetSays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		script []string
		want   string
	}{
		{"the high bit is left", []string{"4e:00", "4f:00 00", "24:7f"}, "(0,0)"},
		{"a row, then the next", []string{"44:02 03", "45:64 00 65 00", "4e:02", "4f:64 00", "24:7f 7f 7f 7f"}, "(16,100) (24,100) (16,101) (24,101)"},
		{"back to the begin of the window", []string{"44:02 02", "45:64 00 64 00", "4e:02", "4f:64 00", "24:00 7f"}, "(16,100)"},
		{"the last pixel", []string{"4e:0f", "4f:f9 00", "24:bf"}, "(121,249)"},
		{"six pixels have no glass", []string{"4e:0f", "4f:f9 00", "24:c0"}, ""},
		{"the other memory is not shown", []string{"4e:00", "4f:00 00", "26:00 00"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				chip, send := page(t)
				before := chip.Image()
				send(test.script...)
				if !bytes.Equal(before.Pix, chip.Image().Pix) {
					t.Error("it is seen before a refresh")
				}
				send("22:c7", "20")
				if got := black(chip); got != test.want {
					t.Errorf("seen is %s, want %s", got, test.want)
				}
				if m := chip.Misuse(); len(m) > 0 {
					t.Error(m)
				}
			})
		})
	}
}

// BUSY is high for as long as the waveform takes, and the chip says which it was.
func TestPaperWaveforms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip, send := page(t)
		for _, test := range []struct {
			lut    waveshare2in13v3.LUT
			frames int
			full   bool
		}{
			// Frames are counted in the tables: 15 + 3 times 30 + 15 + 1, and 20 + 1 + 1.
			{waveshare2in13v3.EPD2in13v3.FullUpdate, 121, true},
			{waveshare2in13v3.EPD2in13v3.PartialUpdate, 22, false},
		} {
			send(waveform(test.lut), "22:c7", "20")
			if chip.BUSY.Read() != gpio.High {
				t.Fatal("BUSY is low")
			}
			began := time.Now()
			if !chip.BUSY.WaitForEdge(time.Minute) || chip.BUSY.Read() != gpio.Low {
				t.Error("BUSY did not fall")
			}
			want := 40*time.Millisecond + time.Duration(test.frames)*(time.Second/75)
			if took := time.Since(began); took != want {
				t.Errorf("it took %v, want %v", took, want)
			}
			all := chip.Refreshes()
			if last := all[len(all)-1]; last.Full != test.full || last.Took != want {
				t.Errorf("refresh %+v", last)
			}
			began = time.Now()
			if chip.BUSY.WaitForEdge(10*time.Millisecond) || time.Since(began) != 10*time.Millisecond {
				t.Error("an edge without one")
			}
		}
		chip.SetBusyStuck(true)
		if chip.BUSY.Read() != gpio.High || chip.BUSY.WaitForEdge(time.Hour) || chip.BUSY.Read() != gpio.High {
			t.Error("BUSY fell")
		}
		if m := chip.Misuse(); len(m) > 0 {
			t.Error(m)
		}
	})
}

func TestPaperMisuse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		script []string
		want   string
	}{
		{[]string{"7e"}, "command 0x7e is not known to the emulator"},
		{[]string{"22:c7", "20", "24"}, "command while BUSY is high"},
		{[]string{"12", "01"}, "command while BUSY is high"},
		{[]string{"22:0f", "20"}, "refresh 0x0f without voltage"},
		{[]string{"22:c7", "20", "wait 2s", "22:0f", "20"}, "refresh 0x0f without voltage"},
		{[]string{"10:01", "24"}, "command while the chip sleeps"},
		{[]string{"11:00"}, "data entry mode 0x00 is not known to the emulator"},
		{[]string{"44:00 10"}, "command 0x44: window from 0 to 16"},
		{[]string{"44:03 02"}, "command 0x44: window from 3 to 2"},
		{[]string{"45:00 00 fa 00"}, "command 0x45: window from 0 to 250"},
		{[]string{"4f:fa 00"}, "command 0x4f: position 250 is outside of the memory"},
		{[]string{"4e:00 00"}, "command 0x4e takes 1 parameters, got one more: 0x00"},
		{[]string{"01:f9", "11:03"}, "command 0x01 takes 3 parameters, got 1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			chip, send := page(t)
			send(test.script...)
			if m := chip.Misuse(); len(m) == 0 || m[0].Error() != "waveshare2in13v3: "+test.want {
				t.Errorf("%s: misuse %q, want %q", test.script, m, test.want)
			}
		})
	}
}

// Only the reset line wakes a sleeping chip; the picture stays through everything.
func TestPaperKeepsItsPicture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip, send := page(t)
		send("4e:00", "4f:00 00", "24:7f", "22:c7", "20", "wait 2s", "10:01")
		if chip.BUSY.Read() != gpio.High {
			t.Error("BUSY is low in deep sleep")
		}
		chip.RST.Out(gpio.Low)
		send("12")
		chip.RST.Out(gpio.High)
		if m := chip.Misuse(); len(m) != 1 || m[0].Error() != "waveshare2in13v3: command while RST is low" {
			t.Errorf("misuse %q", m)
		}
		time.Sleep(10 * time.Millisecond)
		if chip.BUSY.Read() != gpio.Low {
			t.Error("it did not wake")
		}
		chip.Reset()
		if got := black(chip); got != "(0,0)" {
			t.Errorf("after a power cut %s is seen", got)
		}
		if !chip.Lit() {
			t.Error("paper went dark")
		}
	})
}
