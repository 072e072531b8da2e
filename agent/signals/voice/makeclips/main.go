// Command makeclips makes the clips of package voice with eSpeak NG, out of the
// words of package signals: each is trimmed, made equally loud and written as
// mu-law with 8,000 samples a second. It is run by hand when a word changes:
//
//	go run ./agent/signals/voice/makeclips
//
// It needs espeak-ng in the path. Nothing that is shipped runs it.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/galla-pay/galla/agent/signals"
)

// rate is voice.Rate. The package cannot be asked: it does not build without clips.
const rate = 8000

func main() {
	dir := flag.String("dir", "agent/signals/voice/clips", "where the clips are")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "makeclips:", err)
		os.Exit(1)
	}
}

// voices are eSpeak's, with their speed in words a minute.
func voices() map[string][]string {
	return map[string][]string{
		signals.English: {"-v", "en-gb", "-s", "155", "-p", "45"},
		signals.Hindi:   {"-v", "hi", "-s", "150", "-p", "45"},
	}
}

func run(dir string) error {
	for _, lang := range signals.Languages() {
		folder := filepath.Join(dir, lang)
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		total := 0
		for _, clip := range signals.ClipsOf(lang) {
			file, err := makeClip(lang, clip.Text(lang))
			if err != nil {
				return fmt.Errorf("%s %s: %w", lang, clip, err)
			}
			if err := os.WriteFile(filepath.Join(folder, string(clip)+".wav"), file, 0o644); err != nil {
				return err
			}
			total += len(file)
		}
		fmt.Printf("%s: %d clips, %d bytes\n", lang, len(signals.ClipsOf(lang)), total)
	}
	return nil
}

// makeClip says a text.
func makeClip(lang, text string) ([]byte, error) {
	args := append(voices()[lang], "--stdout", text)
	cmd := exec.Command("espeak-ng", args...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("espeak-ng: %w: %s", err, complaint.String())
	}
	samples, from, err := readPCM(out.Bytes())
	if err != nil {
		return nil, err
	}
	samples = fade(level(trim(resample(samples, from, rate))))
	if len(samples) == 0 {
		return nil, errors.New("it is silent")
	}
	return writeMuLaw(samples), nil
}

// readPCM reads eSpeak's WAV: 16 bits, one channel; on a pipe it does not know its
// own length.
func readPCM(b []byte) ([]float64, int, error) {
	if len(b) < 44 || string(b[:4]) != "RIFF" || string(b[36:40]) != "data" || binary.LittleEndian.Uint16(b[22:]) != 1 ||
		binary.LittleEndian.Uint16(b[34:]) != 16 {
		return nil, 0, errors.New("espeak-ng: no WAV of 16 bits and one channel")
	}
	var samples []float64
	for data := b[44:]; len(data) >= 2; data = data[2:] {
		samples = append(samples, float64(int16(binary.LittleEndian.Uint16(data))))
	}
	return samples, int(binary.LittleEndian.Uint32(b[24:])), nil
}

// resample lowers the rate, with a windowed sinc that passes what the new rate can
// hold.
func resample(in []float64, from, to int) []float64 {
	const lobes = 32
	ratio := float64(from) / float64(to)
	cutoff := 0.46 / ratio // of the old rate
	half := int(lobes * ratio)
	out := make([]float64, len(in)*to/from)
	for i := range out {
		at := float64(i) * ratio
		middle := int(at)
		sum, weight := 0.0, 0.0
		for j := max(0, middle-half); j <= min(len(in)-1, middle+half); j++ {
			x := float64(j) - at
			w := 0.5 + 0.5*math.Cos(math.Pi*x/float64(half+1))
			if x != 0 {
				w *= math.Sin(2*math.Pi*cutoff*x) / (2 * math.Pi * cutoff * x)
			}
			sum += w * in[j]
			weight += w
		}
		out[i] = sum / weight
	}
	return out
}

// trim cuts off what is below a hundredth of the peak at both ends, but 10 ms.
func trim(in []float64) []float64 {
	peak := 0.0
	for _, s := range in {
		peak = max(peak, math.Abs(s))
	}
	first, last := len(in), -1
	for i, s := range in {
		if math.Abs(s) > peak/100 {
			first, last = min(first, i), i
		}
	}
	if last < 0 {
		return nil
	}
	const margin = rate / 100
	return in[max(0, first-margin):min(len(in), last+1+margin)]
}

// level makes all clips equally loud: by power, as far as the peak allows.
func level(in []float64) []float64 {
	const power, highest = 5500, 30000
	sum, peak := 0.0, 0.0
	for _, s := range in {
		sum += s * s
		peak = max(peak, math.Abs(s))
	}
	if peak == 0 {
		return nil
	}
	gain := min(power/math.Sqrt(sum/float64(len(in))), highest/peak)
	for i := range in {
		in[i] *= gain
	}
	return in
}

// fade has a clip begin and end in silence, within 4 ms, so that no joint clicks.
func fade(in []float64) []float64 {
	edge := min(len(in)/2, rate/250)
	for i := range edge {
		in[i] *= float64(i) / float64(edge)
		in[len(in)-1-i] *= float64(i) / float64(edge)
	}
	return in
}

// writeMuLaw is the file of a clip.
func writeMuLaw(samples []float64) []byte {
	body := make([]byte, len(samples), len(samples)+1)
	for i, s := range samples {
		body[i] = muLaw(int(math.Round(s)))
	}
	if len(body)%2 == 1 {
		body = append(body, muLaw(0)) // chunks are even
	}
	var b []byte
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(4+26+8+len(body)))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 18)
	for _, v := range []uint16{7, 1} { // mu-law, one channel
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	for _, v := range []uint32{rate, rate} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	for _, v := range []uint16{1, 8, 0} { // a byte a sample, nothing more to tell
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

// muLaw is ITU-T G.711's encoder.
func muLaw(s int) byte {
	sign := byte(0)
	if s < 0 {
		s, sign = -s, 0x80
	}
	s = min(s>>2, 8158) + 33
	exponent := 0
	for v := s >> 6; v > 0; v >>= 1 {
		exponent++
	}
	return ^(sign | byte(exponent)<<4 | byte(s>>(exponent+1))&0x0f)
}
