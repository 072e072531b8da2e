package upi

import (
	"maps"
	"math"
	"slices"
	"time"
)

// tally is what came of a schedule. Each of its arrivals is counted once: answered
// 00, or by what went wrong.
type tally struct {
	of [kinds]outcome
	// late is by how much each request was sent after its moment, for want of a
	// connection or of the CPU.
	late []time.Duration
	// opened is how many connections were made, and waited how many requests found
	// none.
	opened, waited int
	took           time.Duration // from the schedule's begin to the last answer
}

// outcome is that of one kind of message.
type outcome struct {
	arrivals int
	good     int             // answered 00
	inTime   int             // and within the kind's goal
	took     []time.Duration // of every arrival; the limit for one that was not answered 00
	failures map[string]int
}

func newTally(plan []arrival) *tally {
	t := &tally{late: make([]time.Duration, 0, len(plan))}
	for _, a := range plan {
		t.of[a.kind].arrivals++
	}
	for k := range t.of {
		t.of[k].took = make([]time.Duration, 0, t.of[k].arrivals)
		t.of[k].failures = map[string]int{}
	}
	return t
}

func (t *tally) good(k kind, took time.Duration) {
	o := &t.of[k]
	o.good++
	if took <= k.goal() {
		o.inTime++
	}
	o.took = append(o.took, took)
}

func (t *tally) failed(k kind, why string, limit time.Duration) {
	o := &t.of[k]
	o.failures[why]++
	o.took = append(o.took, limit)
}

// finish sorts what is asked of it next.
func (t *tally) finish(took time.Duration) {
	t.took = took
	slices.Sort(t.late)
	for k := range t.of {
		slices.Sort(t.of[k].took)
	}
}

// quantile is the least value that a share q of all sorted values does not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	n := int(math.Ceil(q*float64(len(sorted)) - 1e-6)) // .999 is not quite .999
	return sorted[min(max(n, 1), len(sorted))-1]
}

// worst lists failures, the most frequent first.
func (o outcome) worst() []string {
	names := slices.Sorted(maps.Keys(o.failures))
	slices.SortStableFunc(names, func(a, b string) int { return o.failures[b] - o.failures[a] })
	return names
}
