package deviceapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/galla-pay/galla/controller/internal/strictjson"
	"github.com/galla-pay/galla/protocol"
)

// errNotRequest is said of everything that is not an enrolment by code.
var errNotRequest = errors.New("must be a JSON object of the texts code, publicKey and proof, each once")

// readCodeRequest reads one JSON object of exactly three texts and refuses what
// two parsers could read in two ways: bad UTF-8, a key given twice or in other
// letters, an unknown key, a second value (failure matrix T11).
func readCodeRequest(text []byte) (protocol.EnrolCodeRequest, error) {
	var r protocol.EnrolCodeRequest
	if !utf8.Valid(text) {
		return r, errors.New("is not UTF-8")
	}
	fields, err := readTexts(text)
	if err != nil {
		return r, err
	}
	for _, name := range []string{"code", "publicKey", "proof"} {
		if _, ok := fields[name]; !ok {
			return r, fmt.Errorf("%w: there is no %s", errNotRequest, name)
		}
	}
	if len(fields) != 3 {
		return r, errNotRequest
	}
	r.Code, r.Proof = protocol.EnrolCode(fields["code"]), fields["proof"]
	key := fields["publicKey"]
	// The decoder would pass over line breaks.
	if r.PublicKey, err = base64.StdEncoding.Strict().DecodeString(key); err != nil || strings.ContainsAny(key, "\r\n") {
		return protocol.EnrolCodeRequest{}, errors.New("has a publicKey that is not base64")
	}
	return r, nil
}

// readTexts reads one flat JSON object whose values are texts.
func readTexts(text []byte) (map[string]string, error) {
	object, err := strictjson.Parse(text, 1)
	if err != nil {
		return nil, errNotRequest
	}
	fields := map[string]string{}
	for key, raw := range object.Fields {
		var value string
		if raw[0] != '"' || json.Unmarshal(raw, &value) != nil {
			return nil, errNotRequest
		}
		fields[key] = value
	}
	return fields, nil
}
