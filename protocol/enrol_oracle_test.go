package protocol_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
)

var (
	codeForm = regexp.MustCompile(`^[ -]*([2-9A-HJ-NP-Za-hj-np-z][ -]*){12}$`)
	jwsForm  = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)
)

// plain is a code without gaps and in capitals, "" where text is none.
func plain(text string) string {
	if len(text) > 48 || !codeForm.MatchString(text) {
		return ""
	}
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(text))
}

// signedByHand verifies a proof with the standard library alone, and returns
// the plain code that it is for, or "".
func signedByHand(key []byte, proof string) string {
	if len(key) != ed25519.PublicKeySize || len(proof) > 16<<10 || !jwsForm.MatchString(proof) {
		return ""
	}
	parts := strings.Split(proof, ".")
	var raw [3][]byte
	for i, p := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.Strict().DecodeString(p); err != nil {
			return ""
		}
	}
	var head map[string]any
	if json.Unmarshal(raw[0], &head) != nil {
		return ""
	}
	sum := sha256.Sum256(key)
	if head["alg"] != "EdDSA" || head["typ"] != "galla-enrol" || head["kid"] != base64.RawURLEncoding.EncodeToString(sum[:])[:16] {
		return ""
	}
	if !ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), raw[2]) {
		return ""
	}
	var body struct {
		V    int    `json:"v"`
		Code string `json:"code"`
	}
	if json.Unmarshal(raw[1], &body) != nil || body.V != 1 {
		return ""
	}
	return plain(body.Code)
}
