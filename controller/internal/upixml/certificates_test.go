package upixml_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/galla-pay/galla/controller/internal/upixml"
)

func pemOf(cert *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
}

// Texts that are no certificate vouch for nobody; the others keep their order.
func TestCertificates(t *testing.T) {
	t.Parallel()
	ours, err := os.ReadFile(filepath.Join("testdata", "signer.cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	other := newCert(t, newRSA(t, 2048))
	texts := []string{"", "garbage", pemOf(other), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", string(ours)}
	want := []*x509.Certificate{other, testCert(t)}
	var pins upixml.Pinned
	for name, read := range map[string]func([]string) []*x509.Certificate{
		"read anew": upixml.Certificates, "the first time": pins.Certificates, "from memory": pins.Certificates,
	} {
		got := read(texts)
		if len(got) != len(want) || !got[0].Equal(want[0]) || !got[1].Equal(want[1]) {
			t.Errorf("%s: %d certificates", name, len(got))
		}
	}
	if got := pins.Certificates(nil); len(got) != 0 {
		t.Errorf("of no text: %v", got)
	}
}

// A text is read once; another text is another certificate from its first
// message on, so that a rotation takes hold at once and a revoked one is gone.
func TestPinnedRotation(t *testing.T) {
	t.Parallel()
	nextKey := newRSA(t, 2048)
	next := newCert(t, nextKey)
	before, after := pemOf(testCert(t)), pemOf(next)
	byOld := []byte(mustSign(t, reqPay))
	byNew, err := upixml.Sign([]byte(reqPay), nextKey, next)
	if err != nil {
		t.Fatal(err)
	}
	var pins upixml.Pinned
	for _, step := range []struct {
		name     string
		texts    []string
		old, new bool
	}{
		{"the old one alone", []string{before}, true, false},
		{"both", []string{before, after}, true, true},
		{"the new one alone", []string{after}, false, true},
		{"none", nil, false, false},
		{"the old one again", []string{before}, true, false},
	} {
		if got, err := pins.Verify(byOld, step.texts, signedAt); (err == nil) != step.old || (got != nil) != step.old {
			t.Errorf("%s, signed by the old: %q, %v", step.name, got, err)
		}
		if got, err := pins.Verify(byNew, step.texts, signedAt); (err == nil) != step.new || (got != nil) != step.new {
			t.Errorf("%s, signed by the new: %q, %v", step.name, got, err)
		}
	}
	if first, again := pins.Certificates([]string{before}), pins.Certificates([]string{before}); first[0] != again[0] {
		t.Error("a certificate is read again")
	}
}

// What Verify returned is the caller's: the next message, or somebody else's at
// the same time, does not change it.
func TestPinnedVerifyIsForMany(t *testing.T) {
	t.Parallel()
	texts := []string{pemOf(testCert(t))}
	var pins upixml.Pinned
	var all sync.WaitGroup
	for _, doc := range []string{reqPay, reqValQr, npciPay, respPay} {
		signed, want := []byte(mustSign(t, doc)), canonical(t, doc)
		bad := []byte(change(t, string(signed), "<ds:DigestValue>", "<ds:DigestValue>A"))
		for range 2 {
			all.Go(func() {
				var kept [][]byte
				for range 50 {
					got, err := pins.Verify(signed, texts, signedAt)
					if err != nil {
						t.Error(err)
						return
					}
					kept = append(kept, got)
					if _, err := pins.Verify(bad, texts, signedAt); err == nil {
						t.Error("taken although tampered with")
					}
				}
				for _, got := range kept {
					if string(got) != want {
						t.Errorf("became %q, was %q", got, want)
					}
				}
			})
		}
	}
	all.Wait()
}

// However many texts pass through, and from however many at a time, each gets
// its own certificate.
func TestPinnedIsBounded(t *testing.T) {
	t.Parallel()
	ours := pemOf(testCert(t))
	var pins upixml.Pinned
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 300 {
				text := fmt.Sprintf("%d %d\n", worker, i) // what stands before the block is no part of it
				if got := pins.Certificates([]string{text, text + ours}); len(got) != 1 || !got[0].Equal(testCert(t)) {
					t.Errorf("%d: %v", i, got)
					return
				}
			}
		})
	}
	all.Wait()
}
