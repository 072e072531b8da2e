package token_test

import (
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/upixml/token"
)

// Leaf reads what Next would have read in its four tokens, or nothing.
func TestLeaf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		doc  string
		want string // the text, or "-" for not taken
	}{
		{"<r><a>x</a></r>", "x"}, {"<r>\n\t <a></a></r>", ""}, {"<r><a>x y;z]=\"'>\u007f</a></r>", "-"}, {"<r><a>x y;z=\"'></a></r>", "x y;z=\"'>"},
		{"<r><a>a value of more than eight bytes</a ></r>", "-"}, {"<r><a >x</a></r>", "-"}, {"<r><a/></r>", "-"}, {"<r><a b=''>x</a></r>", "-"},
		{"<r><A>x</A></r>", "-"}, {"<r><ab>x</ab></r>", "-"}, {"<r><a>x</ab></r>", "-"}, {"<r><a>x</b></r>", "-"}, {"<r><a><b/></a></r>", "-"},
		{"<r><a>&amp;</a></r>", "-"}, {"<r><a>é</a></r>", "-"}, {"<r><a>x\ny</a></r>", "-"}, {"<r><a>\r</a></r>", "-"}, {"<r><a>\x01</a></r>", "-"},
		{"<r>x<a>x</a></r>", "-"}, {"<r>\r<a>x</a></r>", "-"}, {"<r><a>x", "-"}, {"<r><a>x</a", "-"}, {"<r><a>", "-"}, {"<r><", "-"}, {"<r>", "-"},
		{"<r></r>", "-"}, {"<a>x</a>", "-"}, {"<r/>", "-"},
	} {
		var tok token.Tokenizer
		tok.Reset([]byte(tt.doc))
		if _, err := tok.Next(); err != nil {
			t.Fatal(err)
		}
		from, to, ok := tok.Leaf("a")
		if ok != (tt.want != "-") || ok && tt.doc[from:to] != tt.want {
			t.Errorf("%q: %q, %t", tt.doc, tt.doc[from:to], ok)
		}
	}
	var tok token.Tokenizer
	tok.Reset([]byte("<a>x</a>"))
	if _, _, ok := tok.Leaf("a"); ok {
		t.Error("the root is taken as a leaf")
	}
}

// FuzzLeaf: reading leaves in between changes nothing of what is read.
func FuzzLeaf(f *testing.F) {
	for _, doc := range []string{
		"<r><a>x</a>\n <b>y</b><a/></r>", "<r><a>x</a><a>\r</a><a>&lt;</a></r>", "<r><a>a value of more than eight bytes]</a></r>",
		"<r><b><a>x</a></b></r> ", "<r>" + strings.Repeat("<c>", 30) + "<a>x</a></r>", "<r><a>x</a >", message,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var plain, leafy token.Tokenizer
		plain.Reset(doc)
		leafy.Reset(doc)
		for {
			if from, to, ok := leafy.Leaf("a"); ok {
				kind, err := plain.Next()
				if kind == token.Text && plain.Blank() {
					kind, err = plain.Next()
				}
				if err != nil || kind != token.Start || string(plain.Name()) != "a" || plain.Attributes() != 0 || plain.SelfClosing() {
					t.Fatalf("a leaf %q where there is %d %q, %v\n%q", doc[from:to], kind, plain.Name(), err, doc)
				}
				kind, err = plain.Next()
				if kind == token.Text {
					if at, end := plain.Span(); err != nil || at != from || end != to || !plain.Plain() {
						t.Fatalf("a leaf %q where there is %q, %v\n%q", doc[from:to], plain.Raw(), err, doc)
					}
					kind, err = plain.Next()
				} else if from != to {
					t.Fatalf("a leaf %q that is empty\n%q", doc[from:to], doc)
				}
				if err != nil || kind != token.End || plain.Depth() != leafy.Depth() {
					t.Fatalf("a leaf that ends in %d, %v\n%q", kind, err, doc)
				}
				f1, t1 := plain.Span()
				if f2, t2 := leafy.Span(); f1 != f2 || t1 != t2 || string(plain.Name()) != string(leafy.Name()) || leafy.SelfClosing() || leafy.Attributes() != 0 {
					t.Fatalf("after a leaf %q %d:%d, after Next %q %d:%d\n%q", leafy.Name(), f2, t2, plain.Name(), f1, t1, doc)
				}
				continue
			}
			kind1, err1 := plain.Next()
			kind2, err2 := leafy.Next()
			if kind1 != kind2 || err1 != err2 || plain.Depth() != leafy.Depth() {
				t.Fatalf("%d %v, after leaves %d %v\n%q", kind1, err1, kind2, err2, doc)
			}
			if err1 != nil || kind1 == token.EOF {
				return
			}
		}
	})
}
