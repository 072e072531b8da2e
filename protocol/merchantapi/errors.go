package merchantapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

var (
	// ErrInvalid says that a request was not sent: its fields cannot be signed
	// or can never be right.
	ErrInvalid = errors.New("not sent")
	// ErrUnknown says that nobody here knows whether it was done. Ask for the
	// status; a lost answer and INTERNAL_SERVER_ERROR are not final (FAQ).
	ErrUnknown = errors.New("outcome unknown, ask for the status")
)

// Error is a refusal: nothing was done, unless it is ErrUnknown as well.
type Error struct {
	HTTPStatus int
	Code       string // a word of the API's vocabulary: "INVALID_AMOUNT"
	Message    string
	RequestID  string // X-Request-Id, to name when asking for help
	// RetryAfter is how long to wait before trying again; 0 when not said.
	RetryAfter time.Duration
	Data       json.RawMessage // null or absent mostly
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s (HTTP %d", e.Code, e.Message, e.HTTPStatus)
	if e.RequestID != "" {
		text += ", request " + e.RequestID
	}
	return text + ")"
}

// Is makes errors.Is(err, ErrUnknown) true for an answer that is not final.
func (e *Error) Is(target error) bool {
	return target == ErrUnknown && (e.Code == "INTERNAL_SERVER_ERROR" || e.HTTPStatus >= http.StatusInternalServerError)
}

// Duplicate reports whether err says that the transaction id was used before
// (phonepe-api: the documented duplicate error, 417 on v3 paths). After a lost
// answer it may have been used by the request that was lost: the status tells.
func Duplicate(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Code == "DUPLICATE_TRANSACTION_ID" ||
		e.Code == "INVALID_TRANSACTION_ID" && e.HTTPStatus == http.StatusExpectationFailed)
}

// NotFound reports whether err, of a status call, says that there is no such
// payment: a request whose answer was lost never arrived, and may be sent again
// under its own id.
func NotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Code == "TRANSACTION_NOT_FOUND" ||
		e.Code == "INVALID_TRANSACTION_ID" && e.HTTPStatus != http.StatusExpectationFailed)
}

// maxID bounds ids that others chose, new transaction ids have tighter limits.
const (
	maxID            = 64
	maxTransactionV1 = 39 // "less than 40 characters"
	maxTransactionV3 = 37 // "less than 38 characters"
)

func validID(s string, limit int) bool {
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	})
}

// checkNew looks at what begins something. Ids with other letters would change
// the path that status signs; amounts outside never pass.
func checkNew(id string, limit int, amount int64) error {
	if !validID(id, limit) {
		return fmt.Errorf("%w: transaction id must be 1 to %d letters, digits, _ or -", ErrInvalid, limit)
	}
	if amount < 1 || amount > MaxAmount {
		return fmt.Errorf("%w: amount must be 1 to %d paise", ErrInvalid, MaxAmount)
	}
	return nil
}

func checkPath(id string) error {
	if !validID(id, maxID) {
		return fmt.Errorf("%w: transaction id must be 1 to %d letters, digits, _ or -", ErrInvalid, maxID)
	}
	return nil
}
