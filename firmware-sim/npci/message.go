package npci

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// ReqValQr asks whether a QR may be paid. Fields left empty are filled in when
// it is sent: MsgID with a new one, Ts with the time, OrgID with the client's,
// Curr with INR, MCC with 5411.
type ReqValQr struct {
	MsgID     string
	Ts        time.Time
	OrgID     string
	Curr      string
	Amount    protocol.Paise // in hundredths of Curr
	MCC       string
	RefURL    string // base64 of the link or of its query
	PayeeAddr string // optional
	TxnRef    string // optional
}

// RespValQr is its answer.
type RespValQr struct {
	MsgID     string
	Status    string // 00 or the code of the refusal
	Message   string
	VerToken  string
	ExpiresAt time.Time
	Ts        time.Time

	// Of a QR that is paid in another currency: what ReqPay must say, in hundredths
	// of BaseCurr, and what it costs in paise (upi-switch: International, fees).
	BaseAmount protocol.Paise
	BaseCurr   string
	FxRate     string // rupees for one of BaseCurr
	InrAmount  protocol.Paise
}

// ReqPay pays. Fields left empty are filled in when it is sent: MsgID and TxnID
// with new ones, Curr with INR, Timestamp with the time.
type ReqPay struct {
	MsgID     string
	TxnID     string
	VerToken  string
	Amount    protocol.Paise // in hundredths of Curr
	Curr      string
	PayerAddr string
	PayeeAddr string
	Timestamp time.Time
}

// RespPay is its answer. Status 00 with an empty Result is a payment; with
// TIMEOUT, REVERSED or FAILED the message was processed and there is none.
type RespPay struct {
	MsgID            string
	Status           string
	Message          string
	Result           string
	TxnID            string
	SettlementAmount protocol.Paise
	Timestamp        time.Time
}

// Paid reports whether the answer says that the merchant is paid.
func (r RespPay) Paid() bool { return r.Status == "00" && r.Result == "" }

// ReqChkTxn asks how a payment ended. MsgID, Ts and OrgID are filled in like
// ReqValQr's.
type ReqChkTxn struct {
	MsgID    string
	Ts       time.Time
	OrgID    string
	OrgTxnID string // ReqPay's TxnID
}

// RespChkTxn is its answer.
type RespChkTxn struct {
	MsgID            string
	Status           string
	Message          string
	TxnID            string
	TxnStatus        string // SUCCESS, FAILED, PENDING or REVERSED
	Amount           protocol.Paise
	SettlementAmount protocol.Paise
	Rrn              string
	Ts               time.Time
}

// The messages as they are written; the order is the PRD's.
type (
	valQrXML struct {
		XMLName   xml.Name `xml:"ReqValQr"`
		MsgID     string
		Ts        string
		OrgID     string
		Curr      string
		Amount    string
		Mcc       string
		RefUrl    string
		PayeeAddr string `xml:",omitempty"`
		TxnRef    string `xml:",omitempty"`
	}
	payXML struct {
		XMLName   xml.Name `xml:"ReqPay"`
		MsgID     string
		TxnID     string
		VerToken  string
		Amount    string
		Curr      string
		PayerAddr string
		PayeeAddr string
		Timestamp string
	}
	chkTxnXML struct {
		XMLName  xml.Name `xml:"ReqChkTxn"`
		MsgID    string
		Ts       string
		OrgID    string
		OrgTxnID string
	}
)

// answerXML is every answer as it is read. Slices show what is there twice.
type answerXML struct {
	XMLName                                         xml.Name
	MsgID, Status, Message, VerToken, Result        []string
	TxnID, TxnStatus, Amount, SettlementAmount, Rrn []string
	ExpiresAt, Ts, Timestamp                        []string
	BaseAmount, BaseCurr, FxRate, InrAmount         []string
}

// codes is every status that an answer may have (PRD 6, upi-switch) with the
// HTTP status that goes with it.
var codes = map[string]int{
	"00": 200, "BR": 400, "ZF": 200, "ZD": 200, "ZQ": 200, "ZR": 200, "YH": 200, "PE": 200,
	"X7": 200, "ZE": 200, "IP05": 200, "IP08": 200, "IP10": 200, "96": 500,
}

// answer reads one answer and keeps the first thing that is wrong with it.
type answer struct {
	xml answerXML
	err error
}

func readAnswer(dialect Dialect, doc []byte, httpStatus int, root, msgID string) *answer {
	a := &answer{}
	var npci npciAnswerXML
	into := any(&a.xml)
	if dialect == DialectNPCI {
		into = &npci
	}
	if err := xml.Unmarshal(doc, into); err != nil {
		a.fail("it is not XML: " + err.Error())
		return a
	}
	if dialect == DialectNPCI {
		npci.read(a)
	}
	status := one(a, "Status", a.xml.Status)
	want, known := codes[status]
	switch {
	case a.xml.XMLName.Local != root || a.xml.XMLName.Space != "":
		a.fail("it is a " + a.xml.XMLName.Local + ", not a " + root)
	case !known:
		a.fail(fmt.Sprintf("status %q is not a code", status))
	case httpStatus != want:
		a.fail(fmt.Sprintf("status %s came with HTTP %d", status, httpStatus))
	}
	// A message that could not be read is answered without its id.
	if got := one(a, "MsgID", a.xml.MsgID); got != msgID && (got != "" || status != "BR") {
		a.fail(fmt.Sprintf("it answers message %q, not %q", got, msgID))
	}
	return a
}

func (a *answer) fail(why string) {
	if a.err == nil {
		a.err = fmt.Errorf("%w: %s", ErrAnswer, why)
	}
}

// one returns the text of an element that may be there once, or "".
func one(a *answer, name string, texts []string) string {
	if len(texts) > 1 {
		a.fail(name + " is there twice")
	}
	if len(texts) == 0 {
		return ""
	}
	return texts[0]
}

func (a *answer) time(name string, texts []string) time.Time {
	text := one(a, name, texts)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		a.fail(name + " is not a time")
	}
	return t.UTC()
}

func (a *answer) rupees(name string, texts []string) protocol.Paise {
	text := one(a, name, texts)
	if text == "" {
		return 0
	}
	p, err := protocol.ParseRupees(text)
	if err != nil {
		a.fail(name + " is not rupees")
	}
	return p
}

func (a *answer) oneOf(name, text string, allowed ...string) {
	if !slices.Contains(allowed, text) {
		a.fail(fmt.Sprintf("%s is %q", name, text))
	}
}

// ErrAnswer is what every error about an answer that came, but is not one,
// wraps.
var ErrAnswer = errors.New("not an answer of the controller")
