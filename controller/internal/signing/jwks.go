package signing

import (
	"crypto/ed25519"
	"encoding/json"

	"github.com/go-jose/go-jose/v4"

	"github.com/galla-pay/galla/protocol"
)

// jwks writes public keys as a JSON Web Key Set. The ids are those that
// signatures name as kid.
func jwks(publics []ed25519.PublicKey) ([]byte, error) {
	var set jose.JSONWebKeySet
	for _, p := range publics {
		set.Keys = append(set.Keys, jose.JSONWebKey{
			Key: p, KeyID: protocol.KeyID(p), Algorithm: string(jose.EdDSA), Use: "sig",
		})
	}
	return json.Marshal(set)
}
