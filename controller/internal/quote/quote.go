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
	Amount    protocol.Paise
	Currency  string
	MCC       string
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero until the token is spent
	UsedBy    string    // TxnID that spent it

	// RequestHash and ResponseHash are the SHA-256 of the XML (PRD 5.1 step 16).
	RequestHash  [sha256.Size]byte
	ResponseHash [sha256.Size]byte
}

// Expired reports whether the token is over at now: the boundary instant is
// expired (upi-switch: The QR and the payee).
func (q Quote) Expired(now time.Time) bool { return !now.Before(q.ExpiresAt) }

// Used reports whether the token was spent.
func (q Quote) Used() bool { return !q.UsedAt.IsZero() }

// Settlement is what the merchant gets of amount after a fee in basis points
// (1/100 of a percent): the fee is rounded half up to the paisa and never above
// the amount. 1000.00 at 50 basis points settles 995.00 (PRD 8.4).
func Settlement(amount protocol.Paise, feeBasisPoints int64) protocol.Paise {
	if feeBasisPoints <= 0 || amount <= 0 {
		return amount
	}
	whole, rest := int64(amount)/10_000, int64(amount)%10_000
	fee := whole*feeBasisPoints + (rest*feeBasisPoints+5_000)/10_000
	if fee > int64(amount) {
		return 0
	}
	return amount - protocol.Paise(fee)
}
