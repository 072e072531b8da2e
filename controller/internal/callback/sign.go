package callback

import (
	"fmt"
	"strconv"
	"time"

	"github.com/galla-pay/galla/protocol"
	"github.com/go-jose/go-jose/v4"
)

// The headers of a notice (phonepe-api: Callback). X-VERIFY is the documented
// checksum, which can be replayed; the other three are our own and cannot.
const (
	HeaderVerify    = "X-VERIFY"
	HeaderEventID   = "X-Galla-Event-Id"  // the same over all attempts
	HeaderTimestamp = "X-Galla-Timestamp" // start of this attempt, epoch milliseconds
	HeaderSignature = "X-Galla-Signature" // detached JWS over SignedContent
)

// SignatureType is the JWS "typ" of X-Galla-Signature: a signature made for a
// callback is worth nothing as a terminal's message, and the other way round.
const SignatureType = "galla-callback"

// Signer makes the compact JWS with detached payload ("header..signature") of
// content. It is called from many goroutines.
type Signer func(content []byte) (string, error)

// NewSigner signs with one EdDSA key, naming it by its key id and the
// signature's purpose by SignatureType.
func NewSigner(key protocol.SigningKey) (Signer, error) {
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.EdDSA,
		Key:       jose.JSONWebKey{Key: key.Private, KeyID: key.ID},
	}, (&jose.SignerOptions{}).WithType(SignatureType))
	if err != nil {
		return nil, fmt.Errorf("callback signer: %w", err)
	}
	return func(content []byte) (string, error) {
		jws, err := signer.Sign(content)
		if err != nil {
			return "", fmt.Errorf("sign callback: %w", err)
		}
		text, err := jws.DetachedCompactSerialize()
		if err != nil {
			return "", fmt.Errorf("sign callback: %w", err)
		}
		return text, nil
	}, nil
}

// SignedContent is what X-Galla-Signature signs: the event id, the timestamp
// and the whole body of the request as sent, joined by dots. An event id has no
// dot, so no two notices have the same content.
func SignedContent(eventID, timestamp string, body []byte) []byte {
	return append([]byte(eventID+"."+timestamp+"."), body...)
}

func timestamp(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
