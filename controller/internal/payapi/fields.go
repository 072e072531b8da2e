package payapi

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/galla-pay/galla/protocol"
)

// has reports whether a field is there: null is as good as absent.
func (o object) has(name string) bool {
	raw, ok := o[name]
	return ok && string(raw) != "null"
}

// text reads a field that is a JSON string. Absent and null are "".
func (o object) text(name string) (string, bool) {
	if !o.has(name) {
		return "", true
	}
	return unquote(o[name])
}

// unquote reads a JSON string; anything else is not ok.
func unquote(raw json.RawMessage) (s string, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	return s, json.Unmarshal(raw, &s) == nil
}

// boolean reads a field that is "true" or "false", as a JSON boolean or as text
// in any case. Absent, null and "" are false.
func (o object) boolean(name string) (b, ok bool) {
	if !o.has(name) {
		return false, true
	}
	s, isText := unquote(o[name])
	if !isText {
		s = string(o[name])
	}
	switch strings.ToLower(s) {
	case "true":
		return true, true
	case "false", "":
		return false, true
	}
	return false, false
}

// whole reads a field that is a whole number, as a JSON number or, as real
// clients send it, as a string of digits. ok is false for anything else,
// fractions and exponents included; set is false when it is absent or null.
func (o object) whole(name string) (n int64, set, ok bool) {
	if !o.has(name) {
		return 0, false, true
	}
	s, isText := unquote(o[name])
	if !isText {
		s = string(o[name])
	}
	negative := strings.HasPrefix(s, "-")
	v, err := protocol.ParsePaise(strings.TrimPrefix(s, "-"))
	if err != nil {
		return 0, true, false
	}
	if negative {
		v = -v
	}
	return int64(v), true, true
}
