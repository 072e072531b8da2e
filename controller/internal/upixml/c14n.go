package upixml

import (
	"bytes"
	"errors"
	"slices"

	"github.com/galla-pay/galla/controller/internal/upixml/token"
)

// Exclusive C14N without comments (W3C, Exclusive XML Canonicalization 1.0), for
// what package token takes: no comment, processing instruction, CDATA section or
// DOCTYPE is there to be dealt with. It goes from token to token and keeps no
// tree. What the namespaces mean is not asked here: scan has settled that.

// xmlNamespace is what the prefix xml is bound to without being declared.
const xmlNamespace = "http://www.w3.org/XML/1998/namespace"

var (
	errPrefix = errors.New("a prefix is not declared")
	errTwice  = errors.New("an element has an attribute twice")
)

// nsBinding is a prefix, "" for the default namespace, and its namespace, from the
// element at that depth on.
type nsBinding struct {
	prefix, namespace []byte
	depth             int
}

func lookup(bindings []nsBinding, prefix []byte) (namespace []byte, bound bool) {
	for i := len(bindings) - 1; i >= 0; i-- {
		if bytes.Equal(bindings[i].prefix, prefix) {
			return bindings[i].namespace, true
		}
	}
	return nil, false
}

// shallower drops what elements deeper than depth had bound.
func shallower(bindings []nsBinding, depth int) []nsBinding {
	for len(bindings) > 0 && bindings[len(bindings)-1].depth > depth {
		bindings = bindings[:len(bindings)-1]
	}
	return bindings
}

// scope is what the open elements of the document declare, whether or not they
// are written anywhere.
type scope struct{ declared []nsBinding }

// declares reports whether a is a namespace declaration, and of which prefix.
func declares(a token.Attribute) (prefix []byte, yes bool) {
	if string(a.Prefix) == "xmlns" {
		return a.Local, true
	}
	return nil, len(a.Prefix) == 0 && string(a.Local) == "xmlns"
}

// start takes in the declarations of the element that t has started.
func (s *scope) start(t *token.Tokenizer) {
	for i := range t.Attributes() {
		a := t.Attribute(i)
		if prefix, yes := declares(a); yes {
			s.declared = append(s.declared, nsBinding{prefix, value(a), t.Depth()})
		}
	}
}

// end forgets those of the element that t has ended.
func (s *scope) end(t *token.Tokenizer) { s.declared = shallower(s.declared, t.Depth()) }

// resolve is the namespace of a prefix in force; "" is no namespace.
func (s *scope) resolve(prefix []byte) ([]byte, error) {
	if string(prefix) == "xml" {
		return []byte(xmlNamespace), nil
	}
	namespace, bound := lookup(s.declared, prefix)
	if !bound && len(prefix) > 0 {
		return nil, errPrefix
	}
	return namespace, nil
}

// canonical is the canonical form of one element of a document, being written
// as its tokens come.
type canonical struct {
	text    []byte
	written []nsBinding // declarations that text has, of elements still open
	order   []qualified // scratch
	meant   []byte      // likewise
}

// qualified is an attribute that is no declaration.
type qualified struct {
	token.Attribute
	namespace []byte
}

// start writes the start tag of the element that t has started and s taken in.
func (c *canonical) start(t *token.Tokenizer, s *scope) error {
	c.text = append(c.text, '<')
	c.text = append(c.text, t.Name()...)
	from := len(c.written)
	if err := c.use(t, s, t.Prefix()); err != nil {
		return err
	}
	c.order = c.order[:0]
	for i := range t.Attributes() {
		a := qualified{Attribute: t.Attribute(i)}
		if _, yes := declares(a.Attribute); yes {
			continue
		}
		// Without a prefix it is in no namespace, whatever the default is.
		if len(a.Prefix) > 0 {
			var err error
			if a.namespace, err = s.resolve(a.Prefix); err != nil {
				return err
			}
			if err = c.use(t, s, a.Prefix); err != nil {
				return err
			}
		}
		c.order = append(c.order, a)
	}
	return c.attributes(from)
}

// use declares a prefix of which the element makes visible use, unless text
// already says what it means.
func (c *canonical) use(t *token.Tokenizer, s *scope, prefix []byte) error {
	if string(prefix) == "xml" {
		return nil
	}
	namespace, err := s.resolve(prefix)
	if err != nil {
		return err
	}
	said, bound := lookup(c.written, prefix)
	if bound && bytes.Equal(said, namespace) || !bound && len(namespace) == 0 {
		return nil
	}
	c.written = append(c.written, nsBinding{prefix, namespace, t.Depth()})
	return nil
}

// attributes ends the start tag: the declarations from that one on, by prefix,
// then the attributes, by namespace and then by name.
func (c *canonical) attributes(from int) error {
	declarations := c.written[from:]
	if len(declarations) > 1 {
		slices.SortFunc(declarations, func(a, b nsBinding) int { return bytes.Compare(a.prefix, b.prefix) })
	}
	for _, d := range declarations {
		c.text = append(c.text, " xmlns"...)
		if len(d.prefix) > 0 {
			c.text = append(c.text, ':')
			c.text = append(c.text, d.prefix...)
		}
		c.text = append(c.text, `="`...)
		c.text = appendEscaped(c.text, d.namespace, &valueEscapes)
		c.text = append(c.text, '"')
	}
	if len(c.order) > 1 {
		slices.SortFunc(c.order, byNamespaceAndName)
	}
	for i, a := range c.order {
		// By another prefix of the same namespace, which package token cannot see.
		if i > 0 && byNamespaceAndName(c.order[i-1], a) == 0 {
			return errTwice
		}
		c.text = append(c.text, ' ')
		if len(a.Prefix) > 0 {
			c.text = append(c.text, a.Prefix...)
			c.text = append(c.text, ':')
		}
		c.text = append(c.text, a.Local...)
		c.text = append(c.text, `="`...)
		if a.Plain {
			c.text = appendPlain(c.text, a.Raw, '"', &valueEscapes)
		} else {
			c.meant = token.AppendValue(c.meant[:0], a.Raw)
			c.text = appendEscaped(c.text, c.meant, &valueEscapes)
		}
		c.text = append(c.text, '"')
	}
	c.text = append(c.text, '>')
	return nil
}

func byNamespaceAndName(a, b qualified) int {
	if order := bytes.Compare(a.namespace, b.namespace); order != 0 {
		return order
	}
	return bytes.Compare(a.Local, b.Local)
}

// end writes the end tag of the element that t has ended.
func (c *canonical) end(t *token.Tokenizer) {
	c.text = append(c.text, '<', '/')
	c.text = append(c.text, t.Name()...)
	c.text = append(c.text, '>')
	c.written = shallower(c.written, t.Depth())
}

// chars writes the text that t has read.
func (c *canonical) chars(t *token.Tokenizer) {
	if t.Plain() {
		c.text = appendPlain(c.text, t.Raw(), '>', &textEscapes)
		return
	}
	c.meant = token.AppendText(c.meant[:0], t.Raw())
	c.text = appendEscaped(c.text, c.meant, &textEscapes)
}
