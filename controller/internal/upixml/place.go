package upixml

import (
	"bytes"

	"github.com/galla-pay/galla/controller/internal/upixml/token"
)

// place decides what the element that begins is and whether it may be there.
func (s *scanner) place(l *level, depth int) string {
	local := s.tok.Local()
	dsig, npci, bound := s.namespace(s.tok.Prefix())
	if !bound {
		return "an element has a prefix that is not XML-DSig's"
	}
	l.dsig = dsig
	if depth == 1 {
		return s.placeRoot(l, local, npci)
	}
	if npci {
		return "an element below the root has the root's prefix"
	}
	if s.signature > 0 {
		return s.placeInSignature(l, local)
	}
	if foldEqual(local, "Signature") {
		return s.placeSignature(l, local, depth)
	}
	if dsig {
		return "an element of XML-DSig stands outside Signature"
	}
	return s.placeKnown(l, local, depth)
}

func (s *scanner) placeRoot(l *level, local []byte, npci bool) string {
	const unknown = "the root element is not a message known here"
	if l.dsig {
		return unknown
	}
	dialect := DialectPRD
	if npci {
		dialect = DialectNPCI
	}
	for i := range shapes {
		if shapes[i].dialect == dialect && string(local) == shapes[i].root {
			s.doc.shape, s.doc.root, s.doc.dialect = &shapes[i], shapes[i].root, dialect
			s.begin(l, 0)
			return ""
		}
	}
	return unknown
}

func (s *scanner) placeSignature(l *level, local []byte, depth int) string {
	switch {
	case string(local) != "Signature":
		return "element Signature is written in another case"
	case depth != 2:
		return "element Signature is not a child of the root"
	case s.seenSignature:
		return "element Signature is there twice"
	}
	s.signature, s.seenSignature = depth, true
	l.element = levelSignature
	return ""
}

func (s *scanner) placeInSignature(l *level, local []byte) string {
	s.doc.signed = true
	l.element = levelSignature
	if !l.dsig || !s.open[s.signature-1].dsig {
		return "Signature holds an element that is not XML-DSig's"
	}
	known := string(local) == "Signature"
	for i := range s.doc.shape.elements {
		known = known || i > 0 && foldEqual(local, s.doc.shape.elements[i].name)
	}
	if known {
		return "Signature holds an element that belongs beside it"
	}
	return ""
}

// placeKnown looks for the element among the known ones of the message.
func (s *scanner) placeKnown(l *level, local []byte, depth int) string {
	elements := s.doc.shape.elements
	parent := s.open[depth-2].element
	// Messages mostly have the order of their shape.
	if e := s.next; e < len(elements) && elements[e].parent == parent && string(local) == elements[e].name && s.seen&(1<<e) == 0 {
		s.begin(l, e)
		return ""
	}
	for e := 1; e < len(elements); e++ {
		if elements[e].parent != parent || string(local) != elements[e].name {
			continue
		}
		if s.seen&(1<<e) != 0 {
			s.forget(&elements[e])
			return "element " + elements[e].name + " is there twice"
		}
		s.begin(l, e)
		return ""
	}
	for e := 1; e < len(elements); e++ {
		if !foldEqual(local, elements[e].name) {
			continue
		}
		if string(local) != elements[e].name {
			return "element " + elements[e].name + " is written in another case"
		}
		owner := "the root"
		if elements[e].parent > 0 {
			owner = elements[elements[e].parent].name
		}
		return "element " + elements[e].name + " is not a child of " + owner
	}
	return ""
}

// attributes takes in the namespace declarations of an element and checks its
// other attributes, of which the known ones are taken by take.
func (s *scanner) attributes(depth int) string {
	// Signature itself is not open yet when its declarations are read.
	inSignature := s.signature > 0 || depth == 2 && string(s.tok.Local()) == "Signature"
	for i := range s.tok.Attributes() {
		a := s.tok.Attribute(i)
		declared, declares := a.Local, string(a.Prefix) == "xmlns"
		if len(a.Prefix) == 0 && string(a.Local) == "xmlns" {
			declared, declares = nil, true
		}
		message := ""
		switch {
		case declares:
			message = s.declare(a, declared, depth, inSignature)
		case len(a.Prefix) > 0:
			message = "an attribute has a prefix"
		case foldEqual(a.Local, "Id"):
			message = s.takeID(a, depth, inSignature)
		}
		if message != "" {
			return message
		}
	}
	return ""
}

// declare binds a prefix, "" for the default, if it may be bound there.
func (s *scanner) declare(a token.Attribute, prefix []byte, depth int, inSignature bool) string {
	npci := depth == 1 && len(prefix) > 0 && means(a, npciNamespace) && bytes.Equal(prefix, s.tok.Prefix())
	switch {
	case string(prefix) == "xml" || string(prefix) == "xmlns" || !npci && !means(a, dsigNamespace):
		return "a namespace other than XML-DSig's is declared"
	case !inSignature && (depth != 1 || len(prefix) == 0):
		return "a namespace is declared where it must not be"
	case s.bound == maxBindings:
		return "more than 8 namespaces are declared at once"
	}
	s.bindings[s.bound] = binding{prefix, npci}
	s.bound++
	return ""
}

// namespace resolves a prefix through the open elements, the innermost first.
func (s *scanner) namespace(prefix []byte) (dsig, npci, bound bool) {
	for i := s.bound - 1; i >= 0; i-- {
		b := &s.bindings[i]
		if string(b.prefix) == string(prefix) {
			return !b.npci, b.npci, true
		}
	}
	return false, false, len(prefix) == 0
}

// takeID takes the Id that a signature may refer to: the root's, and those in a
// Signature, which nothing uses, but which must not be the root's. In NPCI's
// dialect id, and only so written, is an attribute like any other.
func (s *scanner) takeID(a token.Attribute, depth int, inSignature bool) string {
	switch {
	case s.doc.dialect == DialectNPCI && depth > 1 && !inSignature && string(a.Local) == "id":
		return ""
	case string(a.Local) != "Id" || depth != 1 && !inSignature:
		return "an element other than the root has an Id"
	case !a.Plain:
		return "an Id is written with a reference"
	case s.idCount == maxIDs:
		return "more than 8 elements have an Id"
	}
	for _, other := range s.ids[:s.idCount] {
		if string(other) == string(a.Raw) {
			return "an Id is there twice"
		}
	}
	s.ids[s.idCount] = a.Raw
	s.idCount++
	if depth == 1 {
		s.doc.id = string(a.Raw)
	}
	return ""
}

// take reads the known attributes of the known element that begins.
func (s *scanner) take(e *element) string {
	for i := range s.tok.Attributes() {
		a := s.tok.Attribute(i)
		if len(a.Prefix) > 0 {
			continue
		}
		for _, known := range e.attributes {
			if string(a.Local) == known.name {
				s.doc.set(known.field, a.At, a.At+len(a.Raw), a.Plain)
				break
			}
			if foldEqual(a.Local, known.name) {
				return "attribute " + known.name + " of " + e.name + " is written in another case"
			}
		}
	}
	return ""
}

// means reports whether the value of a is want.
func means(a token.Attribute, want string) bool {
	if a.Plain {
		return string(a.Raw) == want
	}
	return string(token.AppendValue(nil, a.Raw)) == want
}

// foldEqual reports whether name, which is ASCII as all names are, is known but
// for the case.
func foldEqual(name []byte, known string) bool {
	if len(name) != len(known) {
		return false
	}
	for i, c := range name {
		k := known[i]
		if c != k && (c|0x20 != k|0x20 || c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}
