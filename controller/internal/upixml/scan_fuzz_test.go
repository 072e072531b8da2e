package upixml

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

// seeds are documents that the scanners may differ on.
var seeds = []string{
	benchPay, benchValQr,
	`<ReqPay Id="m1" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><MsgID>A&#49;</MsgID><ds:Signature><ds:SignedInfo Id="s"/></ds:Signature></ReqPay>`,
	"<ReqPay><MsgID>1</MsgID><MsgID>2</MsgID></ReqPay>",
	"<ReqPay><TxnID>1</TxnID><MsgID/><x a='1'>y<z/></x></ReqPay>",
	"<ReqPay><TxnID> 1\r\n</TxnID>&#32;<MsgID>]]</MsgID></ReqPay>",
	"<ReqPay>\r<TxnID><x/></TxnID></ReqPay>", "<ReqPay>x</ReqPay>", "<ReqPay a='1'b='2'/>", "<ReqPay a='\t'/>", "<ReqPay><é/></ReqPay>",
	"<ReqPay><a>&#xD800;</a></ReqPay>", "<ReqPay/>&#32;", "<ReqPay Id='&#49;'/>", "<?xml version='1.0'\f?><ReqPay/>", "<ReqPay><a:1/></ReqPay>",
	"<Signature/>", "<ReqPay><signature/></ReqPay>", "<ReqPay><Signature><Amount/></Signature></ReqPay>",
	`<ReqPay><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><a><b/></a></Signature><Signature/></ReqPay>`,
	`<ReqPay><Signature xmlns:a="http://www.w3.org/2000/09/xmldsig#"/><a:MsgID/></ReqPay>`,
	"<ReqChkTxn><MsgID>1</MsgID><Ts>2</Ts><OrgID>3</OrgID>\n<OrgTxnID>4</OrgTxnID></ReqChkTxn>\n",
	"<ReqPay><msgID/></ReqPay>", "<ReqPay><x><MsgID/></x></ReqPay>", "<ReqPay><MsgID>1</ReqPay>", "<ReqPay></ReqPay><ReqPay/>",
}

// stricter are the reasons for which scan refuses what the oracle takes, and
// what a document must have for each. The package comments list them.
var stricter = []struct {
	message string
	cause   *regexp.Regexp
}{
	// Names beyond ASCII or that begin their second part wrongly, attributes
	// without white space before them, references to no character or outside the
	// root.
	{"the message is not well-formed XML", regexp.MustCompile(`<[^>]*[^\x00-\x7f]|["'][A-Za-z_:]|&`)},
	{"processing instructions are not allowed", regexp.MustCompile(`^<\?xml[^>]*\f`)}, // which is no white space
	{"a name has a colon where no prefix is", regexp.MustCompile(`:[^A-Za-z_]`)},
	{"an attribute holds a tab or a line break", regexp.MustCompile(`=\s*("[^"]*[\t\r\n]|'[^']*[\t\r\n])`)},
	{"an Id is written with a reference", regexp.MustCompile(`Id\s*=\s*("[^"]*&|'[^']*&)`)},
	{"more than 8 elements have an Id", regexp.MustCompile(`(?s)(Id.*){9}`)},
	{"more than 8 namespaces are declared at once", regexp.MustCompile(`(?s)(xmlns.*){9}`)},
}

// FuzzScan: what scan takes, the oracle takes and finds the same in it; what it
// refuses, the oracle refuses too, or the reason is a listed one.
func FuzzScan(f *testing.F) {
	for _, doc := range seeds {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		got, err := scan(doc)
		if got.dialect == DialectNPCI {
			return // FuzzParseNPCI's
		}
		want, wantErr := oracleScan(doc)
		if err != nil {
			if wantErr == nil && !listed(doc, err) {
				t.Fatalf("%v; the oracle takes it\n%q", err, doc)
			}
			return
		}
		if wantErr != nil {
			t.Fatalf("taken; the oracle: %v\n%q", wantErr, doc)
		}
		if got.root != want.root || got.id != want.id || got.signed != want.signed {
			t.Fatalf("%q %q %t, the oracle %q %q %t\n%q", got.root, got.id, got.signed, want.root, want.id, want.signed, doc)
		}
		for name := field(1); name < fieldCount; name++ {
			text, there := want.text[names[name]]
			if there = there && names[name] != ""; there != (got.present&(1<<name) != 0) || there && text != string(got.text(name)) {
				t.Fatalf("%s is %q, the oracle %q, %t\n%q", names[name], got.text(name), text, there, doc)
			}
		}
	})
}

func listed(doc []byte, err error) bool {
	var refusal *Error
	if !errors.As(err, &refusal) {
		return false
	}
	for _, s := range stricter {
		if refusal.Message == s.message && s.cause.Match(doc) {
			return true
		}
	}
	return false
}

// Each of the listed reasons is one: the oracle takes what scan refuses.
func TestStricter(t *testing.T) {
	t.Parallel()
	const ds = `="http://www.w3.org/2000/09/xmldsig#"`
	count := map[string]int{}
	for _, doc := range []string{
		"<ReqPay a='1'b='2'/>", "<ReqPay><é/></ReqPay>", "<ReqPay><a>&#xD800;</a></ReqPay>", "<ReqPay/>&#32;",
		"<?xml version='1.0'\f?><ReqPay/>", "<ReqPay a='\t'/>", "<ReqPay a=\"\r\n\"/>", "<ReqPay Id='&#49;'/>",
		"<ReqPay><s:Signature xmlns:s" + ds + "><s:1/></s:Signature></ReqPay>",
		"<ReqPay><Signature xmlns" + ds + ">" + strings.Repeat("<a><b Id='", 1) + "1'/>" + manyIDs(8) + "</a></Signature></ReqPay>",
		"<ReqPay><Signature" + manyPrefixes(9, ds) + "/></ReqPay>",
	} {
		_, err := scan([]byte(doc))
		if _, theirs := oracleScan([]byte(doc)); err == nil || theirs != nil || !listed([]byte(doc), err) {
			t.Errorf("%q: %v, the oracle %v", doc, err, theirs)
			continue
		}
		count[err.(*Error).Message]++
	}
	if len(count) != len(stricter) {
		t.Errorf("%v, which is not each of the reasons", count)
	}
}

func manyIDs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("<c Id='i" + string(rune('a'+i)) + "'/>")
	}
	return b.String()
}

func manyPrefixes(n int, namespace string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" xmlns:p" + string(rune('a'+i)) + namespace)
	}
	return b.String()
}
