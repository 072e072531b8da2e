package protocol

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// EnrolCode is what an operator reads out and a field engineer types to enrol
// one terminal, once: twelve letters and digits in three groups, such as
// K7QP-3XMD-9RTV. The first group is its handle, by which the controller finds
// it; the other two are secret, 40 random bits (failure matrix T3). It never
// reaches a log whole: LogValue and the fmt verbs mask it. Use Text where the
// code itself is meant.
type EnrolCode string

// EnrolAlphabet are the characters of a code: 32 of them, 5 bits each, without
// 0, O, 1 and I, which people mistake for one another (terminal-ux: enrol).
const EnrolAlphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

const (
	enrolGroup  = 4 // characters
	enrolGroups = 3
)

// ErrEnrolCode is returned for anything that cannot be an enrolment code.
var ErrEnrolCode = errors.New("an enrolment code is 12 letters and digits, such as K7QP-3XMD-9RTV, and never has 0, O, 1 or I")

// EnrolCodeBytes is how many random bytes make a code.
const EnrolCodeBytes = enrolGroup * enrolGroups

// NewEnrolCode makes a code of bytes that were drawn for it, and for nothing
// else.
func NewEnrolCode(random [EnrolCodeBytes]byte) EnrolCode {
	for i, b := range random {
		random[i] = EnrolAlphabet[b%32] // 256 is a multiple of 32: no character is likelier
	}
	return grouped(string(random[:]))
}

// ParseEnrolCode reads a code as people type it, in any case, with blanks,
// hyphens or nothing between the groups, and returns it in its one spelling; or
// ErrEnrolCode.
func ParseEnrolCode(s string) (EnrolCode, error) {
	if len(s) > 4*EnrolCodeBytes {
		return "", ErrEnrolCode
	}
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		switch {
		case c == '-' || c == ' ':
		case strings.IndexByte(EnrolAlphabet, c) < 0:
			return "", ErrEnrolCode
		default:
			b.WriteByte(c)
		}
	}
	if b.Len() != EnrolCodeBytes {
		return "", ErrEnrolCode
	}
	return grouped(b.String()), nil
}

func grouped(s string) EnrolCode {
	return EnrolCode(s[:enrolGroup] + "-" + s[enrolGroup:2*enrolGroup] + "-" + s[2*enrolGroup:])
}

// Handle is the public part of a code that ParseEnrolCode or NewEnrolCode made.
func (c EnrolCode) Handle() string { return string(c[:min(len(c), enrolGroup)]) }

// Text is the whole code.
func (c EnrolCode) Text() string { return string(c) }

// Masked keeps the handle.
func (c EnrolCode) Masked() string {
	if c == "" {
		return ""
	}
	return c.Handle() + "-****-****"
}

// LogValue masks c for log/slog.
func (c EnrolCode) LogValue() slog.Value { return slog.StringValue(c.Masked()) }

// Format masks c for every fmt verb.
func (c EnrolCode) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.Masked())) }
