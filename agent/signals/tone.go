package signals

import "time"

// Note is a part of a Tone: that pitch for so long. Hz 0 is a rest.
type Note struct {
	Hz int `json:"hz"`
	Ms int `json:"ms"`
}

// Tone is a short melody, for a sound card; Beats is the same for a buzzer that
// has one pitch. The zero Tone is silence.
type Tone struct {
	Name  string `json:"name"`
	Notes []Note `json:"notes"`
	// Soft tones are played at half the volume.
	Soft bool `json:"soft,omitempty"`
}

// Beat is a part of what an active buzzer does.
type Beat struct {
	On bool `json:"on"`
	Ms int  `json:"ms"`
}

// The tones of terminal-ux's sound table. Each has a rhythm of its own, so that
// a buzzer that knows one pitch tells them apart too.
func tick() Tone { return Tone{Name: "tick", Notes: []Note{{1760, 40}}} }

func newBill() Tone {
	return Tone{Name: "new-bill", Notes: []Note{{880, 180}, {0, 60}, {1175, 180}}}
}

func chime() Tone {
	return Tone{Name: "chime", Notes: []Note{{1047, 90}, {0, 30}, {1319, 90}, {0, 30}, {1568, 90}, {0, 30}, {2093, 300}}}
}

func low() Tone { return Tone{Name: "low", Notes: []Note{{262, 700}}} }

func softLow() Tone { return Tone{Name: "soft-low", Notes: []Note{{262, 200}}, Soft: true} }

func alarm() Tone {
	return Tone{Name: "alarm", Notes: []Note{{1047, 100}, {0, 100}, {1047, 100}, {0, 100}, {1047, 100}}}
}

func falling() Tone {
	return Tone{Name: "voice-off", Notes: []Note{{1175, 60}, {0, 60}, {880, 60}}, Soft: true}
}

// Tones are all that Cue can answer with, in the order of terminal-ux's table;
// for a test of the buzzer, and for pages.
func Tones() []Tone {
	return []Tone{tick(), newBill(), chime(), low(), softLow(), alarm(), falling()}
}

// IsZero reports silence.
func (t Tone) IsZero() bool { return len(t.Notes) == 0 }

// Length is how long t takes.
func (t Tone) Length() time.Duration {
	ms := 0
	for _, note := range t.Notes {
		ms += note.Ms
	}
	return time.Duration(ms) * time.Millisecond
}

// Beats is t on an active buzzer: on for a note, off for a rest.
func (t Tone) Beats() []Beat {
	var beats []Beat
	for _, n := range t.Notes {
		beats = append(beats, Beat{n.Hz > 0, n.Ms})
	}
	return beats
}
