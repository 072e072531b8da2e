package panel_test

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
)

// paper opens an e-paper, inside a synctest bubble. Every Draw of periph's driver
// refreshes twice: see refreshes.
func paper(t *testing.T, opts panel.Options) (*paneltest.EPaper, *panel.EPaper) {
	t.Helper()
	chip := paneltest.NewEPaper()
	p, err := panel.NewEPaper(chip, chip.Pins(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return chip, p
}

// refreshes joins the two refreshes of each Draw.
func refreshes(t *testing.T, chip *paneltest.EPaper) []paneltest.Refresh {
	t.Helper()
	all := chip.Refreshes()
	var draws []paneltest.Refresh
	for i := 0; i+1 < len(all); i += 2 {
		if all[i].Full != all[i+1].Full {
			t.Fatalf("refresh %d is full: %v, the other of its Draw: %v", i, all[i].Full, all[i+1].Full)
		}
		r := all[i]
		r.Took = all[i+1].At.Add(all[i+1].Took).Sub(r.At)
		draws = append(draws, r)
	}
	return draws
}

// A terminal that draws as fast as it can gets at most ten partial refreshes in a
// row, a second of rest between any two, and full ones no closer than ten seconds.
func TestEPaperIsRefreshedAsItCanBear(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip, p := paper(t, panel.Options{})
		for i := range 45 {
			if err := p.Draw(image.Rect(i, i, i+8, i+8), image.Black, image.Point{}); err != nil {
				t.Fatal(err)
			}
		}
		draws := refreshes(t, chip)
		if len(draws) != 46 {
			t.Fatalf("%d refreshes, want the one of Open and 45", len(draws))
		}
		var pattern strings.Builder
		var full time.Time
		for i, r := range draws {
			pattern.WriteString(map[bool]string{true: "F", false: "p"}[r.Full])
			if i > 0 {
				before := draws[i-1]
				if rest := r.At.Sub(before.At.Add(before.Took)); rest < time.Second {
					t.Errorf("refresh %d came after a rest of %v", i, rest)
				}
			}
			if r.Full {
				if !full.IsZero() && r.At.Sub(full) < 10*time.Second {
					t.Errorf("full refresh %d came %v after the one before", i, r.At.Sub(full))
				}
				full = r.At
			}
		}
		if want := strings.Repeat("Fpppppppppp", 4) + "Fp"; pattern.String() != want {
			t.Errorf("refreshes are %s, want %s", pattern.String(), want)
		}
		wellUsed(t, chip)
	})
}

// When most of the picture changes a full refresh is better, when it is not too
// soon; and once a day it is due.
func TestEPaperChoosesFullRefreshes(t *testing.T) {
	t.Parallel()
	small, large := image.Rect(0, 0, 8, 8), image.Rect(0, 0, 122, 63) // a quarter is 7,625 pixels
	quarter := image.Rect(0, 0, 122, 62)
	for _, test := range []struct {
		name string
		wait time.Duration
		rect image.Rectangle
		full bool
	}{
		{"small, soon", 0, small, false},
		{"small, later", time.Hour, small, false},
		{"small, after a day", 24 * time.Hour, small, true},
		{"large, too soon", 9 * time.Second, large, false},
		{"large", 10 * time.Second, large, true},
		{"not quite a quarter", time.Minute, quarter, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				chip, p := paper(t, panel.Options{})
				time.Sleep(test.wait)
				if err := p.Draw(test.rect, image.Black, image.Point{}); err != nil {
					t.Fatal(err)
				}
				draws := refreshes(t, chip)
				if got := draws[len(draws)-1].Full; got != test.full {
					t.Errorf("full refresh: %v, want %v", got, test.full)
				}
				picture := image.NewRGBA(p.Bounds())
				draw.Draw(picture, picture.Rect, image.White, image.Point{}, draw.Src)
				draw.Draw(picture, test.rect, image.Black, image.Point{}, draw.Src)
				if err := seenAs(chip, p, picture); err != nil {
					t.Error(err)
				}
				wellUsed(t, chip)
			})
		})
	}
}

// How long a Draw holds up its caller: half a second, three for a full refresh,
// and the rest of the glass.
func TestEPaperDrawTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip, p := paper(t, panel.Options{})
		took := func(r image.Rectangle) time.Duration {
			began := time.Now()
			if err := p.Draw(r, image.Black, image.Point{}); err != nil {
				t.Fatal(err)
			}
			return time.Since(began)
		}
		time.Sleep(time.Minute)
		if d := took(image.Rect(0, 0, 8, 8)); d < 400*time.Millisecond || d > time.Second {
			t.Errorf("a partial refresh took %v", d)
		}
		if d := took(image.Rect(8, 0, 16, 8)); d < 1400*time.Millisecond || d > 2*time.Second {
			t.Errorf("a partial refresh right after another took %v", d)
		}
		time.Sleep(time.Minute)
		if d := took(p.Bounds()); d < 3*time.Second || d > 4*time.Second {
			t.Errorf("a full refresh took %v", d)
		}
		if d := took(p.Bounds()); d != 0 {
			t.Errorf("the same picture took %v", d)
		}
		wellUsed(t, chip)
	})
}

// A partial refresh sends the rows that changed, in whole bytes.
func TestEPaperSendsOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rect   image.Rectangle
		xs, ys string
		bytes  int
	}{
		{image.Rect(0, 0, 1, 1), "00 00", "00 00 00 00", 1},
		{image.Rect(7, 3, 9, 4), "00 01", "03 00 03 00", 2},
		{image.Rect(121, 249, 122, 250), "0f 0f", "f9 00 f9 00", 1},
		{image.Rect(16, 100, 40, 110), "02 04", "64 00 6d 00", 30},
	} {
		t.Run(test.rect.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				chip, p := paper(t, panel.Options{})
				chip.StartTrace()
				if err := p.Draw(test.rect, image.Black, image.Point{}); err != nil {
					t.Fatal(err)
				}
				told := map[byte][]byte{} // the window is set for each of the two memories
				var command byte
				for _, e := range chip.Trace() {
					if e.What == "command" {
						command = e.Data[0]
						continue
					}
					told[command] = append(told[command], e.Data...)
				}
				if got := fmt.Sprintf("% x", told[0x44]); got != test.xs+" "+test.xs {
					t.Errorf("columns %s, want %s", got, test.xs)
				}
				if got := fmt.Sprintf("% x", told[0x45]); got != test.ys+" "+test.ys {
					t.Errorf("rows %s, want %s", got, test.ys)
				}
				if len(told[0x24]) != test.bytes || len(told[0x26]) != test.bytes {
					t.Errorf("%d and %d bytes of pixels, want %d each", len(told[0x24]), len(told[0x26]), test.bytes)
				}
				wellUsed(t, chip)
			})
		})
	}
}

// BUSY that never falls costs five seconds, once, and is an error: at Open, at
// Draw, at Halt. The panel can be opened again when it falls.
func TestEPaperGivesUpOnBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip := paneltest.NewEPaper()
		chip.SetBusyStuck(true)
		within := func(what string, limit time.Duration, call func() error) {
			t.Helper()
			began := time.Now()
			err := call()
			refuses(t, what, err, panel.ErrBusStuck)
			if took := time.Since(began); took > limit {
				t.Errorf("%s gave up after %v", what, took)
			}
		}
		open := func() (p *panel.EPaper, err error) { return panel.NewEPaper(chip, chip.Pins(), panel.Options{}) }
		within("Open", 5200*time.Millisecond, func() error {
			p, err := open()
			if p != nil || err == nil || !strings.Contains(err.Error(), "BUSY pin EMULATED-BUSY is high for 5s") {
				t.Errorf("opened %v: %v", p, err)
			}
			return err
		})
		if n := chip.Stats().Transfers; n != 0 {
			t.Errorf("%d transfers to a chip that is busy", n)
		}
		chip.Close()
		chip.SetBusyStuck(false)

		p, err := open()
		if err != nil {
			t.Fatal(err)
		}
		chip.SetBusyStuck(true)
		drawBlack := func() error { return p.Draw(p.Bounds(), image.Black, image.Point{}) }
		sent := chip.Stats().Transfers
		chip.StartTrace()
		within("Draw", 7*time.Second, drawBlack)
		trace := chip.Trace()
		if last := trace[len(trace)-1]; last.What != "command" || last.Data[0] != 0x20 {
			t.Errorf("after BUSY rose the chip was told %s % x", last.What, last.Data)
		}
		told := chip.Stats().Transfers
		within("the next Draw", 0, drawBlack)
		within("Halt", 0, p.Halt)
		if after := chip.Stats().Transfers; after != told || told == sent {
			t.Errorf("%d transfers before, %d at BUSY, %d after", sent, told, after)
		}
		chip.Close()
		chip.SetBusyStuck(false)

		p, err = open()
		if err != nil {
			t.Fatal(err)
		}
		if err := drawBlack(); err != nil {
			t.Fatal(err)
		}
		if err := seenAs(chip, p, image.Black); err != nil {
			t.Error(err)
		}
	})
}

// A power cut leaves the picture on the glass; Open wipes it, and Halt does.
func TestEPaperWipesWhatItLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip, p := paper(t, panel.Options{})
		picture := noise(p.Bounds(), 9)
		if err := p.Draw(p.Bounds(), picture, image.Point{}); err != nil {
			t.Fatal(err)
		}
		chip.Close()
		chip.Reset()
		if err := seenAs(chip, p, picture); err != nil {
			t.Errorf("paper keeps its picture: %v", err)
		}
		p, err := panel.NewEPaper(chip, chip.Pins(), panel.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := seenAs(chip, p, image.White); err != nil {
			t.Errorf("after Open: %v", err)
		}
		if err := p.Draw(p.Bounds(), picture, image.Point{}); err != nil {
			t.Fatal(err)
		}
		chip.StartTrace()
		if err := p.Halt(); err != nil {
			t.Fatal(err)
		}
		if err := seenAs(chip, p, image.White); err != nil {
			t.Errorf("after Halt: %v", err)
		}
		trace := chip.Trace()
		last := trace[len(trace)-2:]
		if got := fmt.Sprintf("% x % x", last[0].Data, last[1].Data); got != "10 01" {
			t.Errorf("Halt ends with %s, want deep sleep", got)
		}
		wellUsed(t, chip)
	})
}

// Only what has a line of its own is lit: paper is always as lit as the room.
func TestEPaperHasNoLight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip, p := paper(t, panel.Options{})
		before := chip.Stats()
		for _, on := range []bool{true, false, true} {
			if err := p.Backlight(on); err != nil {
				t.Error(err)
			}
		}
		if chip.Stats() != before {
			t.Error("something was sent")
		}
		if got := p.ColorModel().Convert(color.Gray{200}); fmt.Sprint(got) != "On" {
			t.Errorf("light grey becomes %v", got)
		}
		if got, want := p.String(), "EPaper{EMULATED-WAVESHARE2IN13V3, EMULATED-DC}"; got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	})
}
