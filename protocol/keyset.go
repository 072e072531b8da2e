package protocol

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
)

// KeySetVersion is the version of a key set's form. It is not that of the
// terminal messages: a set lies on a terminal's disk for months, and must open
// after an update of the terminal that has taught it newer messages. Otherwise
// somebody would have to visit it.
const KeySetVersion = 1

// MaxOnlineKeys is the most keys that one set holds.
const MaxOnlineKeys = 32

// KeySet is the online keys that may sign states. Only the root key, which a
// terminal pins when it enrols, can sign one: an online key cannot bring in
// another (DESIGN section 4).
type KeySet struct {
	V    int  `json:"v"`
	Type Type `json:"type"`
	// Version rises with every set and is above 0. A terminal never goes back to
	// a lower one, not even after a reboot.
	Version uint64      `json:"version"`
	Keys    []OnlineKey `json:"keys"`
}

// OnlineKey is one key of the set. There are no times in it: a terminal's
// clock is not to be believed, so a key ends by leaving the set.
type OnlineKey struct {
	ID     string `json:"kid"`
	Public []byte `json:"x"` // 32 bytes, base64 in JSON
}

// SignKeySet signs a set with the root key. The same root, version and keys in
// the same order give the same bytes. It returns an error for a set that no
// terminal would take: of version 0, without keys, with more than
// MaxOnlineKeys, or with a key that is no Ed25519 key or stands in it twice.
func SignKeySet(root SigningKey, version uint64, public ...ed25519.PublicKey) ([]byte, error) {
	set := KeySet{V: KeySetVersion, Type: TypeKeys, Version: version}
	for _, p := range public {
		set.Keys = append(set.Keys, OnlineKey{ID: KeyID(p), Public: p})
	}
	if _, err := set.keys(); err != nil {
		return nil, fmt.Errorf("sign key set: %w", err)
	}
	return root.Sign(PurposeKeys, set)
}

// OpenKeySet verifies a set against the pinned root key and returns its
// version and its keys. It does not know which version the terminal has: the
// caller refuses what is not higher.
func OpenKeySet(message []byte, root ed25519.PublicKey) (version uint64, keys PublicKeys, err error) {
	payload, err := PublicKeys{KeyID(root): root}.Open(message, PurposeKeys)
	if err != nil {
		return 0, nil, err
	}
	var set KeySet
	if err := json.Unmarshal(payload, &set); err != nil {
		return 0, nil, fmt.Errorf("%w: %v", ErrForm, err)
	}
	if set.V != KeySetVersion {
		return 0, nil, fmt.Errorf("%w: key set of form %d, we know %d", ErrVersion, set.V, KeySetVersion)
	}
	if keys, err = set.keys(); err != nil {
		return 0, nil, fmt.Errorf("%w: %v", ErrForm, err)
	}
	return set.Version, keys, nil
}

// keys are the set's keys by id, or what is wrong with the set.
func (s KeySet) keys() (PublicKeys, error) {
	switch {
	case s.Type != TypeKeys:
		return nil, errors.New("not a key set")
	case s.Version == 0:
		return nil, errors.New("key set of version 0")
	case len(s.Keys) == 0:
		return nil, errors.New("key set without keys")
	case len(s.Keys) > MaxOnlineKeys:
		return nil, fmt.Errorf("key set of %d keys, at most %d", len(s.Keys), MaxOnlineKeys)
	}
	keys := PublicKeys{}
	for _, k := range s.Keys {
		if len(k.Public) != ed25519.PublicKeySize || KeyID(k.Public) != k.ID {
			return nil, fmt.Errorf("key %.32q is not what it is called", k.ID)
		}
		if keys[k.ID] != nil {
			return nil, fmt.Errorf("key %q twice", k.ID)
		}
		keys[k.ID] = k.Public
	}
	return keys, nil
}
