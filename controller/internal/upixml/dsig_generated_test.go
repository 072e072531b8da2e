package upixml_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

const (
	dsNamespace   = "http://www.w3.org/2000/09/xmldsig#"
	npciNamespace = "http://npci.org/upi/schema/"
)

// npciRoots are the messages of NPCI's dialect, ours included.
var npciRoots = []string{"ReqValQr", "ReqPay", "ReqChkTxn", "RespValQr", "RespPay", "RespChkTxn", "Ack"}

// drawn is a message as somebody might lay it out: valid, but with everything
// that canonical form has to even out.
type drawn struct {
	root     string // local name
	id       string // "" for none
	npci     bool
	opening  string   // the root's start tag
	children []string // with the white space before each
	closing  string   // white space, the root's end tag, and what follows
	around   string   // before the root
	prefixes []string // bound to XML-DSig's namespace on the root
}

// with puts a signature before the n-th child.
func (d drawn) with(signature string, n int) string {
	return d.around + d.opening + strings.Join(d.children[:n], "") + signature + strings.Join(d.children[n:], "") + d.closing
}

func (d drawn) String() string { return d.with("", 0) }

var (
	textPieces = []string{
		"a", "Zz09", " ", "\n", "\t", "\r\n", "\r", "₹", "é", "😀", "]", "\"", "'", ">", "&amp;", "&lt;", "&gt;", "&quot;", "&apos;",
		"&#13;", "&#10;", "&#9;", "&#32;", "&#x20b9;", "&#x00041;", "&#38;", "&#60;", "&#62;", "&#x1F600;", "\u0085", "\u2028", "\u00A0",
		"\u200d", "e\u0301", "\ue000", "\ufffd",
	}
	valuePieces = []string{
		"a", "Zz09", " ", "₹", "é", "😀", "]]>", ">", "&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#13;", "&#10;", "&#9;", "&#x20b9;",
		"&#34;", "&#39;", "&#38;", "&#x00041;", "\u0085", "\u2028", "=", "/",
	}
)

func drawText(t *rapid.T) string {
	text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(textPieces), 0, 6).Draw(t, "text"), "")
	return strings.ReplaceAll(text, "]]>", "]] >") // which no XML has in a text
}

// blank is white space that may be there or not.
func drawBlank(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "\n  ", " ", "\r\n\t", "\r", "&#32;", "&#13;"}).Draw(t, "blank")
}

// space is white space inside a tag.
func drawSpace(t *rapid.T) string {
	return rapid.SampledFrom([]string{" ", " ", " ", "\n", "\t ", "\r\n"}).Draw(t, "space")
}

func drawAttribute(t *rapid.T, name string) string {
	value := strings.Join(rapid.SliceOfN(rapid.SampledFrom(valuePieces), 0, 4).Draw(t, name), "")
	equals := rapid.SampledFrom([]string{"=", "=", " =\n"}).Draw(t, "equals")
	if rapid.Bool().Draw(t, "apostrophes") {
		return drawSpace(t) + name + equals + "'" + value + "\"'"
	}
	return drawSpace(t) + name + equals + `"` + value + `'"`
}

func drawAttributes(t *rapid.T) string {
	var text strings.Builder
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "B", "zz", "a-b", "a.b", "_a", "curr", "Algorithm", "URI", "xmlnsx"}),
		0, 4, rapid.ID[string]).Draw(t, "attributes") {
		text.WriteString(drawAttribute(t, name))
	}
	return text.String()
}

// drawElement is one that is not known, with what it holds.
func drawElement(t *rapid.T, depth int) string {
	name := rapid.SampledFrom([]string{"Extra", "x", "_u", "a.b-c", "Data1"}).Draw(t, "name")
	open := "<" + name + drawAttributes(t)
	if rapid.Bool().Draw(t, "empty") {
		return open + rapid.SampledFrom([]string{"/>", " />", "></" + name + ">"}).Draw(t, "empty tag")
	}
	text := open + ">" + drawText(t)
	for range rapid.IntRange(0, 2).Draw(t, "children") {
		if depth < 3 {
			text += drawElement(t, depth+1) + drawText(t)
		}
	}
	return text + "</" + name + rapid.SampledFrom([]string{"", " ", "\n"}).Draw(t, "end tag") + ">"
}

// fieldNames are children that the messages know.
var fieldNames = map[string][]string{
	"ReqValQr":         {"MsgID", "Amount", "PayeeAddr"},
	"ReqPay":           {"MsgID", "TxnID", "Amount", "PayeeAddr"},
	"ReqChkTxn":        {"MsgID", "OrgID"},
	"ReqCollectResult": {"MsgID", "Status", "Rrn"},
	"RespPay":          {"MsgID", "Status", "SettlementAmount"},
}

func drawMessage(t *rapid.T) drawn {
	d := drawn{root: rapid.SampledFrom([]string{"ReqValQr", "ReqPay", "ReqChkTxn", "ReqCollectResult", "RespPay"}).Draw(t, "root")}
	name := d.root
	var attributes []string
	if d.npci = rapid.IntRange(0, 2).Draw(t, "dialect") == 0; d.npci {
		d.root = rapid.SampledFrom(npciRoots).Draw(t, "NPCI's root")
		prefix := rapid.SampledFrom([]string{"upi", "ns2", "a", "zz"}).Draw(t, "prefix")
		name = prefix + ":" + d.root
		attributes = append(attributes, drawSpace(t)+"xmlns:"+prefix+`="`+npciNamespace+`"`)
	}
	if rapid.Bool().Draw(t, "has an Id") {
		d.id = rapid.SampledFrom([]string{"m1", "_", "A-b.c_9"}).Draw(t, "Id")
		attributes = append(attributes, drawSpace(t)+`Id="`+d.id+`"`)
	}
	for _, other := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"ver", "a", "Z"}), 0, 2, rapid.ID[string]).Draw(t, "root's attributes") {
		attributes = append(attributes, drawAttribute(t, other))
	}
	d.prefixes = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"ds", "sig", "x-1"}), 0, 2, rapid.ID[string]).Draw(t, "declared on the root")
	for _, prefix := range d.prefixes {
		attributes = append(attributes, drawSpace(t)+"xmlns:"+prefix+"='"+dsNamespace+"'")
	}
	attributes = rapid.Permutation(attributes).Draw(t, "order")
	d.around = rapid.SampledFrom([]string{"", "\n", `<?xml version="1.0"?>`, "<?xml version='1.0' encoding='utf-8' standalone='yes'?>\r\n"}).Draw(t, "before")
	d.opening = "<" + name + strings.Join(attributes, "") + ">"
	d.closing = rapid.SampledFrom([]string{"", "\n", "\r\n"}).Draw(t, "last blank") + "</" + name + ">" +
		rapid.SampledFrom([]string{"", "\n", " \r\n"}).Draw(t, "after")
	if !d.npci {
		for _, field := range rapid.SliceOfNDistinct(rapid.SampledFrom(fieldNames[d.root]), 0, -1, rapid.ID[string]).Draw(t, "fields") {
			d.children = append(d.children, drawBlank(t)+"<"+field+drawAttributes(t)+">"+drawText(t)+"</"+field+">")
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "others") {
		d.children = append(d.children, drawBlank(t)+drawElement(t, 2))
	}
	return d
}

// drawSignature is a template in the one form that is taken, with DIGEST and
// VALUE to fill in: any prefix or none, declared on the root or on Signature, in
// any layout.
func drawSignature(t *rapid.T, d drawn, digest, value string) string {
	choices := append([]string{"", "dsig", "ds"}, d.prefixes...)
	prefix := rapid.SampledFrom(choices).Draw(t, "signature's prefix")
	declared := false
	for _, p := range d.prefixes {
		declared = declared || p == prefix
	}
	blank := rapid.SampledFrom([]string{"", "\n  ", "\r\n\t", " "}).Draw(t, "signature's layout")
	uri := ""
	if d.id != "" && rapid.Bool().Draw(t, "by Id") {
		uri = "#" + d.id
	}
	declaration := ` xmlns="` + dsNamespace + `"`
	q := ""
	if prefix != "" {
		q = prefix + ":"
		declaration = ` xmlns:` + prefix + `="` + dsNamespace + `"`
	}
	again := func(name string) string { // declared once more, which says nothing new
		if rapid.IntRange(0, 5).Draw(t, "declared again on "+name) == 0 {
			return declaration
		}
		return ""
	}
	onSignature := declaration
	if declared && rapid.Bool().Draw(t, "declared on the root alone") {
		onSignature = ""
	}
	if rapid.IntRange(0, 5).Draw(t, "another prefix") == 0 {
		onSignature += ` xmlns:unused="` + dsNamespace + `"`
	}
	if rapid.IntRange(0, 3).Draw(t, "Signature's Id") == 0 {
		onSignature = ` Id="s-1"` + onSignature
	}
	method := func(name, algorithm string) string {
		return blank + "<" + q + name + again(name) + ` Algorithm="` + algorithm + `"` +
			rapid.SampledFrom([]string{"/>", " />", "></" + q + name + ">"}).Draw(t, name)
	}
	reference := fmt.Sprintf("%s<%sReference%s%s%s>", blank, q, again("Reference"), ` URI="`+uri+`"`,
		rapid.SampledFrom([]string{"", ` Id="r-1"`, ` Type="http://x.in/?a&amp;b&lt;&#9;"`}).Draw(t, "Reference's attributes"))
	keyInfo := rapid.SampledFrom([]string{"", "<KeyInfo/>", "<KeyInfo><KeyName>x\n</KeyName></KeyInfo>"}).Draw(t, "KeyInfo")
	keyInfo = strings.NewReplacer("</", "</"+q, "<", "<"+q).Replace(keyInfo)
	return drawBlank(t) + "<" + q + "Signature" + onSignature + ">" +
		blank + "<" + q + "SignedInfo" + again("SignedInfo") + ">" +
		method("CanonicalizationMethod", "http://www.w3.org/2001/10/xml-exc-c14n#") +
		method("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256") +
		reference +
		blank + "<" + q + "Transforms>" +
		method("Transform", "http://www.w3.org/2000/09/xmldsig#enveloped-signature") +
		method("Transform", "http://www.w3.org/2001/10/xml-exc-c14n#") +
		blank + "</" + q + "Transforms>" +
		method("DigestMethod", "http://www.w3.org/2001/04/xmlenc#sha256") +
		blank + "<" + q + "DigestValue>" + digest + "</" + q + "DigestValue>" +
		blank + "</" + q + "Reference>" +
		blank + "</" + q + "SignedInfo>" +
		blank + "<" + q + "SignatureValue>" + value + "</" + q + "SignatureValue>" +
		keyInfo + blank + "</" + q + "Signature>"
}
