package upixml_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/upixml"
)

// inTurn runs ours and raw alternately and reports how many times as long ours
// takes, by the medians: on a machine that others use, absolute figures say
// nothing, and neither do two runs one after the other (performance).
func inTurn(b *testing.B, ours, raw func()) {
	var first, second []time.Duration
	for b.Loop() {
		t0 := time.Now()
		ours()
		t1 := time.Now()
		raw()
		first, second = append(first, t1.Sub(t0)), append(second, time.Since(t1))
	}
	slices.Sort(first)
	slices.Sort(second)
	b.ReportMetric(float64(first[len(first)/2])/float64(second[len(second)/2]), "times-raw")
	b.ReportMetric(float64(first[len(first)/2].Nanoseconds()), "ns-ours")
	b.ReportMetric(float64(second[len(second)/2].Nanoseconds()), "ns-raw")
	b.ReportMetric(0, "ns/op") // of the pair, which is nobody's
}

// The goal is 1.5 times raw RSA (performance: signatures), which is one SHA-256
// of as many bytes and one check by the same key.
func BenchmarkVerify(b *testing.B) {
	signed := []byte(mustSign(b, reqPay))
	texts := []string{pemOf(testCert(b))}
	var pins upixml.Pinned
	ours := func() {
		if _, err := pins.Verify(signed, texts, signedAt); err != nil {
			b.Fatal(err)
		}
	}
	theirs := func() {
		if _, err := oracleVerify(signed, pins.Certificates(texts), signedAt); err != nil {
			b.Fatal(err)
		}
	}
	sum := sha256.Sum256(signed)
	value, err := rsa.SignPKCS1v15(rand.Reader, testKey(b), crypto.SHA256, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	public := testCert(b).PublicKey.(*rsa.PublicKey)
	raw := func() {
		sum := sha256.Sum256(signed)
		if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], value); err != nil {
			b.Fatal(err)
		}
	}
	for _, each := range []struct {
		name string
		run  func()
	}{{"ours", ours}, {"goxmldsig", theirs}, {"rawRSA", raw}} {
		b.Run(each.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				each.run()
			}
		})
	}
	b.Run("ours in turn with raw", func(b *testing.B) { inTurn(b, ours, raw) })
	b.Run("goxmldsig in turn with raw", func(b *testing.B) { inTurn(b, theirs, raw) })
}

// What a signature costs beside the RSA of it.
func BenchmarkSign(b *testing.B) {
	key := testKey(b)
	signer, err := upixml.NewSigner(key, testCert(b))
	if err != nil {
		b.Fatal(err)
	}
	doc := []byte(respPay)
	ours := func() {
		if _, err := signer.Sign(doc); err != nil {
			b.Fatal(err)
		}
	}
	raw := func() {
		sum := sha256.Sum256(doc)
		if _, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:]); err != nil {
			b.Fatal(err)
		}
	}
	theirs := func() { oracleSign(b, respPay) }
	for _, each := range []struct {
		name string
		run  func()
	}{{"ours", ours}, {"goxmldsig", theirs}, {"rawRSA", raw}} {
		b.Run(each.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				each.run()
			}
		})
	}
	b.Run("ours in turn with raw", func(b *testing.B) { inTurn(b, ours, raw) })
	b.Run("goxmldsig in turn with raw", func(b *testing.B) { inTurn(b, theirs, raw) })
}
