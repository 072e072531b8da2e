package payapi

import "encoding/json"

// ParseObject is parseObject, which the whole door reads JSON with.
func ParseObject(text []byte) (map[string]json.RawMessage, error) {
	o, err := parseObject(text)
	return o, err
}
