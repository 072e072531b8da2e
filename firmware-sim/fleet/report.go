package fleet

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what came of a fleet.
type Report struct {
	Terminals   int              `json:"terminals"`
	Connected   int              `json:"connected"` // in the end
	Processes   int              `json:"processes"`
	Seconds     float64          `json:"seconds"`
	PowerCuts   int              `json:"powerCuts"`
	NetworkCuts int              `json:"networkCuts"`
	Connects    map[string]Times `json:"connects"`   // by what they connected after: start, power, network, loss
	Reconnects  Times            `json:"reconnects"` // all of those but after the start
	Sales       Sales            `json:"sales"`
	Glass       Times            `json:"apiToGlass"`
	Shown       int              `json:"shownPaid"` // PAIDs that were on screens and looked up
	FalsePaid   int              `json:"falsePaid"` // of which the controller says otherwise
	Errors      map[string]int   `json:"errors"`
	// KiB and goroutines of one terminal, in the end.
	KiB        float64 `json:"kibPerTerminal"`
	Goroutines float64 `json:"goroutinesPerTerminal"`
	Stopped    bool    `json:"stopped"` // before its time, so that nobody waited for all to be connected
}

// reportOf sums a tally up.
func reportOf(t Tally, processes int, took time.Duration, stopped bool) Report {
	r := Report{
		Terminals: t.Terminals, Connected: t.Connected, Processes: processes, Seconds: took.Round(time.Millisecond).Seconds(),
		PowerCuts: t.PowerCuts, NetworkCuts: t.NetworkCuts, Sales: t.Sales, Glass: timesOf(t.Glass),
		Shown: t.Shown, FalsePaid: t.FalsePaid, Errors: t.Errors, Connects: map[string]Times{}, Stopped: stopped,
	}
	var again []float64
	for kind, samples := range t.Connects {
		r.Connects[kind] = timesOf(samples)
		if kind != afterStart {
			again = append(again, samples...)
		}
	}
	r.Reconnects = timesOf(again)
	if r.Errors == nil {
		r.Errors = map[string]int{}
	}
	if t.Terminals > 0 {
		r.KiB = float64(t.Bytes) / 1024 / float64(t.Terminals)
		r.Goroutines = float64(t.Goroutines) / float64(t.Terminals)
	}
	return r
}

// Good reports whether the fleet ended as it must: no PAID was false, every sale
// that a customer paid succeeded and no other, and, unless it was stopped, every
// terminal was connected.
func (r Report) Good() bool {
	return r.FalsePaid == 0 && r.Sales.Succeeded == r.Sales.Paid-r.Sales.Unchecked && (r.Stopped || r.Connected == r.Terminals)
}

// Fprint writes the report for people.
func (r Report) Fprint(w io.Writer) {
	fmt.Fprintf(w, "\nfleet of %d terminals in %d process(es), %.1f s\n", r.Terminals, r.Processes, r.Seconds)
	connected := fmt.Sprintf("%d of %d in the end", r.Connected, r.Terminals)
	if r.Stopped {
		connected = fmt.Sprintf("%d of %d when it was stopped", r.Connected, r.Terminals)
	}
	fmt.Fprintf(w, "  connected      %s\n", connected)
	fmt.Fprintf(w, "  disturbed      %d power cuts, %d network cuts\n", r.PowerCuts, r.NetworkCuts)
	for _, row := range []struct{ kind, name string }{
		{afterStart, "joined"}, {afterPower, "after power"}, {afterNetwork, "after network"}, {afterLoss, "after a loss"},
	} {
		if t, ok := r.Connects[row.kind]; ok {
			fmt.Fprintf(w, "  %-13s  %s\n", row.name, t)
		}
	}
	fmt.Fprintf(w, "  sales          %d asked, %d presented, %d paid, %d shown as paid; the controller says SUCCESS of %d\n",
		r.Sales.Asked, r.Sales.Presented, r.Sales.Paid, r.Sales.ShownPaid, r.Sales.Succeeded)
	if r.Sales.Unchecked > 0 {
		fmt.Fprintf(w, "                 %d paid ones could not be looked up: their process died\n", r.Sales.Unchecked)
	}
	if r.Glass.Count > 0 {
		fmt.Fprintf(w, "  API to glass   %s\n", r.Glass)
	}
	fmt.Fprintf(w, "  false PAID     %d of %d\n", r.FalsePaid, r.Shown)
	fmt.Fprintf(w, "  a terminal     %.0f KiB, %.1f goroutines\n", r.KiB, r.Goroutines)
	var errors []string
	for _, kind := range slices.Sorted(maps.Keys(r.Errors)) {
		errors = append(errors, fmt.Sprintf("%d x %s", r.Errors[kind], kind))
	}
	if len(errors) == 0 {
		errors = []string{"none"}
	}
	fmt.Fprintf(w, "  errors         %s\n", strings.Join(errors, "; "))
}

// String is how times are written for people.
func (t Times) String() string {
	return fmt.Sprintf("p50 %.0f ms, p99 %.0f ms, at most %.0f ms, of %d", t.P50, t.P99, t.Max, t.Count)
}
