package upixml

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
)

// ErrKey says that a signing key is of another kind, too short, or not its
// certificate's.
var ErrKey = errors.New("messages are signed with RSA keys of at least 2048 bits, or keys on P-256, and their own certificate")

// Signer signs messages with one key, in the form that [Verify] asks for: RSA-SHA256
// with an RSA key, ECDSA-SHA256 with one on P-256, which takes a thirtieth of the
// time. It is for use by many at a time, as far as its key is: those of crypto/rsa
// and crypto/ecdsa are.
type Signer struct {
	key     crypto.Signer
	by      *method
	keyInfo string // all of the element, "" for none
	spare   workspaces
}

// NewSigner returns a Signer that puts cert into the KeyInfo of each signature.
// The error is ErrKey.
func NewSigner(key crypto.Signer, cert *x509.Certificate) (*Signer, error) {
	by := methodOf(cert)
	if key == nil || by == nil {
		return nil, ErrKey
	}
	if public, comparable := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !comparable || !public.Equal(cert.PublicKey) {
		return nil, ErrKey
	}
	return &Signer{key: key, by: by, keyInfo: "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>" + base64.StdEncoding.EncodeToString(cert.Raw) +
		"</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"}, nil
}

// SignedInfo, in canonical form, which is what is signed, and shorter as it
// stands in the document: there Signature has the declaration.
const (
	dsDeclared  = ` xmlns:ds="` + dsigNamespace + `"`
	dsC14N      = `<ds:CanonicalizationMethod Algorithm="` + algExcC14N + `"`
	dsMethod    = `<ds:SignatureMethod Algorithm="`
	dsReference = `<ds:Reference URI="`
	dsTakeOut   = `"><ds:Transforms><ds:Transform Algorithm="` + algEnveloped + `"`
	dsThenC14N  = `<ds:Transform Algorithm="` + algExcC14N + `"`
	dsSHA       = `</ds:Transforms><ds:DigestMethod Algorithm="` + algSHA256 + `"`
	dsDigest    = `<ds:DigestValue>`
	dsInfoEnd   = `</ds:DigestValue></ds:Reference></ds:SignedInfo>`

	infoToMethod = `<ds:SignedInfo` + dsDeclared + `>` + dsC14N + `></ds:CanonicalizationMethod>` + dsMethod
	infoToURI    = `"></ds:SignatureMethod>` + dsReference
	infoToDigest = dsTakeOut + `></ds:Transform>` + dsThenC14N + `></ds:Transform>` + dsSHA + `></ds:DigestMethod>` + dsDigest

	shortToMethod = `<ds:Signature` + dsDeclared + `><ds:SignedInfo>` + dsC14N + `/>` + dsMethod
	shortToURI    = `"/>` + dsReference
	shortToDigest = dsTakeOut + `/>` + dsThenC14N + `/>` + dsSHA + `/>` + dsDigest
	shortToValue  = dsInfoEnd + `<ds:SignatureValue>`
	dsValueEnd    = `</ds:SignatureValue>`
	dsEnd         = `</ds:Signature>`
)

// Sign returns doc, a message of this package, with an enveloped signature as
// the root's last child. Nothing else of doc changes: who takes the Signature
// element out has again the very bytes that were given, unless those had a bare
// Signature, which is replaced, or a self-closing root, which gets an end tag.
// The error is an *Error of code BR for a document that is not a message or is
// signed already, or the key's own.
func (s *Signer) Sign(doc []byte) ([]byte, error) {
	found, err := scan(doc)
	if err != nil {
		return nil, err
	}
	if found.signed {
		return nil, bad("the message is signed already")
	}
	w := s.spare.take()
	defer s.spare.give(w)
	r := w.reading()
	if err := r.read(doc); err != nil {
		return nil, bad(err.Error())
	}
	var uri []byte
	if referable(r.rootID) {
		uri = append([]byte("#"), r.rootID...)
	}
	sum := sha256.Sum256(r.root.text)
	var encoded [digestLength]byte
	base64.StdEncoding.Encode(encoded[:], sum[:])

	info := make([]byte, 0, len(infoToMethod)+len(s.by.algorithm)+len(infoToURI)+len(uri)+len(infoToDigest)+len(encoded)+len(dsInfoEnd))
	info = append(info, infoToMethod...)
	info = append(info, s.by.algorithm...)
	info = append(info, infoToURI...)
	info = append(info, uri...)
	info = append(info, infoToDigest...)
	info = append(info, encoded[:]...)
	info = append(info, dsInfoEnd...)
	hashed := sha256.Sum256(info)
	made, err := s.key.Sign(rand.Reader, hashed[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign message: %w", err)
	}
	value, err := s.by.written(made)
	if err != nil {
		return nil, fmt.Errorf("sign message: %w", err)
	}
	return s.put(doc, &r, uri, encoded[:], value), nil
}

// digestLength is that of a DigestValue.
const digestLength = (sha256.Size + 2) / 3 * 4

// put writes the signature into doc.
func (s *Signer) put(doc []byte, r *reading, uri, sum, value []byte) []byte {
	out := make([]byte, 0, len(doc)+len(shortToMethod)+len(s.by.algorithm)+len(shortToURI)+len(uri)+len(shortToDigest)+len(sum)+len(shortToValue)+
		base64.StdEncoding.EncodedLen(len(value))+len(dsValueEnd)+len(s.keyInfo)+len(dsEnd)+len("></>")+len(r.rootName))
	if r.present {
		out = append(out, doc[:r.from]...)
		out = append(out, doc[r.to:r.end]...)
	} else {
		out = append(out, doc[:r.end]...)
	}
	rest := doc[r.end:]
	if r.selfClosing {
		out = append(out, '>')
		rest = rest[len("/>"):]
	}
	out = append(out, shortToMethod...)
	out = append(out, s.by.algorithm...)
	out = append(out, shortToURI...)
	out = append(out, uri...)
	out = append(out, shortToDigest...)
	out = append(out, sum...)
	out = append(out, shortToValue...)
	out = base64.StdEncoding.AppendEncode(out, value)
	out = append(out, dsValueEnd...)
	out = append(out, s.keyInfo...)
	out = append(out, dsEnd...)
	if r.selfClosing {
		out = append(out, '<', '/')
		out = append(out, r.rootName...)
		out = append(out, '>')
	}
	return append(out, rest...)
}

// Sign is [Signer.Sign] for one message. The error is ErrKey as well.
func Sign(doc []byte, key crypto.Signer, cert *x509.Certificate) ([]byte, error) {
	s, err := NewSigner(key, cert)
	if err != nil {
		return nil, err
	}
	return s.Sign(doc)
}
