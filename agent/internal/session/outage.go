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
// R24). In its first minute tries come in rounds, in which each broker is tried once.
// Gaps are counted from begin to begin, and drawn evenly from a band:
//
//	from the loss to the first try    0 to 1 s
//	from try to try within a round    0 to 1 s
//	from round to round               1 s to 5 s
//	from try to try after the minute  5 s to 10 s, 10 s to 20 s, 20 s to 40 s, and
//	                                  30 s to 60 s from there on
//
// What takes longer than its gap is followed by the next at once; as a try takes 5 s at
// most, tries are at most 5 s apart in the first minute. So a cluster that has lost a
// node, and lets nobody in until it has agreed on what that node did, is asked without
// a pause meanwhile, while one that is not there at all is left alone.
type outage struct {
	brokers int       // how many there are to try, at least 1
	since   time.Time // when it began
	tries   int       // since it began
	round   time.Time // when the round under way began
	late    int       // of the tries, those after the first minute
}

// wait is how long to wait now, after a try that began at begun; up is when it
// led to a link, zero if it did not.
func (o *outage) wait(begun, up, now time.Time) time.Duration {
	if !up.IsZero() {
		if now.Sub(up) >= steadyAfter {
			*o = outage{brokers: o.brokers, since: now}
		}
		begun, o.round = now, now // the link was lost just now
	}
	from, low, high := o.band(begun, up, now)
	wait := max(0, low+rand.N(high-low)-now.Sub(from))
	if o.tries%o.brokers == 0 {
		o.round = now.Add(wait)
	}
	o.tries++
	return wait
}

// band is from where to where the next gap is drawn, and what it is counted from.
func (o *outage) band(begun, up, now time.Time) (from time.Time, low, high time.Duration) {
	soon := now.Sub(o.since) < time.Minute
	amid := up.IsZero() && o.tries%o.brokers != 0 // a link that flaps ends its round
	switch {
	case o.tries < o.brokers, soon && amid:
		return begun, 0, time.Second
	case soon:
		return o.round, time.Second, 5 * time.Second
	}
	high = min(10*time.Second<<o.late, time.Minute)
	if high < time.Minute {
		o.late++
	}
	return begun, high / 2, high
}
