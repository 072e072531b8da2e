package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/signals"
)

// Outcome is how a part did in a self-test. Values are in the answers of --json:
// never change one.
type Outcome string

// The outcomes.
const (
	Passed Outcome = "passed" // a person said so, or pressed the key that was asked for
	Failed Outcome = "failed"
	Shown  Outcome = "shown" // it was done, and nobody said whether it was seen or heard
	None   Outcome = "none"  // the terminal has no such part
)

// digit stands for an outcome in the result code.
func (o Outcome) digit() byte {
	switch o {
	case Passed:
		return '1'
	case Shown:
		return '2'
	case Failed:
		return '3'
	}
	return '0'
}

// Part is a part of the terminal and how it did.
type Part struct {
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail"`
}

// Code is the result of a self-test in one word, to be read out on the telephone:
// a digit for each part in its order. 1 passed, 2 shown, 3 failed, 0 none.
func Code(parts []Part) string {
	code := []byte("ST-")
	for _, p := range parts {
		code = append(code, p.Outcome.digit())
	}
	return string(code)
}

// SelfTest is a self-test of the parts that people see, press and hear. All but
// the panel may be missing.
type SelfTest struct {
	Panel    panel.Panel
	Kind     panel.Kind
	Terminal string // its name, in the test QR
	Language string // of the voice
	// Keys are the keys that there are, in the order to ask for them; Pressed brings
	// them.
	Keys    []agent.Key
	Pressed <-chan agent.Key
	Lamp    func(signals.Light)
	Buzzer  func(t signals.Tone, volume int)
	Speak   func(s signals.Sound, volume int)
	Mute    func() error // why nothing was heard; nil: it was, as far as the card knows
	Volume  int          // 0 to 100
}

// The times of a self-test.
const (
	// Look is how long a picture, a light or a sound is there before something is
	// asked of it, or before the next comes.
	Look = 2 * time.Second
	// PressWithin is how long a key is waited for.
	PressWithin = 10 * time.Second
	// scanWithin is how long the test QR is there, for a phone to be taken out.
	scanWithin = 15 * time.Second
	// resultFor is how long the result is there, unless a key is pressed.
	resultFor = 20 * time.Second
	// mostUnpressed are the keys in a row that nobody presses before nobody is
	// believed to be there.
	mostUnpressed = 3
)

// Run runs it, tells of each part as it is done, and shows the result. It ends
// early, with ctx's error, when ctx ends; any other error is the panel's.
func (s SelfTest) Run(ctx context.Context, tell func(Part)) ([]Part, error) {
	g, err := newGlassTester(s.Panel, s.Kind)
	if err != nil {
		return nil, err
	}
	if err := g.light(); err != nil {
		return nil, err
	}
	var all []Part
	for _, part := range []struct {
		name string
		run  func(context.Context, *glassTester) (Outcome, string, error)
	}{
		{"panel", s.colours}, {"text", s.texts}, {"qr", s.code}, {"keys", s.keys},
		{"lamp", s.lamp}, {"buzzer", s.buzzer}, {"voice", s.voice},
	} {
		outcome, detail, err := part.run(ctx, g)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return all, err
		}
		p := Part{part.name, outcome, detail}
		all = append(all, p)
		tell(p)
	}
	if err := g.result(all); err != nil {
		return all, err
	}
	s.drain()
	s.wait(ctx, resultFor, func(agent.Key) bool { return true })
	return all, ctx.Err()
}

// colours are bars, white and black: every pixel in every colour.
func (s SelfTest) colours(ctx context.Context, g *glassTester) (Outcome, string, error) {
	for _, draw := range []func() error{g.bars, g.white, g.black} {
		if err := draw(); err != nil {
			return Failed, oneLine(err), nil
		}
		s.pause(ctx, Look)
	}
	return s.ask(ctx, g, "all white, then all black: without spots and stripes", "ALL COLOURS", "WITHOUT SPOTS?")
}

// texts are amounts and words as the terminal shows them, in each language.
func (s SelfTest) texts(ctx context.Context, g *glassTester) (Outcome, string, error) {
	for _, lang := range screen.Languages() {
		if err := g.words(lang, s.Terminal); err != nil {
			return Failed, oneLine(err), nil
		}
		s.pause(ctx, 2*Look)
	}
	return s.ask(ctx, g, languages()+" with the rupee sign", "BOTH LANGUAGES", "READABLE?")
}

// code is a QR that says TEST, never a link to pay.
func (s SelfTest) code(ctx context.Context, g *glassTester) (Outcome, string, error) {
	if !s.Kind.ShowsQR {
		return None, s.Kind.Name + " never shows a QR", nil
	}
	if err := g.testQR(s.Terminal); err != nil {
		return Failed, oneLine(err), nil
	}
	s.drain()
	s.wait(ctx, scanWithin, func(agent.Key) bool { return true })
	return s.ask(ctx, g, "a phone at 25 cm reads a text that begins with TEST", "DID A PHONE READ", "TEST ...?")
}

// keys are asked for one by one.
func (s SelfTest) keys(ctx context.Context, g *glassTester) (Outcome, string, error) {
	if len(s.Keys) == 0 {
		return None, "no keys", nil
	}
	var wrong []string
	unpressed := 0
	for _, want := range s.Keys {
		if unpressed == mostUnpressed {
			return Shown, "nobody presses a key", nil
		}
		if err := g.say("PRESS", strings.ToUpper(string(want))); err != nil {
			return Failed, oneLine(err), nil
		}
		s.drain()
		var other agent.Key
		came := s.wait(ctx, PressWithin, func(got agent.Key) bool {
			if got != want {
				other = got
			}
			return got == want
		})
		switch {
		case came:
			unpressed = 0
		case other != "":
			unpressed = 0
			wrong = append(wrong, fmt.Sprintf("%s came for %s", other, want))
		default:
			unpressed++
			wrong = append(wrong, fmt.Sprintf("%s did not come", want))
		}
	}
	if len(wrong) > 0 {
		return Failed, strings.Join(wrong, ", "), nil
	}
	return Passed, fmt.Sprintf("%d pressed", len(s.Keys)), nil
}

// lamp shows each colour with its name.
func (s SelfTest) lamp(ctx context.Context, g *glassTester) (Outcome, string, error) {
	if s.Lamp == nil {
		return None, "no lamp", nil
	}
	for _, c := range []signals.Colour{signals.Red, signals.Green, signals.Blue, signals.White} {
		if err := g.say("LAMP", strings.ToUpper(string(c))); err != nil {
			return Failed, oneLine(err), nil
		}
		s.Lamp(signals.Light{Colour: c, Pattern: signals.Solid})
		s.pause(ctx, Look)
	}
	s.Lamp(signals.Light{Colour: signals.Dark, Pattern: signals.Off})
	return s.ask(ctx, g, "red, green, blue, white", "RED, GREEN,", "BLUE, WHITE", "ALL SEEN?")
}

// buzzer plays the tone of a new bill.
func (s SelfTest) buzzer(ctx context.Context, g *glassTester) (Outcome, string, error) {
	if s.Buzzer == nil {
		return None, "no buzzer", nil
	}
	tones := signals.Tones()
	at := slices.IndexFunc(tones, func(t signals.Tone) bool { return t.Name == "new-bill" })
	if err := g.say("BUZZER", "TWO TONES"); err != nil {
		return Failed, oneLine(err), nil
	}
	s.Buzzer(tones[max(at, 0)], max(s.Volume, 1))
	s.pause(ctx, Look)
	return s.ask(ctx, g, "two tones", "TWO TONES", "HEARD?")
}

// voice says its sentence, with the caption on the glass.
func (s SelfTest) voice(ctx context.Context, g *glassTester) (Outcome, string, error) {
	if s.Speak == nil {
		return None, "no sound", nil
	}
	speech := signals.Speech{Language: s.Language, Said: signals.SaidSoundTest}
	if err := g.say("VOICE"); err != nil {
		return Failed, oneLine(err), nil
	}
	s.Speak(signals.Sound{Speech: speech}, max(s.Volume, 1))
	s.pause(ctx, 2*Look)
	if err := s.Mute(); err != nil {
		return None, "no sound: " + oneLine(err), nil
	}
	return s.ask(ctx, g, fmt.Sprintf("%q", speech.Caption()), "A SENTENCE", "HEARD?")
}

// ask asks a person whether it was well. Without a yes and a no among the keys
// nobody can say so.
func (s SelfTest) ask(ctx context.Context, g *glassTester, detail string, question ...string) (Outcome, string, error) {
	yes, no := s.answers()
	if yes == "" || no == "" {
		return Shown, detail, nil
	}
	lines := append(question, "", "YES: "+strings.ToUpper(string(yes)), "NO: "+strings.ToUpper(string(no)))
	if err := g.say(lines...); err != nil {
		return Failed, oneLine(err), nil
	}
	s.drain()
	said := agent.Key("")
	s.wait(ctx, PressWithin, func(got agent.Key) bool { said = got; return got == yes || got == no })
	switch said {
	case yes:
		return Passed, detail, nil
	case no:
		return Failed, "not so: " + detail, nil
	}
	return Shown, detail, nil
}

// answers are the keys for yes and no, "" where there are none.
func (s SelfTest) answers() (yes, no agent.Key) {
	for _, pair := range [][2]agent.Key{{agent.KeyAccept, agent.KeyReject}, {agent.KeyOK, agent.KeyClear}} {
		if slices.Contains(s.Keys, pair[0]) && slices.Contains(s.Keys, pair[1]) {
			return pair[0], pair[1]
		}
	}
	return "", ""
}

// wait takes keys until one will do, the time is up or ctx ends; it tells the
// first.
func (s SelfTest) wait(ctx context.Context, limit time.Duration, will func(agent.Key) bool) bool {
	late := time.NewTimer(limit)
	defer late.Stop()
	for {
		select {
		case key := <-s.Pressed:
			if will(key) {
				return true
			}
		case <-late.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// drain forgets what was pressed before something was asked.
func (s SelfTest) drain() {
	for {
		select {
		case <-s.Pressed:
		default:
			return
		}
	}
}

func (s SelfTest) pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
