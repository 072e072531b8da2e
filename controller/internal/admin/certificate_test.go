package admin_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"sync"
	"testing"
	"time"
)

// rsaKey is one key for all certificates of the tests: to make one is slow.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

var certificates sync.Map // PEM by name: the same name is the same certificate

// certificate is a PEM certificate with an RSA key, live for as long as the tests
// run.
func certificate(t testing.TB, name string) string {
	t.Helper()
	return certificateOf(t, name, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
}

// certificateOf is one with a first and a last moment.
func certificateOf(t testing.TB, name string, from, to time.Time) string {
	t.Helper()
	if text, ok := certificates.Load(name); ok {
		return text.(string)
	}
	key, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := certificates.LoadOrStore(name, signed(t, name, key, from, to))
	return text.(string)
}

// weakCertificate has a key that does not count.
func weakCertificate(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signed(t, "weak", key, noon, noon.Add(time.Hour))
}

func signed(t testing.TB, name string, key crypto.Signer, from, to time.Time) string {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to,
	}, &x509.Certificate{Subject: pkix.Name{CommonName: name}}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// sha256Hex is a certificate's fingerprint, as openssl prints it.
func sha256Hex(t testing.TB, text string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatal("no PEM")
	}
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:])
}
