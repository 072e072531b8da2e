package agent_test

import (
	"errors"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/protocol"
)

// wantGlass checks the pixels of the glass against the picture of a view.
func (r *rig) wantGlass(view screen.View) {
	r.t.Helper()
	s := r.is()
	view.Mode, view.Link, view.Lang, view.Version = s.Mode, s.Link, screen.Lang(s.Language), r.cfg.Software
	want := image.NewRGBA(image.Rect(0, 0, 240, 320))
	renderer, err := screen.New(want.Rect.Size())
	if err != nil {
		r.t.Fatal(err)
	}
	if err := renderer.Render(want, view); err != nil {
		r.t.Fatal(err)
	}
	if !sameOn565(want, r.chip.Image()) {
		r.t.Errorf("the glass does not show %+v", view)
	}
}

// sameOn565 compares what was drawn with what a panel of 16 bits a pixel shows.
func sameOn565(want, got image.Image) bool {
	if want.Bounds() != got.Bounds() {
		return false
	}
	near := func(a, b uint32) bool { return max(a>>8, b>>8)-min(a>>8, b>>8) <= 8 }
	for y := range want.Bounds().Dy() {
		for x := range want.Bounds().Dx() {
			wr, wg, wb, _ := want.At(x, y).RGBA()
			gr, gg, gb, _ := got.At(x, y).RGBA()
			if !near(wr, gr) || !near(wg, gg) || !near(wb, gb) {
				return false
			}
		}
	}
	return true
}

// TestTheSelfTest with every part that there is: each is found well; then none is.
func TestTheSelfTest(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, _ *cardMachine) {
		r.off()
		r.cfg.Wall = func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }
		var p *failingPanel
		_, second := withCompanion(t, r)
		r.wrap = func(driver agent.Panel) agent.Panel { p = &failingPanel{Panel: driver}; return p }
		r.on()
		synctest.Wait()
		before := p.drawn()
		r.press(agent.KeyTest)
		r.want(protocol.ModeTesting, "")
		if p.drawn()-before < 3 {
			t.Errorf("%d pictures: not every pixel was sent", p.drawn()-before)
		}
		time.Sleep(3 * time.Second) // no two questions are asked within two seconds
		r.wantGlass(findings("Counter 1", "ok ok ok ok ok ok ok"))
		if _, err := os.Stat(filepath.Join(r.cfg.DataDir, "selftest.tmp")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("its file is left: %v", err)
		}
		r.press(agent.KeyTest)
		r.want(protocol.ModeIdle, "")

		// The disk takes nothing, the clock has stopped in 1970, the companion hangs, the
		// controller is silent.
		second.set(true, nil)
		r.ctrl.Silence(true)
		if err := os.MkdirAll(filepath.Join(r.cfg.DataDir, "selftest.tmp", "in the way"), 0o700); err != nil {
			t.Fatal(err)
		}
		r.off()
		r.cfg.Wall = func() time.Time { return time.Unix(0, 0) }
		r.on()
		time.Sleep(4 * time.Second)
		r.want(protocol.ModeOffline, "")
		r.press(agent.KeyTest)
		r.want(protocol.ModeTesting, "")
		time.Sleep(10 * time.Second)
		r.wantGlass(findings("testterminal1", "ok failed failed failed failed ok ok"))
		time.Sleep(50 * time.Second)
		r.want(protocol.ModeOffline, "")
	})
}

// findings are those of a self-test, in the order of its list.
func findings(label, all string) screen.View {
	v := screen.View{TerminalLabel: label}
	for i, f := range strings.Fields(all) {
		name := []string{"panel", "companion", "storage", "link", "clock", "keys", "card"}[i]
		v.Checks[i] = screen.Check{Name: name, Finding: screen.Finding(f)}
	}
	return v
}
