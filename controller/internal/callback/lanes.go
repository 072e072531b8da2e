package callback

import "time"

// The circuit breaker of a lane. The first pause is shorter than the gap that
// a row has after as many failures, so the breaker never delays a lane's only
// row; the longest keeps a server that is back waiting for less than 30 s
// (phonepe-api: Callback).
const (
	breakAfter = 5 // failures in a row
	firstPause = 5 * time.Second
	maxPause   = 25 * time.Second
	// forgetAfter is when a quiet lane's past is dropped.
	forgetAfter = 10 * time.Minute
)

// lane is one destination of one merchant, as far as this sender remembers it.
type lane struct {
	inFlight int
	// proven: its last notice was delivered.
	proven bool
	// failures since the last delivery.
	failures  int
	openUntil time.Time
	last      time.Time
}

// room is how many more attempts may go to the lane now.
func (l *lane) room(now time.Time) int {
	switch {
	case l.proven:
		return PerMerchant - l.inFlight
	case now.Before(l.openUntil):
		return 0
	default: // unknown, failing, or half open: one at a time
		return 1 - l.inFlight
	}
}

// verdict of an attempt on its lane.
type verdict int

const (
	neutral verdict = 0 // it failed here: it says nothing of the lane
	good    verdict = 1
	bad     verdict = 2
)

// lanes keeps count of all that is in flight. It belongs to one goroutine and
// reads no clock.
type lanes struct {
	total     int
	byName    map[string]*lane
	merchants map[string]int
	inFlight  int
	// strangers are the attempts in flight that went to unproven lanes.
	strangers int
}

func newLanes(total int) *lanes {
	return &lanes{total: total, byName: map[string]*lane{}, merchants: map[string]int{}}
}

// flight is an attempt under way, to be given back to finish.
type flight struct {
	lane, merchant string
	stranger       bool
}

// filter says what may be taken now and how many; limit 0 means nothing. It
// also forgets lanes that have long been quiet.
func (ls *lanes) filter(now time.Time) (f Filter, limit int) {
	for name, l := range ls.byName {
		switch {
		case l.inFlight == 0 && now.Sub(l.last) > forgetAfter:
			delete(ls.byName, name)
		case l.room(now) <= 0:
			f.SkipLanes = append(f.SkipLanes, name)
		}
	}
	for m, n := range ls.merchants {
		if n >= PerMerchant {
			f.SkipMerchants = append(f.SkipMerchants, m)
		}
	}
	free := ls.total - ls.inFlight
	if room := ls.total - ls.total/4 - ls.strangers; room > 0 {
		return f, min(free, room)
	}
	for name, l := range ls.byName {
		if l.proven && l.room(now) > 0 {
			f.OnlyLanes = append(f.OnlyLanes, name)
		}
	}
	if len(f.OnlyLanes) == 0 {
		return f, 0
	}
	return f, free
}

// start counts an attempt in.
func (ls *lanes) start(d Delivery, now time.Time) flight {
	l := ls.byName[d.Lane]
	if l == nil {
		l = &lane{}
		ls.byName[d.Lane] = l
	}
	l.inFlight++
	l.last = now
	ls.merchants[d.MerchantID]++
	ls.inFlight++
	f := flight{lane: d.Lane, merchant: d.MerchantID, stranger: !l.proven}
	if f.stranger {
		ls.strangers++
	}
	return f
}

// finish counts it out and lets the lane learn from it. It reports whether that
// opened the breaker of a lane that was not held back before.
func (ls *lanes) finish(f flight, v verdict, now time.Time) (opened bool) {
	ls.inFlight--
	if f.stranger {
		ls.strangers--
	}
	if ls.merchants[f.merchant]--; ls.merchants[f.merchant] == 0 {
		delete(ls.merchants, f.merchant)
	}
	l := ls.byName[f.lane]
	l.inFlight--
	l.last = now
	switch v {
	case good:
		l.proven, l.failures, l.openUntil = true, 0, time.Time{}
	case bad:
		l.proven = false
		l.failures++
		l.openUntil = now.Add(pause(l.failures))
		return l.failures == breakAfter
	}
	return false
}

// pause is how long a breaker stays open after that many failures in a row.
func pause(failures int) time.Duration {
	switch over := failures - breakAfter; {
	case over < 0:
		return 0
	case over >= 3: // 5, 10, 20, then 25 s
		return maxPause
	default:
		return firstPause << over
	}
}

// open counts the breakers that are open and says when the first will not be.
func (ls *lanes) open(now time.Time) (n int, first time.Duration) {
	for _, l := range ls.byName {
		left := l.openUntil.Sub(now)
		if left <= 0 {
			continue
		}
		if n++; n == 1 || left < first {
			first = left
		}
	}
	return n, first
}

// dead names the lanes whose breaker has opened and that have not answered since.
func (ls *lanes) dead() []string {
	var names []string
	for name, l := range ls.byName {
		if l.failures >= breakAfter {
			names = append(names, name)
		}
	}
	return names
}
