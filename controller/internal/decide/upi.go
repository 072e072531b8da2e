package decide

import (
	"time"

	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// Code is a UPI answer code in the PRD's meaning (upi-switch: Code meanings).
type Code string

// The codes that decisions give. Values are on the wire: never change one.
// BR, ZF and 96 belong to the door.
const (
	CodeOK            Code = "00"
	CodeDuplicate     Code = "ZD" // message, transaction or token used before; payment already attempted
	CodeNoQR          Code = "ZQ" // not a dynamic QR of ours, or not as we made it
	CodeNoMerchant    Code = "ZR"
	CodeMerchant      Code = "YH" // merchant inactive, or its encryption check fails
	CodeExpired       Code = "PE"
	CodeLimit         Code = "X7" // above 8000 rupees
	CodeToken         Code = "ZE" // unknown token, or not what was quoted
	CodeAcquirer05    Code = "IP05"
	CodeAcquirer08    Code = "IP08"
	CodeAcquirer10    Code = "IP10"
	CodeBadSignature  Code = "ZF"
	CodeBadRequest    Code = "BR"
	CodeInternalError Code = "96"
)

// Codes lists every code with its meaning and HTTP status, in the order of
// PRD 3.5 and 6. It is the one table of this vocabulary.
//
// Official is what NPCI's public lists of codes mean by the same letters, or by
// which others they say what is meant here; "" where nothing of the kind is known.
// Nothing is decided by it: it keeps a reader of those lists from taking one for
// the other (upi-switch: Code meanings).
var Codes = []struct {
	Code       Code
	HTTPStatus int
	Meaning    string
	Official   string
}{
	{CodeOK, 200, "Success", "Approved or completed successfully"},
	{CodeBadRequest, 400, "Message is not well-formed or not complete", "Mobile number registered with several customer ids; a wrong form is U05"},
	{CodeBadSignature, 200, "Signature invalid", ""},
	{CodeDuplicate, 200, "Duplicate transaction", "Validation error; a duplicate is U01"},
	{CodeNoQR, 200, "QR lookup failure", ""},
	{CodeNoMerchant, 200, "Merchant lookup failure", "OTP invalid or incorrect; an invalid merchant is ZB or X6"},
	{CodeMerchant, 200, "Merchant error", "A merchant error is YG"},
	{CodeExpired, 200, "Payment expired error", ""},
	{CodeLimit, 200, "Amount exceeds limit", "Merchant not reachable; an amount above a cap is U02"},
	{CodeToken, 200, "Token not found", "Transaction not permitted to the VPA"},
	{CodeAcquirer05, 200, "Acquirer declined: do not honour", "Do not honour is YC or YD"},
	{CodeAcquirer08, 200, "Acquirer declined by the payer's bank", ""},
	{CodeAcquirer10, 200, "Acquirer could not process", ""},
	{CodeInternalError, 500, "System error", "Reversal failure; a system exception is U08"},
}

// Meaning is the code's sentence.
func (c Code) Meaning() string {
	for _, row := range Codes {
		if row.Code == c {
			return row.Meaning
		}
	}
	return ""
}

// HTTPStatus is the code's HTTP status.
func (c Code) HTTPStatus() int {
	for _, row := range Codes {
		if row.Code == c {
			return row.HTTPStatus
		}
	}
	return 500
}

// PayeeFacts is what the directory knows of the payee that a message names;
// Found is false where nobody has that VPA.
type PayeeFacts struct {
	Found    bool
	Payee    merchant.Payee
	Merchant merchant.Merchant
	Fee      quote.Fee
}

// FactsOf looks a payee up, with the fee that its payments are settled at.
func FactsOf(dir *merchant.Directory, vpa protocol.VPA) PayeeFacts {
	p, ok := dir.Payee(vpa)
	if !ok {
		return PayeeFacts{}
	}
	m, ok := dir.Merchant(p.MerchantID)
	f := PayeeFacts{Found: ok, Payee: p, Merchant: m, Fee: quote.Fee{BasisPoints: p.FeeBasisPoints}}
	if r, scheduled := dir.FeeRule(m.ID, m.MCC); scheduled {
		f.Fee = quote.Fee{BasisPoints: r.BasisPoints, Min: r.Min, Cap: r.Cap, Rounding: quote.Rounding(r.Rounding)}
	}
	return f
}

// active reports whether the payee may be paid.
func (f PayeeFacts) active() bool { return f.Found && f.Payee.Active && f.Merchant.Active }

// QR is what a RefUrl said, as the door read it.
type QR struct {
	// NotDynamic: its mode is not 16.
	NotDynamic bool
	// Tr ties it to a payment of ours; "" for a QR made elsewhere.
	Tr string
	// SignBad: it is signed, and not by us.
	SignBad   bool
	Amount    protocol.Paise // am; 0 where it has none
	ExpiresAt time.Time      // QRexpire; zero where it has none
}
