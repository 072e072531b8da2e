package protocol_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

func publics(names ...string) (all []ed25519.PublicKey) {
	for _, name := range names {
		all = append(all, protocoltest.Public(name))
	}
	return all
}

func many(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("online ", i))
	}
	return names
}

// TestKeySets: what the root signs is read back, to the version and the key;
// the same set is the same bytes, so that any number of controllers say the
// same.
func TestKeySets(t *testing.T) {
	t.Parallel()
	root := protocoltest.Key("root")
	for _, tt := range []struct {
		version uint64
		names   []string
	}{
		{1, []string{"online"}},
		{2, []string{"online", "next"}},
		{1_795_000_000, []string{"next"}},
		{1<<64 - 1, many(protocol.MaxOnlineKeys)},
	} {
		set, err := protocol.SignKeySet(root, tt.version, publics(tt.names...)...)
		if err != nil {
			t.Fatalf("%d keys: %v", len(tt.names), err)
		}
		if again, err := protocol.SignKeySet(root, tt.version, publics(tt.names...)...); err != nil || !bytes.Equal(again, set) {
			t.Errorf("the same set is not the same bytes: %v", err)
		}
		version, keys, err := protocol.OpenKeySet(set, protocoltest.Public("root"))
		if err != nil || version != tt.version || len(keys) != len(tt.names) {
			t.Fatalf("version %d of %d keys is read as version %d of %d: %v", tt.version, len(tt.names), version, len(keys), err)
		}
		for _, name := range tt.names {
			if !keys[protocoltest.Key(name).ID].Equal(protocoltest.Public(name)) {
				t.Errorf("key %s is not in the set", name)
			}
		}
	}
}

// TestKeySetsThatNobodySigns: a set that no terminal would take is not made.
func TestKeySetsThatNobodySigns(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		version uint64
		public  []ed25519.PublicKey
	}{
		{"of version 0", 0, publics("online")},
		{"without keys", 1, nil},
		{"with too many", 1, publics(many(protocol.MaxOnlineKeys + 1)...)},
		{"with a key twice", 1, publics("online", "online")},
		{"with half a key", 1, []ed25519.PublicKey{protocoltest.Public("online")[:16]}},
		{"with no key at all", 1, []ed25519.PublicKey{nil}},
	} {
		if set, err := protocol.SignKeySet(protocoltest.Key("root"), tt.version, tt.public...); err == nil {
			t.Errorf("a set %s is signed: %s", tt.name, set)
		}
	}
}

// TestForeignKeySets: only the root's own, untouched, in the form that we know.
// An online key cannot bring in another.
func TestForeignKeySets(t *testing.T) {
	t.Parallel()
	root := protocoltest.Public("root")
	good := protocol.KeySet{
		V: protocol.KeySetVersion, Type: protocol.TypeKeys, Version: 7,
		Keys: []protocol.OnlineKey{{ID: protocoltest.Key("online").ID, Public: protocoltest.Public("online")}},
	}
	sign := func(key protocol.SigningKey, p protocol.Purpose, change func(*protocol.KeySet)) []byte {
		set := good
		set.Keys = append([]protocol.OnlineKey(nil), good.Keys...)
		change(&set)
		b, err := key.Sign(p, set)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	same := func(*protocol.KeySet) {}
	renamed := protocoltest.Key("online")
	renamed.ID = protocoltest.Key("root").ID
	for _, tt := range []struct {
		name    string
		message []byte
		want    error
	}{
		{"the root's", sign(protocoltest.Key("root"), protocol.PurposeKeys, same), nil},
		{"by an online key of the set", sign(protocoltest.Key("online"), protocol.PurposeKeys, same), protocol.ErrUnknownKey},
		{"by an online key that calls itself root", sign(renamed, protocol.PurposeKeys, same), protocol.ErrSignature},
		{"by another root", sign(protocoltest.Key("thief"), protocol.PurposeKeys, same), protocol.ErrUnknownKey},
		{"the root's, for another purpose", sign(protocoltest.Key("root"), protocol.PurposeDown, same), protocol.ErrForm},
		{"a state", protocoltest.JWS("state-sale"), protocol.ErrForm},
		{"nothing", nil, protocol.ErrForm},
		{"of another form", sign(protocoltest.Key("root"), protocol.PurposeKeys, func(s *protocol.KeySet) { s.V++ }), protocol.ErrVersion},
		{"of no form", sign(protocoltest.Key("root"), protocol.PurposeKeys, func(s *protocol.KeySet) { s.V = 0 }), protocol.ErrVersion},
		{"of another type", sign(protocoltest.Key("root"), protocol.PurposeKeys, func(s *protocol.KeySet) { s.Type = protocol.TypeState }), protocol.ErrForm},
		{"of version 0", sign(protocoltest.Key("root"), protocol.PurposeKeys, func(s *protocol.KeySet) { s.Version = 0 }), protocol.ErrForm},
		{"without keys", sign(protocoltest.Key("root"), protocol.PurposeKeys, func(s *protocol.KeySet) { s.Keys = nil }), protocol.ErrForm},
		{"with a key under another's id", sign(protocoltest.Key("root"), protocol.PurposeKeys, func(s *protocol.KeySet) { s.Keys[0].Public = protocoltest.Public("thief") }), protocol.ErrForm},
		{"with half a key", sign(protocoltest.Key("root"), protocol.PurposeKeys, func(s *protocol.KeySet) { s.Keys[0].Public = s.Keys[0].Public[:16] }), protocol.ErrForm},
		{"with a key twice", sign(protocoltest.Key("root"), protocol.PurposeKeys, func(s *protocol.KeySet) { s.Keys = append(s.Keys, s.Keys[0]) }), protocol.ErrForm},
		{"with too many keys", sign(protocoltest.Key("root"), protocol.PurposeKeys, func(s *protocol.KeySet) {
			s.Keys = nil
			for _, name := range many(protocol.MaxOnlineKeys + 1) {
				s.Keys = append(s.Keys, protocol.OnlineKey{ID: protocoltest.Key(name).ID, Public: protocoltest.Public(name)})
			}
		}), protocol.ErrForm},
	} {
		version, keys, err := protocol.OpenKeySet(tt.message, root)
		if !errors.Is(err, tt.want) || (err == nil) != (version == 7 && len(keys) == 1) || err != nil && keys != nil {
			t.Errorf("%s: version %d, %d keys, %v; want %v", tt.name, version, len(keys), err, tt.want)
		}
	}
	message := sign(protocoltest.Key("root"), protocol.PurposeKeys, same)
	for i := range message {
		for bit := range 8 {
			bad := bytes.Clone(message)
			bad[i] ^= 1 << bit
			if _, keys, err := protocol.OpenKeySet(bad, root); err == nil {
				t.Fatalf("byte %d bit %d changed and still believed: %v", i, bit, keys)
			}
		}
	}
}

// TestKeySetsOutliveMessages: a set that was stored when the terminal messages
// were of another version still opens.
func TestKeySetsOutliveMessages(t *testing.T) {
	t.Parallel()
	const stored = `{"v":1,"type":"keys","version":1,"keys":[{"kid":"q_5PZSL3iy3-l8aK","x":"zFO6hO5YooAlZcsiq4K/rgjhGrjTrzgMwuBWRYD8QA4="}]}`
	message, err := protocoltest.Key("root").Sign(protocol.PurposeKeys, rawJSON(stored))
	if err != nil {
		t.Fatal(err)
	}
	version, keys, err := protocol.OpenKeySet(message, protocoltest.Public("root"))
	if err != nil || version != 1 || !keys[protocoltest.Key("online").ID].Equal(protocoltest.Public("online")) {
		t.Fatalf("the first set there ever was: version %d, %v, %v", version, keys, err)
	}
	if golden := protocoltest.JWS("keys"); !bytes.Equal(golden, message) {
		t.Errorf("it is written today as\n%s", golden)
	}
}

type rawJSON string

func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }
