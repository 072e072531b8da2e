package upixml_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/galla-pay/galla/controller/internal/upixml"
)

// The signature goes before the root's end tag, and nothing else changes: the
// hash that is stored of an answer is that of the answer without it.
func TestSignatureIsTheLastChild(t *testing.T) {
	t.Parallel()
	const bare = "<Signature>...</Signature>"
	for _, tt := range []struct{ name, doc, before, after string }{
		{"indented", respPay, strings.TrimSuffix(respPay, "</RespPay>"), "</RespPay>"},
		{"with what surrounds it", " \r\n<RespPay>\r</RespPay > \n", " \r\n<RespPay>\r", "</RespPay > \n"},
		{"with a declaration", `<?xml version='1.0'?><RespPay></RespPay>`, `<?xml version='1.0'?><RespPay>`, "</RespPay>"},
		{"NPCI's", npciPay, strings.TrimSuffix(npciPay, "</upi:ReqPay>"), "</upi:ReqPay>"},
		{"with a bare Signature", reqValQr, strings.TrimSuffix(change(t, reqValQr, bare, ""), "</ReqValQr>"), "</ReqValQr>"},
		{"with an empty Signature", "<RespPay>a<Signature />b</RespPay>", "", ""},
		{"a self-closing root", `<RespPay Id="x" />`, `<RespPay Id="x" >`, "</RespPay>"},
		{"a self-closing root of NPCI's", `<u:Ack xmlns:u="http://npci.org/upi/schema/"/>`, `<u:Ack xmlns:u="http://npci.org/upi/schema/">`, "</u:Ack>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.before == "" {
				if got, err := upixml.Sign([]byte(tt.doc), testKey(t), testCert(t)); err == nil {
					t.Fatalf("text outside the elements is signed:\n%s", got)
				}
				return
			}
			signed := mustSign(t, tt.doc)
			before, after, _ := cutSignature(signed)
			if before != tt.before || after != tt.after {
				t.Fatalf("%q and %q, want %q and %q", before, after, tt.before, tt.after)
			}
			if got, err := upixml.Verify([]byte(signed), pinned(t), signedAt); err != nil || string(got) != canonical(t, tt.doc) {
				t.Fatalf("%q, %v", got, err)
			}
		})
	}
}

// RSA with PKCS #1 v1.5 has one signature for a message: ours is goxmldsig's.
func TestSameSignatureAsGoxmldsig(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{respPay, respValQr, reqPay, npciPay, change(t, reqPay, "<ReqPay>", `<ReqPay Id="m-1">`)} {
		ours, theirs := mustSign(t, doc), string(oracleSign(t, doc))
		from := strings.Index(ours, "<ds:Signature ")
		if theirFrom := strings.Index(theirs, "<ds:Signature "); from < 0 || theirFrom < 0 || ours[from:] != theirs[theirFrom:] {
			t.Errorf("ours\n%s\ntheirs\n%s", ours, theirs)
		}
	}
}

// One Signer serves all requests at once.
func TestSignerIsForMany(t *testing.T) {
	t.Parallel()
	signer, err := upixml.NewSigner(testKey(t), testCert(t))
	if err != nil {
		t.Fatal(err)
	}
	short := signer.WithoutKeyInfo()
	var all sync.WaitGroup
	for range 4 {
		for _, doc := range []string{respPay, respValQr, npciPay} {
			all.Go(func() {
				for _, s := range []*upixml.Signer{signer, short} {
					signed, err := s.Sign([]byte(doc))
					if err != nil {
						t.Error(err)
						return
					}
					if got, err := upixml.Verify(signed, pinned(t), signedAt); err != nil || string(got) != canonical(t, doc) {
						t.Errorf("%q, %v", got, err)
					}
					if strings.Contains(string(signed), "KeyInfo") != (s == signer) {
						t.Errorf("KeyInfo is there, or not:\n%s", signed)
					}
				}
			})
		}
	}
	all.Wait()
}

// failing is a key that is elsewhere and cannot be reached.
type failing struct{ crypto.Signer }

var errElsewhere = errors.New("the key cannot be reached")

func (failing) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errElsewhere }

func TestSignerSaysWhatItsKeySays(t *testing.T) {
	t.Parallel()
	signer, err := upixml.NewSigner(failing{testKey(t)}, testCert(t))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := signer.Sign([]byte(respPay)); got != nil || !errors.Is(err, errElsewhere) {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short := newRSA(t, 1024)
	for _, tt := range []struct {
		name string
		key  crypto.Signer
		cert *x509.Certificate
	}{
		{"no key", nil, testCert(t)},
		{"no certificate", testKey(t), nil},
		{"a key on P-384", other, newCert(t, other)},
		{"a short key", short, newCert(t, short)},
		{"another's certificate", testKey(t), newCert(t, newRSA(t, 2048))},
		{"a certificate of the other kind", testKey(t), p256Cert(t)},
		{"a certificate of the other kind", p256Key(t), testCert(t)},
	} {
		if got, err := upixml.Sign([]byte(respPay), tt.key, tt.cert); !errors.Is(err, upixml.ErrKey) || got != nil {
			t.Errorf("%s: %q, %v; want ErrKey", tt.name, got, err)
		}
	}
	for _, doc := range []string{"", "<Foo/>", mustSign(t, reqPay), reqPay + "x"} {
		if got, err := upixml.Sign([]byte(doc), testKey(t), testCert(t)); err == nil || got != nil {
			t.Errorf("signed %q", doc)
		}
	}
}
