package panel_test

import (
	"errors"
	"image"
	"testing"
	"testing/synctest"

	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"periph.io/x/conn/v3/physic"
)

func TestKinds(t *testing.T) {
	t.Parallel()
	want := []struct {
		name  string
		size  image.Point
		width physic.Distance
	}{
		{"st7789", image.Pt(240, 320), 36_700 * physic.MicroMetre},
	}
	kinds := panel.Kinds()
	if len(kinds) != len(want) {
		t.Fatalf("%d kinds, want %d", len(kinds), len(want))
	}
	for i, k := range kinds {
		if k.Name != want[i].name || k.Size != want[i].size || k.ActiveWidth != want[i].width {
			t.Errorf("kind %d is %q %v %v, want %v", i, k.Name, k.Size, k.ActiveWidth, want[i])
		}
		if found, err := panel.Lookup(k.Name); err != nil || found.Size != k.Size {
			t.Errorf("Lookup(%q) = %v, %v", k.Name, found, err)
		}
	}
}

func TestEveryKindOpensWithItsSize(t *testing.T) {
	t.Parallel()
	for _, k := range panel.Kinds() {
		synctest.Test(t, func(t *testing.T) {
			chip := paneltest.NewST7789()
			p, err := panel.Open(k.Name, chip, chip.Pins(), panel.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Bounds(); got != (image.Rectangle{Max: k.Size}) {
				t.Errorf("%s: bounds %v, kind says %v", k.Name, got, k.Size)
			}
			if got, want := p.String(), "ST7789{EMULATED-ST7789, EMULATED-DC}"; got != want {
				t.Errorf("String() = %q, want %q", got, want)
			}
		})
	}
}

func TestUnknownKindNamesTheKnownOnes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "ST7789", "ili9341"} {
		chip := paneltest.NewST7789()
		p, err := panel.Open(name, chip, chip.Pins(), panel.Options{})
		if want := `unknown panel kind "` + name + `": known are st7789`; p != nil || !errors.Is(err, panel.ErrUnknownKind) || err.Error() != want {
			t.Errorf("Open(%q) = %v, %v, want %s", name, p, err, want)
		}
	}
	if _, err := (panel.Kind{Name: "own"}).Open(nil, panel.Pins{}, panel.Options{}); !errors.Is(err, panel.ErrUnknownKind) {
		t.Errorf("a Kind that this package did not make: %v", err)
	}
}
