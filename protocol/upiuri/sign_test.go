package upiuri_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol/upiuri"
	"pgregory.net/rapid"
)

func newKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func mustSign(t *testing.T, l upiuri.Link, key *ecdsa.PrivateKey) string {
	t.Helper()
	text, err := upiuri.Sign(l, key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSignThenVerify(t *testing.T) {
	t.Parallel()
	key := newKey(t, elliptic.P256())
	rapid.Check(t, func(rt *rapid.T) {
		l := anyLink().Draw(rt, "link")
		text, err := upiuri.Sign(l, key)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := upiuri.Verify(text, &key.PublicKey)
		if err != nil {
			rt.Fatal(err)
		}
		l.Sign = got.Sign // a signature that was there is replaced
		if got != l || len(got.Sign) != 86 || !strings.HasSuffix(text, "&sign="+got.Sign) {
			rt.Fatalf("%s read as %+v", text, got)
		}
	})
}

// The signature by the book: the text before &sign=, SHA-256, r and s of 32
// bytes. ecdsa.VerifyASN1 is the second opinion.
func TestSignatureForm(t *testing.T) {
	t.Parallel()
	key := newKey(t, elliptic.P256())
	for range 64 { // some of these r and s are short and need their zeros
		l := full()
		l.TR = rand.Text()
		text := mustSign(t, l, key)
		unsigned, err := l.Build()
		if err != nil {
			t.Fatal(err)
		}
		sign, found := strings.CutPrefix(text, unsigned+"&sign=")
		if !found {
			t.Fatalf("%s\nis not %s and a signature", text, unsigned)
		}
		raw, err := base64.RawURLEncoding.DecodeString(sign)
		if err != nil || len(raw) != 64 {
			t.Fatalf("signature %q: %d bytes, %v", sign, len(raw), err)
		}
		der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256([]byte(unsigned))
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], der) {
			t.Fatal("the standard library does not agree")
		}
		if again := mustSign(t, l, key); again != text {
			t.Fatalf("one link, two texts:\n%s\n%s", text, again)
		}
	}
}

// Failure matrix T14: no changed byte of a signed link is taken.
func TestEveryByteFlipFails(t *testing.T) {
	t.Parallel()
	key := newKey(t, elliptic.P256())
	text := mustSign(t, full(), key)
	if _, err := upiuri.Verify(text, &key.PublicKey); err != nil {
		t.Fatal(err)
	}
	for i := range len(text) {
		for bit := range 8 {
			bad := []byte(text)
			bad[i] ^= 1 << bit
			if got, err := upiuri.Verify(string(bad), &key.PublicKey); err == nil {
				t.Fatalf("byte %d bit %d flipped, taken as %+v:\n%s", i, bit, got, bad)
			}
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	key, other := newKey(t, elliptic.P256()), newKey(t, elliptic.P256())
	text := mustSign(t, full(), key)
	unsigned, sign, _ := strings.Cut(text, "&sign=")
	raw, err := base64.RawURLEncoding.DecodeString(sign)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(r, s *big.Int) string {
		return base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	}
	zero, r, s := new(big.Int), new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])
	for _, tt := range []struct {
		name, text string
		want       error
	}{
		{"not signed", unsigned, upiuri.ErrUnsigned},
		{"empty signature", unsigned + "&sign=", upiuri.ErrUnsigned},
		{"another's signature", mustSign(t, full(), other), upiuri.ErrSignature},
		{"signature of another link", func() string {
			l := full()
			l.AM++
			_, sign, _ := strings.Cut(mustSign(t, l, key), "&sign=")
			return unsigned + "&sign=" + sign
		}(), upiuri.ErrSignature},
		{"amount changed", strings.Replace(text, "am=245.00", "am=2.45", 1), upiuri.ErrSignature},
		{"unknown key put in", strings.Replace(text, "&sign=", "&x=1&sign=", 1), upiuri.ErrSignature},
		{"keys in another order", strings.Replace(text, "ver=01&mode=16", "mode=16&ver=01", 1), upiuri.ErrSignature},
		{"another spelling of the same value", strings.Replace(text, "merchant@upi", "merchant%40upi", 1), upiuri.ErrSignature},
		{"padded", text + "==", upiuri.ErrSignature},
		{"escaped letter in the signature", unsigned + "&sign=%" + strings.ToUpper(hexOf(sign[0])) + sign[1:], upiuri.ErrSignature},
		{"short", text[:len(text)-1], upiuri.ErrSignature},
		{"long", text + "A", upiuri.ErrSignature},
		{"r and s of zero", unsigned + "&sign=" + encode(zero, zero), upiuri.ErrSignature},
		{"r and s swapped", unsigned + "&sign=" + encode(s, r), upiuri.ErrSignature},
		{"in ASN.1", unsigned + "&sign=" + base64.RawURLEncoding.EncodeToString(mustDER(t, r, s)), upiuri.ErrSignature},
		{"two signatures", text + "&sign=" + sign, upiuri.ErrLink},
		{"key after the signature", text + "&am=1.00", upiuri.ErrLink},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := upiuri.Verify(tt.text, &key.PublicKey)
			if !errors.Is(err, tt.want) || got != (upiuri.Link{}) {
				t.Fatalf("Verify = %+v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

// A signature covers keys that this program does not know.
func TestUnknownKeysAreSigned(t *testing.T) {
	t.Parallel()
	key := newKey(t, elliptic.P256())
	text := "upi://pay?pa=merchant@upi&mode=16&purpose=00"
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	text += "&sign=" + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	if _, err := upiuri.Verify(text, &key.PublicKey); err != nil {
		t.Fatal(err)
	}
	if _, err := upiuri.Verify(strings.Replace(text, "purpose=00", "purpose=01", 1), &key.PublicKey); !errors.Is(err, upiuri.ErrSignature) {
		t.Fatalf("an unknown key changed: %v, want ErrSignature", err)
	}
}

func TestOnlyP256(t *testing.T) {
	t.Parallel()
	p384 := newKey(t, elliptic.P384())
	if _, err := upiuri.Sign(full(), p384); !errors.Is(err, upiuri.ErrKey) {
		t.Errorf("Sign on P-384 = %v, want ErrKey", err)
	}
	if _, err := upiuri.Sign(full(), nil); !errors.Is(err, upiuri.ErrKey) {
		t.Errorf("Sign without key = %v, want ErrKey", err)
	}
	text := mustSign(t, full(), newKey(t, elliptic.P256()))
	if _, err := upiuri.Verify(text, &p384.PublicKey); !errors.Is(err, upiuri.ErrKey) {
		t.Errorf("Verify on P-384 = %v, want ErrKey", err)
	}
	if _, err := upiuri.Verify(text, nil); !errors.Is(err, upiuri.ErrKey) {
		t.Errorf("Verify without key = %v, want ErrKey", err)
	}
}

func TestSignRefusesWhatBuildRefuses(t *testing.T) {
	t.Parallel()
	l := full()
	l.TR = ""
	if text, err := upiuri.Sign(l, newKey(t, elliptic.P256())); !errors.Is(err, upiuri.ErrLink) || text != "" {
		t.Fatalf("Sign = %q, %v; want ErrLink", text, err)
	}
}

func mustDER(t *testing.T, r, s *big.Int) []byte {
	t.Helper()
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func hexOf(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}
