package signing

import (
	"cmp"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// State is where a key is in its life.
type State string

// The states. Values are in answers of the admin API: never change one.
const (
	StateNext     State = "next"     // in the set, signs nothing yet
	StateActive   State = "active"   // signs
	StateRetiring State = "retiring" // has signed; in the set for what is under way
	StateRetired  State = "retired"  // left the set
)

// Key is an online key as a storage keeps it: facts alone. The zero time means
// that it has not happened.
type Key struct {
	// ID is "online-key-1", "online-key-2" ... without end, also the name under
	// which the private seed is kept as a secret.
	ID string
	// Public is 32 bytes of Ed25519.
	Public []byte
	// CreatedAt is when it joined the set.
	CreatedAt time.Time
	// ActivatedAt is from when on it signs, which may be still to come.
	ActivatedAt time.Time
	// RetiredAt is when it left the set.
	RetiredAt time.Time
}

// Stored is all that a storage keeps of the ring, read at one moment.
type Stored struct {
	// Version of the key set; 0 where there never was one.
	Version uint64
	// Keys are all keys that ever were. A storage returns them in any order; all
	// else here has them sorted by number.
	Keys []Key
	// Now is the database's time.
	Now time.Time
}

const idPrefix = "online-key-"

// number is the N of "online-key-N", from 1 on; ok is false for any other id.
func number(id string) (n int64, ok bool) {
	digits, found := strings.CutPrefix(id, idPrefix)
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, found && err == nil && n > 0 && idOf(n) == id
}

func idOf(n int64) string { return idPrefix + strconv.FormatInt(n, 10) }

// sorted puts the keys into the order of their numbers, and refuses rows that
// are no keys of a ring.
func (s Stored) sorted() (Stored, error) {
	s.Keys = slices.Clone(s.Keys)
	for _, k := range s.Keys {
		if _, ok := number(k.ID); !ok || len(k.Public) != ed25519.PublicKeySize || k.CreatedAt.IsZero() {
			return Stored{}, fmt.Errorf("%w: row %.40q is no key", ErrForged, k.ID)
		}
	}
	slices.SortFunc(s.Keys, func(a, b Key) int {
		n, _ := number(a.ID)
		m, _ := number(b.ID)
		return cmp.Compare(n, m)
	})
	return s, nil
}

// inSet are the keys that have not left the set.
func (s Stored) inSet() (keys []Key) {
	for _, k := range s.Keys {
		if k.RetiredAt.IsZero() {
			keys = append(keys, k)
		}
	}
	return keys
}

// signer is the key that signs at a moment: of those in the set the newest whose
// time has come. Rotations go from number to number, so the numbers say which is
// newer, whatever the database's clock did. Where by a clock that was set back
// no key's time has come, it is the first that has one. ok is false where none
// has.
func (s Stored) signer(at time.Time) (signer Key, ok bool) {
	for _, k := range s.inSet() {
		if !k.ActivatedAt.IsZero() && (!ok || !k.ActivatedAt.After(at)) {
			signer, ok = k, true
		}
	}
	return signer, ok
}

// State is a key's state at the moment of the reading.
func (s Stored) State(k Key) State {
	signer, _ := s.signer(s.Now)
	n, _ := number(k.ID)
	signs, _ := number(signer.ID)
	switch {
	case !k.RetiredAt.IsZero():
		return StateRetired
	case n == signs:
		return StateActive
	case n > signs:
		return StateNext
	}
	return StateRetiring
}

// find is the key with that id.
func (s Stored) find(id string) (Key, bool) {
	i := slices.IndexFunc(s.Keys, func(k Key) bool { return k.ID == id })
	if i < 0 {
		return Key{}, false
	}
	return s.Keys[i], true
}

// next is the key in state next; there is never more than one.
func (s Stored) next() (Key, bool) {
	i := slices.IndexFunc(s.Keys, func(k Key) bool { return s.State(k) == StateNext })
	if i < 0 {
		return Key{}, false
	}
	return s.Keys[i], true
}

// lastUse is when a retiring key was relieved by the next.
func (s Stored) lastUse(k Key) time.Time {
	n, _ := number(k.ID)
	for _, other := range s.Keys {
		if m, _ := number(other.ID); m > n && !other.ActivatedAt.IsZero() {
			return other.ActivatedAt
		}
	}
	return s.Now
}

// with is the reading with one key as it is now.
func (s Stored) with(k Key) Stored {
	s.Keys = slices.Clone(s.Keys)
	if i := slices.IndexFunc(s.Keys, func(o Key) bool { return o.ID == k.ID }); i >= 0 {
		s.Keys[i] = k
	} else {
		s.Keys = append(s.Keys, k)
	}
	return s
}
