package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// spinFor is how long the probe spins on every core.
	spinFor = 100 * time.Millisecond
	// stall is a gap between two looks at the clock in which somebody else had the
	// core: a look takes some 50 ns.
	stall = time.Millisecond
	// Above these a time was too noisy to judge: of the spinning, and of all CPU
	// time while a benchmark ran.
	mostStalled = .10
	mostOthers  = .15
)

// noise is what somebody else did to a measurement.
type noise struct {
	Stalled float64 `json:"stalled"` // share of an idle time's spinning that was taken away, the worst
	Others  float64 `json:"others"`  // share of all CPU time that others had while it ran, the worst
}

func (n noise) tooMuch() bool { return n.Stalled > mostStalled || n.Others > mostOthers }

func (n *noise) worse(o noise) {
	n.Stalled, n.Others = max(n.Stalled, o.Stalled), max(n.Others, o.Others)
}

// spin looks at the clock on every core while nothing of ours runs, and returns the
// share of the time that somebody else had.
func spin() float64 {
	var mu sync.Mutex
	var worst time.Duration
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			begin := time.Now()
			last, lost := begin, time.Duration(0)
			for now := begin; now.Sub(begin) < spinFor; now = time.Now() {
				if gap := now.Sub(last); gap > stall {
					lost += gap
				}
				last = now
			}
			mu.Lock()
			defer mu.Unlock()
			worst = max(worst, lost)
		})
	}
	all.Wait()
	return float64(worst) / float64(spinFor)
}

// calm spins until nobody else wants the cores, such as a server of the last row
// that is still ending, or for five seconds; it returns what it saw last.
func calm() float64 {
	stalled := spin()
	for end := time.Now().Add(5 * time.Second); stalled > mostStalled && time.Now().Before(end); {
		time.Sleep(200 * time.Millisecond)
		stalled = spin()
	}
	return stalled
}

// usage is CPU time: all of the machine's that was not idle, stolen time with it,
// and what this process had and what has ended of all that it ever started.
type usage struct{ busy, ours, whole time.Duration }

// others is the share that others had between before and u.
func (u usage) others(before usage) float64 {
	whole := u.whole - before.whole
	if whole <= 0 {
		return 0
	}
	return max(0, float64((u.busy-before.busy)-(u.ours-before.ours))/float64(whole))
}

// tick is what /proc counts in: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// cpu reads the machine's counters. Where there is no /proc, nothing is known, and
// the spinning alone judges.
func cpu() (usage, error) {
	f, err := os.Open("/proc/stat")
	if os.IsNotExist(err) {
		return usage{}, nil
	}
	if err != nil {
		return usage{}, err
	}
	defer f.Close()
	line, err := bufio.NewReader(f).ReadString('\n')
	if err != nil {
		return usage{}, err
	}
	u, err := readStat(line)
	if err != nil {
		return usage{}, err
	}
	u.ours, err = ownTime()
	return u, err
}

// readStat reads the first line of /proc/stat: user nice system idle iowait irq
// softirq steal; the guests after them are in user already.
func readStat(line string) (usage, error) {
	words := strings.Fields(line)
	if len(words) < 9 || words[0] != "cpu" {
		return usage{}, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var u usage
	for i, word := range words[1:9] {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return usage{}, fmt.Errorf("/proc/stat: %w", err)
		}
		u.whole += time.Duration(n) * tick
		if i != 3 && i != 4 {
			u.busy += time.Duration(n) * tick
		}
	}
	return u, nil
}
