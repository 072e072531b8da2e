package upixml

import (
	"time"

	"github.com/galla-pay/galla/protocol"
)

// The answers in NPCI's dialect. Attributes have one order, that of this file.
// Status is written as result and errCode: 00 without a Result is SUCCESS,
// anything else FAILURE with the code, or for 00 with the Result, as errCode.

// tag begins the tag of an element, indented by its depth below the root.
func (w writer) tag(depth int, name string) writer {
	w = append(w, '\n')
	for range depth {
		w = append(w, "  "...)
	}
	w = append(w, '<')
	return append(w, name...)
}

// attribute writes one that is not "".
func (w writer) attribute(name, value string) writer {
	if value == "" {
		return w
	}
	w = w.name(name)
	w = appendEscape(w, value)
	return append(w, '"')
}

func (w writer) name(name string) writer {
	w = append(w, ' ')
	w = append(w, name...)
	return append(w, `="`...)
}

func (w writer) timeAttribute(name string, t time.Time) writer {
	if t.IsZero() {
		return w
	}
	w = w.name(name)
	w = appendTime(w, t)
	return append(w, '"')
}

func (w writer) amountAttribute(name string, p protocol.Paise) writer {
	w = w.name(name)
	w = appendRupees(w, p)
	return append(w, '"')
}

func (w writer) hold() writer { return append(w, '>') }

func (w writer) empty() writer { return append(w, "/>"...) }

func (w writer) leave(depth int, name string) writer {
	w = w.tag(depth, "/")
	w = append(w, name...)
	return w.hold()
}

// beginNPCI writes the root and Head.
func (w writer) beginNPCI(root string, ts time.Time, orgID, msgID string) writer {
	w = append(w, "<upi:"...)
	w = append(w, root...)
	w = append(w, ` xmlns:upi="`+npciNamespace+`">`...)
	w = w.tag(1, "Head")
	w = w.attribute("ver", "2.0")
	w = w.timeAttribute("ts", ts)
	w = w.attribute("orgId", orgID)
	w = w.attribute("msgId", msgID)
	w = w.attribute("prodType", "UPI")
	return w.empty()
}

// resp begins the tag of Resp and returns the code that its Ref repeats.
func (w writer) resp(msgID, status, result string) (writer, string) {
	code := status
	if status == "00" && result != "" {
		code = result
	}
	w = w.tag(1, "Resp")
	w = w.attribute("reqMsgId", msgID)
	if code == "00" {
		w = w.attribute("result", "SUCCESS")
	} else {
		w = w.attribute("result", "FAILURE")
		w = w.attribute("errCode", code)
	}
	return w, code
}

func (w writer) endNPCI(root string) []byte {
	w = append(w, "\n</upi:"...)
	w = append(w, root...)
	w = w.hold()
	return append([]byte(nil), w...)
}

func (m RespValQr) npci() []byte {
	var on page
	w := writer(on[:0])
	w = w.beginNPCI("RespValQr", m.Ts, m.OrgID, m.AnswerID)
	w = w.tag(1, "Txn")
	w = w.attribute("id", m.QueryID)
	w = w.attribute("note", m.Message)
	if m.VerToken == "" {
		w = w.empty()
	} else {
		w = w.hold()
		w = w.tag(2, "QR")
		w = w.timeAttribute("expireTs", m.ExpiresAt)
		w = w.attribute("verToken", m.VerToken)
		w = w.empty()
		w = w.leave(1, "Txn")
	}
	w, _ = w.resp(m.MsgID, m.Status, "")
	if m.BaseCurr == "" {
		w = w.empty()
	} else {
		w = w.hold()
		w = w.tag(2, "Ref")
		w = w.attribute("type", "PAYEE")
		w = w.attribute("seqNum", "1")
		w = w.amountAttribute("settAmount", m.InrAmount)
		w = w.attribute("settCurrency", "INR")
		w = w.empty()
		w = w.leave(1, "Resp")
		w = w.tag(1, "FxList")
		w = w.hold()
		w = w.tag(2, "Fx")
		w = w.amountAttribute("baseAmount", m.BaseAmount)
		w = w.attribute("baseCurr", m.BaseCurr)
		w = w.attribute("fx", m.FxRate)
		w = w.empty()
		w = w.leave(1, "FxList")
	}
	return w.endNPCI("RespValQr")
}

func (m RespPay) npci() []byte {
	var on page
	w := writer(on[:0])
	w = w.beginNPCI("RespPay", m.Timestamp, m.OrgID, m.AnswerID)
	w = w.tag(1, "Txn")
	w = w.attribute("id", m.TxnID)
	w = w.attribute("note", m.Message)
	w = w.attribute("type", "PAY")
	w = w.empty()
	w, code := w.resp(m.MsgID, m.Status, m.Result)
	w = w.hold()
	w = w.tag(2, "Ref")
	w = w.attribute("type", "PAYEE")
	w = w.attribute("seqNum", "1")
	w = w.attribute("addr", m.PayeeAddr)
	w = w.amountAttribute("settAmount", m.SettlementAmount)
	w = w.attribute("settCurrency", "INR")
	w = w.attribute("approvalNum", m.ApprovalNum)
	w = w.attribute("respCode", code)
	w = w.empty()
	w = w.leave(1, "Resp")
	return w.endNPCI("RespPay")
}

// npci writes the state of the payment as the result, which is a third one,
// PENDING, unless it is known: who takes that for an error asks again.
func (m RespChkTxn) npci() []byte {
	var on page
	w := writer(on[:0])
	w = w.beginNPCI("RespChkTxn", m.Ts, m.OrgID, m.AnswerID)
	w = w.tag(1, "Txn")
	w = w.attribute("id", m.QueryID)
	w = w.attribute("note", m.Message)
	w = w.attribute("custRef", m.Rrn)
	w = w.attribute("type", "ChkTxn")
	w = w.attribute("orgTxnId", m.TxnID)
	w = w.empty()
	if m.Status != "00" {
		w, _ = w.resp(m.MsgID, m.Status, "")
		return w.empty().endNPCI("RespChkTxn")
	}
	code := ""
	switch m.TxnStatus {
	case "SUCCESS":
		w, code = w.resp(m.MsgID, m.Status, "")
	case "FAILED", "REVERSED":
		w, code = w.resp(m.MsgID, m.Status, m.TxnStatus)
	default:
		w = w.tag(1, "Resp")
		w = w.attribute("reqMsgId", m.MsgID)
		w = w.attribute("result", "PENDING")
	}
	w = w.hold()
	w = w.tag(2, "Ref")
	w = w.attribute("type", "PAYEE")
	w = w.attribute("seqNum", "1")
	w = w.amountAttribute("settAmount", m.SettlementAmount)
	w = w.attribute("settCurrency", "INR")
	w = w.attribute("respCode", code)
	w = w.amountAttribute("orgAmount", m.Amount)
	w = w.empty()
	w = w.leave(1, "Resp")
	return w.endNPCI("RespChkTxn")
}

// Ack tells the sender of a message in NPCI's dialect that it has arrived
// (upi-switch: Messages: the PRD's own dialect has none).
type Ack struct {
	API      string // the message's name, as ReqPay
	ReqMsgID string // the message's id; "" if it could not be read
	Err      string // the code of the refusal, "" for none
	Ts       time.Time
}

// XML writes the message as RespValQr.XML does.
func (m Ack) XML() []byte {
	var on page
	w := writer(on[:0])
	w = append(w, `<upi:Ack xmlns:upi="`+npciNamespace+`"`...)
	w = w.attribute("api", m.API)
	w = w.attribute("reqMsgId", m.ReqMsgID)
	w = w.attribute("err", m.Err)
	w = w.timeAttribute("ts", m.Ts)
	w = w.empty()
	return append([]byte(nil), w...)
}
