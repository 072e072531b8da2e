package eventapi

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Code is a word of this door's vocabulary: those of the payment API (phonepe-api:
// Payment init) that can be said of a feed.
type Code string

// The codes. Values are on the wire: never change one.
const (
	CodeSuccess         Code = "SUCCESS"
	CodeUnauthorized    Code = "UNAUTHORIZED"
	CodeInvalidMerchant Code = "INVALID_MERCHANT_ID"
	CodeBadRequest      Code = "BAD_REQUEST"
	CodeTooMany         Code = "TOO_MANY_REQUESTS"
	CodeInternal        Code = "INTERNAL_SERVER_ERROR"
)

// codes is the one table of the vocabulary.
var codes = []CodeRow{
	{CodeSuccess, http.StatusOK, "Your request has been successfully completed."},
	{CodeUnauthorized, http.StatusUnauthorized, "checksum verification failed"},
	{CodeInvalidMerchant, http.StatusBadRequest, "The merchant id is invalid or activated"},
	{CodeBadRequest, http.StatusBadRequest, "The request is not valid"},
	{CodeTooMany, http.StatusTooManyRequests, "Too many requests. Please wait and send the request again."},
	{CodeInternal, http.StatusInternalServerError, "Something went wrong. Please ask again with the same cursor."},
}

// CodeRow is one row of the table.
type CodeRow struct {
	Code       Code
	HTTPStatus int
	Message    string
}

// Codes lists the codes, for the documentation.
func Codes() []CodeRow { return slices.Clone(codes) }

func (c Code) row() CodeRow {
	for _, row := range codes {
		if row.Code == c {
			return row
		}
	}
	return CodeRow{c, http.StatusInternalServerError, ""}
}

// codeKey is where an answer's code stands in its gin.Context, for the metrics:
// the same place in every door.
const codeKey = "code"

// refusal is an error that a caller is to see.
type refusal struct {
	code       Code
	status     int    // 0: the code's own
	text       string // "": the code's own
	retryAfter time.Duration
}

func (r refusal) Error() string { return string(r.code) + ": " + r.text }

func badRequest(text string) error { return refusal{code: CodeBadRequest, text: text} }

// seconds is Retry-After: whole seconds, 1 at least.
func seconds(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}
