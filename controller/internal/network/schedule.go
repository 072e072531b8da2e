package network

import (
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
)

const (
	firstGap = time.Second
	maxGap   = time.Minute
)

// gap is the time from the end of attempt n to the next: 1, 2, 4 s and so on up
// to 60 s. at is a random number in [0,1) which spreads it over 80 % to 120 %.
func gap(n int, at float64) time.Duration {
	base := maxGap
	if n < 1 {
		n = 1
	}
	if n <= 6 { // 2^6 s is above a minute
		base = min(firstGap<<(n-1), maxGap)
	}
	return base*4/5 + time.Duration(at*float64(base*2/5))
}

// lives is how long after it was made a row is tried at most; a kind that is not
// here ends by what became of its payment, or never.
var lives = map[decide.NetworkKind]time.Duration{
	decide.NetworkCollectRemind: 5 * time.Minute,
	decide.NetworkAsk:           2 * time.Hour,
	decide.NetworkRefund:        24 * time.Hour,
}

// outcome is what becomes of the row whose attempt ended so. at is the jitter's
// random number.
func (e end) outcome(row journal.NetworkDelivery, took time.Duration, at float64) journal.NetworkOutcome {
	o := journal.NetworkOutcome{ID: row.ID, Attempt: row.Attempt, State: e.state, Error: errorText(e.err)}
	if e.state != journal.NetworkPending {
		return o
	}
	o.Next = gap(row.Attempt, at)
	if e.result == ResultStopped {
		o.Next = 0
		return o
	}
	if life, has := lives[row.Kind]; has && row.Age()+took+o.Next > life {
		o.State, o.Next = journal.NetworkDead, 0
		if row.Kind == decide.NetworkCollectRemind { // nobody has to look at that
			o.State = journal.NetworkDone
		}
	}
	return o
}
