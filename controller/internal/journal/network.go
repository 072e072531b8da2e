package journal

import (
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
)

// The states of a row of the network outbox. Values are in the database.
const (
	NetworkPending = "pending" // to be sent, now or later
	NetworkDone    = "done"    // the network has answered all that it will, or it is not needed any more; final
	NetworkDead    = "dead"    // given up: somebody has to look at it
)

// NetworkDelivery is a leased row of the network outbox: one attempt that must
// be sent or recorded.
type NetworkDelivery struct {
	decide.NetworkRequest
	Attempt int // 1 on the first
	// LeasedAt is the database's time, the start of this attempt.
	LeasedAt time.Time
}

// Age is how long ago the row was made.
func (d NetworkDelivery) Age() time.Duration { return d.LeasedAt.Sub(d.At) }

// NetworkOutcome is what came of one attempt.
type NetworkOutcome struct {
	ID      string
	Attempt int
	// State is the row's next: done, dead, or pending after Next.
	State string
	Next  time.Duration
	Error string // one line of printable text for the operator; "" when done
}

// NetworkQueue is how the network outbox stands.
type NetworkQueue struct {
	// Pending rows are to be sent, now or later; Dead ones were given up. Neither
	// is counted above MaxNetworkQueue.
	Pending, Dead int
	// Oldest is how long the row is overdue that has been due for longest and is
	// not being sent; 0 if none is due.
	Oldest time.Duration
}

// MaxNetworkQueue is where a NetworkQueue stops counting.
const MaxNetworkQueue = 100_000
