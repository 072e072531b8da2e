package admin

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"

	"github.com/galla-pay/galla/controller/internal/strictjson"
)

// maxDepth bounds nesting; no body has more than two levels.
const maxDepth = 8

// decode reads exactly one JSON object into the struct that into points to. It
// refuses everything that two parsers could read in two ways (failure matrix
// T11): bad UTF-8, a key given twice or twice but for its case, a key that is no
// field, letter by letter, a null, a second value, anything nested too deep.
// Fields that are missing stay as they are.
func decode(text []byte, into any) error {
	object, err := strictjson.Parse(text, maxDepth)
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
	for _, key := range object.Keys {
		field, known := fields[key]
		if !known {
			return Invalid(shortened(key), "is no field of this body")
		}
		if err := decodeField(object.Fields[key], field); err != nil {
			return Invalid(key, err.Error())
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
