package paneltest_test

import (
	"fmt"
	"image"
	"image/color"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/panel/paneltest"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// wire is a driver made of a script: the chip with a connection to it.
type wire struct {
	t    *testing.T
	chip *paneltest.ST7789
	conn spi.Conn
}

func connect(t *testing.T) wire {
	t.Helper()
	chip := paneltest.NewST7789()
	c, err := chip.Connect(32*physic.MegaHertz, spi.Mode0, 8)
	if err != nil {
		t.Fatal(err)
	}
	return wire{t, chip, c}
}

// line is a connection with the D/C line beside it.
type line struct {
	t    *testing.T
	dc   *paneltest.Pin
	conn spi.Conn
}

func (w wire) send(script ...string) {
	w.t.Helper()
	line{w.t, w.chip.DC, w.conn}.send(script...)
}

func (w wire) tx(dc gpio.Level, b []byte) {
	w.t.Helper()
	line{w.t, w.chip.DC, w.conn}.tx(dc, b)
}

// send takes a script: "2a" is a command, "2a:00 00 00 ef" one with data, "|" in
// the data begins another transfer, and "wait 5ms" is a wait.
func (w line) send(script ...string) {
	w.t.Helper()
	for _, line := range script {
		if d, ok := strings.CutPrefix(line, "wait "); ok {
			pause, err := time.ParseDuration(d)
			if err != nil {
				w.t.Fatal(err)
			}
			time.Sleep(pause)
			continue
		}
		cmd, data, _ := strings.Cut(line, ":")
		w.tx(gpio.Low, hex(w.t, cmd))
		for _, part := range strings.Split(data, "|") {
			if part = strings.TrimSpace(part); part != "" {
				w.tx(gpio.High, hex(w.t, part))
			}
		}
	}
}

func (w line) tx(dc gpio.Level, b []byte) {
	w.t.Helper()
	if err := w.dc.Out(dc); err != nil {
		w.t.Fatal(err)
	}
	if err := w.conn.Tx(b, nil); err != nil {
		w.t.Fatal(err)
	}
}

func hex(t *testing.T, s string) []byte {
	t.Helper()
	b := make([]byte, 0, len(s)/3+1)
	for _, f := range strings.Fields(s) {
		var v byte
		if _, err := fmt.Sscanf(f, "%02x", &v); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		b = append(b, v)
	}
	return b
}

// wake brings the chip to where pixels are taken and shown.
func (w wire) wake() {
	w.t.Helper()
	w.send("11", "wait 120ms", "3a:55", "21", "29")
	if err := w.chip.BL.Out(gpio.High); err != nil {
		w.t.Fatal(err)
	}
}

// where lists the pixels of frame memory that are not black, in order.
func where(memory []uint16) string {
	var b strings.Builder
	for i, v := range memory {
		if v != 0 {
			fmt.Fprintf(&b, "(%d,%d)=%04x ", i%240, i/240, v)
		}
	}
	return strings.TrimSpace(b.String())
}

func TestPixelsGoWhereTheDatasheetSays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		script []string
		want   string
	}{
		{"whole memory by default", []string{"2c:11 11 22 22"}, "(0,0)=1111 (1,0)=2222"},
		{"along the row, then to the next", []string{"2a:00 0a 00 0b", "2b:00 14 00 15", "2c:00 01 00 02 00 03 00 04"},
			"(10,20)=0001 (11,20)=0002 (10,21)=0003 (11,21)=0004"},
		{"from the last pixel back to the first", []string{"2a:00 0a 00 0b", "2b:00 14 00 14", "2c:00 01 00 02 00 03"},
			"(10,20)=0003 (11,20)=0002"},
		{"row 255", []string{"2b:00 ff 00 ff", "2c:00 01"}, "(0,255)=0001"},
		{"row 256", []string{"2b:01 00 01 00", "2c:00 01"}, "(0,256)=0001"},
		{"row 257", []string{"2b:01 01 01 01", "2c:00 01"}, "(0,257)=0001"},
		{"last column and row", []string{"2a:00 ef 00 ef", "2b:01 3f 01 3f", "2c:00 01"}, "(239,319)=0001"},
		{"a pixel over two transfers", []string{"2c:00 01 00|02 00 03"}, "(0,0)=0001 (1,0)=0002 (2,0)=0003"},
		{"a command ends half a pixel", []string{"2c:00 01 00", "2c:00 02"}, "(0,0)=0002"},
		{"RAMWR starts over", []string{"2c:00 01", "2c:00 02"}, "(0,0)=0002"},
		{"RAMWRC goes on", []string{"2c:00 01", "00", "3c:00 02"}, "(0,0)=0001 (1,0)=0002"},
		{"MX", []string{"36:40", "2c:00 01"}, "(239,0)=0001"},
		{"MY", []string{"36:80", "2c:00 01"}, "(0,319)=0001"},
		{"MX and MY", []string{"36:c0", "2c:00 01 00 02"}, "(238,319)=0002 (239,319)=0001"},
		{"MV", []string{"36:20", "2a:01 3f 01 3f", "2b:00 02 00 02", "2c:00 01"}, "(2,319)=0001"},
		{"MV and MX", []string{"36:60", "2c:00 01 00 02"}, "(239,0)=0001 (239,1)=0002"},
		{"two commands in one transfer", []string{"00 2c:00 07"}, "(0,0)=0007"},
		{"memory survives SWRESET", []string{"2c:00 01", "01"}, "(0,0)=0001"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := connect(t)
				w.wake()
				w.send(test.script...)
				if got := where(w.chip.Memory()); got != test.want {
					t.Errorf("memory is %s, want %s", got, test.want)
				}
				if m := w.chip.Misuse(); len(m) > 0 {
					t.Error(m)
				}
			})
		})
	}
}

func TestMisuseIsNotedAndChangesNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		script []string
		want   string
	}{
		{"unknown command", []string{"d0"}, "st7789: command 0xd0 is not known to the emulator"},
		{"one parameter too many", []string{"36:00 00"}, "st7789: command 0x36 takes 1 parameters, got one more: 0x00"},
		{"window that ends before it begins", []string{"2a:00 05 00 04", "2c:"}, "st7789: command 0x2a: window from 5 to 4"},
		{"column 240", []string{"2a:00 f0 00 f0", "2c:00 01"}, "st7789: pixel at column 240, row 0 is outside of the memory"},
		{"row 320", []string{"2b:01 40 01 40", "2c:00 01"}, "st7789: pixel at column 0, row 320 is outside of the memory"},
		{"18 bits a pixel", []string{"3a:66", "2c:00 01"}, "st7789: pixels while COLMOD is 0x66: the emulator takes 16 bits a pixel"},
		{"SLPIN right after SLPOUT", []string{"10", "wait 120ms", "11", "wait 119ms", "10"}, "st7789: SLPIN came 1ms too early after SLPOUT"},
		{"SLPOUT right after SLPIN", []string{"10", "wait 119ms", "11"}, "st7789: SLPOUT came 1ms too early after reset or SLPIN"},
		{"command right after SWRESET", []string{"01", "wait 4ms", "29"}, "st7789: command 0x29 came 1ms too early"},
		{"SLPOUT 119 ms after SWRESET", []string{"01", "wait 119ms", "11"}, "st7789: SLPOUT came 1ms too early after reset or SLPIN"},
		{"command right after SLPOUT", []string{"10", "wait 120ms", "11", "wait 4ms", "29"}, "st7789: command 0x29 came 1ms too early"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := connect(t)
				w.wake()
				w.send(test.script...)
				m := w.chip.Misuse()
				if len(m) != 1 || m[0].Error() != test.want {
					t.Errorf("misuse %q, want %q", m, test.want)
				}
				if got := where(w.chip.Memory()); got != "" {
					t.Errorf("memory changed: %s", got)
				}
			})
		})
	}
}

func TestResetLineHoldsTheChip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connect(t)
		w.wake()
		w.send("2c:ff ff")
		w.chip.RST.Out(gpio.Low)
		w.send("2c:00 01")
		if m := w.chip.Misuse(); len(m) != 2 {
			t.Errorf("misuse %q, want the command and its data", m)
		}
		w.chip.RST.Out(gpio.High)
		if c := w.chip.Image().RGBAAt(0, 0); c != (color.RGBA{A: 0xff}) {
			t.Errorf("after reset the glass shows %v, want black: asleep", c)
		}
		time.Sleep(120 * time.Millisecond)
		w.wake()
		if c := w.chip.Image().RGBAAt(0, 0); c != (color.RGBA{0xff, 0xff, 0xff, 0xff}) {
			t.Errorf("memory did not survive the reset: %v", c)
		}
	})
}

func TestMisuseListIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connect(t)
		for range 100 {
			w.send("d0")
		}
		if n := len(w.chip.Misuse()); n != 16 {
			t.Errorf("%d entries", n)
		}
	})
}

// What a person sees depends on four switches besides the memory.
func TestWhatAPersonSees(t *testing.T) {
	t.Parallel()
	red, black := color.RGBA{0xff, 0, 0, 0xff}, color.RGBA{A: 0xff}
	for _, test := range []struct {
		name   string
		script []string
		light  gpio.Level
		want   color.RGBA
	}{
		{"all on", nil, gpio.High, red},
		{"light out", nil, gpio.Low, black},
		{"output off", []string{"28"}, gpio.High, black},
		{"asleep", []string{"10"}, gpio.High, black},
		{"after SWRESET", []string{"01"}, gpio.High, black},
		{"without INVON an IPS glass shows the negative", []string{"20"}, gpio.High, color.RGBA{0, 0xff, 0xff, 0xff}},
		{"BGR glass order", []string{"36:08"}, gpio.High, color.RGBA{0, 0, 0xff, 0xff}},
		{"on again", []string{"28", "29"}, gpio.High, red},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := connect(t)
				w.wake()
				w.send("2c:f8 00")
				w.send(test.script...)
				w.chip.BL.Out(test.light)
				img := w.chip.Image()
				if got := img.RGBAAt(0, 0); got != test.want {
					t.Errorf("seen %v, want %v", got, test.want)
				}
				if img.Bounds() != image.Rect(0, 0, 240, 320) || !img.Opaque() {
					t.Errorf("picture is %v, opaque %v", img.Bounds(), img.Opaque())
				}
				if w.chip.Lit() != bool(test.light) {
					t.Errorf("Lit() = %v", w.chip.Lit())
				}
			})
		})
	}
}

func TestPowerCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connect(t)
		w.wake()
		w.send("36:c0", "2c:12 34")
		w.chip.Reset()
		if got := where(w.chip.Memory()); got != "" {
			t.Errorf("memory after a power cut: %s", got)
		}
		if w.chip.Lit() || w.chip.RST.Level() != gpio.High {
			t.Errorf("lines after a power cut: lit %v, RST %v", w.chip.Lit(), w.chip.RST.Level())
		}
		w.wake() // the chip is at power-on: no wait is owed, MADCTL is 0 again
		w.send("2c:12 34")
		if got := where(w.chip.Memory()); got != "(0,0)=1234" {
			t.Errorf("memory %s", got)
		}
		if m := w.chip.Misuse(); len(m) > 0 {
			t.Error(m)
		}
	})
}

func TestChangedTellsEveryReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connect(t)
		w.wake()
		for _, test := range []struct {
			script  string
			changes bool
		}{
			{"2c:ff ff", true},
			{"2c:ff ff", false}, // the same pixel again
			{"2c:00 00", true},
			{"2a:00 00 00 05", false},
			{"00", false},
			{"28", true},
			{"29", true},
		} {
			version := w.chip.Version()
			var readers sync.WaitGroup
			quit := make(chan struct{})
			told := make(chan bool, 3)
			for range 3 {
				changed := w.chip.Changed()
				readers.Go(func() {
					select {
					case <-changed:
						told <- true
					case <-quit:
						told <- false
					}
				})
			}
			w.send(test.script)
			synctest.Wait()
			close(quit)
			readers.Wait()
			for range 3 {
				if got := <-told; got != test.changes {
					t.Errorf("%s: a reader was told %v, want %v", test.script, got, test.changes)
				}
			}
			if rose := w.chip.Version() > version; rose != test.changes {
				t.Errorf("%s: version rose %v, want %v", test.script, rose, test.changes)
			}
		}
	})
}

// For the race detector: looking while drawing.
func TestLookingWhileDrawing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connect(t)
		w.wake()
		var look sync.WaitGroup
		quit := make(chan struct{})
		for range 2 {
			look.Go(func() {
				for {
					changed := w.chip.Changed()
					w.chip.Image()
					w.chip.Version()
					w.chip.Stats()
					w.chip.DC.Function()
					select {
					case <-changed:
					case <-quit:
						return
					}
				}
			})
		}
		for i := range 50 {
			w.send(fmt.Sprintf("2c:%02x %02x", i, i))
			w.chip.BL.Out(i%2 == 0)
		}
		close(quit)
		look.Wait()
	})
}

func TestTraceIsWhatWasOnTheLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connect(t)
		w.send("00")
		w.chip.StartTrace()
		w.send("36:08", "wait 3ms")
		w.chip.BL.Out(gpio.High)
		w.chip.RST.Out(gpio.High) // no edge
		w.chip.RST.Out(gpio.Low)
		got := fmt.Sprint(w.chip.Trace())
		if want := "[{0s command [54]} {0s data [8]} {3ms BL high []} {3ms RST low []}]"; got != want {
			t.Errorf("trace %s, want %s", got, want)
		}
		w.send("00")
		if rest := w.chip.Trace(); len(rest) != 0 {
			t.Errorf("still tracing: %v", rest)
		}
	})
}
