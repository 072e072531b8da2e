package upixml_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/upixml"
)

// signedAt is a moment at which the certificate of testdata is valid.
var signedAt = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

type fataler interface {
	Helper()
	Fatal(...any)
}

// testKey is the key of testdata: with one that is made anew in each process
// the fuzzer's workers could not verify each other's seeds.
func testKey(t fataler) *rsa.PrivateKey {
	t.Helper()
	return keyOf(t, "signer.key.pem").(*rsa.PrivateKey)
}

func testCert(t fataler) *x509.Certificate {
	t.Helper()
	return certOf(t, "signer.cert.pem")
}

// p256Key is the other key of testdata.
func p256Key(t fataler) *ecdsa.PrivateKey {
	t.Helper()
	return keyOf(t, "signer.p256.key.pem").(*ecdsa.PrivateKey)
}

func p256Cert(t fataler) *x509.Certificate {
	t.Helper()
	return certOf(t, "signer.p256.cert.pem")
}

func keyOf(t fataler, name string) crypto.Signer {
	t.Helper()
	key, err := x509.ParsePKCS8PrivateKey(decoded(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return key.(crypto.Signer)
}

func certOf(t fataler, name string) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(decoded(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// decoded is what a PEM file of testdata holds.
func decoded(t fataler, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(bytes.ReplaceAll(text, []byte("TESTING KEY"), []byte("PRIVATE KEY")))
	if block == nil {
		t.Fatal(name, "is not PEM")
	}
	return block.Bytes
}

// pinned are the certificates of both.
func pinned(t fataler) []*x509.Certificate {
	t.Helper()
	return []*x509.Certificate{testCert(t), p256Cert(t)}
}

// newCert makes a certificate for key, valid for a year from 2026-12-01.
func newCert(t testing.TB, key crypto.Signer) *x509.Certificate {
	t.Helper()
	from := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "another signer"},
		NotBefore: from, NotAfter: from.AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func newRSA(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func mustSign(t testing.TB, doc string) string {
	t.Helper()
	signed, err := upixml.Sign([]byte(doc), testKey(t), testCert(t))
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

// canonical is what Verify must return: doc without Signature in exclusive C14N.
func canonical(t testing.TB, doc string) string {
	t.Helper()
	text, err := oracleBody([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSignThenVerify(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{
		"ReqValQr":                reqValQr,
		"ReqPay":                  reqPay,
		"ReqChkTxn":               reqChkTxn,
		"RespValQr":               respValQr,
		"RespPay":                 respPay,
		"with an Id":              change(t, reqPay, "<ReqPay>", `<ReqPay Id="m-1">`),
		"with a declaration":      `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + reqPay + "\n",
		"with things not known":   change(t, reqPay, "<Curr>", "<Note b='2' a=\"1\">₹ &amp; &lt;x&gt; &#13; é</Note><Curr>"),
		"with Windows line ends":  strings.ReplaceAll(reqPay, "\n", "\r\n"),
		"with XML-DSig's prefix":  change(t, reqPay, "<ReqPay>", `<ReqPay xmlns:ds="http://www.w3.org/2000/09/xmldsig#">`),
		"on one line":             strings.ReplaceAll(reqPay, "\n  ", ""),
		"with an empty Signature": change(t, reqPay, "</ReqPay>", "<Signature/></ReqPay>"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signed := mustSign(t, doc)
			if !upixml.HasSignature([]byte(signed)) {
				t.Fatalf("does not count as signed:\n%s", signed)
			}
			got, err := upixml.Verify([]byte(signed), pinned(t), signedAt)
			if err != nil {
				t.Fatalf("%v\n%s", err, signed)
			}
			if want := canonical(t, doc); string(got) != want {
				t.Fatalf("signed part\n got %q\nwant %q", got, want)
			}
			if upixml.HasSignature(got) {
				t.Error("the signed part still has its signature")
			}
		})
	}
}

// Of a signed message the fields are those of the signed part.
func TestSignedMessageReads(t *testing.T) {
	t.Parallel()
	signed := []byte(mustSign(t, reqPay))
	part, err := upixml.Verify(signed, pinned(t), signedAt)
	if err != nil {
		t.Fatal(err)
	}
	got, err := upixml.ParseReqPay(part)
	if err != nil || got != wantPay {
		t.Fatalf("%+v, %v", got, err)
	}
	golden(t, "signed_pay.xml", signed)
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	signed := mustSign(t, reqPay)
	withID := mustSign(t, change(t, reqPay, "<ReqPay>", `<ReqPay Id="m1">`))
	signature := signed[strings.Index(signed, "<ds:Signature ") : strings.Index(signed, "</ds:Signature>")+len("</ds:Signature>")]
	const (
		c14n  = `<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>`
		twice = `<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>`
	)
	for _, tt := range []struct{ name, doc, code, why string }{
		{"not signed", reqPay, "ZF", "not signed"},
		{"a bare Signature", change(t, reqPay, "</ReqPay>", "<Signature>...</Signature></ReqPay>"), "ZF", "not signed"},
		{"amount changed", change(t, signed, "1000.00", "1.00"), "ZF", "not good"},
		{"payee changed", change(t, signed, "merchant@upi", "thief@upi"), "ZF", "not good"},
		{"element added", change(t, signed, "<Curr>", "<Note/><Curr>"), "ZF", "not good"},
		{"element taken away", change(t, signed, "<Curr>INR</Curr>", ""), "ZF", "not good"},
		{"attribute added", change(t, signed, "<Amount>", `<Amount a="1">`), "ZF", "not good"},
		{"white space added", change(t, signed, "<Curr>", " <Curr>"), "ZF", "not good"},
		{"Id added", change(t, signed, "<ReqPay>", `<ReqPay Id="m1">`), "ZF", "not good"},
		{"two signatures", change(t, signed, "</ReqPay>", signature+"</ReqPay>"), "BR", "Signature is there twice"},
		{"a bare Signature beside it", change(t, signed, "<ReqPay>", "<ReqPay><Signature/>"), "BR", "Signature is there twice"},
		{"a comment in the amount", change(t, signed, "1000.00", "1000.00<!-- -->"), "BR", "comments"},
		{"a comment in SignedInfo", change(t, signed, c14n, "<!-- -->"+c14n), "BR", "comments"},
		{"a comment in DigestValue", change(t, signed, "<ds:DigestValue>", "<ds:DigestValue><!-- x -->"), "BR", "comments"},
		{"a DTD", "<!DOCTYPE ReqPay [<!ATTLIST ReqPay Id ID #IMPLIED>]>" + signed, "BR", "DOCTYPE"},
		{"a processing instruction", change(t, signed, "<Curr>", "<?x?><Curr>"), "BR", "processing"},
		{"reference to an Id that is not there", change(t, signed, `URI=""`, `URI="#m1"`), "ZF", "whole message"},
		{"reference to another Id", change(t, withID, `URI="#m1"`, `URI="#m2"`), "ZF", "whole message"},
		{"reference to a file", change(t, signed, `URI=""`, `URI="http://x.in/"`), "ZF", "whole message"},
		{"reference by XPointer", change(t, signed, `URI=""`, `URI="#xpointer(/)"`), "ZF", "whole message"},
		{"reference of one letter", change(t, signed, `URI=""`, `URI="x"`), "ZF", "whole message"},
		{"reference without URI", change(t, signed, ` URI=""`, ``), "ZF", "whole message"},
		{"reference to the whole document instead of the Id", change(t, withID, `URI="#m1"`, `URI=""`), "ZF", "not good"},
		{"root's Id changed", change(t, withID, `Id="m1"`, `Id="m2"`), "ZF", "whole message"},
		{"two references", change(t, signed, "</ds:SignedInfo>", `<ds:Reference URI=""/></ds:SignedInfo>`), "ZF", "form"},
		{"no reference", signed[:strings.Index(signed, "<ds:Reference")] + signed[strings.Index(signed, "</ds:SignedInfo>"):], "ZF", "form"},
		{"inclusive C14N", change(t, signed, c14n, strings.Replace(c14n, "http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", 1)), "ZF", "form"},
		{"exclusive C14N with comments", change(t, signed, c14n, strings.Replace(c14n, "c14n#", "c14n#WithComments", 1)), "ZF", "form"},
		{"SHA-1 signature", change(t, signed, "2001/04/xmldsig-more#rsa-sha256", "2000/09/xmldsig#rsa-sha1"), "ZF", "form"},
		{"HMAC signature", change(t, signed, "2001/04/xmldsig-more#rsa-sha256", "2001/04/xmldsig-more#hmac-sha256"), "ZF", "form"},
		{"SHA-1 digest", change(t, signed, "2001/04/xmlenc#sha256", "2000/09/xmldsig#sha1"), "ZF", "form"},
		{"SHA-512 digest", change(t, signed, "xmlenc#sha256", "xmlenc#sha512"), "ZF", "form"},
		{"no enveloped transform", change(t, signed, `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>`, ""), "ZF", "form"},
		{"no C14N transform", change(t, signed, twice, ""), "ZF", "form"},
		{"C14N transform twice", change(t, signed, twice, twice+twice), "ZF", "form"},
		{"transforms the other way round", change(t, signed, `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>`+twice,
			twice+`<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>`), "ZF", "form"},
		{"XPath transform", change(t, signed, "http://www.w3.org/2000/09/xmldsig#enveloped-signature", "http://www.w3.org/TR/1999/REC-xpath-19991116"), "ZF", "form"},
		{"XSLT transform", change(t, signed, twice, `<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>`), "ZF", "form"},
		{"a transform with children", change(t, signed, twice, strings.Replace(twice, "/>", "><ds:XPath>1</ds:XPath></ds:Transform>", 1)), "ZF", "form"},
		{"a prefix list", change(t, signed, twice, strings.Replace(twice, "/>", `><ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="ds"/></ds:Transform>`, 1)), "BR", "namespace"},
		{"two DigestValues", change(t, signed, "<ds:DigestValue>", "<ds:DigestValue>AAAA</ds:DigestValue><ds:DigestValue>"), "ZF", "form"},
		{"two SignedInfos", change(t, signed, "<ds:SignedInfo>", "<ds:SignedInfo/><ds:SignedInfo>"), "ZF", "form"},
		{"two SignatureValues", change(t, signed, "<ds:SignatureValue>", "<ds:SignatureValue>AAAA</ds:SignatureValue><ds:SignatureValue>"), "ZF", "form"},
		{"an Object", change(t, signed, "</ds:Signature>", "<ds:Object/></ds:Signature>"), "ZF", "form"},
		{"KeyInfo twice", change(t, signed, "<ds:KeyInfo>", "<ds:KeyInfo/><ds:KeyInfo>"), "ZF", "form"},
		{"empty SignatureValue", signed[:strings.Index(signed, "<ds:SignatureValue>")+len("<ds:SignatureValue>")] + signed[strings.Index(signed, "</ds:SignatureValue>"):], "ZF", "form"},
		{"digest of nothing", change(t, signed, "<ds:DigestValue>", "<ds:DigestValue>="), "ZF", "not good"},
		{"Signature in no namespace", change(t, reqPay, "</ReqPay>", "<Signature><SignedInfo/></Signature></ReqPay>"), "BR", "not XML-DSig's"},
		{"another namespace on the root", change(t, signed, "<ReqPay>", `<ReqPay xmlns:x="urn:x">`), "BR", "namespace"},
		{"the message in another namespace", change(t, signed, "<ReqPay>", `<ReqPay xmlns="urn:x">`), "BR", "namespace"},
		{"another namespace in Signature", change(t, signed, "<ds:Reference ", `<ds:Reference xmlns:x="urn:x" `), "BR", "namespace"},
		{"Signature's prefix bound to something else", change(t, signed, `xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`, `xmlns:ds="http://www.w3.org/2000/09/xmldsig"`), "BR", "namespace"},
		{"SignedInfo in no namespace", change(t, signed, "<ds:SignedInfo>", "<SignedInfo>", "</ds:SignedInfo>", "</SignedInfo>"), "BR", "not XML-DSig's"},
		{"NPCI's namespace in the PRD's message", change(t, signed, "<ReqPay>", `<ReqPay xmlns:upi="http://npci.org/upi/schema/">`), "BR", "namespace"},
		{"a CDATA section", change(t, signed, "1000.00", "<![CDATA[1000.00]]>"), "BR", "CDATA"},
		{"an entity", change(t, signed, "1000.00", "&amount;"), "BR", "well-formed"},
		{"Signature of another message", change(t, mustSign(t, reqValQr), "<ReqValQr>", "<ReqPay>", "</ReqValQr>", "</ReqPay>"), "ZF", "not good"},
		{"garbage after", signed + "x", "BR", "text outside"},
		{"signed twice over", signed + signed, "BR", "more than one root"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := upixml.Verify([]byte(tt.doc), pinned(t), signedAt)
			var refusal *upixml.Error
			if !errors.As(err, &refusal) || refusal.Code != tt.code || !strings.Contains(refusal.Message, tt.why) || got != nil {
				t.Fatalf("%q, %v; want %s with %q", got, err, tt.code, tt.why)
			}
			if tt.code == "ZF" && refusal.MsgID != "PAY9876543210" && refusal.MsgID != "MSG1234567890" {
				t.Errorf("MsgID %q does not come back", refusal.MsgID)
			}
		})
	}
}

// Signers lay out SignatureValue as they like; it is not part of what is signed.
func TestSignatureValueInLines(t *testing.T) {
	t.Parallel()
	signed := mustSign(t, reqPay)
	at := strings.Index(signed, "<ds:SignatureValue>") + len("<ds:SignatureValue>")
	wrapped := signed[:at] + "\n    " + signed[at:at+76] + "\r\n\t" + signed[at+76:]
	got, err := upixml.Verify([]byte(wrapped), pinned(t), signedAt)
	if err != nil || string(got) != canonical(t, reqPay) {
		t.Fatalf("%q, %v", got, err)
	}
}

// Whom to believe is pinned, not read from the message.
func TestPinnedCertificates(t *testing.T) {
	t.Parallel()
	otherKey := newRSA(t, 2048)
	other := newCert(t, otherKey)
	signed := []byte(mustSign(t, reqPay))
	byOther, err := upixml.Sign([]byte(reqPay), otherKey, other)
	if err != nil {
		t.Fatal(err)
	}
	ours := testCert(t)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sealedBy := func(bits int) ([]byte, []*x509.Certificate) {
		key := newRSA(t, bits)
		doc, ok := seal(change(t, reqPay, "</ReqPay>", sealable("")+"</ReqPay>"), key)
		if !ok {
			t.Fatal("cannot be sealed")
		}
		return []byte(doc), []*x509.Certificate{newCert(t, key)}
	}
	byShort, short := sealedBy(1024)
	byLess, less := sealedBy(2047)
	byLong, long := sealedBy(3072)
	start, end := strings.Index(string(signed), "<ds:KeyInfo>"), strings.Index(string(signed), "</ds:KeyInfo>")
	noKeyInfo := change(t, string(signed), string(signed[start:end])+"</ds:KeyInfo>", "")
	foreignKeyInfo := change(t, noKeyInfo, "</ds:Signature>", "<ds:KeyInfo><ds:KeyName>root</ds:KeyName></ds:KeyInfo></ds:Signature>")
	for _, tt := range []struct {
		name  string
		doc   []byte
		certs []*x509.Certificate
		at    time.Time
		ok    bool
	}{
		{"the signer's", signed, []*x509.Certificate{ours}, signedAt, true},
		{"one of several, for rotation", signed, []*x509.Certificate{other, nil, ours}, signedAt, true},
		{"another's", signed, []*x509.Certificate{other}, signedAt, false},
		{"none", signed, nil, signedAt, false},
		{"another signer with its own KeyInfo", byOther, []*x509.Certificate{ours}, signedAt, false},
		{"no KeyInfo", []byte(noKeyInfo), []*x509.Certificate{ours}, signedAt, true},
		{"KeyInfo of something else", []byte(foreignKeyInfo), []*x509.Certificate{ours}, signedAt, true},
		{"not yet valid", signed, []*x509.Certificate{ours}, ours.NotBefore.Add(-time.Second), false},
		{"the first moment", signed, []*x509.Certificate{ours}, ours.NotBefore, true},
		{"the last moment", signed, []*x509.Certificate{ours}, ours.NotAfter, true},
		{"no longer valid", signed, []*x509.Certificate{ours}, ours.NotAfter.Add(time.Second), false},
		{"a key of 1024 bits", byShort, short, signedAt, false},
		{"a key of 2047 bits", byLess, less, signedAt, false},
		{"a key of 3072 bits", byLong, long, signedAt, true},
		{"a certificate of another kind", signed, []*x509.Certificate{newCert(t, ecKey)}, signedAt, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := upixml.Verify(tt.doc, tt.certs, tt.at)
			if tt.ok != (err == nil) || tt.ok != (got != nil) {
				t.Fatalf("%q, %v; want it taken: %t", got, err, tt.ok)
			}
		})
	}
}

// What would be too long to be read afterwards is refused, though it is signed
// and was itself short enough: each > is four bytes in canonical form.
func TestSignedPartTooLong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		marks int
		ok    bool
	}{{10_000, true}, {20_000, false}} {
		signed := mustSign(t, change(t, reqPay, "<Curr>", "<Note>"+strings.Repeat(">", tt.marks)+"</Note><Curr>"))
		if len(signed) > upixml.MaxBytes {
			t.Fatal("the message itself is too long")
		}
		got, err := upixml.Verify([]byte(signed), pinned(t), signedAt)
		if (err == nil) != tt.ok || (got != nil) != tt.ok || err != nil && !strings.HasPrefix(err.Error(), "ZF: the signed part") {
			t.Errorf("%d: %d bytes, %v", tt.marks, len(got), err)
		}
	}
}
