package upixml

// field is something that a message says, whatever the dialect.
type field uint8

// The fields. They index arrays and bits, and are stored nowhere.
const (
	noField field = iota
	fieldMsgID
	fieldTxnID
	fieldTs
	fieldTimestamp
	fieldOrgID
	fieldOrgTxnID
	fieldQueryID
	fieldCurr
	fieldAmount
	fieldPayerCurr
	fieldPayerAmount
	fieldMcc
	fieldRefURL
	fieldQuery
	fieldMode
	fieldType
	fieldPayeeAddr
	fieldPayerAddr
	fieldPayerMobile
	fieldTxnRef
	fieldVerToken
	fieldExpiresAt
	fieldStatus
	fieldMessage
	fieldResult
	fieldTxnStatus
	fieldCreditTxnID
	fieldSettlementAmount
	fieldRrn
	fieldKind
	fieldNote
	fieldExpireAfter
	fieldBaseAmount
	fieldBaseCurr
	fieldFxRate
	fieldInrAmount
	fieldCount
)

// names are the fields' elements in the PRD's dialect.
var names = [fieldCount]string{
	fieldMsgID: "MsgID", fieldTxnID: "TxnID", fieldTs: "Ts", fieldTimestamp: "Timestamp", fieldOrgID: "OrgID",
	fieldOrgTxnID: "OrgTxnID", fieldCurr: "Curr", fieldAmount: "Amount", fieldMcc: "Mcc", fieldRefURL: "RefUrl", fieldType: "Type",
	fieldPayeeAddr: "PayeeAddr", fieldPayerAddr: "PayerAddr", fieldPayerMobile: "PayerMobile", fieldTxnRef: "TxnRef",
	fieldVerToken: "VerToken", fieldExpiresAt: "ExpiresAt", fieldStatus: "Status", fieldMessage: "Message", fieldResult: "Result",
	fieldTxnStatus: "TxnStatus", fieldCreditTxnID: "CreditTxnID", fieldSettlementAmount: "SettlementAmount", fieldRrn: "Rrn",
	fieldKind: "Kind", fieldNote: "Note", fieldExpireAfter: "ExpireAfter", fieldBaseAmount: "BaseAmount", fieldBaseCurr: "BaseCurr",
	fieldFxRate: "FxRate", fieldInrAmount: "InrAmount",
}

// shape is what a message may hold. Signature is a child of each root.
type shape struct {
	root     string
	dialect  Dialect
	elements []element // the first is the root; a parent stands before its children
}

// element is a known element of a message.
type element struct {
	name       string
	parent     int8  // its index
	text       field // what its text is; noField for one that holds white space and elements
	attributes []attribute
}

// attribute is a known attribute of an element.
type attribute struct {
	name  string
	field field
}

// shapes are the messages known here, the most frequent ones first.
var shapes = []shape{
	prd("ReqPay", fieldMsgID, fieldTxnID, fieldVerToken, fieldAmount, fieldCurr, fieldPayerAddr, fieldPayeeAddr, fieldTimestamp),
	prd("ReqValQr", fieldMsgID, fieldTs, fieldOrgID, fieldCurr, fieldAmount, fieldMcc, fieldRefURL, fieldPayeeAddr, fieldTxnRef),
	prd("ReqChkTxn", fieldMsgID, fieldTs, fieldOrgID, fieldOrgTxnID),
	prd("RespValQr", fieldMsgID, fieldStatus, fieldMessage, fieldVerToken, fieldExpiresAt, fieldBaseAmount, fieldBaseCurr,
		fieldFxRate, fieldInrAmount, fieldTs),
	prd("RespPay", fieldMsgID, fieldStatus, fieldMessage, fieldResult, fieldTxnID, fieldSettlementAmount, fieldTimestamp),
	prd("RespChkTxn", fieldMsgID, fieldStatus, fieldMessage, fieldTxnID, fieldTxnStatus, fieldCreditTxnID, fieldAmount,
		fieldSettlementAmount, fieldRrn, fieldTs),

	prd("ReqCollect", fieldMsgID, fieldTs, fieldOrgID, fieldTxnID, fieldKind, fieldPayerAddr, fieldPayerMobile, fieldPayeeAddr,
		fieldAmount, fieldCurr, fieldNote, fieldExpireAfter),
	prd("RespCollect", fieldMsgID, fieldStatus, fieldMessage, fieldTxnID, fieldTs),
	prd("ReqCollectResult", fieldMsgID, fieldTs, fieldOrgID, fieldOrgTxnID, fieldTxnID, fieldStatus, fieldPayerAddr, fieldAmount,
		fieldRrn),
	prd("RespCollectResult", fieldMsgID, fieldStatus, fieldMessage, fieldResult, fieldTxnID, fieldTs),
	prd("ReqRefund", fieldMsgID, fieldTs, fieldOrgID, fieldTxnID, fieldOrgTxnID, fieldType, fieldAmount, fieldPayeeAddr),
	prd("RespRefund", fieldMsgID, fieldStatus, fieldMessage, fieldTxnID, fieldRrn, fieldTs),

	{"ReqPay", DialectNPCI, []element{
		{name: "ReqPay"}, head(),
		{name: "Txn", attributes: []attribute{{"id", fieldTxnID}, {"type", fieldType}}},
		{name: "QR", parent: 2, attributes: []attribute{{"verToken", fieldVerToken}}},
		{name: "Payer", attributes: []attribute{{"addr", fieldPayerAddr}}},
		{name: "Amount", parent: 4, attributes: []attribute{{"value", fieldPayerAmount}, {"curr", fieldPayerCurr}}},
		{name: "Payees"},
		{name: "Payee", parent: 6, attributes: []attribute{{"addr", fieldPayeeAddr}}},
		{name: "Amount", parent: 7, attributes: []attribute{{"value", fieldAmount}, {"curr", fieldCurr}}},
	}},
	{"ReqValQr", DialectNPCI, []element{
		{name: "ReqValQr"}, head(),
		{name: "Txn", attributes: []attribute{{"id", fieldQueryID}, {"initiationMode", fieldMode}}},
		{name: "QR", parent: 2, attributes: []attribute{{"query", fieldQuery}}},
		{name: "Payer"},
		{name: "Amount", parent: 4, attributes: []attribute{{"value", fieldPayerAmount}, {"curr", fieldPayerCurr}}},
		{name: "Payees"},
		{name: "Payee", parent: 6, attributes: []attribute{{"addr", fieldPayeeAddr}, {"code", fieldMcc}}},
		{name: "Amount", parent: 7, attributes: []attribute{{"value", fieldAmount}, {"curr", fieldCurr}}},
	}},
	{"ReqChkTxn", DialectNPCI, []element{
		{name: "ReqChkTxn"}, head(),
		{name: "Txn", attributes: []attribute{{"id", fieldQueryID}, {"type", fieldType}, {"orgTxnId", fieldOrgTxnID}}},
	}},
	// Our own answers are known here to be signed, not to be read.
	answer("RespPay"), answer("RespValQr"), answer("RespChkTxn"),
	{"Ack", DialectNPCI, []element{{name: "Ack"}}},
}

// prd is a message whose root has one element for each field.
func prd(root string, fields ...field) shape {
	s := shape{root: root, elements: []element{{name: root}}}
	for _, f := range fields {
		s.elements = append(s.elements, element{name: names[f], text: f})
	}
	return s
}

func head() element {
	return element{name: "Head", attributes: []attribute{{"msgId", fieldMsgID}, {"orgId", fieldOrgID}, {"ts", fieldTs}}}
}

func answer(root string) shape {
	return shape{root, DialectNPCI, []element{
		{name: root}, head(), {name: "Txn"}, {name: "QR", parent: 2}, {name: "Resp"}, {name: "Ref", parent: 4}, {name: "FxList"}, {name: "Fx", parent: 6},
	}}
}

// where names the place of a field to a sender.
func (s *shape) where(f field) string {
	if s.dialect == DialectPRD {
		return "element " + names[f]
	}
	for _, e := range s.elements {
		for _, a := range e.attributes {
			if a.field != f {
				continue
			}
			owner := e.name
			if e.parent != 0 {
				owner = s.elements[e.parent].name + "/" + owner
			}
			return "attribute " + a.name + " of " + owner
		}
	}
	return "a field"
}
