package upixml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The second opinion on scan: the same rules for the PRD's dialect, written over
// encoding/xml's tokens, with maps and copies of everything. FuzzScan holds the
// two against each other.

const (
	oracleLevels     = 32
	oracleAttributes = 32
)

// oracleShapes names the messages of the PRD's dialect and the children of their
// roots.
var oracleShapes = map[string][]string{
	"ReqValQr":   {"MsgID", "Ts", "OrgID", "Curr", "Amount", "Mcc", "RefUrl", "PayeeAddr", "TxnRef"},
	"ReqPay":     {"MsgID", "TxnID", "VerToken", "Amount", "Curr", "PayerAddr", "PayeeAddr", "Timestamp"},
	"ReqChkTxn":  {"MsgID", "Ts", "OrgID", "OrgTxnID"},
	"RespValQr":  {"MsgID", "Status", "Message", "VerToken", "ExpiresAt", "BaseAmount", "BaseCurr", "FxRate", "InrAmount", "Ts"},
	"RespPay":    {"MsgID", "Status", "Message", "Result", "TxnID", "SettlementAmount", "Timestamp"},
	"RespChkTxn": {"MsgID", "Status", "Message", "TxnID", "TxnStatus", "CreditTxnID", "Amount", "SettlementAmount", "Rrn", "Ts"},

	"ReqCollect": {"MsgID", "Ts", "OrgID", "TxnID", "Kind", "PayerAddr", "PayerMobile", "PayeeAddr", "Amount", "Curr", "Note",
		"ExpireAfter"},
	"RespCollect":       {"MsgID", "Status", "Message", "TxnID", "Ts"},
	"ReqCollectResult":  {"MsgID", "Ts", "OrgID", "OrgTxnID", "TxnID", "Status", "PayerAddr", "Amount", "Rrn"},
	"RespCollectResult": {"MsgID", "Status", "Message", "Result", "TxnID", "Ts"},
	"ReqRefund":         {"MsgID", "Ts", "OrgID", "TxnID", "OrgTxnID", "Type", "Amount", "PayeeAddr"},
	"RespRefund":        {"MsgID", "Status", "Message", "TxnID", "Rrn", "Ts"},
}

// oracleDocument is what one pass over the tokens found.
type oracleDocument struct {
	root   string
	id     string            // the root's Id
	text   map[string]string // of the known elements that are there
	signed bool              // a Signature with children
}

// oracleLevel is one open element.
type oracleLevel struct {
	name     xml.Name          // as written: Space is the prefix
	ns       string            // resolved: "" or XML-DSig's
	prefixes map[string]string // declared here
	known    string            // the known element that it is, or ""
	text     []byte            // its text, if known
}

// oracleScanner checks the rules of the package comment token by token.
type oracleScanner struct {
	doc       oracleDocument
	open      []oracleLevel
	signature int // depth of the open Signature, 0 outside
	seenSig   bool
	ids       map[string]bool
}

// oracleScan reads doc by the rules of the package comment, slowly.
func oracleScan(doc []byte) (oracleDocument, error) {
	s := &oracleScanner{doc: oracleDocument{text: map[string]string{}}, ids: map[string]bool{}}
	if refusal := s.run(doc); refusal != nil {
		return oracleDocument{}, refusal
	}
	return s.doc, nil
}

func (s *oracleScanner) run(doc []byte) *Error {
	switch {
	case len(doc) > MaxBytes:
		return bad("the message is longer than 64 KiB")
	case !utf8.Valid(doc):
		return bad("the message is not UTF-8")
	}
	d := xml.NewDecoder(bytes.NewReader(doc))
	for {
		at := d.InputOffset()
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return bad("the message is not well-formed XML")
		}
		if refusal := s.token(token, doc[at:d.InputOffset()], at); refusal != nil {
			return refusal
		}
	}
	switch {
	case s.doc.root == "":
		return bad("the message has no root element")
	case len(s.open) > 0:
		return bad("the message ends before its root element does")
	}
	return nil
}

func (s *oracleScanner) token(token xml.Token, raw []byte, at int64) *Error {
	switch token := token.(type) {
	case xml.StartElement:
		return s.start(token)
	case xml.EndElement:
		return s.end(token)
	case xml.CharData:
		if bytes.HasPrefix(raw, []byte("<!")) {
			return bad("CDATA sections are not allowed")
		}
		return s.text(token)
	case xml.ProcInst:
		if at != 0 || !oracleDeclaration.Match(raw) {
			return bad("processing instructions are not allowed")
		}
		return nil
	case xml.Comment:
		return bad("comments are not allowed")
	default:
		return bad("a DOCTYPE is not allowed")
	}
}

// oracleDeclaration is the one form of it that is taken.
var oracleDeclaration = regexp.MustCompile(`^<\?xml\s+version\s*=\s*("1\.0"|'1\.0')` +
	`(\s+encoding\s*=\s*("(?i:utf-8)"|'(?i:utf-8)'))?(\s+standalone\s*=\s*("(yes|no)"|'(yes|no)'))?\s*\?>$`)

func (s *oracleScanner) start(token xml.StartElement) *Error {
	depth := len(s.open) + 1
	if depth == 1 && s.doc.root != "" {
		return bad("the message has more than one root element")
	}
	if depth > oracleLevels {
		return bad("the message is nested deeper than 32 levels")
	}
	if depth > 1 && s.open[depth-2].known != "" {
		return bad("element " + s.open[depth-2].known + " must hold text alone")
	}
	l := oracleLevel{name: token.Name}
	if refusal := s.attributes(&l, token.Attr, depth); refusal != nil {
		return refusal
	}
	s.open = append(s.open, l)
	if refusal := s.place(depth); refusal != nil {
		s.open = s.open[:depth-1]
		return refusal
	}
	return nil
}

// place decides what the innermost open element is and whether it may be there.
func (s *oracleScanner) place(depth int) *Error {
	l := &s.open[depth-1]
	local := l.name.Local
	if strings.Contains(local, ":") {
		return bad("an element has a colon where no prefix is")
	}
	ns, bound := s.namespace(l.name.Space)
	if !bound {
		return bad("an element has a prefix that is not XML-DSig's")
	}
	l.ns = ns

	if depth == 1 {
		if _, found := oracleShapes[local]; !found || ns != "" {
			return bad("the root element is not a message known here")
		}
		s.doc.root = local
		return nil
	}
	if s.signature > 0 {
		s.doc.signed = true
		if ns != dsigNamespace || s.open[s.signature-1].ns != dsigNamespace {
			return bad("Signature holds an element that is not XML-DSig's")
		}
		if local == "Signature" || s.isKnown(local) {
			return bad("Signature holds an element that belongs beside it")
		}
		return nil
	}
	if strings.EqualFold(local, "Signature") {
		switch {
		case local != "Signature":
			return bad("element Signature is written in another case")
		case depth != 2:
			return bad("element Signature is not a child of the root")
		case s.seenSig:
			return bad("element Signature is there twice")
		}
		s.seenSig, s.signature = true, depth
		return nil
	}
	if ns != "" {
		return bad("an element of XML-DSig stands outside Signature")
	}
	return s.placeField(l, local, depth)
}

func (s *oracleScanner) placeField(l *oracleLevel, local string, depth int) *Error {
	for _, known := range oracleShapes[s.doc.root] {
		if !strings.EqualFold(local, known) {
			continue
		}
		_, twice := s.doc.text[known]
		switch {
		case local != known:
			return bad("element " + known + " is written in another case")
		case depth != 2:
			return bad("element " + known + " is not a child of the root")
		case twice:
			delete(s.doc.text, known) // neither of the two is to be believed
			return bad("element " + known + " is there twice")
		}
		l.known = known
		return nil
	}
	return nil
}

func (s *oracleScanner) isKnown(local string) bool {
	for _, known := range oracleShapes[s.doc.root] {
		if strings.EqualFold(local, known) {
			return true
		}
	}
	return false
}

// attributes takes in the namespace declarations of an element and checks its
// other attributes.
func (s *oracleScanner) attributes(l *oracleLevel, attrs []xml.Attr, depth int) *Error {
	if len(attrs) > oracleAttributes {
		return bad("an element has more than 32 attributes")
	}
	// Signature itself is not open yet when its declarations are read.
	inSignature := s.signature > 0 || depth == 2 && l.name.Local == "Signature"
	seen := make(map[xml.Name]bool, len(attrs))
	for _, a := range attrs {
		if seen[a.Name] {
			return bad("an element has an attribute twice")
		}
		seen[a.Name] = true
		prefix, declares := a.Name.Local, a.Name.Space == "xmlns"
		if a.Name.Space == "" && a.Name.Local == "xmlns" {
			prefix, declares = "", true
		}
		switch {
		case declares:
			if a.Value != dsigNamespace || prefix == "xml" || prefix == "xmlns" {
				return bad("a namespace other than XML-DSig's is declared")
			}
			if !inSignature && (depth != 1 || prefix == "") {
				return bad("a namespace is declared where it must not be")
			}
			if l.prefixes == nil {
				l.prefixes = map[string]string{}
			}
			l.prefixes[prefix] = a.Value
		case a.Name.Space != "" || strings.Contains(a.Name.Local, ":"):
			return bad("an attribute has a prefix")
		case strings.EqualFold(a.Name.Local, "Id"):
			if a.Name.Local != "Id" || depth != 1 && !inSignature {
				return bad("an element other than the root has an Id")
			}
			if s.ids[a.Value] {
				return bad("an Id is there twice")
			}
			s.ids[a.Value] = true
			if depth == 1 {
				s.doc.id = a.Value
			}
		}
	}
	return nil
}

// namespace resolves a prefix through the open elements, the innermost first.
func (s *oracleScanner) namespace(prefix string) (ns string, bound bool) {
	for i := len(s.open) - 1; i >= 0; i-- {
		if ns, found := s.open[i].prefixes[prefix]; found {
			return ns, true
		}
	}
	return "", prefix == ""
}

func (s *oracleScanner) end(token xml.EndElement) *Error {
	depth := len(s.open)
	if depth == 0 || s.open[depth-1].name != token.Name {
		return bad("an element is ended that is not open")
	}
	l := s.open[depth-1]
	s.open = s.open[:depth-1]
	if l.known != "" {
		s.doc.text[l.known] = string(l.text)
	}
	if depth == s.signature {
		s.signature = 0
	}
	return nil
}

func (s *oracleScanner) text(text []byte) *Error {
	depth := len(s.open)
	if depth > 0 && s.open[depth-1].known != "" {
		s.open[depth-1].text = append(s.open[depth-1].text, text...)
		return nil
	}
	if depth <= 1 && len(bytes.Trim(text, " \t\r\n")) > 0 {
		return bad("there is text outside the elements")
	}
	return nil
}
