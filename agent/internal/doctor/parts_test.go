package doctor_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/board"
	"github.com/galla-pay/galla/agent/board/boardtest"
	"github.com/galla-pay/galla/agent/internal/doctor"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
)

func TestPanel(t *testing.T) {
	t.Parallel()
	kind, err := panel.Lookup("st7789")
	check(t, err)
	for name, test := range map[string]struct {
		spoil func(*paneltest.ST7789)
		want  string
	}{
		"well":    {func(*paneltest.ST7789) {}, "good: st7789 240x320, "},
		"stuck":   {func(c *paneltest.ST7789) { c.SetStuck(true) }, "bad: st7789: "},
		"refused": {func(c *paneltest.ST7789) { c.FailNext(errors.New("input/output error")) }, "bad: st7789: "},
	} {
		synctest.Test(t, func(t *testing.T) {
			chip := paneltest.NewST7789()
			defer chip.SetStuck(false)
			got, took := one(t, doctor.Panel(doctor.Glass{Kind: kind, Open: func() (panel.Panel, func() error, error) {
				p, err := kind.Open(chip, chip.Pins(), panel.Options{})
				test.spoil(chip)
				return p, func() error { return p.Halt() }, err
			}}))
			if !strings.HasPrefix(got, test.want) {
				t.Errorf("%s: %s", name, got)
			}
			if bad := strings.HasPrefix(got, "bad"); bad != strings.Contains(got, "table of st7789 in the field guide") || bad && took != 0 {
				t.Errorf("%s: %s, after %v", name, got, took)
			}
			if chip.Lit() {
				t.Errorf("%s: the panel is left lit", name)
			}
		})
	}
	got, _ := one(t, doctor.Panel(doctor.Glass{Kind: kind, Open: func() (panel.Panel, func() error, error) {
		return nil, nil, errors.New("panel.spi: no port")
	}}))
	if !strings.HasPrefix(got, "bad: st7789: panel.spi: no port -> compare the wires") {
		t.Error(got)
	}
}

// TestQR: what each panel makes of a usual and a signed payment (terminal-ux: QR
// rule, at least 0.45 mm a module).
func TestQR(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{
		"st7789":            "good: a usual link is version 7-M with 4 px = 0.61 mm a module, a signed one version 10-M with 3 px = 0.45 mm a module",
		"ili9341":           "good: a usual link is version 7-M with 4 px = 0.61 mm a module, a signed one version 10-M with 3 px = 0.45 mm a module",
		"ili9488":           "good: a usual link is version 7-M with 6 px = 0.91 mm a module, a signed one version 9-L with 5 px = 0.76 mm a module",
		"ili9488-landscape": "good: a usual link is version 6-L with 6 px = 0.91 mm a module, a signed one version 10-M with 4 px = 0.61 mm a module",
		"waveshare2in13v3":  "bad: a typical payment (120 bytes): QR does not fit this panel: ",
		"ssd1306":           "bad: ssd1306 never shows the QR of a payment -> use a panel of 240x320 or more",
	} {
		k, err := panel.Lookup(kind)
		check(t, err)
		if got, _ := one(t, doctor.QR(k)); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s\nwant %s", kind, got, want)
		}
	}
}

func TestFonts(t *testing.T) {
	t.Parallel()
	if got, _ := one(t, doctor.Fonts); got != "good: ₹ and every letter of en and hi" {
		t.Error(got)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(accept, reject *boardtest.Button)
		want  string
	}{
		"released":    {func(_, _ *boardtest.Button) {}, "good: 2, all released"},
		"one stuck":   {func(a, _ *boardtest.Button) { a.Press() }, "bad: accept reads pressed -> let go of it; "},
		"both stuck":  {func(a, r *boardtest.Button) { a.Press(); r.Press() }, "bad: accept, reject reads pressed -> "},
		"a dead line": {func(_, r *boardtest.Button) { r.Break(errors.New("line is busy")) }, "bad: key reject: line is busy -> the line is in use"},
	} {
		synctest.Test(t, func(t *testing.T) {
			accept, reject := boardtest.NewButton("accept"), boardtest.NewButton("reject")
			test.spoil(accept, reject)
			got, _ := one(t, doctor.Keys(2, func() (*board.Keys, error) {
				return board.OpenKeys([]board.Line{{Key: agent.KeyAccept, Pin: accept.Pin}, {Key: agent.KeyReject, Pin: reject.Pin}}, nil, board.KeysOptions{})
			}))
			if !strings.HasPrefix(got, test.want) {
				t.Errorf("%s: %s, want %s", name, got, test.want)
			}
			if !accept.Halted() {
				t.Errorf("%s: the line is held", name)
			}
		})
	}
	got, _ := one(t, doctor.Keys(1, func() (*board.Keys, error) { return nil, errors.New("keys.ok: there is no pin") }))
	if !strings.HasPrefix(got, "bad: keys.ok: there is no pin -> correct the pin") {
		t.Error(got)
	}
}

// TestLampAndBuzzer: both are left dark and silent, whatever comes of them.
func TestLampAndBuzzer(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]error{"well": nil, "broken": errors.New("line is busy")} {
		synctest.Test(t, func(t *testing.T) {
			led, buzzer := boardtest.NewLED(false), boardtest.NewBuzzer()
			led.Green.Break(broken)
			buzzer.Break(broken)
			lamp, _ := one(t, doctor.Lamp(func() (*board.Lamp, error) {
				return board.OpenLamp(board.LampPins{Red: led.Red, Green: led.Green, Blue: led.Blue}, board.LampOptions{})
			}))
			sound, _ := one(t, doctor.Buzzer(func() (*board.Buzzer, error) { return board.OpenBuzzer(buzzer, board.BuzzerOptions{}) }))
			wantLamp, wantSound := "good: red, green and blue were lit", "good: it ticked once"
			if broken != nil {
				wantLamp, wantSound = "bad: lamp, green: line is busy -> the line is in use", "bad: buzzer: line is busy -> the line is in use"
			}
			if !strings.HasPrefix(lamp, wantLamp) || !strings.HasPrefix(sound, wantSound) {
				t.Errorf("%s: %s; %s", name, lamp, sound)
			}
			if r, g, b := led.Shows(); r|g|b != 0 || buzzer.Sounds() {
				t.Errorf("%s: the lamp is %d %d %d, the buzzer sounds %v", name, r, g, b, buzzer.Sounds())
			}
			if broken == nil && (len(led.Red.Moments()) != 2 || len(led.Blue.Moments()) != 2 || len(buzzer.Moments()) != 2) {
				t.Errorf("red %v, blue %v, buzzer %v", led.Red.Moments(), led.Blue.Moments(), buzzer.Moments())
			}
		})
	}
}

// TestSoundThatIsMissingIsNoFault.
func TestSoundThatIsMissingIsNoFault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	player := filepath.Join(dir, "player")
	check(t, os.WriteFile(player, []byte("#!/bin/sh\n"), 0o755))
	cards := filepath.Join(dir, "cards")
	check(t, os.WriteFile(cards, []byte(" 0 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones\n                      bcm2835 Headphones\n"), 0o644))
	none := filepath.Join(dir, "none")
	check(t, os.WriteFile(none, []byte("--- no soundcards ---\n"), 0o644))
	for _, test := range []struct{ program, cards, want string }{
		{player, cards, "good: " + player + ", bcm2835_headpho - bcm2835 Headphones"},
		{player, none, "absent: not fitted: " + player + " is there, a sound card is not"},
		{player, filepath.Join(dir, "nowhere"), "absent: not fitted: " + player + " is there, a sound card is not"},
		{filepath.Join(dir, "nothing"), cards, "absent: not fitted: there is no program " + filepath.Join(dir, "nothing") + " (apt install alsa-utils)"},
	} {
		if got, _ := one(t, doctor.SoundWith(test.program, test.cards)); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}

func TestCardReader(t *testing.T) {
	t.Parallel()
	for doing, want := range map[string]string{
		"IDLE":  "good: /dev/ttyUSB0 answers: idle",
		"FAULT": "bad: /dev/ttyUSB0 answers that it is broken -> see the reader's own display, and ask its maker",
	} {
		got, _ := one(t, func(context.Context) doctor.Finding { return doctor.CardReader("/dev/ttyUSB0", doing) })
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
