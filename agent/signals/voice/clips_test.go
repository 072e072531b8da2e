package voice

import (
	"encoding/binary"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent/signals"
)

// TestEveryClipIsThere, and no other: what a language says and what is recorded
// are the same.
func TestEveryClipIsThere(t *testing.T) {
	t.Parallel()
	var recorded, said []string
	total := 0
	err := fs.WalkDir(clipFiles, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		total += int(info.Size())
		recorded = append(recorded, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range signals.Languages() {
		for _, c := range signals.ClipsOf(lang) {
			said = append(said, path.Join("clips", lang, string(c)+".wav"))
		}
	}
	slices.Sort(said)
	if !slices.Equal(recorded, said) {
		t.Errorf("recorded are\n%s\nsaid are\n%s", strings.Join(recorded, "\n"), strings.Join(said, "\n"))
	}
	if total > 1_000_000 {
		t.Errorf("the clips have %d bytes", total)
	}
}

// TestEveryClipIsSane: it can be read, is not silent, begins and ends softly and
// without a wait, is as loud as the others and shorter than a second and a half.
func TestEveryClipIsSane(t *testing.T) {
	t.Parallel()
	for _, lang := range signals.Languages() {
		for _, c := range signals.ClipsOf(lang) {
			samples, err := clip(lang, c)
			if err != nil {
				t.Error(err)
				continue
			}
			if n := len(samples); n < Rate/8 || n > Rate*3/2 {
				t.Errorf("%s %s takes %d ms", lang, c, n*1000/Rate)
				continue
			}
			power, peak := 0.0, 0
			for _, s := range samples {
				power += float64(s) * float64(s)
				peak = max(peak, abs(s))
			}
			power = math.Sqrt(power / float64(len(samples)))
			if power < 2800 || power > 6500 || peak > 31000 {
				t.Errorf("%s %s has a power of %.0f and a peak of %d", lang, c, power, peak)
			}
			if abs(samples[0]) > 300 || abs(samples[len(samples)-1]) > 300 {
				t.Errorf("%s %s clicks: it begins at %d and ends at %d", lang, c, samples[0], samples[len(samples)-1])
			}
			for name, end := range map[string][]int16{"begins": samples[:Rate/20], "ends": samples[len(samples)-Rate/20:]} {
				if loudest := slices.MaxFunc(end, func(a, b int16) int { return abs(a) - abs(b) }); abs(loudest) < peak/200 {
					t.Errorf("%s %s %s with 50 ms of silence", lang, c, name)
				}
			}
		}
	}
}

func abs(s int16) int {
	if s < 0 {
		return -int(s)
	}
	return int(s)
}

// TestMuLaw is ITU-T G.711's table 2a/2b: the values of each segment's ends, in
// sixteen bits.
func TestMuLaw(t *testing.T) {
	t.Parallel()
	for code, want := range map[byte]int16{
		0xff: 0, 0xfe: 8, 0xf0: 120, 0xef: 132, 0xe0: 372, 0xdf: 396, 0xd0: 876, 0xcf: 924, 0xc0: 1884, 0xbf: 1980, 0xb0: 3900,
		0xaf: 4092, 0xa0: 7932, 0x9f: 8316, 0x90: 15996, 0x8f: 16764, 0x81: 31100, 0x80: 32124,
		0x7f: 0, 0x7e: -8, 0x70: -120, 0x6f: -132, 0x5f: -396, 0x0f: -16764, 0x00: -32124,
	} {
		if got := fromMuLaw(code); got != want {
			t.Errorf("%#02x is %d, want %d", code, got, want)
		}
	}
}

func TestClipsThatAreDamaged(t *testing.T) {
	t.Parallel()
	good, err := clipFiles.ReadFile("clips/en/1.wav")
	if err != nil {
		t.Fatal(err)
	}
	spoilt := func(at int, with string) []byte {
		b := slices.Clone(good)
		copy(b[at:], with)
		return b
	}
	for name, b := range map[string][]byte{
		"empty":                nil,
		"cut off":              good[:len(good)-1],
		"longer":               append(slices.Clone(good), 0, 0),
		"of another kind":      spoilt(8, "AVI "),
		"PCM":                  spoilt(20, "\x01"),
		"two channels":         spoilt(22, "\x02"),
		"faster":               spoilt(24, "\x11\x2b"),
		"sixteen bits":         spoilt(34, "\x10"),
		"a chunk too long":     spoilt(42, "\xff\xff\xff\xff"),
		"without a format":     spoilt(12, "note"),
		"without samples":      spoilt(38, "note"),
		"a header and no more": {'R', 'I', 'F', 'F', 4, 0, 0, 0, 'W', 'A', 'V', 'E'},
	} {
		if samples, err := decodeClip(b); err == nil {
			t.Errorf("%s: %d samples", name, len(samples))
		}
	}
	if samples, err := decodeClip(good); err != nil || len(samples) != len(good)-46 {
		t.Errorf("a good one: %d samples, %v", len(samples), err)
	}
}

// FuzzDecodeClip: whatever a file holds, it is refused or has as many samples as
// its chunk says.
func FuzzDecodeClip(f *testing.F) {
	good, err := clipFiles.ReadFile("clips/en/1.wav")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(encodeWAV(make([]int16, 3)))
	f.Add(good[:44])
	f.Fuzz(func(t *testing.T, b []byte) {
		samples, err := decodeClip(b)
		if err == nil && (len(samples) > len(b)-44 || binary.LittleEndian.Uint32(b[4:])+8 != uint32(len(b))) {
			t.Errorf("%d samples of %d bytes", len(samples), len(b))
		}
	})
}
