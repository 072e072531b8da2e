package upixml

import (
	"encoding/base64"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// MinAmount is the least amount of a message: one rupee, or one whole unit of
// another currency (PRD 4.2, upi-switch: Messages). The upper limit is the
// caller's, with a code of its own.
const MinAmount protocol.Paise = 100

// ReqValQr asks whether a QR may be paid (PRD 8.1).
type ReqValQr struct {
	MsgID     string
	Ts        time.Time
	OrgID     string
	Curr      string         // three capital letters
	Amount    protocol.Paise // hundredths of Curr, which is paise for INR; at least MinAmount
	MCC       string         // four digits; informational; in NPCI's dialect perhaps ""
	RefURL    string         // readable by ParseRefUrl, though perhaps not a dynamic QR
	PayeeAddr string         // optional
	TxnRef    string         // optional; none in NPCI's dialect

	Dialect Dialect
	QueryID string // NPCI's dialect: the Txn's id, which the answer repeats
}

// Ref reads the RefUrl. The only error that is left for it is ErrNotDynamic.
func (r ReqValQr) Ref() (Ref, error) { return ParseRefUrl(r.RefURL) }

// ReqPay pays what a ReqValQr was answered with a token for (PRD 8.3).
type ReqPay struct {
	MsgID     string
	TxnID     string
	VerToken  string         // any text: whether it is a token is the caller's to say, ZE
	Amount    protocol.Paise // hundredths of Curr; at least MinAmount
	Curr      string
	PayerAddr string
	PayeeAddr string
	Timestamp time.Time

	Dialect Dialect
	OrgID   string // NPCI's dialect: who says that it sends; "" in the PRD's, which does not say
}

// ReqChkTxn asks how a ReqPay ended (upi-switch: Messages).
type ReqChkTxn struct {
	MsgID    string
	Ts       time.Time
	OrgID    string
	OrgTxnID string // ReqPay's TxnID

	Dialect Dialect
	QueryID string // NPCI's dialect: the Txn's own id, which the answer repeats
}

// ParseReqValQr reads a ReqValQr. Its error is an *Error of code BR, and then
// the message is the zero value.
func ParseReqValQr(doc []byte) (ReqValQr, error) {
	var f fields
	f.open(doc, "ReqValQr")
	m := ReqValQr{
		MsgID:     f.form(fieldMsgID, isMessageID),
		Ts:        f.time(fieldTs),
		OrgID:     f.form(fieldOrgID, isMessageID),
		Curr:      f.form(fieldCurr, isCurrency),
		Amount:    f.money(fieldAmount, MinAmount),
		PayeeAddr: f.optionalAddress(fieldPayeeAddr),
		Dialect:   f.dialect,
	}
	if f.dialect == DialectNPCI {
		m.QueryID = f.form(fieldQueryID, isMessageID)
		m.MCC = f.optional(fieldMcc, isMCC)
		f.samePayerAmount(m.Amount, m.Curr)
		m.RefURL = f.query()
	} else {
		m.MCC = f.form(fieldMcc, isMCC)
		m.RefURL = f.form(fieldRefURL, isVisible)
		m.TxnRef = f.optional(fieldTxnRef, isTxnRef)
		f.refURL(m.RefURL)
	}
	if f.refusal != nil {
		return ReqValQr{}, f.refusal
	}
	return m, nil
}

// refURL refuses a RefUrl that is none, and takes one that is not dynamic.
func (f *fields) refURL(refURL string) Ref {
	if f.refusal != nil {
		return Ref{}
	}
	ref, refusal := parseRefURL(refURL)
	if refusal != nil && refusal.Code == CodeBadRequest {
		f.fail(refusal.Message)
	}
	return ref
}

// query is what NPCI's dialect has for a RefUrl: the query of the QR, or its
// whole link, written out. The Txn's initiationMode must be the link's, and does
// for a link where there is none.
func (f *fields) query() string {
	mode := f.optional(fieldMode, isMode)
	if !f.has(fieldQuery) && mode != "" {
		return base64.RawURLEncoding.EncodeToString([]byte("mode=" + mode))
	}
	text, ok := f.need(fieldQuery)
	if !ok {
		return ""
	}
	ref, refusal := parseLink(string(text))
	switch {
	case refusal != nil && refusal.Code == CodeBadRequest:
		f.wrong(fieldQuery, "cannot be read: "+refusal.Message)
	case mode != "" && mode != ref.Mode:
		f.wrong(fieldMode, "is not what the QR says")
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// samePayerAmount refuses a payer who is to pay, if the message says, something
// else than the payee gets.
func (f *fields) samePayerAmount(amount protocol.Paise, curr string) {
	if f.has(fieldPayerAmount) && f.money(fieldPayerAmount, MinAmount) != amount {
		f.wrong(fieldPayerAmount, "is not the payee's")
	}
	if f.has(fieldPayerCurr) && f.form(fieldPayerCurr, isCurrency) != curr {
		f.wrong(fieldPayerCurr, "is not the payee's")
	}
}

// ParseReqPay reads a ReqPay. Its error is an *Error of code BR, and then the
// message is the zero value.
func ParseReqPay(doc []byte) (ReqPay, error) {
	var f fields
	f.open(doc, "ReqPay")
	m := ReqPay{
		MsgID:     f.form(fieldMsgID, isMessageID),
		TxnID:     f.form(fieldTxnID, isMessageID),
		VerToken:  f.form(fieldVerToken, isToken),
		Amount:    f.money(fieldAmount, MinAmount),
		Curr:      f.form(fieldCurr, isCurrency),
		PayerAddr: f.address(fieldPayerAddr),
		PayeeAddr: f.address(fieldPayeeAddr),
		Dialect:   f.dialect,
	}
	if f.dialect == DialectNPCI {
		m.OrgID = f.form(fieldOrgID, isMessageID)
		m.Timestamp = f.time(fieldTs)
		f.samePayerAmount(m.Amount, m.Curr)
		f.txnType("PAY")
	} else {
		m.Timestamp = f.time(fieldTimestamp)
	}
	if f.refusal != nil {
		return ReqPay{}, f.refusal
	}
	return m, nil
}

// txnType refuses a Txn of another type: a COLLECT, say, is a ReqPay as well.
func (f *fields) txnType(want string) {
	if text, ok := f.need(fieldType); ok && string(text) != want {
		f.wrong(fieldType, "is not "+want)
	}
}

// ParseReqChkTxn reads a ReqChkTxn. Its error is an *Error of code BR, and then
// the message is the zero value.
func ParseReqChkTxn(doc []byte) (ReqChkTxn, error) {
	var f fields
	f.open(doc, "ReqChkTxn")
	m := ReqChkTxn{
		MsgID:    f.form(fieldMsgID, isMessageID),
		Ts:       f.time(fieldTs),
		OrgID:    f.form(fieldOrgID, isMessageID),
		OrgTxnID: f.form(fieldOrgTxnID, isMessageID),
		Dialect:  f.dialect,
	}
	if f.dialect == DialectNPCI {
		m.QueryID = f.form(fieldQueryID, isMessageID)
		f.txnType("ChkTxn")
	}
	if f.refusal != nil {
		return ReqChkTxn{}, f.refusal
	}
	return m, nil
}
