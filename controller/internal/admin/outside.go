package admin

import (
	"context"
	"fmt"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

// CallbackLog is the outbox of notices to merchants.
type CallbackLog interface {
	// Callbacks lists notices, oldest first.
	Callbacks(ctx context.Context, q journal.CallbackQuery) ([]journal.CallbackRow, error)
	// CallbackAttempts is the delivery log of a notice.
	CallbackAttempts(ctx context.Context, eventID string) ([]journal.CallbackAttempt, error)
	// ResendCallbacks makes notices due again, whatever became of them, and
	// returns how many.
	ResendCallbacks(ctx context.Context, q journal.CallbackQuery) (int, error)
}

// Enrolment lets a device become a terminal, once. An error that the caller is
// to see is NotFound's or Conflict's.
type Enrolment interface {
	// NewCode makes a code that one device may enrol with as the terminal.
	NewCode(ctx context.Context, id protocol.Identity, actor string) (code string, expires time.Time, err error)
	// Unenrol makes the terminal's credentials worth nothing.
	Unenrol(ctx context.Context, id protocol.Identity, actor string) error
}

// SigningKey is an online signing key as it is shown: never its private half.
type SigningKey struct {
	ID          string    `json:"id"`
	State       string    `json:"state"`
	PublicKey   string    `json:"publicKey"`
	CreatedAt   time.Time `json:"createdAt"`
	ActivatedAt time.Time `json:"activatedAt,omitzero"`
	RetiredAt   time.Time `json:"retiredAt,omitzero"`
}

// SigningKeys are the controller's online keys. An error that the caller is to
// see is NotFound's or Conflict's.
type SigningKeys interface {
	List(ctx context.Context) ([]SigningKey, error)
	// Create makes the key that comes next.
	Create(ctx context.Context, actor string) (SigningKey, error)
	// Rotate makes the next key the one that signs; with force at once, whether
	// all terminals know it or not.
	Rotate(ctx context.Context, actor string, force bool) (SigningKey, error)
	// Retire makes a key worth nothing; with force also one that was in use a
	// moment ago.
	Retire(ctx context.Context, id, actor string, force bool) (SigningKey, error)
}

// Payment is a payment as it is shown. Addresses of payers are masked by whoever
// makes it.
type Payment struct {
	ID                    string         `json:"id"`
	MerchantID            string         `json:"merchantId"`
	MerchantTransactionID string         `json:"merchantTransactionId"`
	StoreID               string         `json:"storeId,omitempty"`
	TerminalID            string         `json:"terminalId,omitempty"`
	OrderID               string         `json:"orderId,omitempty"`
	AmountPaise           int64          `json:"amountPaise"`
	Solution              string         `json:"solution"`
	State                 string         `json:"state"`
	Reason                string         `json:"reason,omitempty"`
	Payer                 string         `json:"payer,omitempty"`
	Reference             string         `json:"reference,omitempty"`
	CreatedAt             time.Time      `json:"createdAt"`
	ExpiresAt             time.Time      `json:"expiresAt"`
	EndedAt               time.Time      `json:"endedAt,omitzero"`
	Events                []PaymentEvent `json:"events,omitempty"` // not in a list
	// ArchivedBefore is set where events before that time were detached (serve's
	// --retention), so that Events does not begin with the first.
	ArchivedBefore *time.Time `json:"archivedBefore,omitempty"`
}

// PaymentEvent is what happened to a payment.
type PaymentEvent struct {
	Seq    int64     `json:"seq"`
	At     time.Time `json:"at"`
	Event  string    `json:"event"`
	From   string    `json:"from"`
	To     string    `json:"to"`
	Actor  string    `json:"actor"`
	Reason string    `json:"reason,omitempty"`
}

// PaymentQuery asks for payments, in the order of their ids. Each field that is
// not its zero value narrows it.
type PaymentQuery struct {
	MerchantID string
	State      string
	After      string // a payment's id
	Limit      int
}

// Evidence settles a payment whose attempt never ended (DESIGN 3.2, Resolved).
type Evidence struct {
	Paid bool `json:"paid"`
	// Reference is the network's, such as the RRN; it must be there where Paid is.
	Reference string `json:"reference"`
	// Source is who said so.
	Source string `json:"source"`
	Note   string `json:"note"`
}

// Check says what is wrong with evidence, or nil.
func (e Evidence) Check() error {
	var c checks
	c.that(!e.Paid || e.Reference != "", "reference", "must be the network's reference of the payment")
	c.that(printable(e.Reference, 64), "reference", "must be at most 64 printable characters")
	c.that(e.Source != "" && printable(e.Source, maxName), "source", fmt.Sprintf("must say who gave the evidence, in 1 to %d printable characters", maxName))
	c.that(printable(e.Note, 500), "note", "must be at most 500 printable characters")
	return c.err
}

// Payments are the payments. An error that the caller is to see is NotFound's or
// Conflict's; journal.ErrNotFound is known too.
type Payments interface {
	// Show is a payment with its events, by our id.
	Show(ctx context.Context, id string) (Payment, error)
	List(ctx context.Context, q PaymentQuery) ([]Payment, error)
	// Resolve settles a payment by evidence, which is checked before.
	Resolve(ctx context.Context, id string, e Evidence, actor string) (Payment, error)
}
