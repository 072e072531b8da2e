package payapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds nesting; no request has more than three levels.
const maxDepth = 16

// object is a JSON object whose keys are compared exactly.
type object map[string]json.RawMessage

// parseObject reads exactly one JSON object and refuses everything that two
// parsers could read in two ways: bad UTF-8, a key given twice or twice but for
// its case, a second value, anything nested too deep (phonepe-api: Wire rules;
// failure matrix T11). Unknown keys are kept; who reads the object ignores them.
func parseObject(text []byte) (object, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	first, err := dec.Token()
	if err != nil || first != json.Delim('{') {
		return nil, errors.New("is not a JSON object")
	}
	if err := scanObject(dec, 1); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("holds more than one JSON value")
	}
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, errors.New("is not a JSON object")
	}
	return o, nil
}

// scanObject reads the rest of an object whose brace is read.
func scanObject(dec *json.Decoder, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("is nested deeper than %d levels", maxDepth)
	}
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return errors.New("is not JSON")
		}
		key, _ := token.(string)
		folded := fold(key)
		if seen[folded] {
			return fmt.Errorf("has the key %.64q twice", key)
		}
		seen[folded] = true
		if err := scanValue(dec, depth); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	if err != nil {
		return errors.New("is not JSON")
	}
	return nil
}

func scanValue(dec *json.Decoder, depth int) error {
	token, err := dec.Token()
	if err != nil {
		return errors.New("is not JSON")
	}
	switch token {
	case json.Delim('{'):
		return scanObject(dec, depth+1)
	case json.Delim('['):
		if depth >= maxDepth {
			return fmt.Errorf("is nested deeper than %d levels", maxDepth)
		}
		for dec.More() {
			if err := scanValue(dec, depth+1); err != nil {
				return err
			}
		}
		if _, err := dec.Token(); err != nil {
			return errors.New("is not JSON")
		}
	}
	return nil
}

// fold maps keys that a lax parser takes for one another onto one text. Upper
// then lower case joins what neither joins alone, like the long s and s.
func fold(key string) string { return strings.ToLower(strings.ToUpper(key)) }
