// Package quote is what one ReqValQr promised and how it is honoured: the
// token, the limit and the fee (upi-switch; PRD 4.2, 5.1). It is pure.
package quote

import (
	"crypto/sha256"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Limits of a Dynamic QR (PRD 1; upi-switch: Order of checks).
const (
	// LimitPaise is the most that one Dynamic QR may ask for: 8000 rupees.
	LimitPaise protocol.Paise = 800_000
	// MinPaise is the least: one rupee.
	MinPaise protocol.Paise = 100
	// Validity is how long a token lives at most, and a QR too.
	Validity = 30 * time.Minute
	// Hold is how long a live token keeps a newer sale from replacing the
	// payment (DESIGN section 3.2, Superseded).
	Hold = 60 * time.Second
)

// Quote is one validated QR; table qr_validations. Its key is the token.
type Quote struct {
	Token     string // UUID v4
	OrgID     string
	MsgID     string
	PaymentID string // "" for a QR made elsewhere, until it is paid
	Payee     protocol.VPA
	// Amount is what the merchant's side counts in; Base is what the customer
	// was quoted, in hundredths of Currency. In rupees the two are the same.
	Amount    protocol.Paise
	Base      int64
	Currency  string // ISO 4217
	Rate      Rate   // of an international quote, the zero Rate of a domestic one
	MCC       string // as the message says it, for information
	NetInstID string // ours in the network (PRD 7.1, DYNAMIC_NET_INST_ID)
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero until the token is spent
	UsedBy    string    // TxnID that spent it

	// RiskScore is 0 to 100 and RiskReasons says what made it. They are written
	// by the additional processing of PRD 5.1 step 21, whose end ProcessedAt is.
	RiskScore   int64
	RiskReasons string
	ProcessedAt time.Time // zero until then

	// Seq counts the quote's events; Hash is the last one's.
	Seq  int64
	Hash [sha256.Size]byte

	// RequestHash and ResponseHash are the SHA-256 of the XML (PRD 5.1 step 16).
	RequestHash  [sha256.Size]byte
	ResponseHash [sha256.Size]byte
}

// Promise is what a ReqPay has to know of a quote before it is decided, all of it
// for ever as it was promised: to whom, and for how much.
type Promise struct {
	Token  string // "" where there is no such quote
	OrgID  string
	Amount protocol.Paise
}

// INR is the currency of merchants.
const INR = "INR"

// Type is the PRD's validation_type (PRD 5.1 step 7).
func (q Quote) Type() string {
	if q.Currency == INR {
		return "DOMESTIC"
	}
	return "INTERNATIONAL"
}

// Expired reports whether the token is over at now: the boundary instant is
// expired (upi-switch: The QR and the payee).
func (q Quote) Expired(now time.Time) bool { return !now.Before(q.ExpiresAt) }

// Used reports whether the token was spent.
func (q Quote) Used() bool { return !q.UsedAt.IsZero() }
