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
	QRString  Solution = "QR_STRING"  // a QR whose text the POS draws itself (v3 QR init)
	Collect   Solution = "COLLECT"    // a request sent to the customer's UPI app (v3 charge)
	// Refund is money going back. It is the same walk: a key of the same space,
	// one chain of events, final once; so it is kept as a payment is. Original
	// says whose money.
	Refund Solution = "REFUND"
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

	// Open is an EDC order that any terminal of the store may pull by its
	// ShortOrderID, 4 to 8 digits.
	Open         bool
	ShortOrderID string
	// AllowCard and AllowDQR are the paymentModes of an EDC request.
	AllowCard, AllowDQR bool
	// AutoAccept skips the cashier's prompt; Accepted: the cashier said yes.
	AutoAccept, Accepted bool

	// ContextTerminal, SubMerchantID and Message are what a v3 request says of
	// itself; no terminal is asked to do anything with them.
	ContextTerminal, SubMerchantID, Message string
	// CollectFrom is the VPA or mobile number that a collect request goes to,
	// CollectBy which of the two it is: VPA or MOBILE.
	CollectBy   string
	CollectFrom protocol.VPA
	// Original is the payment that a refund gives back, by our id; Refunded is
	// how much of this payment is promised or given back.
	Original string
	Refunded protocol.Paise

	State  State
	Reason string // why it ended, a Reason; empty while pending and on success
	// CancelAsked: a cancel came while the customer was paying.
	CancelAsked bool
	// Attempted: PayStarted happened. The QR is dead for ever.
	Attempted bool

	Payee protocol.VPA
	QR    string // the signed upi://pay link, character for character

	CreatedAt time.Time // all times are the database's
	// ExpiresAt is when the present wait ends: for an EDC request that nobody
	// has taken, the end of its handover time; once taken, of the terminal's
	// payment window. An order that goes back to the pool waits until
	// HandoverBy again.
	ExpiresAt    time.Time
	HandoverBy   time.Time // EDC only
	HandedOverAt time.Time // zero while no terminal has it
	StartedAt    time.Time // the customer began to pay
	// AttendAt is when a payment that the customer began is looked at next:
	// ask the network, free the terminal, park it. Zero otherwise.
	AttendAt time.Time
	// AskedAt: the network was asked once more at a collect request's end.
	AskedAt time.Time
	EndedAt time.Time // zero while pending
	// HoldUntil: a customer held a token for this payment, so that no newer
	// sale may replace it before then (60 s at most, once).
	HoldUntil time.Time

	// Instrument is what is presented or was paid with: CARD or DQR.
	Instrument protocol.PayMode
	// What the card machine says of an approved card.
	CardLast4, CardNetwork, CardType string

	Payer      protocol.VPA
	Reference  string // UTR, or the card's RRN, on success
	UPITxnID   string // the network's TxnID of the attempt
	Settlement protocol.Paise

	CallbackURL  string
	CallbackMode string // HTTP method of the callback
	// Signer and SignerIndex name the salt key that signed the init; the
	// callback is signed with the same.
	Signer      string
	SignerIndex string

	// Trace is the W3C traceparent of the request that made it, so that what
	// happens later is told in the same trace; "" where nothing is traced.
	Trace string

	// Seq counts the payment's events; Hash is the last one's.
	Seq  int64
	Hash Hash
}

// Window is how long the customer has from the handover on where the terminal
// has no setting of its own.
const Window = 180 * time.Second

// What happens to a payment that the customer began and nobody can say the end
// of (DESIGN section 3.2, PayUnknown; failure matrix R13, R14, I14).
const (
	// ParkAfter is when the payment is parked and an alarm raised.
	ParkAfter = 30 * time.Minute
	// AskGrace is how long a collect request waits at its end for the network's
	// last word.
	AskGrace = 10 * time.Second
)

// Asks are when the network is asked, counted from the attempt: not before 90 s,
// at most three times in two hours. At the first the terminal is freed.
func Asks() []time.Duration {
	return []time.Duration{90 * time.Second, 5 * time.Minute, 20 * time.Minute}
}

// Identity is the terminal that the payment is for; ok is false where there is
// none (a foreign QR, an OPEN order that nobody has claimed).
func (p Payment) Identity() (id protocol.Identity, ok bool) {
	if p.TerminalID == "" || p.Solution != DQRDevice && p.Solution != EDC {
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
	ReasonAmountDiffers       = "AMOUNT_DIFFERS"
	ReasonCollectDeclined     = "COLLECT_DECLINED"
	ReasonCollectExpired      = "COLLECT_EXPIRED"
	ReasonResolvedUnpaid      = "RESOLVED_UNPAID"
	// ReasonUPIPrefix is followed by the UPI code, like UPI:IP08.
	ReasonUPIPrefix = "UPI:"
)
