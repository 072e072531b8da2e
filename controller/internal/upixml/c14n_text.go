package upixml

import (
	"bytes"

	"github.com/galla-pay/galla/controller/internal/upixml/token"
)

// escapes is how canonical form writes the characters that do not stand for
// themselves (C14N 1.0, 2.3), by byte; "" for the others.
type escapes [256]string

var (
	textEscapes  = escapes{'&': "&amp;", '<': "&lt;", '>': "&gt;", '\r': "&#xD;"}
	valueEscapes = escapes{'&': "&amp;", '<': "&lt;", '"': "&quot;", '\t': "&#x9;", '\n': "&#xA;", '\r': "&#xD;"}
)

// appendEscaped writes characters that mean themselves in canonical form.
func appendEscaped(dst, meant []byte, in *escapes) []byte {
	from := 0
	for i, b := range meant {
		if in[b] != "" {
			dst = append(dst, meant[from:i]...)
			dst = append(dst, in[b]...)
			from = i + 1
		}
	}
	return append(dst, meant[from:]...)
}

// appendPlain is appendEscaped for what stands in a document as it is meant, in
// which there is but one of the characters to escape.
func appendPlain(dst, raw []byte, escaped byte, in *escapes) []byte {
	if bytes.IndexByte(raw, escaped) < 0 {
		return append(dst, raw...)
	}
	return appendEscaped(dst, raw, in)
}

// appendText writes what the text that t has read means.
func appendText(dst []byte, t *token.Tokenizer) []byte {
	if t.Plain() {
		return append(dst, t.Raw()...)
	}
	return token.AppendText(dst, t.Raw())
}

// value is what an attribute's value means. It is of the document where that
// says it plainly.
func value(a token.Attribute) []byte {
	if a.Plain {
		return a.Raw
	}
	return token.AppendValue(nil, a.Raw)
}
