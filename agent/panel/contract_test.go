package panel_test

import (
	"errors"
	"image"
	"image/color"
	"image/draw"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/panel"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"pgregory.net/rapid"
)

// everyKind runs a test for each kind of panel, in a bubble of its own.
func everyKind(t *testing.T, test func(t *testing.T, k panel.Kind)) {
	t.Parallel()
	for _, k := range panel.Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, k) })
		})
	}
}

// lit opens a panel, draws a picture and switches the light on.
func lit(t *testing.T, k panel.Kind, c chip, picture image.Image) panel.Panel {
	t.Helper()
	p := start(t, k.Name, c, panel.Options{})
	if err := errors.Join(p.Draw(p.Bounds(), picture, image.Point{}), p.Backlight(true)); err != nil {
		t.Fatal(err)
	}
	return p
}

// Every picture is seen as it was drawn, upright, in its colours.
func TestEveryKindShowsWhatIsDrawn(t *testing.T) {
	everyKind(t, func(t *testing.T, k panel.Kind) {
		c := module(t, k.Name)
		picture := noise(image.Rectangle{Max: k.Size}, 11)
		p := lit(t, k, c, picture)
		if got := p.Bounds(); got != (image.Rectangle{Max: k.Size}) {
			t.Errorf("bounds %v, the kind says %v", got, k.Size)
		}
		if err := seenAs(c, p, picture); err != nil {
			t.Error(err)
		}
		wellUsed(t, c)
	})
}

// Upside down is the same picture turned by half.
func TestEveryKindUpsideDown(t *testing.T) {
	everyKind(t, func(t *testing.T, k panel.Kind) {
		c := module(t, k.Name)
		p := start(t, k.Name, c, panel.Options{UpsideDown: true})
		picture := noise(p.Bounds(), 12)
		if err := errors.Join(p.Draw(p.Bounds(), picture, image.Point{}), p.Backlight(true)); err != nil {
			t.Fatal(err)
		}
		turned := image.NewRGBA(p.Bounds())
		for y := range k.Size.Y {
			for x := range k.Size.X {
				turned.Set(k.Size.X-1-x, k.Size.Y-1-y, picture.At(x, y))
			}
		}
		if err := seenAs(c, p, turned); err != nil {
			t.Error(err)
		}
		wellUsed(t, c)
	})
}

// Nothing is sent when nothing differs, and little when little does.
func TestEveryKindSendsOnlyWhatChanged(t *testing.T) {
	everyKind(t, func(t *testing.T, k panel.Kind) {
		c := module(t, k.Name)
		picture := image.NewRGBA(image.Rectangle{Max: k.Size})
		draw.Draw(picture, picture.Rect, image.Black, image.Point{}, draw.Src)
		p := lit(t, k, c, picture)
		before := c.Stats()
		if err := p.Draw(p.Bounds(), picture, image.Point{}); err != nil {
			t.Fatal(err)
		}
		if after := c.Stats(); after != before {
			t.Errorf("the same picture again sent %d bytes", after.Bytes-before.Bytes)
		}
		spot := image.Rect(40, 40, 48, 48)
		draw.Draw(picture, spot, image.White, image.Point{}, draw.Src)
		if err := p.Draw(p.Bounds(), picture, image.Point{}); err != nil {
			t.Fatal(err)
		}
		if sent := c.Stats().Bytes - before.Bytes; sent < 8 || sent > 400 {
			t.Errorf("8x8 pixels changed and %d bytes were sent", sent)
		}
		if err := seenAs(c, p, picture); err != nil {
			t.Error(err)
		}
		wellUsed(t, c)
	})
}

// However small a transfer may be, the picture is the same, and none is longer.
func TestEveryKindKeepsToTheLimitOfTheBus(t *testing.T) {
	everyKind(t, func(t *testing.T, k panel.Kind) {
		for _, limit := range []int{7, 255, 256, 257, 4096, 65536} {
			c := module(t, k.Name)
			c.SetMaxTxSize(limit)
			picture := noise(image.Rectangle{Max: k.Size}, uint64(limit))
			p := lit(t, k, c, picture)
			if got := c.Stats().Largest; got > limit {
				t.Errorf("limit %d: a transfer had %d bytes", limit, got)
			}
			if err := seenAs(c, p, picture); err != nil {
				t.Errorf("limit %d: %v", limit, err)
			}
			wellUsed(t, c)
		}
	})
}

// A bus that hangs costs one Draw its bounded wait, never more; opened again, the
// panel works.
func TestEveryKindGivesUpOnAStuckBus(t *testing.T) {
	everyKind(t, func(t *testing.T, k panel.Kind) {
		c := module(t, k.Name)
		white, black := solid(color.White), solid(color.Black)
		p := lit(t, k, c, white)
		c.SetStuck(true)
		began := time.Now()
		refuses(t, "Draw on a stuck bus", p.Draw(p.Bounds(), black, image.Point{}), panel.ErrBusStuck)
		if took := time.Since(began); took > k.DrawLimit {
			t.Errorf("Draw gave up after %v, the kind promises %v", took, k.DrawLimit)
		}
		began = time.Now()
		refuses(t, "the next Draw", p.Draw(p.Bounds(), black, image.Point{}), panel.ErrBusStuck)
		if took := time.Since(began); took != 0 {
			t.Errorf("the next Draw waited %v", took)
		}
		if err := p.Backlight(false); err != nil {
			t.Errorf("Backlight(false) on a stuck panel: %v", err)
		}
		if k.Backlight && c.Lit() {
			t.Error("a dead picture can be seen")
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		c.SetStuck(false)
		again := lit(t, k, c, black)
		if err := seenAs(c, again, black); err != nil {
			t.Error(err)
		}
		wellUsed(t, c)
	})
}

// A bus that is stuck from the beginning, or absent, is an error of Open.
func TestEveryKindOpensWithinItsBound(t *testing.T) {
	everyKind(t, func(t *testing.T, k panel.Kind) {
		c := module(t, k.Name)
		c.SetStuck(true)
		began := time.Now()
		p, err := k.Open(c, c.Pins(), panel.Options{})
		refuses(t, "Open on a stuck bus", err, panel.ErrBusStuck)
		if p != nil {
			t.Errorf("a panel %v came with the error", p)
		}
		if took := time.Since(began); took > k.DrawLimit+time.Second {
			t.Errorf("Open gave up after %v", took)
		}
		c.Close()
		if p, err := k.Open(nil, c.Pins(), panel.Options{}); err == nil || p != nil {
			t.Errorf("without a port: %v, %v", p, err)
		}
		if p, err := k.Open(c, panel.Pins{}, panel.Options{}); err == nil || p != nil {
			t.Errorf("without pins: %v, %v", p, err)
		}
		if p, err := k.Open(c, c.Pins(), panel.Options{MaxSpeed: k.Fastest + physic.Hertz}); err == nil || p != nil {
			t.Errorf("above %s: %v, %v", k.Fastest, p, err)
		}
	})
}

// Whichever transfer of a Draw fails, Draw says so, and the next one leaves
// nothing of the wreck on the glass.
func TestEveryKindRepaintsAfterAFailure(t *testing.T) {
	broken := errors.New("input/output error")
	everyKind(t, func(t *testing.T, k panel.Kind) {
		for nth := 0; ; nth++ {
			c := module(t, k.Name)
			port := &failing{chip: c, left: -1, err: broken}
			p, err := panel.Open(k.Name, port, c.Pins(), panel.Options{})
			if err != nil {
				t.Fatal(err)
			}
			first, second := noise(p.Bounds(), 5), noise(p.Bounds(), 6)
			if err := errors.Join(p.Draw(p.Bounds(), first, image.Point{}), p.Backlight(true)); err != nil {
				t.Fatal(err)
			}
			port.left = 5 * nth * nth
			err = p.Draw(p.Bounds(), second, image.Point{})
			if err == nil && nth > 0 {
				return // it needs fewer transfers than that
			}
			refuses(t, "Draw", err, broken)
			if err := errors.Join(p.Draw(image.Rect(9, 9, 10, 10), second, image.Pt(9, 9)), p.Backlight(true)); err != nil {
				t.Fatalf("transfer %d: next Draw: %v", 5*nth*nth, err)
			}
			if err := seenAs(c, p, second); err != nil {
				t.Errorf("transfer %d: %v", 5*nth*nth, err)
			}
			wellUsed(t, c)
		}
	})
}

// failing is a port whose transfer fails when left has gone down to 0.
type failing struct {
	chip
	left int
	err  error
}

type failingConn struct {
	spi.Conn
	port *failing
}

func (f *failing) Connect(speed physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	c, err := f.chip.Connect(speed, mode, bits)
	return failingConn{c, f}, err
}

func (c failingConn) Tx(w, r []byte) error {
	left := c.port.left
	c.port.left--
	if left == 0 {
		return c.port.err
	}
	return c.Conn.Tx(w, r)
}

// After Halt a panel shows nothing of the last picture and takes no other.
func TestEveryKindHaltsForGood(t *testing.T) {
	everyKind(t, func(t *testing.T, k panel.Kind) {
		c := module(t, k.Name)
		p := lit(t, k, c, noise(image.Rectangle{Max: k.Size}, 4))
		if err := errors.Join(p.Halt(), p.Halt()); err != nil {
			t.Fatal(err)
		}
		glass := c.Image()
		rest := glass.RGBAAt(0, 0)
		for y := range k.Size.Y {
			for x := range k.Size.X {
				if got := glass.RGBAAt(x, y); got != rest {
					t.Fatalf("pixel (%d,%d) is %v, others are %v: a picture is left", x, y, got, rest)
				}
			}
		}
		refuses(t, "Draw", p.Draw(p.Bounds(), solid(color.White), image.Point{}), panel.ErrHalted)
		refuses(t, "Backlight(true)", p.Backlight(true), panel.ErrHalted)
		if err := p.Backlight(false); err != nil {
			t.Errorf("Backlight(false): %v", err)
		}
		wellUsed(t, c)
	})
}

// Without its reset line a panel is reset by command, or says that it needs one.
func TestEveryKindWithoutAResetLine(t *testing.T) {
	everyKind(t, func(t *testing.T, k panel.Kind) {
		c := module(t, k.Name)
		pins := c.Pins()
		pins.RST = gpio.INVALID
		p, err := k.Open(c, pins, panel.Options{})
		needed := false
		for _, l := range k.Wires {
			needed = needed || l.Pin == "RST" && !l.Optional
		}
		if needed {
			if err == nil || p != nil {
				t.Errorf("opened without the line that its table demands: %v, %v", p, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		picture := noise(p.Bounds(), 2)
		if err := errors.Join(p.Draw(p.Bounds(), picture, image.Point{}), p.Backlight(true)); err != nil {
			t.Fatal(err)
		}
		if err := seenAs(c, p, picture); err != nil {
			t.Error(err)
		}
		wellUsed(t, c)
	})
}

// Whatever is drawn wherever, the glass shows what the standard library's draw
// would have painted.
func TestEveryKindDrawsLikeTheStandardLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		k := panel.Kinds()[rapid.IntRange(0, len(panel.Kinds())-1).Draw(r, "kind")]
		ops := rapid.SliceOfN(rapid.Custom(drawOp), 1, 3).Draw(r, "ops")
		var failed error
		synctest.Test(t, func(t *testing.T) {
			c := module(t, k.Name)
			want := image.NewRGBA(image.Rectangle{Max: k.Size})
			draw.Draw(want, want.Rect, image.White, image.Point{}, draw.Src)
			p := lit(t, k, c, want)
			for _, o := range ops {
				src := o.source()
				draw.Draw(want, o.dst, src, o.sp, draw.Src)
				if failed = p.Draw(o.dst, src, o.sp); failed != nil {
					return
				}
			}
			failed = seenAs(c, p, want)
			wellUsed(t, c)
		})
		if failed != nil {
			r.Fatalf("%s: %v", k.Name, failed)
		}
	})
}
