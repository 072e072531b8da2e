package upixml

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// minKeyBits is the shortest RSA key whose signature counts.
const minKeyBits = 2048

// ErrKey says that a signing key is not RSA, too short, or not its certificate's.
var ErrKey = errors.New("messages are signed with RSA keys of at least 2048 bits and their own certificate")

// HasSignature reports whether doc is a message that carries a signature. A
// bare <Signature>...</Signature> without child elements is none (upi-switch:
// Sandbox data; PRD 8.1). A document that is refused has none either.
func HasSignature(doc []byte) bool {
	found, err := scan(doc)
	return err == nil && found.signed
}

// Verify checks the signature of doc (upi-switch: Signatures): XML-DSig
// enveloped, exclusive C14N without comments, RSA-SHA256, one reference to the
// whole document by URI "" or the root's Id, made with the key of one of certs,
// which must be valid at the given time. KeyInfo is ignored: who may sign is
// for the caller to say, not for the message.
//
// It returns what was signed, in canonical form and without the Signature.
// Nothing else of the document may be used afterwards. The error is an *Error
// of code BR for a document that the parsers refuse as well, of code ZF for a
// signature that is missing or not good.
func Verify(doc []byte, certs []*x509.Certificate, at time.Time) (signed []byte, err error) {
	found, err := scan(doc)
	if err != nil {
		return nil, err
	}
	signed, why := verify(doc, found, certs, at)
	if why != nil {
		refusal := &Error{Code: CodeSignature, Message: why.Error()}
		refusal.MsgID, refusal.TxnID = found.ids()
		return nil, refusal
	}
	return signed, nil
}

// verify returns errors that tell the sender what is wrong with the form and
// nothing about the keys.
func verify(doc []byte, found document, certs []*x509.Certificate, at time.Time) ([]byte, error) {
	if !found.signed {
		return nil, errors.New("the message is not signed")
	}
	tree := etree.NewDocument()
	if err := tree.ReadFromBytes(doc); err != nil || tree.Root() == nil {
		return nil, errors.New("the message cannot be read")
	}
	signature := child(tree.Root(), "Signature")
	if err := checkForm(signature, found.id); err != nil {
		return nil, err
	}
	// SignatureValue is text of the signer's own layout, of which goxmldsig
	// takes line ends but no indentation.
	value := child(signature, "SignatureValue")
	value.SetText(strings.Join(strings.Fields(value.Text()), ""))
	// KeyInfo is not covered by any signature. Without it goxmldsig takes the
	// one certificate that it is given.
	if info := child(signature, "KeyInfo"); info != nil {
		signature.RemoveChild(info)
	}
	for _, cert := range certs {
		if !strong(cert) {
			continue
		}
		ctx := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}})
		ctx.IdAttribute = "Id"
		ctx.Clock = dsig.NewFakeClockAt(at)
		if validated, err := ctx.Validate(tree.Root()); err == nil {
			return serialise(validated)
		}
	}
	return nil, errors.New("the signature is not good")
}

// strong reports whether cert is there and its key is one that counts.
func strong(cert *x509.Certificate) bool {
	if cert == nil {
		return false
	}
	key, isRSA := cert.PublicKey.(*rsa.PublicKey)
	return isRSA && key.N.BitLen() >= minKeyBits
}

// serialise writes the element that Validate returned, and nothing but that. It
// refuses one that would not read back as it is written.
func serialise(element *etree.Element) ([]byte, error) {
	text, err := write(element)
	if err != nil {
		return nil, err
	}
	again := etree.NewDocument()
	if err := again.ReadFromBytes(text); err != nil || again.Root() == nil {
		return nil, errors.New("the signed part cannot be read")
	}
	if second, err := write(again.Root()); err != nil || !bytes.Equal(text, second) {
		return nil, errors.New("the signed part does not survive writing")
	}
	return text, nil
}

func write(element *etree.Element) ([]byte, error) {
	doc := etree.NewDocumentWithRoot(element.Copy())
	doc.WriteSettings = exact
	doc.WriteSettings.CanonicalEndTags = true // <a></a>, as exclusive C14N writes it
	return doc.WriteToBytes()
}

// exact writes texts so that every reader gets them as they were read,
// carriage returns included.
var exact = etree.WriteSettings{CanonicalText: true, CanonicalAttrVal: true}

// The algorithms; each is the only one of its kind that is taken.
const (
	algEnveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	algExcC14N   = "http://www.w3.org/2001/10/xml-exc-c14n#"
	algRSASHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	algSHA256    = "http://www.w3.org/2001/04/xmlenc#sha256"
)

// base64Lines is base64 as signers break it into lines.
var base64Lines = regexp.MustCompile(`^[A-Za-z0-9+/=\s]+$`)

// checkForm lets one form of Signature through, whatever else goxmldsig could
// read. scan has seen that it is the root's only one and all of it in
// XML-DSig's namespace.
func checkForm(signature *etree.Element, rootID string) error {
	wrong := errors.New("the signature does not have the form that is taken here")
	parts := signature.ChildElements()
	if len(parts) < 2 || len(parts) > 3 || parts[0].Tag != "SignedInfo" || parts[1].Tag != "SignatureValue" ||
		len(parts) == 3 && parts[2].Tag != "KeyInfo" {
		return wrong
	}
	info := parts[0].ChildElements()
	if len(info) != 3 || !algorithm(info[0], "CanonicalizationMethod", algExcC14N) ||
		!algorithm(info[1], "SignatureMethod", algRSASHA256) || info[2].Tag != "Reference" {
		return wrong
	}
	reference := info[2]
	uri := reference.SelectAttr("URI")
	if uri == nil || uri.Value != "" && (rootID == "" || uri.Value != "#"+rootID) {
		return errors.New("the signature is not of the whole message")
	}
	steps := reference.ChildElements()
	if len(steps) != 3 || steps[0].Tag != "Transforms" ||
		!algorithm(steps[1], "DigestMethod", algSHA256) || !textOnly(steps[2], "DigestValue") {
		return wrong
	}
	transforms := steps[0].ChildElements()
	if len(transforms) != 2 || !algorithm(transforms[0], "Transform", algEnveloped) ||
		!algorithm(transforms[1], "Transform", algExcC14N) {
		return wrong
	}
	if !textOnly(parts[1], "SignatureValue") {
		return wrong
	}
	return nil
}

func algorithm(element *etree.Element, tag, want string) bool {
	return element.Tag == tag && len(element.ChildElements()) == 0 && element.SelectAttrValue("Algorithm", "") == want
}

func textOnly(element *etree.Element, tag string) bool {
	return element.Tag == tag && len(element.ChildElements()) == 0 && base64Lines.MatchString(element.Text())
}

// child returns the first child of that local name.
func child(parent *etree.Element, tag string) *etree.Element {
	for _, element := range parent.ChildElements() {
		if element.Tag == tag {
			return element
		}
	}
	return nil
}

// Sign returns doc, a message of this package, with an enveloped signature by
// key as the root's last child, in the form that Verify asks for, and with cert
// in its KeyInfo. A bare Signature that doc had is replaced. The error is ErrKey
// or an *Error of code BR for a document that is not a message.
func Sign(doc []byte, key crypto.Signer, cert *x509.Certificate) ([]byte, error) {
	if key == nil || !strong(cert) {
		return nil, ErrKey
	}
	if public, isRSA := key.Public().(*rsa.PublicKey); !isRSA || !public.Equal(cert.PublicKey) {
		return nil, ErrKey
	}
	found, err := scan(doc)
	if err != nil {
		return nil, err
	}
	if found.signed {
		return nil, bad("the message is signed already")
	}
	tree := etree.NewDocument()
	if err := tree.ReadFromBytes(doc); err != nil {
		return nil, fmt.Errorf("sign message: %w", err)
	}
	if bare := child(tree.Root(), "Signature"); bare != nil {
		tree.Root().RemoveChild(bare)
	}
	ctx, err := dsig.NewSigningContext(key, [][]byte{cert.Raw})
	if err != nil {
		return nil, fmt.Errorf("sign message: %w", err)
	}
	ctx.IdAttribute = "Id"
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	signed, err := ctx.SignEnveloped(tree.Root())
	if err != nil {
		return nil, fmt.Errorf("sign message: %w", err)
	}
	tree.SetRoot(signed)
	tree.WriteSettings = exact
	return tree.WriteToBytes()
}
