package token_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/upixml/token"
)

// render writes what the tokenizer reports, one token a line, or its error.
func render(doc string) (string, error) {
	var out strings.Builder
	var tok token.Tokenizer
	tok.Reset([]byte(doc))
	for {
		kind, err := tok.Next()
		if err != nil {
			return out.String(), err
		}
		switch kind {
		case token.EOF:
			return out.String(), nil
		case token.Start:
			fmt.Fprintf(&out, "start %q %q at %d", tok.Prefix(), tok.Local(), tok.Depth())
			for i := range tok.Attributes() {
				a := tok.Attribute(i)
				fmt.Fprintf(&out, ", %q %q %q", a.Prefix, a.Local, token.AppendValue(nil, a.Raw))
			}
			if tok.SelfClosing() {
				out.WriteString(" self-closing")
			}
			out.WriteString("\n")
		case token.End:
			fmt.Fprintf(&out, "end %q %q at %d\n", tok.Prefix(), tok.Local(), tok.Depth())
		case token.Text:
			fmt.Fprintf(&out, "text %q plain %t blank %t\n", token.AppendText(nil, tok.Raw()), tok.Plain(), tok.Blank())
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, doc, want string }{
		{"an empty root", "<a/>", `start "" "a" at 1 self-closing
end "" "a" at 0
`},
		{"a declaration is not reported", "<?xml version=\"1.0\" encoding='uTf-8' standalone=\"no\" ?>\n<a></a>", `text "\n" plain true blank true
start "" "a" at 1
end "" "a" at 0
`},
		{"text, references and line ends", "<a>x &lt;&gt;&amp;&apos;&quot;&#65;&#x1F600;\r\n\r</a>\r\n", `start "" "a" at 1
text "x <>&'\"A😀\n\n" plain false blank false
end "" "a" at 0
text "\n" plain false blank true
`},
		{"white space by reference is blank", "<a>&#32;\r\n&#x9;</a>", `start "" "a" at 1
text " \n\t" plain false blank true
end "" "a" at 0
`},
		{"prefixes and attributes", "<p:a xmlns:p = 'u&amp;\"' b=\"1'&#10;\" ><p:c d=''/></p:a >", `start "p" "a" at 1, "xmlns" "p" "u&\"", "" "b" "1'\n"
start "p" "c" at 2, "" "d" "" self-closing
end "p" "c" at 1
end "p" "a" at 0
`},
		{"brackets that end nothing", "<a b=']]>'>]] ]>]</a>", `start "" "a" at 1, "" "b" "]]>"
text "]] ]>]" plain true blank false
end "" "a" at 0
`},
		{"the edges of Char", "<a>\u007f\ufffd\U0010ffff&#xD7FF;&#xE000;</a>", `start "" "a" at 1
text "\u007f` + "\ufffd" + `\U0010ffff\ud7ff\ue000" plain false blank false
end "" "a" at 0
`},
	} {
		got, err := render(tt.doc)
		if tt.name == "the edges of Char" {
			// %q of them differs between versions of Unicode; compare the text itself.
			got, tt.want = fmt.Sprint(strings.Count(got, "\n")), "3"
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: %v\n got %s\nwant %s", tt.name, err, got, tt.want)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		doc  string
		want token.Error
	}{
		{"", token.ErrNoRoot},
		{" \r\n\t", token.ErrNoRoot},
		{`<?xml version="1.0"?>`, token.ErrNoRoot},
		{"\ufeff<a/>", token.ErrOutside},
		{"x<a/>", token.ErrOutside},
		{"<a/>x", token.ErrOutside},
		{"<a/>&#32;", token.ErrSyntax},
		{"<a/>\x00", token.ErrSyntax},
		{"<a>\xff</a>", token.ErrUTF8},
		{"<a>\xed\xa0\x80</a>", token.ErrUTF8},
		{"<a>" + strings.Repeat("x", token.MaxBytes) + "</a>", token.ErrTooLong},
		{"<a/><b/>", token.ErrSecondRoot},
		{"<a><b/>", token.ErrNotEnded},
		{"<a>", token.ErrNotEnded},
		{"<a>x", token.ErrNotEnded},
		{"</a>", token.ErrNotOpen},
		{"<a></a></a>", token.ErrNotOpen},
		{"<a></b>", token.ErrNotOpen},
		{"<a></A>", token.ErrNotOpen},
		{"<ab></a>", token.ErrNotOpen},
		{"<a></ab>", token.ErrNotOpen},
		{"<p:a></q:a>", token.ErrNotOpen},
		{"<p:a></a>", token.ErrNotOpen},
		{"<a><b></a></b>", token.ErrNotOpen},
		{"<a></ a>", token.ErrSyntax},
		{"<a></a b='1'>", token.ErrSyntax},
		{"<a></a", token.ErrSyntax},
		{"<a></", token.ErrSyntax},
		{"<", token.ErrSyntax},
		{"<a", token.ErrSyntax},
		{"<a ", token.ErrSyntax},
		{"<a/", token.ErrSyntax},
		{"<a / >", token.ErrSyntax},
		{"< a/>", token.ErrSyntax},
		{"<>", token.ErrSyntax},
		{"<1/>", token.ErrSyntax},
		{"<-a/>", token.ErrSyntax},
		{"<.a/>", token.ErrSyntax},
		{"<é/>", token.ErrSyntax},
		{"<aé/>", token.ErrSyntax},
		{"<:a/>", token.ErrColon},
		{"<a:/>", token.ErrColon},
		{"<a:1/>", token.ErrColon},
		{"<a:b:c/>", token.ErrSyntax},
		{"<a::b/>", token.ErrColon},
		{"<a b/>", token.ErrSyntax},
		{"<a b=c/>", token.ErrSyntax},
		{"<a b=/>", token.ErrSyntax},
		{"<a b='c/>", token.ErrSyntax},
		{"<a b='c\"/>", token.ErrSyntax},
		{"<a b='<'/>", token.ErrSyntax},
		{"<a b='&'/>", token.ErrSyntax},
		{"<a b='\x01'/>", token.ErrSyntax},
		{"<a b='\ufffe'/>", token.ErrSyntax},
		{"<a b='1'c='2'/>", token.ErrSyntax},
		{"<a b='1' b='2'/>", token.ErrTwice},
		{"<a p:b='1' p:b='2'/>", token.ErrTwice},
		{"<a :b='1'/>", token.ErrColon},
		{"<a b='\t'/>", token.ErrAttributeText},
		{"<a b='\n'/>", token.ErrAttributeText},
		{"<a b='\r'/>", token.ErrAttributeText},
		{"<a>]]></a>", token.ErrSyntax},
		{"<a>\x1f</a>", token.ErrSyntax},
		{"<a>\f</a>", token.ErrSyntax},
		{"<a>\uffff</a>", token.ErrSyntax},
		{"<a>&</a>", token.ErrSyntax},
		{"<a>&;</a>", token.ErrSyntax},
		{"<a>&amp</a>", token.ErrSyntax},
		{"<a>& amp;</a>", token.ErrSyntax},
		{"<a>&AMP;</a>", token.ErrSyntax},
		{"<a>&nbsp;</a>", token.ErrSyntax},
		{"<a>&#;</a>", token.ErrSyntax},
		{"<a>&#x;</a>", token.ErrSyntax},
		{"<a>&#X41;</a>", token.ErrSyntax},
		{"<a>&#4a;</a>", token.ErrSyntax},
		{"<a>&#-1;</a>", token.ErrSyntax},
		{"<a>&#0;</a>", token.ErrSyntax},
		{"<a>&#1;</a>", token.ErrSyntax},
		{"<a>&#xD800;</a>", token.ErrSyntax},
		{"<a>&#xFFFE;</a>", token.ErrSyntax},
		{"<a>&#x110000;</a>", token.ErrSyntax},
		{"<a>&#18446744073709551681;</a>", token.ErrSyntax},
		{"<!-- --><a/>", token.ErrComment},
		{"<a><!----></a>", token.ErrComment},
		{"<a><![CDATA[]]></a>", token.ErrCDATA},
		{"<!DOCTYPE a><a/>", token.ErrDoctype},
		{"<a><!ENTITY b ''></a>", token.ErrDoctype},
		{"<a><?b ?></a>", token.ErrInstruction},
		{"<?b ?><a/>", token.ErrInstruction},
		{" <?xml version='1.0'?><a/>", token.ErrInstruction},
		{"<?xml version='1.0'?><?xml version='1.0'?><a/>", token.ErrInstruction},
		{"<?xml-stylesheet href='a'?><a/>", token.ErrInstruction},
		{"<?xml?><a/>", token.ErrInstruction},
		{"<?xml encoding='utf-8'?><a/>", token.ErrInstruction},
		{"<?xml version='1.0' a='b'?><a/>", token.ErrInstruction},
		{"<?xml version='1.0'encoding='utf-8'?><a/>", token.ErrInstruction},
		{"<?xml version='1.0' standalone='yes' encoding='utf-8'?><a/>", token.ErrInstruction},
		{"<?xml version='1.0' standalone='YES'?><a/>", token.ErrInstruction},
		{"<?xml version=\"1.0'?><a/>", token.ErrInstruction},
		{"<?xml version='1.1'?><a/>", token.ErrSyntax},
		{"<?xml version='1.0' encoding='latin1'?><a/>", token.ErrSyntax},
		{"<?xml version='1.0'", token.ErrSyntax},
		{strings.Repeat("<a>", 33) + strings.Repeat("</a>", 33), token.ErrLevels},
		{"<a" + attributes(33) + "/>", token.ErrAttributes},
	} {
		if got, err := render(tt.doc); err != tt.want {
			t.Errorf("%.60q: %v, want %v\n%s", tt.doc, err, tt.want, got)
		}
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " a%d=''", i)
	}
	return b.String()
}

func TestAtTheLimits(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		strings.Repeat("<a>", 32) + strings.Repeat("</a>", 32),
		strings.Repeat("<a>", 31) + "<a/>" + strings.Repeat("</a>", 31),
		"<a" + attributes(32) + "/>",
		"<a>" + strings.Repeat("x", token.MaxBytes-7) + "</a>",
		"<a>&#" + strings.Repeat("0", 1000) + "65;</a>",
	} {
		if _, err := render(doc); err != nil {
			t.Errorf("%.60q: %v", doc, err)
		}
	}
}

// A tokenizer is as new after Reset, and stays where it ended.
func TestReset(t *testing.T) {
	t.Parallel()
	var tok token.Tokenizer
	for range 2 {
		for _, doc := range []string{"<a b='1'><c>", "<a/><b/>", "\xff"} {
			tok.Reset([]byte(doc))
			kind, err := tok.Next()
			for err == nil {
				if kind == token.EOF {
					t.Fatalf("%q is whole", doc)
				}
				kind, err = tok.Next()
			}
			if _, again := tok.Next(); again != err {
				t.Fatalf("%v, then %v", err, again)
			}
		}
		tok.Reset([]byte("<a/>"))
		for _, want := range []token.Kind{token.Start, token.End, token.EOF, token.EOF} {
			if kind, err := tok.Next(); kind != want || err != nil {
				t.Fatalf("%d, %v; want %d", kind, err, want)
			}
		}
	}
}

// Spans cut the document into its tokens, without gap or overlap.
func TestSpans(t *testing.T) {
	t.Parallel()
	const doc = "<?xml version='1.0'?>\n<p:a b='1'> x <c /></p:a\n>\n"
	var tok token.Tokenizer
	tok.Reset([]byte(doc))
	var parts []string
	for {
		kind, err := tok.Next()
		if err != nil {
			t.Fatal(err)
		}
		from, to := tok.Span()
		if kind == token.EOF {
			break
		}
		if kind == token.End && tok.SelfClosing() {
			if parts[len(parts)-1] != doc[from:to] {
				t.Fatal("the End of a self-closing tag has another span than its Start")
			}
			continue
		}
		parts = append(parts, doc[from:to])
	}
	if got := strings.Join(parts, "|"); got != "\n|<p:a b='1'>| x |<c />|</p:a\n>|\n" {
		t.Fatal(got)
	}
}

const message = `<?xml version="1.0" encoding="UTF-8"?>
<ReqPay Id="m1" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
  <MsgID>PAY9876543210</MsgID>
  <Note b='2' a="1&#10;">₹ &amp; &lt;x&gt; &#13; é "q" ]] ></Note><x/>
  <Timestamp>2026-06-12T10:35:00Z</Timestamp>
<ds:Signature><ds:SignedInfo/></ds:Signature></ReqPay>
`

func TestNoAllocation(t *testing.T) {
	doc, bad := []byte(message), []byte(message[:len(message)-20]+"<!--")
	var buffer [256]byte
	for _, doc := range [][]byte{doc, bad} {
		if n := testing.AllocsPerRun(100, func() {
			var tok token.Tokenizer
			tok.Reset(doc)
			for {
				kind, err := tok.Next()
				if kind == token.Text {
					_ = token.AppendText(buffer[:0], tok.Raw())
				}
				if err != nil || kind == token.EOF {
					return
				}
			}
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}
