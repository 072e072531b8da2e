package upixml

import (
	"encoding/base64"
	"errors"

	"github.com/galla-pay/galla/controller/internal/upixml/token"
)

// The algorithms; each is the only one of its kind that is taken. That of the
// signature itself is its key's (method).
const (
	algEnveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	algExcC14N   = "http://www.w3.org/2001/10/xml-exc-c14n#"
	algSHA256    = "http://www.w3.org/2001/04/xmlenc#sha256"
)

var (
	errForm  = errors.New("the signature does not have the form that is taken here")
	errWhole = errors.New("the signature is not of the whole message")
)

// formPart is an element below Signature.
type formPart struct {
	depth     int // Signature's is 2
	local     string
	algorithm string // that its attribute must name; "" for none, algKeys for one of a key's
}

// algKeys stands for the algorithms by which keys sign.
const algKeys = "a key's"

// formParts are those of the one form that is taken, as their start tags come; only
// a KeyInfo may follow. With the depths that leaves one tree. Of what that form
// leaves open nothing is taken that signers do not need: no text but white space
// between the parts, no attribute with a prefix, no white space but line ends in
// DigestValue, base64 without bits left over, and no reference to an Id that is
// not a plain name.
var formParts = [...]formPart{
	{3, "SignedInfo", ""},
	{4, "CanonicalizationMethod", algExcC14N},
	{4, "SignatureMethod", algKeys},
	{4, "Reference", ""},
	{5, "Transforms", ""},
	{6, "Transform", algEnveloped},
	{6, "Transform", algExcC14N},
	{5, "DigestMethod", algSHA256},
	{5, "DigestValue", ""},
	{3, "SignatureValue", ""},
}

// signature is what a Signature says, gathered as its tokens come.
type signature struct {
	children bool // it has some: without, it is a bare one and signs nothing
	seen     int  // of formParts
	keyInfo  bool // was there, or is open
	loose    bool // there is text that is in no element of them
	ignored  bool // the innermost open elements are KeyInfo's

	info   canonical // SignedInfo
	inInfo bool
	open   string // the innermost of formParts, "" between them

	uri    []byte // Reference's
	hasURI bool
	by     *method // that SignatureMethod names
	digest []byte  // text of DigestValue
	value  []byte  // text of SignatureValue
}

// start takes in an element below Signature, whose declarations s has.
func (g *signature) start(t *token.Tokenizer, s *scope) error {
	g.children = true
	if g.ignored {
		return nil
	}
	if g.seen == len(formParts) {
		if g.keyInfo || t.Depth() != 3 || string(t.Local()) != "KeyInfo" {
			return errForm
		}
		g.keyInfo, g.ignored = true, true
		return nil
	}
	p := formParts[g.seen]
	g.seen++
	if p.depth != t.Depth() || p.local != string(t.Local()) {
		return errForm
	}
	if namespace, err := s.resolve(t.Prefix()); err != nil || string(namespace) != dsigNamespace {
		return errForm
	}
	if err := g.attributes(t, p); err != nil {
		return err
	}
	g.open = p.local
	g.inInfo = g.inInfo || p.local == "SignedInfo"
	if g.inInfo {
		return g.info.start(t, s)
	}
	return nil
}

func (g *signature) attributes(t *token.Tokenizer, p formPart) error {
	named := p.algorithm == ""
	for i := range t.Attributes() {
		a := t.Attribute(i)
		if _, yes := declares(a); yes {
			continue
		}
		switch {
		case len(a.Prefix) > 0:
			return errForm
		case string(a.Local) == "Algorithm" && p.algorithm != "":
			if p.algorithm == algKeys {
				g.by = methodNamed(value(a))
				named = g.by != nil
				continue
			}
			named = string(value(a)) == p.algorithm
		case string(a.Local) == "URI" && p.local == "Reference":
			g.uri, g.hasURI = value(a), true
		}
	}
	if !named {
		return errForm
	}
	return nil
}

// methodNamed is the method of an algorithm; nil for any other.
func methodNamed(algorithm []byte) *method {
	switch string(algorithm) {
	case algRSASHA256:
		return byRSA
	case algECDSASHA256:
		return byP256
	}
	return nil
}

func (g *signature) end(t *token.Tokenizer) {
	g.open = ""
	if g.ignored {
		g.ignored = t.Depth() > 2
		return
	}
	if g.inInfo {
		g.info.end(t)
		g.inInfo = t.Depth() > 2
	}
}

func (g *signature) chars(t *token.Tokenizer) {
	switch {
	case g.ignored:
		return
	case g.open == "DigestValue":
		g.digest = appendText(g.digest, t)
	case g.open == "SignatureValue":
		g.value = appendText(g.value, t)
	default:
		g.loose = g.loose || !t.Blank()
	}
	if g.inInfo {
		g.info.chars(t)
	}
}

// complete reports whether all of the form was there and is of the document
// whose root has that Id.
func (g *signature) complete(rootID []byte) error {
	if g.seen != len(formParts) || g.loose {
		return errForm
	}
	byID := len(g.uri) > 1 && g.uri[0] == '#' && referable(rootID) && string(g.uri[1:]) == string(rootID)
	if !g.hasURI || len(g.uri) > 0 && !byID {
		return errWhole
	}
	if !base64Lines(g.digest) || !base64Lines(g.value) {
		return errForm
	}
	return nil
}

// referable reports whether an Id is one that a reference can name, and nothing
// that somebody could take for an XPointer.
func referable(id []byte) bool {
	for i, b := range id {
		letter := b|0x20 >= 'a' && b|0x20 <= 'z' || b == '_'
		if !letter && (i == 0 || (b < '0' || b > '9') && b != '-' && b != '.') {
			return false
		}
	}
	return len(id) > 0
}

// base64Lines reports whether text is of base64's letters, in lines as signers
// like them.
func base64Lines(text []byte) bool {
	for _, b := range text {
		letter := b|0x20 >= 'a' && b|0x20 <= 'z' || b >= '0' && b <= '9' || b == '+' || b == '/' || b == '='
		if !letter && b != ' ' && b != '\t' && b != '\n' && b != '\r' {
			return false
		}
	}
	return len(text) > 0
}

// strictBase64 takes one spelling of each octet: no bits left over.
var strictBase64 = base64.StdEncoding.Strict()

// decode reads base64 into dst, which is long enough for text. Line ends may
// stand anywhere, and in SignatureValue, which nothing signs, indentation.
func decode(dst, text []byte, indented bool) ([]byte, bool) {
	if indented {
		kept := text[:0]
		for _, b := range text {
			if b != ' ' && b != '\t' {
				kept = append(kept, b)
			}
		}
		text = kept
	}
	n, err := strictBase64.Decode(dst[:strictBase64.DecodedLen(len(text))], text)
	return dst[:n], err == nil
}
