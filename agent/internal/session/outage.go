package session

import (
	"math/rand/v2"
	"time"
)

const (
	// One try to connect, dialling, TLS, CONNECT and SUBSCRIBE together.
	connectTimeout = 5 * time.Second
	// A link that lived shorter does not end an outage: it flaps.
	steadyAfter = 10 * time.Second
)

// outage decides when the next try to connect begins (DESIGN 3.3, failure matrix
// R24). Counted from the begin of one try to the begin of the next, the gap is
// drawn evenly from a band:
//
//	until each broker of a cluster
//	was tried once                 0 to 1 s
//	in the outage's first minute   1 s to 5 s
//	then                           5 s to 10 s, 10 s to 20 s, 20 s to 40 s,
//	                               and 30 s to 60 s from there on
//
// A try that takes longer than its gap is followed by the next at once; as a try
// takes 5 s at most, tries are at most 5 s apart in the first minute.
type outage struct {
	brokers int       // how many there are to try, at least 1
	since   time.Time // when it began
	tries   int       // since it began
	late    int       // of them, after the first minute
}

// wait is how long to wait now, after a try that began at begun; up is when it
// led to a link, zero if it did not.
func (o *outage) wait(begun, up, now time.Time) time.Duration {
	if !up.IsZero() {
		begun = now // the link was lost just now
		if now.Sub(up) >= steadyAfter {
			*o = outage{brokers: o.brokers, since: now}
		}
	}
	low, high := o.band(now)
	o.tries++
	return max(0, low+rand.N(high-low)-now.Sub(begun))
}

// band is from where to where the next gap is drawn.
func (o *outage) band(now time.Time) (low, high time.Duration) {
	switch {
	case o.tries < o.brokers:
		return 0, time.Second
	case now.Sub(o.since) < time.Minute:
		return time.Second, 5 * time.Second
	}
	high = min(10*time.Second<<o.late, time.Minute)
	if high < time.Minute {
		o.late++
	}
	return high / 2, high
}
