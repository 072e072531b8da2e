package admin_test

import (
	"errors"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// second is a reader of JSON written from RFC 8259 and from nothing else: the
// oracle of the fuzz targets. It refuses a key given twice or twice but for its
// case, at any depth, bad UTF-8, anything after the value. Objects are
// map[string]any, numbers their own text.
type second struct {
	text  string
	depth int // deepest nesting seen
}

// numeral is a JSON number as it is written.
type numeral string

var errRefused = errors.New("the second reader refuses")

// readObject reads one object, and how deep it is nested.
func readObject(text []byte) (o map[string]any, depth int, ok bool) {
	if !utf8.Valid(text) {
		return nil, 0, false
	}
	s := &second{text: string(text)}
	v, err := s.value(1)
	if err != nil || s.more() {
		return nil, 0, false
	}
	o, ok = v.(map[string]any)
	return o, s.depth, ok
}

// more skips white space and reports whether anything is left.
func (s *second) more() bool {
	s.text = strings.TrimLeft(s.text, " \t\r\n")
	return s.text != ""
}

func (s *second) next(c byte) bool {
	if !s.more() || s.text[0] != c {
		return false
	}
	s.text = s.text[1:]
	return true
}

func (s *second) value(depth int) (any, error) {
	switch {
	case !s.more():
		return nil, errRefused
	case s.text[0] == '{':
		s.depth = max(s.depth, depth)
		o := map[string]any{}
		err := s.members('{', '}', func() error {
			if !s.more() || s.text[0] != '"' {
				return errRefused
			}
			key, err := s.string()
			if err != nil || !s.next(':') {
				return errRefused
			}
			for other := range o {
				if alike(key, other) {
					return errRefused
				}
			}
			o[key], err = s.value(depth + 1)
			return err
		})
		return o, err
	case s.text[0] == '[':
		s.depth = max(s.depth, depth)
		a := []any{}
		err := s.members('[', ']', func() error {
			v, err := s.value(depth + 1)
			a = append(a, v)
			return err
		})
		return a, err
	case s.text[0] == '"':
		return s.string()
	}
	for word, v := range map[string]any{"true": true, "false": false, "null": nil} {
		if rest, ok := strings.CutPrefix(s.text, word); ok {
			s.text = rest
			return v, nil
		}
	}
	return s.number()
}

// members reads what stands between two brackets, with commas between.
func (s *second) members(open, shut byte, member func() error) error {
	s.next(open)
	for first := true; !s.next(shut); first = false {
		if !first && !s.next(',') {
			return errRefused
		}
		if err := member(); err != nil {
			return err
		}
	}
	return nil
}

// alike reports whether any lax reader takes two keys for one.
func alike(a, b string) bool {
	return strings.EqualFold(a, b) || strings.EqualFold(strings.ToUpper(a), strings.ToUpper(b)) ||
		strings.EqualFold(strings.ToLower(a), strings.ToLower(b))
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
	return numeral(n), nil
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

// expected is what a body of a type must be read as, by the second reader's
// reading; nil where it must be refused.
func expected(text []byte, body reflect.Type) any {
	o, depth, ok := readObject(text)
	if !ok || depth > 8 {
		return nil
	}
	v := reflect.New(body).Elem()
	for i := range body.NumField() {
		name := body.Field(i).Tag.Get("json")
		value, there := o[name]
		if !there || name == "" || name == "-" {
			continue
		}
		delete(o, name)
		into := v.Field(i)
		if into.Kind() == reflect.Pointer {
			into.Set(reflect.New(into.Type().Elem()))
			into = into.Elem()
		}
		switch value := value.(type) {
		case string:
			if into.Kind() != reflect.String {
				return nil
			}
			into.SetString(value)
		case bool:
			if into.Kind() != reflect.Bool {
				return nil
			}
			into.SetBool(value)
		case numeral:
			n, whole := new(big.Int).SetString(string(value), 10)
			if into.Kind() != reflect.Int64 || !whole || !n.IsInt64() || value == "-0" {
				return nil
			}
			into.SetInt(n.Int64())
		case []any:
			if into.Kind() != reflect.Slice {
				return nil
			}
			texts := []string{}
			for _, element := range value {
				text, isText := element.(string)
				if !isText {
					return nil
				}
				texts = append(texts, text)
			}
			into.Set(reflect.ValueOf(texts))
		default:
			return nil
		}
	}
	if len(o) > 0 { // keys that are no fields
		return nil
	}
	return v.Interface()
}

// TestSecondReader: the oracle itself, on examples of RFC 8259.
func TestSecondReader(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		`{}`: true, ` { "a" : [ 1 , -0.5e+3 , "\u00e9\ud83d\ude00\n" , true , null ] } `: true, `{"a":{"a":1}}`: true,
		``: false, `[]`: false, `{"a":1}{}`: false, `{"a":1,}`: false, `{"a" 1}`: false, `{a:1}`: false, `{"a":01}`: false,
		`{"a":1.}`: false, `{"a":+1}`: false, `{"a":.5}`: false, `{"a":1e}`: false, `{"a":"\x"}`: false, `{"a":"\u12"}`: false,
		"{\"a\":\"\n\"}": false, `{"a":"`: false, "{\"a\":\"\xff\"}": false, `{"a":1,"a":1}`: false, `{"a":1,"A":1}`: false,
		`{"k":1,"\u212a":1}`: false, `{"x":[{"s":1,"\u017f":1}]}`: false, `{"a":nul}`: false, `{"a":[1 2]}`: false,
	} {
		if _, _, got := readObject([]byte(text)); got != ok {
			t.Errorf("%s: %v, want %v", text, got, ok)
		}
	}
	o, depth, _ := readObject([]byte(`{"a":[[1]],"b":"\ud800\u0041\ud83d\ude00"}`))
	if depth != 3 || o["b"] != "\ufffdA\U0001f600" {
		t.Errorf("depth %d, %q", depth, o)
	}
}
