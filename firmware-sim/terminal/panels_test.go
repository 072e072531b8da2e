package terminal_test

import (
	"image"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
)

// Every kind of panel that there is can be simulated, as the panel or as the
// companion.
func TestEveryKindIsEmulated(t *testing.T) {
	t.Parallel()
	var want []string
	for _, kind := range panel.Kinds() {
		want = append(want, kind.Name)
	}
	got := append(terminal.PanelKinds(), terminal.CompanionKinds()...)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("emulated are %v, there are %v", got, want)
	}
	if companions := terminal.CompanionKinds(); !slices.Equal(companions, []string{"ssd1306"}) {
		t.Fatalf("companions are %v", companions)
	}
}

// The real agent on every panel: the driver talks to the emulated chip without a
// mistake, the QR can be scanned, and without power the glass is black, unless it
// is paper, which keeps what it showed until there is power again.
func TestEveryPanel(t *testing.T) {
	t.Parallel()
	for _, kind := range panel.Kinds() {
		if !kind.ShowsQR {
			continue
		}
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			r := newRig(t, d, func(cfg *terminal.Config) { cfg.PanelKind = kind.Name })
			r.flip("/power/on")
			r.awaitReady()
			s := saleFor(kind.Name)
			d.offer(s)
			r.awaitPresenting(s)
			r.awaitQR(s.QR)
			shown := r.get("/panel.png")
			if size := picture(t, shown).Bounds(); size != (image.Rectangle{Max: kind.Size}) {
				t.Errorf("the picture is %v, the panel %v", size, kind.Size)
			}
			if page := string(r.get("/")); !strings.Contains(page, kind.Name) {
				t.Error("the page does not say which panel it is")
			}
			if wrong := r.Misuse(); len(wrong) > 0 {
				t.Errorf("the driver did wrong: %q", wrong)
			}
			r.flip("/power/off")
			dark := r.get("/panel.png")
			if kind.Backlight && !black(picture(t, dark)) {
				t.Error("without power the glass is not black")
			}
			if !kind.Backlight && readsAs(dark, s.QR) != nil {
				t.Error("paper does not keep its picture without power")
			}
			d.want(func(state *protocol.State) { state.Sale = nil })
			r.flip("/power/on")
			r.awaitReady()
			if text, err := phone.ReadPicture(r.get("/panel.png")); err == nil {
				t.Errorf("with power again there is the QR %s", text)
			}
		})
	}
}

// The companion says in words what the terminal does, beside the panel. It never
// has a payment's QR, and its picture comes live, too.
func TestCompanion(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := newRig(t, d, func(cfg *terminal.Config) { cfg.Companion = "ssd1306" })
	second := func() image.Image { return picture(t, r.get("/companion.png")) }
	if img := second(); img.Bounds() != image.Rect(0, 0, 128, 64) || !black(img) {
		t.Fatalf("without power it is %v, black %v", img.Bounds(), black(img))
	}
	events := stream(t, r)
	r.flip("/power/on")
	r.awaitReady()
	awaitEvent(t, events, "a companion that says something", func(e event) bool {
		return e.name == "companion" && !black(framePicture(t, e.data))
	})
	idle := r.get("/companion.png")
	s := sale("P1", "TXN-1", 24_500)
	d.offer(s)
	r.awaitPresenting(s)
	r.awaitQR(s.QR)
	r.awaitCompanion("another picture than when it was idle", func(picture []byte) bool { return !slices.Equal(picture, idle) })
	if text, err := phone.ReadPicture(r.get("/companion.png")); err == nil {
		t.Errorf("the companion shows the QR %s", text)
	}
	if wrong := r.Misuse(); len(wrong) > 0 {
		t.Errorf("the drivers did wrong: %q", wrong)
	}
	if page := string(r.get("/")); !strings.Contains(page, `width="128" height="64" alt="Companion of testterminal1`) {
		t.Error("the page does not have it")
	}
	r.flip("/power/off")
	if !black(second()) {
		t.Error("without power it is not black")
	}
}

// awaitCompanion waits until the companion's picture is as wanted.
func (r *rig) awaitCompanion(what string, like func(picture []byte) bool) {
	r.t.Helper()
	r.await("a companion with "+what, func(terminal.State) bool { return like(r.get("/companion.png")) })
}

// A companion that there is not is refused, and so is one too large.
func TestCompanionRefused(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"vt100", "st7789"} {
		got, err := terminal.New(terminal.Config{Identity: someone, Companion: kind})
		if want := `companion panel "` + kind + `": known are ssd1306`; got != nil || err == nil || err.Error() != want {
			t.Errorf("New = %v, %v; want %s", got, err, want)
		}
	}
}
