package screen_test

import (
	"fmt"
	"image"
	"slices"
	"testing"

	"github.com/galla-pay/galla/agent/internal/screen"
	"periph.io/x/conn/v3/physic"
)

// checkModule says what is wrong with the size of a QR's modules: they are as many
// whole pixels as the card holds, quiet zone included, and 0.45 mm at least.
func checkModule(glass pane, q *screen.QR) error {
	card, err := screen.Card(glass.Size)
	if err != nil {
		return err
	}
	if larger := (q.Pixels() + 1) * (q.Modules() + 8); larger <= min(card.Dx(), card.Dy()) {
		return fmt.Errorf("%d modules of %d pixels, though %d fit", q.Modules(), q.Pixels(), q.Pixels()+1)
	}
	if module := glass.Width * physic.Distance(q.Pixels()) / physic.Distance(glass.Size.X); module < 450*physic.MicroMetre {
		return fmt.Errorf("a module of %s", module)
	}
	return nil
}

// The larger panels: pixels a module by the QR rule's table (terminal-ux), and
// the most that is still 0.45 mm.
func TestModuleSizeOfLargerPanels(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		panel string
		bytes int
		level string
		px    int
	}{
		{"320x480", 80, "M", 7},
		{"320x480", 117, "M", 6}, // 53 modules of 6 pixels are 318
		{"320x480", 210, "L", 5}, // 10-M would be 4
		{"480x320", 80, "M", 6},
		{"480x320", 117, "L", 6}, // 7-M would be 5
		{"480x320", 210, "M", 4},
	} {
		t.Run(fmt.Sprintf("%s %d", test.panel, test.bytes), func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(panes(), func(p pane) bool { return p.String() == test.panel })
			q := encode(t, panes()[i], link(test.bytes))
			if q.Level() != test.level || q.Pixels() != test.px {
				t.Errorf("%s, %d modules of %d pixels; want %s, modules of %d", q.Level(), q.Modules(), q.Pixels(), test.level, test.px)
			}
		})
	}
}

// No link of 33 to 718 bytes (versions 3 to 18) gets a larger pixel from the 304
// pixels of the landscape's column than from the 296 of its card.
func TestLandscapeCardLosesNothing(t *testing.T) {
	t.Parallel()
	card, err := screen.Card(image.Pt(480, 320))
	if err != nil {
		t.Fatal(err)
	}
	for version := 3; version <= 18; version++ {
		side := 17 + 4*version + 8
		if got, of := card.Dx()/side, 304/side; got != of {
			t.Errorf("version %d: %d pixels a module, %d of 304", version, got, of)
		}
	}
}
