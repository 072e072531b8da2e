package upiuri

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// Errors of signing and verifying.
var (
	ErrUnsigned  = errors.New("the link is not signed")
	ErrSignature = errors.New("the link's signature is not good")
	ErrKey       = errors.New("links are signed with ECDSA keys on P-256")
)

const (
	signKey   = "&sign="
	signBytes = 64                               // r and s, 32 bytes each, big endian
	signLen   = len(signKey) + (signBytes*8+5)/6 // what a signature adds to a link, in bytes
)

// Sign builds l and appends sign: ECDSA P-256 over the SHA-256 of everything
// before "&sign=", as r and s of 32 bytes each in base64url without padding
// (upi-switch: The QR and the payee). A signature that l already has is
// replaced. It is deterministic (RFC 6979): one link has one text, so a QR can
// be drawn again as it was.
func Sign(l Link, key *ecdsa.PrivateKey) (string, error) {
	if key == nil || key.Curve != elliptic.P256() {
		return "", ErrKey
	}
	l.Sign = ""
	text, err := l.Build()
	if err != nil {
		return "", err
	}
	if len(text)+signLen > MaxLen {
		return "", fmt.Errorf("%w: %d bytes leave no room for the signature", ErrLink, len(text))
	}
	digest := sha256.Sum256([]byte(text))
	der, err := key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("sign link: %w", err)
	}
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		return "", fmt.Errorf("sign link: %w", err)
	}
	var raw [signBytes]byte
	pair.R.FillBytes(raw[:signBytes/2])
	pair.S.FillBytes(raw[signBytes/2:])
	return text + signKey + base64.RawURLEncoding.EncodeToString(raw[:]), nil
}

// Verify reads a link and returns it only if its signature by pub is good and
// covers all the rest of it, the keys that are not known included. Errors:
// ErrLink for what Parse refuses, ErrUnsigned, ErrSignature, ErrKey.
func Verify(text string, pub *ecdsa.PublicKey) (Link, error) {
	if pub == nil || pub.Curve != elliptic.P256() {
		return Link{}, ErrKey
	}
	l, err := Parse(text)
	if err != nil {
		return Link{}, err
	}
	if l.Sign == "" {
		return Link{}, ErrUnsigned
	}
	// Parse has seen that sign is the last key and the only one of its name. The
	// text after it is compared as it stands: escapes would be a second spelling.
	signed, sign, found := strings.Cut(text, signKey)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sign)
	if !found || err != nil || len(raw) != signBytes || strings.ContainsAny(sign, "\r\n") {
		return Link{}, ErrSignature
	}
	r, s := new(big.Int).SetBytes(raw[:signBytes/2]), new(big.Int).SetBytes(raw[signBytes/2:])
	digest := sha256.Sum256([]byte(signed))
	if !ecdsa.Verify(pub, digest[:], r, s) {
		return Link{}, ErrSignature
	}
	return l, nil
}
