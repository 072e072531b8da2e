package callback

import "time"

// The schedule of retries (phonepe-api: Callback): gaps of 1, 2, 4, 8 s and so
// on up to 1 h, each off by at most a fifth, for 24 h, then the dead letter.
const (
	firstGap = time.Second
	maxGap   = time.Hour
	giveUp   = 24 * time.Hour
)

// gap is the time from the end of attempt n, which failed, to the next. at is
// a random number in [0,1) which spreads it over 80 % to 120 %.
func gap(n int, at float64) time.Duration {
	base := maxGap
	if n < 1 {
		n = 1
	}
	if n <= 12 { // 2^12 s is above an hour
		base = min(firstGap<<(n-1), maxGap)
	}
	return base*4/5 + time.Duration(at*float64(base*2/5))
}

// after is what becomes of a row whose attempt n failed at age, counted from
// its first attempt: another attempt after next, or the dead letter. No
// attempt is ever planned later than 24 h after the first.
func after(n int, age time.Duration, at float64) (state string, next time.Duration) {
	next = gap(n, at)
	if age+next > giveUp {
		return StateDead, 0
	}
	return StatePending, next
}
