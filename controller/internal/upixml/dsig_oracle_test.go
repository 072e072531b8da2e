package upixml_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// The oracle verifies as Verify does, by other people's code: etree reads,
// goxmldsig canonicalises and checks, and a form check over the tree lets only
// the one form through. Whatever Verify takes, it takes, to the same bytes.
func oracleVerify(doc []byte, certs []*x509.Certificate, at time.Time) ([]byte, error) {
	tree := etree.NewDocument()
	if err := tree.ReadFromBytes(doc); err != nil || tree.Root() == nil {
		return nil, errors.New("etree cannot read it")
	}
	signature := oracleChild(tree.Root(), "Signature")
	if signature == nil {
		return nil, errors.New("not signed")
	}
	named, err := oracleForm(signature, tree.Root().SelectAttrValue("Id", ""))
	if err != nil {
		return nil, err
	}
	// goxmldsig takes line ends in a SignatureValue, but no indentation.
	written := oracleChild(signature, "SignatureValue")
	value := strings.Join(strings.Fields(written.Text()), "")
	written.SetText(value)
	// Without KeyInfo it takes the one certificate that it is given.
	if info := oracleChild(signature, "KeyInfo"); info != nil {
		signature.RemoveChild(info)
	}
	for _, cert := range certs {
		switch key := cert.PublicKey.(type) {
		case *rsa.PublicKey:
			if key.N.BitLen() < 2048 || named != rsaSHA256 {
				continue
			}
		case *ecdsa.PublicKey:
			if key.Curve != elliptic.P256() || named != ecdsaSHA256 {
				continue
			}
			// goxmldsig takes ASN.1 there, which XML never has (RFC 6931: 2.3.6).
			raw, err := base64.StdEncoding.DecodeString(value)
			if err != nil || len(raw) != 64 {
				continue
			}
			written.SetText(base64.StdEncoding.EncodeToString(inASN1(raw)))
		}
		ctx := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}})
		ctx.IdAttribute = "Id"
		ctx.Clock = dsig.NewFakeClockAt(at)
		if validated, err := ctx.Validate(tree.Root()); err == nil {
			return oracleWrite(validated)
		}
	}
	return nil, errors.New("goxmldsig does not take it")
}

const (
	rsaSHA256   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	ecdsaSHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
)

// inASN1 and inFull are the two ways to write r and s.
func inASN1(full []byte) []byte {
	made, _ := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(full[:32]), new(big.Int).SetBytes(full[32:])})
	return made
}

func inFull(made []byte) []byte {
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(made, &v); err != nil {
		return nil
	}
	return append(v.R.FillBytes(make([]byte, 32)), v.S.FillBytes(make([]byte, 32))...)
}

// oracleWrite writes what goxmldsig validated, which must read back the same.
func oracleWrite(element *etree.Element) ([]byte, error) {
	write := func(element *etree.Element) ([]byte, error) {
		doc := etree.NewDocumentWithRoot(element.Copy())
		doc.WriteSettings = etree.WriteSettings{CanonicalText: true, CanonicalAttrVal: true, CanonicalEndTags: true}
		return doc.WriteToBytes()
	}
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

var oracleBase64 = regexp.MustCompile(`^[A-Za-z0-9+/=\s]+$`)

// oracleForm is the form check. It returns the algorithm that the signature names.
func oracleForm(signature *etree.Element, rootID string) (named string, err error) {
	wrong := errors.New("another form")
	algorithm := func(e *etree.Element, tag, want string) bool {
		return e.Tag == tag && len(e.ChildElements()) == 0 && e.SelectAttrValue("Algorithm", "") == want
	}
	textOnly := func(e *etree.Element, tag string) bool {
		return e.Tag == tag && len(e.ChildElements()) == 0 && oracleBase64.MatchString(e.Text())
	}
	parts := signature.ChildElements()
	if len(parts) < 2 || len(parts) > 3 || parts[0].Tag != "SignedInfo" || !textOnly(parts[1], "SignatureValue") ||
		len(parts) == 3 && parts[2].Tag != "KeyInfo" {
		return "", wrong
	}
	info := parts[0].ChildElements()
	if len(info) != 3 || !algorithm(info[0], "CanonicalizationMethod", "http://www.w3.org/2001/10/xml-exc-c14n#") ||
		!algorithm(info[1], "SignatureMethod", rsaSHA256) && !algorithm(info[1], "SignatureMethod", ecdsaSHA256) || info[2].Tag != "Reference" {
		return "", wrong
	}
	uri := info[2].SelectAttr("URI")
	if uri == nil || uri.Value != "" && (rootID == "" || uri.Value != "#"+rootID) {
		return "", wrong
	}
	steps := info[2].ChildElements()
	if len(steps) != 3 || steps[0].Tag != "Transforms" ||
		!algorithm(steps[1], "DigestMethod", "http://www.w3.org/2001/04/xmlenc#sha256") || !textOnly(steps[2], "DigestValue") {
		return "", wrong
	}
	transforms := steps[0].ChildElements()
	if len(transforms) != 2 || !algorithm(transforms[0], "Transform", "http://www.w3.org/2000/09/xmldsig#enveloped-signature") ||
		!algorithm(transforms[1], "Transform", "http://www.w3.org/2001/10/xml-exc-c14n#") {
		return "", wrong
	}
	return info[1].SelectAttrValue("Algorithm", ""), nil
}

func oracleChild(parent *etree.Element, tag string) *etree.Element {
	for _, element := range parent.ChildElements() {
		if element.Tag == tag {
			return element
		}
	}
	return nil
}

// oracleSign signs by goxmldsig: what our signer made until it had code of its
// own. A bare Signature is replaced.
func oracleSign(t testing.TB, doc string) []byte {
	t.Helper()
	tree := etree.NewDocument()
	if err := tree.ReadFromString(doc); err != nil {
		t.Fatal(err)
	}
	if bare := oracleChild(tree.Root(), "Signature"); bare != nil {
		tree.Root().RemoveChild(bare)
	}
	ctx, err := dsig.NewSigningContext(testKey(t), [][]byte{testCert(t).Raw})
	if err != nil {
		t.Fatal(err)
	}
	ctx.IdAttribute = "Id"
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	signed, err := ctx.SignEnveloped(tree.Root())
	if err != nil {
		t.Fatal(err)
	}
	tree.SetRoot(signed)
	tree.WriteSettings = etree.WriteSettings{CanonicalText: true, CanonicalAttrVal: true}
	text, err := tree.WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// oracleBody is what there is to sign: doc without its Signature in exclusive
// C14N, by goxmldsig.
func oracleBody(doc []byte) ([]byte, error) {
	tree := etree.NewDocument()
	if err := tree.ReadFromBytes(doc); err != nil {
		return nil, err
	}
	if tree.Root() == nil {
		return nil, errors.New("no root")
	}
	if signature := oracleChild(tree.Root(), "Signature"); signature != nil {
		tree.Root().RemoveChild(signature)
	}
	return dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(tree.Root())
}

// The places that seal fills in.
const (
	digestHere = "DIGEST"
	valueHere  = "VALUE"
)

// seal makes the signature of a document good whatever it says: an honest
// signer who signs the oddest of templates. DIGEST becomes that of the document
// without its Signature, VALUE the signature of its SignedInfo, both canonical by
// goxmldsig. It reports whether there was a SignedInfo that could be signed.
func seal(doc string, key crypto.Signer) (string, bool) {
	body, err := oracleBody([]byte(doc))
	if err != nil {
		return doc, false
	}
	sum := sha256.Sum256(body)
	doc = strings.ReplaceAll(doc, digestHere, base64.StdEncoding.EncodeToString(sum[:]))

	tree := etree.NewDocument()
	if err := tree.ReadFromString(doc); err != nil || tree.Root() == nil {
		return doc, false
	}
	signature := oracleChild(tree.Root(), "Signature")
	if signature == nil {
		return doc, false
	}
	info := oracleChild(signature, "SignedInfo")
	if info == nil {
		return doc, false
	}
	for _, scope := range []*etree.Element{signature, tree.Root()} { // what is in force, the innermost first
		for _, a := range scope.Attr {
			if declares := a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns"; declares && info.SelectAttr(a.FullKey()) == nil {
				info.CreateAttr(a.FullKey(), a.Value)
			}
		}
	}
	canonicalInfo, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(info.Copy())
	if err != nil {
		return doc, false
	}
	hashed := sha256.Sum256(canonicalInfo)
	value, err := key.Sign(rand.Reader, hashed[:], crypto.SHA256)
	if err != nil {
		return doc, false
	}
	if _, onCurve := key.(*ecdsa.PrivateKey); onCurve {
		value = inFull(value)
	}
	return strings.ReplaceAll(doc, valueHere, base64.StdEncoding.EncodeToString(value)), true
}
