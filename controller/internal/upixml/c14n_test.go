package upixml_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/controller/internal/upixml"
)

// Exclusive C14N by example: the rules of Canonical XML 1.0, section 3, and of
// Exclusive XML Canonicalization 1.0, section 2.
func TestCanonical(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, doc, want string }{
		{"an end tag for each", `<a><b/><c></c></a >`, `<a><b></b><c></c></a>`},
		{"what stands around the root goes", "<?xml version='1.0'?>\n<a/>\n", `<a></a>`},
		{"white space between elements stays", "<a>\n  <b/> </a>", "<a>\n  <b></b> </a>"},
		{"attributes by name, once spaced, in quotes", "<a  z='1'\n b = \"2\"\tB='3' ba='' />", `<a B="3" b="2" ba="" z="1"></a>`},
		{"values escaped", `<a v='"&apos;&#39;&lt;&gt;&amp;>&#9;&#10;&#13;&#x20AC;'/>`, `<a v="&quot;''&lt;>&amp;>&#x9;&#xA;&#xD;€"></a>`},
		{"texts escaped", `<a>"'&quot;&lt;&gt;&amp;>&#9;&#10;&#13;&#x20AC;</a>`, "<a>\"'\"&lt;&gt;&amp;&gt;\t\n&#xD;€</a>"},
		{"line ends made one", "<a>1\r\n2\r3\n4\r\r\n5&#13;\n</a>", "<a>1\n2\n3\n4\n\n5&#xD;\n</a>"},
		{"characters are left as they are composed", "<a>e\u0301é\u00A0</a>", "<a>e\u0301é\u00A0</a>"},
		{"the root's namespace is on the root", `<u:a xmlns:u="urn:u"><b><u:c/></b></u:a>`, `<u:a xmlns:u="urn:u"><b><u:c></u:c></b></u:a>`},
		{"a namespace goes where it is used", `<a xmlns:u="urn:u"><b><u:c/><u:d/></b></a>`,
			`<a><b><u:c xmlns:u="urn:u"></u:c><u:d xmlns:u="urn:u"></u:d></b></a>`},
		{"one that is not used goes", `<a xmlns:u="urn:u" xmlns:v="urn:v"><v:b/></a>`, `<a><v:b xmlns:v="urn:v"></v:b></a>`},
		{"said again it is not written again", `<u:a xmlns:u="urn:u"><u:b xmlns:u="urn:u"/></u:a>`, `<u:a xmlns:u="urn:u"><u:b></u:b></u:a>`},
		{"rebound it is", `<u:a xmlns:u="urn:u"><u:b xmlns:u="urn:v"><u:c/></u:b><u:d/></u:a>`,
			`<u:a xmlns:u="urn:u"><u:b xmlns:u="urn:v"><u:c></u:c></u:b><u:d></u:d></u:a>`},
		{"bound back, too", `<u:a xmlns:u="urn:u"><u:b xmlns:u="urn:v"><u:c xmlns:u="urn:u"/></u:b></u:a>`,
			`<u:a xmlns:u="urn:u"><u:b xmlns:u="urn:v"><u:c xmlns:u="urn:u"></u:c></u:b></u:a>`},
		{"the default namespace, and back to none", `<a xmlns="urn:d"><b xmlns=""><c/></b><u:d xmlns:u="urn:u"/></a>`,
			`<a xmlns="urn:d"><b xmlns=""><c></c></b><u:d xmlns:u="urn:u"></u:d></a>`},
		{"no default is no declaration", `<a xmlns=""><b xmlns=""/></a>`, `<a><b></b></a>`},
		{"declarations by prefix, the default first", `<a z:x="1" b:x="2" xmlns:z="urn:a" xmlns:b="urn:b" xmlns="urn:d"/>`,
			`<a xmlns="urn:d" xmlns:b="urn:b" xmlns:z="urn:a" z:x="1" b:x="2"></a>`},
		{"attributes by namespace, not by prefix, those of none first", `<a z:n="1" b:n="2" b:m="3" n="4" xmlns:z="urn:a" xmlns:b="urn:b"/>`,
			`<a xmlns:b="urn:b" xmlns:z="urn:a" n="4" z:n="1" b:m="3" b:n="2"></a>`},
		{"xml's own prefix is not declared", `<a xml:lang="en" b:n="1" z="2" xmlns:b="urn:b"/>`, `<a xmlns:b="urn:b" z="2" xml:lang="en" b:n="1"></a>`},
		{"a namespace's name escaped", `<u:a xmlns:u='urn:"&amp;&lt;'/>`, `<u:a xmlns:u="urn:&quot;&amp;&lt;"></u:a>`},
		{"Signature goes, and nothing beside it", `<a> <Signature a="b">...</Signature> <b><Signature/></b></a>`, `<a>  <b><Signature></Signature></b></a>`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := upixml.Canonical([]byte(tt.doc))
			if err != nil || string(got) != tt.want {
				t.Fatalf("%v\n got %s\nwant %s", err, got, tt.want)
			}
			if again, err := upixml.Canonical(got); err != nil || !bytes.Equal(again, got) {
				t.Errorf("canonical form is not its own: %s, %v", again, err)
			}
		})
	}
	for _, doc := range []string{
		`<u:a/>`, `<a u:b=""/>`, `<a><b xmlns:u="urn:u"/><u:c/></a>`, // not declared
		`<a u:b="" v:b="" xmlns:u="urn:u" xmlns:v="urn:u"/>`, // the same attribute
		`<a>`, `<a b=" ` + "\n" + `"/>`, // no tokens
	} {
		if got, err := upixml.Canonical([]byte(doc)); err == nil {
			t.Errorf("%s is %s", doc, got)
		}
	}
}

// drawNamespaced is an element with any namespaces, which no message of ours
// has: ours must be C14N, not just what today's messages need of it.
func drawNamespaced(t *rapid.T, depth int, inScope []string) string {
	var text strings.Builder
	declared := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"", "p", "q", "r", "ds"}), 0, 3, rapid.ID[string]).Draw(t, "declared")
	scope := slices.Clone(inScope)
	for _, prefix := range declared {
		if prefix != "" && !slices.Contains(scope, prefix) {
			scope = append(scope, prefix)
		}
	}
	prefixed := func(local string) string {
		if len(scope) == 0 || rapid.Bool().Draw(t, "unprefixed") {
			return local
		}
		return rapid.SampledFrom(scope).Draw(t, "prefix") + ":" + local
	}
	name := prefixed(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "local"))
	text.WriteString("<" + name)
	// None with an ampersand or a quotation mark, which libxml2 writes as it is,
	// so that what it makes is no XML any more.
	spaces := []string{"urn:1", "urn:2", "urn:10", "http://x.in/?a=&#98;", "urn:%7E"}
	used := slices.Clone(rapid.Permutation(spaces).Draw(t, "namespaces")) // each once, so that no attribute is there twice
	for i, prefix := range declared {
		if prefix == "" {
			text.WriteString(` xmlns="` + rapid.SampledFrom(append(spaces, "")).Draw(t, "default") + `"`)
			continue
		}
		text.WriteString(" xmlns:" + prefix + `='` + used[i] + `'`)
	}
	for _, local := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"k", "l", "m", "K", "xy"}), 0, 4, rapid.ID[string]).Draw(t, "attributes") {
		text.WriteString(drawAttribute(t, prefixed(local)))
	}
	if rapid.IntRange(0, 3).Draw(t, "language") == 0 {
		text.WriteString(` xml:lang='en'`)
	}
	text.WriteString(">" + drawText(t))
	for range rapid.IntRange(0, 2).Draw(t, "children") {
		if depth < 4 {
			text.WriteString(drawNamespaced(t, depth+1, scope) + drawText(t))
		}
	}
	if depth == 1 {
		text.WriteString(strings.NewReplacer(digestHere, "", valueHere, "").Replace(sealable("")))
	}
	return text.String() + "</" + name + ">"
}

var digestValue = regexp.MustCompile(`<ds:DigestValue>([A-Za-z0-9+/=]+)</ds:DigestValue>`)

// libxml2, through xmlsec1, is the judge of C14N beyond what goxmldsig does
// right: it sorts attributes of several namespaces by another rule.
func TestCanonicalLikeLibxml(t *testing.T) {
	t.Parallel()
	b := batch{folder: t.TempDir()}
	var docs []string
	var digests []string
	rapid.Check(t, func(t *rapid.T) {
		doc := drawNamespaced(t, 1, nil)
		text, err := upixml.Canonical([]byte(doc))
		if err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		if again, err := upixml.Canonical(text); err != nil || !bytes.Equal(again, text) {
			t.Fatalf("canonical form is not its own: %v\n%s\n%s", err, text, again)
		}
		sum := sha256.Sum256(text)
		b.add(t, []byte(doc))
		docs, digests = append(docs, doc), append(digests, base64.StdEncoding.EncodeToString(sum[:]))
	})
	out, err := exec.Command("xmlsec1", slices.Concat([]string{"--sign", "--privkey-pem", keyFile(t)}, b.files)...).Output()
	if err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("the xmlsec1 program is needed for this test: %v", err)
		}
		t.Fatalf("xmlsec1: %v\n%s\n%s", err, exit.Stderr, b.named(string(exit.Stderr)))
	}
	theirs := digestValue.FindAllStringSubmatch(string(out), -1)
	if len(theirs) != len(docs) {
		t.Fatalf("%d digests of %d documents", len(theirs), len(docs))
	}
	for i, doc := range docs {
		if theirs[i][1] != digests[i] {
			text, _ := upixml.Canonical([]byte(doc))
			t.Errorf("not what libxml2 makes\nof   %s\nours %s", doc, text)
		}
	}
}

// Of every message there is, goxmldsig and ours make the same canonical form.
func FuzzCanonical(f *testing.F) {
	for _, doc := range []string{
		reqValQr, reqPay, reqChkTxn, reqCollectResult, respPay, npciPay, npciValQr, npciChkTxn,
		"<RespPay b='&#9;\"' a=\">\"><x>\r\n&#13;&gt;]&amp;</x><Signature/></RespPay >",
		fmt.Sprintf(`<u:Ack xmlns:u="%s" xmlns:ds='%s' Id="x"><x y="1" a=""/></u:Ack>`, npciNamespace, dsNamespace),
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		// What the parsers refuse is never canonicalised; nor is another Signature.
		if _, err := upixml.Verify(doc, nil, signedAt); strings.HasPrefix(err.Error(), "BR") {
			return
		}
		ours, err := upixml.Canonical(doc)
		if err != nil {
			if upixml.HasSignature(doc) {
				return
			}
			t.Fatalf("%v\n%s", err, doc)
		}
		theirs, err := oracleBody(doc)
		if err != nil || !bytes.Equal(ours, theirs) {
			t.Fatalf("%v\n ours   %q\n theirs %q\nof %q", err, ours, theirs, doc)
		}
		if len(ours) > upixml.MaxBytes {
			return
		}
		if again, err := upixml.Canonical(ours); err != nil || !bytes.Equal(again, ours) {
			t.Fatalf("canonical form is not its own: %v\n%s\n%s", err, ours, again)
		}
	})
}
