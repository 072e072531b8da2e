package cardlink

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Kind is what a message says: its first word.
type Kind string

// The kinds, those of the terminal first.
const (
	Status Kind = "STATUS"
	Sale   Kind = "SALE"
	Cancel Kind = "CANCEL"
	Noted  Kind = "NOTED"
	Last   Kind = "LAST"
	Took   Kind = "TOOK"

	State     Kind = "STATE"
	Waiting   Kind = "WAITING"
	Read      Kind = "READ"
	Pending   Kind = "PENDING"
	Approved  Kind = "APPROVED"
	Kept      Kind = "KEPT"
	Declined  Kind = "DECLINED"
	Reversed  Kind = "REVERSED"
	Unknown   Kind = "UNKNOWN"
	None      Kind = "NONE"
	Withdrawn Kind = "WITHDRAWN"
	Remove    Kind = "REMOVE"
	Error     Kind = "ERROR"
)

// Doing is what a reader does, in STATE.
type Doing string

// What a reader does.
const (
	Idle      Doing = "IDLE"
	AskedCard Doing = "WAITING" // for a card
	Busy      Doing = "BUSY"    // with one
	Fault     Doing = "FAULT"   // it cannot read cards
)

// The codes of ERROR, and those of DECLINED that the reader itself gives.
const (
	CodeBusy          = "BUSY"
	CodeOtherAmount   = "OTHER_AMOUNT"
	CodeFault         = "FAULT"
	CodeNotAuthorised = "NOT_AUTHORISED" // the bank was not asked, and never will be
	CodeCardRemoved   = "CARD_REMOVED"   // taken out before the bank was asked
)

// MaxAmount is the largest amount, in paise: that of protocol.MaxPaise.
const MaxAmount = 10_000_000_000

// Message is one thing that is said. Which fields a kind has is in the package's
// tables; the others are zero.
type Message struct {
	Kind        Kind
	Ref         string // of what the terminal says
	Tag         Tag    // of what the reader says
	AmountPaise int64
	RRN         string
	Network     string // "": not known
	Type        string // "": not known
	Last4       string // "": not known
	Code        string
	Doing       Doing
}

// Tag names a payment in what a reader says: 16 letters a to p.
type Tag string

// TagOf is the tag of a ref: the first eight bytes of its SHA-256, each as two
// letters, high half first, a for 0 to p for 15. So a reader says of which
// payment it speaks, and needs no field that it could write digits into.
func TagOf(ref string) Tag {
	sum := sha256.Sum256([]byte(ref))
	var tag [16]byte
	for i, b := range sum[:8] {
		tag[2*i], tag[2*i+1] = 'a'+b>>4, 'a'+b&15
	}
	return Tag(tag[:])
}

// ErrMessage: it is no message of this protocol. The error's text says which
// rule is broken and never holds what was said: that could be a card's number
// (failure matrix T23).
var ErrMessage = errors.New("no message of the card reader's protocol")

// field is one word after the kind.
type field struct {
	name string
	// write is the word of a message, "" when it has none; read takes one.
	write func(m Message) string
	read  func(m *Message, word string)
	valid func(word string) bool
}

// fieldsOf is the table of the messages: what follows each kind.
func fieldsOf(k Kind) ([]field, bool) {
	switch k {
	case Status:
		return nil, true
	case Sale:
		return []field{refField(), amountField()}, true
	case Cancel, Noted, Last, Took:
		return []field{refField()}, true
	case State:
		return []field{doingField()}, true
	case Waiting, Read, Pending, Kept, Reversed, Unknown, None, Withdrawn, Remove:
		return []field{tagField()}, true
	case Approved:
		return []field{tagField(), amountField(), rrnField(), networkField(), typeField(), last4Field()}, true
	case Declined, Error:
		return []field{tagField(), codeField()}, true
	}
	return nil, false
}

// Kinds are all kinds, the terminal's first. The slice is the caller's.
func Kinds() []Kind {
	return []Kind{
		Status, Sale, Cancel, Noted, Last, Took,
		State, Waiting, Read, Pending, Approved, Kept, Declined, Reversed, Unknown, None, Withdrawn, Remove, Error,
	}
}

// FromReader reports whether it is the reader that says k.
func (k Kind) FromReader() bool {
	fields, known := fieldsOf(k)
	return known && k != Status && fields[0].name != "ref"
}

// Text is the message as it stands in a frame, or ErrMessage.
func (m Message) Text() (string, error) {
	fields, known := fieldsOf(m.Kind)
	if !known {
		return "", fmt.Errorf("%w: no such kind", ErrMessage)
	}
	words, back := []string{string(m.Kind)}, Message{Kind: m.Kind}
	for _, f := range fields {
		word := f.write(m)
		if !f.valid(word) {
			return "", fmt.Errorf("%w: %s in %s", ErrMessage, f.name, m.Kind)
		}
		f.read(&back, word)
		words = append(words, word)
	}
	if back != m {
		return "", fmt.Errorf("%w: %s has a field too many", ErrMessage, m.Kind)
	}
	return strings.Join(words, " "), nil
}

// Parse reads what Text has written, and nothing else: its error is ErrMessage.
func Parse(text string) (Message, error) {
	words := strings.Split(text, " ")
	m := Message{Kind: Kind(words[0])}
	fields, known := fieldsOf(m.Kind)
	if !known {
		return Message{}, fmt.Errorf("%w: no such kind", ErrMessage)
	}
	if len(words) != len(fields)+1 {
		return Message{}, fmt.Errorf("%w: %s has %d words, not %d", ErrMessage, m.Kind, len(fields)+1, len(words))
	}
	for i, f := range fields {
		if !f.valid(words[i+1]) {
			return Message{}, fmt.Errorf("%w: %s in %s", ErrMessage, f.name, m.Kind)
		}
		f.read(&m, words[i+1])
	}
	return m, nil
}

func refField() field {
	return field{"ref",
		func(m Message) string { return m.Ref },
		func(m *Message, w string) { m.Ref = w },
		func(w string) bool { return within(w, 1, 64, isRef) }}
}

func tagField() field {
	return field{"tag",
		func(m Message) string { return string(m.Tag) },
		func(m *Message, w string) { m.Tag = Tag(w) },
		func(w string) bool { return within(w, 16, 16, func(c byte) bool { return c >= 'a' && c <= 'p' }) }}
}

func amountField() field {
	return field{"amount",
		func(m Message) string { return "INR" + strconv.FormatInt(m.AmountPaise, 10) },
		func(m *Message, w string) { m.AmountPaise, _ = strconv.ParseInt(w[3:], 10, 64) }, // it is valid
		func(w string) bool {
			digits, ok := strings.CutPrefix(w, "INR")
			if !ok || !within(digits, 1, 11, isDigit) || digits[0] == '0' {
				return false
			}
			n, err := strconv.ParseInt(digits, 10, 64)
			return err == nil && n <= MaxAmount
		}}
}

func rrnField() field {
	return field{"rrn",
		func(m Message) string { return "R" + m.RRN },
		func(m *Message, w string) { m.RRN = w[1:] },
		func(w string) bool { return len(w) == 13 && w[0] == 'R' && within(w[1:], 12, 12, isDigit) }}
}

func networkField() field {
	return field{"network",
		func(m Message) string { return orDash("", m.Network) },
		func(m *Message, w string) { m.Network = noDash(w) },
		func(w string) bool {
			return w == "-" || within(w, 1, 16, func(c byte) bool { return isCapital(c) || c == '_' })
		}}
}

func typeField() field {
	return field{"type",
		func(m Message) string { return orDash("", m.Type) },
		func(m *Message, w string) { m.Type = noDash(w) },
		func(w string) bool { return w == "-" || within(w, 1, 12, isCapital) }}
}

func last4Field() field {
	return field{"last4",
		func(m Message) string { return orDash("X", m.Last4) },
		func(m *Message, w string) { m.Last4 = strings.TrimPrefix(noDash(w), "X") },
		func(w string) bool { return w == "-" || len(w) == 5 && w[0] == 'X' && within(w[1:], 4, 4, isDigit) }}
}

func codeField() field {
	return field{"code",
		func(m Message) string { return m.Code },
		func(m *Message, w string) { m.Code = w },
		func(w string) bool {
			digits := 0
			return within(w, 1, 24, func(c byte) bool {
				if isDigit(c) {
					digits++
				}
				return isCapital(c) || isDigit(c) || c == '_'
			}) && digits <= 4
		}}
}

func doingField() field {
	return field{"doing",
		func(m Message) string { return string(m.Doing) },
		func(m *Message, w string) { m.Doing = Doing(w) },
		func(w string) bool {
			switch Doing(w) {
			case Idle, AskedCard, Busy, Fault:
				return true
			}
			return false
		}}
}

func orDash(prefix, s string) string {
	if s == "" {
		return "-"
	}
	return prefix + s
}

func noDash(w string) string {
	if w == "-" {
		return ""
	}
	return w
}

// within reports whether w is of least to most bytes that are all so.
func within(w string, least, most int, so func(byte) bool) bool {
	if len(w) < least || len(w) > most {
		return false
	}
	for i := range len(w) {
		if !so(w[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool   { return c >= '0' && c <= '9' }
func isCapital(c byte) bool { return c >= 'A' && c <= 'Z' }
func isSmall(c byte) bool   { return c >= 'a' && c <= 'z' }
func isRef(c byte) bool     { return isDigit(c) || isCapital(c) || isSmall(c) || c == '_' || c == '-' }
