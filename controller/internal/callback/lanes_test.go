package callback

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

func row(merchant, host string) Delivery {
	return Delivery{MerchantID: merchant, Lane: merchant + " " + host}
}

// The breaker of one lane, failure by failure.
func TestBreaker(t *testing.T) {
	t.Parallel()
	ls, now := newLanes(8), noon
	fail := func() {
		ls.finish(ls.start(row("M1", "dead"), now), bad, now)
	}
	shut := func() bool {
		f, _ := ls.filter(now)
		return slices.Contains(f.SkipLanes, "M1 dead")
	}
	for n, open := range []time.Duration{0, 0, 0, 0, 5 * time.Second, 10 * time.Second, 20 * time.Second,
		25 * time.Second, 25 * time.Second, 25 * time.Second} {
		fail()
		if shut() != (open > 0) {
			t.Fatalf("after failure %d: shut is %v", n+1, shut())
		}
		count, reopens := ls.open(now)
		if reopens != open || (count == 1) != (open > 0) {
			t.Fatalf("after failure %d: %d open for %v, want %v", n+1, count, reopens, open)
		}
		if open == 0 {
			continue
		}
		now = now.Add(open - 1)
		if !shut() {
			t.Fatalf("after failure %d: let through before %v", n+1, open)
		}
		now = now.Add(1)
		if shut() {
			t.Fatalf("after failure %d: still shut after %v", n+1, open)
		}
		// Half open: one probe, and no second beside it.
		probe := ls.start(row("M1", "dead"), now)
		if !shut() {
			t.Fatal("a second probe is let through")
		}
		ls.finish(probe, neutral, now)
	}
	if dead := ls.dead(); !slices.Equal(dead, []string{"M1 dead"}) {
		t.Fatalf("dead lanes %v", dead)
	}
	now = now.Add(maxPause)
	ls.finish(ls.start(row("M1", "dead"), now), good, now)
	if n, _ := ls.open(now); shut() || n != 0 || len(ls.dead()) != 0 {
		t.Fatal("a lane that answered is shut")
	}
}

// The breaker shuts for less than the gap that a lone row waits anyway, and for
// less than 30 s with the probe's own time.
func TestBreakerDelaysNoLoneRow(t *testing.T) {
	t.Parallel()
	for n := 1; n < 100; n++ {
		if pause(n) > gap(n, 0) {
			t.Errorf("after failure %d the breaker is open %v, the row waits %v", n, pause(n), gap(n, 0))
		}
		if pause(n)+SendTimeout > 30*time.Second {
			t.Errorf("after failure %d a server that is back waits %v", n, pause(n)+SendTimeout)
		}
	}
}

// A lane has one place until it has answered, then its merchant's two; a
// merchant has two over all its lanes.
func TestPlaces(t *testing.T) {
	t.Parallel()
	ls := newLanes(100)
	skips := func(lane, merchant bool) {
		t.Helper()
		f, limit := ls.filter(noon)
		if limit == 0 || slices.Contains(f.SkipLanes, "M1 a") != lane || slices.Contains(f.SkipMerchants, "M1") != merchant {
			t.Fatalf("filter %+v, limit %d; want lane skipped %v, merchant %v", f, limit, lane, merchant)
		}
	}
	skips(false, false)
	first := ls.start(row("M1", "a"), noon)
	skips(true, false)
	ls.finish(first, good, noon)
	skips(false, false)
	first = ls.start(row("M1", "a"), noon)
	skips(false, false)
	second := ls.start(row("M1", "a"), noon)
	skips(true, true)
	ls.finish(first, bad, noon) // one still in flight, and no longer proven
	skips(true, false)
	third := ls.start(row("M1", "b"), noon)
	skips(true, true)
	ls.finish(second, good, noon)
	ls.finish(third, good, noon)
	skips(false, false)
}

// When three quarters are taken by lanes that have not answered, the last
// quarter takes only lanes that have.
func TestReserve(t *testing.T) {
	t.Parallel()
	ls := newLanes(8)
	ls.finish(ls.start(row("good", "a"), noon), good, noon)
	for i := range 6 {
		if f, limit := ls.filter(noon); limit != 6-i || f.OnlyLanes != nil {
			t.Fatalf("with %d strangers: filter %+v, limit %d", i, f, limit)
		}
		ls.start(row(fmt.Sprint("dead", i), "a"), noon)
	}
	f, limit := ls.filter(noon)
	if limit != 2 || !slices.Equal(f.OnlyLanes, []string{"good a"}) {
		t.Fatalf("filter %+v, limit %d; want the good lane alone", f, limit)
	}
	ls.start(row("good", "a"), noon)
	ls.start(row("good", "a"), noon)
	if _, limit = ls.filter(noon); limit != 0 {
		t.Fatalf("limit %d with every place taken", limit)
	}
}

func TestQuietLanesAreForgotten(t *testing.T) {
	t.Parallel()
	ls := newLanes(8)
	ls.finish(ls.start(row("M1", "a"), noon), bad, noon)
	stuck := ls.start(row("M2", "a"), noon)
	ls.filter(noon.Add(forgetAfter))
	if len(ls.byName) != 2 {
		t.Fatalf("%d lanes are remembered, want 2", len(ls.byName))
	}
	ls.filter(noon.Add(forgetAfter + 1))
	if len(ls.byName) != 1 || ls.byName["M2 a"] == nil {
		t.Fatalf("lanes %v, want the one in flight", ls.byName)
	}
	ls.finish(stuck, bad, noon.Add(time.Hour))
}

// Any order of starts and ends keeps the bounds, so long as what is started
// passed the filter, as the outbox sees to.
func TestLanesKeepTheirBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.IntRange(1, 12).Draw(t, "total")
		ls, now := newLanes(total), noon
		var flying []flight
		t.Repeat(map[string]func(*rapid.T){
			"start": func(t *rapid.T) {
				f, limit := ls.filter(now)
				d := row(rapid.SampledFrom([]string{"M1", "M2", "M3", "M4", "M5", "M6"}).Draw(t, "merchant"),
					rapid.SampledFrom([]string{"a", "b"}).Draw(t, "host"))
				if limit == 0 || slices.Contains(f.SkipLanes, d.Lane) || slices.Contains(f.SkipMerchants, d.MerchantID) ||
					f.OnlyLanes != nil && !slices.Contains(f.OnlyLanes, d.Lane) {
					return // not let through
				}
				if l := ls.byName[d.Lane]; l != nil && now.Before(l.openUntil) {
					t.Fatalf("%s is let through an open breaker", d.Lane)
				}
				flying = append(flying, ls.start(d, now))
			},
			"finish": func(t *rapid.T) {
				if len(flying) == 0 {
					return
				}
				i := rapid.IntRange(0, len(flying)-1).Draw(t, "which")
				v := rapid.SampledFrom([]verdict{good, bad, bad, neutral}).Draw(t, "verdict")
				ls.finish(flying[i], v, now)
				flying = slices.Delete(flying, i, i+1)
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "seconds")) * time.Second)
			},
			"": func(t *rapid.T) {
				merchants, strangers := map[string]int{}, 0
				for _, f := range flying {
					merchants[f.merchant]++
					if f.stranger {
						strangers++
					}
				}
				for m, n := range merchants {
					if n > PerMerchant || ls.merchants[m] != n {
						t.Fatalf("merchant %s has %d in flight, counted %d", m, n, ls.merchants[m])
					}
				}
				if len(ls.merchants) != len(merchants) || ls.inFlight != len(flying) || ls.strangers != strangers {
					t.Fatalf("counted %d, %d, %d; are %d, %d, %d", len(ls.merchants), ls.inFlight, ls.strangers,
						len(merchants), len(flying), strangers)
				}
				if len(flying) > total || strangers > total-total/4 {
					t.Fatalf("%d in flight, %d strangers, of %d", len(flying), strangers, total)
				}
			},
		})
	})
}
