package npci_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
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
