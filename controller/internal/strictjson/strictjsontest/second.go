// Package strictjsontest is a second reader of JSON, which the doors' fuzz targets
// hold the first against. Only tests import it.
package strictjsontest

import (
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// second is a reader of JSON written from RFC 8259 and from nothing else: the
// oracle of the fuzz targets. It refuses what phonepe-api's Wire rules refuse:
// a key given twice or twice but for its case, at any depth, bad UTF-8, anything
// after the value. Objects are map[string]any, numbers their own text.
type second struct {
	text  string
	depth int // deepest nesting seen
}

// Number is a JSON number as it is written.
type Number string

var errRefused = errors.New("the second reader refuses")

// Read reads one object, and how deep it is nested.
func Read(text []byte) (o map[string]any, depth int, ok bool) {
	if !utf8.Valid(text) {
		return nil, 0, false
	}
	s := &second{text: string(text)}
	v, err := s.value(1)
	if err != nil || s.skip() {
		return nil, 0, false
	}
	o, ok = v.(map[string]any)
	return o, s.depth, ok
}

// skip skips white space and reports whether anything is left.
func (s *second) skip() bool {
	s.text = strings.TrimLeft(s.text, " \t\r\n")
	return s.text != ""
}

func (s *second) next(c byte) bool {
	if !s.skip() || s.text[0] != c {
		return false
	}
	s.text = s.text[1:]
	return true
}

func (s *second) value(depth int) (any, error) {
	if !s.skip() {
		return nil, errRefused
	}
	switch c := s.text[0]; {
	case c == '{':
		return s.object(depth)
	case c == '[':
		return s.array(depth)
	case c == '"':
		return s.string()
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	for word, v := range map[string]any{"true": true, "false": false, "null": nil} {
		if rest, ok := strings.CutPrefix(s.text, word); ok {
			s.text = rest
			return v, nil
		}
	}
	return nil, errRefused
}

func (s *second) object(depth int) (any, error) {
	s.depth = max(s.depth, depth)
	o := map[string]any{}
	s.next('{')
	for first := true; !s.next('}'); first = false {
		if !first && !s.next(',') || !s.skip() || s.text[0] != '"' {
			return nil, errRefused
		}
		key, err := s.string()
		if err != nil || !s.next(':') {
			return nil, errRefused
		}
		for other := range o {
			if alike(key, other) {
				return nil, errRefused
			}
		}
		if o[key], err = s.value(depth + 1); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// alike reports whether any lax reader takes two keys for one: by Unicode's
// simple folding, or by mapping both to upper or lower case and then folding.
func alike(a, b string) bool {
	return strings.EqualFold(a, b) || strings.EqualFold(strings.ToUpper(a), strings.ToUpper(b)) ||
		strings.EqualFold(strings.ToLower(a), strings.ToLower(b))
}

func (s *second) array(depth int) (any, error) {
	s.depth = max(s.depth, depth)
	a := []any{}
	s.next('[')
	for first := true; !s.next(']'); first = false {
		if !first && !s.next(',') {
			return nil, errRefused
		}
		v, err := s.value(depth + 1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	return a, nil
}

func (s *second) number() (any, error) {
	rest := strings.TrimPrefix(s.text, "-")
	digits := func() bool {
		n := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		rest = rest[n:]
		return n > 0
	}
	if strings.HasPrefix(rest, "0") {
		rest = rest[1:]
	} else if !digits() {
		return nil, errRefused
	}
	if after, ok := strings.CutPrefix(rest, "."); ok {
		if rest = after; !digits() {
			return nil, errRefused
		}
	}
	if rest != "" && strings.Contains("eE", rest[:1]) {
		if rest = rest[1:]; rest != "" && strings.Contains("+-", rest[:1]) {
			rest = rest[1:]
		}
		if !digits() {
			return nil, errRefused
		}
	}
	n := s.text[:len(s.text)-len(rest)]
	s.text = rest
	return Number(n), nil
}

var escapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (s *second) string() (string, error) {
	var b strings.Builder
	for s.text = s.text[1:]; s.text != ""; {
		c, n := utf8.DecodeRuneInString(s.text)
		s.text = s.text[n:]
		switch {
		case c == '"':
			return b.String(), nil
		case c < ' ':
			return "", errRefused
		case c != '\\':
			b.WriteRune(c)
			continue
		case s.text == "":
			return "", errRefused
		}
		e := s.text[0]
		s.text = s.text[1:]
		if r, ok := escapes[e]; ok {
			b.WriteRune(r)
			continue
		}
		r, ok := s.unit()
		if e != 'u' || !ok {
			return "", errRefused
		}
		if utf16.IsSurrogate(r) {
			pair := rune(utf8.RuneError) // half a pair means nothing
			if after, ok := strings.CutPrefix(s.text, `\u`); ok {
				ahead := &second{text: after}
				if low, ok := ahead.unit(); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
					pair, s.text = utf16.DecodeRune(r, low), ahead.text
				}
			}
			r = pair
		}
		b.WriteRune(r)
	}
	return "", errRefused
}

// unit reads four hex digits.
func (s *second) unit() (r rune, ok bool) {
	if len(s.text) < 4 {
		return 0, false
	}
	for _, c := range strings.ToLower(s.text[:4]) {
		n := strings.IndexRune("0123456789abcdef", c)
		if n < 0 {
			return 0, false
		}
		r = r<<4 | rune(n)
	}
	s.text = s.text[4:]
	return r, true
}

// Value reads one value.
func Value(text string) (any, error) {
	s := &second{text: text}
	v, err := s.value(1)
	if err == nil && s.skip() {
		err = errRefused
	}
	return v, err
}
