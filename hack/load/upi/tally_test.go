package upi

import (
	"slices"
	"testing"
	"time"
)

// TestQuantile: the least value that at least the share q of all do not exceed, by
// counting.
func TestQuantile(t *testing.T) {
	t.Parallel()
	d := dice()
	for range 40 {
		values := make([]time.Duration, 1+d.IntN(1200))
		for i := range values {
			values[i] = time.Duration(d.IntN(400))
		}
		slices.Sort(values)
		for thousandths := range 1001 {
			want := values[len(values)-1]
			for i, v := range values {
				if (i+1)*1000 >= thousandths*len(values) {
					want = v
					break
				}
			}
			if got := quantile(values, float64(thousandths)/1000); got != want {
				t.Fatalf("%d thousandths of %d values: %d, want %d", thousandths, len(values), got, want)
			}
		}
	}
	if quantile(nil, .5) != 0 {
		t.Error("of nothing")
	}
}

// TestTally: each arrival is counted once; one that failed has waited for the whole
// limit, however soon it was refused.
func TestTally(t *testing.T) {
	t.Parallel()
	plan := newSchedule(1000, time.Second, even, dice())[:9]
	x := newTally(plan)
	x.good(validate, 100*time.Millisecond)
	x.good(validate, 101*time.Millisecond)
	x.good(pay, 150*time.Millisecond)
	x.failed(validate, failLate, time.Second)
	x.failed(pay, "code ZD", time.Second)
	x.failed(pay, failPool, time.Second)
	x.failed(pay, failPool, time.Second)
	x.finish(time.Second)
	v, p := x.of[validate], x.of[pay]
	if v.arrivals != 5 || v.good != 2 || v.inTime != 1 || p.arrivals != 4 || p.good != 1 || p.inTime != 1 || x.counted() != 7 ||
		quantile(p.took, .5) != time.Second || quantile(v.took, .1) != 100*time.Millisecond ||
		!slices.Equal(p.worst(), []string{failPool, "code ZD"}) || p.failures[failPool] != 2 {
		t.Errorf("%+v", x)
	}
}

// counted is how many arrivals came to an end.
func (t *tally) counted() int {
	n := 0
	for _, o := range t.of {
		n += o.good
		for _, f := range o.failures {
			n += f
		}
	}
	return n
}
