package terminal

import (
	"net/http"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/agent/signals/voice"
	"github.com/galla-pay/galla/firmware-sim/terminal/web"
)

// Sound is what was heard last of buzzer and voice, for who does not hear it.
type Sound struct {
	// N counts sounds from the making of the terminal on, so that the same one
	// twice is seen as two; 0: there was none, and the rest is empty.
	N uint64 `json:"n"`
	// Tone is the name of its tone (signals.Tones); "" when it had none.
	Tone string `json:"tone"`
	// Said is what was said after it, Caption all its words in Language; "" when it
	// said nothing.
	Said     signals.Said `json:"said"`
	Caption  string       `json:"caption"`
	Language string       `json:"language"`
	// Volume is how loud it was, 0 to 100.
	Volume int `json:"volume"`
	// Muted: the words were only to be read.
	Muted bool `json:"muted"`
}

// conduct starts lamp, buzzer and voice of that boot; status tells them and the
// terminal what its agent does. w may be nil.
func (t *Terminal) conduct(boot uint64, w *wiring) (status func(agent.Status), end func()) {
	parts := signals.Parts{
		Volume: signals.DefaultVolume(),
		Wall:   t.wall.Now,
		Sound:  func(s signals.Sound, volume int) { t.hearSound(boot, s, volume) },
	}
	if w != nil {
		parts.Light, parts.Tone = w.lamp.Play, w.buzzer.Play
	}
	conductor := signals.NewConductor(parts)
	status = func(s agent.Status) {
		t.hear(boot, s)
		conductor.Status(s)
	}
	return status, conductor.Close
}

// hearSound takes over what the agent of that boot lets be heard.
func (t *Terminal) hearSound(boot uint64, s signals.Sound, volume int) {
	t.change(func() {
		if boot != t.boot {
			return
		}
		t.sound = Sound{
			N: t.sound.N + 1, Tone: s.Tone.Name,
			Said: s.Speech.Said, Caption: s.Speech.Caption(), Language: s.Speech.Language,
			Volume: volume, Muted: s.Speech.Muted,
		}
		if !s.Speech.IsZero() {
			t.speech = s.Speech
		}
	})
}

// serveVoice serves what was said last, as the terminal's speaker would play it
// at full volume, muted or not.
func (t *Terminal) serveVoice(w http.ResponseWriter, _ *http.Request) {
	t.mu.Lock()
	last := t.speech
	t.mu.Unlock()
	clip, err := voice.WAV(signals.Sound{Speech: last}, signals.MaxVolume)
	switch {
	case err != nil:
		web.Fail(w, http.StatusInternalServerError, "INTERNAL", err.Error())
	case clip == nil:
		web.Fail(w, http.StatusNotFound, web.CodeNotFound, "this terminal has said nothing yet")
	default:
		w.Header().Set("Content-Type", "audio/wav")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(clip)
	}
}
