package upixml_test

import (
	"bytes"
	"crypto"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/upixml"
)

// agree asks that what Verify takes goxmldsig takes, to the same bytes, and that
// these read back as a message without signature.
func agree(t *testing.T, doc []byte) (signed []byte) {
	t.Helper()
	certs := pinned(t)
	got, err := upixml.Verify(doc, certs, signedAt)
	if err != nil {
		if got != nil {
			t.Fatal("an error and a signed part")
		}
		return nil
	}
	theirs, err := oracleVerify(doc, certs, signedAt)
	if err != nil {
		t.Fatalf("taken, and refused by goxmldsig: %v\n%s", err, doc)
	}
	if !bytes.Equal(got, theirs) {
		t.Fatalf("two canonical forms\n ours   %q\n theirs %q\nof %s", got, theirs, doc)
	}
	if upixml.HasSignature(got) {
		t.Fatalf("the signed part has a signature:\n%s", got)
	}
	return got
}

// What is taken was signed: byte for byte one of the originals.
func FuzzVerify(f *testing.F) {
	originals := map[string]bool{}
	for _, doc := range []string{
		reqValQr, reqPay, reqChkTxn, reqCollectResult, respPay, npciPay, npciValQr, npciChkTxn,
		change(f, reqPay, "<ReqPay>", `<ReqPay Id="m1">`),
	} {
		originals[canonical(f, doc)] = true
		f.Add([]byte(mustSign(f, doc)))
		f.Add([]byte(mustSignShort(f, doc)))
		f.Add(oracleSign(f, doc))
		f.Add([]byte(mustSignP256(f, doc)))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if got := agree(t, doc); got != nil && !originals[string(got)] {
			t.Fatalf("taken, but never signed:\n%s\nin\n%s", got, doc)
		}
	})
}

// Whatever message there is, signed by ours, goxmldsig takes; and two signers
// who know only the text agree on what of it is signed.
func FuzzSign(f *testing.F) {
	for _, doc := range []string{
		reqValQr, reqPay, reqChkTxn, reqCollectResult, respPay, npciPay, npciValQr, npciChkTxn,
		`<RespPay/>`, `<RespPay a=">&quot;&#9;" Id='x'><x b="1" a="2"/>&#13;</RespPay >`, "<ReqPay>\r\n<x>a\rb &gt;&#38;</x></ReqPay>",
		`<u:Ack xmlns:u="http://npci.org/upi/schema/" xmlns:d="http://www.w3.org/2000/09/xmldsig#"><Signature/></u:Ack>`,
	} {
		f.Add([]byte(doc))
	}
	byRSA, err := upixml.NewSigner(testKey(f), testCert(f))
	if err != nil {
		f.Fatal(err)
	}
	onP256, err := upixml.NewSigner(p256Key(f), p256Cert(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		for _, signer := range []*upixml.Signer{byRSA, onP256} {
			signed, err := signer.Sign(doc)
			if err != nil {
				return
			}
			got := agree(t, signed)
			if got == nil {
				t.Fatalf("signed, and not taken back:\n%s", signed)
			}
			want, err := oracleBody(doc)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("signed %q\nof %q\nwhich is %q, %v", got, doc, want, err)
			}
		}
	})
}

// A signature may say anything, of any message, and be good: ours takes only
// what goxmldsig and the form check over its tree take.
func FuzzSignature(f *testing.F) {
	for _, uri := range []string{"", "#m1"} {
		f.Add(` Id="m1"`, sealable(uri))
		f.Add(` Id="m1" xmlns:ds="`+dsNamespace+`"`, strings.Replace(sealable(uri), ` xmlns:ds="`+dsNamespace+`"`, "", 1))
		f.Add(` Id="m1"`, strings.NewReplacer("ds:", "", "xmlns:ds", "xmlns").Replace(sealable(uri)))
	}
	f.Add("", strings.Replace(sealable(""), "<ds:Reference ", "<ds:Reference Type='&#10;x' Id=\"r\" ", 1))
	f.Add("", strings.Replace(sealable(""), "</ds:Signature>", "<ds:KeyInfo><ds:KeyName>x</ds:KeyName></ds:KeyInfo></ds:Signature>", 1))
	f.Add("", strings.Replace(sealable(""), "<ds:SignedInfo>", "<ds:SignedInfo xmlns='"+dsNamespace+"'>\r\n&#13;", 1))
	f.Add("", strings.Replace(sealable(""), "<ds:DigestValue>", "<DigestValue xmlns='"+dsNamespace+"'>\n", 1))
	f.Add("", strings.Replace(sealable(""), rsaSHA256, ecdsaSHA256, 1))
	byRSA, onP256 := testKey(f), p256Key(f)
	f.Fuzz(func(t *testing.T, attributes, signature string) {
		// Signing costs a thousand times what refusing does.
		doc := "<ReqPay" + attributes + "><MsgID>1</MsgID>" + signature + "</ReqPay>"
		if _, err := upixml.Verify([]byte(doc), nil, signedAt); err != nil && strings.HasPrefix(err.Error(), "BR") {
			return
		}
		for _, key := range []crypto.Signer{byRSA, onP256} {
			if sealed, ok := seal(doc, key); ok {
				agree(t, []byte(sealed))
			}
		}
	})
}
