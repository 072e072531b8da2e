package token_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"testing"
	"unicode/utf8"

	"github.com/galla-pay/galla/controller/internal/upixml/token"
)

// FuzzTokens: what is taken, encoding/xml cuts into the same tokens.
func FuzzTokens(f *testing.F) {
	for _, doc := range []string{
		message, "<a/>", "<a>&#xD;\r\n\r</a>", "<p:a b=' c' xmlns:p=\"&lt;\"/>", "<?xml version='1.0'?><a> </a>\n", "<a b='1'c='2'/>",
		"<a><![CDATA[]]></a>", "<a:b:c/>", "<a>&#xD800;\ufffe]]></a>", "<é/>", "\ufeff<a/>",
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var tok token.Tokenizer
		tok.Reset(doc)
		d := xml.NewDecoder(bytes.NewReader(doc))
		for {
			kind, err := tok.Next()
			if err != nil {
				return // encoding/xml may take what is refused here
			}
			theirs, err := d.RawToken()
			if pi, ok := theirs.(xml.ProcInst); ok && pi.Target == "xml" {
				theirs, err = d.RawToken()
			}
			if kind == token.EOF {
				if !errors.Is(err, io.EOF) {
					t.Fatalf("the end, encoding/xml reads %v, %v", theirs, err)
				}
				if !utf8.Valid(doc) {
					t.Fatalf("taken, but not UTF-8: %q", doc)
				}
				break
			}
			if err != nil {
				// It may still be refused further on; only a whole document counts.
				for kind != token.EOF && tokError(&tok, &kind) == nil {
				}
				if kind == token.EOF && tokError(&tok, &kind) == nil {
					t.Fatalf("taken, encoding/xml: %v\n%q", err, doc)
				}
				return
			}
			compare(t, &tok, kind, theirs, doc)
		}
	})
}

func tokError(tok *token.Tokenizer, kind *token.Kind) (err error) {
	*kind, err = tok.Next()
	return err
}

func compare(t *testing.T, tok *token.Tokenizer, kind token.Kind, theirs xml.Token, doc []byte) {
	t.Helper()
	same := false
	switch theirs := theirs.(type) {
	case xml.StartElement:
		same = kind == token.Start && theirs.Name == xml.Name{Space: string(tok.Prefix()), Local: string(tok.Local())} &&
			len(theirs.Attr) == tok.Attributes()
		for i := 0; same && i < len(theirs.Attr); i++ {
			a := tok.Attribute(i)
			value := string(token.AppendValue(nil, a.Raw))
			same = theirs.Attr[i] == xml.Attr{Name: xml.Name{Space: string(a.Prefix), Local: string(a.Local)}, Value: value} &&
				(!a.Plain || value == string(a.Raw))
		}
	case xml.EndElement:
		same = kind == token.End && theirs.Name == xml.Name{Space: string(tok.Prefix()), Local: string(tok.Local())}
	case xml.CharData:
		same = kind == token.Text && bytes.Equal(theirs, token.AppendText(nil, tok.Raw())) &&
			tok.Plain() == (!bytes.ContainsAny(tok.Raw(), "&\r")) && tok.Blank() == (len(bytes.Trim(theirs, " \t\r\n")) == 0)
	}
	if !same {
		from, to := tok.Span()
		t.Fatalf("%q is kind %d here, %#v for encoding/xml", doc[from:to], kind, theirs)
	}
}

func BenchmarkScanTokens(b *testing.B) {
	doc := []byte(message)
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(doc)))
		var tok token.Tokenizer
		for b.Loop() {
			tok.Reset(doc)
			for {
				kind, err := tok.Next()
				if err != nil {
					b.Fatal(err)
				}
				if kind == token.EOF {
					break
				}
			}
		}
	})
	b.Run("encoding/xml", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(doc)))
		for b.Loop() {
			d := xml.NewDecoder(bytes.NewReader(doc))
			for {
				if _, err := d.RawToken(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
