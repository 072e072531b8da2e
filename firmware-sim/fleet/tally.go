package fleet

import (
	"math"
	"slices"
	"sync"
	"time"
)

// Kinds of what a terminal connects after.
const (
	afterStart   = "start"   // the first power of all
	afterPower   = "power"   // a power cut
	afterNetwork = "network" // a network cut
	afterLoss    = "loss"    // a link that nobody here cut: the controller was away
)

// Tally is what was counted. In JSON it is how a child tells its parent.
type Tally struct {
	Terminals   int            `json:"terminals"`
	Connected   int            `json:"connected"` // now
	PowerCuts   int            `json:"powerCuts"`
	NetworkCuts int            `json:"networkCuts"`
	Sales       Sales          `json:"sales"`
	Shown       int            `json:"shown"`     // payments that a screen showed as paid
	FalsePaid   int            `json:"falsePaid"` // of which the controller says otherwise
	Errors      map[string]int `json:"errors"`
	Goroutines  int            `json:"goroutines"` // that the terminals have
	Bytes       int64          `json:"bytes"`      // of memory that the terminals have
	// Connects are the times that terminals took to connect, in milliseconds, by
	// what they connected after; Glass those from the API to the glass.
	Connects map[string][]float64 `json:"connects"`
	Glass    []float64            `json:"glass"`
}

// Sales counts what became of the sales that were asked for.
type Sales struct {
	Asked     int `json:"asked"`
	Presented int `json:"presented"`
	Paid      int `json:"paid"`      // the customer was told so
	ShownPaid int `json:"shownPaid"` // and the terminal
	// Succeeded are those of which the controller says SUCCESS in the end.
	Succeeded int `json:"succeeded"`
	// Unchecked are those of Paid that nobody could look up, because their process
	// died.
	Unchecked int `json:"unchecked"`
}

// add counts b into t.
func (t *Tally) add(b Tally) {
	t.Terminals += b.Terminals
	t.Connected += b.Connected
	t.PowerCuts += b.PowerCuts
	t.NetworkCuts += b.NetworkCuts
	t.Sales.Asked += b.Sales.Asked
	t.Sales.Presented += b.Sales.Presented
	t.Sales.Paid += b.Sales.Paid
	t.Sales.ShownPaid += b.Sales.ShownPaid
	t.Sales.Succeeded += b.Sales.Succeeded
	t.Sales.Unchecked += b.Sales.Unchecked
	t.Shown += b.Shown
	t.FalsePaid += b.FalsePaid
	t.Goroutines += b.Goroutines
	t.Bytes += b.Bytes
	t.Glass = append(t.Glass, b.Glass...)
	for kind, n := range b.Errors {
		t.fail(kind, n)
	}
	for kind, all := range b.Connects {
		if t.Connects == nil {
			t.Connects = map[string][]float64{}
		}
		t.Connects[kind] = append(t.Connects[kind], all...)
	}
}

func (t *Tally) fail(kind string, n int) {
	if t.Errors == nil {
		t.Errors = map[string]int{}
	}
	t.Errors[kind] += n
}

// clone is a copy that shares nothing.
func (t *Tally) clone() Tally {
	var c Tally
	c.add(*t)
	return c
}

// maxSamples bounds what is kept of each kind: later ones are counted no more.
const maxSamples = 1 << 20

// counter is a Tally that many count in.
type counter struct {
	mu sync.Mutex
	t  Tally
}

// count changes the tally.
func (c *counter) count(f func(*Tally)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.t)
}

func (c *counter) fail(kind string) { c.count(func(t *Tally) { t.fail(kind, 1) }) }

func (c *counter) connected(kind string, took time.Duration) {
	c.count(func(t *Tally) {
		if t.Connects == nil {
			t.Connects = map[string][]float64{}
		}
		t.Connects[kind] = keep(t.Connects[kind], took)
	})
}

func (c *counter) glass(took time.Duration) {
	c.count(func(t *Tally) { t.Glass = keep(t.Glass, took) })
}

func keep(samples []float64, took time.Duration) []float64 {
	if len(samples) >= maxSamples {
		return samples
	}
	return append(samples, float64(took.Microseconds())/1000)
}

func (c *counter) tally() Tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t.clone()
}

// Times are the times that something took, in milliseconds.
type Times struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50Ms"`
	P99   float64 `json:"p99Ms"`
	Max   float64 `json:"maxMs"`
}

// timesOf sums samples up. A percentile is the smallest sample that at least that
// part of all is not above.
func timesOf(samples []float64) Times {
	if len(samples) == 0 {
		return Times{}
	}
	sorted := slices.Sorted(slices.Values(samples))
	at := func(part float64) float64 {
		return sorted[int(math.Ceil(part*float64(len(sorted))))-1]
	}
	return Times{Count: len(sorted), P50: at(0.50), P99: at(0.99), Max: sorted[len(sorted)-1]}
}
