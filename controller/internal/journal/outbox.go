package journal

import "time"

// The states of a row of the callback outbox. Values are in the database.
const (
	CallbackPending   = "pending"
	CallbackDelivered = "delivered"
	CallbackDead      = "dead"
	// CallbackNone is a notice without a URL: nobody sends it and it never ends,
	// but it is in its merchant's feed.
	CallbackNone = "none"
)

// CallbackFilter says which rows of the outbox may be taken just now. Its zero
// value passes all.
type CallbackFilter struct {
	SkipMerchants []string
	SkipLanes     []string
	OnlyLanes     []string // when not empty, no other lane
}

// CallbackDelivery is a leased row of the outbox: one attempt that must be sent
// or recorded.
type CallbackDelivery struct {
	EventID    string
	PaymentID  string
	MerchantID string
	Lane       string // one text for one destination of one merchant
	URL        string
	Method     string
	Attempt    int       // 1 on the first
	LeasedAt   time.Time // the database's time, the start of this attempt
	// Age is LeasedAt less the start of the first attempt since the notice was
	// made or last resent.
	Age time.Duration
	// Resent is how many attempts had been made when it was last resent.
	Resent int
}

// CallbackOutcome is what came of one attempt.
type CallbackOutcome struct {
	EventID string
	Attempt int
	// State is the row's next: delivered, dead, or pending after Next.
	State      string
	Next       time.Duration
	Result     string
	HTTPStatus int // 0 without an answer
	Error      string
	Took       time.Duration
}
