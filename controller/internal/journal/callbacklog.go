package journal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/galla-pay/galla/protocol"
)

// How many callbacks one question takes.
const (
	DefaultCallbacks = 100
	MaxCallbacks     = 1000
)

// ErrCallbackQuery: a CallbackQuery or a cursor cannot be understood. The text
// says what is wrong, in words for whoever asked.
var ErrCallbackQuery = errors.New("bad callback query")

// CallbackQuery names callbacks of the outbox: for the list that an operator
// reads, and for what is to be sent again (phonepe-api: Callback). Each field
// that is not its zero value narrows the query.
type CallbackQuery struct {
	MerchantID string
	// EventID and PaymentID are our ids of the notice and of its payment.
	EventID   string
	PaymentID string
	// EventIDs, at most MaxCallbacks, are notices that were listed before: those
	// of them that still fit the rest are taken.
	EventIDs []string
	// State is "pending", "delivered", "dead" or "none" (a notice without a
	// URL, which nobody sends).
	State string
	// Since and Until bound CreatedAt: from Since on, before Until.
	Since time.Time
	Until time.Time
	// After is a cursor: the answer begins with what follows the row whose
	// CallbackRow.Cursor it is. Results are oldest first, by CreatedAt and then
	// EventID; a row that has been listed keeps its place, so that a cursor
	// stays good however many rows are added.
	After string
	// Limit is how many rows are taken at most, 1 to MaxCallbacks; 0 means
	// DefaultCallbacks.
	Limit int
}

// Checked returns the query with its limit filled in, and its cursor read, or
// an error that is ErrCallbackQuery or ErrText. Storages call it first.
func (q CallbackQuery) Checked() (CallbackQuery, CallbackCursor, error) {
	var after CallbackCursor
	switch q.State {
	case "", CallbackPending, CallbackDelivered, CallbackDead, CallbackNone:
	default:
		return q, after, fmt.Errorf("%w: a state is pending, delivered, dead or none", ErrCallbackQuery)
	}
	if q.Limit < 0 || q.Limit > MaxCallbacks || len(q.EventIDs) > MaxCallbacks {
		return q, after, fmt.Errorf("%w: a limit is 1 to %d", ErrCallbackQuery, MaxCallbacks)
	}
	if q.Limit == 0 {
		q.Limit = DefaultCallbacks
	}
	for _, s := range append([]string{q.MerchantID, q.EventID, q.PaymentID}, q.EventIDs...) {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return q, after, fmt.Errorf("%w: %w", ErrCallbackQuery, ErrText)
		}
	}
	var err error
	if q.After != "" {
		after, err = ParseCallbackCursor(q.After)
	}
	return q, after, err
}

// CallbackRow is one notice to a merchant, as it stands now.
type CallbackRow struct {
	// EventID stays the same however often the notice is sent; the merchant sees
	// it as X-Galla-Event-Id.
	EventID    string
	PaymentID  string
	MerchantID string
	// URL may hold a secret of the merchant's in its query: never log it. ""
	// with the State "none" is a notice that nobody sends.
	URL    string
	Method string // POST or PUT; "" means POST
	// State is "pending", "delivered", "dead" or "none".
	State     string
	Attempts  int64     // all that were ever begun
	CreatedAt time.Time // in microseconds, UTC
	// DueAt is when the next attempt may begin; for a notice that is leased, when
	// its lease ends. It says nothing once the State is final.
	DueAt time.Time
}

// Cursor is the row's place in every list and feed.
func (r CallbackRow) Cursor() string {
	return CallbackCursor{At: r.CreatedAt, EventID: r.EventID}.String()
}

// CallbackAttempt is one line of a notice's delivery log.
type CallbackAttempt struct {
	Attempt   int64 // counted from 1
	StartedAt time.Time
	// FinishedAt is zero while the attempt is under way, or where its sender
	// was killed.
	FinishedAt time.Time
	// Result is one of callback.Results; "" while FinishedAt is zero.
	Result string
	// HTTPStatus is 0 without an answer.
	HTTPStatus int64
	Error      string
	Took       time.Duration
}

// CallbackQueue is how the outbox stands.
type CallbackQueue struct {
	// Pending rows are to be sent, now or later; it is not counted above
	// MaxCallbackQueue.
	Pending int
	// Oldest is how long the row is overdue that has been due for longest and is
	// not being sent; 0 if none is due.
	Oldest time.Duration
}

// MaxCallbackQueue is where a CallbackQueue stops counting.
const MaxCallbackQueue = 100_000

// CallbackFeed is a part of a merchant's callbacks in the order in which they
// were made, for whoever asks for them himself.
//
// Nothing is ever missed by following the cursors: a row is shown only when no
// transaction can commit any more that would stand before it.
type CallbackFeed struct {
	Rows []CallbackRow
	Now  time.Time // the database's, when they were read
	// Held says that there are rows which cannot be shown yet, because a
	// transaction under way may still make earlier ones: they will be shown in a
	// moment.
	Held bool
}

// CallbackCursor is a place in the order of callbacks: after the row with this
// creation time and event id. With an EventID of "" it is before every row of
// its time. Its zero value is before all.
type CallbackCursor struct {
	At      time.Time
	EventID string
}

// The bounds of a cursor.
const (
	maxCursorMicros  = 253402300799_999_999 // the end of the year 9999
	maxCursorEventID = 128
)

var cursorText = base64.RawURLEncoding.Strict()

// String is the opaque text of a cursor, of letters, digits, - and _. A time
// before 1970 counts as 1970.
func (c CallbackCursor) String() string {
	return cursorText.EncodeToString([]byte("1." + strconv.FormatInt(max(c.At.UnixMicro(), 0), 10) + "." + c.EventID))
}

// ParseCallbackCursor reads what String wrote, and refuses everything else with
// ErrCallbackQuery.
func ParseCallbackCursor(text string) (CallbackCursor, error) {
	bad := fmt.Errorf("%w: the cursor is none that was given out", ErrCallbackQuery)
	raw, err := cursorText.DecodeString(text)
	if err != nil || len(raw) > maxCursorEventID+32 {
		return CallbackCursor{}, bad
	}
	version, rest, _ := strings.Cut(string(raw), ".")
	number, event, ok := strings.Cut(rest, ".")
	micros, err := strconv.ParseInt(number, 10, 64)
	if version != "1" || !ok || err != nil || micros < 0 || micros > maxCursorMicros ||
		event != "" && !protocol.ValidID(event, maxCursorEventID) {
		return CallbackCursor{}, bad
	}
	c := CallbackCursor{At: time.UnixMicro(micros).UTC(), EventID: event}
	if c.String() != text { // one place has one spelling
		return CallbackCursor{}, bad
	}
	return c, nil
}
