package terminal_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
)

// wiredRig is a terminal with power whose keys are contacts.
func wiredRig(t *testing.T, d *desk) *rig {
	t.Helper()
	r := newRig(t, d, func(cfg *terminal.Config) { cfg.Wired = true })
	r.flip("/power/on")
	r.awaitReady()
	return r
}

// On a wired terminal every key is a contact that bounces, on a line of its own
// or on the keypad, and the driver makes one key of each press: an order is
// pulled with them, accepted, paid by QR, and lamp and buzzer tell so.
func TestWiredSale(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.want(func(s *protocol.State) { s.Display.Pull = true })
	r := wiredRig(t, d)
	r.press(digits("00427")...)
	r.await("five digits", func(now terminal.State) bool { return now.Keypad.Digits == "00427" })
	r.press(agent.KeyClear)
	r.await("one digit less", func(now terminal.State) bool { return now.Keypad.Digits == "0042" })
	r.press(agent.KeyOK)
	pull := within(t, "the pull", d.pulls)
	if pull.ShortOrderID != "0042" {
		t.Fatalf("it pulls %q", pull.ShortOrderID)
	}
	s := asked("P1", "TXN-1", 24_500)
	s.ShortOrderID, s.Phase = "0042", protocol.PhaseTaken
	d.want(func(state *protocol.State) {
		state.Sale = s
		state.Pull = &protocol.PullAnswer{PullID: pull.PullID, ShortOrderID: "0042", Outcome: protocol.PullTaken}
	})
	r.awaitMode(protocol.ModePrompting)
	r.press(agent.KeyAccept)
	r.awaitMode(protocol.ModeChoosing)
	r.press(agent.KeyDQR)
	r.awaitPresenting(s)
	r.awaitLED(0, 0, 255)
	d.end(s, protocol.OutcomeSucceeded, "")
	r.awaitMode(protocol.ModeResult)
	r.awaitLED(0, 255, 0)
	chime := 0
	for _, beat := range toneNamed("chime").Beats() {
		if beat.On {
			chime++
		}
	}
	buzzer := r.Buzzer()
	sounded := func() (n int) {
		for _, moment := range buzzer.Moments() {
			if moment.Duty > 0 {
				n++
			}
		}
		return n
	}
	for sounded() < chime {
		within(t, "the chime", buzzer.Changed())
	}
	if wrong := r.Misuse(); len(wrong) > 0 {
		t.Errorf("a driver did wrong: %q", wrong)
	}
	led := r.LED()
	r.flip("/power/off")
	if red, green, blue := led.Shows(); red|green|blue != 0 || buzzer.Sounds() {
		t.Error("without power it shines or sounds")
	}
}

func toneNamed(name string) signals.Tone {
	for _, tone := range signals.Tones() {
		if tone.Name == name {
			return tone
		}
	}
	return signals.Tone{}
}

// awaitLED waits until the emulated LED has that light.
func (r *rig) awaitLED(red, green, blue uint8) {
	r.t.Helper()
	led := r.LED()
	for {
		if a, b, c := led.Shows(); a == red && b == green && c == blue {
			return
		}
		within(r.t, "the LED", led.Changed())
	}
}

// A long press has its other meaning: of a contact that is held, and without
// contacts as well.
func TestHold(t *testing.T) {
	t.Parallel()
	for _, wired := range []bool{false, true} {
		t.Run(map[bool]string{false: "direct", true: "wired"}[wired], func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			r := newRig(t, d, func(cfg *terminal.Config) { cfg.Wired = wired })
			if status, body := r.post("/keys/clear?hold=1", "", ""); status != 409 {
				t.Fatalf("without power = %d %s", status, body)
			}
			r.flip("/power/on")
			r.awaitReady()
			begun := time.Now()
			if status, body := r.post("/keys/clear?hold=1", "", ""); status != 204 {
				t.Fatalf("hold = %d %s", status, body)
			}
			if took := time.Since(begun); wired && took < 3*time.Second {
				t.Errorf("a long press took %v", took)
			}
			r.await("a voice that is off", func(now terminal.State) bool { return now.Muted })
			r.press(agent.KeyMute)
			r.await("a voice that is on", func(now terminal.State) bool { return !now.Muted })
			if status, body := r.post("/keys/clear?hold=2", "", ""); status != 400 {
				t.Fatalf("hold=2 = %d %s", status, body)
			}
			r.flip("/power/off")
			if status, body := r.post("/keys/clear", "", ""); status != 409 {
				t.Fatalf("after power off = %d %s", status, body)
			}
		})
	}
}

// What is heard is told: the tone by its name, what is said in words, and the
// clip of it can be fetched.
func TestSound(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := on(t, d)
	if status, _, body := r.call("GET", "/voice.wav"); status != 404 || !bytes.Contains(body, []byte("has said nothing yet")) {
		t.Fatalf("before anything was said = %d %s", status, body)
	}
	s := sale("P1", "TXN-1", 24_500)
	d.offer(s)
	tick := r.await("a tick", func(now terminal.State) bool { return now.Sound.Tone == "tick" && now.Mode == protocol.ModePresenting })
	d.end(s, protocol.OutcomeSucceeded, "")
	now := r.await("what was received", func(now terminal.State) bool { return now.Sound.Said == signals.SaidReceived }).Sound
	caption := signals.Speech{Language: signals.English, Said: signals.SaidReceived, AmountPaise: 24_500}.Caption()
	if want := (terminal.Sound{
		N: tick.Sound.N + 1, Tone: "chime", Said: signals.SaidReceived, Caption: caption, Language: "en", Volume: signals.DefaultVolume().Day,
	}); now != want {
		t.Fatalf("heard is %+v, want %+v", now, want)
	}
	status, header, clip := r.call("GET", "/voice.wav")
	if status != 200 || header.Get("Content-Type") != "audio/wav" || !bytes.HasPrefix(clip, []byte("RIFF")) || len(clip) < 8_000 {
		t.Fatalf("the clip is %d, %s, %d bytes", status, header.Get("Content-Type"), len(clip))
	}
	r.flip("/power/off")
	if heard := r.State().Sound; heard != now {
		t.Errorf("without power %+v was heard", heard)
	}
}
