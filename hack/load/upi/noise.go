package upi

import (
	"context"
	"sync"
	"time"
)

const (
	// lookEvery is how long a probe sleeps between two looks at the clock.
	lookEvery = 5 * time.Millisecond
	// stall is by how much it must oversleep, for no reason of ours, to have been
	// kept from its core. Timers are late by a twentieth of that.
	stall = time.Millisecond
	// mostNoise is above what a run that missed its goals has no verdict: of all CPU
	// time, what others had, and of the wall's, the stalls. A run that leaves no core
	// idle misses what was taken from it.
	mostNoise = .05
)

// noise is what somebody else did to a run, in shares of 1.
type noise struct {
	Others  float64 `json:"others"`  // of all CPU time: other programs of this machine
	Steal   float64 `json:"steal"`   // of all CPU time: other guests of the host, as the kernel is told
	Stalled float64 `json:"stalled"` // of the wall's time: no core for a probe that no program of ours kept from it
}

// stolen is all of it. A stall is steal that the host may or may not have told of.
func (n noise) stolen() float64 { return n.Others + max(n.Steal, n.Stalled) }

func (n noise) tooMuch() bool { return n.stolen() > mostNoise }

// look is one look at the clock of a probe that wanted to sleep for lookEvery.
type look struct {
	slept time.Duration // by the clock
	queue time.Duration // and how long of that it was ready and programs had the cores
}

// lost is for how long the machine did not run.
func (l look) lost() time.Duration {
	if over := l.slept - lookEvery - l.queue; over > stall {
		return over
	}
	return 0
}

// watchStalls has a probe on each core until ctx ends, and returns the share of the
// time that the worst one lost. It costs next to nothing: a look takes some
// ten microseconds, two hundred times a second. One that spun instead would see every
// stall, and take from the server what it is there to see taken. Where it cannot be told why a probe overslept,
// it is 0.
func watchStalls(ctx context.Context, cores int) (share func() float64) {
	var mu sync.Mutex
	var worst float64
	var all sync.WaitGroup
	for core := range cores {
		all.Go(func() {
			begin := time.Now()
			var lost time.Duration
			if probe(ctx, core, func(l look) { lost += l.lost() }) != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			worst = max(worst, float64(lost)/float64(time.Since(begin)))
		})
	}
	return func() float64 {
		all.Wait()
		mu.Lock()
		defer mu.Unlock()
		return worst
	}
}
