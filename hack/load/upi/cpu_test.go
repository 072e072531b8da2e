package upi

import (
	"os"
	"testing"
	"time"
)

// TestParseProcess: names hold spaces and brackets; user and system time are fields
// 14 and 15, and the children's 16 and 17, in hundredths of a second.
func TestParseProcess(t *testing.T) {
	t.Parallel()
	got, err := parseProcess([]byte("4242 (postgres: (load) w) S 17 4242 4242 0 -1 4194560 1 2 3 4 150 50 7 3 20 0 1 0 12345 1 2 3\n"))
	if want := (process{"postgres: (load) w", 17, 2 * time.Second, 100 * time.Millisecond}); err != nil || got != want {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
	for _, text := range []string{"", "1 (a S 1", "1 a) (S 1", "1 (a) S 1 2 3", "1 (a) S one 2 3 4 5 6 7 8 9 10 11 12 13 14 15", "1 (a) S 1 2 3 4 5 6 7 8 9 10 x 12 13 14 15"} {
		if got, err := parseProcess([]byte(text)); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// TestTreeTime: a process, what it started and what that left behind.
func TestTreeTime(t *testing.T) {
	t.Parallel()
	all := map[int]process{
		1: {"init", 0, time.Hour, time.Hour}, 10: {"postgres", 1, 1, 20}, 11: {"backend", 10, 300, 0}, 12: {"backend", 10, 4000, 50000}, 13: {"worker", 12, 600000, 0},
		20: {"postgres", 1, time.Hour, time.Hour},
	}
	if got, err := treeTime(all, 10); err != nil || got != 654321 {
		t.Errorf("%d %v", got, err)
	}
	if _, err := treeTime(all, 99); err == nil {
		t.Error("of a process that is gone")
	}
}

// TestParseMachine: idle and waiting for a disk are not busy, stolen time is neither;
// guests are counted in user time.
func TestParseMachine(t *testing.T) {
	t.Parallel()
	got, err := parseMachine("cpu  100 20 30 4000 500 6 7 80 9 9")
	if want := (machine{163 * tick, 80 * tick, 4743 * tick}); err != nil || got != want {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
	for _, line := range []string{"", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2 3 4 5 6 7", "cpu 1 2 3 4 x 6 7 8"} {
		if got, err := parseMachine(line); err == nil {
			t.Errorf("%q: %+v", line, got)
		}
	}
}

// TestUsage: what a process uses is its own and not others'.
func TestUsage(t *testing.T) {
	t.Parallel()
	before, err := takeUsage(os.Getpid(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ { // until it is seen: work is what moves the counter, not time
		after, err := takeUsage(os.Getpid(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if used := after.since(before); used.server >= 3*tick {
			if used.own < used.server-3*tick || used.postgres != 0 || used.others() < 0 || used.others() > 1 || used.whole < used.busy {
				t.Errorf("%+v", used)
			}
			return
		}
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	u := usage{server: 30, postgres: 20, own: 10, machine: machine{busy: 80, steal: 5, whole: 100}}
	if u.others() != .2 || u.stolen() != .05 || (usage{}).others() != 0 || (usage{}).stolen() != 0 {
		t.Errorf("%v %v", u.others(), u.stolen())
	}
	u.server = 90 // ticks are coarse
	if u.others() != 0 {
		t.Errorf("%v", u.others())
	}
}
