package journal

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// BatchID names one try to save a batch. It is never used again.
type BatchID [16]byte

// NewBatchID draws one: a UUID of version 7, which begins with the time, so that
// the ids of an hour stand together in an index. What follows is random.
func NewBatchID() BatchID { return BatchID(uuid.Must(uuid.NewV7())) }

// Resolved is what references lead to. What is not there leads nowhere.
type Resolved struct {
	// Tokens says which payment a quote is for; "" for a QR made elsewhere.
	Tokens map[string]string
	// Keys says which payment has a merchant's key.
	Keys map[payment.Key]string
	// Short says which payment a short order stands for.
	Short map[decide.ShortKey]string
	// Terminals says which terminal a payment is for, by the payment's id: of
	// the payments asked for and of those that the others led to. A payment
	// without one is not in it.
	Terminals map[string]protocol.Identity
}

// NewResolved makes an empty one.
func NewResolved() Resolved {
	return Resolved{
		Tokens: map[string]string{}, Keys: map[payment.Key]string{}, Terminals: map[string]protocol.Identity{},
		Short: map[decide.ShortKey]string{},
	}
}

// Storage loads and saves what decisions name. Methods are in the order of a
// batch's life. Both storages pass storagetest.
type Storage interface {
	// Resolve follows references, without locks: tokens, keys and short orders
	// to payments, payments to terminals. Other needs are of no account.
	Resolve(ctx context.Context, needs decide.Needs) (Resolved, error)

	// Apply runs one batch in one database transaction: it locks and loads the
	// needs in the order terminals, payments (with those of the keys, and those
	// that a locked terminal names as its sale or as waiting), quotes, short
	// orders, credits, ReqPays, each in key order; reads the clock once all locks are held; calls run exactly
	// once; saves its changes and the batch's id; and commits. Where run returns
	// an error, or changes that are Empty, nothing is saved; the error is
	// returned as it is.
	//
	// needs are sorted and without repeats. Other errors wrap ErrAgain,
	// ErrLocked, ErrAway or ErrCommitUnknown where those say what happened. In
	// every case but ErrCommitUnknown nothing was saved.
	Apply(ctx context.Context, batch BatchID, needs decide.Needs, run func(decide.Snapshot) (decide.Changes, error)) error

	// Committed finds out whether an Apply that ended in ErrCommitUnknown has
	// committed. It inserts the batch's id again, on a new connection: a
	// conflict says that it has; success says that it has not and never will.
	// It waits for a commit that is still under way.
	Committed(ctx context.Context, batch BatchID) (bool, error)

	// Tidy does what must be done now and then: it forgets the ids of batches
	// that are an hour old, and makes room for the months to come.
	Tidy(ctx context.Context) error
}

// What a Storage says of a failed Apply.
var (
	// ErrAgain: another transaction got in between (a key was taken, a
	// deadlock, a serialization failure). The same batch may pass if run again.
	ErrAgain = errors.New("another transaction was first")
	// ErrLocked: somebody else keeps a row locked for longer than a batch waits.
	ErrLocked = errors.New("a row is locked by somebody else")
	// ErrAway: the database cannot be reached, and nothing was committed.
	ErrAway = errors.New("the database cannot be reached")
	// ErrCommitUnknown: the connection was lost between commit and its answer.
	ErrCommitUnknown = errors.New("the database did not answer the commit")
)

// What readers of a storage may get.
var (
	// ErrNotFound: there is no such row, or it is another merchant's.
	ErrNotFound = errors.New("not found")
	// ErrText: a text holds a NUL byte or is not UTF-8, which no storage keeps.
	ErrText = errors.New("text holds a NUL byte or is not UTF-8")
)

// Due is what the sweeper finds to do.
type Due struct {
	// Payments are past their time and unpaid, by our id.
	Payments []string
	// Attempts are payments that a customer began, to be looked after now.
	Attempts []string
	// Holds are messages whose merchant was waited for, a second after their
	// time: the door that holds one answers it itself.
	Holds []decide.Hold
	// Terminals have sales waiting that may now take the place of the one that
	// they show: it has ended, is parked, or nobody holds it any more.
	Terminals []protocol.Identity
	// Next is how long until the next of these falls due, above 0, where
	// HasNext is set.
	Next    time.Duration
	HasNext bool
}
