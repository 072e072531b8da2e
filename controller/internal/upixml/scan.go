package upixml

import (
	"github.com/galla-pay/galla/controller/internal/upixml/token"
)

// MaxBytes is the length of the longest document (upi-switch: Messages).
const MaxBytes = token.MaxBytes

const dsigNamespace = "http://www.w3.org/2000/09/xmldsig#"

// document is what one pass over the tokens found. It refers to the document's
// bytes and owns nothing but the id.
type document struct {
	doc     []byte
	shape   *shape // nil before the root
	root    string
	dialect Dialect
	id      string // the root's Id
	signed  bool   // a Signature with children

	values  [fieldCount]part
	present uint64 // a bit for each field that is there
	escaped uint64 // and for each whose text is not what it means
}

// part is a part of the document.
type part struct{ from, to int32 }

// raw is a field as written; "" where it is not there.
func (d *document) raw(f field) []byte {
	if d.present&(1<<f) == 0 {
		return nil
	}
	return d.doc[d.values[f].from:d.values[f].to]
}

// text is a field as it is meant. It allocates only where the field is written
// with references or with CR.
func (d *document) text(f field) []byte {
	raw := d.raw(f)
	if d.escaped&(1<<f) == 0 {
		return raw
	}
	return token.AppendText(nil, raw)
}

func (d *document) set(f field, from, to int, plain bool) {
	d.values[f] = part{int32(from), int32(to)}
	d.present |= 1 << f
	d.escaped &^= 1 << f
	if !plain {
		d.escaped |= 1 << f
	}
}

// ids returns the ids that an answer carries, each only if it was read and has
// its form.
func (d *document) ids() (msgID, txnID string) {
	if id := d.text(fieldMsgID); isID(id, 64) {
		msgID = string(id)
	}
	for _, f := range [...]field{fieldTxnID, fieldQueryID} {
		if id := d.text(f); isID(id, 64) {
			txnID = string(id)
		}
	}
	return msgID, txnID
}

// refuse makes a refusal that carries what an answer needs.
func (d *document) refuse(code, message string) *Error {
	e := &Error{Code: code, Message: message, Dialect: d.dialect}
	e.MsgID, e.TxnID = d.ids()
	return e
}

// Limits of the scanner, beside the tokenizer's.
const (
	maxIDs      = 8
	maxBindings = 8
)

// What an open element is: the index of a known one, or
const (
	levelUnknown   = -1
	levelSignature = -2 // Signature or below it
)

// level is one open element.
type level struct {
	element  int8
	dsig     bool // it is in XML-DSig's namespace
	bindings int8 // in force outside it
}

// binding is a prefix that is bound: to XML-DSig's namespace, or to NPCI's.
type binding struct {
	prefix []byte
	npci   bool
}

// scanner checks the rules of the package comment token by token. It lives on
// the stack.
type scanner struct {
	tok           token.Tokenizer
	doc           document
	open          [token.MaxLevels]level
	bindings      [maxBindings]binding
	bound         int
	ids           [maxIDs][]byte
	idCount       int
	signature     int // depth of the open Signature, 0 outside
	seenSignature bool
	seen          uint32 // known elements that were there
	next          int    // the known element that is likely next
	text          part   // of the known element that is open
	plain         bool
}

// scan reads doc by the rules of the package comment. Its error is an *Error of
// code BR that carries the ids read so far. It allocates for a refusal, and for
// the Id of a root that has one, and else not.
func scan(doc []byte) (document, error) {
	var s scanner
	s.doc.doc = doc
	if message := s.run(); message != "" {
		return document{}, s.doc.refuse(CodeBadRequest, message)
	}
	return s.doc, nil
}

// run returns why the document is refused, or "".
func (s *scanner) run() string {
	s.tok.Reset(s.doc.doc)
	for {
		if s.leaf() {
			continue
		}
		kind, err := s.tok.Next()
		if err != nil {
			return err.Error()
		}
		message := ""
		switch kind {
		case token.EOF:
			return ""
		case token.Start:
			message = s.start()
		case token.End:
			s.end()
		case token.Text:
			message = s.readText()
		}
		if message != "" {
			return message
		}
	}
}

// leaf takes the element that is likely next, or a bare Signature, if it is next
// and written in the usual way. Nothing is taken here that start, readText and
// end would not take.
func (s *scanner) leaf() bool {
	if s.tok.Depth() != 1 || s.doc.dialect != DialectPRD {
		return false
	}
	if e := s.next; e < len(s.doc.shape.elements) && s.seen&(1<<e) == 0 {
		known := &s.doc.shape.elements[e]
		if from, to, ok := s.tok.Leaf(known.name); ok {
			s.seen |= 1 << e
			s.next = e + 1
			s.doc.set(known.text, from, to, true)
			return true
		}
	}
	if s.seenSignature {
		return false
	}
	_, _, s.seenSignature = s.tok.Leaf("Signature")
	return s.seenSignature
}

func (s *scanner) start() string {
	depth := s.tok.Depth()
	if depth > 1 {
		if e := s.open[depth-2].element; e >= 0 && s.doc.shape.elements[e].text != noField {
			return "element " + s.doc.shape.elements[e].name + " must hold text alone"
		}
	}
	l := &s.open[depth-1]
	*l = level{element: levelUnknown, bindings: int8(s.bound)}
	if s.tok.Attributes() > 0 {
		if message := s.attributes(depth); message != "" {
			return message
		}
	}
	if message := s.place(l, depth); message != "" {
		return message
	}
	if l.element >= 0 && len(s.doc.shape.elements[l.element].attributes) > 0 {
		return s.take(&s.doc.shape.elements[l.element])
	}
	return ""
}

func (s *scanner) end() {
	depth := s.tok.Depth() + 1
	l := &s.open[depth-1]
	s.bound = int(l.bindings)
	if l.element >= 0 {
		if f := s.doc.shape.elements[l.element].text; f != noField {
			s.doc.set(f, int(s.text.from), int(s.text.to), s.plain)
		}
	}
	if depth == s.signature {
		s.signature = 0
	}
}

func (s *scanner) readText() string {
	depth := s.tok.Depth()
	if depth == 0 || s.tok.Blank() && s.open[depth-1].element <= 0 {
		return ""
	}
	e := s.open[depth-1].element
	if e < 0 {
		return ""
	}
	if s.doc.shape.elements[e].text == noField {
		if s.tok.Blank() {
			return ""
		}
		return token.ErrOutside.Error()
	}
	// A known element holds text alone, so this is all of it.
	from, to := s.tok.Span()
	s.text, s.plain = part{int32(from), int32(to)}, s.tok.Plain()
	return ""
}

// begin remembers that the known element was there.
func (s *scanner) begin(l *level, e int) {
	l.element = int8(e)
	s.seen |= 1 << e
	s.next = e + 1
	// Nothing of an element before it: an empty one has no text.
	from, _ := s.tok.Span()
	s.text, s.plain = part{int32(from), int32(from)}, true
}

// forget drops what a known element said: of two neither is to be believed.
func (s *scanner) forget(e *element) {
	s.doc.present &^= 1 << e.text
	for _, a := range e.attributes {
		s.doc.present &^= 1 << a.field
	}
}
