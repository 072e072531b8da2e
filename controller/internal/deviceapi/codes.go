package deviceapi

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/protocol"
)

// Code is a word of this door's vocabulary.
type Code string

// The codes of a refused enrolment. Values are on the wire: never change one.
const (
	codeForbidden       Code = "FORBIDDEN"
	codeBadRequest      Code = "BAD_REQUEST"
	codeInvalidTerminal Code = "INVALID_TERMINAL_ID"
	codeTooMany         Code = "TOO_MANY_REQUESTS"
	codeInternal        Code = "INTERNAL_SERVER_ERROR"
)

// CodeRow is one row of the table. Meaning is what the message of an answer
// tells in detail.
type CodeRow struct {
	Code       Code
	HTTPStatus int
	Meaning    string
}

// codes is the one table of the vocabulary.
var codes = []CodeRow{
	{codeBadRequest, http.StatusBadRequest, "What is wrong with the body"},
	{codeInvalidTerminal, http.StatusBadRequest, "Which terminal is not there"},
	{codeForbidden, http.StatusForbidden, "Why it is not let in"},
	{codeTooMany, http.StatusTooManyRequests, "Too many enrolments at once; try again later"},
	{codeInternal, http.StatusServiceUnavailable, "The terminal could not be enrolled; try again"},
}

// CodeRows lists the codes, for the documentation.
func CodeRows() []CodeRow { return slices.Clone(codes) }

// refuse answers with a code and the HTTP status of its row.
func refuse(c *gin.Context, code Code, message string) {
	status := http.StatusInternalServerError
	for _, row := range codes {
		if row.Code == code {
			status = row.HTTPStatus
		}
	}
	c.JSON(status, protocol.EnrolError{Code: string(code), Message: message})
}
