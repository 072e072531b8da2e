package upi

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"math/big"
	"math/rand/v2"
	"regexp"
	"runtime"
	"sync"
)

// The one form of a signature (upi-switch: Signatures): enveloped, exclusive C14N,
// RSA-SHA256, one reference to the whole document; answers are signed by the key of
// the controller's certificate, RSA or on P-256. Our messages have neither
// attributes nor white space between elements, so that they are canonical as they
// stand, and so is a SignedInfo that is written as follows; in the message its
// namespace is Signature's.
const (
	signatureSpace = `http://www.w3.org/2000/09/xmldsig#`
	infoOpen       = `<ds:SignedInfo xmlns:ds="` + signatureSpace + `">`
	infoBegin      = infoOpen +
		`<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod>` +
		`<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod>` +
		`<ds:Reference URI=""><ds:Transforms>` +
		`<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>` +
		`<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform></ds:Transforms>` +
		`<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>`
	infoInside     = `<ds:SignedInfo>`
	infoEnd        = `</ds:DigestValue></ds:Reference></ds:SignedInfo>`
	signatureBegin = `<ds:Signature xmlns:ds="` + signatureSpace + `">`
	valueBegin     = `<ds:SignatureValue>`
	valueEnd       = `</ds:SignatureValue>`
	signatureEnd   = `</ds:Signature>`
)

// sign returns doc, which ends with its root's end tag, with a signature as the
// root's last child.
func sign(doc []byte, by crypto.Signer) ([]byte, error) {
	digest := sha256.Sum256(doc)
	info := base64.StdEncoding.AppendEncode([]byte(infoBegin), digest[:])
	info = append(info, infoEnd...)
	hashed := sha256.Sum256(info)
	value, err := by.Sign(nil, hashed[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	end := bytes.LastIndex(doc, []byte("</"))
	if end < 0 {
		return nil, errors.New("a message without an end tag")
	}
	out := append(bytes.Clone(doc[:end]), signatureBegin+infoInside...)
	out = append(out, info[len(infoOpen):]...)
	out = base64.StdEncoding.AppendEncode(append(out, valueBegin...), value)
	out = append(out, valueEnd+signatureEnd...)
	return append(out, doc[end:]...), nil
}

var (
	errVouched = errors.New("the answer's signature is not good")
	inAnswer   = regexp.MustCompile(`(?s)<ds:Signature .*<ds:SignedInfo>(.*)</ds:SignedInfo>.*` + valueBegin + `(.*)` + valueEnd + `.*</ds:Signature>`)
	digestIn   = regexp.MustCompile(`<ds:DigestValue>(.*)</ds:DigestValue>`)
	selfClosed = regexp.MustCompile(`<(ds:\w+)( [^>]*)?/>`)
)

// vouched checks the signature of an answer of a controller: of the form that ours
// have, of a document that is canonical as it stands.
func vouched(doc []byte, by *x509.Certificate) error {
	at := inAnswer.FindSubmatchIndex(doc)
	if at == nil {
		return errVouched
	}
	info, value := doc[at[2]:at[3]], doc[at[4]:at[5]]
	digest := sha256.Sum256(append(bytes.Clone(doc[:at[0]]), doc[at[1]:]...))
	claimed := digestIn.FindSubmatch(info)
	if claimed == nil || string(claimed[1]) != base64.StdEncoding.EncodeToString(digest[:]) {
		return errVouched
	}
	canonical := append([]byte(infoOpen), selfClosed.ReplaceAll(info, []byte(`<$1$2></$1>`))...)
	hashed := sha256.Sum256(append(canonical, "</ds:SignedInfo>"...))
	signature, err := base64.StdEncoding.DecodeString(string(value))
	if err != nil {
		return errVouched
	}
	if !signedBy(by, info, hashed[:], signature) {
		return errVouched
	}
	return nil
}

// signedBy reports whether a signature is of that certificate's key, by the one
// method of such a key, which info must name.
func signedBy(by *x509.Certificate, info, hashed, signature []byte) bool {
	named := func(method string) bool {
		return bytes.Contains(info, []byte(`<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#`+method+`"`))
	}
	switch public := by.PublicKey.(type) {
	case *rsa.PublicKey:
		return named("rsa-sha256") && rsa.VerifyPKCS1v15(public, crypto.SHA256, hashed, signature) == nil
	case *ecdsa.PublicKey:
		if !named("ecdsa-sha256") || len(signature) != 64 {
			return false
		}
		return ecdsa.Verify(public, hashed, new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	}
	return false
}

// presigned are requests that were signed before the run: signing costs this
// program as much as answering costs the server.
type presigned struct {
	ready [kinds][]request
	used  [kinds]int
	// after gets the tokens of the run, for the next one.
	after *tokens
}

type request struct {
	text []byte
	message
}

// newPresigned signs what a schedule needs, on all cores. Its ReqPays spend
// tokens that are there already.
func newPresigned(plan []arrival, u *unsigned, host string, by crypto.Signer) (*presigned, error) {
	s := &presigned{after: &u.tokens}
	var spent []token // by number of ReqPay
	for _, a := range plan {
		if a.kind == validate {
			s.ready[validate] = append(s.ready[validate], request{})
			continue
		}
		t, ok := u.tokens.take()
		if !ok {
			return nil, errors.New("there are fewer tokens than ReqPays to sign")
		}
		spent = append(spent, t)
		s.ready[pay] = append(s.ready[pay], request{})
	}
	workers := runtime.NumCPU()
	errs := make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			dice := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
			for k := range kind(kinds) {
				for i := w; i < len(s.ready[k]) && errs[w] == nil; i += workers {
					t := token{payee: uint8(i % len(payees))}
					if k == pay {
						t = spent[i]
					}
					s.ready[k][i], errs[w] = newSigned(k, u, host, t, dice, by)
				}
			}
		})
	}
	all.Wait()
	return s, errors.Join(errs...)
}

func newSigned(k kind, u *unsigned, host string, t token, dice *rand.Rand, by crypto.Signer) (request, error) {
	m := message{k, newID("LDM", dice), t.payee}
	doc, err := sign(u.templates[k][t.payee].put(nil, m.msgID, newID("LDT", dice), t), by)
	if err != nil {
		return request{}, err
	}
	return request{append(head(k, host, len(doc)), doc...), m}, nil
}

func (s *presigned) next(dst []byte, k kind) ([]byte, message, bool) {
	if s.used[k] == len(s.ready[k]) {
		return dst, message{}, false
	}
	r := s.ready[k][s.used[k]]
	s.used[k]++
	return append(dst, r.text...), r.message, true
}

func (s *presigned) got(t token) { s.after.put(t) }

func (s *presigned) signed() bool { return true }
