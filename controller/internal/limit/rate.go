package limit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bounds of a Rate: the most in a second, minute or hour, and at once.
const maxRate = 1_000_000

// errRate is what is wrong with a text that is no Rate.
var errRate = errors.New(`want "off", or a number in a second, minute or hour and how many at once, as in 50/s:200`)

// Rate is how much is allowed. The zero value is off: everything is.
type Rate struct {
	// Count is how many are allowed in each Per in the long run, 1 to 1,000,000.
	Count int
	// Per is a second, a minute or an hour.
	Per time.Duration
	// Burst is how many are allowed at once, 1 to 1,000,000.
	Burst int
}

// ParseRate reads "off", "50/s:200", "30/m:10" or "100/h:5". Without the part
// after the colon as many are allowed at once as in one second, minute or hour.
func ParseRate(text string) (Rate, error) {
	if text == "off" {
		return Rate{}, nil
	}
	rate, burst, hasBurst := strings.Cut(text, ":")
	count, unit, _ := strings.Cut(rate, "/")
	if !hasBurst {
		burst = count
	}
	r := Rate{Per: map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]}
	var err1, err2 error
	r.Count, err1 = parseCount(count)
	r.Burst, err2 = parseCount(burst)
	if err1 != nil || err2 != nil || r.Per == 0 {
		return Rate{}, fmt.Errorf("%q: %w", text, errRate)
	}
	return r, nil
}

func parseCount(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 32) // no sign, no underscores
	if err != nil || n < 1 || n > maxRate {
		return 0, errRate
	}
	return int(n), nil
}

// UnmarshalText is ParseRate.
func (r *Rate) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRate(string(text))
	return err
}

// Off reports whether everything is allowed.
func (r Rate) Off() bool { return r.Count == 0 }

// String is what ParseRate reads.
func (r Rate) String() string {
	if r.Off() {
		return "off"
	}
	unit := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[r.Per]
	return fmt.Sprintf("%d/%s:%d", r.Count, unit, r.Burst)
}

// every is the time in which one more is allowed.
func (r Rate) every() time.Duration {
	if r.Off() {
		return 0
	}
	return r.Per / time.Duration(r.Count)
}

// fill is the time in which an empty bucket fills up.
func (r Rate) fill() time.Duration { return r.every() * time.Duration(r.Burst) }
