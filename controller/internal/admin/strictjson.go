package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds nesting; no body has more than two levels.
const maxDepth = 8

// decode reads exactly one JSON object into the struct that into points to. It
// refuses everything that two parsers could read in two ways (failure matrix
// T11): bad UTF-8, a key given twice or twice but for its case, a key that is no
// field, letter by letter, a null, a second value, anything nested too deep.
// Fields that are missing stay as they are.
func decode(text []byte, into any) error {
	object, err := parseObject(text)
	if err != nil {
		return &Problem{Code: CodeMalformed, Detail: "The body " + err.Error() + "."}
	}
	fields := map[string]reflect.Value{}
	v := reflect.ValueOf(into).Elem()
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("json"); name != "" && name != "-" {
			fields[name] = v.Field(i)
		}
	}
	for _, member := range object {
		field, known := fields[member.key]
		if !known {
			return Invalid(shortened(member.key), "is no field of this body")
		}
		if err := decodeField(member.value, field); err != nil {
			return Invalid(member.key, err.Error())
		}
	}
	return nil
}

// shortened is a stranger's text as an answer may repeat it.
func shortened(text string) string {
	if len(text) > 64 {
		return text[:64]
	}
	return text
}

// decodeField reads one value: a text, a whole number, true or false, or a list
// of texts.
func decodeField(raw json.RawMessage, field reflect.Value) error {
	if field.Kind() == reflect.Pointer {
		field.Set(reflect.New(field.Type().Elem()))
		field = field.Elem()
	}
	switch field.Kind() {
	case reflect.String:
		text, err := decodeText(raw)
		field.SetString(text)
		return err
	case reflect.Bool:
		if string(raw) != "true" && string(raw) != "false" {
			return errors.New("must be true or false")
		}
		field.SetBool(string(raw) == "true")
	case reflect.Int64:
		n, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil || string(raw) == "-0" {
			return errors.New("must be a whole number")
		}
		field.SetInt(n)
	default: // a list of texts
		var list []json.RawMessage
		if raw[0] != '[' || json.Unmarshal(raw, &list) != nil {
			return errors.New("must be a list of texts")
		}
		texts := []string{}
		for _, element := range list {
			text, err := decodeText(element)
			if err != nil {
				return errors.New("must be a list of texts")
			}
			texts = append(texts, text)
		}
		field.Set(reflect.ValueOf(texts))
	}
	return nil
}

func decodeText(raw json.RawMessage) (string, error) {
	var text string
	if raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		return "", errors.New("must be a text")
	}
	return text, nil
}

type member struct {
	key   string
	value json.RawMessage
}

// parseObject reads one JSON object, its members in the order of their keys'
// first appearance.
func parseObject(text []byte) ([]member, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	first, err := dec.Token()
	if err != nil || first != json.Delim('{') {
		return nil, errors.New("is not a JSON object")
	}
	order, err := scanObject(dec, 1)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("holds more than one JSON value")
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, errors.New("is not a JSON object")
	}
	var members []member
	for _, key := range order {
		members = append(members, member{key, values[key]})
	}
	return members, nil
}

// scanObject reads the rest of an object whose brace is read, and returns its
// keys.
func scanObject(dec *json.Decoder, depth int) ([]string, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("is nested deeper than %d levels", maxDepth)
	}
	seen := map[string]bool{}
	var keys []string
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, errors.New("is not JSON")
		}
		key, _ := token.(string)
		if folded := fold(key); seen[folded] {
			return nil, fmt.Errorf("has the key %.64q twice", key)
		} else {
			seen[folded] = true
		}
		keys = append(keys, key)
		if err := scanValue(dec, depth); err != nil {
			return nil, err
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, errors.New("is not JSON")
	}
	return keys, nil
}

func scanValue(dec *json.Decoder, depth int) error {
	token, err := dec.Token()
	if err != nil {
		return errors.New("is not JSON")
	}
	switch token {
	case json.Delim('{'):
		_, err := scanObject(dec, depth+1)
		return err
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
