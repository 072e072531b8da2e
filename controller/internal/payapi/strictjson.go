package payapi

import (
	"encoding/json"

	"github.com/galla-pay/galla/controller/internal/strictjson"
)

// maxDepth bounds nesting; no request has more than three levels.
const maxDepth = 16

// object is a JSON object whose keys are compared exactly. Unknown keys are kept;
// who reads the object ignores them.
type object map[string]json.RawMessage

func parseObject(text []byte) (object, error) {
	o, err := strictjson.Parse(text, maxDepth)
	return o.Fields, err
}
