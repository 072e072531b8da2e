package payapi

import (
	"net/http"
	"time"
)

// Code is a word of the API's vocabulary (phonepe-api: Payment init).
type Code string

// The codes of the v1 routes. Values are on the wire: never change one.
const (
	CodeSuccess             Code = "SUCCESS"
	CodeUnauthorized        Code = "UNAUTHORIZED"
	CodeDuplicate           Code = "DUPLICATE_TRANSACTION_ID"
	CodeInvalidTransaction  Code = "INVALID_TRANSACTION_ID"
	CodeInvalidMerchant     Code = "INVALID_MERCHANT_ID"
	CodeInvalidStore        Code = "INVALID_STORE_ID"
	CodeInvalidTerminal     Code = "INVALID_TERMINAL_ID"
	CodeSolutionNotEnabled  Code = "SOLUTION_NOT_ENABLED"
	CodeTerminalStandalone  Code = "INTEGRATEDMODE_NOT_ENABLED_ON_TERMINAL"
	CodeInvalidAmount       Code = "INVALID_AMOUNT"
	CodeInvalidMapping      Code = "INVALID_INTEGRATION_MAPPING_TYPE"
	CodeInvalidModes        Code = "INVALID_PAYMENT_MODES"
	CodeInvalidHandover     Code = "INVALID_TERMINAL_HANDOVER_TIME"
	CodeShortCodeRequired   Code = "SHORT_CODE_IS_REQUIRED"
	CodeShortCodeNotNeeded  Code = "SHORT_CODE_NOT_REQUIRED"
	CodeShortCodeLength     Code = "INVALID_SHORTCODE_LENGTH"
	CodeShortCodeUsed       Code = "SHORT_CODE_ALREADY_USED"
	CodeCancelRequested     Code = "CANCEL_REQUESTED"
	CodeAlreadyCompleted    Code = "PAYMENT_ALREADY_COMPLETED"
	CodeAlreadyEnded        Code = "PAYMENT_ALREADY_ENDED"
	CodeTooMany             Code = "TOO_MANY_REQUESTS"
	CodeBadRequest          Code = "BAD_REQUEST"
	CodeInternal            Code = "INTERNAL_SERVER_ERROR"
	messageCheckStatus           = "Something went wrong. Please check the status of the transaction before trying again."
	messageDuplicateMessage      = "The transaction id you have entered seems to be invalid. [message = Duplicate transaction id]"
)

// CodeRow is one row of a table of codes, for the documentation.
type CodeRow struct {
	Code       Code
	HTTPStatus int
	Message    string
}

// Codes lists the v1 codes.
func Codes() []CodeRow {
	var rows []CodeRow
	for _, row := range codes {
		rows = append(rows, CodeRow{row.code, row.httpStatus, row.message})
	}
	return rows
}

// codes is the one table of the vocabulary: HTTP status and message of every
// code. Messages are the documented descriptions verbatim, unless a sample
// shows another.
var codes = []struct {
	code       Code
	httpStatus int
	message    string
	hasData    bool // the answer has a data member, null on refusal
}{
	{CodeSuccess, http.StatusOK, "Your request has been successfully completed.", true},
	{CodeUnauthorized, http.StatusUnauthorized, "checksum verification failed", true},
	{CodeDuplicate, http.StatusConflict, messageDuplicateMessage, false},
	{CodeInvalidTransaction, http.StatusBadRequest, "The format of Transaction ID is invalid", true},
	{CodeInvalidMerchant, http.StatusBadRequest, "The merchant id is invalid or activated", true},
	{CodeInvalidStore, http.StatusBadRequest, "The passed Store Id is invalid", true},
	{CodeInvalidTerminal, http.StatusBadRequest, "The passed Terminal ID is invalid", true},
	{CodeSolutionNotEnabled, http.StatusForbidden, "EDC Sale API is not enabled for the merchant", true},
	{CodeTerminalStandalone, http.StatusForbidden, "The Terminal is not in integrated mode", true},
	{CodeInvalidAmount, http.StatusBadRequest, "The amount value is not valid as per API needs", true},
	{CodeInvalidMapping, http.StatusBadRequest, "The Integration_Mapping_Type param is having invalid fields", true},
	{CodeInvalidModes, http.StatusBadRequest, "The paymentModes is not valid", true},
	{CodeInvalidHandover, http.StatusBadRequest, "No Active request exists.", true},
	{CodeShortCodeRequired, http.StatusBadRequest, "The Shortcode is mandatory as per the API needs", true},
	{CodeShortCodeNotNeeded, http.StatusBadRequest, "Short Order Id is not required", true},
	{CodeShortCodeLength, http.StatusBadRequest, "The shortCode length is not valid as per the API needs", true},
	{CodeShortCodeUsed, http.StatusConflict, "A live order of the store has this Short Order Id", true},
	{CodeCancelRequested, http.StatusOK, "Payment is in progress, check the status", true},
	{CodeAlreadyCompleted, http.StatusBadRequest, "Payment is already complete.", true},
	{CodeAlreadyEnded, http.StatusBadRequest, "Payment has already ended", true},
	{CodeTooMany, http.StatusTooManyRequests, "Too many requests. Please wait before trying again.", true},
	{CodeBadRequest, http.StatusBadRequest, "The request is not valid", true},
	{CodeInternal, http.StatusInternalServerError, messageCheckStatus, true},
}

// Message is the code's documented sentence.
func (c Code) Message() string {
	for _, row := range codes {
		if row.code == c {
			return row.message
		}
	}
	return ""
}

// HTTPStatus is the code's HTTP status.
func (c Code) HTTPStatus() int {
	for _, row := range codes {
		if row.code == c {
			return row.httpStatus
		}
	}
	return http.StatusInternalServerError
}

func (c Code) hasData() bool {
	for _, row := range codes {
		if row.code == c {
			return row.hasData
		}
	}
	return true
}

// Refusal is an error that a POS is to see: a code, and a message where it says
// more than the code's own.
type Refusal struct {
	Code       Code
	HTTPStatus int    // 0: the code's own
	Text       string // "": the code's own
	data       any    // what the answer's data is; nil for none
	debug      any    // sandbox only
	retryAfter time.Duration
	unknown    bool // the transaction is not there, rather than badly named
}

func (r *Refusal) Error() string { return string(r.Code) + ": " + r.message() }

func (r *Refusal) message() string {
	if r.Text != "" {
		return r.Text
	}
	return r.Code.Message()
}

func (r *Refusal) status() int {
	if r.HTTPStatus != 0 {
		return r.HTTPStatus
	}
	return r.Code.HTTPStatus()
}

func refuse(code Code, text string) *Refusal { return &Refusal{Code: code, Text: text} }

// badRequest names the field that is wrong.
func badRequest(field, problem string) *Refusal {
	return refuse(CodeBadRequest, field+" "+problem)
}

var tooLarge = &Refusal{
	Code: CodeBadRequest, HTTPStatus: http.StatusRequestEntityTooLarge, Text: "The request body is larger than 64 KiB",
}
