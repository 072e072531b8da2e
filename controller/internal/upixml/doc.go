// Package upixml is the XML of the UPI side: it reads ReqValQr, ReqPay and
// ReqChkTxn, writes RespValQr, RespPay and RespChkTxn (PRD 8, upi-switch:
// Messages), and checks and makes XML-DSig signatures. For what we ask of the
// network it writes ReqCollect, ReqRefund and ReqChkTxn and reads their answers,
// and it reads ReqCollectResult, by which the network tells how a collect request
// ended. It decides nothing about money and knows neither HTTP nor the database;
// upiapi and network are its only callers.
//
// # How a message is opened
//
// The caller parses the document first: what the parser refuses is BR. Then, if
// [HasSignature], it calls [Verify] with the organisation's pinned certificates
// and parses again what Verify returned, and uses that and nothing else: of a
// signed document only the signed bytes count (failure matrix T10).
//
// # What is refused
//
// A message has one spelling or it is refused (failure matrix 0.4): the reader
// goes beyond encoding/xml, which takes the last of two elements, ignores what
// stands outside the root and reads <z:Txn xmlns:z="urn:evil"> as Txn.
//
//   - Before the root only the declaration, <?xml version="1.0"?> with no other
//     encoding than UTF-8; otherwise before, between and after elements only
//     white space. No byte order mark, comment, CDATA section, processing
//     instruction or DOCTYPE, anywhere.
//   - Elements of the message stand in no namespace and without prefix. The one
//     namespace that may be declared is XML-DSig's, on the root, on Signature or
//     below it, and Signature's children must be in it.
//   - A known element once, as a child of the root, with text alone. Element
//     order is free. Elements that are not known are ignored, but may neither
//     hold a known one nor be called like one but for the case.
//   - Attributes say nothing here: those without a prefix are ignored, those
//     with one are refused. The root alone may have an Id, for the signature to
//     refer to.
//   - 64 KiB, 32 levels, 32 attributes an element, valid UTF-8.
package upixml
