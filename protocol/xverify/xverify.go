// Package xverify makes and checks X-VERIFY, the checksum of the merchant API
// (phonepe-api: Wire rules):
//
//	X-VERIFY: hex(SHA256(payload + path + saltKey)) + "###" + saltIndex
//
// The payload is the base64 text exactly as it stands in the body, never a
// re-encoding. GET, PUT and POST without a body sign path + saltKey alone; a
// callback signs response + saltKey alone. The path is the route without host,
// query or deployment prefix.
//
// The package knows the form, not the keys: which key an index selects, and
// from when to when, is the caller's. payapi checks requests with it, callback
// and the till of firmware-sim sign with it; it keeps nothing and logs nothing.
//
// # What the checksum does not do
//
// It binds no time and no nonce, so a captured request stays valid for ever;
// it covers no header; and payload and path are joined without a separator, so
// bytes can move between them (failure matrix 0.5). Callers answer these with
// ids that are unique for ever, registered callback hosts, a fixed list of
// routes, and [DecodeBody].
package xverify

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
)

// MaxIndex is the highest salt index; the lowest is 1.
const MaxIndex = 999_999

const (
	separator = "###"
	sumHexLen = 2 * sha256.Size
)

// ErrHeader says that a header is not 64 hex digits, "###" and an index of 1
// to MaxIndex. It never quotes the header: a checksum does not belong in a log.
var ErrHeader = errors.New(`X-VERIFY must be 64 hex digits, "###" and the salt index`)

// Sum returns the checksum in lower-case hex. The payload is empty for a
// request without a body, the path is empty for a callback.
func Sum(payload, path, saltKey string) string {
	sum := digest(payload, path, saltKey)
	return hex.EncodeToString(sum[:])
}

// Header returns the header's value: the checksum and the index of the salt
// key that made it.
func Header(payload, path, saltKey string, index int) string {
	return Sum(payload, path, saltKey) + separator + strconv.Itoa(index)
}

// Parse reads a header's value in its strict form: hex in either case, an index
// in decimal without sign or leading zero, nothing before, between or after. It
// returns ErrHeader.
func Parse(header string) (sum [sha256.Size]byte, index int, err error) {
	hexSum, indexText, found := strings.Cut(header, separator)
	if !found || len(hexSum) != sumHexLen {
		return sum, 0, ErrHeader
	}
	if _, err := hex.Decode(sum[:], []byte(hexSum)); err != nil {
		return [sha256.Size]byte{}, 0, ErrHeader
	}
	// Itoa of what was read must be what was written: no sign, no leading zero.
	index, err = strconv.Atoi(indexText)
	if err != nil || index < 1 || index > MaxIndex || strconv.Itoa(index) != indexText {
		return [sha256.Size]byte{}, 0, ErrHeader
	}
	return sum, index, nil
}

// Check reports whether sum is the checksum of payload, path and key. It
// compares the decoded 32 bytes in constant time (failure matrix T7). A caller
// that knows no such merchant or index calls Check all the same, with any key,
// and throws the answer away, so that both refusals take the same time.
func Check(sum [sha256.Size]byte, payload, path, saltKey string) bool {
	want := digest(payload, path, saltKey)
	return subtle.ConstantTimeCompare(sum[:], want[:]) == 1
}

func digest(payload, path, saltKey string) [sha256.Size]byte {
	return sha256.Sum256([]byte(payload + path + saltKey))
}
