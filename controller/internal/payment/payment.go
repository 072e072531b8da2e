// Package payment is the heart: what a payment is, and the one table of how it
// moves (DESIGN section 3.2). It is pure: no I/O, no clock, no randomness; time
// and ids come in as arguments.
//
// Only package decide moves payments. Everyone else reads them.
package payment

import (
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Key is what the merchant calls a payment. It is unique for ever
// (phonepe-api: Wire rules).
type Key struct {
	MerchantID    string
	TransactionID string // the API's merchantTransactionId
}

// Solution is the product that asked for the payment.
type Solution string

// The solutions. Values are in the database: never change one.
const (
	DQRDevice Solution = "DQR_DEVICE" // a Dynamic-QR display
	EDC       Solution = "EDC"        // an EDC terminal
	ForeignQR Solution = "QR"         // a QR made elsewhere that names our merchant
)

// Payment is one attempt to be paid; table transactions.
type Payment struct {
	// ID is ours: the API's phonepeTransactionId, and the QR's tr.
	ID string
	Key
	StoreID    string
	TerminalID string // empty until an OPEN order is claimed
	OrderID    string // the POS's word; may repeat
	Amount     protocol.Paise
	Solution   Solution
	// Open is an EDC order that any terminal of the store may pull.
	Open bool

	State  State
	Reason string // why it ended, a Reason; empty while pending and on success
	// CancelAsked: a cancel came while the customer was paying.
	CancelAsked bool
	// Attempted: PayStarted happened. The QR is dead for ever.
	Attempted bool

	Payee protocol.VPA
	QR    string // the signed upi://pay link, character for character

	CreatedAt time.Time // all times are the database's
	ExpiresAt time.Time
	EndedAt   time.Time // zero while pending
	// HoldUntil: a customer held a token for this payment, so that no newer
	// sale may replace it before then (60 s at most, once).
	HoldUntil time.Time

	Payer      protocol.VPA
	Reference  string // UTR, on success
	UPITxnID   string // the network's TxnID of the attempt
	Settlement protocol.Paise

	CallbackURL  string
	CallbackMode string // HTTP method of the callback
	// Signer and SignerIndex name the salt key that signed the init; the
	// callback is signed with the same.
	Signer      string
	SignerIndex string

	// Seq counts the payment's events; Hash is the last one's.
	Seq  int64
	Hash Hash
}

// Identity is the terminal that the payment is for; ok is false where there is
// none (a foreign QR, an OPEN order that nobody has claimed).
func (p Payment) Identity() (id protocol.Identity, ok bool) {
	if p.TerminalID == "" {
		return protocol.Identity{}, false
	}
	return protocol.Identity{MerchantID: p.MerchantID, StoreID: p.StoreID, TerminalID: p.TerminalID}, true
}

// Reasons why a payment ended without success; the API's responseCode
// (phonepe-api: Status data). The same words stand on the device and in the docs.
const (
	ReasonRejectedByCashier   = "REJECTED_BY_CASHIER"
	ReasonHandoverTimeout     = "HANDOVER_TIMEOUT"
	ReasonQRExpired           = "QR_EXPIRED"
	ReasonCancelledByMerchant = "CANCELLED_BY_MERCHANT"
	ReasonSuperseded          = "SUPERSEDED"
	ReasonCardDeclined        = "CARD_DECLINED"
	ReasonTerminalRefused     = "TERMINAL_REFUSED"
	// ReasonUPIPrefix is followed by the UPI code, like UPI:IP08.
	ReasonUPIPrefix = "UPI:"
)
