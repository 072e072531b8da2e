package upixml

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"sync"
	"time"
)

// Certificates reads an organisation's registered certificates, each in PEM. A
// text that is none vouches for nobody and is left out.
func Certificates(texts []string) []*x509.Certificate {
	var certs []*x509.Certificate
	for _, text := range texts {
		if cert := certificate(text); cert != nil {
			certs = append(certs, cert)
		}
	}
	return certs
}

// certificate reads the first block of a PEM text; nil if that is none.
func certificate(text string) *x509.Certificate {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return cert
}

// PrivateKey reads the key of a PEM text, in PKCS #8, PKCS #1 or SEC 1: one that
// can sign for a [Signer], which is RSA of 2048 bits or more, or on P-256. The
// parameters of a curve may stand before it, as openssl writes them. The error,
// which holds nothing of the text, is ErrKey or ErrNoPEM.
func PrivateKey(text []byte) (crypto.Signer, error) {
	block, rest := pem.Decode(text)
	for block != nil && block.Type == "EC PARAMETERS" {
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return nil, ErrNoPEM
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return signing(key)
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return signing(key)
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return signing(key)
	}
	return nil, ErrKey
}

// ErrNoPEM says that a text is not PEM.
var ErrNoPEM = errors.New("it is not PEM")

func signing(key any) (crypto.Signer, error) {
	signer, is := key.(crypto.Signer)
	if !is || methodOfKey(signer.Public()) == nil {
		return nil, ErrKey
	}
	return signer, nil
}

// maxPinned is how many texts a Pinned keeps: more than any directory names at
// a time, little enough to hold.
const maxPinned = 1024

// Pinned reads each registered certificate once, however many messages it
// vouches for, and goes by the text alone: a directory that names another text
// has another certificate at once, and who may sign is still for the caller to
// say with each message. The zero value is ready for use by many at a time.
type Pinned struct {
	mu    sync.RWMutex
	certs map[string]*x509.Certificate // by text; nil for one that is none
	spare workspaces
}

// Verify is [Verify] with the certificates of texts, see [Certificates].
func (p *Pinned) Verify(doc []byte, texts []string, at time.Time) (signed []byte, err error) {
	w := p.spare.take()
	defer p.spare.give(w)
	return verify(doc, p.Certificates(texts), at, w)
}

// Certificates is the function [Certificates], from memory.
func (p *Pinned) Certificates(texts []string) []*x509.Certificate {
	certs := make([]*x509.Certificate, 0, len(texts))
	for _, text := range texts {
		if cert := p.certificate(text); cert != nil {
			certs = append(certs, cert)
		}
	}
	return certs
}

func (p *Pinned) certificate(text string) *x509.Certificate {
	p.mu.RLock()
	cert, known := p.certs[text]
	p.mu.RUnlock()
	if known {
		return cert
	}
	cert = certificate(text)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.certs == nil || len(p.certs) >= maxPinned {
		// Texts of directories that are no longer in force go with the rest; those
		// that are come back at their next message.
		p.certs = make(map[string]*x509.Certificate)
	}
	p.certs[text] = cert
	return cert
}
