package upixml

import (
	"bytes"
	"encoding/xml"
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
	Ts        time.Time
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
}

// XML writes the message, indented as the PRD prints it, without declaration
// and without a line break at the end. Times are in UTC, cut to the second;
// elements without text are left out.
func (m RespValQr) XML() []byte {
	w := begin("RespValQr")
	w.text("MsgID", m.MsgID)
	w.text("Status", m.Status)
	w.text("Message", m.Message)
	w.text("VerToken", m.VerToken)
	w.time("ExpiresAt", m.ExpiresAt)
	w.time("Ts", m.Ts)
	return w.end("RespValQr")
}

// XML writes the message as RespValQr.XML does.
func (m RespPay) XML() []byte {
	w := begin("RespPay")
	w.text("MsgID", m.MsgID)
	w.text("Status", m.Status)
	w.text("Message", m.Message)
	w.text("Result", m.Result)
	w.text("TxnID", m.TxnID)
	w.text("SettlementAmount", m.SettlementAmount.Rupees())
	w.time("Timestamp", m.Timestamp)
	return w.end("RespPay")
}

// XML writes the message as RespValQr.XML does.
func (m RespChkTxn) XML() []byte {
	w := begin("RespChkTxn")
	w.text("MsgID", m.MsgID)
	w.text("Status", m.Status)
	w.text("Message", m.Message)
	w.text("TxnID", m.TxnID)
	if m.TxnStatus != "" {
		w.text("TxnStatus", m.TxnStatus)
		w.text("CreditTxnID", m.CreditTxnID)
		w.text("Amount", m.Amount.Rupees())
		w.text("SettlementAmount", m.SettlementAmount.Rupees())
	}
	w.text("Rrn", m.Rrn)
	w.time("Ts", m.Ts)
	return w.end("RespChkTxn")
}

// writer writes one message. A bytes.Buffer cannot fail, so it has no errors.
type writer struct{ buf bytes.Buffer }

func begin(root string) *writer {
	w := &writer{}
	w.buf.WriteString("<" + root + ">\n")
	return w
}

func (w *writer) text(name, text string) {
	if text == "" {
		return
	}
	w.buf.WriteString("  <" + name + ">")
	_ = xml.EscapeText(&w.buf, []byte(text))
	w.buf.WriteString("</" + name + ">\n")
}

func (w *writer) time(name string, t time.Time) {
	if !t.IsZero() {
		w.text(name, t.UTC().Format("2006-01-02T15:04:05Z"))
	}
}

func (w *writer) end(root string) []byte {
	w.buf.WriteString("</" + root + ">")
	return w.buf.Bytes()
}
