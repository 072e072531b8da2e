package upixml_test

import (
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/upixml"
)

func mustSignShort(t testing.TB, doc string) string {
	t.Helper()
	signer, err := upixml.NewSigner(testKey(t), testCert(t))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.WithoutKeyInfo().Sign([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

// tampered asks that Verify refuses doc by a code that says so, and reports
// false if it does not.
func tampered(t *testing.T, doc []byte, certs []*x509.Certificate) (got []byte, refused bool) {
	t.Helper()
	got, err := upixml.Verify(doc, certs, signedAt)
	if err == nil {
		return got, false
	}
	var refusal *upixml.Error
	if !errors.As(err, &refusal) || refusal.Code != "ZF" && refusal.Code != "BR" || got != nil {
		t.Fatalf("%q, %v", got, err)
	}
	return nil, true
}

// Failure matrix T10: no bit of a signed message can be changed.
func TestEveryBitOfASignedMessage(t *testing.T) {
	t.Parallel()
	certs := pinned(t)
	for name, doc := range map[string]string{
		"by Id":  change(t, reqPay, "<ReqPay>", `<ReqPay Id="m-1">`, "<Curr>", "<Note b='2' a=\"1&#10;\">₹ &amp; &#13; é</Note><Curr>"),
		"NPCI's": npciPay,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signed := mustSignShort(t, doc)
			if _, refused := tampered(t, []byte(signed), certs); refused {
				t.Fatal("refused as it is")
			}
			for i := range len(signed) {
				for bit := range 8 {
					changed := []byte(signed)
					changed[i] ^= 1 << bit
					if got, refused := tampered(t, changed, certs); !refused {
						t.Errorf("bit %d of byte %d changed and taken as %q:\n%s", bit, i, got, changed[max(0, i-20):min(len(signed), i+20)])
					}
				}
			}
		})
	}
}

// A byte that is changed to another, left out or put in is refused, unless it
// means the same: then what is returned is what was signed. KeyInfo, which is
// not looked at, is the long part of which that is so.
func TestEveryByteOfASignedMessage(t *testing.T) {
	t.Parallel()
	const others = "\x00\t\n !\"&/<=>A]a\xff"
	signed, want, certs := mustSign(t, reqPay), canonical(t, reqPay), pinned(t)
	signature := strings.Index(signed, "<ds:Signature ")
	keyInfo := strings.Index(signed, "<ds:KeyInfo>")
	endInfo := strings.Index(signed, "</ds:KeyInfo>")
	taken := map[string]int{}
	for i := range len(signed) {
		inKeyInfo := i > keyInfo && i <= endInfo
		changes := []string{signed[:i] + signed[i+1:]}
		tried := others
		switch { // what gets as far as RSA costs much more
		case inKeyInfo:
			tried = "<"
		case i > signature:
			tried = "\n<A"
		}
		for _, other := range []byte(tried) {
			changes = append(changes, signed[:i]+string([]byte{other})+signed[i+1:], signed[:i]+string([]byte{other})+signed[i:])
		}
		for _, changed := range changes {
			if changed == signed {
				continue
			}
			got, refused := tampered(t, []byte(changed), certs)
			if refused {
				continue
			}
			if string(got) != want {
				t.Fatalf("byte %d changed, another message taken:\n%s", i, got)
			}
			switch {
			case inKeyInfo:
				taken["KeyInfo"]++
			case len(changed) == len(signed) && strings.Trim(signed[i:i+1]+changed[i:i+1], " \t\r\n") == "":
				taken["another white space in a tag"]++
			case len(changed) > len(signed) && strings.Trim(changed[i:i+1], " \t\r\n") == "":
				taken["more white space"]++ // in a tag, between tags of Signature, in SignatureValue, around the root
			default:
				t.Errorf("byte %d changed and taken: %q", i, changed[max(0, i-20):min(len(changed), i+20)])
			}
		}
	}
	for _, kind := range []string{"KeyInfo", "another white space in a tag", "more white space"} {
		if taken[kind] == 0 {
			t.Errorf("%s: never taken, the loop tests something else than it says", kind)
		}
	}
}
