package screen_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"image"
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/protocol"
	"pgregory.net/rapid"
)

func newRenderer(t testing.TB) *screen.Renderer {
	t.Helper()
	r, err := screen.New(glass.Size)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func picture() *image.RGBA { return image.NewRGBA(image.Rectangle{Max: glass.Size}) }

// reasons are all that the protocol and the agent can give, and one that is new.
var reasons = []string{
	"REJECTED_BY_CASHIER", "HANDOVER_TIMEOUT", "QR_EXPIRED", "CANCELLED_BY_MERCHANT", "SUPERSEDED",
	"CARD_DECLINED", "UPI:U30", "NO_KEYS", "NO_CARD_READER", "NO_PAY_MODE", "AMOUNT_INVALID", "QR_INVALID",
	"TERMINAL_REFUSED", "AMOUNT_DIFFERS", "RESOLVED_UNPAID",
	"QR_AMOUNT_DIFFERS", "QR_DOES_NOT_FIT", "PANEL_FAULT", "STORAGE_FAULT", "SOMETHING_NEW",
}

// everyText are states that together print every text of the table, each in
// the tightest place that it can come to.
func everyText(t testing.TB) []state {
	all := states(t)
	for _, reason := range reasons {
		for _, o := range []protocol.Outcome{protocol.OutcomeFailed, protocol.OutcomeExpired, protocol.OutcomeCancelled} {
			all = append(all, state{string(o) + " " + reason, screen.View{
				Mode: protocol.ModeResult, Outcome: o, Reason: reason, AmountPaise: protocol.MaxPaise, Waiting: 99, Test: true,
			}})
		}
		all = append(all, state{"fault " + reason, screen.View{Mode: protocol.ModeFault, Reason: reason}})
	}
	for _, step := range []screen.Step{screen.StepScreen, screen.StepNetwork, screen.StepServer} {
		all = append(all, state{"starting " + string(step), screen.View{Mode: protocol.ModeStarting, Step: step}})
	}
	day := 24 * time.Hour
	for _, age := range []time.Duration{59 * time.Second, 59 * time.Minute, day} {
		all = append(all, state{"taken " + age.String() + " ago", screen.View{
			Mode: protocol.ModePulling, Link: true, Digits: "88888888", Pulled: protocol.PullOther,
			PulledBy: "testterminal2", PulledAge: age, Waiting: 99, Test: true,
		}})
	}
	return append(all,
		state{"offline for a day", screen.View{Mode: protocol.ModeOffline, Since: day, NextTry: day}},
		state{"presenting for a day", screen.View{
			Mode: protocol.ModePresenting, AmountPaise: 1, QR: encode(t, plainQR), Left: day, Total: day, Waiting: 99, Test: true,
		}},
		state{"enrolling for a day", screen.View{Mode: protocol.ModeEnrolling, Code: "WWWW-WWWW", Left: day}},
		state{"idle after the most", screen.View{Mode: protocol.ModeIdle, Link: true, Last: protocol.MaxPaise}},
	)
}

// outside are the texts of the states that come from elsewhere and are too long
// on purpose.
var outside = []string{"Counter 12, first floor, left", "Order ORDER-2026-11-21-0000000000000000004821"}

func TestEveryWordHasItsText(t *testing.T) {
	t.Parallel()
	texts := screen.Texts()
	declared := 0
	for _, file := range []string{"words.go", "reasons.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, isValue := n.(*ast.ValueSpec)
			if !isValue || len(spec.Values) != 1 {
				return true
			}
			if typ, named := spec.Type.(*ast.Ident); !named || typ.Name != "word" {
				return true
			}
			id, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			if texts[id][screen.English] == "" {
				t.Errorf("%s: word %q has no English text", file, id)
			}
			declared++
			return true
		})
	}
	if declared != len(texts) {
		t.Errorf("%d words are declared, %d are in the table: a row twice, or a word of no row", declared, len(texts))
	}
	for id, row := range texts {
		for lang, text := range row {
			if got, want := strings.Count(text, "%"), strings.Count(row[screen.English], "%s"); got != want || strings.Count(text, "%s") != want {
				t.Errorf("%s in %s: %q takes other values than the English text", id, lang, text)
			}
		}
	}
}

func TestNoTextLacksAGlyph(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	texts := []string{"₹0123456789,.:-", "…", "K7QP-3XMD"}
	for _, row := range screen.Texts() {
		for _, text := range row {
			texts = append(texts, text)
		}
	}
	for _, text := range texts {
		for _, c := range text {
			if !screen.CanDraw(r, c) {
				t.Errorf("%q: no glyph for %q", text, c)
			}
		}
	}
	if screen.CanDraw(r, 'क') || screen.CanDraw(r, '\u200b') || screen.CanDraw(r, '\n') {
		t.Error("the fonts claim glyphs that they do not have")
	}
}

func TestEveryTextIsSeenWholeAndInItsPlace(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	seen := map[string]bool{}
	for _, s := range everyText(t) {
		printed, err := screen.WatchInk(r, picture(), s.view)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		taken := map[image.Point]int{} // which text has the point
		for i, p := range printed {
			seen[p.Text] = true
			if p.Cut && !slices.Contains(outside, p.Text) {
				t.Errorf("%s: %q is cut off", s.name, p.Text)
			}
			if p.Size < 14 {
				t.Errorf("%s: %q is %d pixels high, the least is 14", s.name, p.Text, p.Size)
			}
			if len(p.Ink) == 0 {
				t.Errorf("%s: %q leaves nothing on the glass", s.name, p.Text)
			}
			for _, at := range p.Ink {
				if !at.In(image.Rectangle{Max: glass.Size}) || at.X < p.Box.Min.X-1 || at.X > p.Box.Max.X {
					t.Errorf("%s: %q is written beside its box %v, at %v", s.name, p.Text, p.Box, at)
					break
				}
			}
			if other := beside(taken, p.Ink); other >= 0 {
				t.Errorf("%s: %q is written over %q", s.name, p.Text, printed[other].Text)
			}
			for _, at := range p.Ink {
				taken[at] = i
			}
		}
	}
	for id, row := range screen.Texts() {
		parts := strings.Split(row[screen.English], "%s")
		head, tail := parts[0], ""
		if len(parts) > 1 {
			tail = parts[len(parts)-1]
		}
		found := false
		for text := range seen {
			found = found || (strings.HasPrefix(text, head) && strings.HasSuffix(text, tail))
		}
		if !found {
			t.Errorf("%s, %q, is on no picture", id, row[screen.English])
		}
	}
}

// beside is a text that has a point of this ink or one next to it, else -1.
func beside(taken map[image.Point]int, ink []image.Point) int {
	for _, p := range ink {
		for _, d := range []image.Point{{}, {X: 1}, {X: -1}, {Y: 1}, {Y: -1}} {
			if other, is := taken[p.Add(d)]; is {
				return other
			}
		}
	}
	return -1
}

// luminance and contrast are those of WCAG 2.
func luminance(c color.RGBA) float64 {
	lin := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*lin(c.R) + 0.7152*lin(c.G) + 0.0722*lin(c.B)
}

func contrast(a, b color.RGBA) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// Every text has 4.5:1 on what it stands on, amounts 7:1, before and after the
// panel has made 16 bits of the colours.
func TestContrast(t *testing.T) {
	t.Parallel()
	as16bits := func(c color.RGBA) color.RGBA {
		return color.RGBA{c.R&0xf8 | c.R>>5, c.G&0xfc | c.G>>6, c.B&0xf8 | c.B>>5, 0xff}
	}
	r := newRenderer(t)
	for _, s := range everyText(t) {
		printed, err := screen.WatchInk(r, picture(), s.view)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range printed {
			least := 4.5
			if strings.HasPrefix(p.Text, "₹") {
				least = 7
			}
			worst := math.Inf(1)
			seen := map[color.RGBA]bool{}
			for _, under := range p.Under {
				if seen[under] {
					continue
				}
				seen[under] = true
				worst = min(worst, contrast(p.Color, under), contrast(as16bits(p.Color), as16bits(under)))
			}
			if worst < least {
				t.Errorf("%s: %q has a contrast of %.2f, the least is %.1f", s.name, p.Text, worst, least)
			}
		}
	}
}

// No amount is ever shortened or broken, whatever it is and wherever it stands.
func TestAmountsAreNeverCut(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	qr := encode(t, plainQR)
	views := []screen.View{
		{Mode: protocol.ModePresenting, QR: qr, Total: time.Minute},
		{Mode: protocol.ModePresenting, PayMode: protocol.PayCard, Total: time.Minute},
		{Mode: protocol.ModePrompting, Total: time.Minute},
		{Mode: protocol.ModeChoosing, Total: time.Minute},
		{Mode: protocol.ModeResult, Outcome: protocol.OutcomeUnknown},
		{Mode: protocol.ModeChecking},
		{Mode: protocol.ModeResult, Outcome: protocol.OutcomeSucceeded},
		{Mode: protocol.ModeResult, Outcome: protocol.OutcomeFailed},
		{Mode: protocol.ModeResult, Outcome: protocol.OutcomeExpired},
		{Mode: protocol.ModeResult, Outcome: protocol.OutcomeCancelled},
	}
	rapid.Check(t, func(rt *rapid.T) {
		amount := protocol.Paise(rapid.Int64Range(1, int64(protocol.MaxPaise)).Draw(rt, "paise"))
		v := rapid.SampledFrom(views).Draw(rt, "view")
		v.AmountPaise = amount
		printed, err := screen.Watch(r, picture(), v)
		if err != nil {
			rt.Fatal(err)
		}
		i := slices.IndexFunc(printed, func(p screen.Printed) bool { return p.Text == amount.String() })
		if i < 0 {
			rt.Fatalf("%s is not on the picture", amount)
		}
		p := printed[i]
		if p.Cut || p.Lines != 1 || p.Size < 22 || p.Size > 48 {
			rt.Fatalf("%s: cut %v, %d lines, %d pixels", amount, p.Cut, p.Lines, p.Size)
		}
	})
}

func TestDigitsAreTabular(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	for size := 14; size <= 48; size++ {
		for weight, widths := range screen.DigitWidths(r, size) {
			for d, w := range widths {
				if w != widths[0] {
					t.Errorf("weight %d, %d pixels: %d is %v wide, 0 is %v", weight, size, d, w, widths[0])
				}
			}
		}
	}
}

func TestUnknownLanguageIsEnglish(t *testing.T) {
	t.Parallel()
	for _, s := range states(t) {
		v := s.view
		v.Lang = "xx"
		if _, n := differ(render(t, s.view), render(t, v)); n > 0 {
			t.Errorf("%s: %d pixels differ", s.name, n)
		}
	}
}

// Names come from elsewhere: whatever they are, the picture is whole.
func TestTextsFromOutside(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	for _, test := range []struct {
		name, given, want string
		cut               bool
	}{
		{"plain", "Sharma Kirana", "Sharma Kirana", false},
		{"spaces and lines", "  Sharma\n\tKirana ", "Sharma Kirana", false},
		{"accents", "Café Déjà Vu", "Café Déjà Vu", false},
		{"what the fonts lack is left out", "Sharma शर्मा Kirana 🛒", "Sharma Kirana", false},
		{"bad UTF-8", "Shar\xffma", "Sharma", false},
		{"bidi and control characters", "Sha\u202erma\x00", "Sharma", false},
		{"no spaces", strings.Repeat("W", 60), strings.Repeat("W", 60), true},
		{"endless", strings.Repeat("ab ", 100_000), strings.TrimSpace(strings.Repeat("ab ", 54)[:160]), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			printed, err := screen.Watch(r, picture(), screen.View{Mode: protocol.ModeIdle, Link: true, MerchantName: test.given})
			if err != nil {
				t.Fatal(err)
			}
			if p := printed[0]; p.Text != test.want || p.Cut != test.cut || p.Lines > 2 {
				t.Errorf("%q on %d lines, cut %v; want %q, cut %v", p.Text, p.Lines, p.Cut, test.want, test.cut)
			}
		})
	}
	printed, err := screen.Watch(r, picture(), screen.View{Mode: protocol.ModeIdle, Link: true, MerchantName: "शर्मा"})
	if err != nil || len(printed) != 2 || printed[0].Text != "Ready" {
		t.Errorf("a name without a glyph: %v, %v", printed, err)
	}
}

func TestViewsWithoutAPicture(t *testing.T) {
	t.Parallel()
	qr := encode(t, plainQR)
	for _, test := range []struct {
		name string
		view screen.View
		want string
	}{
		{"no mode", screen.View{}, `cannot draw this view: mode "" has no picture`},
		{"off", screen.View{Mode: protocol.ModeOff}, `cannot draw this view: mode "off" has no picture`},
		{"no outcome", screen.View{Mode: protocol.ModeResult}, `cannot draw this view: unknown outcome ""`},
		{"no QR", screen.View{Mode: protocol.ModePresenting, AmountPaise: 1}, "cannot draw this view: presenting without a QR"},
		{"no amount to take", screen.View{Mode: protocol.ModePrompting}, "cannot draw this view: prompting without an amount"},
		{"no amount to choose for", screen.View{Mode: protocol.ModeChoosing}, "cannot draw this view: choosing without an amount"},
		{"no amount for a card", screen.View{Mode: protocol.ModePresenting, PayMode: protocol.PayCard}, "cannot draw this view: presenting without an amount"},
		{"no amount", screen.View{Mode: protocol.ModePresenting, QR: qr}, "cannot draw this view: presenting without an amount"},
		{"PAID nothing", screen.View{Mode: protocol.ModeResult, Outcome: protocol.OutcomeSucceeded}, "cannot draw this view: PAID without an amount"},
		{"negative", screen.View{Mode: protocol.ModeChecking, AmountPaise: -1}, "cannot draw this view: amount of -1 paise is not within 0 to 10000000000"},
		{"too much", screen.View{Mode: protocol.ModeChecking, AmountPaise: protocol.MaxPaise + 1}, "cannot draw this view: amount of 10000000001 paise is not within 0 to 10000000000"},
		{"last too much", screen.View{Mode: protocol.ModeIdle, Last: protocol.MaxPaise + 1}, "cannot draw this view: last payment of 10000000001 paise is not within 0 to 10000000000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dst := picture()
			for i := range dst.Pix {
				dst.Pix[i] = byte(i)
			}
			before := slices.Clone(dst.Pix)
			err := newRenderer(t).Render(dst, test.view)
			if !errors.Is(err, screen.ErrView) || err.Error() != test.want {
				t.Errorf("error %q, want %q", err, test.want)
			}
			if !slices.Equal(dst.Pix, before) {
				t.Error("something was drawn")
			}
		})
	}
	r := newRenderer(t)
	for _, dst := range []*image.RGBA{nil, image.NewRGBA(image.Rect(0, 0, 320, 240)), image.NewRGBA(image.Rect(1, 0, 241, 320))} {
		if err := r.Render(dst, screen.View{Mode: protocol.ModeIdle}); !errors.Is(err, screen.ErrView) {
			t.Errorf("a picture of another size: %v", err)
		}
	}
	if _, err := screen.New(image.Pt(320, 480)); !errors.Is(err, screen.ErrSize) || err.Error() != "no screen layout for this panel size: 320x480; known is 240x320" {
		t.Errorf("New for 320x480: %v", err)
	}
}
