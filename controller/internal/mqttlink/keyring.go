package mqttlink

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/gather"
	"github.com/galla-pay/galla/controller/internal/journal"
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
	rows *gather.Gather[protocol.Identity, *fleet.Terminal] // nil: there is none
	// checks has a token for each signature that is looked at: there is no use in more
	// at once than processors, and whoever waits for one, the journal's writers too,
	// would wait for all of them.
	checks chan struct{}

	mu   sync.Mutex
	keys map[protocol.Identity]protocol.PublicKeys
}

func newKeyring(r Reader) *keyring {
	return &keyring{rows: gather.New(rowsOf(r)), checks: make(chan struct{}, runtime.GOMAXPROCS(0)), keys: map[protocol.Identity]protocol.PublicKeys{}}
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
		up, err := k.check(m, known)
		if !errors.Is(err, protocol.ErrUnknownKey) {
			return up, only(known), err
		}
	}
	t, err := k.read(ctx, m.id)
	if err != nil {
		return protocol.Up{}, "", err
	}
	if !t.Enrolled() || !t.Active {
		return protocol.Up{}, "", protocol.ErrUnknownKey
	}
	known = publicKeys(t)
	up, err := k.check(m, known)
	return up, only(known), err
}

// check verifies a message by keys.
func (k *keyring) check(m inbound, by protocol.PublicKeys) (protocol.Up, error) {
	k.checks <- struct{}{}
	defer func() { <-k.checks }()
	return protocol.OpenUp(m.payload, by, m.id)
}

func publicKeys(t fleet.Terminal) protocol.PublicKeys {
	return protocol.PublicKeys{protocol.KeyID(t.PublicKey): t.PublicKey}
}

// read reads a terminal's row, and remembers its key, if it may have one.
func (k *keyring) read(ctx context.Context, id protocol.Identity) (fleet.Terminal, error) {
	found, err := k.rows.Ask(ctx, id)
	if err == nil && found == nil {
		err = journal.ErrNotFound
	}
	if err != nil {
		return fleet.Terminal{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if found.Active && found.Enrolled() {
		k.keys[id] = publicKeys(*found)
	} else {
		delete(k.keys, id)
	}
	return *found, nil
}

// rowsOf reads terminals' rows, each in its place; nil where there is none. One alone
// costs the least statement there is.
func rowsOf(r Reader) func(context.Context, []protocol.Identity) ([]*fleet.Terminal, error) {
	return func(ctx context.Context, ids []protocol.Identity) ([]*fleet.Terminal, error) {
		rows := make([]*fleet.Terminal, len(ids))
		if len(ids) == 1 {
			t, err := r.Terminal(ctx, ids[0])
			switch {
			case err == nil:
				rows[0] = &t
			case errors.Is(err, journal.ErrNotFound):
				err = nil
			}
			return rows, err
		}
		wanted, err := r.Wanted(ctx, ids)
		if err != nil {
			return nil, err
		}
		found := make(map[protocol.Identity]*fleet.Terminal, len(wanted))
		for i := range wanted {
			found[wanted[i].Terminal.Identity] = &wanted[i].Terminal
		}
		for i, id := range ids {
			rows[i] = found[id]
		}
		return rows, nil
	}
}

// only is the id of the one key.
func only(keys protocol.PublicKeys) (id string) {
	for id = range keys {
	}
	return id
}
