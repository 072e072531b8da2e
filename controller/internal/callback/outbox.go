package callback

import (
	"context"
	"time"
)

// The states of a row of the outbox, as they stand in the database.
const (
	StatePending   = "pending"   // to be sent, now or later
	StateDelivered = "delivered" // a 2xx came; final
	StateDead      = "dead"      // given up; final until sent again by hand
	StateNone      = "none"      // there is no URL: never sent
)

// Outbox is the table of callbacks. Its clock is the database's: every
// duration below counts from that clock's now, read inside the call. The
// types hold plain fields only, so that a storage's own types convert.
type Outbox interface {
	// Lease takes rows to send: pending, due, not leased by anybody (or by a
	// lease that has run out), not locked by another transaction, and passed
	// by ask.Filter. At most ask.Limit rows, and at most one a merchant: its
	// earliest due, ties by event id. Merchants come earliest due first.
	//
	// Before it returns it has committed, for each row: leased until
	// now+ask.Lease, attempts one higher, and the attempt's own record with
	// that number and its start. On an error nothing is leased, or what was
	// leased comes free when the lease runs out.
	Lease(ctx context.Context, ask Ask) ([]Delivery, error)

	// Record writes down what came of attempts, all or none, and ends their
	// leases. Each outcome completes the record of its attempt. The row moves
	//   - to delivered, from pending or dead, whatever attempt it was of;
	//   - to pending again, due at now+Next, or to dead, only from pending
	//     and only if Attempt is the row's latest: the outcome of a sender
	//     that was overtaken moves nothing.
	// An unknown event or attempt is no error and changes nothing.
	Record(ctx context.Context, outcomes []Outcome) error

	// NextDue says how long until the earliest pending row that filter passes
	// could be leased (the later of its due time and the end of its lease);
	// 0 if it could be now. False if there is no such row.
	NextDue(ctx context.Context, filter Filter) (time.Duration, bool, error)

	// Expire gives up rows that no longer get their turn because their lane is
	// dead: those of lanes that are pending, not leased, and first attempted
	// more than age ago become dead. It returns how many.
	Expire(ctx context.Context, lanes []string, age time.Duration) (int, error)
}

// Ask is what Lease is asked for.
type Ask struct {
	// Limit is at least 1.
	Limit int
	// Lease is how long the rows are ours.
	Lease time.Duration
	Filter
}

// Filter says which rows can be taken just now. Its zero value passes all.
type Filter struct {
	// SkipMerchants and SkipLanes have no free place.
	SkipMerchants []string
	SkipLanes     []string
	// OnlyLanes, when not empty, passes no other lane.
	OnlyLanes []string
}

// Delivery is one leased row: one attempt that must be sent or recorded.
type Delivery struct {
	// EventID is of [A-Za-z0-9_-] and stays the same over all attempts.
	EventID    string
	PaymentID  string
	MerchantID string
	// Lane is written with the row and not looked into here: one text for one
	// destination of one merchant, such as "MERCHANT1 pos.example.in:443".
	Lane string
	URL  string
	// Method is POST or PUT; empty means POST.
	Method string
	// Attempt is 1 on the first.
	Attempt int
	// LeasedAt is the database's time of the lease, the start of this attempt.
	LeasedAt time.Time
	// Age is LeasedAt less the start of the first attempt since the row was made
	// or last resent; 0 on that one.
	Age time.Duration
	// Resent is how many attempts had been made when the row was last resent: the
	// schedule counts from there, while Attempt and the log go on.
	Resent int
}

// Outcome is what came of one attempt.
type Outcome struct {
	EventID string
	Attempt int
	// State is the row's next: delivered, dead, or pending after Next.
	State string
	Next  time.Duration
	// Result is one of Results.
	Result string
	// HTTPStatus is 0 when there was no answer.
	HTTPStatus int
	// Error is empty when delivered: one line of printable text, at most
	// MaxError bytes, without the URL. It is for the operator.
	Error string
	// Took is the length of the attempt.
	Took time.Duration
}
