package upi

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"time"
)

const (
	keyBits   = 2048 // the least that a signature needs (upi-switch: Signatures)
	keyPrimes = 8
	exponent  = 65537
)

// key signs by RSA as a bank does, several times cheaper: of eight short primes
// in place of two long ones. Whoever verifies sees a modulus of 2048 bits like any
// other and has the same work. Such a key can be broken in time; it guards a
// database that lives for a minute. It is for use by many at a time.
type key struct {
	public rsa.PublicKey
	parts  []part
}

// part is a prime p, with what the Chinese remainder theorem needs: the private
// exponent mod p-1, the product of the primes before, and its inverse mod p.
type part struct{ p, d, before, inverse *big.Int }

func newKey() (*key, error) {
	k := &key{}
	one, product := big.NewInt(1), big.NewInt(1)
	for i := range keyPrimes {
		var p *big.Int
		var err error
		for p == nil {
			if i < keyPrimes-1 {
				p, err = rand.Prime(rand.Reader, keyBits/keyPrimes)
			} else {
				p, err = lastPrime(product)
			}
			if err != nil {
				return nil, err
			}
			if new(big.Int).GCD(nil, nil, product, p).Cmp(one) != 0 {
				p = nil // there twice
			}
		}
		d := new(big.Int).ModInverse(big.NewInt(exponent), new(big.Int).Sub(p, one))
		if d == nil {
			return newKey() // p-1 is a multiple of the exponent: one of 65,537 is
		}
		k.parts = append(k.parts, part{p, d, product, new(big.Int).ModInverse(product, p)})
		product = new(big.Int).Mul(product, p)
	}
	k.public = rsa.PublicKey{N: product, E: exponent}
	return k, nil
}

// lastPrime is one that makes a product of exactly keyBits.
func lastPrime(product *big.Int) (*big.Int, error) {
	one := big.NewInt(1)
	least := new(big.Int).Lsh(one, keyBits-1)
	least.Add(least.Div(least, product), one)
	for {
		p, err := rand.Int(rand.Reader, least) // least to twice that, less a little
		if err != nil {
			return nil, err
		}
		p.Add(p, least).SetBit(p, 0, 1)
		if p.ProbablyPrime(20) && new(big.Int).Mul(product, p).BitLen() == keyBits {
			return p, nil
		}
	}
}

// Public is for crypto.Signer.
func (k *key) Public() crypto.PublicKey { return &k.public }

// hashPrefix is what stands before a SHA-256 in PKCS #1 v1.5 (RFC 8017, 9.2).
var hashPrefix = []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

// Sign makes a signature of a SHA-256 by PKCS #1 v1.5, RSA's only one in the UPI
// network.
func (k *key) Sign(_ io.Reader, digest []byte, by crypto.SignerOpts) ([]byte, error) {
	if by.HashFunc() != crypto.SHA256 || len(digest) != sha256.Size {
		return nil, errors.New("only SHA-256 is signed here")
	}
	padded := make([]byte, keyBits/8)
	padded[1] = 1
	at := len(padded) - len(hashPrefix) - len(digest)
	for i := 2; i < at-1; i++ {
		padded[i] = 0xff
	}
	copy(padded[at:], hashPrefix)
	copy(padded[at+len(hashPrefix):], digest)
	m := new(big.Int).SetBytes(padded)
	x, step := new(big.Int), new(big.Int)
	for _, part := range k.parts {
		step.Mod(m, part.p)
		step.Exp(step, part.d, part.p)
		// x is right modulo all primes before; one multiple of their product makes it
		// right modulo this one as well.
		step.Sub(step, x).Mul(step, part.inverse).Mod(step, part.p)
		x.Add(x, step.Mul(step, part.before))
	}
	return x.FillBytes(padded), nil
}

// What the controller signs its answers with.
const (
	answerRSA  = "rsa"  // what a sandbox makes for itself
	answerP256 = "p256" // a key and a certificate that are made for it
)

// answerPair makes a key on P-256 and its certificate, in PEM.
func answerPair() (secret, certificate []byte, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "answers"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// certificate makes the key's own, in PEM.
func (k *key) certificate() ([]byte, error) {
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "load"}, SignatureAlgorithm: x509.SHA256WithRSA,
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.public, k)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
