package brokerauth

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"
)

// question is what a broker asks.
type question struct {
	clientID, username, password string
	wants                        request
}

// readQuestion reads a JSON object. A key given twice is refused: a template
// that is filled in carelessly would let a client's name bring in other fields.
// Unknown keys are ignored. Numbers and truth values may come as texts, since
// templates put placeholders between quotes; a placeholder without a value, like
// retain of a subscription, comes as "undefined", "" or null.
func readQuestion(body []byte) (question, bool) {
	fields, ok := readObject(body)
	if !ok {
		return question{}, false
	}
	var q question
	for name, into := range map[string]*string{
		"clientid": &q.clientID, "username": &q.username, "password": &q.password,
		"action": &q.wants.action, "topic": &q.wants.topic,
	} {
		raw, there := fields[name]
		if there && json.Unmarshal(raw, into) != nil {
			return question{}, false
		}
	}
	q.wants.qos, q.wants.retain = unquoted(fields["qos"]), unquoted(fields["retain"])
	return q, true
}

// unquoted is the text of a JSON text, or a JSON value as it is written.
func unquoted(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil && len(raw) > 0 && raw[0] == '"' {
		return s
	}
	return string(raw)
}

// readObject reads one JSON object and nothing after it.
func readObject(body []byte) (map[string]json.RawMessage, bool) {
	if !utf8.Valid(body) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return nil, false
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		if _, twice := fields[name]; err != nil || !ok || twice {
			return nil, false
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, false
		}
		fields[name] = value
	}
	if end, err := dec.Token(); err != nil || end != json.Delim('}') {
		return nil, false
	}
	_, err := dec.Token()
	return fields, err == io.EOF
}
