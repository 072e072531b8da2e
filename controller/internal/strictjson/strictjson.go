// Package strictjson reads JSON objects that strangers sent and refuses everything
// that two parsers could read in two ways (phonepe-api: Wire rules; failure
// matrix T11). It knows no field: the doors do. Every door that reads JSON reads
// it by this.
package strictjson

import (
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// Object is a JSON object as it was read.
type Object struct {
	// Fields are its members; keys are compared exactly. Each is a part of the text
	// that was read, not a copy.
	Fields map[string]json.RawMessage
	// Keys are those of Fields in the order in which they came.
	Keys []string
}

// Parse reads exactly one JSON object, nested maxDepth levels at most, itself
// included. It refuses bad UTF-8, a key given twice or twice but for its case, at
// any depth, and a second value. Its errors go on from the name of what was read:
// "is not UTF-8".
func Parse(text []byte, maxDepth int) (Object, error) {
	if !utf8.Valid(text) {
		return Object{}, errors.New("is not UTF-8")
	}
	s := scanner{text: text, maxDepth: maxDepth}
	if !s.next('{') {
		return Object{}, errors.New("is not a JSON object")
	}
	o := Object{Fields: map[string]json.RawMessage{}}
	if err := s.object(1, &o); err != nil {
		return Object{}, err
	}
	if s.space(); s.at < len(text) {
		return Object{}, errors.New("holds more than one JSON value")
	}
	return o, nil
}
