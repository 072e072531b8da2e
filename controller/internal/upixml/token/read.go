package token

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// The classes of bytes in names.
const (
	className   = 1 << 0 // may be in a name, the colon aside
	classLetter = 1 << 1 // may begin one
)

// classes of all bytes: a constant, though Go has none of this kind.
var classes = classify()

func classify() (table [256]uint8) {
	for c := range table {
		if c|0x20 >= 'a' && c|0x20 <= 'z' && c < 0x80 || c == '_' {
			table[c] = className | classLetter
		}
		if c >= '0' && c <= '9' || c == '-' || c == '.' {
			table[c] = className
		}
	}
	return table
}

func white(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func (t *Tokenizer) skipWhite() {
	for t.at < len(t.doc) && white(t.doc[t.at]) {
		t.at++
	}
}

// readText reads up to the next '<' or the end.
func (t *Tokenizer) readText() error {
	doc, at := t.doc, t.at
	// Most texts are the white space between two elements.
	for at < len(doc) && (doc[at] == ' ' || doc[at] == '\n' || doc[at] == '\t') {
		at++
	}
	plain, blank := true, true
	for at < len(doc) && doc[at] != '<' {
		if n := run(doc[at:], ']'); n > 0 {
			blank = blank && len(bytes.Trim(doc[at:at+n], " ")) == 0
			at += n
			continue
		}
		n, err := 0, error(nil)
		switch c := doc[at]; {
		case c == '\r' || c == '\n' || c == '\t':
			n, plain = 1, plain && c != '\r'
		case c == '&' && t.levels > 0:
			var r rune
			if r, n = reference(doc[at:]); n == 0 {
				return ErrSyntax
			}
			plain, blank = false, blank && r < utf8.RuneSelf && white(byte(r))
		default:
			if n, err = written(doc[at:]); err != nil {
				return err
			}
			blank = false
		}
		at += n
	}
	t.text, t.plain, t.blank = span{int32(t.at), int32(at)}, plain, blank
	t.at = at
	if t.levels == 0 && !t.blank {
		return ErrOutside
	}
	return nil
}

// Leaf reads a whole element of that name, if it comes next, perhaps after white
// space, has neither attributes nor elements, is not self-closing, and its text
// is written as it is meant: then from and to are where that text stands. It is
// what Next would have found in four tokens, at a fraction of their cost, and the
// Tokenizer is as if Next had returned the last of them. Otherwise nothing is
// read, and Next says what comes. It may be called with an element open.
func (t *Tokenizer) Leaf(name string) (from, to int, ok bool) {
	doc, at := t.doc, t.at
	if t.err != nil || t.pending || t.levels == 0 || t.levels == MaxLevels {
		return 0, 0, false
	}
	for at < len(doc) && (doc[at] == ' ' || doc[at] == '\n' || doc[at] == '\t') {
		at++
	}
	begin := at + len("<")
	from = begin + len(name) + len(">")
	if from > len(doc) || doc[at] != '<' || doc[from-1] != '>' || string(doc[begin:from-1]) != name {
		return 0, 0, false
	}
	to = from + run(doc[from:], ']')
	end := to + len("</") + len(name)
	if end >= len(doc) || doc[to] != '<' || doc[to+1] != '/' || doc[end] != '>' || string(doc[to+2:end]) != name {
		return 0, 0, false
	}
	t.from, t.at, t.to = to, end+1, end+1
	t.name, t.empty, t.attributeCount = spanName(begin, from-1), false, 0
	return from, to, true
}

func spanName(from, to int) name {
	return name{span{int32(from), int32(to)}, int32(from)}
}

// written reads one character that is written out, of text or of a value:
// one that run stopped at, and that is no markup and no white space.
func written(rest []byte) (n int, err error) {
	switch c := rest[0]; {
	case c >= utf8.RuneSelf:
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 {
			return 0, ErrUTF8
		}
		if !character(r) {
			return 0, ErrSyntax
		}
		return n, nil
	case c == ']' && !bytes.HasPrefix(rest, []byte("]]>")):
		return 1, nil
	}
	return 0, ErrSyntax
}

// run counts the bytes from the beginning of rest that are ASCII and neither
// controls, '<', '&' nor stop. It looks at eight at once: of a word, the highest
// bit of each byte says in the end whether that byte stops the run. Borrows make
// the bits above the lowest one unsure, and only the lowest is used.
func run(rest []byte, stop byte) (n int) {
	const (
		each = 0x0101010101010101
		high = 0x8080808080808080
	)
	third := each * uint64(stop)
	for ; len(rest)-n >= 8; n += 8 {
		w := binary.LittleEndian.Uint64(rest[n:])
		less, amp, end := w^each*'<', w^each*'&', w^third
		stops := (w | (w-each*0x20)&^w | (less-each)&^less | (amp-each)&^amp | (end-each)&^end) & high
		if stops != 0 {
			return n + bits.TrailingZeros64(stops)/8
		}
	}
	for ; n < len(rest); n++ {
		if c := rest[n]; c < 0x20 || c == '<' || c == '&' || c == stop || c >= utf8.RuneSelf {
			break
		}
	}
	return n
}

// readName reads a name at t.at and nothing after it.
func (t *Tokenizer) readName() (n name, err error) {
	doc, at := t.doc, t.at
	n.from, n.local = int32(at), int32(at)
	if at == len(doc) || classes[doc[at]]&classLetter == 0 {
		if at < len(doc) && doc[at] == ':' {
			return n, ErrColon
		}
		return n, ErrSyntax
	}
	for {
		for _, c := range doc[at:] {
			if classes[c]&className == 0 {
				break
			}
			at++
		}
		if at == len(doc) || doc[at] != ':' {
			break
		}
		if n.local != n.from {
			return n, ErrSyntax
		}
		at++
		if at == len(doc) || classes[doc[at]]&classLetter == 0 {
			return n, ErrColon
		}
		n.local = int32(at)
	}
	n.to = int32(at)
	t.at = at
	return n, nil
}

func (t *Tokenizer) readEnd() error {
	t.at += len("</")
	// Nearly always it is the very name of the open element: compare, not read.
	if t.levels > 0 {
		open := &t.openNames[t.levels-1]
		end := t.at + int(open.to-open.from)
		if end < len(t.doc) && t.doc[end] == '>' && string(t.doc[t.at:end]) == string(open.of(t.doc)) {
			return t.ended(end + 1)
		}
	}
	n, err := t.readName()
	if err != nil {
		return err
	}
	t.skipWhite()
	if t.at == len(t.doc) || t.doc[t.at] != '>' {
		return ErrSyntax
	}
	if t.levels == 0 || string(n.of(t.doc)) != string(t.openNames[t.levels-1].of(t.doc)) {
		return ErrNotOpen
	}
	return t.ended(t.at + 1)
}

// ended closes the innermost open element, whose end tag ends before next.
func (t *Tokenizer) ended(next int) error {
	t.levels--
	t.name = t.openNames[t.levels]
	t.empty = false
	t.at = next
	return nil
}

func (t *Tokenizer) readStart() (err error) {
	if t.levels == 0 && t.rooted {
		return ErrSecondRoot
	}
	t.at++
	if t.name, err = t.readName(); err != nil {
		return err
	}
	t.empty = false
	for {
		before := t.at
		t.skipWhite()
		if t.at == len(t.doc) {
			return ErrSyntax
		}
		switch c := t.doc[t.at]; {
		case c == '>':
			t.at++
			return t.opened()
		case c == '/':
			if t.at+1 == len(t.doc) || t.doc[t.at+1] != '>' {
				return ErrSyntax
			}
			t.at += 2
			t.empty, t.pending = true, true
			return t.opened()
		case before == t.at:
			return ErrSyntax
		}
		if err := t.readAttribute(); err != nil {
			return err
		}
	}
}

func (t *Tokenizer) opened() error {
	if t.levels == MaxLevels {
		return ErrLevels
	}
	t.openNames[t.levels] = t.name
	t.levels++
	t.rooted = true
	return nil
}

func (t *Tokenizer) readAttribute() error {
	n, err := t.readName()
	if err != nil {
		return err
	}
	t.skipWhite()
	if t.at == len(t.doc) || t.doc[t.at] != '=' {
		return ErrSyntax
	}
	t.at++
	t.skipWhite()
	if t.at == len(t.doc) || t.doc[t.at] != '"' && t.doc[t.at] != '\'' {
		return ErrSyntax
	}
	quote := t.doc[t.at]
	t.at++
	value := span{from: int32(t.at)}
	plain, err := t.readValue(quote)
	if err != nil {
		return err
	}
	value.to = int32(t.at)
	t.at++ // the quote
	if t.attributeCount == MaxAttributes {
		return ErrAttributes
	}
	written := n.of(t.doc)
	for i := range t.attributeCount {
		if string(t.attributes[i].name.of(t.doc)) == string(written) {
			return ErrTwice
		}
	}
	t.attributes[t.attributeCount] = attribute{n, value, plain}
	t.attributeCount++
	return nil
}

// readValue reads up to the closing quote, and says whether it is plain.
func (t *Tokenizer) readValue(quote byte) (plain bool, err error) {
	doc, at := t.doc, t.at
	plain = true
	for {
		at += run(doc[at:], quote)
		if at == len(doc) {
			return false, ErrSyntax
		}
		n := 0
		switch c := doc[at]; {
		case c == quote:
			t.at = at
			return plain, nil
		case c == '&':
			plain = false
			if _, n = reference(doc[at:]); n == 0 {
				return false, ErrSyntax
			}
		case c == '\t' || c == '\n' || c == '\r':
			return false, ErrAttributeText
		case c < utf8.RuneSelf:
			return false, ErrSyntax
		default:
			if n, err = written(doc[at:]); err != nil {
				return false, err
			}
		}
		at += n
	}
}

// declaration reads the XML declaration with which the document begins.
func (t *Tokenizer) declaration() error {
	// Nearly all have this one.
	const usual = `<?xml version="1.0" encoding="UTF-8"?>`
	if len(t.doc) >= len(usual) && string(t.doc[:len(usual)]) == usual {
		t.at = len(usual)
		return nil
	}
	end := bytes.Index(t.doc, []byte("?>"))
	if end < 0 {
		return ErrSyntax
	}
	parts := pseudoAttributes{rest: t.doc[len("<?xml"):end]}
	version, ok := parts.next("version")
	if !ok {
		return ErrInstruction
	}
	if string(version) != "1.0" {
		return ErrSyntax
	}
	if encoding, ok := parts.next("encoding"); ok && !bytes.EqualFold(encoding, []byte("utf-8")) {
		return ErrSyntax
	}
	if standalone, ok := parts.next("standalone"); ok && string(standalone) != "yes" && string(standalone) != "no" {
		return ErrInstruction
	}
	if len(bytes.Trim(parts.rest, " \t\r\n")) > 0 {
		return ErrInstruction
	}
	t.at = end + len("?>")
	return nil
}

// pseudoAttributes are what a declaration holds.
type pseudoAttributes struct{ rest []byte }

// next returns the value of the attribute of that name if it is the next one.
func (p *pseudoAttributes) next(name string) (value []byte, ok bool) {
	rest := bytes.TrimLeft(p.rest, " \t\r\n")
	if len(rest) == len(p.rest) || !bytes.HasPrefix(rest, []byte(name)) {
		return nil, false
	}
	rest = bytes.TrimLeft(rest[len(name):], " \t\r\n")
	if len(rest) == 0 || rest[0] != '=' {
		return nil, false
	}
	rest = bytes.TrimLeft(rest[1:], " \t\r\n")
	if len(rest) == 0 || rest[0] != '"' && rest[0] != '\'' {
		return nil, false
	}
	to := bytes.IndexByte(rest[1:], rest[0])
	if to < 0 {
		return nil, false
	}
	p.rest = rest[to+2:]
	return rest[1 : to+1], true
}
