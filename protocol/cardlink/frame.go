package cardlink

import (
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// MaxFrame is the most bytes that a frame has, from $ to the line feed.
const MaxFrame = 160

// MaxN is the highest number of a message in its session.
const MaxN = 999_999

// FrameKind is what a frame is for: its second word.
type FrameKind string

// The kinds of frames.
const (
	Data FrameKind = "D"
	Ack  FrameKind = "A"
	Nak  FrameKind = "N"
	Keep FrameKind = "K"
)

// Frame is one line. Which fields a kind has is said in the package's text; the
// others are zero.
type Frame struct {
	Kind    FrameKind
	Session string // eight letters a to z
	N       int    // 1 to MaxN
	Message Message
}

// Encode is the frame as it goes over the line, or ErrMessage.
func Encode(f Frame) ([]byte, error) {
	text := "G1 " + string(f.Kind)
	switch f.Kind {
	case Data, Ack:
		text += " " + f.Session + " " + strconv.Itoa(f.N)
	case Keep:
		text += " " + f.Session
	}
	if f.Kind == Data {
		message, err := f.Message.Text()
		if err != nil {
			return nil, err
		}
		text += " " + message
	}
	if back, ok := parseFrame(text); !ok || back != f {
		return nil, fmt.Errorf("%w: no frame", ErrMessage)
	}
	return fmt.Appendf(nil, "$%s*%08X\n", text, crc32.ChecksumIEEE([]byte(text))), nil
}

// parseFrame reads what stands between $ and *.
func parseFrame(text string) (Frame, bool) {
	rest, ok := strings.CutPrefix(text, "G1 ")
	if !ok {
		return Frame{}, false
	}
	kind, rest, more := strings.Cut(rest, " ")
	f := Frame{Kind: FrameKind(kind)}
	if f.Kind == Nak {
		return f, !more
	}
	if f.Kind != Data && f.Kind != Ack && f.Kind != Keep {
		return Frame{}, false
	}
	f.Session, rest, more = strings.Cut(rest, " ")
	if !within(f.Session, 8, 8, isSmall) {
		return Frame{}, false
	}
	if f.Kind == Keep {
		return f, !more
	}
	number, message, more := strings.Cut(rest, " ")
	if !within(number, 1, 6, isDigit) || number[0] == '0' {
		return Frame{}, false
	}
	f.N, _ = strconv.Atoi(number) // up to six digits
	if f.Kind == Ack {
		return f, !more
	}
	var err error
	f.Message, err = Parse(message)
	return f, err == nil
}

// Decoder finds the frames in what comes over a line. Its zero value is ready;
// it holds at most one frame's bytes.
type Decoder struct {
	line []byte // since the last $; empty: there was none
}

// Feed takes bytes, however they were cut, and calls frame for each good frame
// in them and bad for each thing that began as one and was none.
func (d *Decoder) Feed(bytes []byte, frame func(Frame), bad func()) {
	for _, b := range bytes {
		switch {
		case b == '$':
			if len(d.line) > 0 {
				bad()
			}
			d.line = append(d.line[:0], b)
		case len(d.line) == 0:
		case b == '\n':
			if f, ok := parseLine(string(d.line[1:])); ok {
				frame(f)
			} else {
				bad()
			}
			d.line = d.line[:0]
		case len(d.line) == MaxFrame-1:
			bad()
			d.line = d.line[:0]
		default:
			d.line = append(d.line, b)
		}
	}
}

// parseLine reads what stands between $ and the line feed.
func parseLine(line string) (Frame, bool) {
	text, sum, ok := strings.Cut(line, "*")
	if !ok || sum != fmt.Sprintf("%08X", crc32.ChecksumIEEE([]byte(text))) {
		return Frame{}, false
	}
	return parseFrame(text)
}
