package protocol

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
)

// KeySet is the online keys that may sign states. Only the root key, which a
// terminal pins when it enrols, can sign one: an online key cannot bring in
// another (DESIGN section 4).
type KeySet struct {
	V    int  `json:"v"`
	Type Type `json:"type"`
	// Version rises with every set. A terminal never goes back to a lower one.
	Version uint64      `json:"version"`
	Keys    []OnlineKey `json:"keys"`
}

// OnlineKey is one key of the set. There are no times in it: a terminal's
// clock is not to be believed, so a key ends by leaving the set.
type OnlineKey struct {
	ID     string `json:"kid"`
	Public []byte `json:"x"` // 32 bytes, base64 in JSON
}

// SignKeySet signs a set with the root key.
func SignKeySet(root SigningKey, version uint64, public ...ed25519.PublicKey) ([]byte, error) {
	set := KeySet{V: Version, Type: TypeKeys, Version: version}
	for _, p := range public {
		set.Keys = append(set.Keys, OnlineKey{ID: KeyID(p), Public: p})
	}
	return root.Sign(PurposeKeys, set)
}

// OpenKeySet verifies a set against the pinned root key and returns its
// version and its keys.
func OpenKeySet(message []byte, root ed25519.PublicKey) (version uint64, keys PublicKeys, err error) {
	payload, err := PublicKeys{KeyID(root): root}.Open(message, PurposeKeys)
	if err != nil {
		return 0, nil, err
	}
	var set KeySet
	if err := json.Unmarshal(payload, &set); err != nil {
		return 0, nil, fmt.Errorf("%w: %v", ErrForm, err)
	}
	if set.V != Version {
		return 0, nil, fmt.Errorf("%w: %d, we speak %d", ErrVersion, set.V, Version)
	}
	if set.Type != TypeKeys || len(set.Keys) == 0 {
		return 0, nil, fmt.Errorf("%w: not a key set", ErrForm)
	}
	keys = PublicKeys{}
	for _, k := range set.Keys {
		if len(k.Public) != ed25519.PublicKeySize || KeyID(k.Public) != k.ID {
			return 0, nil, fmt.Errorf("%w: key %q", ErrForm, k.ID)
		}
		keys[k.ID] = k.Public
	}
	return set.Version, keys, nil
}
