package upixml

import (
	"time"

	"github.com/galla-pay/galla/protocol"
)

// RespValQr answers a ReqValQr (PRD 8.2). An error answer has Message and
// neither VerToken nor ExpiresAt.
type RespValQr struct {
	MsgID     string // "" if it could not be read
	Status    string
	Message   string
	VerToken  string
	ExpiresAt time.Time
	// Of an amount that is not in INR (upi-switch: International, fees): what was
	// asked for, its currency, the rate, and the INR to pay. With
	// BaseCurr "" none of them is written.
	BaseAmount protocol.Paise // hundredths of BaseCurr
	BaseCurr   string
	FxRate     string // rupees for one BaseCurr, a decimal number
	InrAmount  protocol.Paise
	Ts         time.Time

	// NPCI's dialect only.
	Dialect  Dialect
	QueryID  string // the ReqValQr's
	AnswerID string // the answer's own message id; left out if ""
	OrgID    string // who answers; left out if ""
}

// RespPay answers a ReqPay (PRD 8.4). The settlement is written even when it is
// nothing; Result only when the message was processed and the outcome is not
// SUCCESS.
type RespPay struct {
	MsgID            string // "" if it could not be read
	Status           string
	Message          string
	Result           string // TIMEOUT, REVERSED or FAILED, beside Status 00
	TxnID            string // "" if it could not be read
	SettlementAmount protocol.Paise
	Timestamp        time.Time

	// NPCI's dialect only; left out if "".
	Dialect     Dialect
	AnswerID    string // the answer's own message id
	OrgID       string // who answers
	PayeeAddr   string
	ApprovalNum string
}

// RespChkTxn answers a ReqChkTxn (upi-switch: Messages). An error answer has
// Message and neither TxnStatus nor amounts.
type RespChkTxn struct {
	MsgID            string // "" if it could not be read
	Status           string
	Message          string
	TxnID            string
	TxnStatus        string // SUCCESS, FAILED, PENDING or REVERSED; "" in an error answer
	CreditTxnID      string // of a collect request that was paid: the TxnID of the money, as ReqCollectResult names it
	Amount           protocol.Paise
	SettlementAmount protocol.Paise
	Rrn              string
	Ts               time.Time

	// NPCI's dialect only; left out if "".
	Dialect  Dialect
	QueryID  string // the ReqChkTxn's
	AnswerID string // the answer's own message id
	OrgID    string // who answers
}

// XML writes the message in its dialect, indented as the PRD prints it, without
// declaration and without a line break at the end. Times are in UTC, cut to the
// second; elements and attributes without text are left out. It allocates what
// it returns, and nothing else up to 1 KiB.
func (m RespValQr) XML() []byte {
	if m.Dialect == DialectNPCI {
		return m.npci()
	}
	var on page
	w := writer(on[:0])
	w = w.begin("RespValQr")
	w = w.element("MsgID", m.MsgID)
	w = w.element("Status", m.Status)
	w = w.element("Message", m.Message)
	w = w.element("VerToken", m.VerToken)
	w = w.time("ExpiresAt", m.ExpiresAt)
	if m.BaseCurr != "" {
		w = w.amount("BaseAmount", m.BaseAmount)
		w = w.element("BaseCurr", m.BaseCurr)
		w = w.element("FxRate", m.FxRate)
		w = w.amount("InrAmount", m.InrAmount)
	}
	w = w.time("Ts", m.Ts)
	return w.end("RespValQr")
}

// XML writes the message as RespValQr.XML does.
func (m RespPay) XML() []byte {
	if m.Dialect == DialectNPCI {
		return m.npci()
	}
	var on page
	w := writer(on[:0])
	w = w.begin("RespPay")
	w = w.element("MsgID", m.MsgID)
	w = w.element("Status", m.Status)
	w = w.element("Message", m.Message)
	w = w.element("Result", m.Result)
	w = w.element("TxnID", m.TxnID)
	w = w.amount("SettlementAmount", m.SettlementAmount)
	w = w.time("Timestamp", m.Timestamp)
	return w.end("RespPay")
}

// XML writes the message as RespValQr.XML does.
func (m RespChkTxn) XML() []byte {
	if m.Dialect == DialectNPCI {
		return m.npci()
	}
	var on page
	w := writer(on[:0])
	w = w.begin("RespChkTxn")
	w = w.element("MsgID", m.MsgID)
	w = w.element("Status", m.Status)
	w = w.element("Message", m.Message)
	w = w.element("TxnID", m.TxnID)
	if m.TxnStatus != "" {
		w = w.element("TxnStatus", m.TxnStatus)
		w = w.element("CreditTxnID", m.CreditTxnID)
		w = w.amount("Amount", m.Amount)
		w = w.amount("SettlementAmount", m.SettlementAmount)
	}
	w = w.element("Rrn", m.Rrn)
	w = w.time("Ts", m.Ts)
	return w.end("RespChkTxn")
}
