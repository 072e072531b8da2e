package upixml_test

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/controller/internal/upixml"
)

// same asks that Verify takes doc, that goxmldsig does, and that both read the
// same bytes, which are want.
func same(t rapid.TB, doc []byte, want string) {
	t.Helper()
	got, err := upixml.Verify(doc, pinned(t), signedAt)
	if err != nil {
		t.Fatalf("refused: %v\n%s", err, doc)
	}
	theirs, err := oracleVerify(doc, pinned(t), signedAt)
	if err != nil {
		t.Fatalf("taken, and refused by goxmldsig: %v\n%s", err, doc)
	}
	if !bytes.Equal(got, theirs) {
		t.Fatalf("two canonical forms\n ours   %q\n theirs %q\nof %s", got, theirs, doc)
	}
	if string(got) != want {
		t.Fatalf("signed part\n got %q\nwant %q", got, want)
	}
	if upixml.HasSignature(got) {
		t.Fatalf("the signed part still has a signature:\n%s", got)
	}
}

func oracleCanonical(t rapid.TB, doc string) string {
	t.Helper()
	text, err := oracleBody([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Whatever an honest signer writes in the form that is taken, goxmldsig and ours
// take it and read the same.
func TestBothTakeTheSame(t *testing.T) {
	t.Parallel()
	byRSA, onP256 := testKey(t), p256Key(t)
	rapid.Check(t, func(t *rapid.T) {
		d := drawMessage(t)
		at := rapid.IntRange(0, len(d.children)).Draw(t, "place")
		doc, key := d.with(drawSignature(t, d, digestHere, valueHere), at), crypto.Signer(byRSA)
		if rapid.Bool().Draw(t, "P-256") {
			doc, key = strings.ReplaceAll(doc, rsaSHA256, ecdsaSHA256), onP256
		}
		doc, ok := seal(doc, key)
		if !ok {
			t.Fatalf("cannot be sealed:\n%s", doc)
		}
		same(t, []byte(doc), oracleCanonical(t, doc))
	})
}

// What Signer signs, the others take; and the message is still there, byte for
// byte, around the one element that is new.
func TestOthersTakeOurs(t *testing.T) {
	t.Parallel()
	byRSA, err := upixml.NewSigner(testKey(t), testCert(t))
	if err != nil {
		t.Fatal(err)
	}
	onP256, err := upixml.NewSigner(p256Key(t), p256Cert(t))
	if err != nil {
		t.Fatal(err)
	}
	ofRSA, ofP256 := batch{folder: t.TempDir()}, batch{folder: t.TempDir()}
	rapid.Check(t, func(t *rapid.T) {
		d := drawMessage(t)
		doc := d.String()
		withInfo, b := byRSA, &ofRSA
		if rapid.Bool().Draw(t, "P-256") {
			withInfo, b = onP256, &ofP256
		}
		signer := withInfo
		if rapid.Bool().Draw(t, "without KeyInfo") {
			signer = withInfo.WithoutKeyInfo()
		}
		signed, err := signer.Sign([]byte(doc))
		if err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		if before, after, added := cutSignature(string(signed)); !added || before+after != doc {
			t.Fatalf("without its signature it is not what was signed\n got %q\nwant %q", before+after, doc)
		}
		same(t, signed, oracleCanonical(t, doc))
		b.add(t, signed)
	})
	for by, b := range map[string]batch{certFile: ofRSA, p256CertFile: ofP256} {
		if text, err := runXmlsec(slices.Concat([]string{"--verify", "--pubkey-cert-pem", by}, idAttrs(), b.files)...); err != nil {
			t.Fatalf("xmlsec1 does not take ours: %v\n%s\n%s", err, text, b.named(text))
		}
	}
}

// batch is the files for one run of xmlsec1, which takes longer to start than
// to sign.
type batch struct {
	folder string
	files  []string
}

func (b *batch) add(t *rapid.T, doc []byte) {
	t.Helper()
	path := filepath.Join(b.folder, fmt.Sprintf("%d.xml", len(b.files)))
	if err := os.WriteFile(path, doc, 0o600); err != nil {
		t.Fatal(err)
	}
	b.files = append(b.files, path)
}

// named is the document at which xmlsec1 stopped.
func (b *batch) named(output string) []byte {
	for _, path := range b.files {
		if strings.Contains(output, `"`+path+`"`) {
			text, _ := os.ReadFile(path)
			return text
		}
	}
	return nil
}

// idAttrs tells xmlsec1 what an Id is.
func idAttrs() []string {
	var args []string
	for root := range fieldNames {
		args = append(args, "--id-attr:Id", root)
	}
	for _, root := range npciRoots {
		args = append(args, "--id-attr:Id", npciNamespace+":"+root)
	}
	return args
}

// cutSignature takes the one ds:Signature out.
func cutSignature(signed string) (before, after string, found bool) {
	from, to := strings.Index(signed, "<ds:Signature "), strings.LastIndex(signed, "</ds:Signature>")
	if from < 0 || to < from {
		return signed, "", false
	}
	return signed[:from], signed[to+len("</ds:Signature>"):], true
}

// xmlsec1 fills in the templates, of every layout, and ours takes what it made.
func TestWeTakeAllOfXmlsecs(t *testing.T) {
	t.Parallel()
	var templates []string
	b := batch{folder: t.TempDir()}
	rapid.Check(t, func(t *rapid.T) {
		d := drawMessage(t)
		at := rapid.IntRange(0, len(d.children)).Draw(t, "place")
		template := d.with(drawSignature(t, d, "", ""), at)
		b.add(t, []byte(template))
		templates = append(templates, template)
	})
	out, err := exec.Command("xmlsec1", slices.Concat([]string{"--sign", "--privkey-pem", keyFile(t) + "," + certFile}, idAttrs(), b.files)...).Output()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		t.Fatalf("xmlsec1: %v\n%s\n%s", err, exit.Stderr, b.named(string(exit.Stderr)))
	case err != nil:
		t.Fatalf("the xmlsec1 program is needed for this test: %v", err)
	}
	// One after the other, each with a declaration, which it has nowhere else.
	const begins = "<?xml version="
	signed := strings.Split(string(out), begins)[1:]
	if len(signed) != len(templates) {
		t.Fatalf("%d documents of %d templates", len(signed), len(templates))
	}
	for i, doc := range signed {
		same(t, []byte(begins+doc), oracleCanonical(t, templates[i]))
	}
}

// Where a signature says something odd and is good all the same, ours is as
// strict as goxmldsig with a form check, or stricter. These are the places.
func TestStricterThanGoxmldsig(t *testing.T) {
	t.Parallel()
	key := testKey(t)
	base := change(t, reqPay, "<ReqPay>", `<ReqPay Id="m1">`, "</ReqPay>", sealable("#m1")+"</ReqPay>")
	for _, tt := range []struct {
		name   string
		oldnew []string
		code   string
		both   bool // goxmldsig takes it
	}{
		{"as it should be", nil, "", true},
		{"text among the parts of SignedInfo", []string{"<ds:Reference ", "x<ds:Reference "}, "ZF", true},
		{"text in a method", []string{`c14n#"></ds:CanonicalizationMethod>`, `c14n#">x</ds:CanonicalizationMethod>`}, "ZF", true},
		{"text in Signature", []string{"<ds:SignatureValue>", "x<ds:SignatureValue>"}, "ZF", true},
		{"an Id that no reference can name", []string{`Id="m1"`, `Id="m 1"`, "#m1", "#m 1"}, "ZF", true},
		{"an Id that looks like an XPointer", []string{`Id="m1"`, `Id="xpointer(/)"`, "#m1", "#xpointer(/)"}, "ZF", true},
		{"white space in DigestValue", []string{"<ds:DigestValue>", "<ds:DigestValue>\n", "</ds:DigestValue>", "\r\n</ds:DigestValue>"}, "", true},
		{"indentation in DigestValue", []string{"<ds:DigestValue>", "<ds:DigestValue> "}, "ZF", false},
		{"indentation in SignatureValue", []string{"<ds:SignatureValue>", "<ds:SignatureValue>\t\n  "}, "", true},
		{"bits left over in SignatureValue", []string{valueHere, valueHere + "DIRTY"}, "ZF", true},
		{"a line break in an attribute", []string{"<Amount>", "<Amount a='x\ny'>"}, "BR", true},
		{"a line break in an attribute, as it can be said", []string{"<Amount>", "<Amount a='x&#10;y'>"}, "", true},
		{"a SHA-1 digest", []string{"xmlenc#sha256", "xmldsig#sha1"}, "ZF", false},
		{"a prefix list", []string{`c14n#"></ds:Transform>`, `c14n#"><ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="x"/></ds:Transform>`}, "BR", false},
		{"an attribute with a prefix", []string{"<ds:DigestMethod ", `<ds:DigestMethod ds:Algorithm="x" `}, "BR", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sealed, ok := seal(change(t, base, tt.oldnew...), key)
			if !ok {
				t.Fatal("cannot be sealed")
			}
			if dirty := strings.Index(sealed, "==DIRTY"); dirty >= 0 {
				// The last letter before == has four bits that mean nothing.
				last := sealed[dirty-1]
				const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
				sealed = sealed[:dirty-1] + string(letters[strings.IndexByte(letters, last)|1]) + "==" + sealed[dirty+len("==DIRTY"):]
			}
			theirs, err := oracleVerify([]byte(sealed), pinned(t), signedAt)
			if (err == nil) != tt.both {
				t.Errorf("goxmldsig: %v", err)
			}
			got, err := upixml.Verify([]byte(sealed), pinned(t), signedAt)
			if tt.code == "" {
				if err != nil || !bytes.Equal(got, theirs) {
					t.Errorf("%q, %v", got, err)
				}
				return
			}
			if got != nil || err == nil || !strings.HasPrefix(err.Error(), tt.code+": ") {
				t.Errorf("%q, %v; want %s", got, err, tt.code)
			}
		})
	}
}

// sealable is the usual template, with what seal fills in.
func sealable(uri string) string {
	return fmt.Sprintf(`<ds:Signature xmlns:ds="%s"><ds:SignedInfo>`+
		`<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod>`+
		`<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod>`+
		`<ds:Reference URI="%s"><ds:Transforms>`+
		`<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>`+
		`<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform></ds:Transforms>`+
		`<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>`+
		`<ds:DigestValue>%s</ds:DigestValue></ds:Reference></ds:SignedInfo>`+
		`<ds:SignatureValue>%s</ds:SignatureValue></ds:Signature>`, dsNamespace, uri, digestHere, valueHere)
}
