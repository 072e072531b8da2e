package signing

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Info is what an operator sees of a key: never its private half. Times are the
// database's, and zero where it has not happened.
type Info struct {
	ID    string
	State State
	// KeyID is the kid that signatures name.
	KeyID string
	// PublicKey is 32 bytes of Ed25519, base64url without padding.
	PublicKey string
	CreatedAt time.Time
	// ActivatedAt is from when on it signs: of a next key, if at all, to come.
	ActivatedAt time.Time
	RetiredAt   time.Time
}

// info is a key as it is at the reading s.
func (s Stored) info(k Key) Info {
	return Info{
		ID: k.ID, State: s.State(k), KeyID: protocol.KeyID(k.Public),
		PublicKey: base64.RawURLEncoding.EncodeToString(k.Public),
		CreatedAt: k.CreatedAt, ActivatedAt: k.ActivatedAt, RetiredAt: k.RetiredAt,
	}
}

// List reads all keys that ever were, oldest first. It makes none.
func List(ctx context.Context, s Storage) ([]Info, error) {
	stored, err := read(ctx, s)
	if err != nil {
		return nil, err
	}
	var all []Info
	for _, k := range stored.Keys {
		all = append(all, stored.info(k))
	}
	return all, nil
}

// List is List of the ring's storage.
func (r *Ring) List(ctx context.Context) ([]Info, error) { return List(ctx, r.storage) }

// Create makes the next key and puts it into the key set, which controllers
// then send to every terminal. It returns ErrHasNext, ErrFull or ErrConflict
// where that cannot be.
func (r *Ring) Create(ctx context.Context) (Info, error) {
	stored, err := read(ctx, r.storage)
	if err != nil {
		return Info{}, err
	}
	id, err := stored.mayCreate()
	if err != nil {
		return Info{}, err
	}
	// A seed that a Create has left behind which then failed is used: it was
	// never in a set.
	key, err := r.make(ctx, id)
	if err != nil {
		return Info{}, err
	}
	return r.save(ctx, stored, Key{ID: id, Public: public(key), CreatedAt: stored.Now})
}

// Rotate gives the next key its time: Config.Delay after it was created, or now
// with force, which also brings a time forward that is still to come. It returns
// ErrNoNext, ErrPending or ErrConflict where that cannot be.
func (r *Ring) Rotate(ctx context.Context, force bool) (Info, error) {
	stored, err := read(ctx, r.storage)
	if err != nil {
		return Info{}, err
	}
	k, err := stored.rotate(r.config.Delay, force)
	if err != nil {
		return Info{}, err
	}
	return r.save(ctx, stored, k)
}

// Retire takes a key out of the set: one that is not used any more for
// Config.Grace, a next one whose time is not set or not near, or any that is not
// active with force. It returns ErrNoKey, ErrActive, ErrInUse, ErrRetired or
// ErrConflict where that cannot be.
func (r *Ring) Retire(ctx context.Context, id string, force bool) (Info, error) {
	stored, err := read(ctx, r.storage)
	if err != nil {
		return Info{}, err
	}
	k, err := stored.retire(id, r.config.Grace, force)
	if err != nil {
		return Info{}, err
	}
	return r.save(ctx, stored, k)
}

func read(ctx context.Context, s Storage) (Stored, error) {
	stored, err := s.SigningKeys(ctx)
	if err != nil {
		return Stored{}, err
	}
	return stored.sorted()
}

// save saves a key as it was decided on stored. This controller follows at once,
// where it can read the ring; else with the next reading, as the others do.
func (r *Ring) save(ctx context.Context, stored Stored, k Key) (Info, error) {
	if err := r.storage.SaveSigningKey(ctx, stored.Version, stored.nextVersion(), k); err != nil {
		return Info{}, err
	}
	_ = r.Refresh(ctx)
	return stored.with(k).info(k), nil
}
