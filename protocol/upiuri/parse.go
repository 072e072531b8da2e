package upiuri

import (
	"fmt"
	"strings"
)

const (
	prefix = "upi://pay?"

	// modeAlias is mode's name in the messages of the PRD.
	modeAlias = "initiation_mode"

	// maxParams bounds the keys of one link; the known ones are 16.
	maxParams = 64
)

// Parse reads a link, ours or another maker's. Only pa must be there; other
// known keys may be absent or empty, and have their form when they are not.
// Keys that are not known are ignored, though a signature covers them. The
// errors wrap ErrLink and say what is wrong without quoting a value.
//
// Parse does not look at the signature: see [Verify].
func Parse(text string) (Link, error) {
	query, found := strings.CutPrefix(text, prefix)
	if !found {
		return Link{}, fmt.Errorf("%w: it does not begin with %s", ErrLink, prefix)
	}
	l, err := ParseQuery(query)
	if err != nil {
		return Link{}, err
	}
	if l.PA == "" {
		return Link{}, refuse("pa", "is missing")
	}
	return l, nil
}

// ParseQuery reads what follows "upi://pay?" by the same rules, but no key has
// to be there: a ReqValQr may carry as little as initiation_mode=16 (PRD 8.1),
// which is mode under another name. Both together are refused.
func ParseQuery(query string) (Link, error) {
	if len(query) > MaxLen-len(prefix) {
		return Link{}, fmt.Errorf("%w: longer than any QR holds (%d bytes)", ErrLink, MaxLen)
	}
	params := strings.Split(query, "&")
	if len(params) > maxParams {
		return Link{}, fmt.Errorf("%w: more than %d keys", ErrLink, maxParams)
	}
	var l Link
	seen := make(map[string]bool, len(params))
	for i, param := range params {
		key, raw, found := strings.Cut(param, "=")
		if !found || !idLetters(key) {
			return Link{}, fmt.Errorf("%w: part %d is not key=value", ErrLink, i+1)
		}
		if key == modeAlias {
			key = "mode"
		}
		// Keys are letters of ASCII, so that ToLower folds all that can be folded.
		folded := strings.ToLower(key)
		if seen[folded] {
			return Link{}, fmt.Errorf("%w: part %d repeats a key", ErrLink, i+1)
		}
		seen[folded] = true
		value, err := unescape(raw)
		if err != nil {
			return Link{}, fmt.Errorf("%w: part %d %w", ErrLink, i+1, err)
		}
		if err := l.read(key, value); err != nil {
			return Link{}, err
		}
		if key == "sign" && i != len(params)-1 {
			return Link{}, refuse("sign", "is not the last key")
		}
	}
	return l, nil
}

// read sets the field of key, if it is a known one.
func (l *Link) read(key, value string) error {
	for _, f := range fields {
		switch {
		case key == f.key:
			if value == "" {
				return nil
			}
			if why := f.check(value); why != "" {
				return refuse(f.key, why)
			}
			f.set(l, value)
			return nil
		case strings.EqualFold(key, f.key), f.key == "mode" && strings.EqualFold(key, modeAlias):
			// Another reader may fold the case, so ours does not ignore the key.
			return refuse(f.key, "is written in another case")
		}
	}
	return nil
}

// unescape reads a value: the characters of a query in RFC 3986, of which the
// semicolon, a separator to some readers, is refused.
func unescape(raw string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '%':
			if i+2 >= len(raw) {
				return "", errEscape
			}
			hi, lo := unhex(raw[i+1]), unhex(raw[i+2])
			if hi < 0 || lo < 0 {
				return "", errEscape
			}
			b.WriteByte(byte(hi<<4 | lo))
			i += 2
		case alphanumeric(c) || strings.IndexByte("-._~!$'()*+,=:@/?", c) >= 0:
			b.WriteByte(c)
		default:
			return "", errByte
		}
	}
	if !printable(b.String()) {
		return "", errText
	}
	return b.String(), nil
}

// errPart is why a value cannot be read, the end of a sentence about its part.
type errPart string

func (e errPart) Error() string { return string(e) }

const (
	errEscape errPart = "has a broken percent escape"
	errByte   errPart = "has a character that must be percent-escaped"
	errText   errPart = "is not printable UTF-8"
)

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
