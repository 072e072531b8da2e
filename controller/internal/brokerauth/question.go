package brokerauth

import (
	"encoding/json"

	"github.com/galla-pay/galla/controller/internal/strictjson"
)

// maxDepth bounds nesting; a question is flat.
const maxDepth = 4

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
	object, err := strictjson.Parse(body, maxDepth)
	if err != nil {
		return question{}, false
	}
	fields := object.Fields
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
