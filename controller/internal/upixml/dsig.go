package upixml

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"time"
)

var (
	errUnsigned = errors.New("the message is not signed")
	errNotGood  = errors.New("the signature is not good")
	errSurvives = errors.New("the signed part does not survive writing")
)

// HasSignature reports whether doc is a message that carries a signature. A
// bare <Signature>...</Signature> without child elements is none (upi-switch:
// Sandbox data; PRD 8.1). A document that is refused has none either.
func HasSignature(doc []byte) bool {
	found, err := scan(doc)
	return err == nil && found.signed
}

// Verify checks the signature of doc (upi-switch: Signatures): XML-DSig
// enveloped, exclusive C14N without comments, one reference to the whole document
// by URI "" or the root's Id, made with the key of one of certs, which must be
// valid at the given time: RSA-SHA256 where that is an RSA key of 2048 bits or
// more, ECDSA-SHA256 where it is one on P-256; others sign nothing. KeyInfo is
// ignored: who may sign, and how, is for the caller to say, not for the message.
//
// It returns what was signed, in canonical form and without the Signature.
// Nothing else of the document may be used afterwards. The error is an *Error
// of code BR for a document that the parsers refuse as well, of code ZF for a
// signature that is missing or not good.
func Verify(doc []byte, certs []*x509.Certificate, at time.Time) (signed []byte, err error) {
	return verify(doc, certs, at, new(workspace))
}

func verify(doc []byte, certs []*x509.Certificate, at time.Time, w *workspace) ([]byte, error) {
	found, err := scan(doc)
	if err != nil {
		return nil, err
	}
	signed, why := check(doc, certs, at, w)
	if why != nil {
		return nil, found.refuse(CodeSignature, why.Error())
	}
	return signed, nil
}

// check returns errors that tell the sender what is wrong with the form and
// nothing about the keys. What is cheap is asked first.
func check(doc []byte, certs []*x509.Certificate, at time.Time, w *workspace) ([]byte, error) {
	r := w.reading()
	if err := r.read(doc); err != nil {
		return nil, err
	}
	if !r.signature.children {
		return nil, errUnsigned
	}
	if err := r.signature.complete(r.rootID); err != nil {
		return nil, err
	}
	claimed, ok := decode(make([]byte, len(r.signature.digest)), r.signature.digest, false)
	if digest := sha256.Sum256(r.root.text); !ok || !bytes.Equal(claimed, digest[:]) {
		return nil, errNotGood
	}
	signature, ok := decode(make([]byte, len(r.signature.value)), r.signature.value, true)
	if !ok || !vouched(r.signature.by, r.signature.info.text, signature, certs, at) {
		return nil, errNotGood
	}
	signed := bytes.Clone(r.root.text)
	// Failure matrix T10: what is to be read instead of the document must be small
	// enough for that, and the same if it is read and written again.
	again := w.reading()
	if err := again.read(signed); err != nil || again.present || !bytes.Equal(again.root.text, signed) {
		return nil, errSurvives
	}
	return signed, nil
}

// vouched reports whether one of certs made the signature of info by that method,
// which must be its key's own, and might at that time.
func vouched(by *method, info, signature []byte, certs []*x509.Certificate, at time.Time) bool {
	hashed := sha256.Sum256(info)
	for _, cert := range certs {
		own := methodOf(cert)
		if own == nil || own != by || at.Before(cert.NotBefore) || at.After(cert.NotAfter) {
			continue
		}
		if own.verify(cert.PublicKey, hashed[:], signature) {
			return true
		}
	}
	return false
}
