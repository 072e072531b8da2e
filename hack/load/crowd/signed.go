package crowd

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/galla-pay/galla/protocol"
)

// signer signs what a terminal says. It makes what protocol.SigningKey makes, with
// the part that is always the same made once: ten thousand terminals are one
// processor's work here, beside the controller that is measured.
type signer struct {
	key  ed25519.PrivateKey
	head []byte // the encoded header, with the dot
}

func newSigner(key protocol.SigningKey) (signer, error) {
	head, err := json.Marshal(map[string]string{"alg": "EdDSA", "kid": key.ID, "typ": string(protocol.PurposeUp)})
	if err != nil {
		return signer{}, err
	}
	return signer{key.Private, append(base64.RawURLEncoding.AppendEncode(nil, head), '.')}, nil
}

// sign puts a message into a compact JWS.
func (s signer) sign(message any) ([]byte, error) {
	payload, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	jws := base64.RawURLEncoding.AppendEncode(append(make([]byte, 0, len(s.head)+2*len(payload)+100), s.head...), payload)
	sum := ed25519.Sign(s.key, jws)
	return base64.RawURLEncoding.AppendEncode(append(jws, '.'), sum), nil
}

var errNotJWS = errors.New("a message from above is no compact JWS")

// peek reads a message from above without a look at its signature. A key set has no
// use for whoever does not check signatures.
func peek(message []byte) (state protocol.State, isState bool, err error) {
	parts := bytes.SplitN(message, []byte("."), 4)
	if len(parts) != 3 {
		return state, false, errNotJWS
	}
	payload, err := base64.RawURLEncoding.AppendDecode(nil, parts[1])
	if err != nil {
		return state, false, errNotJWS
	}
	if err := json.Unmarshal(payload, &state); err != nil {
		return state, false, fmt.Errorf("a message from above: %w", err)
	}
	return state, state.Type == protocol.TypeState, nil
}

// trust is what a terminal that checks signatures believes.
type trust struct {
	root    ed25519.PublicKey
	version uint64
	keys    protocol.PublicKeys
}

// open is peek with the signature checked, by the newest key set of the root key.
func (t *trust) open(message []byte, id protocol.Identity) (state protocol.State, isState bool, err error) {
	if protocol.PurposeOf(message) != protocol.PurposeKeys {
		state, err = protocol.OpenState(message, t.keys, id)
		return state, err == nil, err
	}
	version, keys, err := protocol.OpenKeySet(message, t.root)
	if err == nil && version >= t.version {
		t.version, t.keys = version, keys
	}
	return state, false, err
}
