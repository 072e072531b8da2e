package protocol

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Purpose is the JWS "typ": what a signature is for. A signature made for one
// purpose is worth nothing for another.
type Purpose string

// The purposes. Values are on the wire: never change one.
const (
	PurposeDown Purpose = "galla-down" // controller to terminal, by an online key
	PurposeUp   Purpose = "galla-up"   // terminal to controller, by the device's key
	PurposeKeys Purpose = "galla-keys" // the key set, by the root key
)

// Errors of opening a message. All of them mean: ignore it, and count it.
var (
	ErrSignature  = errors.New("message has no valid signature")
	ErrUnknownKey = errors.New("message is signed by a key that is not in the key set")
	ErrForm       = errors.New("message is not of the protocol's form")
	ErrVersion    = errors.New("message is of another protocol version")
	ErrNotForUs   = errors.New("message is for another terminal")
)

// SigningKey is an Ed25519 key with its id.
type SigningKey struct {
	ID      string
	Private ed25519.PrivateKey
}

// NewSigningKey gives private its id.
func NewSigningKey(private ed25519.PrivateKey) SigningKey {
	return SigningKey{ID: KeyID(private.Public().(ed25519.PublicKey)), Private: private}
}

// KeyID is the id of a public key: the first 16 characters of the base64url
// SHA-256 of its 32 bytes.
func KeyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return base64.RawURLEncoding.EncodeToString(sum[:])[:16]
}

// Sign puts message as JSON into a compact JWS (EdDSA, with key id and typ).
// It refuses what would not fit in MaxMessage.
func (k SigningKey) Sign(purpose Purpose, message any) ([]byte, error) {
	payload, err := json.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	opts := (&jose.SignerOptions{}).WithType(jose.ContentType(purpose))
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.EdDSA,
		Key:       jose.JSONWebKey{Key: k.Private, KeyID: k.ID},
	}, opts)
	if err != nil {
		return nil, fmt.Errorf("signer: %w", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return nil, fmt.Errorf("sign message: %w", err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		return nil, fmt.Errorf("sign message: %w", err)
	}
	if len(text) > MaxMessage {
		return nil, fmt.Errorf("message of %d bytes is above the limit of %d", len(text), MaxMessage)
	}
	return []byte(text), nil
}

// PublicKeys are the keys that are believed, by id.
type PublicKeys map[string]ed25519.PublicKey

// Open verifies a compact JWS made for purpose by one of keys and returns its
// payload. It returns ErrForm, ErrUnknownKey or ErrSignature, wrapped.
func (keys PublicKeys) Open(message []byte, purpose Purpose) ([]byte, error) {
	if len(message) > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes", ErrForm, len(message))
	}
	if !oneSpelling(message) {
		return nil, fmt.Errorf("%w: not canonical base64url", ErrForm)
	}
	jws, err := jose.ParseSignedCompact(string(message), []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrForm, err)
	}
	head := jws.Signatures[0].Protected
	if typ, _ := head.ExtraHeaders[jose.HeaderType].(string); Purpose(typ) != purpose {
		return nil, fmt.Errorf("%w: typ is not %s", ErrForm, purpose)
	}
	key, ok := keys[head.KeyID]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownKey, head.KeyID)
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return nil, ErrSignature
	}
	return payload, nil
}

// oneSpelling reports whether every part of a compact JWS is base64url in its
// only spelling. A lax decoder ignores the bits left over in a last letter, and
// then one signed message could be written in several ways.
func oneSpelling(message []byte) bool {
	for part := range bytes.SplitSeq(message, []byte(".")) {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(string(part)); err != nil {
			return false
		}
	}
	return !bytes.ContainsAny(message, "\r\n")
}

// PurposeOf reads the unverified typ of a message, to choose how to open it.
func PurposeOf(message []byte) Purpose {
	if len(message) > MaxMessage {
		return ""
	}
	jws, err := jose.ParseSignedCompact(string(message), []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return ""
	}
	typ, _ := jws.Signatures[0].Protected.ExtraHeaders[jose.HeaderType].(string)
	return Purpose(typ)
}
