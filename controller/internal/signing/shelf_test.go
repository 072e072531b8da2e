package signing_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/signing"
	"github.com/galla-pay/galla/controller/internal/storagetest"
	"github.com/galla-pay/galla/protocol"
)

// shelf is a storage that forgets. It keeps the contract that both databases
// keep, can be away, and can be restored from a copy.
type shelf struct {
	mu   sync.Mutex
	away bool
	rows shelfRows
}

type shelfRows struct {
	version uint64
	keys    map[string]signing.Key
	secrets map[string][]byte
}

func newShelf() *shelf {
	return &shelf{rows: shelfRows{keys: map[string]signing.Key{}, secrets: map[string][]byte{}}}
}

var errAway = errors.New("the database is away")

func (s *shelf) lock() (unlock func(), err error) {
	s.mu.Lock()
	if s.away {
		s.mu.Unlock()
		return nil, errAway
	}
	return s.mu.Unlock, nil
}

func (s *shelf) setAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

func (s *shelf) SigningKeys(context.Context) (signing.Stored, error) {
	unlock, err := s.lock()
	if err != nil {
		return signing.Stored{}, err
	}
	defer unlock()
	return signing.Stored{
		Version: s.rows.version, Keys: slices.Collect(maps.Values(s.rows.keys)), Now: time.Now().UTC().Truncate(time.Microsecond),
	}, nil
}

func (s *shelf) SaveSigningKey(_ context.Context, from, to uint64, k signing.Key) error {
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if !validText(k.ID) {
		return journal.ErrText
	}
	if s.rows.version != from || to <= from {
		return signing.ErrConflict
	}
	if was, ok := s.rows.keys[k.ID]; ok {
		was.ActivatedAt, was.RetiredAt = k.ActivatedAt, k.RetiredAt
		k = was
	}
	s.rows.version, s.rows.keys[k.ID] = to, k
	return nil
}

func validText(s string) bool {
	return !slices.ContainsFunc([]rune(s), func(r rune) bool { return r == 0 || r == '\uFFFD' })
}

func (s *shelf) Secret(_ context.Context, name string) ([]byte, error) {
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	secret, ok := s.rows.secrets[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, journal.ErrNotFound)
	}
	return secret, nil
}

func (s *shelf) PutSecret(_ context.Context, name string, value []byte) ([]byte, error) {
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, ok := s.rows.secrets[name]; !ok {
		s.rows.secrets[name] = value
	}
	return s.rows.secrets[name], nil
}

// copy is a copy of the database; restore puts it back.
func (s *shelf) copy() shelfRows {
	s.mu.Lock()
	defer s.mu.Unlock()
	return shelfRows{s.rows.version, maps.Clone(s.rows.keys), maps.Clone(s.rows.secrets)}
}

func (s *shelf) restore(rows shelfRows) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = rows
}

func TestShelfIsAStorage(t *testing.T) {
	t.Parallel()
	storagetest.SigningKeys(t, func(*testing.T) signing.Storage { return newShelf() })
}

// terminal follows key sets as the agent does: it has pinned the root, takes no
// set that is not newer than its own, and believes what a key of its set has
// signed.
type terminal struct {
	root    ed25519.PublicKey
	version uint64
	keys    protocol.PublicKeys
}

// follow takes a key set, and returns an error for one that the root has not
// signed.
func (x *terminal) follow(set []byte) error {
	version, keys, err := protocol.OpenKeySet(set, x.root)
	if err == nil && version > x.version {
		x.version, x.keys = version, keys
	}
	return err
}

// believes returns why the terminal does not believe what key has signed.
func (x *terminal) believes(key protocol.SigningKey) error {
	message, err := key.Sign(protocol.PurposeDown, "state")
	if err != nil {
		return err
	}
	_, err = x.keys.Open(message, protocol.PurposeDown)
	return err
}

func rootOf(r *signing.Ring) ed25519.PublicKey { return r.Root().Private.Public().(ed25519.PublicKey) }
