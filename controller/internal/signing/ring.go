package signing

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Storage is what a ring asks of the database.
type Storage interface {
	// SigningKeys reads all keys, the set's version and the database's time, of
	// one moment.
	SigningKeys(ctx context.Context) (Stored, error)
	// SaveSigningKey adds a key, or changes ActivatedAt and RetiredAt of one that
	// is there, and raises the version from from to to; both, or nothing. It
	// returns ErrConflict where the version is not from.
	SaveSigningKey(ctx context.Context, from, to uint64, k Key) error
	// Secret opens a sealed secret.
	Secret(ctx context.Context, name string) ([]byte, error)
	// PutSecret keeps a secret unless there is one of that name, and returns the
	// one that is kept.
	PutSecret(ctx context.Context, name string, value []byte) (stored []byte, err error)
}

const (
	// RefreshEvery is how often every controller reads the ring anew.
	RefreshEvery = 2 * time.Second
	// DefaultDelay is how long a new key stands in the set before it signs.
	DefaultDelay = time.Minute
	// DefaultGrace is how long a key stays in the set after its last use.
	DefaultGrace = 10 * time.Minute

	// readLimit bounds one reading.
	readLimit = 10 * time.Second
)

// rootName is the secret of the root key.
const rootName = "root-key"

// Config is what a ring needs.
type Config struct {
	// Delay is the least time between Create and the first use of a key where a
	// rotation is not forced; 0 means DefaultDelay.
	Delay time.Duration
	// Grace is the least time between the last use of a key and its Retire where
	// that is not forced; 0 means DefaultGrace.
	Grace time.Duration
}

// Ring is the online keys as this controller knows them. It may be used by
// several goroutines.
type Ring struct {
	storage Storage
	config  Config
	root    protocol.SigningKey

	reading sync.Mutex // one reading at a time, so that none overtakes a newer

	mu      sync.Mutex
	now     *view
	changed chan struct{} // closed when the set changes
}

// view is one reading of the ring. It never changes.
type view struct {
	stored Stored
	read   time.Time // when stored.Now was, by this process's clock
	keys   map[string]protocol.SigningKey
	set    []byte
	jwks   []byte
}

// at is the database's time now, as far as it can be told.
func (v *view) at() time.Time { return v.stored.Now.Add(time.Since(v.read)) }

// Open reads the ring of a database. At the first start it makes the root key
// and online-key-1, which is active at once; several controllers may start
// together. It returns ErrForged where rows and seeds do not fit.
func Open(ctx context.Context, s Storage, c Config) (*Ring, error) {
	if c.Delay == 0 {
		c.Delay = DefaultDelay
	}
	if c.Grace == 0 {
		c.Grace = DefaultGrace
	}
	r := &Ring{storage: s, config: c, changed: make(chan struct{})}
	var err error
	if r.root, err = r.make(ctx, rootName); err != nil {
		return nil, err
	}
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	if err := r.Refresh(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// begin gives a database that has no ring its first key. A database of an older
// release has its seed already, and its terminals know it.
func (r *Ring) begin(ctx context.Context) error {
	stored, err := r.storage.SigningKeys(ctx)
	if err != nil {
		return err
	}
	if stored.Version > 0 || len(stored.Keys) > 0 {
		return nil
	}
	first, err := r.make(ctx, idOf(1))
	if err != nil {
		return err
	}
	err = r.storage.SaveSigningKey(ctx, 0, stored.nextVersion(), Key{
		ID: idOf(1), Public: public(first), CreatedAt: stored.Now, ActivatedAt: stored.Now,
	})
	if errors.Is(err, ErrConflict) {
		return nil // another controller was first
	}
	return err
}

// make makes the key of a name, or opens the one that was made before.
func (r *Ring) make(ctx context.Context, name string) (protocol.SigningKey, error) {
	_, fresh, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return protocol.SigningKey{}, err
	}
	seed, err := r.storage.PutSecret(ctx, name, fresh.Seed())
	if err != nil {
		return protocol.SigningKey{}, fmt.Errorf("%s: %w", name, err)
	}
	return keyOf(name, seed)
}

func keyOf(name string, seed []byte) (protocol.SigningKey, error) {
	if len(seed) != ed25519.SeedSize {
		return protocol.SigningKey{}, fmt.Errorf("%s: %d bytes, not a seed", name, len(seed))
	}
	return protocol.NewSigningKey(ed25519.NewKeyFromSeed(seed)), nil
}

func public(k protocol.SigningKey) ed25519.PublicKey { return k.Private.Public().(ed25519.PublicKey) }

// Run keeps the ring fresh until ctx ends. While the database is away the last
// reading stands. log is told of that, and of every new set.
func (r *Ring) Run(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(RefreshEvery)
	defer tick.Stop()
	key, _, version := r.Current()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := r.Refresh(ctx); err != nil && ctx.Err() == nil {
			log.Warn("signing keys could not be read; the last reading stands", "error", err)
		}
		if k, _, v := r.Current(); v != version || k.ID != key.ID {
			key, version = k, v
			log.Info("signing keys changed", "version", version, "kid", key.ID)
		}
	}
}

// Refresh reads the ring now. Where it returns an error, the last reading
// stands.
func (r *Ring) Refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	r.reading.Lock()
	defer r.reading.Unlock()
	stored, err := r.storage.SigningKeys(ctx)
	if err != nil {
		return err
	}
	next, err := r.look(ctx, stored)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if was := r.now; was != nil && was.stored.Version < stored.Version {
		close(r.changed)
		r.changed = make(chan struct{})
	}
	r.now = next
	return nil
}

// look makes a view of what is stored. r.reading is held.
func (r *Ring) look(ctx context.Context, stored Stored) (*view, error) {
	stored, err := stored.sorted()
	if err != nil {
		return nil, err
	}
	next := &view{stored: stored, read: time.Now(), keys: map[string]protocol.SigningKey{}}
	was := r.view()
	switch {
	case was == nil:
	case stored.Version < was.stored.Version:
		return nil, fmt.Errorf("the key set went back from version %d to %d: where the database was restored from a copy, create a signing key",
			was.stored.Version, stored.Version)
	case stored.Version == was.stored.Version: // only the time is news
		next.keys, next.set, next.jwks, next.stored.Keys = was.keys, was.set, was.jwks, was.stored.Keys
		return next, nil
	}
	var publics []ed25519.PublicKey
	for _, k := range stored.inSet() {
		key, known := protocol.SigningKey{}, false
		if was != nil {
			key, known = was.keys[k.ID]
			known = known && public(key).Equal(ed25519.PublicKey(k.Public)) // not of a database that is gone
		}
		if !known {
			seed, err := r.storage.Secret(ctx, k.ID)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k.ID, err)
			}
			if key, err = keyOf(k.ID, seed); err != nil {
				return nil, err
			}
		}
		if !public(key).Equal(ed25519.PublicKey(k.Public)) {
			return nil, fmt.Errorf("%w: %s has another public key", ErrForged, k.ID)
		}
		next.keys[k.ID] = key
		publics = append(publics, public(key))
	}
	if _, ok := stored.signer(stored.Now); !ok {
		return nil, fmt.Errorf("%w: none is active", ErrForged)
	}
	if next.set, err = protocol.SignKeySet(r.root, stored.Version, publics...); err != nil {
		return nil, err
	}
	next.jwks, err = jwks(publics)
	return next, err
}

// signer is the key that signs now.
func (v *view) signer() protocol.SigningKey {
	k, _ := v.stored.signer(v.at())
	return v.keys[k.ID]
}

func (r *Ring) view() *view {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// Current is the key to sign with now, the newest key set that this controller
// knows, signed by the root, and the set's version. The key stands in the set.
// The set must not be changed.
func (r *Ring) Current() (key protocol.SigningKey, set []byte, version uint64) {
	v := r.view()
	return v.signer(), v.set, v.stored.Version
}

// Signer is the key to sign with now. Ask for every signature anew.
func (r *Ring) Signer() protocol.SigningKey { return r.view().signer() }

// KeySet is the newest key set, signed by the root. It must not be changed.
func (r *Ring) KeySet() []byte { return r.view().set }

// JWKS is the newest key set as a JSON Web Key Set (RFC 7517, RFC 8037), for
// merchants who verify X-Galla-Signature. It must not be changed.
func (r *Ring) JWKS() []byte { return r.view().jwks }

// Root signs the key sets; terminals pin its public half.
func (r *Ring) Root() protocol.SigningKey { return r.root }

// Changed returns a channel that is closed when there is a newer key set. Take
// the channel first, then look at Current.
func (r *Ring) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}
