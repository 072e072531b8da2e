package strictjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

var errJSON = errors.New("is not JSON")

// scanner reads a text once, from its first byte to its last.
type scanner struct {
	text     []byte
	at       int
	maxDepth int
}

// object reads an object whose brace is read. Its members are kept in o, unless that
// is nil.
func (s *scanner) object(depth int, o *Object) error {
	if depth > s.maxDepth {
		return s.tooDeep()
	}
	if s.next('}') {
		return nil
	}
	seen := map[string]struct{}{}
	for {
		s.space()
		key, ok := s.key()
		if !ok {
			return errJSON
		}
		folded := fold(key)
		if _, twice := seen[folded]; twice {
			return fmt.Errorf("has the key %.64q twice", key)
		}
		seen[folded] = struct{}{}
		if !s.next(':') {
			return errJSON
		}
		s.space()
		from := s.at
		if err := s.value(depth); err != nil {
			return err
		}
		if o != nil {
			o.Keys = append(o.Keys, key)
			o.Fields[key] = s.text[from:s.at:s.at]
		}
		switch {
		case s.next(','):
		case s.next('}'):
			return nil
		default:
			return errJSON
		}
	}
}

// array reads an array whose bracket is read.
func (s *scanner) array(depth int) error {
	if depth > s.maxDepth {
		return s.tooDeep()
	}
	if s.next(']') {
		return nil
	}
	for {
		s.space()
		if err := s.value(depth); err != nil {
			return err
		}
		switch {
		case s.next(','):
		case s.next(']'):
			return nil
		default:
			return errJSON
		}
	}
}

// value reads any value that is in an object or array of that depth.
func (s *scanner) value(depth int) error {
	ok := false
	switch c := s.byte(); c {
	case '{':
		s.at++
		return s.object(depth+1, nil)
	case '[':
		s.at++
		return s.array(depth + 1)
	case '"':
		_, ok = s.quoted()
	case 't':
		ok = s.word("true")
	case 'f':
		ok = s.word("false")
	case 'n':
		ok = s.word("null")
	default:
		ok = s.number()
	}
	if !ok {
		return errJSON
	}
	return nil
}

// key reads a string as what it means.
func (s *scanner) key() (string, bool) {
	from := s.at
	plain, ok := s.quoted()
	switch {
	case !ok:
		return "", false
	case plain:
		return string(s.text[from+1 : s.at-1]), true
	}
	var key string
	err := json.Unmarshal(s.text[from:s.at], &key)
	return key, err == nil
}

// quoted passes over a string; plain says that it holds no escapes.
func (s *scanner) quoted() (plain, ok bool) {
	if s.byte() != '"' {
		return false, false
	}
	plain = true
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return plain, true
		case c < ' ':
			return false, false
		case c == '\\':
			plain = false
			s.at++
			if !s.escape() {
				return false, false
			}
		}
	}
	return false, false
}

// escape looks at what is behind a backslash, and stops at its last byte.
func (s *scanner) escape() bool {
	c := s.byte()
	if c != 'u' {
		return c != 0 && strings.IndexByte(`"\/bfnrt`, c) >= 0
	}
	for range 4 {
		s.at++
		switch c := s.byte(); {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
		default:
			return false
		}
	}
	return true
}

// number passes over a number as JSON writes it: no plus, no zero before another
// digit, nothing left out on either side of the point.
func (s *scanner) number() bool {
	s.skip('-')
	if !s.skip('0') && !s.digits() {
		return false
	}
	if s.skip('.') && !s.digits() {
		return false
	}
	if s.skip('e') || s.skip('E') {
		if !s.skip('+') {
			s.skip('-')
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	from := s.at
	for '0' <= s.byte() && s.byte() <= '9' {
		s.at++
	}
	return s.at > from
}

func (s *scanner) word(w string) bool {
	end := s.at + len(w)
	if end > len(s.text) || string(s.text[s.at:end]) != w {
		return false
	}
	s.at = end
	return true
}

// next passes over space and then c, if that is there.
func (s *scanner) next(c byte) bool {
	s.space()
	return s.skip(c)
}

func (s *scanner) skip(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// byte is the one that is looked at, 0 at the end of the text.
func (s *scanner) byte() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *scanner) tooDeep() error {
	return fmt.Errorf("is nested deeper than %d levels", s.maxDepth)
}

// fold maps keys that a lax parser takes for one another onto one text. Upper
// then lower case joins what neither joins alone, like the long s and s.
func fold(key string) string {
	for i := range len(key) {
		if key[i] >= utf8.RuneSelf {
			return strings.ToLower(strings.ToUpper(key))
		}
	}
	return strings.ToLower(key)
}
