package admin

import (
	"errors"
	"net/http"

	"github.com/galla-pay/galla/controller/internal/journal"
)

// Code is a word of the door's vocabulary: what was wrong, for machines.
type Code string

// The codes. Values are on the wire: never change one.
const (
	CodeMalformed        Code = "MALFORMED_REQUEST"
	CodeUnauthorized     Code = "UNAUTHORIZED"
	CodeForbidden        Code = "FORBIDDEN"
	CodeNotFound         Code = "NOT_FOUND"
	CodeMethodNotAllowed Code = "METHOD_NOT_ALLOWED"
	CodeExists           Code = "ALREADY_EXISTS"
	CodeConflict         Code = "CONFLICT"
	CodeTooLarge         Code = "TOO_LARGE"
	CodeInvalid          Code = "INVALID_FIELD"
	CodeInternal         Code = "INTERNAL_ERROR"
	CodeUnavailable      Code = "UNAVAILABLE"
)

// CodeRow is a row of the vocabulary.
type CodeRow struct {
	Code       Code
	HTTPStatus int
	Meaning    string
}

// Codes is the one table of the vocabulary.
func Codes() []CodeRow {
	return []CodeRow{
		{CodeMalformed, http.StatusBadRequest, "The body or a parameter cannot be read."},
		{CodeUnauthorized, http.StatusUnauthorized, "No token, or one that is not good."},
		{CodeForbidden, http.StatusForbidden, "The token's role does not allow this."},
		{CodeNotFound, http.StatusNotFound, "What the path names is not there."},
		{CodeMethodNotAllowed, http.StatusMethodNotAllowed, "The path does not answer this method."},
		{CodeExists, http.StatusConflict, "The id is taken."},
		{CodeConflict, http.StatusConflict, "It cannot be done as things stand."},
		{CodeTooLarge, http.StatusRequestEntityTooLarge, "The body is larger than 64 KiB."},
		{CodeInvalid, http.StatusUnprocessableEntity, "The field that is named is not as it must be."},
		{CodeInternal, http.StatusInternalServerError, "Something went wrong on our side."},
		{CodeUnavailable, http.StatusServiceUnavailable, "The database is busy or away; try again in a moment."},
	}
}

func row(code Code) CodeRow {
	for _, r := range Codes() {
		if r.Code == code {
			return r
		}
	}
	return row(CodeInternal)
}

// Problem is an error that the caller is to see.
type Problem struct {
	Code Code
	// Field is the field of the body, the query or the command line that is wrong,
	// as the JSON calls it; "" where none is.
	Field string
	// Detail says what is wrong, for people. It holds no secret.
	Detail string
}

func (p *Problem) Error() string {
	if p.Field != "" {
		return p.Field + " " + p.Detail
	}
	return p.Detail
}

// Invalid says that a field is not as it must be; detail continues a sentence
// that begins with the field.
func Invalid(field, detail string) error { return &Problem{CodeInvalid, field, detail} }

// NotFound says that what is not there.
func NotFound(what string) error {
	return &Problem{Code: CodeNotFound, Detail: "There is no " + what + "."}
}

// Exists says that what is there already.
func Exists(what string) error {
	return &Problem{Code: CodeExists, Detail: "There is a " + what + " already."}
}

// Conflict says why something cannot be done as things stand.
func Conflict(detail string) error { return &Problem{Code: CodeConflict, Detail: detail} }

// problem turns an error into what the caller gets. It is the only place that
// does; an error that it does not know loses its text here.
func problem(err error) *Problem {
	var known *Problem
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, journal.ErrNotFound):
		return &Problem{Code: CodeNotFound, Detail: "There is nothing of that name."}
	case errors.Is(err, journal.ErrText):
		return &Problem{Code: CodeMalformed, Detail: "A text holds a NUL byte or is not UTF-8."}
	case errors.Is(err, journal.ErrAgain), errors.Is(err, journal.ErrLocked), errors.Is(err, journal.ErrAway),
		errors.Is(err, journal.ErrBusy), errors.Is(err, journal.ErrUnavailable), errors.Is(err, journal.ErrClosed),
		errors.Is(err, journal.ErrCommitUnknown):
		return &Problem{Code: CodeUnavailable, Detail: row(CodeUnavailable).Meaning}
	}
	return &Problem{Code: CodeInternal, Detail: row(CodeInternal).Meaning}
}
