package upi

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"
)

func newTestKey(t testing.TB) (*key, *x509.Certificate) {
	t.Helper()
	k, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := k.certificate()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return k, cert
}

// TestKey: whoever verifies sees an RSA key of 2048 bits and signatures that
// crypto/rsa takes, and takes for nothing else.
func TestKey(t *testing.T) {
	t.Parallel()
	k, cert := newTestKey(t)
	if k.public.N.BitLen() != 2048 || !k.public.Equal(cert.PublicKey) || cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) != nil {
		t.Errorf("%d bits, %s", k.public.N.BitLen(), cert.SignatureAlgorithm)
	}
	for n := range 100 {
		digest := sha256.Sum256([]byte{byte(n)})
		signature, err := k.Sign(nil, digest[:], crypto.SHA256)
		if err != nil || rsa.VerifyPKCS1v15(&k.public, crypto.SHA256, digest[:], signature) != nil {
			t.Fatalf("%d: %x %v", n, signature, err)
		}
		digest[n%32]++
		if rsa.VerifyPKCS1v15(&k.public, crypto.SHA256, digest[:], signature) == nil {
			t.Fatal("it signs another digest as well")
		}
	}
	if _, err := k.Sign(nil, make([]byte, 64), crypto.SHA512); err == nil {
		t.Error("SHA-512 is signed")
	}
}

// TestSign: a signed message is the message with a signature in it, vouched for by
// the key's owner and by nobody else, and not when a byte of it is changed.
func TestSign(t *testing.T) {
	t.Parallel()
	k, cert := newTestKey(t)
	_, other := newTestKey(t)
	doc := []byte(`<ReqPay><MsgID>1</MsgID><Amount>245.00</Amount></ReqPay>`)
	signed, err := sign(doc, k)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := bytes.Cut(signed, []byte(signatureBegin))
	_, after, found := bytes.Cut(rest, []byte(signatureEnd))
	if !found || string(before)+string(after) != string(doc) || string(after) != "</ReqPay>" {
		t.Errorf("%s", signed)
	}
	if err := vouched(signed, cert); err != nil {
		t.Error(err)
	}
	if vouched(signed, other) == nil || vouched(doc, cert) == nil {
		t.Error("vouched for by a stranger, or without a signature")
	}
	info := bytes.Index(signed, []byte(infoInside)) + len(infoInside)
	end := bytes.Index(signed, []byte(infoEnd))
	for i := range signed {
		if i >= len(before) && i < info || i >= end && i < len(signed)-len(after) {
			continue // the signature's own clothes
		}
		changed := bytes.Clone(signed)
		if changed[i] ^= 1; vouched(changed, cert) == nil {
			t.Errorf("vouched for with byte %d changed: %s", i, changed)
		}
	}
	// In short form, as a controller writes it, it is the same.
	short := selfClosing(string(signed))
	if err := vouched([]byte(short), cert); err != nil || short == string(signed) {
		t.Errorf("%v\n%s", err, short)
	}
	if _, err := sign([]byte("no root"), k); err == nil {
		t.Error("signed what is no message")
	}
}

// selfClosing writes the empty elements of a signature short.
func selfClosing(signed string) string {
	for _, name := range []string{"CanonicalizationMethod", "SignatureMethod", "Transform", "DigestMethod"} {
		signed = strings.ReplaceAll(signed, "></ds:"+name+">", "/>")
	}
	return signed
}

// TestPresigned: the requests of a schedule are made before it, in its number; each
// is vouched for, and each ReqPay spends another token.
func TestPresigned(t *testing.T) {
	t.Parallel()
	k, cert := newTestKey(t)
	u := newUnsigned("host:1", time.Now(), dice())
	plan := newSchedule(1000, 50*time.Millisecond, even, dice())[:41]
	if _, err := newPresigned(plan, u, "host:1", k); err == nil {
		t.Error("signed without tokens")
	}
	for i := range 20 {
		u.got(newTestToken(i, uint8(i%len(payees))))
	}
	ready, err := newPresigned(plan, u, "host:1", k)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for i, a := range plan {
		text, m, ok := ready.next(nil, a.kind)
		if !ok || m.kind != a.kind {
			t.Fatalf("request %d is missing", i)
		}
		_, doc := readSent(t, text)
		_, body, _ := bytes.Cut(text, []byte("\r\n\r\n"))
		if err := vouched(body, cert); err != nil || doc.Signature == nil || doc.MsgID != string(m.msgID[:]) || ids[doc.MsgID] {
			t.Fatalf("%v %+v", err, doc)
		}
		ids[doc.MsgID] = true
		if spent := newTestToken(i/2, 0); a.kind == pay && (doc.VerToken != string(spent.text[:]) || doc.PayeeAddr != payees[i/2%len(payees)]) {
			t.Errorf("%+v", doc)
		}
	}
	if _, _, ok := ready.next(nil, validate); ok {
		t.Error("one request too many")
	}
}

// BenchmarkSign is what a signature costs this program, by a key of eight primes and
// by an ordinary one.
func BenchmarkSign(b *testing.B) {
	ours, _ := newTestKey(b)
	ordinary, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		b.Fatal(err)
	}
	for name, by := range map[string]crypto.Signer{"eight-primes": ours, "two-primes": ordinary} {
		b.Run(name, func(b *testing.B) {
			doc := []byte(documents[pay])
			for b.Loop() {
				if _, err := sign(doc, by); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
