package doctor_test

import (
	"context"
	"errors"
	"image"
	"image/draw"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/internal/doctor"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"github.com/galla-pay/galla/agent/signals"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"periph.io/x/conn/v3/spi"
)

const terminal = "MERCHANTUAT.teststore1.testterminal1"

// watched is a panel that somebody looks at.
type watched struct {
	panel.Panel
	frames []*image.RGBA
	seen   func(*image.RGBA) // called for each picture, by whoever draws
}

func (w *watched) Draw(r image.Rectangle, src image.Image, at image.Point) error {
	if err := w.Panel.Draw(r, src, at); err != nil {
		return err
	}
	frame := image.NewRGBA(r)
	draw.Draw(frame, r, src, at, draw.Src)
	w.frames = append(w.frames, frame)
	if w.seen != nil {
		w.seen(frame)
	}
	return nil
}

// module is an emulated panel with its pins.
type module interface {
	spi.PortCloser
	Pins() panel.Pins
	Lit() bool
	Misuse() []error
}

// opened is a self-test on an emulated panel that is watched.
func opened(t *testing.T, kind string, m module) (doctor.SelfTest, *watched) {
	t.Helper()
	k, err := panel.Lookup(kind)
	check(t, err)
	p, err := k.Open(m, m.Pins(), panel.Options{})
	check(t, err)
	w := &watched{Panel: p}
	return doctor.SelfTest{Panel: w, Kind: k, Terminal: terminal, Language: "hi", Volume: 80}, w
}

// decoded are the texts of all QRs that were shown.
func decoded(frames []*image.RGBA) []string {
	var all []string
	for _, f := range frames {
		bitmap, err := gozxing.NewBinaryBitmapFromImage(f)
		if err != nil {
			continue
		}
		if text, err := qrcode.NewQRCodeReader().Decode(bitmap, nil); err == nil {
			all = append(all, text.GetText())
		}
	}
	return all
}

// TestADisplayAlone: nobody can say what was seen, and no QR that is shown is a
// payment.
func TestADisplayAlone(t *testing.T) {
	t.Parallel()
	for kind, test := range map[string]struct {
		module module
		code   string
		qr     string
	}{
		"st7789":            {paneltest.NewST7789(), "ST-2220000", "TEST. This is no payment. Terminal " + terminal + " shows QRs that a phone can read."},
		"ili9488-landscape": {paneltest.NewILI9488(true), "ST-2220000", "TEST. This is no payment. Terminal " + terminal + " shows QRs that a phone can read."},
		"waveshare2in13v3":  {paneltest.NewEPaper(), "ST-2220000", "TEST, NO PAYMENT"},
		"ssd1306":           {paneltest.NewSSD1306(), "ST-2200000", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, w := opened(t, kind, test.module)
			var told []doctor.Part
			parts, err := s.Run(t.Context(), func(p doctor.Part) { told = append(told, p) })
			check(t, err)
			if code := doctor.Code(parts); code != test.code || !slices.Equal(told, parts) {
				t.Errorf("%s: %s, told %v", kind, code, told)
			}
			var want []string
			if test.qr != "" {
				want = []string{test.qr}
			}
			if got := decoded(w.frames); !slices.Equal(got, want) {
				t.Errorf("%s: the QRs say %q, want %q", kind, got, want)
			}
			check(t, w.Panel.Halt())
			for _, err := range test.module.Misuse() {
				t.Error(kind, err)
			}
		})
	}
}

// person answers what the glass asks.
type person struct {
	answers map[string]agent.Key // by the pixels
	pressed chan agent.Key
}

func (p *person) see(frame *image.RGBA) {
	if key, asked := p.answers[string(frame.Pix)]; asked {
		go func() { time.Sleep(time.Second); p.pressed <- key }()
	}
}

// TestAPersonAnswers: every part is asked about, and the result is what was said.
func TestAPersonAnswers(t *testing.T) {
	t.Parallel()
	yes := map[string]agent.Key{
		"ALL COLOURS|WITHOUT SPOTS?": agent.KeyAccept, "BOTH LANGUAGES|READABLE?": agent.KeyAccept,
		"DID A PHONE READ|TEST ...?": agent.KeyAccept, "RED, GREEN,|BLUE, WHITE|ALL SEEN?": agent.KeyAccept,
		"TWO TONES|HEARD?": agent.KeyAccept, "A SENTENCE|HEARD?": agent.KeyAccept,
		"PRESS|ACCEPT": agent.KeyAccept, "PRESS|REJECT": agent.KeyReject,
	}
	for name, test := range map[string]struct {
		change func(map[string]agent.Key)
		mute   error
		code   string
		says   string
	}{
		"all is well":       {func(map[string]agent.Key) {}, nil, "ST-1111111", "keys passed 2 pressed"},
		"a spot":            {func(a map[string]agent.Key) { a["ALL COLOURS|WITHOUT SPOTS?"] = agent.KeyReject }, nil, "ST-3111111", "panel failed not so: "},
		"wires are swapped": {func(a map[string]agent.Key) { a["PRESS|ACCEPT"], a["PRESS|REJECT"] = agent.KeyReject, agent.KeyAccept }, nil, "ST-1113111", "keys failed reject came for accept, accept came for reject"},
		"a key is broken":   {func(a map[string]agent.Key) { delete(a, "PRESS|REJECT") }, nil, "ST-1113111", "keys failed reject did not come"},
		"nobody hears":      {func(a map[string]agent.Key) { delete(a, "TWO TONES|HEARD?") }, nil, "ST-1111121", "buzzer shown two tones"},
		"no sound card":     {func(map[string]agent.Key) {}, errors.New("aplay: no card"), "ST-1111110", "voice none no sound: aplay: no card"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, w := opened(t, "st7789", paneltest.NewST7789())
			p := &person{answers: map[string]agent.Key{}, pressed: make(chan agent.Key, 8)}
			said := map[string]agent.Key{}
			for lines, key := range yes {
				said[lines] = key
			}
			test.change(said)
			for lines, key := range said {
				asked := strings.Split(lines, "|")
				if asked[0] != "PRESS" {
					asked = append(asked, "", "YES: ACCEPT", "NO: REJECT")
				}
				p.answers[string(doctor.Saying(w.Panel, s.Kind, asked...).Pix)] = key
			}
			w.seen = p.see
			s.Keys, s.Pressed = []agent.Key{agent.KeyAccept, agent.KeyReject}, p.pressed
			var lights []signals.Colour
			var heard []string
			s.Lamp = func(l signals.Light) { lights = append(lights, l.Colour) }
			s.Buzzer = func(tone signals.Tone, volume int) { heard = append(heard, tone.Name) }
			s.Speak = func(sound signals.Sound, volume int) {
				heard = append(heard, sound.Speech.Language+" "+string(sound.Speech.Said))
			}
			s.Mute = func() error { return test.mute }
			parts, err := s.Run(t.Context(), func(doctor.Part) {})
			check(t, err)
			var lines []string
			for _, p := range parts {
				lines = append(lines, p.Name+" "+string(p.Outcome)+" "+p.Detail)
			}
			if code := doctor.Code(parts); code != test.code || !strings.Contains(strings.Join(lines, "\n"), test.says) {
				t.Errorf("%s: %s, want %s\n%s", name, code, test.code, strings.Join(lines, "\n"))
			}
			if want := []signals.Colour{signals.Red, signals.Green, signals.Blue, signals.White, signals.Dark}; !slices.Equal(lights, want) {
				t.Errorf("%s: the lamp shows %v", name, lights)
			}
			if want := []string{"new-bill", "hi sound-test"}; !slices.Equal(heard, want) {
				t.Errorf("%s: %v is heard", name, heard)
			}
		})
	}
}

// TestNobodyIsThere: after three keys that nobody presses no more are asked for.
func TestNobodyIsThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := opened(t, "st7789", paneltest.NewST7789())
		s.Keys, s.Pressed = agent.AllKeys(), make(chan agent.Key)
		begun := time.Now()
		parts, err := s.Run(t.Context(), func(doctor.Part) {})
		check(t, err)
		if code := doctor.Code(parts); code != "ST-2222000" || parts[3].Detail != "nobody presses a key" {
			t.Errorf("%s, %+v", code, parts[3])
		}
		if took := time.Since(begun); took > 3*time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

// TestASelfTestCanBeStopped at any moment, within one picture.
func TestASelfTestCanBeStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for after := time.Duration(0); after < 60*time.Second; after += 4700 * time.Millisecond {
			m := paneltest.NewST7789()
			s, w := opened(t, "st7789", m)
			s.Keys, s.Pressed = []agent.Key{agent.KeyAccept, agent.KeyReject}, make(chan agent.Key)
			ctx, cancel := context.WithTimeout(t.Context(), after)
			_, err := s.Run(ctx, func(doctor.Part) {})
			late := time.Now()
			if deadline, _ := ctx.Deadline(); !errors.Is(err, context.DeadlineExceeded) || late.Sub(deadline) > time.Second {
				t.Errorf("stopped after %v: %v, %v later", after, err, late.Sub(deadline))
			}
			cancel()
			check(t, w.Panel.Halt())
			if m.Lit() {
				t.Errorf("stopped after %v: the panel is lit", after)
			}
		}
	})
}

// TestAPanelThatBreaksHasFailed: the rest is tried all the same.
func TestAPanelThatBreaksHasFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := paneltest.NewST7789()
		s, w := opened(t, "st7789", m)
		w.seen = func(*image.RGBA) { m.SetStuck(true) } // after the first picture
		defer m.SetStuck(false)
		parts, err := s.Run(t.Context(), func(doctor.Part) {})
		if !errors.Is(err, panel.ErrBusStuck) {
			t.Errorf("%v", err)
		}
		if code := doctor.Code(parts); code != "ST-3330000" {
			t.Errorf("%s: %+v", code, parts)
		}
	})
}
