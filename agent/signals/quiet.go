package signals

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrQuietHours: hours that are not "HH:MM-HH:MM".
var ErrQuietHours = errors.New(`quiet hours are written as "22:00-07:00"`)

// QuietHours are a part of every day, by the device's local clock; they may span
// midnight. The zero value is no time at all, and so are hours that end where
// they begin. In a configuration they are text, as Parse reads it.
type QuietHours struct {
	From, To int // minutes of the day, 0 to 1439; To is not in it any more
}

// ParseQuietHours reads "22:00-07:00", or "" for none; else ErrQuietHours.
func ParseQuietHours(text string) (QuietHours, error) {
	if text == "" {
		return QuietHours{}, nil
	}
	from, to, _ := strings.Cut(text, "-")
	var q QuietHours
	var ok [2]bool
	q.From, ok[0] = minutes(from)
	q.To, ok[1] = minutes(to)
	if !ok[0] || !ok[1] {
		return QuietHours{}, fmt.Errorf("%q: %w", text, ErrQuietHours)
	}
	return q, nil
}

// minutes reads HH:MM, 00:00 to 23:59.
func minutes(text string) (int, bool) {
	if len(text) != len("HH:MM") || text[2] != ':' {
		return 0, false
	}
	h, errH := strconv.ParseUint(text[:2], 10, 8)
	m, errM := strconv.ParseUint(text[3:], 10, 8)
	if errH != nil || errM != nil || h > 23 || m > 59 {
		return 0, false
	}
	return int(h)*60 + int(m), true
}

// At reports whether t, in its own location, is within the hours.
func (q QuietHours) At(t time.Time) bool {
	now := t.Hour()*60 + t.Minute()
	if q.From <= q.To {
		return now >= q.From && now < q.To
	}
	return now >= q.From || now < q.To
}

// String is what ParseQuietHours reads.
func (q QuietHours) String() string {
	if q.From == q.To {
		return ""
	}
	return fmt.Sprintf("%02d:%02d-%02d:%02d", q.From/60, q.From%60, q.To/60, q.To%60)
}

// MarshalText implements encoding.TextMarshaler.
func (q QuietHours) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (q *QuietHours) UnmarshalText(text []byte) (err error) {
	*q, err = ParseQuietHours(string(text))
	return err
}

// MaxVolume is the loudest.
const MaxVolume = 100

// Volume is how loud a terminal is: 0 to 100 each, 0 is silence.
type Volume struct {
	Day   int        // outside the quiet hours
	Quiet int        // within them
	Hours QuietHours // none: it is always day
}

// DefaultVolume is that of a terminal that nobody has set: it never is quiet.
func DefaultVolume() Volume { return Volume{Day: 80, Quiet: 30} }

// Check names what is out of range.
func (v Volume) Check() error {
	for _, part := range []struct {
		name  string
		value int
	}{{"volume", v.Day}, {"quiet volume", v.Quiet}} {
		if part.value < 0 || part.value > MaxVolume {
			return fmt.Errorf("%s %d is not within 0 to %d", part.name, part.value, MaxVolume)
		}
	}
	return nil
}

// At is the volume at a time of day, 0 to 100 whatever v holds.
func (v Volume) At(t time.Time) int {
	at := v.Day
	if v.Hours.At(t) {
		at = v.Quiet
	}
	return min(max(at, 0), MaxVolume)
}
