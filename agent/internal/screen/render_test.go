package screen_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/protocol"
	"pgregory.net/rapid"
)

// anyView is a view of any mode with anything in it; it may have no picture.
func anyView(qr *screen.QR) *rapid.Generator[screen.View] {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom(append(slices.Clone(reasons), "", "testterminal1", "Galla Test Store", "en", "hi", "श्री गणेश किराना", "\u094d\u200d\u093f")))
	length := rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.Int64().Draw(t, "duration"))
	})
	amount := rapid.Custom(func(t *rapid.T) protocol.Paise {
		return protocol.Paise(rapid.Int64Range(-1, int64(protocol.MaxPaise)+1).Draw(t, "paise"))
	})
	return rapid.Custom(func(t *rapid.T) screen.View {
		v := screen.View{
			Mode: rapid.SampledFrom([]protocol.Mode{
				protocol.ModeStarting, protocol.ModeEnrolling, protocol.ModeOffline, protocol.ModeIdle,
				protocol.ModePresenting, protocol.ModeChecking, protocol.ModeResult, protocol.ModeFault, protocol.ModeOff,
				protocol.ModePulling, protocol.ModePrompting, protocol.ModeChoosing,
				protocol.ModeTesting, protocol.ModeUpdating,
			}).Draw(t, "mode"),
			Outcome: rapid.SampledFrom([]protocol.Outcome{
				protocol.OutcomeSucceeded, protocol.OutcomeFailed, protocol.OutcomeExpired, protocol.OutcomeCancelled, protocol.OutcomeUnknown, "",
			}).Draw(t, "outcome"),
			PayMode:       rapid.SampledFrom([]protocol.PayMode{"", protocol.PayDQR, protocol.PayCard}).Draw(t, "pay mode"),
			ShortOrderID:  text.Draw(t, "short order"),
			Digits:        text.Draw(t, "digits"),
			Asking:        rapid.Bool().Draw(t, "asking"),
			Silent:        rapid.Bool().Draw(t, "silent"),
			MayPull:       rapid.Bool().Draw(t, "may pull"),
			Pulled:        protocol.PullOutcome(rapid.SampledFrom([]string{"", "other", "unknown", "ended", "busy", "taken", "?"}).Draw(t, "pulled")),
			PulledBy:      text.Draw(t, "by"),
			PulledAge:     length.Draw(t, "age"),
			AmountPaise:   amount.Draw(t, "amount"),
			Left:          length.Draw(t, "left"),
			Total:         length.Draw(t, "total"),
			Reason:        text.Draw(t, "reason"),
			Reference:     text.Draw(t, "reference"),
			OrderID:       text.Draw(t, "order"),
			MerchantName:  text.Draw(t, "merchant"),
			TerminalLabel: text.Draw(t, "label"),
			Waiting:       rapid.Int().Draw(t, "waiting"),
			Link:          rapid.Bool().Draw(t, "link"),
			Test:          rapid.Bool().Draw(t, "test"),
			Last:          amount.Draw(t, "last"),
			Step:          screen.Step(text.Draw(t, "step")),
			Code:          text.Draw(t, "code"),
			Since:         length.Draw(t, "since"),
			NextTry:       length.Draw(t, "next"),
			Tick:          rapid.Int().Draw(t, "tick"),
			Version:       text.Draw(t, "version"),
			Lang:          screen.Lang(text.Draw(t, "lang")),
			Late:          rapid.Bool().Draw(t, "late"),
			Lapsed:        rapid.Bool().Draw(t, "lapsed"),
			Muted:         rapid.Bool().Draw(t, "muted"),
		}
		for i := range v.Checks {
			v.Checks[i].Name = rapid.SampledFrom([]string{"", "panel", "storage", "what is new"}).Draw(t, "check")
			v.Checks[i].Finding = rapid.SampledFrom([]screen.Finding{"", "ok", "failed", "absent", "?"}).Draw(t, "finding")
		}
		if rapid.Bool().Draw(t, "qr") {
			v.QR = qr
		}
		return v
	})
}

// The same view is the same picture: whatever was drawn before, by whom and on
// what. No pixel is left as it was, none is transparent.
func TestRenderIsAFunctionOfTheView(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, glass pane) {
		used, other := newRenderer(t, glass), newRenderer(t, glass)
		views := anyView(encode(t, glass, glass.text(plainQR)))
		rapid.Check(t, func(rt *rapid.T) {
			v := views.Draw(rt, "view")
			a, b := picture(glass), picture(glass)
			for i := range b.Pix {
				b.Pix[i] = byte(i * 7)
			}
			errA := used.Render(a, v)
			_ = other.Render(b, views.Draw(rt, "before")) // whatever it says
			errB := other.Render(b, v)
			if (errA == nil) != (errB == nil) {
				rt.Fatalf("errors %v and %v", errA, errB)
			}
			if errA != nil {
				return
			}
			if !slices.Equal(a.Pix, b.Pix) {
				rt.Fatal("two pictures of one view differ")
			}
			if !a.Opaque() {
				rt.Fatal("the picture is not opaque")
			}
		})
	})
}

// Each mode and outcome is a picture of its own.
func TestStatesAreToldApart(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, glass pane) {
		named := map[string]string{}
		for _, s := range states(t, glass) {
			pixels := string(render(t, glass, s.view).Pix)
			if other, twice := named[pixels]; twice {
				t.Errorf("%s and %s look the same", s.name, other)
			}
			named[pixels] = s.name
		}
	})
}

func TestOneRendererForMany(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, glass pane) {
		shared := newRenderer(t, glass)
		var all sync.WaitGroup
		for _, s := range states(t, glass) {
			want := render(t, glass, s.view)
			all.Go(func() {
				for range 3 {
					got := picture(glass)
					if err := shared.Render(got, s.view); err != nil {
						t.Error(err)
					}
					if !slices.Equal(got.Pix, want.Pix) {
						t.Errorf("%s: another picture when shared", s.name)
					}
				}
			})
		}
		all.Wait()
	})
}

func TestTimeLeft(t *testing.T) {
	t.Parallel()
	qr := encode(t, glass, plainQR)
	const full, whole = 3 * time.Minute, 240
	info, warn := uint32(0x53b1fd), uint32(0xfdb022)
	for _, test := range []struct {
		left  time.Duration
		timer string
		bar   int // pixels
		color uint32
	}{
		{full, "3:00", whole, info},
		{full - 1, "3:00", whole - 1, info},
		{2 * full, "6:00", whole, info},
		{90 * time.Second, "1:30", whole / 2, info},
		{30 * time.Second, "0:30", 40, info},
		{30*time.Second - 1, "0:30", 39, warn},
		{9 * time.Second, "0:09", 12, warn},
		{time.Nanosecond, "0:01", 0, warn},
		{0, "0:00", 0, warn},
		{-time.Hour, "0:00", 0, warn},
	} {
		t.Run(test.left.String(), func(t *testing.T) {
			t.Parallel()
			dst := picture(glass)
			printed, err := screen.Watch(newRenderer(t, glass), dst, screen.View{
				Mode: protocol.ModePresenting, AmountPaise: 1, QR: qr, Left: test.left, Total: full, Link: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(printed, func(p screen.Printed) bool { return p.Text == test.timer }) {
				t.Errorf("the timer is not %s", test.timer)
			}
			bar := 0
			for x := range whole {
				c := dst.RGBAAt(x, 292)
				if uint32(c.R)<<16|uint32(c.G)<<8|uint32(c.B) == test.color {
					bar++
				}
			}
			if bar != test.bar {
				t.Errorf("the bar is %d pixels of the colour %06x, want %d", bar, test.color, test.bar)
			}
		})
	}
	t.Run("unknown", func(t *testing.T) {
		printed, err := screen.Watch(newRenderer(t, glass), picture(glass), screen.View{Mode: protocol.ModePresenting, AmountPaise: 1, QR: qr, Link: true})
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(printed, func(p screen.Printed) bool { return p.Text == "0:00" }) {
			t.Error("a time is shown that nobody knows")
		}
	})
}

// A shown QR stays while the link is away, and the words say so (failure
// matrix S5).
func TestOfflineKeepsTheQR(t *testing.T) {
	t.Parallel()
	eachQR(t, func(t *testing.T, glass pane) {
		q := encode(t, glass, glass.text(signedQR))
		v := presenting(q)
		v.Lang = glass.lang
		v.Link = false
		dst := picture(glass)
		printed, err := screen.Watch(newRenderer(t, glass), dst, v)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkQR(glass, dst, q); err != nil {
			t.Error(err)
		}
		for _, want := range []string{glass.say("offline.late"), "₹245.00"} {
			if !slices.ContainsFunc(printed, func(p screen.Printed) bool { return p.Text == want }) {
				t.Errorf("%q is not on the picture", want)
			}
		}
	})
}

// PAID is on the picture of a success and on no other.
func TestOnlyASuccessSaysPaid(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, glass pane) {
		r := newRenderer(t, glass)
		for _, s := range everyText(t, glass) {
			printed, err := screen.Watch(r, picture(glass), s.view)
			if err != nil {
				t.Fatal(err)
			}
			paid := slices.ContainsFunc(printed, func(p screen.Printed) bool { return p.Text == glass.say("paid.title") })
			if paid != (s.view.Mode == protocol.ModeResult && s.view.Outcome == protocol.OutcomeSucceeded) {
				t.Errorf("%s: PAID is on the picture: %v", s.name, paid)
			}
		}
	})
}

// TestAQRThatComesLater: what is painted around a QR, and then the QR, is the picture
// that is painted at once, whatever was there before.
func TestAQRThatComesLater(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, glass pane) {
		r := newRenderer(t, glass)
		for _, s := range states(t, glass) {
			if s.view.Mode != protocol.ModePresenting || s.view.QR == nil {
				continue
			}
			whole, parts := picture(glass), picture(glass)
			if err := r.Render(whole, s.view); err != nil {
				t.Fatal(err)
			}
			for i := range parts.Pix {
				parts.Pix[i] = byte(i)
			}
			if err := r.RenderAround(parts, s.view); err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(parts.Pix, whole.Pix) {
				t.Errorf("%s: there is a QR before it is made", s.name)
			}
			if err := r.AddQR(parts, s.view.QR); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(parts.Pix, whole.Pix) {
				t.Errorf("%s: the picture of two parts is another", s.name)
			}
		}
	})
	r, large := newRenderer(t, panes()[0]), panes()[1]
	for name, err := range map[string]error{
		"another panel's QR": r.AddQR(picture(panes()[0]), encode(t, large, strings.Repeat("x", 20))),
		"another picture":    r.AddQR(picture(large), encode(t, panes()[0], "x")),
		"no amount":          r.RenderAround(picture(panes()[0]), screen.View{Mode: protocol.ModePresenting}),
	} {
		if !errors.Is(err, screen.ErrView) {
			t.Errorf("%s: %v, want ErrView", name, err)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	for _, glass := range panes() {
		r, dst := newRenderer(b, glass), picture(glass)
		for _, s := range states(b, glass) {
			switch s.name {
			case "idle", "presenting", "succeeded":
				b.Run(glass.String()+"/"+s.name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if err := r.Render(dst, s.view); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// A second of the countdown: how much of the picture is another.
func BenchmarkCountdown(b *testing.B) {
	for _, glass := range panes() {
		r := newRenderer(b, glass)
		for _, s := range states(b, glass) {
			if s.name != "presenting" {
				continue
			}
			b.Run(glass.String(), func(b *testing.B) {
				before, after := picture(glass), picture(glass)
				seconds, changed := 0, 0
				for b.Loop() {
					v := s.view
					v.Left -= time.Duration(seconds%60) * time.Second
					if err := r.Render(before, v); err != nil {
						b.Fatal(err)
					}
					v.Left -= time.Second
					if err := r.Render(after, v); err != nil {
						b.Fatal(err)
					}
					where, _ := differ(before, after)
					changed += where.Dx() * where.Dy()
					seconds++
				}
				whole := glass.Size.X * glass.Size.Y
				b.ReportMetric(100*float64(changed)/float64(seconds*whole), "%changed")
			})
		}
	}
}

func BenchmarkEncodeQR(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		encode(b, glass, signedQR)
	}
}

// What waits is told on every picture of a terminal at work: the cashier serves the
// queue (terminal-ux: CONFIRM).
func TestWhatWaitsIsTold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, glass pane) {
		r := newRenderer(t, glass)
		for _, s := range states(t, glass) {
			switch s.view.Mode {
			case protocol.ModeStarting, protocol.ModeEnrolling, protocol.ModeUpdating:
				continue // nothing can wait
			}
			v := s.view
			v.Waiting = 2
			printed, err := screen.Watch(r, picture(glass), v)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(printed, func(p screen.Printed) bool { return p.Text == "+2" }) {
				t.Errorf("%s does not tell that two sales wait", s.name)
			}
		}
	})
}
