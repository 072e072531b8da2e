package screen_test

import (
	"image/color"
	"slices"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/protocol"
)

// A panel of one bit gets black and white, nothing between.
func TestOneBitPanelsAreBlackAndWhite(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, glass pane) {
		if !glass.bit {
			return
		}
		r := newRenderer(t, glass)
		for _, s := range everyText(t, glass) {
			dst := picture(glass)
			if err := r.Render(dst, s.view); err != nil {
				t.Fatal(err)
			}
			seen := map[color.RGBA]int{}
			for y := range glass.Size.Y {
				for x := range glass.Size.X {
					seen[dst.RGBAAt(x, y)]++
				}
			}
			black, white := seen[color.RGBA{A: 255}], seen[color.RGBA{255, 255, 255, 255}]
			if len(seen) != 2 || black == 0 || white == 0 {
				t.Errorf("%s: colours %v", s.name, seen)
			}
		}
	})
}

// A companion ignores a QR that the panel beside it shows: it says where to look,
// what is to pay and how long (terminal-ux: 128x64 OLED).
func TestACompanionShowsNoQR(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, companion pane) {
		if !companion.status {
			return
		}
		with := presenting(encode(t, glass, plainQR))
		with.Lang = companion.lang
		without := with
		without.QR = nil
		a, b := picture(companion), picture(companion)
		printed, err := screen.Watch(newRenderer(t, companion), a, with)
		if err != nil {
			t.Fatal(err)
		}
		if err := newRenderer(t, companion).Render(b, without); err != nil {
			t.Fatal(err)
		}
		if _, n := differ(a, b); n > 0 {
			t.Errorf("the QR changes %d pixels", n)
		}
		if text, err := decode(a); err == nil {
			t.Errorf("it can be scanned: %q", text)
		}
		for _, want := range []string{companion.say("presenting.title"), companion.say("presenting.elsewhere"), "₹245.00", "2:41"} {
			if !slices.ContainsFunc(printed, func(p screen.Printed) bool { return p.Text == want }) {
				t.Errorf("%q is not on the picture", want)
			}
		}
	})
}

// What counts down on paper changes four times a minute, and says no less time
// than there is; nothing turns (terminal-ux: E-paper).
func TestPaperMovesSeldom(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, glass pane) {
		if !glass.short {
			return
		}
		r := newRenderer(t, glass)
		qr := encode(t, glass, shortQR)
		for _, test := range []struct {
			name string
			at   func(seconds int) screen.View
			most int // pictures in a minute
		}{
			{"presenting", func(s int) screen.View {
				v := presenting(qr)
				v.Left = v.Total - time.Duration(s)*time.Second
				return v
			}, 5},
			{"next try", func(s int) screen.View {
				return screen.View{Mode: protocol.ModeOffline, NextTry: time.Duration(61-s) * time.Second}
			}, 5},
			{"offline", func(s int) screen.View {
				return screen.View{Mode: protocol.ModeOffline, Since: time.Duration(s) * time.Second}
			}, 2},
			{"checking", func(s int) screen.View {
				return screen.View{Mode: protocol.ModeChecking, AmountPaise: 1, Tick: 4 * s}
			}, 1},
		} {
			seen := map[string]bool{}
			for s := range 61 {
				v := test.at(s)
				v.Lang = glass.lang
				dst := picture(glass)
				if err := r.Render(dst, v); err != nil {
					t.Fatal(err)
				}
				seen[string(dst.Pix)] = true
			}
			if len(seen) > test.most {
				t.Errorf("%s: %d pictures in a minute, want %d at most", test.name, len(seen), test.most)
			}
		}
		v := presenting(qr)
		v.Left = 46 * time.Second // of the step that ends at 0:45
		printed, err := screen.Watch(r, picture(glass), v)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(printed, func(p screen.Printed) bool { return p.Text == "1:00" }) {
			t.Error("46 s are not shown as 1:00")
		}
	})
}
