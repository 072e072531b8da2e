// Package retention says how long what is kept by month stays in its tables
// (DESIGN 3.1: events, outbox and delivery log are partitioned by month), and
// what a storage tells of its size. It is pure: storages carry it out, cmd sets
// it and prints.
//
// Payments, quotes, ReqPays, message ids and credits are unique for ever and are
// never part of it.
package retention

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Policy is how long months stay. The zero Policy keeps all of them: events are
// the audit chain, and nobody loses them by surprise.
type Policy struct {
	// Months or Days is how long a month stays after its end; at most one is set.
	Months, Days int
	// Drop has months that were detached dropped too. Without it they stay in the
	// database as tables of their own until somebody drops them.
	Drop bool
}

// The least that can be kept: a payment that nobody ended, a callback that is sent
// again and a dispute all need the months just past.
const (
	leastMonths = 2
	leastDays   = 62
	most        = 1200 // months; days: 30 times as many
)

var errForm = fmt.Errorf("want keep, months such as 13months (at least %d) or days such as 400d (at least %d)", leastMonths, leastDays)

// Parse reads keep, 13months or 400d.
func Parse(text string) (Policy, error) {
	if text == "keep" {
		return Policy{}, nil
	}
	number, unit := text, ""
	if i := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		number, unit = text[:i], text[i:]
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		return Policy{}, errForm
	}
	switch {
	case (unit == "months" || unit == "month") && n >= leastMonths && n <= most:
		return Policy{Months: n}, nil
	case (unit == "d" || unit == "days") && n >= leastDays && n <= 30*most:
		return Policy{Days: n}, nil
	}
	return Policy{}, errForm
}

// UnmarshalText is Parse, for flags.
func (p *Policy) UnmarshalText(text []byte) (err error) {
	drop := p.Drop
	*p, err = Parse(string(text))
	p.Drop = drop
	return err
}

// String is what Parse reads.
func (p Policy) String() string {
	switch {
	case p.Months > 0:
		return fmt.Sprintf("%dmonths", p.Months)
	case p.Days > 0:
		return fmt.Sprintf("%dd", p.Days)
	}
	return "keep"
}

// Keeps reports whether every month stays for ever.
func (p Policy) Keeps() bool { return p.Months == 0 && p.Days == 0 }

// Cut is the time at which, or before which, a month must have ended to be
// detached now. It is the zero time where every month stays.
func (p Policy) Cut(now time.Time) time.Time {
	now = now.UTC()
	switch {
	case p.Months > 0:
		// Counted in whole months, so that the 31st is no other than the 28th.
		return Month(now).AddDate(0, -p.Months, 0)
	case p.Days > 0:
		return now.AddDate(0, 0, -p.Days)
	}
	return time.Time{}
}

// Month is the start of the month that a time is in.
func Month(at time.Time) time.Time {
	at = at.UTC()
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// ErrUnsupported: the storage keeps nothing by month.
var ErrUnsupported = errors.New("SQLite keeps nothing by month, so that nothing can be detached: use PostgreSQL, or --retention keep")

// Table is the size of a table, all its months together.
type Table struct {
	Name string
	// Rows is an estimate of the database's own statistics, or below 0 where there
	// is none.
	Rows int64
	// Bytes of the rows themselves, with what is stored aside of them; IndexBytes
	// those of all indexes.
	Bytes, IndexBytes int64
	// Months is how many months it has, 0 for a table in one piece; Oldest is the
	// start of the first of these.
	Months int
	Oldest time.Time
	// Default rows stand in no month, because nobody had made room. The next Tidy
	// moves them.
	Default int64
	// Archived is the time before which its rows were detached or dropped; the zero
	// time where none were.
	Archived time.Time
	// Detached says that it is a month that was detached from another table.
	Detached bool
}

// Young is an age below which nothing was detached yet, whatever the policy: less
// than the least that can be kept.
const Young = 59 * 24 * time.Hour

// ArchivedError says that a question reaches back to before months that were
// detached, so that its answer would leave something out without a word.
type ArchivedError struct {
	What   string // in the plural, such as callbacks
	Before time.Time
	Resume string // a cursor from which on nothing was detached; "" where none is asked for
}

func (e *ArchivedError) Error() string {
	text := fmt.Sprintf("%s made before %s are archived", e.What, e.Before.UTC().Format(time.RFC3339))
	if e.Resume != "" {
		text += "; what is still here follows after=" + e.Resume
	}
	return text
}
