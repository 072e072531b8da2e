package upixml

import (
	"time"

	"github.com/galla-pay/galla/protocol"
)

// The kinds of a ReqCollect.
const (
	CollectNew    = "NEW"
	CollectRemind = "REMIND"
	CollectCancel = "CANCEL"
)

// ReqCollect asks the payer's bank, through the network, to put a collect
// request before its customer, to remind him of it, or to take it back. A TxnID
// is one request, however often it is sent.
type ReqCollect struct {
	MsgID, OrgID string
	Ts           time.Time
	TxnID        string // our payment
	Kind         string // NEW, REMIND or CANCEL
	// PayerAddr or PayerMobile is whom it goes to; the other is "".
	PayerAddr, PayerMobile string
	PayeeAddr              string
	Amount                 protocol.Paise
	Note                   string // for the customer to read; may be ""
	// ExpireAfter is in whole seconds, from when the message is sent; 0 is left
	// out.
	ExpireAfter int64
}

// XML writes the message as RespValQr.XML does.
func (m ReqCollect) XML() []byte {
	var on page
	w := writer(on[:0])
	w = w.begin("ReqCollect")
	w = w.element("MsgID", m.MsgID)
	w = w.time("Ts", m.Ts)
	w = w.element("OrgID", m.OrgID)
	w = w.element("TxnID", m.TxnID)
	w = w.element("Kind", m.Kind)
	w = w.element("PayerAddr", m.PayerAddr)
	w = w.element("PayerMobile", m.PayerMobile)
	w = w.element("PayeeAddr", m.PayeeAddr)
	w = w.amount("Amount", m.Amount)
	w = w.element("Curr", "INR")
	w = w.element("Note", m.Note)
	if m.ExpireAfter > 0 {
		w = w.integer("ExpireAfter", m.ExpireAfter)
	}
	return w.end("ReqCollect")
}

// RespCollect answers a ReqCollect: Status 00 says that the payer's bank has it.
type RespCollect struct {
	MsgID   string // "" if it could not be read, then Status is BR
	Status  string
	Message string
	TxnID   string // "" if it could not be read
	Ts      time.Time
}

// ParseRespCollect reads a RespCollect. Its error is an *Error of code BR, and
// then the message is the zero value.
func ParseRespCollect(doc []byte) (RespCollect, error) {
	var f fields
	f.open(doc, "RespCollect")
	m := RespCollect{
		MsgID: f.optional(fieldMsgID, isMessageID), Status: f.form(fieldStatus, isStatus), Message: string(f.text(fieldMessage)),
		TxnID: f.optional(fieldTxnID, isMessageID), Ts: f.time(fieldTs),
	}
	if f.refusal != nil {
		return RespCollect{}, f.refusal
	}
	return m, nil
}

// How a collect request ended, the Status of a ReqCollectResult.
const (
	CollectSuccess  = "SUCCESS"
	CollectDeclined = "DECLINED"
	CollectExpired  = "EXPIRED"
)

// ReqCollectResult tells how a collect request of ours ended.
type ReqCollectResult struct {
	MsgID     string
	Ts        time.Time
	OrgID     string
	OrgTxnID  string         // our payment, the ReqCollect's TxnID
	TxnID     string         // the bank's own
	Status    string         // SUCCESS, DECLINED or EXPIRED
	PayerAddr string         // of a success
	Amount    protocol.Paise // what the payer was asked for, or paid; above 0
	Rrn       string         // of a success
}

// ParseReqCollectResult reads a ReqCollectResult. Its error is an *Error of code
// BR, and then the message is the zero value.
func ParseReqCollectResult(doc []byte) (ReqCollectResult, error) {
	var f fields
	f.open(doc, "ReqCollectResult")
	m := ReqCollectResult{
		MsgID:    f.form(fieldMsgID, isMessageID),
		Ts:       f.time(fieldTs),
		OrgID:    f.form(fieldOrgID, isMessageID),
		OrgTxnID: f.form(fieldOrgTxnID, isMessageID),
		TxnID:    f.form(fieldTxnID, isMessageID),
		Status:   f.form(fieldStatus, isCollectStatus),
		Amount:   f.money(fieldAmount, 1),
	}
	if m.Status == CollectSuccess {
		m.PayerAddr = f.address(fieldPayerAddr)
		m.Rrn = f.form(fieldRrn, isRrn)
	} else {
		m.PayerAddr = f.optionalAddress(fieldPayerAddr)
		m.Rrn = f.optional(fieldRrn, isRrn)
	}
	if f.refusal != nil {
		return ReqCollectResult{}, f.refusal
	}
	return m, nil
}

// RespCollectResult answers a ReqCollectResult. Result is REVERSED where the
// message was processed and the money goes back, beside Status 00.
type RespCollectResult struct {
	MsgID   string // "" if it could not be read
	Status  string
	Message string
	Result  string
	TxnID   string // "" if it could not be read
	Ts      time.Time
}

// XML writes the message as RespValQr.XML does.
func (m RespCollectResult) XML() []byte {
	var on page
	w := writer(on[:0])
	w = w.begin("RespCollectResult")
	w = w.element("MsgID", m.MsgID)
	w = w.element("Status", m.Status)
	w = w.element("Message", m.Message)
	w = w.element("Result", m.Result)
	w = w.element("TxnID", m.TxnID)
	w = w.time("Ts", m.Ts)
	return w.end("RespCollectResult")
}
