package screen_test

import (
	"fmt"
	"image"
	"path/filepath"
	"testing"

	"github.com/galla-pay/galla/agent/internal/screen"
	"periph.io/x/conn/v3/physic"
)

// pane is a panel to draw for.
type pane struct {
	screen.Glass
	least  int  // the height of the smallest letters, in pixels
	amount int  // the height of the smallest amount
	short  bool // links of at most 53 bytes
	status bool // a companion: it carries no QR and few words
	bit    bool // black and white
	lang   screen.Lang
}

// glass is the smallest 240x320 module, as panel.Kind says.
var glass = pane{screen.Glass{Size: image.Pt(240, 320), Width: 36_700 * physic.MicroMetre}, 14, 22, false, false, false, screen.English}

// panes are all panels in all languages.
func panes() []pane {
	all := panels()
	for _, l := range screen.Languages() {
		if l == screen.English {
			continue
		}
		for _, p := range panels() {
			p.lang = l
			all = append(all, p)
		}
	}
	return all
}

// panels are all panels, each the smallest of its pixels that is sold.
func panels() []pane {
	return []pane{
		glass,
		{screen.Glass{Size: image.Pt(320, 480), Width: 48_960 * physic.MicroMetre}, 16, 22, false, false, false, screen.English},
		{screen.Glass{Size: image.Pt(480, 320), Width: 73_440 * physic.MicroMetre}, 16, 22, false, false, false, screen.English},
		{screen.Glass{Size: image.Pt(122, 250), Width: 23_700 * physic.MicroMetre}, 12, 14, true, false, true, screen.English},
		{screen.Glass{Size: image.Pt(128, 64), Width: 21_740 * physic.MicroMetre}, 10, 14, false, true, true, screen.English},
	}
}

func (p pane) String() string {
	size := fmt.Sprintf("%dx%d", p.Size.X, p.Size.Y)
	if p.lang != screen.English {
		return size + "-" + string(p.lang)
	}
	return size
}

// say is a text in the panel's language.
func (p pane) say(word string) string { return screen.Texts()[word][p.lang] }

// goldens is the folder of the panel's goldens.
func (p pane) goldens() string {
	if p.String() == glass.String() {
		return "testdata"
	}
	return filepath.Join("testdata", p.String())
}

// text is the link that stands for one of those of 240x320.
func (p pane) text(qr string) string {
	if p.short {
		return shortQR
	}
	return qr
}

// each runs a test on every panel.
func each(t *testing.T, test func(*testing.T, pane)) {
	t.Helper()
	for _, p := range panes() {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// eachQR runs a test on every panel that carries a QR.
func eachQR(t *testing.T, test func(*testing.T, pane)) {
	t.Helper()
	each(t, func(t *testing.T, p pane) {
		if screen.CarriesQR(p.Size) == p.status {
			t.Fatalf("CarriesQR is %v", !p.status)
		}
		if !p.status {
			test(t, p)
		}
	})
}

func newRenderer(t testing.TB, glass pane) *screen.Renderer {
	t.Helper()
	r, err := screen.New(glass.Size)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func picture(glass pane) *image.RGBA { return image.NewRGBA(image.Rectangle{Max: glass.Size}) }

// encodeLink makes a QR of the link of an enrolment, none for a companion.
func encodeLink(t testing.TB, glass pane) *screen.QR {
	t.Helper()
	if glass.status {
		return nil
	}
	q, err := screen.EncodeLink(enrolLink, glass.Glass)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// encode makes a QR for a panel, none for a companion.
func encode(t testing.TB, glass pane, text string) *screen.QR {
	t.Helper()
	if glass.status {
		return nil
	}
	q, err := screen.EncodeQR(text, glass.Glass)
	if err != nil {
		t.Fatal(err)
	}
	return q
}
