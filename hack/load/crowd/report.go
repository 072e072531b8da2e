package crowd

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"text/tabwriter"
	"time"
)

// The goals (performance: idle terminals; the herd is back within 60 s).
const (
	goalKB    = 15.0
	goalTimes = 1.2
	goalHerd  = 60.0
)

// Report is what came of it. Times are in seconds where nothing else is said.
type Report struct {
	Terminals int            `json:"terminals"`
	Rate      float64        `json:"rate"`
	Enrolled  float64        `json:"enrolledSeconds"` // migrating, starting and enrolling
	Storm     Storm          `json:"storm"`
	Memory    Memory         `json:"memory"`
	Idle      Idle           `json:"idle"`
	Sales     Sales          `json:"sales"`
	Herd      Herd           `json:"herd"`
	Repeats   int64          `json:"repeats"` // syncs and reports that were said again
	Strange   int64          `json:"strange"` // sales at a terminal that were not asked for there
	Ends      map[string]int `json:"ends"`    // of connections and tries, by why
}

// Storm is from the first try to connect until the last terminal was there. Tries
// begin within a second.
type Storm struct {
	Subscribed float64 `json:"subscribedSeconds"`
	Synced     float64 `json:"syncedSeconds"`
	Failures   int64   `json:"failures"`
	// Micros is the controller's CPU time for one terminal.
	Micros float64 `json:"controllerMicros"`
}

// Memory is the controller's: with nobody connected, with all, and with all after
// they have come back to a new process.
type Memory struct {
	Nobody memory `json:"nobody"`
	Idle   memory `json:"idle"`
	Again  memory `json:"again"`
}

// KB is what a connected terminal has of heap and stacks.
func (r Report) KB() float64 { return r.kb(r.Memory.Idle, memory.inUse) }

// Times is how much larger the controller is when all have come back, to a new
// process and after sales.
func (r Report) Times() float64 {
	return float64(r.Memory.Again.inUse()) / float64(max(1, r.Memory.Idle.inUse()))
}

func (m memory) inUse() int64    { return m.Heap + m.Stacks }
func (m memory) resident() int64 { return m.Resident }

func (r Report) kb(of memory, what func(memory) int64) float64 {
	return float64(what(of)-what(r.Memory.Nobody)) / 1024 / float64(max(1, r.Terminals))
}

// Idle is the controller's CPU time while terminals only beat; Cores is of one.
type Idle struct {
	Seconds float64 `json:"seconds"`
	Cores   float64 `json:"cores"`
}

// Sales is what became of sales. Times are in milliseconds from the moment that the
// schedule had for them: until the answer, and until the state reached the terminal.
type Sales struct {
	Asked    int            `json:"asked"`
	Accepted int            `json:"accepted"`
	Refused  map[string]int `json:"refused,omitempty"` // by code
	Unknown  int            `json:"unknown"`           // without an answer
	Skipped  int            `json:"skipped"`           // not asked: too many were open
	Told     int            `json:"told"`              // reached their terminal
	Arrived  int            `json:"arrived"`           // on glass, and the controller knows
	Ended    map[string]int `json:"ended,omitempty"`   // of the others, by reason
	Twice    int            `json:"twice"`             // on glass more than once
	Lost     int            `json:"lost"`

	AnsweredMillis quantiles `json:"answeredMillis"`
	ToldMillis     quantiles `json:"toldMillis"`
	LateMillis     quantiles `json:"lateMillis"` // this program itself
	Micros         float64   `json:"controllerMicros,omitempty"`
	lost           []string
}

// Herd is from the kill of the controller on.
type Herd struct {
	Ready      float64 `json:"readySeconds"`
	Subscribed float64 `json:"subscribedSeconds"`
	Synced     float64 `json:"syncedSeconds"`
	Sales      Sales   `json:"sales"`
	// Away is how many were not in sync when nobody waited any longer.
	Away int `json:"away"`
}

// quantiles are in milliseconds.
type quantiles struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

func quantilesOf(all []time.Duration) quantiles {
	if len(all) == 0 {
		return quantiles{}
	}
	slices.Sort(all)
	at := func(q float64) float64 {
		return float64(all[min(len(all)-1, int(q*float64(len(all))))].Microseconds()) / 1000
	}
	return quantiles{at(.5), at(.99), at(.999), at(1)}
}

// settled reports whether nothing is waited for any more: of each terminal the newest
// sale that was accepted has arrived. Those before it were replaced by it.
func (d *desk) settled() bool {
	newer := map[*terminal]bool{}
	for _, s := range slices.Backward(d.sales) {
		s.at.mu.Lock()
		taken, here := s.code == accepted, !s.arrived.IsZero()
		s.at.mu.Unlock()
		if taken && !here && !newer[s.at] {
			return false
		}
		newer[s.at] = newer[s.at] || taken
	}
	return true
}

// tally says what became of all sales; nobody sells any more. It asks the status
// route of those that did not arrive.
func (d *desk) tally(ctx context.Context) (Sales, error) {
	r := Sales{Asked: len(d.sales), Skipped: d.skipped, Refused: map[string]int{}, Ended: map[string]int{}}
	var answered, told, late []time.Duration
	var rest []*sale
	for _, s := range d.sales {
		late = append(late, s.late)
		s.at.mu.Lock()
		switch s.code {
		case accepted:
			r.Accepted++
			answered = append(answered, s.took)
		case unknown:
			r.Unknown++
		default:
			r.Refused[s.code]++
		}
		if !s.told.IsZero() {
			r.Told++
			told = append(told, s.told.Sub(s.due))
		}
		if s.presented > 1 {
			r.Twice++
		}
		switch {
		case !s.arrived.IsZero():
			r.Arrived++
		case s.code == accepted || s.code == unknown:
			rest = append(rest, s)
		}
		s.at.mu.Unlock()
	}
	r.AnsweredMillis, r.ToldMillis, r.LateMillis = quantilesOf(answered), quantilesOf(told), quantilesOf(late)
	return r, d.inquire(ctx, &r, rest)
}

// inquire asks what became of sales that did not arrive.
func (d *desk) inquire(ctx context.Context, r *Sales, rest []*sale) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan *sale)
	var mu sync.Mutex
	var asking sync.WaitGroup
	for range desks {
		asking.Go(func() {
			for s := range work {
				is, err := d.look(ctx, s)
				if err != nil {
					cancel(fmt.Errorf("ask for the status of %s: %w", s.id, err))
					continue
				}
				mu.Lock()
				r.judge(s, is, !s.at.moments().synced.IsZero())
				mu.Unlock()
			}
		})
	}
	for _, s := range rest {
		work <- s
	}
	close(work)
	asking.Wait()
	return context.Cause(ctx)
}

// judge says what a sale is that has not arrived; there is whether its terminal is
// in sync.
func (r *Sales) judge(s *sale, is standing, there bool) {
	switch {
	case s.code == unknown && is.Code == "INVALID_TRANSACTION_ID":
		r.Ended["never accepted"]++
	case is.Code == accepted && is.Data.Status != "PENDING" && is.Data.Status != "":
		r.Ended[is.Data.Status+" "+is.Data.ResponseCode]++
	case is.Code == accepted && is.Data.Status == "PENDING" && !there:
		r.Ended["waits for a terminal that is not back"]++
	default:
		r.Lost++
		r.lost = append(r.lost, fmt.Sprintf("%s at %s: the init was answered %q, the status is %s %s", s.id, s.at.id, s.code, is.Code, is.Data.Status))
	}
}

// print writes it for people.
func (r Report) print(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	line := func(name, form string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(form, args...)) }
	line("terminals", "%d, made and enrolled in %.1f s", r.Terminals, r.Enrolled)
	line("connect storm", "subscribed after %.2f s, in sync after %.2f s, %d tries failed, %.0f us of the controller's CPU time each", r.Storm.Subscribed, r.Storm.Synced, r.Storm.Failures, r.Storm.Micros)
	line("a terminal", "%.1f KB of heap and stacks (goal %.0f), %.1f KB resident", r.KB(), goalKB, r.kb(r.Memory.Idle, memory.resident))
	line("after the herd", "%.2f times the controller's heap and stacks (goal %.1f), %.1f KB resident a terminal", r.Times(), goalTimes, r.kb(r.Memory.Again, memory.resident))
	if r.Idle.Seconds > 0 {
		line("idle", "%.1f %% of a core, with a heartbeat each 15 s", 100*r.Idle.Cores)
	}
	line("herd", "ready after %.1f s, subscribed after %.1f s, in sync after %.1f s (goal %.0f), %d not back", r.Herd.Ready, r.Herd.Subscribed, r.Herd.Synced, goalHerd, r.Herd.Away)
	line("said again", "%d syncs and reports; %d sales came to a terminal that did not wait for them", r.Repeats, r.Strange)
	if err := t.Flush(); err != nil {
		return err
	}
	if r.Sales.Asked > 0 {
		fmt.Fprintf(out, "\n%.0f sales a second, undisturbed; %.0f us of the controller's CPU time each:\n", r.Rate, r.Sales.Micros)
		if err := r.Sales.print(out); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\n%.0f sales a second through the kill:\n", r.Rate)
	return r.Herd.Sales.print(out)
}

func (r Sales) print(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	line := func(name, form string, args ...any) { fmt.Fprintf(t, "  %s\t%s\n", name, fmt.Sprintf(form, args...)) }
	line("asked", "%d: accepted %d, refused %v, without an answer %d, not asked because too many were open %d", r.Asked, r.Accepted, r.Refused, r.Unknown, r.Skipped)
	line("on glass", "%d, %d of them more than once; the others: %v; lost %d", r.Arrived, r.Twice, r.Ended, r.Lost)
	times := func(name string, q quantiles) {
		line(name, "p50 %.1f ms, p99 %.1f, p99.9 %.1f, at most %.0f", q.P50, q.P99, q.P999, q.Max)
	}
	times("answered", r.AnsweredMillis)
	times("at the terminal", r.ToldMillis)
	times("asked late by", r.LateMillis)
	for i, what := range r.lost {
		if i == 5 {
			break
		}
		line("lost", "%s", what)
	}
	return t.Flush()
}
