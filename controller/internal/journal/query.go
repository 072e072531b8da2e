package journal

import (
	"time"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// PaymentQuery asks for payments of a merchant, oldest first, or newest first.
// Empty fields do not narrow it.
type PaymentQuery struct {
	MerchantID    string // "" asks for everybody's: the administration's alone
	StoreID       string
	TerminalID    string
	TransactionID string // the merchant's id
	Reference     string // UTR or RRN
	Original      string // refunds of this payment
	State         payment.State
	Amount        protocol.Paise
	// Since and Until bound the creation: from Since on, before Until.
	Since, Until time.Time
	// After goes on behind a row: its time and our id.
	AfterTime time.Time
	AfterID   string
	Newest    bool // newest first
	Limit     int  // at most 200
}
