package upi

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestSchedule: of both kinds the same number, in time's order, as many as the rate
// says; gaps that are all one, or those of a Poisson process, whose standard
// deviation is their mean.
func TestSchedule(t *testing.T) {
	t.Parallel()
	for _, gaps := range []string{poisson, even} {
		plan := newSchedule(10_000, 20*time.Second, gaps, rand.New(rand.NewPCG(1, 2)))
		n := float64(len(plan))
		if math.Abs(n-200_000) > 1500 { // three standard deviations
			t.Errorf("%s: %v arrivals", gaps, n)
		}
		var of [kinds]int
		var sum, squares float64
		last := time.Duration(0)
		for _, a := range plan {
			gap := (a.at - last).Seconds()
			if gap < 0 || a.at > 20*time.Second {
				t.Fatalf("%s: %v after %v", gaps, a.at, last)
			}
			of[a.kind]++
			last, sum, squares = a.at, sum+gap, squares+gap*gap
		}
		if d := of[validate] - of[pay]; d < 0 || d > 1 {
			t.Errorf("%s: %v", gaps, of)
		}
		mean := sum / n
		deviation := math.Sqrt(squares/n-mean*mean) / mean
		if want := map[string]float64{poisson: 1, even: 0}[gaps]; math.Abs(deviation-want) > .02 {
			t.Errorf("%s: the gaps' deviation is %.3f of their mean", gaps, deviation)
		}
	}
}

// TestScheduleAgain: the same dice throw the same schedule, so that two servers are
// asked the same.
func TestScheduleAgain(t *testing.T) {
	t.Parallel()
	a, b := newSchedule(500, time.Second, poisson, schedules()), newSchedule(500, time.Second, poisson, schedules())
	if !slices.Equal(a, b) {
		t.Error("another schedule")
	}
}
