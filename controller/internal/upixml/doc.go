// Package upixml is the XML of the UPI side: it reads ReqValQr, ReqPay and
// ReqChkTxn, writes RespValQr, RespPay and RespChkTxn (PRD 8, upi-switch:
// Messages), in the PRD's dialect and in NPCI's, and checks and makes XML-DSig
// signatures. For what we ask of the network it writes ReqCollect, ReqRefund and
// ReqChkTxn and reads their answers, and it reads ReqCollectResult, by which the
// network tells how a collect request ended. It decides nothing about money and
// knows neither HTTP nor the database; upiapi and network are its only callers.
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
//   - Elements of the message stand in no namespace and without prefix, but for
//     the root of NPCI's dialect. Beside its namespace the one that may be
//     declared is XML-DSig's, on the root, on Signature or below it, and
//     Signature's children must be in it.
//   - A known element once, as a child of its parent, which is the root in the
//     PRD's dialect, and there with text alone. Element order is free. Elements
//     that are not known are ignored, but may neither hold a known one nor be
//     called like one but for the case.
//   - Attributes say nothing in the PRD's dialect: those without a prefix are
//     ignored, those with one are refused. In NPCI's the known ones are the
//     message, each written in its own case alone. The root alone may have an Id,
//     for the signature to refer to.
//   - 64 KiB, 32 levels, 32 attributes an element, valid UTF-8; at most 8
//     elements with an Id, written without references, and 8 namespace
//     declarations in force at once.
//   - What package token lists: XML that parsers do not all read alike.
//
// The scanner makes one pass and allocates nothing; what the parsers allocate is
// the texts that a message keeps.
//
// # NPCI's dialect
//
// A message whose root is in the namespace http://npci.org/upi/schema/ is in
// NPCI's dialect: elements without text, whose attributes are the message. The
// decisions behind it are the same, and so are the codes (upi-switch: Code
// meanings). The root has a prefix of any name, which it declares itself; no
// other declaration of that namespace is taken, nor its use below the root.
//
//	ReqValQr   Head msgId orgId ts; Txn id initiationMode; Txn/QR query;
//	           Payees/Payee addr code; its Amount value curr
//	ReqPay     Head; Txn id type=PAY; Txn/QR verToken; Payer addr;
//	           Payees/Payee addr; its Amount value curr
//	ReqChkTxn  Head; Txn id type=ChkTxn orgTxnId
//
// All of them must be there, save the payee's address and code in ReqValQr, and
// its query or its initiationMode, of which one will do. The query is that of the
// QR, or its whole link, written out and not in base64; where there is an
// initiationMode beside it, the two must agree. An Amount of the Payer must be
// the payee's. There is one Payee. The time of a message is its Head's.
//
// Answers have Head (msgId and orgId as the caller gives them), Txn with the
// request's id, and Resp with reqMsgId, result and errCode; a token stands in
// Txn/QR as verToken with expireTs, the settlement in Resp/Ref as settAmount, an
// RRN in Txn as custRef, the text of a refusal in Txn as note. result is SUCCESS
// or FAILURE, with our code as errCode, or TIMEOUT, REVERSED or FAILED where the
// message was processed and the payment came to that. Only RespChkTxn knows a
// third one, PENDING. Rates of exchange stand in FxList/Fx. No door sends an
// [Ack] yet: an answer comes at once, as the HTTP answer of its request.
//
// Not covered are: every other message; collect requests (type COLLECT) and
// mandates; several payees or a split of the amount; accounts, cards and
// credentials (Ac, Creds), devices, risk scores and rules, which are ignored;
// refId and refUrl, which are ignored too, since only a QR's own tr ties it to a
// payment; roots with further namespaces, as http://npci.org/cm/schema/, or with
// NPCI's as the default; answers of others, which are read in the PRD's dialect
// alone; and signatures by inclusive C14N.
package upixml
