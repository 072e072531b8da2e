// Package strictjson reads JSON objects that strangers sent and refuses everything
// that two parsers could read in two ways (phonepe-api: Wire rules; failure
// matrix T11). It knows no field: the doors do. Every door that reads JSON reads
// it by this.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Object is a JSON object as it was read.
type Object struct {
	// Fields are its members; keys are compared exactly.
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
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	first, err := dec.Token()
	if err != nil || first != json.Delim('{') {
		return Object{}, errors.New("is not a JSON object")
	}
	keys, err := scanner{dec, maxDepth}.object(1)
	if err != nil {
		return Object{}, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return Object{}, errors.New("holds more than one JSON value")
	}
	o := Object{Keys: keys}
	if err := json.Unmarshal(text, &o.Fields); err != nil {
		return Object{}, errors.New("is not a JSON object")
	}
	return o, nil
}

type scanner struct {
	*json.Decoder
	maxDepth int
}

// object reads the rest of an object whose brace is read, and returns its keys.
func (s scanner) object(depth int) ([]string, error) {
	if depth > s.maxDepth {
		return nil, s.tooDeep()
	}
	seen := map[string]bool{}
	var keys []string
	for s.More() {
		token, err := s.Token()
		if err != nil {
			return nil, errors.New("is not JSON")
		}
		key, _ := token.(string)
		folded := fold(key)
		if seen[folded] {
			return nil, fmt.Errorf("has the key %.64q twice", key)
		}
		seen[folded] = true
		keys = append(keys, key)
		if err := s.value(depth); err != nil {
			return nil, err
		}
	}
	if _, err := s.Token(); err != nil {
		return nil, errors.New("is not JSON")
	}
	return keys, nil
}

func (s scanner) value(depth int) error {
	token, err := s.Token()
	if err != nil {
		return errors.New("is not JSON")
	}
	switch token {
	case json.Delim('{'):
		_, err := s.object(depth + 1)
		return err
	case json.Delim('['):
		if depth >= s.maxDepth {
			return s.tooDeep()
		}
		for s.More() {
			if err := s.value(depth + 1); err != nil {
				return err
			}
		}
		if _, err := s.Token(); err != nil {
			return errors.New("is not JSON")
		}
	}
	return nil
}

func (s scanner) tooDeep() error {
	return fmt.Errorf("is nested deeper than %d levels", s.maxDepth)
}

// fold maps keys that a lax parser takes for one another onto one text. Upper
// then lower case joins what neither joins alone, like the long s and s.
func fold(key string) string { return strings.ToLower(strings.ToUpper(key)) }
