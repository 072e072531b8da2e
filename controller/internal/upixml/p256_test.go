package upixml_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/upixml"
)

func mustSignP256(t testing.TB, doc string) string {
	t.Helper()
	signed, err := upixml.Sign([]byte(doc), p256Key(t), p256Cert(t))
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

// A key on P-256 signs by ECDSA-SHA256, with r and s in full length; xmlsec1 and
// goxmldsig take it, and tell when it is tampered with.
func TestSignaturesOnP256(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{
		"RespPay": respPay, "RespValQr": respValQr, "NPCI's ReqPay": npciPay, "with an Id": change(t, reqPay, "<ReqPay>", `<ReqPay Id="m-1">`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signed := mustSignP256(t, doc)
			_, rest, _ := strings.Cut(signed, "<ds:SignatureValue>")
			text, _, _ := strings.Cut(rest, "</ds:SignatureValue>")
			if value, err := base64.StdEncoding.DecodeString(text); err != nil || len(value) != 64 || !strings.Contains(signed, ecdsaSHA256) {
				t.Fatalf("%d octets, %v\n%s", len(value), err, signed)
			}
			same(t, []byte(signed), canonical(t, doc))
			args := []string{"--verify", "--pubkey-cert-pem", p256CertFile, "--id-attr:Id", "ReqPay"}
			if out, err := xmlsec1(t, append(args, file(t, "signed.xml", signed))...); err != nil {
				t.Fatalf("%v\n%s\n%s", err, out, signed)
			}
			tampered := change(t, signed, "</", " </")
			if out, err := xmlsec1(t, append(args, file(t, "tampered.xml", tampered))...); err == nil {
				t.Fatalf("xmlsec1 takes what is tampered with:\n%s", out)
			}
			if _, err := upixml.Verify([]byte(tampered), pinned(t), signedAt); err == nil {
				t.Fatal("taken although tampered with")
			}
		})
	}
}

// What xmlsec1 signs by a key on P-256 is taken.
func TestWeTakeXmlsecsOnP256(t *testing.T) {
	t.Parallel()
	doc := change(t, reqPay, "</ReqPay>", strings.Replace(template("", "<KeyInfo><X509Data/></KeyInfo>"), rsaSHA256, ecdsaSHA256, 1)+"</ReqPay>")
	out := filepath.Join(t.TempDir(), "signed.xml")
	if text, err := xmlsec1(t, "--sign", "--privkey-pem", privateKey(t, "signer.p256.key.pem")+","+p256CertFile, "--output", out,
		file(t, "template.xml", doc)); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	signed, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	got, err := upixml.Verify(signed, []*x509.Certificate{p256Cert(t)}, signedAt)
	if err != nil {
		t.Fatalf("%v\n%s", err, signed)
	}
	if m, err := upixml.ParseReqPay(got); err != nil || m != wantPay {
		t.Fatalf("%+v, %v", m, err)
	}
}

// The key that is pinned says by which algorithm its signatures are checked. What
// the message names must be the same, and chooses nothing.
func TestTheMessageDoesNotChooseTheAlgorithm(t *testing.T) {
	t.Parallel()
	byRSA, onP256 := testKey(t), p256Key(t)
	ofRSA, ofP256 := []*x509.Certificate{testCert(t)}, []*x509.Certificate{p256Cert(t)}
	both := pinned(t)
	for _, tt := range []struct {
		name, algorithm string
		key             crypto.Signer
		certs           []*x509.Certificate
		taken           bool
	}{
		{"RSA, and says so", rsaSHA256, byRSA, ofRSA, true},
		{"RSA, and says so, of two pinned", rsaSHA256, byRSA, both, true},
		{"P-256, and says so", ecdsaSHA256, onP256, ofP256, true},
		{"P-256, and says so, of two pinned", ecdsaSHA256, onP256, both, true},
		{"RSA that names ECDSA", ecdsaSHA256, byRSA, both, false},
		{"P-256 that names RSA", rsaSHA256, onP256, both, false},
		{"P-256 where RSA is pinned", ecdsaSHA256, onP256, ofRSA, false},
		{"RSA where P-256 is pinned", rsaSHA256, byRSA, ofP256, false},
		{"HMAC where P-256 is pinned", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", onP256, both, false},
		{"SHA-1", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1", onP256, both, false},
		{"SHA-512", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512", onP256, both, false},
		{"no algorithm", "", onP256, both, false},
	} {
		doc, ok := seal(change(t, reqPay, "</ReqPay>", strings.Replace(sealable(""), rsaSHA256, tt.algorithm, 1)+"</ReqPay>"), tt.key)
		if !ok {
			t.Fatalf("%s cannot be sealed", tt.name)
		}
		if _, err := upixml.Verify([]byte(doc), tt.certs, signedAt); (err == nil) != tt.taken {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// r and s have one spelling, within their bounds.
func TestSpellingOfASignatureOnP256(t *testing.T) {
	t.Parallel()
	certs := []*x509.Certificate{p256Cert(t)}
	signed := mustSignP256(t, reqPay)
	before, rest, _ := strings.Cut(signed, "<ds:SignatureValue>")
	text, after, _ := strings.Cut(rest, "</ds:SignatureValue>")
	value, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	order := elliptic.P256().Params().N.Bytes()
	zero := make([]byte, 32)
	for name, v := range map[string][]byte{
		"ASN.1": inASN1(value), "an octet more": append([]byte{0}, value...), "an octet less": value[:63], "nothing of s": value[:32],
		"r is 0": append(bytes.Clone(zero), value[32:]...), "s is 0": append(bytes.Clone(value[:32]), zero...), "both are 0": make([]byte, 64),
		"r is the order": append(bytes.Clone(order), value[32:]...), "s is the order": append(bytes.Clone(value[:32]), order...),
		"swapped": append(bytes.Clone(value[32:]), value[:32]...),
	} {
		doc := before + "<ds:SignatureValue>" + base64.StdEncoding.EncodeToString(v) + "</ds:SignatureValue>" + after
		if _, err := upixml.Verify([]byte(doc), certs, signedAt); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := upixml.Verify([]byte(before+"<ds:SignatureValue>"+text+"</ds:SignatureValue>"+after), certs, signedAt); err != nil {
		t.Error(err)
	}
}

// odd is a key that makes what is no signature on P-256.
type odd struct {
	*ecdsa.PrivateKey
	made []byte
}

func (o odd) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return o.made, nil }

func TestSignerRefusesWhatIsNoSignatureOnP256(t *testing.T) {
	t.Parallel()
	key := p256Key(t)
	good, err := key.Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	for name, made := range map[string][]byte{
		"nothing": nil, "not ASN.1": make([]byte, 64), "more after it": append(bytes.Clone(good), 0), "r and s are 0": inASN1(make([]byte, 64)),
	} {
		signer, err := upixml.NewSigner(odd{key, made}, p256Cert(t))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := signer.Sign([]byte(respPay)); err == nil || got != nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A key comes in any of the forms in which openssl writes it, or not at all.
func TestPrivateKey(t *testing.T) {
	t.Parallel()
	byRSA, onP256 := testKey(t), p256Key(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	written := func(kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	pkcs8 := func(key any) string {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		return written("PRIVATE KEY", der, err)
	}
	sec1, err := x509.MarshalECPrivateKey(onP256)
	parameters := written("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}, nil)
	for _, tt := range []struct {
		name, text string
		want       crypto.Signer
		err        error
	}{
		{"RSA in PKCS #8", pkcs8(byRSA), byRSA, nil},
		{"RSA in PKCS #1", written("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(byRSA), nil), byRSA, nil},
		{"P-256 in PKCS #8", pkcs8(onP256), onP256, nil},
		{"P-256 in SEC 1", written("EC PRIVATE KEY", sec1, err), onP256, nil},
		{"P-256 after its parameters", parameters + written("EC PRIVATE KEY", sec1, err), onP256, nil},
		{"parameters alone", parameters, nil, upixml.ErrNoPEM},
		{"a short key", pkcs8(newRSA(t, 1024)), nil, upixml.ErrKey},
		{"P-384", pkcs8(p384), nil, upixml.ErrKey},
		{"Ed25519", pkcs8(edwards), nil, upixml.ErrKey},
		{"a certificate", pemOf(testCert(t)), nil, upixml.ErrKey},
		{"no PEM", "hello", nil, upixml.ErrNoPEM},
	} {
		got, err := upixml.PrivateKey([]byte(tt.text))
		if !errors.Is(err, tt.err) || (got == nil) != (tt.want == nil) {
			t.Errorf("%s: %T, %v", tt.name, got, err)
		}
		if got != nil && !got.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(tt.want.Public()) {
			t.Errorf("%s is another key", tt.name)
		}
	}
}
