package voice

import (
	"embed"
	"fmt"
	"math"

	"github.com/galla-pay/galla/agent/signals"
)

// What lies between the clips, in samples.
const (
	lead  = Rate / 5       // before everything: cards swallow a beginning
	join  = Rate * 3 / 100 // between two clips
	pause = Rate / 4       // for signals.Pause, and between a tone and what is said
	tail  = Rate / 10      // after everything
)

//go:embed clips/*/*.wav
var clipFiles embed.FS

// WAV is a sound at a volume of 0 to 100 as a RIFF of 16-bit PCM with Rate samples
// a second: its tone, then what is said, muted or not. It is nil when there is
// nothing to hear. The error is for a clip that is missing or damaged.
func WAV(s signals.Sound, volume int) ([]byte, error) {
	samples := melody(s.Tone)
	spoken, err := say(s.Speech)
	if err != nil {
		return nil, err
	}
	if len(samples) == 0 && len(spoken) == 0 || volume <= 0 {
		return nil, nil
	}
	all := make([]int16, lead, lead+len(samples)+pause+len(spoken)+tail)
	all = append(all, samples...)
	if len(samples) > 0 && len(spoken) > 0 {
		all = append(all, make([]int16, pause)...)
	}
	all = append(append(all, spoken...), make([]int16, tail)...)
	return encodeWAV(louder(all, volume)), nil
}

// say stitches the clips of a speech.
func say(s signals.Speech) ([]int16, error) {
	var all []int16
	for i, name := range s.Clips() {
		if name == signals.Pause {
			all = append(all, make([]int16, pause)...)
			continue
		}
		clip, err := clip(s.Language, name)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			all = append(all, make([]int16, join)...)
		}
		all = append(all, clip...)
	}
	return all, nil
}

// clip reads a clip.
func clip(language string, name signals.Clip) ([]int16, error) {
	path := "clips/" + signals.LanguageOf(language) + "/" + string(name) + ".wav"
	file, err := clipFiles.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("voice: %w", err)
	}
	samples, err := decodeClip(file)
	if err != nil {
		return nil, fmt.Errorf("voice: %s: %w", path, err)
	}
	return samples, nil
}

// melody plays a tone: a sine with its octave, that comes and goes within 5 ms
// so that nothing clicks.
func melody(t signals.Tone) []int16 {
	var all []int16
	loudness := 12000.0
	if t.Soft {
		loudness /= 2
	}
	for _, n := range t.Notes {
		count, edge := n.Ms*Rate/1000, Rate/200
		for i := range count {
			if n.Hz == 0 {
				all = append(all, 0)
				continue
			}
			phase := 2 * math.Pi * float64(n.Hz) * float64(i) / Rate
			swell := min(1, float64(i)/float64(edge), float64(count-1-i)/float64(edge))
			all = append(all, int16(loudness*swell*(0.8*math.Sin(phase)+0.2*math.Sin(2*phase))))
		}
	}
	return all
}

// louder scales samples. An ear hears halves of power, so that the samples go
// with the square of the volume.
func louder(samples []int16, volume int) []int16 {
	v := int64(min(max(volume, 0), signals.MaxVolume))
	for i, s := range samples {
		samples[i] = int16(int64(s) * v * v / (signals.MaxVolume * signals.MaxVolume))
	}
	return samples
}
