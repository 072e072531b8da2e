// Package token cuts a message of the UPI side into start tags, end tags and
// text, without allocating. It is the lowest layer of upixml: it knows what
// well-formed means, and nothing of messages, namespaces or signatures. upixml's
// scanner and its canonicaliser are its only callers; both see the same tokens,
// so that what is read and what is verified cannot differ.
//
// # What is taken
//
// A subset of XML 1.0 with namespaces that every parser reads alike:
//
//   - UTF-8 of at most [MaxBytes], without byte order mark; only
//     characters that XML 1.0 allows, written out or referred to.
//   - First, and only first, perhaps the declaration: version 1.0, encoding UTF-8
//     in letters of any case, standalone yes or no. Nothing is reported of it.
//   - Then one element, of at most [MaxLevels] levels and [MaxAttributes]
//     attributes each, every one ended. Around it white space alone.
//   - No comment, CDATA section, processing instruction or DOCTYPE.
//   - Of the entities lt, gt, amp, apos and quot; numeric references.
//   - Names are of ASCII letters, digits, '.', '-' and '_', do not begin with one
//     of the middle three, and have at most one prefix.
//
// # Where it is stricter than encoding/xml
//
// Whatever encoding/xml refuses is refused. Refused beyond that is what stands
// above (limits, names beyond ASCII, a part of a name before or after the colon
// that is empty or begins with a digit), and:
//
//   - an attribute there twice, or without white space before it; white space in
//     the declaration that is none in XML, as a form feed;
//   - a tab or a line break in an attribute's value: XML 1.0 reads a space there,
//     encoding/xml what is written, so that a signature over the one would not be
//     over the other. As references (&#10;) they mean the same to both.
//   - a reference to what is no character of XML (&#xD800;), which encoding/xml
//     replaces, or outside the root, where XML 1.0 has none;
//   - text outside the root, elements that end wrongly or not at all, a second
//     root, no root, which encoding/xml's RawToken leaves to its caller.
//
// Line ends are the one thing that is read as something else than is written: CR
// LF and CR alone become LF (XML 1.0, 2.11), by [AppendText] only, since values
// of attributes hold none.
package token
