package panel_test

import (
	"errors"
	"flag"
	"image"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

var update = flag.Bool("update", false, "write the goldens")

func TestKinds(t *testing.T) {
	t.Parallel()
	const um, mhz, khz = physic.MicroMetre, physic.MegaHertz, physic.KiloHertz
	want := []struct {
		name             string
		size             image.Point
		width            physic.Distance
		qr, dark         bool
		slowest, fastest physic.Frequency
		limit            time.Duration
	}{
		{"st7789", image.Pt(240, 320), 36_700 * um, true, true, mhz, 32 * mhz, 2 * time.Second},
		{"ili9341", image.Pt(240, 320), 36_700 * um, true, true, mhz, 10 * mhz, 2 * time.Second},
		{"ili9488", image.Pt(320, 480), 48_960 * um, true, true, 4 * mhz, 20 * mhz, 2 * time.Second},
		{"ili9488-landscape", image.Pt(480, 320), 73_440 * um, true, true, 4 * mhz, 20 * mhz, 2 * time.Second},
		{"ssd1306", image.Pt(128, 64), 21_740 * um, false, true, 100 * khz, 10 * mhz, 2001 * time.Millisecond},
		{"waveshare2in13v3", image.Pt(122, 250), 23_700 * um, true, false, 500 * khz, 4 * mhz, 11 * time.Second},
	}
	kinds := panel.Kinds()
	if len(kinds) != len(want) {
		t.Fatalf("%d kinds, want %d", len(kinds), len(want))
	}
	for i, k := range kinds {
		w := want[i]
		if k.Name != w.name || k.Size != w.size || k.ActiveWidth != w.width {
			t.Errorf("kind %d is %q %v %v, want %v", i, k.Name, k.Size, k.ActiveWidth, w)
		}
		if k.ShowsQR != w.qr || k.Backlight != w.dark || k.Slowest != w.slowest || k.Fastest != w.fastest || k.DrawLimit != w.limit || k.Mode != spi.Mode0 {
			t.Errorf("%s is %+v, want %+v", k.Name, k, w)
		}
		if found, err := panel.Lookup(k.Name); err != nil || found.Size != k.Size {
			t.Errorf("Lookup(%q) = %v, %v", k.Name, found, err)
		}
	}
}

// A kind may show a payment's QR when the shortest that there is, version 3 with
// 29 modules and a quiet zone of 4, gets modules of at least 0.45 mm
// (terminal-ux: QR rule).
func TestOnlyAGlassWithLargePixelsShowsQRs(t *testing.T) {
	t.Parallel()
	for _, k := range panel.Kinds() {
		module := physic.Distance(min(k.Size.X, k.Size.Y)/(29+2*4)) * k.ActiveWidth / physic.Distance(k.Size.X)
		if fits := module >= 450*physic.MicroMetre; fits != k.ShowsQR {
			t.Errorf("%s: modules are at most %s, yet ShowsQR is %v", k.Name, module, k.ShowsQR)
		}
	}
}

// Every kind has an emulated module, so that each test of the contract runs on
// all of them.
func TestEveryKindIsEmulated(t *testing.T) {
	t.Parallel()
	var kinds []string
	for _, k := range panel.Kinds() {
		kinds = append(kinds, k.Name)
	}
	slices.Sort(kinds)
	if emulated := slices.Sorted(maps.Keys(modules())); !slices.Equal(emulated, kinds) {
		t.Errorf("emulated are %q, kinds are %q", emulated, kinds)
	}
}

// header is the 40-pin header of a Raspberry Pi: what is on each pin.
var header = map[int]string{
	1: "3V3", 6: "GND", 11: "GPIO17", 12: "GPIO18", 13: "GPIO27", 15: "GPIO22", 16: "GPIO23",
	18: "GPIO24", 19: "GPIO10", 21: "GPIO9", 22: "GPIO25", 23: "GPIO11", 24: "GPIO8", 26: "GPIO7",
}

// TestWiring: the tables name pins that are where they say, none twice, and every
// line that a driver demands.
func TestWiring(t *testing.T) {
	t.Parallel()
	for _, k := range panel.Kinds() {
		used := map[string]string{}
		for _, w := range k.Wires {
			if header[w.Header] != w.Host {
				t.Errorf("%s: %s is said to be %s at pin %d, there is %q", k.Name, w.Pin, w.Host, w.Header, header[w.Header])
			}
			if other, twice := used[w.Host]; twice {
				t.Errorf("%s: %s and %s share %s", k.Name, other, w.Pin, w.Host)
			}
			used[w.Host] = w.Pin
			if w.Note == "" || strings.Contains(w.Note, "|") {
				t.Errorf("%s: %s has the note %q", k.Name, w.Pin, w.Note)
			}
		}
		if w, ok := k.Wire("DC"); !ok || w.Optional {
			t.Errorf("%s: the line DC is %+v, %v", k.Name, w, ok)
		}
		if w, ok := k.Wire("COFFEE"); ok {
			t.Errorf("%s has the line %+v", k.Name, w)
		}
	}
}

// The field guide's tables are these bytes.
func TestWiringTable(t *testing.T) {
	t.Parallel()
	for _, k := range panel.Kinds() {
		file := filepath.Join("testdata", "wiring", k.Name+".md")
		got := k.WiringTable()
		if *update {
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: -update, or mend\n%swant\n%s", file, got, want)
		}
	}
}

func TestUnknownKindNamesTheKnownOnes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "ST7789", "crt"} {
		chip := paneltest.NewST7789()
		p, err := panel.Open(name, chip, chip.Pins(), panel.Options{})
		want := `unknown panel kind "` + name + `": known are st7789, ili9341, ili9488, ili9488-landscape, ssd1306, waveshare2in13v3`
		if p != nil || !errors.Is(err, panel.ErrUnknownKind) || err.Error() != want {
			t.Errorf("Open(%q) = %v, %v, want %s", name, p, err, want)
		}
	}
	if _, err := (panel.Kind{Name: "own"}).Open(nil, panel.Pins{}, panel.Options{}); !errors.Is(err, panel.ErrUnknownKind) {
		t.Errorf("a Kind that this package did not make: %v", err)
	}
}
