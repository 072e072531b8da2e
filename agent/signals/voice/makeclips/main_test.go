package main

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
)

// tone is a sine of so many hertz, a second at a rate.
func tone(hz float64, loudness float64, at int) []float64 {
	samples := make([]float64, at)
	for i := range samples {
		samples[i] = loudness * math.Sin(2*math.Pi*hz*float64(i)/float64(at))
	}
	return samples
}

func power(samples []float64) float64 {
	sum := 0.0
	for _, s := range samples {
		sum += s * s
	}
	return math.Sqrt(sum / float64(len(samples)))
}

// TestResample keeps what the new rate can hold, and lets nothing fold back.
func TestResample(t *testing.T) {
	t.Parallel()
	for hz, keeps := range map[float64]bool{200: true, 1000: true, 3000: true, 4600: false, 6000: false, 9000: false} {
		out := resample(tone(hz, 10_000, 22_050), 22_050, rate)
		if len(out) != rate {
			t.Fatalf("a second has %d samples", len(out))
		}
		part := power(out[rate/10:rate*9/10]) / power(tone(hz, 10_000, 22_050))
		if keeps && math.Abs(part-1) > 0.02 || !keeps && part > 0.02 {
			t.Errorf("of %.0f Hz %.3f is left", hz, part)
		}
	}
}

// TestAClipIsTrimmedAndLevelled: whatever the voice leaves around a word, and
// however loud it is.
func TestAClipIsTrimmedAndLevelled(t *testing.T) {
	t.Parallel()
	for _, loudness := range []float64{100, 1_000, 30_000} {
		in := append(append(make([]float64, 3000), tone(500, loudness, rate)...), make([]float64, 5000)...)
		out := fade(level(trim(in)))
		if n := len(out); n < rate || n > rate+2*rate/100 {
			t.Errorf("%d samples are left of %d", n, len(in))
		}
		if p := power(out); p < 5_300 || p > 5_600 {
			t.Errorf("%.0f becomes a power of %.0f", loudness, p)
		}
		if out[0] != 0 || out[len(out)-1] != 0 {
			t.Errorf("it begins at %.0f and ends at %.0f", out[0], out[len(out)-1])
		}
	}
	if out := fade(level(trim(make([]float64, 100)))); len(out) != 0 {
		t.Errorf("of silence %d samples are left", len(out))
	}
	peak := level([]float64{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1000})
	if top := peak[len(peak)-1]; top != 30_000 {
		t.Errorf("a click becomes %.0f", top)
	}
}

// TestMuLaw is ITU-T G.711's table 2a/2b: the codes of each segment's ends, and of
// what is too loud.
func TestMuLaw(t *testing.T) {
	t.Parallel()
	for value, want := range map[int]byte{
		0: 0xff, 8: 0xfe, 120: 0xf0, 132: 0xef, 372: 0xe0, 396: 0xdf, 876: 0xd0, 924: 0xcf, 1884: 0xc0, 1980: 0xbf, 3900: 0xb0,
		4092: 0xaf, 7932: 0xa0, 8316: 0x9f, 15996: 0x90, 16764: 0x8f, 31100: 0x81, 32124: 0x80, 32767: 0x80,
		-8: 0x7e, -132: 0x6f, -16764: 0x0f, -32124: 0x00, -32768: 0x00,
	} {
		if got := muLaw(value); got != want {
			t.Errorf("%d is %#02x, want %#02x", value, got, want)
		}
	}
}

// TestWriteMuLaw: a header that says what follows, and an even number of samples.
func TestWriteMuLaw(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 999} {
		b := writeMuLaw(make([]float64, n))
		le := binary.LittleEndian
		samples := int(le.Uint32(b[42:]))
		if samples != (n+1)/2*2 || len(b) != 46+samples || int(le.Uint32(b[4:])) != len(b)-8 ||
			string(b[:4])+string(b[8:16])+string(b[38:42]) != "RIFFWAVEfmt data" || le.Uint16(b[20:]) != 7 || le.Uint32(b[24:]) != rate {
			t.Errorf("%d samples are % x", n, b[:46])
		}
		for _, u := range b[46:] {
			if u != 0xff {
				t.Errorf("silence is %#02x", u)
			}
		}
	}
}

func TestReadPCM(t *testing.T) {
	t.Parallel()
	b := make([]byte, 44, 48)
	copy(b, "RIFF")
	copy(b[36:], "data\xff\xff\xff\x7f") // as on a pipe
	b[22], b[34] = 1, 16
	binary.LittleEndian.PutUint32(b[24:], 22_050)
	b = append(b, 0x02, 0x01, 0xff, 0xff)
	samples, from, err := readPCM(b)
	if err != nil || from != 22_050 || len(samples) != 2 || samples[0] != 258 || samples[1] != -1 {
		t.Errorf("%v at %d, %v", samples, from, err)
	}
	for name, at := range map[string]int{"no RIFF": 0, "two channels": 22, "eight bits": 34, "no data": 36} {
		bad := append([]byte{}, b...)
		bad[at] = 2
		if _, _, err := readPCM(bad); err == nil || !strings.Contains(err.Error(), "espeak-ng") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := readPCM(b[:43]); err == nil {
		t.Error("half a header is a WAV")
	}
}
