package callback

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The schedule as the contract words it: gaps of 1, 2, 4, 8 s and so on up to
// 1 h, +-20 %.
func TestGaps(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		attempt                int
		shortest, mid, longest time.Duration
	}{
		{1, 800 * time.Millisecond, time.Second, 1200 * time.Millisecond},
		{2, 1600 * time.Millisecond, 2 * time.Second, 2400 * time.Millisecond},
		{3, 3200 * time.Millisecond, 4 * time.Second, 4800 * time.Millisecond},
		{4, 6400 * time.Millisecond, 8 * time.Second, 9600 * time.Millisecond},
		{11, 819200 * time.Millisecond, 1024 * time.Second, 1228800 * time.Millisecond},
		{12, 1638400 * time.Millisecond, 2048 * time.Second, 2457600 * time.Millisecond},
		{13, 48 * time.Minute, time.Hour, 72 * time.Minute},
		{14, 48 * time.Minute, time.Hour, 72 * time.Minute},
		{63, 48 * time.Minute, time.Hour, 72 * time.Minute},
		{64, 48 * time.Minute, time.Hour, 72 * time.Minute},
		{1 << 40, 48 * time.Minute, time.Hour, 72 * time.Minute},
		{0, 800 * time.Millisecond, time.Second, 1200 * time.Millisecond},
		{-1, 800 * time.Millisecond, time.Second, 1200 * time.Millisecond},
	} {
		if got := gap(tt.attempt, 0); got != tt.shortest {
			t.Errorf("gap(%d, 0) = %v, want %v", tt.attempt, got, tt.shortest)
		}
		if got := gap(tt.attempt, 0.5); got != tt.mid {
			t.Errorf("gap(%d, 0.5) = %v, want %v", tt.attempt, got, tt.mid)
		}
		if got := gap(tt.attempt, 0.999999999999); got > tt.longest || got < tt.longest-time.Millisecond {
			t.Errorf("gap(%d, 1) = %v, want %v", tt.attempt, got, tt.longest)
		}
	}
}

// Whatever the jitter and however long the attempts take: gaps stay within
// their bounds, no attempt begins later than 24 h after the first, and the dead
// letter comes when another gap would not fit.
func TestScheduleEndsWithinADay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var age time.Duration
		for n := 1; ; n++ {
			if age > 24*time.Hour {
				t.Fatalf("attempt %d begins at %v", n, age)
			}
			age += time.Duration(rapid.Int64Range(0, int64(SendTimeout+renderTimeout)).Draw(t, "took"))
			state, next := after(n, age, rapid.Float64Range(0, 0.9999999).Draw(t, "jitter"))
			nominal := time.Hour
			if n < 13 {
				nominal = time.Second << (n - 1)
			}
			if state == StateDead {
				if next != 0 || age < 24*time.Hour-72*time.Minute {
					t.Fatalf("dead at %v, next %v", age, next)
				}
				if n < 30 || n > 50 {
					t.Fatalf("dead after %d attempts", n)
				}
				return
			}
			if state != StatePending || next < nominal*8/10 || next > nominal*12/10 {
				t.Fatalf("attempt %d: %s after %v, want %v +-20 %%", n, state, next, nominal)
			}
			age += next
		}
	})
}

// A row that nobody could send for days is tried once more and then given up.
func TestScheduleAfterALongOutage(t *testing.T) {
	t.Parallel()
	if state, _ := after(3, 48*time.Hour, 0.5); state != StateDead {
		t.Errorf("third attempt at 48 h fails: %s, want dead", state)
	}
	if state, _ := after(1, 0, 0.5); state != StatePending {
		t.Errorf("first attempt fails: %s, want pending", state)
	}
}
