package npci

import (
	"crypto"
	"crypto/x509"
	"errors"

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

// verify returns the part of doc that cert's owner signed.
func verify(doc []byte, cert *x509.Certificate) ([]byte, error) {
	tree := etree.NewDocument()
	if err := tree.ReadFromBytes(doc); err != nil {
		return nil, err
	}
	if tree.Root() == nil {
		return nil, errors.New("it is not XML")
	}
	ctx := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}})
	part, err := ctx.Validate(tree.Root())
	if err != nil {
		return nil, err
	}
	return etree.NewDocumentWithRoot(part).WriteToBytes()
}
