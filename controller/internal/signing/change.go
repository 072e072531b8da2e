package signing

import (
	"errors"
	"fmt"
	"time"
)

// Why a change is refused. Each changes nothing.
var (
	// ErrConflict: somebody else changed the keys meanwhile. Look again.
	ErrConflict = errors.New("the signing keys were changed by somebody else meanwhile; look at them and try again")
	// ErrNoKey: there is no key of that id.
	ErrNoKey = errors.New("there is no such signing key")
	// ErrHasNext: Create makes one key at a time.
	ErrHasNext = errors.New("there is a next signing key already; rotate to it or retire it first")
	// ErrFull: the key set has no room for another.
	ErrFull = errors.New("the key set is full; retire old keys first")
	// ErrNoNext: Rotate needs a key that Create has made.
	ErrNoNext = errors.New("there is no next signing key; create one first")
	// ErrPending: the rotation is decided, and its time has not come.
	ErrPending = errors.New("the next signing key is already waiting for its time; force it to sign at once")
	// ErrActive: the key that signs cannot be retired.
	ErrActive = errors.New("the signing key is active; rotate to another first")
	// ErrInUse: what the key has signed may still be under way; or its time is so
	// near that a controller may begin to use it before it reads of the change.
	ErrInUse = errors.New("the signing key was in use a moment ago, or is about to be; wait, or force it out")
	// ErrRetired: it has left the set already, and cannot come back.
	ErrRetired = errors.New("the signing key is retired")
)

// ErrForged: the rows do not fit the sealed seeds. Somebody has changed the
// database; nothing is signed by what they say.
var ErrForged = errors.New("the signing keys in the database are not those that were made")

// Refused reports whether an error of Create, Rotate or Retire is a refusal,
// which the caller is to be told, and not a failure.
func Refused(err error) bool {
	for _, e := range []error{ErrConflict, ErrNoKey, ErrHasNext, ErrFull, ErrNoNext, ErrPending, ErrActive, ErrInUse, ErrRetired} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// maxKeys is how many keys one set may hold: one next, one active, and more
// retiring ones than anybody needs. A set stays far below protocol.MaxMessage.
const maxKeys = 8

// notice is how long before its time a key can still be called back without
// force: until then every controller has read of it.
const notice = RefreshEvery + readLimit

// nextVersion is the version of the set after a change (see the package
// comment: Why nothing forks and nothing goes back).
func (s Stored) nextVersion() uint64 { return max(s.Version+1, uint64(max(s.Now.Unix(), 0))) }

// mayCreate is the id of the key to create, or a refusal.
func (s Stored) mayCreate() (id string, err error) {
	if k, ok := s.next(); ok {
		return "", fmt.Errorf("%w: it is %s", ErrHasNext, k.ID)
	}
	if n := len(s.inSet()); n >= maxKeys {
		return "", fmt.Errorf("%w: it holds %d", ErrFull, n)
	}
	newest := int64(0)
	if n := len(s.Keys); n > 0 {
		newest, _ = number(s.Keys[n-1].ID)
	}
	return idOf(newest + 1), nil
}

// rotate gives the next key its time: delay after it joined the set, or now.
func (s Stored) rotate(delay time.Duration, force bool) (Key, error) {
	k, ok := s.next()
	switch {
	case !ok:
		return Key{}, ErrNoNext
	case !k.ActivatedAt.IsZero() && !force:
		return Key{}, fmt.Errorf("%w: %s signs from %s on", ErrPending, k.ID, clock(k.ActivatedAt))
	}
	k.ActivatedAt = s.Now
	if ready := k.CreatedAt.Add(delay); !force && ready.After(s.Now) {
		k.ActivatedAt = ready
	}
	return k, nil
}

// retire takes a key out of the set.
func (s Stored) retire(id string, grace time.Duration, force bool) (Key, error) {
	k, ok := s.find(id)
	if !ok {
		return Key{}, fmt.Errorf("%w: %.40q", ErrNoKey, id)
	}
	switch s.State(k) {
	case StateRetired:
		return Key{}, fmt.Errorf("%w: %s", ErrRetired, k.ID)
	case StateActive:
		return Key{}, fmt.Errorf("%w: %s", ErrActive, k.ID)
	case StateNext:
		if at := k.ActivatedAt; !at.IsZero() && !force && at.Sub(s.Now) < notice {
			return Key{}, fmt.Errorf("%w: %s signs from %s on", ErrInUse, k.ID, clock(at))
		}
		k.ActivatedAt = time.Time{} // it never signs
	case StateRetiring:
		if free := s.lastUse(k).Add(grace); !force && s.Now.Before(free) {
			return Key{}, fmt.Errorf("%w: %s may be retired from %s on", ErrInUse, k.ID, clock(free))
		}
	}
	k.RetiredAt = s.Now
	return k, nil
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }
