package voice

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/protocol"
	"pgregory.net/rapid"
)

// samplesOf reads a WAV by the fields of Microsoft's "Multimedia Programming
// Interface and Data Specifications", and demands that each is right.
func samplesOf(t rapid.TB, wav []byte) []int16 {
	t.Helper()
	if len(wav) < 44 {
		t.Fatalf("%d bytes are no WAV", len(wav))
	}
	le := binary.LittleEndian
	size := len(wav) - 44
	for _, field := range []struct {
		name      string
		got, want any
	}{
		{"ckID", string(wav[0:4]), "RIFF"}, {"cksize", int(le.Uint32(wav[4:])), len(wav) - 8}, {"WAVEID", string(wav[8:12]), "WAVE"},
		{"fmt", string(wav[12:16]), "fmt "}, {"fmt size", int(le.Uint32(wav[16:])), 16}, {"wFormatTag", int(le.Uint16(wav[20:])), 1},
		{"nChannels", int(le.Uint16(wav[22:])), 1}, {"nSamplesPerSec", int(le.Uint32(wav[24:])), 8000},
		{"nAvgBytesPerSec", int(le.Uint32(wav[28:])), 16000}, {"nBlockAlign", int(le.Uint16(wav[32:])), 2},
		{"wBitsPerSample", int(le.Uint16(wav[34:])), 16}, {"data", string(wav[36:40]), "data"}, {"data size", int(le.Uint32(wav[40:])), size},
		{"an even size", size % 2, 0},
	} {
		if field.got != field.want {
			t.Fatalf("%s is %v, want %v", field.name, field.got, field.want)
		}
	}
	samples := make([]int16, size/2)
	for i := range samples {
		samples[i] = int16(le.Uint16(wav[44+2*i:]))
	}
	return samples
}

// TestASoundIsItsParts: a fifth of a second for the card to wake, the tone, a
// pause, the clips in their order with a little between them, and a tenth of a
// second; nothing else, and nothing twice.
func TestASoundIsItsParts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := signals.Sound{Speech: signals.Speech{
			Language:    rapid.SampledFrom(append(signals.Languages(), "xx")).Draw(t, "language"),
			Said:        rapid.SampledFrom([]signals.Said{signals.SaidReceived, signals.SaidLate, signals.SaidLast, signals.SaidFailed, signals.SaidSoundTest}).Draw(t, "said"),
			AmountPaise: protocol.Paise(rapid.Int64Range(1, int64(protocol.MaxPaise)).Draw(t, "paise")),
			Order:       rapid.StringMatching(`[0-9]{0,9}`).Draw(t, "order"),
		}}
		want := make([]int16, 1600)
		if rapid.Bool().Draw(t, "tone") {
			s.Tone = rapid.SampledFrom(signals.Tones()).Draw(t, "which")
			want = append(append(want, melody(s.Tone)...), make([]int16, 2000)...)
		}
		for i, c := range s.Speech.Clips() {
			if c == signals.Pause {
				want = append(want, make([]int16, 2000)...)
				continue
			}
			if i > 0 {
				want = append(want, make([]int16, 240)...)
			}
			samples, err := clip(s.Speech.Language, c)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, samples...)
		}
		want = append(want, make([]int16, 800)...)
		wav, err := WAV(s, 100)
		if err != nil {
			t.Fatal(err)
		}
		if got := samplesOf(t, wav); !slices.Equal(got, want) {
			t.Fatalf("%q has %d samples, want %d", s.Speech.Caption(), len(got), len(want))
		}
		if d := lengthOf(wav); d != time.Duration(len(want))*125*time.Microsecond {
			t.Fatalf("%d samples take %v", len(want), d)
		}
	})
}

// TestHowLongItTalks: the longest amount there is takes no longer than the result
// is on the glass twice, an everyday one not as long as that.
func TestHowLongItTalks(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		paise protocol.Paise
		limit time.Duration
	}{{245_00, 4 * time.Second}, {99_99_999_99, 10 * time.Second}} {
		for _, lang := range signals.Languages() {
			wav, err := WAV(signals.Sound{Speech: signals.Speech{Language: lang, Said: signals.SaidReceived, AmountPaise: row.paise}}, 80)
			if err != nil || lengthOf(wav) > row.limit || lengthOf(wav) < row.limit/5 {
				t.Errorf("%s in %s takes %v, %v", row.paise, lang, lengthOf(wav), err)
			}
		}
	}
}

func TestNothingToHear(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		sound  signals.Sound
		volume int
	}{
		"silence":                {signals.Sound{}, 100},
		"volume 0":               {signals.Sound{Tone: signals.Tones()[0], Speech: signals.Speech{Said: signals.SaidFailed}}, 0},
		"below":                  {signals.Sound{Tone: signals.Tones()[0]}, -5},
		"an amount that is none": {signals.Sound{Speech: signals.Speech{Said: signals.SaidReceived}}, 100},
	} {
		if wav, err := WAV(row.sound, row.volume); wav != nil || err != nil {
			t.Errorf("%s: %d bytes, %v", name, len(wav), err)
		}
	}
	_, err := clip("en", "splendid")
	if err == nil || !strings.Contains(err.Error(), "clips/en/splendid.wav") {
		t.Errorf("a clip that is missing: %v", err)
	}
}

// TestVolumeOfSamples: half the volume is a quarter of the swing, and more than
// 100 is 100.
func TestVolumeOfSamples(t *testing.T) {
	t.Parallel()
	s := signals.Sound{Tone: signals.Tones()[2], Speech: signals.Speech{Said: signals.SaidFailed}}
	peaks := map[int]int{}
	for _, volume := range []int{1, 10, 50, 100, 250} {
		wav, err := WAV(s, volume)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range samplesOf(t, wav) {
			peaks[volume] = max(peaks[volume], abs(v))
		}
	}
	whole := peaks[100]
	for volume, want := range map[int]int{1: whole / 10_000, 10: whole / 100, 50: whole / 4, 250: whole} {
		if got := peaks[volume]; got < want-1 || got > want+1 {
			t.Errorf("volume %d swings by %d, want %d", volume, got, want)
		}
	}
	if whole < 15_000 {
		t.Errorf("the loudest swings by %d", whole)
	}
	// A clip is read anew each time: making it quiet leaves it as it was.
	again, err := WAV(s, 100)
	if err != nil || !slices.Equal(again, must(WAV(s, 100))) {
		t.Errorf("it changes from one time to the next: %v", err)
	}
}

func must(wav []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return wav
}

// TestMelody: each note is as long and as high as it says, soft ones are half as
// loud, and nothing clicks.
func TestMelody(t *testing.T) {
	t.Parallel()
	for _, tone := range signals.Tones() {
		samples := melody(tone)
		if got := time.Duration(len(samples)) * time.Second / Rate; got != tone.Length() {
			t.Errorf("%s takes %v, want %v", tone.Name, got, tone.Length())
		}
		at, loudest := 0, 0
		for _, n := range tone.Notes {
			note := samples[at : at+n.Ms*Rate/1000]
			at += len(note)
			crossings := 0
			for i, s := range note {
				loudest = max(loudest, abs(s))
				if i > 0 && (s >= 0) != (note[i-1] >= 0) && n.Hz > 0 {
					crossings++
				}
			}
			hz := float64(crossings) / 2 * 1000 / float64(n.Ms)
			if math.Abs(hz-float64(n.Hz)) > 30 {
				t.Errorf("%s: a note of %d Hz is at %.0f", tone.Name, n.Hz, hz)
			}
			if abs(note[0]) > 100 || abs(note[len(note)-1]) > 100 {
				t.Errorf("%s: a note of %d Hz clicks", tone.Name, n.Hz)
			}
		}
		if soft := loudest < 8000; soft != tone.Soft || loudest < 4000 {
			t.Errorf("%s, soft %v, swings by %d", tone.Name, tone.Soft, loudest)
		}
	}
}
