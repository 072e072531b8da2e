package signing_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/galla-pay/galla/controller/internal/callback"
)

// TestJWKS: a merchant verifies X-Galla-Signature with nothing but the set that
// is served, before, during and after a rotation; no private half is in it.
func TestJWKS(t *testing.T) {
	t.Parallel()
	r := open(t, newShelf())
	var earlier []string
	content := callback.SignedContent("event", "1795000000000", []byte(`{"response":"e30="}`))
	verify := func(signature string) error {
		var set jose.JSONWebKeySet
		must(t, json.Unmarshal(r.JWKS(), &set))
		jws, err := jose.ParseDetached(signature, content, []jose.SignatureAlgorithm{jose.EdDSA})
		must(t, err)
		found := set.Key(jws.Signatures[0].Protected.KeyID)
		if len(found) != 1 {
			return fmt.Errorf("%d keys of that id", len(found))
		}
		return jws.DetachedVerify(content, found[0])
	}
	sign := func() {
		t.Helper()
		s, err := callback.NewSigner(r.Signer())
		must(t, err)
		signature, err := s(content)
		must(t, err)
		earlier = append(earlier, signature)
		for n, signature := range earlier {
			if err := verify(signature); err != nil {
				t.Errorf("signature %d of %d: %v", n+1, len(earlier), err)
			}
		}
	}
	sign()
	info, err := r.Create(t.Context())
	must(t, err)
	sign()
	_, err = r.Rotate(t.Context(), true)
	must(t, err)
	sign()
	_, err = r.Retire(t.Context(), "online-key-1", true)
	must(t, err)
	if err := verify(earlier[0]); err == nil {
		t.Error("a retired key's signature verifies")
	}
	must(t, verify(earlier[2]))
	public := r.Signer().Private.Public().(ed25519.PublicKey)
	want := `{"keys":[{"use":"sig","kty":"OKP","kid":"` + info.KeyID + `","crv":"Ed25519","alg":"EdDSA","x":"` +
		base64.RawURLEncoding.EncodeToString(public) + `"}]}`
	if got := string(r.JWKS()); got != want || info.PublicKey != base64.RawURLEncoding.EncodeToString(public) {
		t.Errorf("served is\n%s, want\n%s", got, want)
	}
}
