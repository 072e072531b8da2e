package xverify

import (
	"encoding/base64"
	"errors"
	"strings"
)

// ErrBase64 says that a body is not base64 in one of the forms DecodeBody takes.
var ErrBase64 = errors.New("not base64: the standard alphabet with padding, or the URL-safe alphabet, without spaces or line breaks")

// EncodeBody writes the base64 of a request or a callback: the standard
// alphabet with padding, as every sample of the merchant API does.
func EncodeBody(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

// DecodeBody reads the base64 of a request body or a callback (phonepe-api:
// Wire rules). It takes RFC 4648 section 4 (standard alphabet, padded) and
// section 5 (URL-safe alphabet, padded or not), and refuses everything that
// would give one message two spellings: line breaks, spaces, mixed alphabets,
// partial padding, and bits left over in the last letter. It returns ErrBase64.
//
// The checksum is over the text, so the caller hashes text and not a
// re-encoding of what this returns.
func DecodeBody(text string) ([]byte, error) {
	// Even the strict decoders of encoding/base64 skip line breaks.
	if strings.ContainsAny(text, "\r\n") {
		return nil, ErrBase64
	}
	var enc *base64.Encoding
	switch {
	case strings.ContainsAny(text, "+/"), strings.HasSuffix(text, "="):
		enc = base64.StdEncoding
		if strings.ContainsAny(text, "-_") {
			enc = base64.URLEncoding
		}
	default:
		enc = base64.RawURLEncoding
	}
	data, err := enc.Strict().DecodeString(text)
	if err != nil {
		return nil, ErrBase64
	}
	return data, nil
}
