package main

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/seal"
)

// The codes that the program ends with.
const (
	exitOK       = 0
	exitFailed   = 1
	exitUsage    = 2
	exitNotFound = 3
	exitAuth     = 4 // the database or a key file does not let us in
)

// CodedError is an error that says how the program ends, and what to try next.
type CodedError struct {
	Code int
	Err  error
	Next string // a command; "" for none
}

func (e *CodedError) Error() string {
	text := strings.TrimSuffix(e.Err.Error(), ".")
	if e.Next != "" {
		text += "; try: " + e.Next
	}
	return text
}

func (e *CodedError) Unwrap() error { return e.Err }

// exitCode is how the program ends after an error of a verb.
func exitCode(err error) int {
	var coded *CodedError
	if errors.As(err, &coded) {
		return coded.Code
	}
	return exitFailed
}

// explain gives an error of the administration its code, and the command to try
// next; noun and name are what the verb was about.
func explain(err error, noun, name string) error {
	var coded *CodedError
	if err == nil || errors.As(err, &coded) {
		return err
	}
	const program = "galla-controller "
	var pg *pgconn.PgError
	isPG := errors.As(err, &pg)
	switch {
	case isPG && (pg.Code == "42P01" || pg.Code == "42703"),
		strings.Contains(err.Error(), "no such table"), strings.Contains(err.Error(), "no such column"):
		return &CodedError{exitFailed, errors.New("the database's schema is not up to date"), program + "migrate --help"}
	case isPG && strings.HasPrefix(pg.Code, "28"), errors.Is(err, fs.ErrPermission):
		return &CodedError{exitAuth, err, ""}
	case errors.Is(err, seal.ErrKey):
		return &CodedError{exitAuth, err, program + noun + " list --seal-key-file FILE"}
	}
	var p *admin.Problem
	if !errors.As(err, &p) {
		return err
	}
	switch p.Code {
	case admin.CodeNotFound:
		return &CodedError{exitNotFound, err, program + noun + " list"}
	case admin.CodeInvalid, admin.CodeMalformed:
		return &CodedError{exitUsage, err, program + noun + " --help"}
	case admin.CodeExists:
		return &CodedError{exitFailed, err, program + noun + " show " + name}
	case admin.CodeUnauthorized, admin.CodeForbidden:
		return &CodedError{exitAuth, err, program + "token list"}
	}
	return &CodedError{exitFailed, err, program + noun + " list"}
}
