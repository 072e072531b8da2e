package voice

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Rate is how many samples a second has, of clips and of what WAV returns.
const Rate = 8000

const (
	headerSize  = 44 // RIFF, fmt and data of PCM
	formatPCM   = 1
	formatMuLaw = 7
)

// encodeWAV is samples as 16-bit PCM, one channel.
func encodeWAV(samples []int16) []byte {
	size := 2 * len(samples)
	b := make([]byte, 0, headerSize+size)
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(headerSize-8+size))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, formatPCM)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint32(b, Rate)
	b = binary.LittleEndian.AppendUint32(b, 2*Rate)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}

// lengthOf is how long a WAV of encodeWAV plays.
func lengthOf(wav []byte) time.Duration {
	return time.Duration(max(0, len(wav)-headerSize)/2) * time.Second / Rate
}

// decodeClip reads a clip's file: mu-law, one channel, Rate.
func decodeClip(b []byte) ([]int16, error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" || uint64(binary.LittleEndian.Uint32(b[4:]))+8 != uint64(len(b)) {
		return nil, errors.New("no whole RIFF of type WAVE")
	}
	format := false
	for rest := b[12:]; len(rest) >= 8; {
		name, size := string(rest[:4]), uint64(binary.LittleEndian.Uint32(rest[4:]))
		if size > uint64(len(rest)-8) {
			return nil, fmt.Errorf("chunk %q is cut off", name)
		}
		body := rest[8 : 8+size]
		rest = rest[min(uint64(len(rest)), 8+size+size%2):]
		switch name {
		case "fmt ":
			if len(body) < 16 || binary.LittleEndian.Uint16(body) != formatMuLaw || binary.LittleEndian.Uint16(body[2:]) != 1 ||
				binary.LittleEndian.Uint32(body[4:]) != Rate || binary.LittleEndian.Uint16(body[14:]) != 8 {
				return nil, fmt.Errorf("it is not mu-law of 8 bits, one channel and %d samples a second", Rate)
			}
			format = true
		case "data":
			if !format {
				return nil, errors.New("samples before their format")
			}
			samples := make([]int16, len(body))
			for i, u := range body {
				samples[i] = fromMuLaw(u)
			}
			return samples, nil
		}
	}
	return nil, errors.New("it has no samples")
}

// fromMuLaw is ITU-T G.711's mu-law: sign, three bits of exponent, four of
// mantissa, all inverted; a bias of 33 in fourteen bits.
func fromMuLaw(u byte) int16 {
	u = ^u
	magnitude := (int16(u&0x0f)<<1 + 33) << (u >> 4 & 7)
	magnitude = (magnitude - 33) << 2
	if u&0x80 != 0 {
		return -magnitude
	}
	return magnitude
}
