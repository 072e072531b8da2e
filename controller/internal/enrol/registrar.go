package enrol

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

// Storage keeps codes and revocations. Its methods are in the order of a
// terminal's life; each is one transaction. Both storages are one.
type Storage interface {
	// PutEnrolCode keeps a code, for lifetime from the database's time, and
	// forgets the terminal's older one. It returns the code with its times; or
	// journal.ErrNotFound where there is no active terminal of that identity;
	// or journal.ErrAgain where another terminal's code has the handle.
	PutEnrolCode(ctx context.Context, code Code, lifetime time.Duration) (Code, error)
	// TryEnrolCode loads what stands under a handle, locked, calls judge, saves
	// its outcome whatever the error, and returns judge's error. It returns
	// journal.ErrNotFound, and does not call judge, where nothing does. After a
	// lost connection judge may be called again.
	TryEnrolCode(ctx context.Context, handle string, judge func(Found) (Outcome, error)) error
	// Unenrol takes a terminal's credentials and its code away and notes the
	// revocation; or returns journal.ErrNotFound.
	Unenrol(ctx context.Context, id protocol.Identity, actor string) error
	// Revoked are the terminals that were shut out and have no credentials
	// since.
	Revoked(ctx context.Context) ([]Revocation, error)
}

// Revocation is that a terminal's credentials were taken away; table
// terminal_revocations, the latest of each terminal.
type Revocation struct {
	protocol.Identity
	At    time.Time
	Actor string
}

// Broker shuts a terminal out and cuts its connection. It is no error if the
// broker does not know it. Only nil means that it is out.
type Broker interface {
	Revoke(ctx context.Context, id protocol.Identity) error
}

// Secrets keeps secrets of the controller; the first writer wins.
type Secrets interface {
	PutSecret(ctx context.Context, name string, value []byte) (stored []byte, err error)
}

// keySize is of the key that codes are sealed with, in bytes.
const keySize = 32

// LoadKey reads the key that codes are sealed with, and makes it the first time.
func LoadKey(ctx context.Context, s Secrets) ([]byte, error) {
	fresh := make([]byte, keySize)
	_, _ = rand.Read(fresh) // never fails (crypto/rand)
	key, err := s.PutSecret(ctx, "enrol-code-key", fresh)
	if err != nil {
		return nil, fmt.Errorf("enrol-code-key: %w", err)
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("enrol-code-key: %d bytes, not %d", len(key), keySize)
	}
	return key, nil
}

// Registrar makes codes, takes them, and shuts terminals out. It may be used by
// several goroutines.
type Registrar struct {
	Storage Storage
	// Key is LoadKey's.
	Key []byte
	// Broker is told of a revocation at once; nil: the running controllers find
	// it out by themselves (see Watcher).
	Broker Broker
	Log    *slog.Logger
}

// draws is how often a code is drawn whose handle is taken. There are a million
// handles: with a code for every terminal of half a million, one draw in two is
// in vain.
const draws = 32

// ErrNoTerminal: there is no terminal of that identity, or it is not active.
var ErrNoTerminal = errors.New("there is no terminal of that name, or it is not active")

// NewCode makes a code for a terminal; its older one is worth nothing from then
// on. actor is who asked, for the record. The code is returned as it is to be read
// out; it is kept nowhere. It returns ErrNoTerminal, or that the database failed.
func (r *Registrar) NewCode(ctx context.Context, id protocol.Identity, actor string) (code string, expires time.Time, err error) {
	if !id.Valid() {
		return "", time.Time{}, protocol.ErrIdentity
	}
	for range draws {
		var random [protocol.EnrolCodeBytes]byte
		_, _ = rand.Read(random[:]) // never fails (crypto/rand)
		drawn := protocol.NewEnrolCode(random)
		kept, err := r.Storage.PutEnrolCode(ctx, Code{Identity: id, Handle: drawn.Handle(), MAC: Seal(r.Key, drawn), Actor: actor}, Lifetime)
		switch {
		case errors.Is(err, journal.ErrAgain):
			continue // another terminal has that handle
		case errors.Is(err, journal.ErrNotFound):
			return "", time.Time{}, fmt.Errorf("%w: %s", ErrNoTerminal, id)
		case err != nil:
			return "", time.Time{}, err
		}
		r.Log.Info("enrolment code made", "terminal", id, "by", actor, "expires", kept.ExpiresAt)
		return drawn.Text(), kept.ExpiresAt, nil
	}
	return "", time.Time{}, errors.New("no free handle for an enrolment code was found")
}

// Enrol spends a code for the device that holds publicKey, and stores its
// credentials with it: tokenHash is the SHA-256 of the token that the device is
// to be given once this has returned nil. It returns ErrRefused, ErrInactive,
// ErrSettling, or that the database failed; then the same may be tried again.
func (r *Registrar) Enrol(ctx context.Context, code protocol.EnrolCode, publicKey, tokenHash []byte) (protocol.Identity, error) {
	try := Try{MAC: Seal(r.Key, code), PublicKey: publicKey, TokenHash: tokenHash}
	var found Code
	err := r.Storage.TryEnrolCode(ctx, code.Handle(), func(f Found) (Outcome, error) {
		outcome, err := f.Judge(try)
		found = outcome.Code
		return outcome, err
	})
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return protocol.Identity{}, ErrRefused
	case errors.Is(err, ErrRefused):
		// The alarm of failure matrix T3: somebody tries a code that was made.
		r.Log.Warn("enrolment code refused", "terminal", found.Identity, "wrongTries", found.Wrong,
			"spent", len(found.SpentBy) > 0, "expires", found.ExpiresAt)
		return protocol.Identity{}, err
	case err != nil:
		return protocol.Identity{}, err
	}
	return found.Identity, nil
}

// Unenrol takes a terminal's credentials away: it can neither log in nor be
// heard, its code is void, and every running controller cuts its connection
// within Within of this call. actor is who asked, for the record. It returns
// ErrNoTerminal, or that the database failed.
func (r *Registrar) Unenrol(ctx context.Context, id protocol.Identity, actor string) error {
	if !id.Valid() {
		return protocol.ErrIdentity
	}
	err := r.Storage.Unenrol(ctx, id, actor)
	if errors.Is(err, journal.ErrNotFound) {
		return fmt.Errorf("%w: %s", ErrNoTerminal, id)
	}
	if err != nil {
		return err
	}
	r.Log.Info("terminal's credentials taken away", "terminal", id, "by", actor)
	if r.Broker == nil {
		return nil
	}
	if err := r.Broker.Revoke(ctx, id); err != nil {
		r.Log.Warn("broker could not be told; it is tried again", "terminal", id, "error", err)
	}
	return nil
}
