package token

import (
	"bytes"
	"unicode/utf8"
)

// Limits of a document (upi-switch: Messages).
const (
	MaxBytes      = 64 << 10
	MaxLevels     = 32
	MaxAttributes = 32
)

// Kind is what a token is.
type Kind uint8

// The kinds. A self-closing tag is a Start and then an End.
const (
	EOF   Kind = 0 // the document is over, and was well-formed
	Start Kind = 1
	End   Kind = 2
	Text  Kind = 3 // between two tags, never empty; outside the root white space
)

// span is a part of the document.
type span struct{ from, to int32 }

func (s span) of(doc []byte) []byte { return doc[s.from:s.to] }

// name is a name as written and where its local part begins.
type name struct {
	span
	local int32
}

type attribute struct {
	name  name
	value span
	plain bool
}

// Attribute is one attribute of a start tag. Its slices are of the document.
type Attribute struct {
	Prefix []byte // "" for none
	Local  []byte
	Raw    []byte // the value as written, without its quotes
	At     int    // where Raw begins in the document
	Plain  bool   // Raw has no reference: it is the value
}

// Tokenizer reads one document after another; the zero value has read one of
// nothing. It is for one goroutine, is meant to live on the stack, and keeps the
// document, which must not change meanwhile. What it returns is of the document
// and stays good for as long as that does.
type Tokenizer struct {
	doc      []byte
	at       int // where the next token begins
	from, to int // the last token
	err      error

	name      name
	text      span
	plain     bool // the text has neither reference nor CR
	blank     bool // it means white space alone
	empty     bool // the tag is self-closing
	pending   bool // and its End is due
	rooted    bool // the root was there
	levels    int
	openNames [MaxLevels]name

	attributeCount int
	attributes     [MaxAttributes]attribute
}

// Reset begins doc.
func (t *Tokenizer) Reset(doc []byte) {
	// The arrays need no clearing: their counts say what of them is good.
	t.doc, t.at, t.from, t.to, t.err = doc, 0, 0, 0, nil
	t.pending, t.rooted, t.levels, t.attributeCount = false, false, 0, 0
	switch {
	case len(doc) > MaxBytes:
		t.err = ErrTooLong
	case bytes.HasPrefix(doc, []byte("<?xml")):
		if err := t.declaration(); err != nil {
			t.fail(err)
		}
	}
}

// Next reads the next token. Its errors are those of this package; after one,
// and after EOF, it returns the same again.
func (t *Tokenizer) Next() (Kind, error) {
	if t.err != nil {
		return EOF, t.err
	}
	if t.pending {
		t.pending = false
		t.levels--
		return End, nil
	}
	t.from = t.at
	t.attributeCount = 0
	if t.at == len(t.doc) {
		t.to = t.at
		switch {
		case !t.rooted:
			return t.fail(ErrNoRoot)
		case t.levels > 0:
			return t.fail(ErrNotEnded)
		}
		return EOF, nil
	}
	kind, err := Text, error(nil)
	switch {
	case t.doc[t.at] != '<':
		err = t.readText()
	case t.at+1 == len(t.doc):
		err = ErrSyntax
	case t.doc[t.at+1] == '/':
		kind, err = End, t.readEnd()
	case t.doc[t.at+1] == '?':
		err = ErrInstruction
	case t.doc[t.at+1] == '!':
		err = notAllowed(t.doc[t.at:])
	default:
		kind, err = Start, t.readStart()
	}
	if err != nil {
		return t.fail(err)
	}
	t.to = t.at
	return kind, nil
}

// fail makes err the last word, unless the document is no UTF-8 at all: then
// what else is wrong with it says nothing.
func (t *Tokenizer) fail(err error) (Kind, error) {
	if !utf8.Valid(t.doc) {
		err = ErrUTF8
	}
	t.err = err
	return EOF, err
}

func notAllowed(rest []byte) error {
	switch {
	case bytes.HasPrefix(rest, []byte("<!--")):
		return ErrComment
	case bytes.HasPrefix(rest, []byte("<![")):
		return ErrCDATA
	}
	return ErrDoctype
}

// Span returns where the last token stands in the document: doc[from:to]. The
// End of a self-closing tag has the span of its Start.
func (t *Tokenizer) Span() (from, to int) { return t.from, t.to }

// Depth returns how many elements are open after the last token: at a Start the
// depth of that element, which is 1 for the root, at its End one less.
func (t *Tokenizer) Depth() int { return t.levels }

// SelfClosing reports whether the last Start or End is that of a self-closing
// tag.
func (t *Tokenizer) SelfClosing() bool { return t.empty }

// Name returns the name of the last Start or End, as written.
func (t *Tokenizer) Name() []byte { return t.name.of(t.doc) }

// Prefix returns the prefix of the last Start's or End's name, "" for none.
func (t *Tokenizer) Prefix() []byte { return t.name.prefix(t.doc) }

// Local returns what follows the prefix in the last Start's or End's name.
func (t *Tokenizer) Local() []byte { return t.doc[t.name.local:t.name.to] }

func (n name) prefix(doc []byte) []byte {
	if n.local == n.from {
		return doc[n.from:n.from]
	}
	return doc[n.from : n.local-1]
}

// Attributes returns how many attributes the last Start has.
func (t *Tokenizer) Attributes() int { return t.attributeCount }

// Attribute returns the i-th attribute of the last Start, in document order.
// Declarations of namespaces are among them.
func (t *Tokenizer) Attribute(i int) Attribute {
	a := &t.attributes[:t.attributeCount][i]
	return Attribute{
		Prefix: a.name.prefix(t.doc), Local: t.doc[a.name.local:a.name.to], Raw: a.value.of(t.doc), At: int(a.value.from),
		Plain: a.plain,
	}
}

// Raw returns the last Text as written; see [AppendText].
func (t *Tokenizer) Raw() []byte { return t.text.of(t.doc) }

// Plain reports whether the last Text means what is written: it has neither
// references nor CR.
func (t *Tokenizer) Plain() bool { return t.plain }

// Blank reports whether the last Text means white space alone.
func (t *Tokenizer) Blank() bool { return t.blank }
