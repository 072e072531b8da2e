package upixml

import "errors"

// Status codes that this package itself can come to (PRD 6.1); every other
// code is the caller's.
const (
	CodeBadRequest = "BR" // not a well-formed or complete message
	CodeSignature  = "ZF" // the signature is not good
	CodeNotDynamic = "ZQ" // the QR is not a dynamic one
)

// Error is a refusal. Its code and ids go into the answer.
type Error struct {
	Code    string
	MsgID   string // "" if it could not be read
	TxnID   string // likewise; ReqPay's, or in NPCI's dialect the Txn's id of any message
	Message string // for the sender: names the element, never quotes a value

	// Dialect is that of the message, for the answer; the PRD's where it was not
	// read so far.
	Dialect Dialect
}

// Error returns the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Is makes every refusal of a RefUrl for its mode match ErrNotDynamic.
func (e *Error) Is(target error) bool {
	return target == ErrNotDynamic && e.Code == CodeNotDynamic
}

// ErrNotDynamic says that a RefUrl is readable, but not that of a dynamic QR:
// its mode is not 16.
var ErrNotDynamic = errors.New("not a dynamic QR")

func bad(message string) *Error { return &Error{Code: CodeBadRequest, Message: message} }
