package upixml

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
)

// method is how one kind of key signs. The key decides which: of a message, the
// certificate that is pinned for its sender; of ours, the operator's key. What a
// message names must be the same; it never chooses.
type method struct {
	algorithm string // of SignatureMethod
	// verify reports whether signature is key's, of a message with that SHA-256.
	verify func(key crypto.PublicKey, hashed, signature []byte) bool
	// written is the SignatureValue of what a crypto.Signer has made.
	written func(made []byte) ([]byte, error)
}

// The signature algorithms (RFC 6931: 2.3.2, 2.3.6).
const (
	algRSASHA256   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	algECDSASHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
)

var (
	byRSA  = &method{algRSASHA256, verifyRSA, func(made []byte) ([]byte, error) { return made, nil }}
	byP256 = &method{algECDSASHA256, verifyP256, joinP256}
)

// minKeyBits is the shortest RSA key whose signature counts.
const minKeyBits = 2048

// methodOf is how a certificate's key signs; nil where it is none that counts.
func methodOf(cert *x509.Certificate) *method {
	if cert == nil {
		return nil
	}
	return methodOfKey(cert.PublicKey)
}

func methodOfKey(key crypto.PublicKey) *method {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() >= minKeyBits {
			return byRSA
		}
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return byP256
		}
	}
	return nil
}

func verifyRSA(key crypto.PublicKey, hashed, signature []byte) bool {
	return rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), crypto.SHA256, hashed, signature) == nil
}

// p256Size is that of each of a signature's two numbers, in octets.
const p256Size = 32

// verifyP256 takes r and s as XML has them, both in full length (RFC 6931: 2.3.6).
func verifyP256(key crypto.PublicKey, hashed, signature []byte) bool {
	if len(signature) != 2*p256Size {
		return false
	}
	r, s := new(big.Int).SetBytes(signature[:p256Size]), new(big.Int).SetBytes(signature[p256Size:])
	return ecdsa.Verify(key.(*ecdsa.PublicKey), hashed, r, s)
}

var errP256 = errors.New("the key has not made a signature on P-256")

// joinP256 makes r and s in full length of the ASN.1 that holds them.
func joinP256(made []byte) ([]byte, error) {
	var v struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(made, &v)
	if err != nil || len(rest) > 0 || v.R.Sign() <= 0 || v.S.Sign() <= 0 || v.R.BitLen() > 8*p256Size || v.S.BitLen() > 8*p256Size {
		return nil, errP256
	}
	joined := make([]byte, 2*p256Size)
	v.R.FillBytes(joined[:p256Size])
	v.S.FillBytes(joined[p256Size:])
	return joined, nil
}
