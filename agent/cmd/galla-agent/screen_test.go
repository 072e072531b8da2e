package main

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/protocol"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// TestScreenDrawsEveryState on every panel in every language.
func TestScreenDrawsEveryState(t *testing.T) {
	t.Parallel()
	for _, k := range panel.Kinds() {
		for _, lang := range screen.Languages() {
			r, err := screen.New(k.Size)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]string{}
			for _, s := range states() {
				v, err := s.on(k, lang)
				if err != nil {
					t.Fatalf("%s on %s: %v", s.name, k.Name, err)
				}
				img := image.NewRGBA(image.Rectangle{Max: k.Size})
				if err := r.Render(img, v); err != nil {
					t.Errorf("%s on %s in %s: %v", s.name, k.Name, lang, err)
					continue
				}
				if other, twice := seen[string(img.Pix)]; twice {
					t.Errorf("%s and %s look the same on %s in %s", s.name, other, k.Name, lang)
				}
				seen[string(img.Pix)] = s.name
			}
		}
	}
}

// TestEveryModeHasAState but that of a terminal without power.
func TestEveryModeHasAState(t *testing.T) {
	t.Parallel()
	for _, mode := range []protocol.Mode{
		protocol.ModeStarting, protocol.ModeEnrolling, protocol.ModeOffline, protocol.ModeIdle, protocol.ModePulling,
		protocol.ModePrompting, protocol.ModeChoosing, protocol.ModePresenting, protocol.ModeChecking, protocol.ModeResult,
		protocol.ModeFault, protocol.ModeTesting, protocol.ModeUpdating,
	} {
		if !slices.ContainsFunc(states(), func(s state) bool { return s.view.Mode == mode }) {
			t.Errorf("%s has none", mode)
		}
	}
	names := map[string]bool{}
	for _, s := range states() {
		if names[s.name] || s.about == "" {
			t.Errorf("%+v: its name is taken, or it says nothing", s)
		}
		names[s.name] = true
	}
}

// TestScreenIsWhatTheGlassShows, as a file and on standard output.
func TestScreenIsWhatTheGlassShows(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.png")
	if code, out, errs := call(t, "screen", "presenting", "--panel", "ili9488", "--lang", "hi", "--out", file); code != exitGood || out+errs != "" {
		t.Fatalf("exit %d, %q %q", code, out, errs)
	}
	code, out, errs := call(t, "screen", "presenting", "--panel", "ili9488", "--lang", "hi", "--out", "-")
	written, err := os.ReadFile(file)
	if code != exitGood || errs != "" || err != nil || out != string(written) {
		t.Fatalf("exit %d, %q, %v; %d bytes to standard output, %d in the file", code, errs, err, len(out), len(written))
	}
	got, err := png.Decode(bytes.NewReader(written))
	if err != nil {
		t.Fatal(err)
	}
	k, err := panel.Lookup("ili9488")
	if err != nil {
		t.Fatal(err)
	}
	s, err := lookState("presenting")
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.draw(k, "hi")
	if err != nil {
		t.Fatal(err)
	}
	for y := range k.Size.Y {
		for x := range k.Size.X {
			if wr, wg, wb, _ := want.At(x, y).RGBA(); true {
				if r, g, b, a := got.At(x, y).RGBA(); r != wr || g != wg || b != wb || a != 0xffff {
					t.Fatalf("%d,%d is %v, the glass shows %v", x, y, got.At(x, y), want.At(x, y))
				}
			}
		}
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(got)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := qrcode.NewQRCodeReader().Decode(bitmap, nil); err != nil || text.GetText() != sampleLink {
		t.Errorf("its QR says %v, %v", text, err)
	}
}

// TestScreenSaysWhatThereIs when it is asked for something else.
func TestScreenSaysWhatThereIs(t *testing.T) {
	t.Parallel()
	all := strings.Join(stateNames(), ", ")
	for says, args := range map[string][]string{
		"name a state: " + all:                                  {"--out", "x.png"},
		`there is no state "paid": known are ` + all:            {"paid", "--out", "x.png"},
		"--out FILE is missing; - is standard output":           {"idle"},
		`--panel: unknown panel kind "crt": known are st7789, `: {"idle", "--panel", "crt", "--out", "x.png"},
		`--lang: there is no language "fr": known are [en hi]`:  {"idle", "--lang", "fr", "--out", "x.png"},
		"unknown flag --colour":                                 {"idle", "--colour"},
	} {
		code, out, errs := call(t, append([]string{"screen"}, args...)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, says) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: exit %d, %q %q, want %q", args, code, out, errs, says)
		}
	}
	if code, _, errs := call(t, "screen", "idle", "--out", filepath.Join(t.TempDir(), "no", "x.png")); code != exitError || !strings.Contains(errs, "no such file") {
		t.Errorf("a folder that is not there: exit %d, %q", code, errs)
	}
	code, out, _ := call(t, "screen", "--list")
	for _, name := range append(stateNames(), "--panel st7789", "--panel waveshare2in13v3") {
		if code != exitGood || !strings.Contains("\n"+out, "\n"+name+" ") {
			t.Errorf("exit %d, %q is not listed", code, name)
		}
	}
}
