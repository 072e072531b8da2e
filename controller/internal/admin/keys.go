package admin

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/xverify"
)

// The overlap of a rotation: how long the old keys still sign, in seconds.
const (
	DefaultOverlap = 24 * 3600
	MaxOverlap     = 90 * 24 * 3600
)

// A salt key that is given has at least this many characters, at most maxSecret.
const (
	minSecret = 16
	maxSecret = 256
)

// maxKeys is how many keys an owner may have that have not ended.
const maxKeys = 8

// SaltKey is a key of a merchant or provider as it is shown: never its secret.
type SaltKey struct {
	Owner string `json:"owner"`
	Index string `json:"index"`
	// State is "live", "pending" (not yet), or "ended".
	State     string     `json:"state"`
	NotBefore *time.Time `json:"notBefore,omitempty"`
	NotAfter  *time.Time `json:"notAfter,omitempty"`
}

// MadeKey is a key that was made, with its secret: the only time it is told.
type MadeKey struct {
	SaltKey
	Secret merchant.Secret `json:"secret"`
	// Ending are the keys that a rotation gave an end.
	Ending []SaltKey `json:"ending,omitempty"`
}

// NewKey is a key to be made.
type NewKey struct {
	Owner string `json:"owner"`
	// Index is 1 to 999999; 0 is the one after the highest.
	Index int64 `json:"index"`
	// NotBefore and NotAfter bound its use, in RFC 3339; "" does not.
	NotBefore string `json:"notBefore"`
	NotAfter  string `json:"notAfter"`
	// Secret is the owner's own; "" has one drawn. Only the command line gives
	// one: it does not belong into a request.
	Secret merchant.Secret `json:"-"`
}

// Rotation says how keys are rotated.
type Rotation struct {
	// OverlapSeconds is how long the old keys still sign, 0 to 90 days; nil is a
	// day.
	OverlapSeconds *int64 `json:"overlapSeconds"`
	// Secret is NewKey's.
	Secret merchant.Secret `json:"-"`
}

func viewKey(now time.Time) func(merchant.SaltKey) SaltKey {
	return func(k merchant.SaltKey) SaltKey {
		v := SaltKey{Owner: k.Owner, Index: k.Index, State: "live", NotBefore: shown(k.NotBefore), NotAfter: shown(k.NotAfter)}
		switch {
		case ended(k, now):
			v.State = "ended"
		case now.Before(k.NotBefore):
			v.State = "pending"
		}
		return v
	}
}

func ended(k merchant.SaltKey, now time.Time) bool {
	return !k.NotAfter.IsZero() && !now.Before(k.NotAfter)
}

// secretOr draws a secret where none is given.
func secretOr(given merchant.Secret) merchant.Secret {
	if given != "" {
		return given
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	return merchant.Secret(hex.EncodeToString(random[:]))
}

func (c *checks) secret(secret merchant.Secret) {
	text := string(secret)
	odd := strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f })
	c.that(text == "" || len(text) >= minSecret && len(text) <= maxSecret && !odd, "secret", "must be 16 to 256 characters of printable ASCII without spaces")
}

func (c *checks) instant(field, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	at = at.UTC().Truncate(time.Microsecond)
	c.that(err == nil && at.Year() >= 2000 && at.Year() < 3000, field, "must be a time such as 2027-01-31T18:30:00Z")
	return at
}

// CreateKey makes a salt key of a merchant or a provider, beside those that there
// are.
func (s *Service) CreateKey(ctx context.Context, by By, in NewKey) (MadeKey, error) {
	var c checks
	c.id("owner", in.Owner)
	c.that(in.Index >= 0 && in.Index <= xverify.MaxIndex, "index", "must be 1 to 999999, or 0 for the next")
	key := merchant.SaltKey{Owner: in.Owner, NotBefore: c.instant("notBefore", in.NotBefore), NotAfter: c.instant("notAfter", in.NotAfter)}
	c.that(key.NotAfter.IsZero() || key.NotBefore.Before(key.NotAfter), "notAfter", "must come after notBefore")
	c.secret(in.Secret)
	if c.err != nil {
		return MadeKey{}, c.err
	}
	key.Secret = secretOr(in.Secret)
	return s.makeKey(ctx, by, key, "key.create", func(snap record.Snapshot, changes *record.Changes) error {
		index := in.Index
		if index == 0 {
			index = nextIndex(snap.Keys[in.Owner])
		}
		key := &changes.NewKeys[0]
		key.Index = strconv.FormatInt(index, 10)
		for _, k := range snap.Keys[in.Owner] {
			if k.Index == key.Index {
				return Exists("key " + path(key.Owner, key.Index))
			}
		}
		if ended(*key, snap.Now) {
			return Invalid("notAfter", "is past")
		}
		return nil
	})
}

// RotateKey makes the owner's next key, live at once, and gives the live ones an
// end, so that both sign for a while.
func (s *Service) RotateKey(ctx context.Context, by By, owner string, r Rotation) (MadeKey, error) {
	if !protocol.ValidID(owner, MaxID) {
		return MadeKey{}, NotFound("such merchant or provider")
	}
	overlap := int64(DefaultOverlap)
	set(&overlap, r.OverlapSeconds)
	var c checks
	c.that(overlap >= 0 && overlap <= MaxOverlap, "overlapSeconds", "must be 0 to 7776000 seconds, which is 90 days")
	c.secret(r.Secret)
	if c.err != nil {
		return MadeKey{}, c.err
	}
	key := merchant.SaltKey{Owner: owner, Secret: secretOr(r.Secret)}
	made, err := s.makeKey(ctx, by, key, "key.rotate", func(snap record.Snapshot, changes *record.Changes) error {
		changes.NewKeys[0].Index = strconv.FormatInt(nextIndex(snap.Keys[owner]), 10)
		end := snap.Now.Add(time.Duration(overlap) * time.Second)
		for _, k := range snap.Keys[owner] {
			if k.Live(snap.Now) && (k.NotAfter.IsZero() || k.NotAfter.After(end)) {
				old := viewKey(snap.Now)(k)
				k.NotAfter = end
				changes.Keys = append(changes.Keys, k)
				changes.Audit = append(changes.Audit, by.did(snap, "key.end", path(owner, k.Index), old, viewKey(snap.Now)(k)))
			}
		}
		return nil
	})
	var missing *Problem
	if asProblem(err, &missing) && missing.Field == "owner" {
		err = NotFound("merchant or provider " + owner)
	}
	return made, err
}

func nextIndex(keys []merchant.SaltKey) int64 {
	highest := int64(0)
	for _, k := range keys {
		if n, err := strconv.ParseInt(k.Index, 10, 64); err == nil && n > highest {
			highest = n
		}
	}
	return highest + 1
}

// makeKey makes a key of an owner that must be there; more fills in its index and
// what else changes.
func (s *Service) makeKey(ctx context.Context, by By, key merchant.SaltKey, action string,
	more func(record.Snapshot, *record.Changes) error) (MadeKey, error) {
	var made MadeKey
	owner := []string{key.Owner}
	needs := record.Needs{Merchants: owner, Providers: owner, Owners: owner}
	err := s.change(ctx, needs, func(snap record.Snapshot) (record.Changes, error) {
		_, isMerchant := snap.Merchants[key.Owner]
		if _, isProvider := snap.Providers[key.Owner]; !isMerchant && !isProvider {
			return record.Changes{}, Invalid("owner", "names no merchant and no provider")
		}
		changes := record.Changes{NewKeys: []merchant.SaltKey{key}}
		if err := more(snap, &changes); err != nil {
			return record.Changes{}, err
		}
		if n, _ := strconv.ParseInt(changes.NewKeys[0].Index, 10, 64); n > xverify.MaxIndex {
			return record.Changes{}, Conflict("There is no index left: the highest is 999999.")
		}
		lasting := 0
		for _, k := range snap.Keys[key.Owner] {
			if !ended(k, snap.Now) {
				lasting++
			}
		}
		if lasting >= maxKeys {
			return record.Changes{}, Conflict("There are 8 keys that have not ended: disable one first.")
		}
		view := viewKey(snap.Now)
		made = MadeKey{SaltKey: view(changes.NewKeys[0]), Secret: key.Secret}
		for _, k := range changes.Keys {
			made.Ending = append(made.Ending, view(k))
		}
		line := by.did(snap, action, path(key.Owner, made.Index), nil, made.SaltKey)
		changes.Audit = append([]record.Entry{line}, changes.Audit...)
		return changes, nil
	})
	if err != nil {
		return MadeKey{}, err
	}
	return made, nil
}

// DisableKey ends a key at once, for ever. Its row stays, so that the index is
// never another key's.
func (s *Service) DisableKey(ctx context.Context, by By, owner, index string) (SaltKey, error) {
	var shown SaltKey
	if !protocol.ValidID(owner, MaxID) {
		return shown, NotFound("such key")
	}
	err := s.change(ctx, record.Needs{Owners: []string{owner}}, func(snap record.Snapshot) (record.Changes, error) {
		k, err := find(snap.Keys[owner], owner, index)
		if err != nil {
			return record.Changes{}, err
		}
		view := viewKey(snap.Now)
		shown = view(k)
		if ended(k, snap.Now) {
			return record.Changes{}, nil
		}
		k.NotAfter = snap.Now
		old := shown
		shown = view(k)
		return record.Changes{
			Keys:  []merchant.SaltKey{k},
			Audit: []record.Entry{by.did(snap, "key.disable", path(owner, k.Index), old, shown)},
		}, nil
	})
	return shown, err
}

func find(keys []merchant.SaltKey, owner, index string) (merchant.SaltKey, error) {
	for _, k := range keys {
		if k.Index == index {
			return k, nil
		}
	}
	if !protocol.ValidID(index, 6) {
		return merchant.SaltKey{}, NotFound("such key of " + owner)
	}
	return merchant.SaltKey{}, NotFound("key " + path(owner, index))
}

// Key shows a key, without its secret.
func (s *Service) Key(ctx context.Context, owner, index string) (SaltKey, error) {
	if !protocol.ValidID(owner, MaxID) {
		return SaltKey{}, NotFound("such key")
	}
	snap, err := s.store.Look(ctx, record.Needs{Owners: []string{owner}})
	if err != nil {
		return SaltKey{}, err
	}
	k, err := find(snap.Keys[owner], owner, index)
	if err != nil {
		return SaltKey{}, err
	}
	return viewKey(snap.Now)(k), nil
}

// Keys lists keys, of one owner where owner is not "", without their secrets.
func (s *Service) Keys(ctx context.Context, owner, after string, limit int) (Page[SaltKey], error) {
	in, err := within([]string{"owner"}, owner)
	if err != nil {
		return Page[SaltKey]{}, err
	}
	p, err := page(in, after, 2, limit)
	if err != nil {
		return Page[SaltKey]{}, err
	}
	now, err := s.store.Now(ctx)
	if err != nil {
		return Page[SaltKey]{}, err
	}
	rows, err := s.store.KeyPage(ctx, p)
	return pageOf(rows, limit, viewKey(now), func(k merchant.SaltKey) string { return path(k.Owner, k.Index) }), err
}
