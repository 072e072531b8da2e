package upixml

import (
	"time"

	"github.com/galla-pay/galla/protocol"
)

// The types of a ReqRefund.
const (
	RefundPayment  = "REFUND"   // the merchant gives a payment back, or part of it
	RefundReversal = "REVERSAL" // we give money back that fits no payment
)

// ReqRefund asks the network to move money back to its payer. A TxnID is moved
// once, however often it is sent.
type ReqRefund struct {
	MsgID, OrgID string
	Ts           time.Time
	TxnID        string // the refund
	OrgTxnID     string // the original at the network: its UPI TxnID, or its RRN
	Type         string // REFUND or REVERSAL
	Amount       protocol.Paise
	PayeeAddr    string // who was paid, and now pays back; may be ""
}

// XML writes the message as RespValQr.XML does.
func (m ReqRefund) XML() []byte {
	var on page
	w := writer(on[:0])
	w = w.begin("ReqRefund")
	w = w.element("MsgID", m.MsgID)
	w = w.time("Ts", m.Ts)
	w = w.element("OrgID", m.OrgID)
	w = w.element("TxnID", m.TxnID)
	w = w.element("OrgTxnID", m.OrgTxnID)
	w = w.element("Type", m.Type)
	w = w.amount("Amount", m.Amount)
	w = w.element("PayeeAddr", m.PayeeAddr)
	return w.end("ReqRefund")
}

// RespRefund answers a ReqRefund: Status 00 with the Rrn of what was moved,
// PENDING where that is not known yet, or the code of the refusal.
type RespRefund struct {
	MsgID   string // "" if it could not be read, then Status is BR
	Status  string
	Message string
	TxnID   string // "" if it could not be read
	Rrn     string // there with Status 00
	Ts      time.Time
}

// ParseRespRefund reads a RespRefund. Its error is an *Error of code BR, and then
// the message is the zero value.
func ParseRespRefund(doc []byte) (RespRefund, error) {
	var f fields
	f.open(doc, "RespRefund")
	m := RespRefund{
		MsgID: f.optional(fieldMsgID, isMessageID), Status: f.form(fieldStatus, isStatus), Message: string(f.text(fieldMessage)),
		TxnID: f.optional(fieldTxnID, isMessageID), Rrn: f.optional(fieldRrn, isRrn), Ts: f.time(fieldTs),
	}
	if m.Status == "00" {
		f.need(fieldRrn)
	}
	if f.refusal != nil {
		return RespRefund{}, f.refusal
	}
	return m, nil
}

// XML writes the message as RespValQr.XML does.
func (m ReqChkTxn) XML() []byte {
	var on page
	w := writer(on[:0])
	w = w.begin("ReqChkTxn")
	w = w.element("MsgID", m.MsgID)
	w = w.time("Ts", m.Ts)
	w = w.element("OrgID", m.OrgID)
	w = w.element("OrgTxnID", m.OrgTxnID)
	return w.end("ReqChkTxn")
}

// ParseRespChkTxn reads a RespChkTxn. Its error is an *Error of code BR, and then
// the message is the zero value.
func ParseRespChkTxn(doc []byte) (RespChkTxn, error) {
	var f fields
	f.open(doc, "RespChkTxn")
	if f.dialect != DialectPRD {
		f.fail("an answer is read in the PRD's dialect alone")
	}
	m := RespChkTxn{
		MsgID: f.optional(fieldMsgID, isMessageID), Status: f.form(fieldStatus, isStatus), Message: string(f.text(fieldMessage)),
		TxnID: f.optional(fieldTxnID, isMessageID), CreditTxnID: f.optional(fieldCreditTxnID, isMessageID),
		Rrn: f.optional(fieldRrn, isRrn), Ts: f.time(fieldTs),
	}
	if m.Status == "00" {
		m.TxnStatus = f.form(fieldTxnStatus, isTxnStatus)
		m.Amount = f.money(fieldAmount, 1)
		if m.TxnStatus == "SUCCESS" {
			f.need(fieldRrn)
		}
	}
	if f.has(fieldSettlementAmount) {
		m.SettlementAmount = f.money(fieldSettlementAmount, 0)
	}
	if f.refusal != nil {
		return RespChkTxn{}, f.refusal
	}
	return m, nil
}
