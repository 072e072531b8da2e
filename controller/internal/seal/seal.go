// Package seal keeps secrets unreadable at rest: salt keys, signing keys and
// whatever else must survive a restart stands in the database only sealed, by a
// key that stands in a file (DESIGN section 4; failure matrix T9).
//
// The storages seal and open; cmd makes the Box. Nobody else has one.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
)

// KeySize is the length of a key in bytes: AES-256.
const KeySize = 32

// A sealed secret is: version (1 byte), key id (8 bytes), nonce (12 bytes),
// ciphertext with its tag (AES-256-GCM).
const (
	version   = 1
	idSize    = 8
	nonceSize = 12
	tagSize   = 16
	overhead  = 1 + idSize + nonceSize + tagSize
)

// Errors of Open. The texts name no secret.
var (
	// ErrForm: the bytes are no sealed secret.
	ErrForm = errors.New("not a sealed secret")
	// ErrKey: another key sealed it. The key file is not the one that belongs
	// to the database.
	ErrKey = errors.New("sealed by another key than the one in the key file")
	// ErrAltered: the bytes, or what they are said to be, were changed.
	ErrAltered = errors.New("sealed secret was altered or stands in the wrong place")
)

// Box seals and opens with one key. It may be used by several goroutines. It
// prints as nothing.
type Box struct {
	aead cipher.AEAD
	id   [idSize]byte
}

// FromKey makes a Box of a 32-byte key.
func FromKey(key []byte) (*Box, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("seal: key has %d bytes, must have %d", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	b := &Box{aead: aead}
	sum := sha256.Sum256(append([]byte("galla seal key id\x00"), key...))
	copy(b.id[:], sum[:])
	return b, nil
}

// Seal seals a secret. what names it, like "salt:MERCHANT1:2": it is not kept in
// the result, and only the same name opens it, so that a sealed secret that is
// copied to another row stays shut.
func (b *Box) Seal(what string, secret []byte) []byte {
	out := make([]byte, 0, overhead+len(secret))
	out = append(out, version)
	out = append(out, b.id[:]...)
	var nonce [nonceSize]byte
	_, _ = rand.Read(nonce[:]) // never fails: crypto/rand ends the process instead
	out = append(out, nonce[:]...)
	return b.aead.Seal(out, nonce[:], secret, b.bound(what))
}

// Open opens what Seal sealed under the same name, or returns ErrForm, ErrKey
// or ErrAltered.
func (b *Box) Open(what string, sealed []byte) ([]byte, error) {
	if len(sealed) < overhead || sealed[0] != version {
		return nil, fmt.Errorf("seal: %q: %w", what, ErrForm)
	}
	if [idSize]byte(sealed[1:1+idSize]) != b.id {
		return nil, fmt.Errorf("seal: %q: %w", what, ErrKey)
	}
	nonce := sealed[1+idSize : 1+idSize+nonceSize]
	secret, err := b.aead.Open(nil, nonce, sealed[1+idSize+nonceSize:], b.bound(what))
	if err != nil {
		return nil, fmt.Errorf("seal: %q: %w", what, ErrAltered)
	}
	return secret, nil
}

// bound is what the seal covers beside the secret: the head and the name.
func (b *Box) bound(what string) []byte {
	return append(append([]byte{version}, b.id[:]...), what...)
}

// LogValue keeps a Box out of logs.
func (*Box) LogValue() slog.Value { return slog.StringValue("seal.Box") }

// Format keeps a Box out of every fmt verb.
func (*Box) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("seal.Box")) }
