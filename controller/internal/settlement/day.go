// Package settlement writes what merchants were paid on a day: a CSV file for
// each, of the payments that succeeded and the refunds that were given back on
// that day in India, with the fee of each (upi-switch: International, fees; PRD
// 5.2 step 17).
//
// It reads the payments one after the other and holds none; the command hands
// them in and prints the sums. It decides nothing: the fee of a payment was set
// when it was paid.
package settlement

import (
	"errors"
	"time"
)

// india is Indian Standard Time. It has no summer time, so that no machine's
// list of time zones is needed.
var india = time.FixedZone("IST", 5*3600+1800)

// ErrDate: a date is not like 2026-11-21.
var ErrDate = errors.New("want a date like 2026-11-21")

// Day is a day in India.
type Day struct{ begins time.Time }

// ParseDay reads a date such as 2026-11-21, or returns ErrDate.
func ParseDay(text string) (Day, error) {
	begins, err := time.ParseInLocation(time.DateOnly, text, india)
	if err != nil {
		return Day{}, ErrDate
	}
	return Day{begins}, nil
}

// Begins is the first moment of the day.
func (d Day) Begins() time.Time { return d.begins }

// Ends is the first moment that is not of the day.
func (d Day) Ends() time.Time { return d.begins.Add(24 * time.Hour) }

// String is the date as ParseDay reads it.
func (d Day) String() string { return d.begins.Format(time.DateOnly) }
