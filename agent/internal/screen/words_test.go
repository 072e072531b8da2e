package screen_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"image"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/protocol"
	"pgregory.net/rapid"
)

// reasons are all that the protocol and the agent can give, and one that is new.
var reasons = []string{
	"REJECTED_BY_CASHIER", "HANDOVER_TIMEOUT", "QR_EXPIRED", "CANCELLED_BY_MERCHANT", "SUPERSEDED",
	"CARD_DECLINED", "UPI:U30", "NO_KEYS", "NO_CARD_READER", "NO_PAY_MODE", "AMOUNT_INVALID", "QR_INVALID",
	"TERMINAL_REFUSED", "AMOUNT_DIFFERS", "RESOLVED_UNPAID",
	"QR_AMOUNT_DIFFERS", "QR_DOES_NOT_FIT", "IDENTITY_IN_USE", "PANEL_FAULT", "STORAGE_FAULT", "SOMETHING_NEW",
}

// everyText are states that together print every text of the table, each in
// the tightest place that it can come to.
func everyText(t testing.TB, glass pane) []state {
	all := states(t, glass)
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
	all = append(all,
		state{"offline for a day", screen.View{Mode: protocol.ModeOffline, Since: day, NextTry: day}},
		state{"presenting for a day", screen.View{
			Mode: protocol.ModePresenting, AmountPaise: 1, QR: encode(t, glass, glass.text(plainQR)), Left: day, Total: day, Waiting: 99, Test: true,
		}},
		state{"enrolling for a day", screen.View{Mode: protocol.ModeEnrolling, Code: "WWWW-WWWW", Left: day}},
		state{"choosing, the longest", screen.View{Mode: protocol.ModeChoosing, AmountPaise: protocol.MaxPaise, Left: day, Total: day}},
		state{"idle after the most", screen.View{Mode: protocol.ModeIdle, Link: true, Last: protocol.MaxPaise}},
	)
	for i := range all {
		all[i].view.Lang = glass.lang
	}
	return all
}

// outside are the texts of the states that come from elsewhere and are too long
// on purpose.
var outside = []string{"Counter 12, first floor, left", "ORDER-2026-11-21-0000000000000000004821"}

func fromOutside(text string) bool {
	return slices.ContainsFunc(outside, func(end string) bool { return strings.HasSuffix(text, end) })
}

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
			for _, l := range screen.Languages() {
				if texts[id][l] == "" {
					t.Errorf("%s: word %q has no text in %s", file, id, l)
				}
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

// Every cluster of every text has its glyph, in both weights.
func TestNoTextLacksAGlyph(t *testing.T) {
	t.Parallel()
	r := newRenderer(t, glass)
	texts := []string{"₹0123456789,.:-", "…", "K7QP-3XMD", "×»"}
	for _, row := range screen.Texts() {
		for _, text := range row {
			texts = append(texts, text)
		}
	}
	for _, text := range texts {
		if screen.Lacks(r, text) {
			t.Errorf("%q: a cluster has no glyph", text)
		}
	}
	for _, c := range []rune{'அ', '\u200b', '\n', '\u0378'} {
		if screen.CanDraw(r, c) {
			t.Errorf("the fonts claim a glyph for %q", c)
		}
	}
	// A vowel sign without its letter gets a dotted circle.
	for _, text := range []string{"अ", "\u093f", "கடை"} {
		if got, want := screen.Lacks(r, text), text != "अ"; got != want {
			t.Errorf("%q: a cluster has no glyph: %v", text, got)
		}
	}
}

// Letters join and change places: what is shaped is not what is spelt.
func TestDevanagariIsShaped(t *testing.T) {
	t.Parallel()
	r := newRenderer(t, glass)
	for _, test := range []struct {
		name, text string
		glyphs     int
	}{
		{"a letter", "क", 1},
		{"a conjunct is one glyph", "क्ष", 1},
		{"a vowel sign beside its letter", "का", 2},
		{"reph goes over the letter that follows", "र्क", 2},
		{"a half letter", "स्क", 2},
	} {
		if got := screen.Glyphs(r, test.text); len(got) != test.glyphs {
			t.Errorf("%s: %q has glyphs %v, want %d", test.name, test.text, got, test.glyphs)
		}
	}
	// The sign of a short i is spoken after its letter and written before it.
	ki, k := screen.Glyphs(r, "कि"), screen.Glyphs(r, "क")
	if len(ki) != 2 || ki[1] != k[0] {
		t.Errorf("glyphs %v of कि, %v of क: the sign does not stand before the letter", ki, k)
	}
}

func TestEveryTextIsSeenWholeAndInItsPlace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, glass pane) {
		r := newRenderer(t, glass)
		seen := map[string]bool{}
		for _, s := range everyText(t, glass) {
			printed, err := screen.WatchInk(r, picture(glass), s.view)
			if err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			taken := map[image.Point]int{} // which text has the point
			for i, p := range printed {
				seen[p.Text] = true
				if p.Cut && !fromOutside(p.Text) && (!glass.bit || p.Text != "testterminal1") {
					t.Errorf("%s: %q is cut off", s.name, p.Text)
				}
				if p.Size < glass.least {
					t.Errorf("%s: %q is %d pixels high, the least is %d", s.name, p.Text, p.Size, glass.least)
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
		if glass.status {
			return // it has no room for every word
		}
		for id, row := range screen.Texts() {
			if id == "presenting.title" || id == "presenting.elsewhere" || glass.short && findings[id] || (id == "offline.qr" && glass.short) {
				continue // of a companion, and too long for paper
			}
			parts := strings.Split(row[glass.lang], "%s")
			head, tail := parts[0], ""
			if len(parts) > 1 {
				tail = parts[len(parts)-1]
			}
			found := false
			for text := range seen {
				found = found || (strings.HasPrefix(text, head) && strings.HasSuffix(text, tail))
			}
			if !found {
				t.Errorf("%s, %q, is on no picture", id, row[glass.lang])
			}
		}
	})
}

// findings are signs on paper, which has no room for their words.
var findings = map[string]bool{"test.open": true, "test.ok": true, "test.failed": true, "test.absent": true}

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

// No amount is ever shortened or broken, whatever it is and wherever it stands.
func TestAmountsAreNeverCut(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, glass pane) {
		r := newRenderer(t, glass)
		qr := encode(t, glass, glass.text(plainQR))
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
			printed, err := screen.Watch(r, picture(glass), v)
			if err != nil {
				rt.Fatal(err)
			}
			i := slices.IndexFunc(printed, func(p screen.Printed) bool { return p.Text == amount.String() })
			if i < 0 {
				rt.Fatalf("%s is not on the picture", amount)
			}
			p := printed[i]
			if p.Cut || p.Lines != 1 || p.Size < glass.amount || p.Size > 64 {
				rt.Fatalf("%s: cut %v, %d lines, %d pixels", amount, p.Cut, p.Lines, p.Size)
			}
		})
	})
}

func TestDigitsAreTabular(t *testing.T) {
	t.Parallel()
	r := newRenderer(t, glass)
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
	each(t, func(t *testing.T, glass pane) {
		for _, s := range states(t, glass) {
			en, v := s.view, s.view
			en.Lang, v.Lang = screen.English, "xx"
			if _, n := differ(render(t, glass, en), render(t, glass, v)); n > 0 {
				t.Errorf("%s: %d pixels differ", s.name, n)
			}
		}
	})
}

// Names come from elsewhere: whatever they are, the picture is whole.
func TestTextsFromOutside(t *testing.T) {
	t.Parallel()
	r := newRenderer(t, glass)
	for _, test := range []struct {
		name, given, want string
		cut               bool
	}{
		{"plain", "Sharma Kirana", "Sharma Kirana", false},
		{"spaces and lines", "  Sharma\n\tKirana ", "Sharma Kirana", false},
		{"accents", "Café Déjà Vu", "Café Déjà Vu", false},
		{"what the fonts lack is left out", "Sharma கடை Kirana 🛒", "Sharma Kirana", false},
		{"Devanagari in any language", "Sharma शर्मा Kirana", "Sharma शर्मा Kirana", false},
		{"joiners stay in Devanagari alone", "र्\u200dय S\u200dharma", "र्\u200dय Sharma", false},
		{"bad UTF-8", "Shar\xffma", "Sharma", false},
		{"bidi and control characters", "Sha\u202erma\x00", "Sharma", false},
		{"no spaces", strings.Repeat("W", 60), strings.Repeat("W", 60), true},
		{"endless", strings.Repeat("ab ", 100_000), strings.TrimSpace(strings.Repeat("ab ", 54)[:160]), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			printed, err := screen.Watch(r, picture(glass), screen.View{Mode: protocol.ModeIdle, Link: true, MerchantName: test.given})
			if err != nil {
				t.Fatal(err)
			}
			if p := printed[0]; p.Text != test.want || p.Cut != test.cut || p.Lines > 2 {
				t.Errorf("%q on %d lines, cut %v; want %q, cut %v", p.Text, p.Lines, p.Cut, test.want, test.cut)
			}
		})
	}
	printed, err := screen.Watch(r, picture(glass), screen.View{Mode: protocol.ModeIdle, Link: true, MerchantName: "கடை"})
	if err != nil || len(printed) != 2 || printed[0].Text != "Ready" {
		t.Errorf("a name without a glyph: %v, %v", printed, err)
	}
}

func TestViewsWithoutAPicture(t *testing.T) {
	t.Parallel()
	qr := encode(t, glass, glass.text(plainQR))
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
			dst := picture(glass)
			for i := range dst.Pix {
				dst.Pix[i] = byte(i)
			}
			before := slices.Clone(dst.Pix)
			err := newRenderer(t, glass).Render(dst, test.view)
			if !errors.Is(err, screen.ErrView) || err.Error() != test.want {
				t.Errorf("error %q, want %q", err, test.want)
			}
			if !slices.Equal(dst.Pix, before) {
				t.Error("something was drawn")
			}
		})
	}
	r := newRenderer(t, glass)
	for _, dst := range []*image.RGBA{nil, image.NewRGBA(image.Rect(0, 0, 320, 240)), image.NewRGBA(image.Rect(1, 0, 241, 320))} {
		if err := r.Render(dst, screen.View{Mode: protocol.ModeIdle}); !errors.Is(err, screen.ErrView) {
			t.Errorf("a picture of another size: %v", err)
		}
	}
	if _, err := screen.New(image.Pt(100, 100)); !errors.Is(err, screen.ErrSize) || err.Error() != "no screen layout for this panel size: 100x100; known are 240x320, 320x480, 480x320, 122x250, 128x64" {
		t.Errorf("New for 100x100: %v", err)
	}
}
