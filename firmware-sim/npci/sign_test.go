package npci_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/galla-pay/galla/firmware-sim/npci"
)

// With a key the messages are signed, with Trust the answers must be; xmlsec1
// says what a good signature is.
func TestSignedBothWays(t *testing.T) {
	t.Parallel()
	network, networkCert := newSigner(t)
	ours, ourCert := newSigner(t)
	stranger, strangerCert := newSigner(t)
	certFile := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: networkCert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	answers := make(chan string, 1)
	c := controller(t, func(_, doc string) (int, string) {
		message := filepath.Join(t.TempDir(), "message.xml")
		if err := os.WriteFile(message, []byte(doc), 0o600); err != nil {
			t.Error(err)
		}
		if out, err := exec.Command("xmlsec1", "--verify", "--pubkey-cert-pem", certFile, message).CombinedOutput(); err != nil {
			t.Errorf("xmlsec1 does not take it: %v\n%s\n%s", err, out, doc)
		}
		return 200, <-answers
	})
	c.Key, c.Cert, c.Trust = network, networkCert, ourCert

	answers <- envelop(t, prdRespPay, ours, ourCert)
	if got, err := c.Pay(t.Context(), pay); err != nil || got != payResp {
		t.Errorf("a signed answer: %+v, %v", got, err)
	}
	for name, bad := range map[string]string{
		"not signed":          prdRespPay,
		"signed by another":   envelop(t, prdRespPay, stranger, strangerCert),
		"changed after":       strings.Replace(envelop(t, prdRespPay, ours, ourCert), "995.00", "999.00", 1),
		"not XML":             "oops",
		"forged root outside": "<RespPay>" + envelop(t, prdRespPay, ours, ourCert) + "</RespPay>",
	} {
		answers <- bad
		if got, err := c.Pay(t.Context(), pay); !errors.Is(err, npci.ErrAnswer) || got != (npci.RespPay{}) {
			t.Errorf("%s: %+v, %v; want ErrAnswer", name, got, err)
		}
	}
}

func newSigner(t *testing.T) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, cert, err := generateSigner(time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

func generateSigner(from, to time.Time) (*rsa.PrivateKey, *x509.Certificate, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return key, cert, err
}

// Answers are taken by the kind of key that is trusted, RSA or P-256, and the
// message chooses nothing.
func TestTheTrustedKeySaysHow(t *testing.T) {
	t.Parallel()
	const byRSA, onP256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
	answers := make(chan string, 1)
	c := controller(t, func(string, string) (int, string) { return 200, <-answers })
	rsaKey, rsaCert := newSigner(t)
	p256Key, p256Cert := newP256Signer(t)
	_, strangerCert := newP256Signer(t)
	signed := signedNaming(t, prdRespPay, p256Key, onP256)
	for _, tt := range []struct {
		name, answer string
		trust        *x509.Certificate
		taken        bool
	}{
		{"RSA", signedNaming(t, prdRespPay, rsaKey, byRSA), rsaCert, true},
		{"P-256", signed, p256Cert, true},
		{"P-256, another's", signed, strangerCert, false},
		{"P-256 where RSA is trusted", signed, rsaCert, false},
		{"RSA where P-256 is trusted", signedNaming(t, prdRespPay, rsaKey, byRSA), p256Cert, false},
		{"P-256 that names RSA", signedNaming(t, prdRespPay, p256Key, byRSA), p256Cert, false},
		{"RSA that names ECDSA", signedNaming(t, prdRespPay, rsaKey, onP256), rsaCert, false},
		{"RSA that names HMAC", signedNaming(t, prdRespPay, rsaKey, "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"), rsaCert, false},
		{"RSA with SHA-512", signedNaming(t, prdRespPay, rsaKey, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"), rsaCert, false},
		{"changed after", strings.Replace(signed, "995.00", "999.00", 1), p256Cert, false},
		{"signed twice", strings.Replace(signed, "<Status>", signed[strings.Index(signed, "<ds:Signature "):strings.Index(signed, "</RespPay>")]+"<Status>", 1), p256Cert, false},
		{"in ASN.1", signedNaming(t, prdRespPay, asn1Only{p256Key}, onP256), p256Cert, false},
		{"not signed", prdRespPay, p256Cert, false},
	} {
		c.Trust = tt.trust
		answers <- tt.answer
		got, err := c.Pay(t.Context(), pay)
		if tt.taken && (err != nil || got != payResp) || !tt.taken && (!errors.Is(err, npci.ErrAnswer) || got != (npci.RespPay{})) {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
	}
}

func newP256Signer(t *testing.T) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

// asn1Only is a key whose signatures are written as they come, in ASN.1.
type asn1Only struct{ crypto.Signer }

// signedNaming signs an answer, whose signature names that algorithm.
func signedNaming(t *testing.T, doc string, key crypto.Signer, algorithm string) string {
	t.Helper()
	c14n := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	canonical := func(text string) []byte {
		tree := etree.NewDocument()
		if err := tree.ReadFromString(text); err != nil {
			t.Fatal(err)
		}
		out, err := c14n.Canonicalize(tree.Root())
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	digest := sha256.Sum256(canonical(doc))
	info := `<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>` +
		`<ds:SignatureMethod Algorithm="` + algorithm + `"/><ds:Reference URI=""><ds:Transforms>` +
		`<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>` +
		`</ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>` +
		base64.StdEncoding.EncodeToString(digest[:]) + `</ds:DigestValue></ds:Reference></ds:SignedInfo>`
	hashed := sha256.Sum256(canonical(info))
	value, err := key.Sign(rand.Reader, hashed[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if _, onCurve := key.(*ecdsa.PrivateKey); onCurve {
		var v struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(value, &v); err != nil {
			t.Fatal(err)
		}
		value = append(v.R.FillBytes(make([]byte, 32)), v.S.FillBytes(make([]byte, 32))...)
	}
	signature := `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">` + info + `<ds:SignatureValue>` +
		base64.StdEncoding.EncodeToString(value) + `</ds:SignatureValue></ds:Signature>`
	return strings.Replace(doc, "</RespPay>", signature+"</RespPay>", 1)
}

// envelop signs an answer as a controller does.
func envelop(t testing.TB, doc string, key *rsa.PrivateKey, cert *x509.Certificate) string {
	t.Helper()
	tree := etree.NewDocument()
	if err := tree.ReadFromString(doc); err != nil {
		t.Fatal(err)
	}
	ctx, err := dsig.NewSigningContext(key, [][]byte{cert.Raw})
	if err != nil {
		t.Fatal(err)
	}
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	signed, err := ctx.SignEnveloped(tree.Root())
	if err != nil {
		t.Fatal(err)
	}
	text, err := etree.NewDocumentWithRoot(signed).WriteToString()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
