package merchantapi

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	keysFresh = 5 * time.Minute  // a key that was retired is believed no longer than this
	keysPause = 10 * time.Second // unknown key ids do not make us ask more often
)

// KeySet is the server's signing keys, asked for when needed and kept for five
// minutes. It is safe for use by many goroutines.
type KeySet struct {
	fetch func(context.Context) ([]byte, error)

	mu    sync.Mutex
	keys  map[string]ed25519.PublicKey
	asked time.Time
}

// Keys are the signing keys at /v1/keys of the client's server, for a Verifier.
func (c *Client) Keys() *KeySet {
	return &KeySet{fetch: func(ctx context.Context) ([]byte, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/v1/keys", nil)
		if err != nil {
			return nil, err
		}
		response, err := c.http.Do(r)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("HTTP %d", response.StatusCode)
		}
		return io.ReadAll(io.LimitReader(response.Body, callbackLimit))
	}}
}

// ParseKeys reads a JWKS (RFC 7517) that is known beforehand, where the
// server's is not to be asked for. Keys other than Ed25519 are left out.
func ParseKeys(jwks []byte) (*KeySet, error) {
	keys, err := parseKeys(jwks)
	if err != nil {
		return nil, err
	}
	return &KeySet{keys: keys}, nil
}

func parseKeys(jwks []byte) (map[string]ed25519.PublicKey, error) {
	var set struct {
		Keys []struct {
			KTY string `json:"kty"`
			CRV string `json:"crv"`
			KID string `json:"kid"`
			X   string `json:"x"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	keys := map[string]ed25519.PublicKey{}
	for _, k := range set.Keys {
		x, err := base64.RawURLEncoding.Strict().DecodeString(k.X)
		if k.KTY == "OKP" && k.CRV == "Ed25519" && k.KID != "" && err == nil && len(x) == ed25519.PublicKeySize {
			keys[k.KID] = x
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("signing keys: there is no Ed25519 key among them")
	}
	return keys, nil
}

// key finds a key, asking the server when it is not known or no longer fresh.
func (s *KeySet) key(ctx context.Context, id string) (ed25519.PublicKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fetch != nil {
		_, known := s.keys[id]
		if age := time.Since(s.asked); s.keys == nil || age > keysFresh || !known && age > keysPause {
			text, err := s.fetch(ctx)
			if err != nil {
				return nil, fmt.Errorf("signing keys: %w", err)
			}
			keys, err := parseKeys(text)
			if err != nil {
				return nil, err
			}
			s.keys, s.asked = keys, time.Now()
		}
	}
	key, ok := s.keys[id]
	if !ok {
		return nil, fmt.Errorf("%w: signed by a key that the server does not name", ErrCallback)
	}
	return key, nil
}

// verify checks a compact JWS with detached payload, "header..signature"
// (RFC 7515 appendix F), EdDSA only.
func (s *KeySet) verify(ctx context.Context, jws, typ string, content []byte) error {
	parts := strings.Split(jws, ".")
	if len(parts) != 3 || parts[1] != "" {
		return fmt.Errorf("%w: X-Galla-Signature is not header..signature", ErrCallback)
	}
	enc := base64.RawURLEncoding.Strict()
	head, err := enc.DecodeString(parts[0])
	signature, err2 := enc.DecodeString(parts[2])
	var h struct {
		Alg, Kid, Typ string
		Crit          json.RawMessage
		B64           json.RawMessage
	}
	if err != nil || err2 != nil || json.Unmarshal(head, &h) != nil {
		return fmt.Errorf("%w: X-Galla-Signature cannot be read", ErrCallback)
	}
	if h.Alg != "EdDSA" || h.Typ != typ || h.Crit != nil || h.B64 != nil {
		return fmt.Errorf("%w: X-Galla-Signature is of another kind", ErrCallback)
	}
	key, err := s.key(ctx, h.Kid)
	if err != nil {
		return err
	}
	signed := parts[0] + "." + base64.RawURLEncoding.EncodeToString(content)
	if !ed25519.Verify(key, []byte(signed), signature) {
		return fmt.Errorf("%w: X-Galla-Signature does not fit", ErrCallback)
	}
	return nil
}
