package upixml

import (
	"regexp"
	"strconv"
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
	w := begin("ReqCollect")
	w.text("MsgID", m.MsgID)
	w.time("Ts", m.Ts)
	w.text("OrgID", m.OrgID)
	w.text("TxnID", m.TxnID)
	w.text("Kind", m.Kind)
	w.text("PayerAddr", m.PayerAddr)
	w.text("PayerMobile", m.PayerMobile)
	w.text("PayeeAddr", m.PayeeAddr)
	w.text("Amount", m.Amount.Rupees())
	w.text("Curr", "INR")
	w.text("Note", m.Note)
	if m.ExpireAfter > 0 {
		w.text("ExpireAfter", strconv.FormatInt(m.ExpireAfter, 10))
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
	f := open(doc, "RespCollect")
	m := RespCollect{
		MsgID: f.optional("MsgID", messageID), Status: f.form("Status", status), Message: f.text["Message"],
		TxnID: f.optional("TxnID", messageID), Ts: f.time("Ts"),
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

var (
	status        = regexp.MustCompile(`^[A-Z0-9]{2,16}$`)
	collectStatus = regexp.MustCompile(`^(SUCCESS|DECLINED|EXPIRED)$`)
	txnStatus     = regexp.MustCompile(`^(SUCCESS|FAILED|PENDING|REVERSED)$`)
	rrn           = regexp.MustCompile(`^[A-Za-z0-9]{1,35}$`)
)

// ParseReqCollectResult reads a ReqCollectResult. Its error is an *Error of code
// BR, and then the message is the zero value.
func ParseReqCollectResult(doc []byte) (ReqCollectResult, error) {
	f := open(doc, "ReqCollectResult")
	m := ReqCollectResult{
		MsgID:    f.form("MsgID", messageID),
		Ts:       f.time("Ts"),
		OrgID:    f.form("OrgID", messageID),
		OrgTxnID: f.form("OrgTxnID", messageID),
		TxnID:    f.form("TxnID", messageID),
		Status:   f.form("Status", collectStatus),
		Amount:   f.money("Amount"),
	}
	paid := m.Status == CollectSuccess
	m.PayerAddr = f.address("PayerAddr", !paid)
	if paid {
		m.Rrn = f.form("Rrn", rrn)
	} else {
		m.Rrn = f.optional("Rrn", rrn)
	}
	if f.refusal != nil {
		return ReqCollectResult{}, f.refusal
	}
	return m, nil
}

// money reads an amount above nothing: a collect request has no other floor.
func (f *fields) money(name string) protocol.Paise {
	text, ok := f.get(name)
	if !ok {
		return 0
	}
	amount, err := protocol.ParseRupees(text)
	switch {
	case err != nil:
		f.refuse("element " + name + " is not an amount with at most two decimals")
	case amount <= 0:
		f.refuse("element " + name + " is nothing")
	}
	return amount
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
	w := begin("RespCollectResult")
	w.text("MsgID", m.MsgID)
	w.text("Status", m.Status)
	w.text("Message", m.Message)
	w.text("Result", m.Result)
	w.text("TxnID", m.TxnID)
	w.time("Ts", m.Ts)
	return w.end("RespCollectResult")
}
