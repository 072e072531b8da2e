package main

import (
	"errors"
	"image"
	"image/color"
	"testing"
	"testing/synctest"

	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
)

// TestAStuckPanelIsOpenedAnew: the driver gives up on a bus that hangs; the
// keeper opens it again, as often as it takes, and stays dark meanwhile.
func TestAStuckPanelIsOpenedAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip := paneltest.NewST7789()
		k, err := emulated(chip)
		if err != nil {
			t.Fatal(err)
		}
		white := image.NewUniform(color.White)
		draw := func() error { return k.Draw(k.Bounds(), white, image.Point{}) }
		if err := errors.Join(draw(), k.Backlight(true)); err != nil {
			t.Fatal(err)
		}
		chip.SetStuck(true)
		if err := k.Draw(k.Bounds(), image.NewUniform(color.Black), image.Point{}); !errors.Is(err, panel.ErrBusStuck) {
			t.Fatalf("on a stuck bus: %v", err)
		}
		if chip.Lit() {
			t.Error("a dead picture can be seen")
		}
		if err := draw(); err == nil {
			t.Fatal("drawn on a stuck bus")
		}
		if k.Backlight(true) == nil || k.Backlight(false) != nil || k.Halt() != nil {
			t.Error("a panel that is not open is lit")
		}
		chip.SetStuck(false)
		if err := errors.Join(draw(), k.Backlight(true)); err != nil {
			t.Fatalf("after the bus works again: %v", err)
		}
		if got := chip.Image().At(120, 160); got != (color.RGBA{255, 255, 255, 255}) {
			t.Errorf("the glass is %v", got)
		}
		if err := k.close(); err != nil || chip.Lit() {
			t.Errorf("closed: %v, light %v", err, chip.Lit())
		}
	})
}
