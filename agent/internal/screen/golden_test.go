package screen_test

import (
	"bytes"
	"flag"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/protocol"
)

var update = flag.Bool("update", false, "write the goldens anew")

// state is a View with a name: that of its golden.
type state struct {
	name string
	view screen.View
}

// states are all that a merchant can see on a panel.
func states(t testing.TB, glass pane) []state {
	t.Helper()
	base := screen.View{
		MerchantName:  "Galla Test Store",
		TerminalLabel: "testterminal1",
		Link:          true,
		Version:       "galla-agent 0.1.0",
		Lang:          glass.lang,
	}
	with := func(change func(*screen.View)) screen.View {
		v := base
		change(&v)
		return v
	}
	presenting := func(text string, change func(*screen.View)) screen.View {
		return with(func(v *screen.View) {
			v.Mode, v.AmountPaise = protocol.ModePresenting, 24500
			v.Left, v.Total = 161*time.Second, 180*time.Second
			v.QR = encode(t, glass, glass.text(text))
			change(v)
		})
	}
	result := func(o protocol.Outcome, reason string, change func(*screen.View)) screen.View {
		return with(func(v *screen.View) {
			v.Mode, v.Outcome, v.Reason, v.AmountPaise = protocol.ModeResult, o, reason, 24500
			v.OrderID = "ORD-4821"
			change(v)
		})
	}
	same := func(*screen.View) {}
	edc := func(mode protocol.Mode, change func(*screen.View)) screen.View {
		return with(func(v *screen.View) {
			v.Mode, v.AmountPaise, v.OrderID = mode, 24500, "ORD-4821"
			v.Left, v.Total = 42*time.Second, 60*time.Second
			change(v)
		})
	}
	card := func(change func(*screen.View)) screen.View {
		return edc(protocol.ModePresenting, func(v *screen.View) { v.PayMode = protocol.PayCard; change(v) })
	}
	pulling := func(digits string, change func(*screen.View)) screen.View {
		return with(func(v *screen.View) { v.Mode, v.Digits = protocol.ModePulling, digits; change(v) })
	}
	answered := func(o protocol.PullOutcome) screen.View {
		return pulling("4821", func(v *screen.View) { v.Pulled, v.PulledBy, v.PulledAge = o, "testterminal2", 61*time.Second })
	}
	enrolling := func(change func(*screen.View)) screen.View {
		return with(func(v *screen.View) {
			v.Mode, v.Code, v.Left, v.QR = protocol.ModeEnrolling, "K7QP-3XMD-9RTV", 872*time.Second, encodeLink(t, glass)
			change(v)
		})
	}
	testing := func(link, other screen.Finding, change func(*screen.View)) screen.View {
		return with(func(v *screen.View) {
			v.Mode = protocol.ModeTesting
			for i, name := range []string{"panel", "companion", "storage", "link", "clock", "keys", "card"} {
				v.Checks[i] = screen.Check{Name: name, Finding: other}
			}
			v.Checks[1].Finding, v.Checks[6].Finding = screen.FindingAbsent, screen.FindingAbsent
			if link != "" {
				v.Checks[3].Finding = link
			}
			change(v)
		})
	}
	all := []state{
		{"starting", with(func(v *screen.View) { v.Mode = protocol.ModeStarting })},
		{"starting-server", with(func(v *screen.View) { v.Mode, v.Step, v.Test = protocol.ModeStarting, screen.StepServer, true })},
		{"enrolling", with(func(v *screen.View) { v.Mode = protocol.ModeEnrolling })},
		{"enrolling-code", with(func(v *screen.View) {
			v.Mode, v.Code, v.Left = protocol.ModeEnrolling, "K7QP-3XMD", 872*time.Second
		})},
		{"enrolling-link", enrolling(same)},
		{"enrolling-link-refused", enrolling(func(v *screen.View) { v.Reason, v.Left, v.Test = "ENROL_CODE_EXPIRED", 0, true })},
		{"enrolling-refused", with(func(v *screen.View) {
			v.Mode, v.Reason, v.Tick = protocol.ModeEnrolling, "UNKNOWN_TERMINAL", 3
		})},
		{"offline", with(func(v *screen.View) {
			v.Mode, v.Link, v.Since, v.NextTry = protocol.ModeOffline, false, 42*time.Second, 5*time.Second
		})},
		{"offline-trying", with(func(v *screen.View) {
			v.Mode, v.Link, v.Since, v.Test = protocol.ModeOffline, false, 3725*time.Second, true
		})},
		{"offline-contested", with(func(v *screen.View) {
			v.Mode, v.Link, v.Since, v.Reason = protocol.ModeOffline, false, 42*time.Second, "IDENTITY_IN_USE"
		})},
		{"idle", with(func(v *screen.View) { v.Mode = protocol.ModeIdle })},
		{"idle-last", with(func(v *screen.View) {
			v.Mode, v.Last, v.Test = protocol.ModeIdle, 12345600, true
			v.MerchantName = "Shree Ganesh Provision and General Stores"
		})},
		{"idle-pull", with(func(v *screen.View) { v.Mode, v.MayPull = protocol.ModeIdle, true })},
		{"idle-muted", with(func(v *screen.View) { v.Mode, v.Muted, v.Waiting = protocol.ModeIdle, true, 2 })},
		{"pulling", pulling("0042", same)},
		{"pulling-first", pulling("4", func(v *screen.View) { v.Test = true })},
		{"pulling-empty", pulling("", same)},
		{"pulling-asking", pulling("00434567", func(v *screen.View) { v.Asking = true })},
		{"pulling-other", answered(protocol.PullOther)},
		{"pulling-unknown", answered(protocol.PullUnknown)},
		{"pulling-ended", answered(protocol.PullEnded)},
		{"pulling-busy", answered(protocol.PullBusy)},
		{"pulling-new", answered("something-new")},
		{"pulling-silent", pulling("4821", func(v *screen.View) { v.Silent = true })},
		{"pulling-offline", pulling("4821", func(v *screen.View) { v.Asking, v.Link = true, false })},
		{"prompting", edc(protocol.ModePrompting, same)},
		{"prompting-pulled", edc(protocol.ModePrompting, func(v *screen.View) { v.ShortOrderID = "0042" })},
		{"prompting-most", edc(protocol.ModePrompting, func(v *screen.View) {
			v.AmountPaise, v.Waiting, v.Test, v.Left = protocol.MaxPaise, 120, true, 9*time.Second
			v.ShortOrderID, v.OrderID = "00434567", "ORDER-2026-11-21-0000000000000000004821"
			v.TerminalLabel = "Counter 12, first floor, left"
		})},
		{"choosing", edc(protocol.ModeChoosing, same)},
		{"choosing-low", edc(protocol.ModeChoosing, func(v *screen.View) { v.Left, v.Waiting, v.Link = 9*time.Second, 2, false })},
		{"card", card(same)},
		{"card-most", card(func(v *screen.View) {
			v.AmountPaise, v.Waiting, v.Test, v.Left = protocol.MaxPaise, 2, true, 9*time.Second
		})},
		{"presenting", presenting(plainQR, same)},
		{"presenting-signed", presenting(signedQR, same)},
		{"presenting-longest", presenting(longestQR, same)},
		{"presenting-low", presenting(plainQR, func(v *screen.View) { v.Left, v.Waiting = 9*time.Second, 2 })},
		{"presenting-offline", presenting(plainQR, func(v *screen.View) { v.Link = false })},
		{"presenting-most", presenting(signedQR, func(v *screen.View) {
			v.AmountPaise, v.Waiting, v.Test = protocol.MaxPaise, 120, true
			v.TerminalLabel = "Counter 12, first floor, left"
		})},
		{"checking", with(func(v *screen.View) { v.Mode, v.AmountPaise = protocol.ModeChecking, 24500 })},
		{"checking-offline", with(func(v *screen.View) {
			v.Mode, v.AmountPaise, v.Link, v.Tick = protocol.ModeChecking, 24500, false, 5
		})},
		{"checking-lapsed", edc(protocol.ModeChecking, func(v *screen.View) { v.Lapsed, v.Waiting = true, 2 })},
		{"testing", testing("", screen.FindingOK, same)},
		{"testing-open", testing("", screen.FindingOpen, func(v *screen.View) { v.Test = true })},
		{"testing-failed", testing(screen.FindingFailed, screen.FindingOK, func(v *screen.View) { v.Link = false })},
		{"updating", with(func(v *screen.View) { v.Mode = protocol.ModeUpdating })},
		{"updating-offline", with(func(v *screen.View) { v.Mode, v.Link, v.Test = protocol.ModeUpdating, false, true })},
		{"succeeded-late", result(protocol.OutcomeSucceeded, "", func(v *screen.View) { v.Reference, v.Late, v.Waiting, v.Test = "4417", true, 2, true })},
		{"succeeded", result(protocol.OutcomeSucceeded, "", func(v *screen.View) { v.Reference = "4417" })},
		{"succeeded-most", result(protocol.OutcomeSucceeded, "", func(v *screen.View) {
			v.AmountPaise, v.Test, v.Waiting = protocol.MaxPaise, true, 1
			v.OrderID = "ORDER-2026-11-21-0000000000000000004821"
		})},
		{"failed-bank", result(protocol.OutcomeFailed, "UPI:U30", same)},
		{"failed-unknown", result(protocol.OutcomeFailed, "SOMETHING_NEW", func(v *screen.View) { v.Test = true })},
		{"failed-unfit", result(protocol.OutcomeFailed, "QR_DOES_NOT_FIT", same)},
		{"expired", result(protocol.OutcomeExpired, "QR_EXPIRED", same)},
		{"unknown", result(protocol.OutcomeUnknown, "", same)},
		{"unknown-most", result(protocol.OutcomeUnknown, "", func(v *screen.View) {
			v.AmountPaise, v.Test, v.Waiting, v.Link = protocol.MaxPaise, true, 2, false
		})},
		{"rejected", result(protocol.OutcomeFailed, "REJECTED_BY_CASHIER", same)},
		{"cancelled", result(protocol.OutcomeCancelled, "CANCELLED_BY_MERCHANT", same)},
		{"cancelled-superseded", result(protocol.OutcomeCancelled, "SUPERSEDED", func(v *screen.View) { v.Link, v.Waiting = false, 1 })},
		{"fault", with(func(v *screen.View) { v.Mode, v.Reason = protocol.ModeFault, "STORAGE_FAULT" })},
		{"fault-unknown", with(func(v *screen.View) { v.Mode, v.Reason, v.Test = protocol.ModeFault, "E-204", true })},
	}
	if glass.short || glass.status {
		// There is one link for all, or none.
		all = slices.DeleteFunc(all, func(s state) bool { return s.name == "presenting-signed" || s.name == "presenting-longest" })
	}
	return all
}

// Texts of QRs: as short as a link comes, a signed one, and the longest that a
// 240x320 panel of 36.7 mm can show.
const (
	plainQR  = "upi://pay?pa=merchant@upi&pn=Galla%20Test%20Store&am=245.00&cu=INR&tr=GPT2611212025ABCDEF0123456789"
	signedQR = "upi://pay?ver=01&mode=16&pa=merchant@upi&pn=Galla%20Test%20Store&mc=5411&tr=GPT2611212025ABCDEF0123456789&am=245.00&cu=INR&sign=MEUCIQDf0bZy8V1pJv3cXo9sTq4wLk2mNnRrUuEe5Gg7Hh8IiwIgJj1Kk2Ll3Mm4Nn5Oo6Pp7Qq8Rr9Ss0TtUuVvWwXxYyZz"

	// enrolLink is that of a console's page for a code.
	enrolLink = "https://console.example/enrol#K7QP-3XMD-9RTV"

	// shortQR is the longest that fits the e-paper.
	shortQR = "upi://pay?pa=m@upi&am=245.00&tr=GPT2611210123456789AB"

	longestQR = "upi://pay?ver=01&mode=16&pa=merchant@upi&pn=Galla%20Test%20Store&mc=5411&tr=GPT2611212025ABCDEF0123456789&am=245.00&mam=245.00&cu=INR&mid=MERCHANTUAT&msid=teststore1&mtid=testterminal1&orgid=MER101&QRts=2026-11-21T20:25:00Z&QRexpire=2026-11-21T20:28:00Z&sign=MEUCIQDf0bZy8V1pJv3cXo9sTq4wLk2mNnRrUuEe5Gg7Hh8IiwIgJj1Kk2Ll3Mm4Nn5Oo6Pp7Qq8Rr9Ss0TtUuVvWwXxYyZz"
)

// render draws one view on a picture of its own.
func render(t testing.TB, glass pane, v screen.View) *image.RGBA {
	t.Helper()
	r, err := screen.New(glass.Size)
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewRGBA(image.Rectangle{Max: glass.Size})
	if err := r.Render(img, v); err != nil {
		t.Fatalf("Render: %v", err)
	}
	return img
}

func TestGoldens(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, glass pane) {
		wrong := ""
		all := states(t, glass)
		r := newRenderer(t, glass)
		for _, s := range all {
			img := picture(glass)
			if err := r.Render(img, s.view); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			path := filepath.Join(glass.goldens(), s.name+".png")
			if *update {
				write(t, path, img)
				continue
			}
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			golden, err := png.Decode(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			if where, n := differ(golden, img); n > 0 {
				if wrong == "" {
					if wrong, err = os.MkdirTemp("", "galla-screen-"); err != nil {
						t.Fatal(err)
					}
				}
				bad := filepath.Join(wrong, s.name+".png")
				write(t, bad, img)
				t.Errorf("%d pixels differ from %s within %v; the wrong picture is %s", n, path, where, bad)
			}
		}
		// A golden that no state has would be checked by nobody.
		files, err := filepath.Glob(filepath.Join(glass.goldens(), "*.png"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) != len(all) {
			t.Errorf("%d goldens for %d states", len(files), len(all))
		}
	})
}

func write(t *testing.T, path string, img image.Image) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// differ counts the pixels that are not the same, and says where they are.
func differ(a, b image.Image) (where image.Rectangle, n int) {
	if a.Bounds() != b.Bounds() {
		return b.Bounds(), b.Bounds().Dx() * b.Bounds().Dy()
	}
	for y := range b.Bounds().Dy() {
		for x := range b.Bounds().Dx() {
			ar, ag, ab, aa := a.At(x, y).RGBA()
			br, bg, bb, ba := b.At(x, y).RGBA()
			if ar != br || ag != bg || ab != bb || aa != ba {
				where = where.Union(image.Rect(x, y, x+1, y+1))
				n++
			}
		}
	}
	return where, n
}
