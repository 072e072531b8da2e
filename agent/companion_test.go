package agent_test

import (
	"image"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"github.com/galla-pay/galla/protocol"
)

// withCompanion gives the terminal an OLED of 128x64.
func withCompanion(t *testing.T, r *rig) (*paneltest.SSD1306, *failingPanel) {
	t.Helper()
	chip := paneltest.NewSSD1306()
	kind, err := panel.Lookup("ssd1306")
	if err != nil {
		t.Fatal(err)
	}
	driver, err := kind.Open(chip, chip.Pins(), panel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := &failingPanel{Panel: driver}
	r.fit = func(hw *agent.Hardware) { hw.Companion, hw.CompanionKind = p, kind }
	return chip, p
}

// TestACompanion shows the same in words, never the QR, and stops nothing, whatever
// becomes of it.
func TestACompanion(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		chip, p := withCompanion(t, r)
		r.presenting()
		if r.is().CompanionBroken {
			t.Fatal("a good companion is broken")
		}
		idle := func() string { synctest.Wait(); return string(pixels(chip.Image())) }
		presenting := idle()
		if scan(t, chip.Image()) != "" {
			t.Error("a phone reads a QR from the companion")
		}
		r.end("A", protocol.OutcomeSucceeded)
		if paidPicture := idle(); paidPicture == presenting {
			t.Error("its picture stands still")
		}
		time.Sleep(5 * time.Second)

		p.set(true, nil)
		r.offer("B", protocol.PhaseOffered)
		r.want(protocol.ModePresenting, "B")
		if !r.is().CompanionBroken || r.scan() != qrOf("B") {
			t.Fatalf("status is %+v", r.is())
		}
		p.set(false, nil)
		time.Sleep(4 * time.Second)
		if r.is().CompanionBroken {
			t.Error("it does not recover")
		}

		gate := make(chan struct{})
		p.set(false, gate)
		r.end("B", protocol.OutcomeSucceeded)
		time.Sleep(10 * time.Second)
		r.want(protocol.ModeIdle, "")
		if !r.is().CompanionBroken {
			t.Error("nobody notices that it hangs")
		}
		r.offer("C", protocol.PhaseOffered)
		r.want(protocol.ModePresenting, "C")
		p.set(false, nil)
		close(gate)
		time.Sleep(5 * time.Second)
		if r.is().CompanionBroken {
			t.Error("it does not recover from hanging")
		}
		for _, up := range r.ctrl.Ups() {
			if up.Report != nil && up.Report.Mode == protocol.ModeFault {
				t.Error("a fault was reported")
			}
		}
	})
}

func pixels(img image.Image) (all []byte) {
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			v, _, _, _ := img.At(x, y).RGBA()
			all = append(all, byte(v>>8))
		}
	}
	return all
}

// TestWrongHardware does not start.
func TestWrongHardware(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for name, c := range map[string]struct {
			spoil func(*agent.Hardware)
			says  string
		}{
			"a companion of another size": {func(hw *agent.Hardware) { hw.CompanionKind, hw.Companion = panel.Kind{Name: "x"}, hw.Panel }, "companion is (240,320) pixels"},
			"a companion made for a QR":   {func(hw *agent.Hardware) { hw.CompanionKind, hw.Companion = hw.Kind, hw.Panel }, "shows the status only"},
		} {
			r.fit = c.spoil
			r.on()
			if err := <-r.done; err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: Run returned %v", name, err)
			}
			r.ended()
		}
		r.fit, r.cfg.Language = nil, "xx"
		r.on()
		if err := <-r.done; err == nil || err.Error() != `agent: language "xx": known are [en hi]` {
			t.Errorf("Run returned %v", err)
		}
		r.ended()
	})
}
