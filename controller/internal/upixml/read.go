package upixml

import (
	"regexp"
	"time"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/upiuri"
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
	MCC       string         // four digits; informational
	RefURL    string         // readable by ParseRefUrl, though perhaps not a dynamic QR
	PayeeAddr string         // optional
	TxnRef    string         // optional
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
}

// ReqChkTxn asks how a ReqPay ended (upi-switch: Messages).
type ReqChkTxn struct {
	MsgID    string
	Ts       time.Time
	OrgID    string
	OrgTxnID string // ReqPay's TxnID
}

// The forms of the fields. Ids are wider than NPCI's 35 letters, so that no
// sender fails for its own numbering.
var (
	messageID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	txnRef    = regexp.MustCompile(`^[A-Za-z0-9._-]{1,35}$`)
	currency  = regexp.MustCompile(`^[A-Z]{3}$`)
	mcc       = regexp.MustCompile(`^[0-9]{4}$`)
	token     = regexp.MustCompile(`^[!-~]{1,64}$`)
	refURL    = regexp.MustCompile(`^[!-~]+$`) // upiuri bounds what it holds
)

// ParseReqValQr reads a ReqValQr. Its error is an *Error of code BR, and then
// the message is the zero value.
func ParseReqValQr(doc []byte) (ReqValQr, error) {
	f := open(doc, "ReqValQr")
	m := ReqValQr{
		MsgID:     f.form("MsgID", messageID),
		Ts:        f.time("Ts"),
		OrgID:     f.form("OrgID", messageID),
		Curr:      f.form("Curr", currency),
		Amount:    f.amount("Amount"),
		MCC:       f.form("Mcc", mcc),
		RefURL:    f.form("RefUrl", refURL),
		PayeeAddr: f.address("PayeeAddr", true),
		TxnRef:    f.optional("TxnRef", txnRef),
	}
	if f.refusal == nil {
		if _, refusal := parseRefURL(m.RefURL); refusal != nil && refusal.Code == CodeBadRequest {
			f.refuse(refusal.Message)
		}
	}
	if f.refusal != nil {
		return ReqValQr{}, f.refusal
	}
	return m, nil
}

// ParseReqPay reads a ReqPay. Its error is an *Error of code BR, and then the
// message is the zero value.
func ParseReqPay(doc []byte) (ReqPay, error) {
	f := open(doc, "ReqPay")
	m := ReqPay{
		MsgID:     f.form("MsgID", messageID),
		TxnID:     f.form("TxnID", messageID),
		VerToken:  f.form("VerToken", token),
		Amount:    f.amount("Amount"),
		Curr:      f.form("Curr", currency),
		PayerAddr: f.address("PayerAddr", false),
		PayeeAddr: f.address("PayeeAddr", false),
		Timestamp: f.time("Timestamp"),
	}
	if f.refusal != nil {
		return ReqPay{}, f.refusal
	}
	return m, nil
}

// ParseReqChkTxn reads a ReqChkTxn. Its error is an *Error of code BR, and then
// the message is the zero value.
func ParseReqChkTxn(doc []byte) (ReqChkTxn, error) {
	f := open(doc, "ReqChkTxn")
	m := ReqChkTxn{
		MsgID:    f.form("MsgID", messageID),
		Ts:       f.time("Ts"),
		OrgID:    f.form("OrgID", messageID),
		OrgTxnID: f.form("OrgTxnID", messageID),
	}
	if f.refusal != nil {
		return ReqChkTxn{}, f.refusal
	}
	return m, nil
}

// fields reads the fields of one message and keeps the first refusal.
type fields struct {
	document
	refusal *Error
}

func open(doc []byte, root string) *fields {
	found, err := scan(doc)
	if err != nil {
		return &fields{refusal: err.(*Error)} // scan returns nothing else
	}
	f := &fields{document: found}
	if found.root != root {
		f.refuse("the root element is not " + root)
	}
	return f
}

func (f *fields) refuse(message string) {
	if f.refusal != nil {
		return
	}
	f.refusal = bad(message)
	f.refusal.MsgID, f.refusal.TxnID = f.ids()
}

// get returns the text of an element that must be there.
func (f *fields) get(name string) (string, bool) {
	if f.refusal != nil {
		return "", false
	}
	text := f.text[name]
	if text == "" {
		f.refuse("element " + name + " is missing or empty")
		return "", false
	}
	return text, true
}

func (f *fields) form(name string, form *regexp.Regexp) string {
	text, ok := f.get(name)
	if ok && !form.MatchString(text) {
		f.refuse("element " + name + " does not have its form")
	}
	return text
}

// optional takes an empty element for one that is not there.
func (f *fields) optional(name string, form *regexp.Regexp) string {
	if f.text[name] == "" {
		return ""
	}
	return f.form(name, form)
}

func (f *fields) address(name string, optional bool) string {
	if optional && f.text[name] == "" {
		return ""
	}
	text, ok := f.get(name)
	if ok && !upiuri.ValidVPA(text) {
		f.refuse("element " + name + " is not a UPI address")
	}
	return text
}

func (f *fields) amount(name string) protocol.Paise {
	text, ok := f.get(name)
	if !ok {
		return 0
	}
	amount, err := protocol.ParseRupees(text)
	switch {
	case err != nil:
		f.refuse("element " + name + " is not an amount with at most two decimals")
	case amount < MinAmount:
		f.refuse("element " + name + " is below 1.00")
	}
	return amount
}

func (f *fields) time(name string) time.Time {
	text, ok := f.get(name)
	if !ok {
		return time.Time{}
	}
	t, err := upiuri.ParseTime(text)
	if err != nil {
		f.refuse("element " + name + " is not a time like 2026-06-12T10:30:00Z")
	}
	return t
}
