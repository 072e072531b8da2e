package mqttlink

import (
	"context"
	"errors"
	"sync"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/protocol"
)

// errOldKey: the terminal has another key than its message is signed with, or is
// shut out. Another controller may have enrolled it anew, and tells nobody
// (failure matrix I11).
var errOldKey = errors.New("the key is not the terminal's any more")

// signed is a decision that a terminal asks for by a signed message. Which key a
// terminal has is looked at with its row locked, so that a key which is remembered
// is never believed for longer than it is good, whichever controller replaced it.
type signed[A any] struct {
	decide.Decision[A]
	by  protocol.Identity
	key string // its id
}

// signedBy is d, asked for by a terminal with a key. d needs the terminal's row.
func signedBy[A any](by protocol.Identity, key string, d decide.Decision[A]) signed[A] {
	return signed[A]{d, by, key}
}

// Decide implements decide.Decision.
func (s signed[A]) Decide(tx *decide.Tx) (A, error) {
	if t, there := tx.Terminal(s.by); there && (!t.Active || !t.Enrolled() || protocol.KeyID(t.PublicKey) != s.key) {
		var none A
		return none, errOldKey
	}
	return s.Decision.Decide(tx)
}

// keyring remembers the terminals' public keys, one for each terminal that there
// is at most. A message whose key is not there has it read again: the terminal
// may have enrolled anew.
type keyring struct {
	reader Reader
	mu     sync.Mutex
	keys   map[protocol.Identity]protocol.PublicKeys
}

func newKeyring(r Reader) *keyring {
	return &keyring{reader: r, keys: map[protocol.Identity]protocol.PublicKeys{}}
}

// changed forgets the key of a terminal that has another one now.
func (k *keyring) changed(t fleet.Terminal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, ok := k.keys[t.Identity]; ok && (!t.Active || known[protocol.KeyID(t.PublicKey)] == nil) {
		delete(k.keys, t.Identity)
	}
}

func (k *keyring) forget(id protocol.Identity) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.keys, id)
}

// open verifies a message and returns it with the id of its key.
func (k *keyring) open(ctx context.Context, m inbound) (protocol.Up, string, error) {
	k.mu.Lock()
	known, ok := k.keys[m.id]
	k.mu.Unlock()
	if ok {
		up, err := protocol.OpenUp(m.payload, known, m.id)
		if !errors.Is(err, protocol.ErrUnknownKey) {
			return up, only(known), err
		}
	}
	t, err := k.reader.Terminal(ctx, m.id)
	if err != nil {
		return protocol.Up{}, "", err
	}
	if !t.Enrolled() || !t.Active {
		k.forget(m.id)
		return protocol.Up{}, "", protocol.ErrUnknownKey
	}
	known = protocol.PublicKeys{protocol.KeyID(t.PublicKey): t.PublicKey}
	k.mu.Lock()
	k.keys[m.id] = known
	k.mu.Unlock()
	up, err := protocol.OpenUp(m.payload, known, m.id)
	return up, only(known), err
}

// only is the id of the one key.
func only(keys protocol.PublicKeys) (id string) {
	for id = range keys {
	}
	return id
}
