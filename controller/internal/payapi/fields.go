package payapi

import (
	"encoding/json"
	"strings"

	"github.com/galla-pay/galla/protocol"
)

// text reads a field that is a JSON string. Absent and null are "".
func (o object) text(name string) (string, bool) {
	raw, ok := o[name]
	if !ok || string(raw) == "null" {
		return "", true
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// boolean reads a field that is "true" or "false", as a JSON boolean or as text
// in any case. Absent, null and "" are false.
func (o object) boolean(name string) (b, ok bool) {
	raw, there := o[name]
	if !there {
		return false, true
	}
	s := string(raw)
	if strings.HasPrefix(s, `"`) && json.Unmarshal(raw, &s) != nil {
		return false, false
	}
	switch strings.ToLower(s) {
	case "true":
		return true, true
	case "false", "", "null":
		return false, true
	}
	return false, false
}

// whole reads a field that is a whole number, as a JSON number or, as real
// clients send it, as a string of digits. ok is false for anything else,
// fractions and exponents included; set is false when it is absent or null.
func (o object) whole(name string) (n int64, set, ok bool) {
	raw, there := o[name]
	if !there || string(raw) == "null" {
		return 0, false, true
	}
	s := string(raw)
	if strings.HasPrefix(s, `"`) {
		if json.Unmarshal(raw, &s) != nil {
			return 0, true, false
		}
	}
	negative := strings.HasPrefix(s, "-")
	v, err := protocol.ParsePaise(strings.TrimPrefix(s, "-"))
	if err != nil || len(s) > 20 {
		return 0, true, false
	}
	if negative {
		v = -v
	}
	return int64(v), true, true
}
