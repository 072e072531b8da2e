package npci

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// sign returns doc with an enveloped signature (upi-switch: Signatures).
func sign(doc []byte, key crypto.Signer, cert *x509.Certificate) ([]byte, error) {
	tree := etree.NewDocument()
	if err := tree.ReadFromBytes(doc); err != nil {
		return nil, err
	}
	ctx, err := dsig.NewSigningContext(key, [][]byte{cert.Raw})
	if err != nil {
		return nil, err
	}
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	if err := ctx.SetSignatureMethod(dsig.RSASHA256SignatureMethod); err != nil {
		return nil, err
	}
	signed, err := ctx.SignEnveloped(tree.Root())
	if err != nil {
		return nil, err
	}
	tree.SetRoot(signed)
	return tree.WriteToBytes()
}

// verify returns the part of doc that cert's owner signed: by RSA-SHA256 with an
// RSA key, by ECDSA-SHA256 with one on P-256. The certificate, which was pinned
// before, says by which; a message that names another algorithm is refused.
func verify(doc []byte, cert *x509.Certificate) ([]byte, error) {
	tree := etree.NewDocument()
	if err := tree.ReadFromBytes(doc); err != nil {
		return nil, err
	}
	if tree.Root() == nil {
		return nil, errors.New("it is not XML")
	}
	if err := byKeyOf(cert, tree.Root()); err != nil {
		return nil, err
	}
	ctx := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}})
	part, err := ctx.Validate(tree.Root())
	if err != nil {
		return nil, err
	}
	return etree.NewDocumentWithRoot(part).WriteToBytes()
}

var errMethod = errors.New("it is not signed once, in the way of the key that is trusted")

// byKeyOf checks that root's one signature names the algorithm of cert's key, and
// writes a signature on P-256 as goxmldsig wants it: XML has r and s in full length
// (RFC 6931: 2.3.6), goxmldsig reads ASN.1.
func byKeyOf(cert *x509.Certificate, root *etree.Element) error {
	signatures := root.FindElements(".//Signature")
	if len(signatures) != 1 || signatures[0].Parent() != root {
		return errMethod
	}
	methods, values := signatures[0].FindElements("SignedInfo/SignatureMethod"), signatures[0].FindElements("SignatureValue")
	if len(methods) != 1 || len(values) != 1 {
		return errMethod
	}
	named := methods[0].SelectAttrValue("Algorithm", "")
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		if named == dsig.RSASHA256SignatureMethod {
			return nil
		}
	case *ecdsa.PublicKey:
		full, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(values[0].Text()), ""))
		if named != dsig.ECDSASHA256SignatureMethod || key.Curve != elliptic.P256() || err != nil || len(full) != 64 {
			return errMethod
		}
		made, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(full[:32]), new(big.Int).SetBytes(full[32:])})
		if err != nil {
			return err
		}
		values[0].SetText(base64.StdEncoding.EncodeToString(made))
		return nil
	}
	return errMethod
}
