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
	w := begin("ReqRefund")
	w.text("MsgID", m.MsgID)
	w.time("Ts", m.Ts)
	w.text("OrgID", m.OrgID)
	w.text("TxnID", m.TxnID)
	w.text("OrgTxnID", m.OrgTxnID)
	w.text("Type", m.Type)
	w.text("Amount", m.Amount.Rupees())
	w.text("PayeeAddr", m.PayeeAddr)
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
	f := open(doc, "RespRefund")
	m := RespRefund{
		MsgID: f.optional("MsgID", messageID), Status: f.form("Status", status), Message: f.text["Message"],
		TxnID: f.optional("TxnID", messageID), Rrn: f.optional("Rrn", rrn), Ts: f.time("Ts"),
	}
	if m.Status == "00" && m.Rrn == "" {
		f.refuse("element Rrn is missing or empty")
	}
	if f.refusal != nil {
		return RespRefund{}, f.refusal
	}
	return m, nil
}

// XML writes the message as RespValQr.XML does.
func (m ReqChkTxn) XML() []byte {
	w := begin("ReqChkTxn")
	w.text("MsgID", m.MsgID)
	w.time("Ts", m.Ts)
	w.text("OrgID", m.OrgID)
	w.text("OrgTxnID", m.OrgTxnID)
	return w.end("ReqChkTxn")
}

// ParseRespChkTxn reads a RespChkTxn. Its error is an *Error of code BR, and then
// the message is the zero value.
func ParseRespChkTxn(doc []byte) (RespChkTxn, error) {
	f := open(doc, "RespChkTxn")
	m := RespChkTxn{
		MsgID: f.optional("MsgID", messageID), Status: f.form("Status", status), Message: f.text["Message"],
		TxnID: f.optional("TxnID", messageID), CreditTxnID: f.optional("CreditTxnID", messageID),
		Rrn: f.optional("Rrn", rrn), Ts: f.time("Ts"),
	}
	if m.Status == "00" {
		m.TxnStatus = f.form("TxnStatus", txnStatus)
		m.Amount = f.money("Amount")
		if m.TxnStatus == "SUCCESS" && m.Rrn == "" {
			f.refuse("element Rrn is missing or empty")
		}
	}
	if f.text["SettlementAmount"] != "" {
		settled, err := protocol.ParseRupees(f.text["SettlementAmount"])
		if err != nil {
			f.refuse("element SettlementAmount is not an amount with at most two decimals")
		}
		m.SettlementAmount = settled
	}
	if f.refusal != nil {
		return RespChkTxn{}, f.refusal
	}
	return m, nil
}
