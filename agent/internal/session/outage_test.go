package session

import (
	"context"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"pgregory.net/rapid"
)

func countDials(dialled *[]string) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, _, address string) (net.Conn, error) {
		*dialled = append(*dialled, address)
		return nil, errNobody
	}
}

// TestReconnects is DESIGN 3.3: the first try within 1 s, at most 5 s apart for
// the first minute, then backing off with jitter to a minute.
func TestReconnects(t *testing.T) {
	for name, how := range map[string]sessiontest.Behaviour{
		"refused":    {Unreachable: true},
		"swallowed":  {BlackHole: true},
		"mute":       {Mute: true},
		"no suback":  {NoSuback: true},
		"wrong name": {Connack: 4},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
				time.Sleep(time.Minute) // a steady link
				r.wantEvents("up", "state 1 answer true")
				r.ctrl.Broker.Behave(how)
				lost := time.Now()
				r.ctrl.Broker.Cut()
				time.Sleep(30 * time.Minute)
				tries := r.ctrl.Broker.Dials()[1:]
				if first := tries[0].Sub(lost); first > time.Second {
					t.Errorf("the first try comes after %v", first)
				}
				late := 0
				for i := 1; i < len(tries); i++ {
					gap, since := tries[i].Sub(tries[i-1]), tries[i-1].Sub(lost)
					low, high := time.Second, 5*time.Second
					if since >= time.Minute-connectTimeout { // the try ends in the second minute
						high = time.Minute
					}
					if since >= time.Minute {
						low = 5 * time.Second
						late++
					}
					if gap < low || gap > high {
						t.Errorf("%v after the loss a gap of %v, want %v to %v", since, gap, low, high)
					}
				}
				if last := tries[len(tries)-1].Sub(tries[len(tries)-2]); last < 30*time.Second {
					t.Errorf("the last gap is %v", last)
				}
				if late < 25 || late > 65 {
					t.Errorf("%d tries in the last 29 minutes", late)
				}
			})
		})
	}
}

// TestBands: whatever happens, a wait is within the band that is written down.
func TestBands(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(0, 0)
		brokers := rapid.IntRange(1, 5).Draw(t, "brokers")
		o := outage{brokers: brokers, since: now}
		late := 0
		var round time.Time
		for i := range rapid.IntRange(1, 60).Draw(t, "tries") {
			took := time.Duration(rapid.Int64Range(0, int64(connectTimeout)).Draw(t, "took"))
			begun := now
			now = now.Add(took)
			soon := now.Sub(o.since) < time.Minute
			from, low, high := round, time.Second, 5*time.Second
			switch {
			case i < brokers, soon && i%brokers != 0:
				from, low, high = begun, 0, time.Second
			case !soon:
				from = begun
				high = []time.Duration{10, 20, 40, 60}[min(late, 3)] * time.Second
				low = high / 2
				late++
			}
			wait := o.wait(begun, time.Time{}, now)
			passed := now.Sub(from)
			if gap := passed + wait; wait < 0 || gap < low || gap > max(high, passed) {
				t.Fatalf("try %d took %v and is followed after %v: want %v to %v from %v ago", i, took, wait, low, high, passed)
			}
			if took+wait > max(connectTimeout, time.Second) && soon {
				t.Fatalf("try %d is followed after %v", i, took+wait)
			}
			now = now.Add(wait)
			if i%brokers == 0 {
				round = now
			}
		}
	})
}

// TestFlapping: a link that comes and goes every second is one outage, so tries
// get fewer (failure matrix R24); one that was steady is not.
func TestFlapping(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	o := outage{brokers: 1, since: now}
	tries := 0
	for start := now; now.Sub(start) < 10*time.Minute; tries++ {
		up := now
		now = now.Add(time.Second)
		now = now.Add(o.wait(up, up, now))
	}
	if tries > 45 {
		t.Errorf("%d connections in ten minutes of flapping", tries)
	}
	up := now
	now = now.Add(steadyAfter)
	if wait := o.wait(up, up, now); wait > time.Second {
		t.Errorf("after a steady link it waits %v", wait)
	}
}

// TestNoHerd: 1,000 terminals lose one broker. All come back within a minute of
// its return, and never more than a few hundred in one second (failure matrix
// R24).
func TestNoHerd(t *testing.T) {
	t.Parallel()
	for _, down := range []time.Duration{0, 10 * time.Second, 5 * time.Minute, time.Hour} {
		back := make([]time.Duration, 0, 1000)
		for range 1000 {
			now := time.Unix(0, 0)
			o, begun := outage{brokers: 1, since: now}, now
			now = now.Add(o.wait(begun, now.Add(-time.Hour), now))
			for now.Sub(begun) < down {
				now = now.Add(o.wait(now, time.Time{}, now))
			}
			back = append(back, now.Sub(begun)-down)
		}
		if last := slices.Max(back); last > time.Minute {
			t.Errorf("down for %v: the last is back after %v", down, last)
		}
		perSecond := map[time.Duration]int{}
		for _, b := range back {
			perSecond[b.Truncate(time.Second)]++
		}
		for second, n := range perSecond {
			if down > 0 && n > 600 {
				t.Errorf("down for %v: %d come back in second %v", down, n, second)
			}
		}
	}
}

// TestTheFirstConnectionIsMadeAtOnce: a terminal presents within seconds of
// power-on.
func TestTheFirstConnectionIsMadeAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		r := startSilent(t)
		defer r.ctrl.Broker.Close()
		defer r.stop()
		r.wantEvents("up")
		if took := time.Since(begun); took != 0 {
			t.Fatalf("connected after %v", took)
		}
	})
}
