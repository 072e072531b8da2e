package upi

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// leastGoodput is the share of requests that are answered 00 in time of a run that
// is good (performance: whole-program goals).
const leastGoodput = .99

// The verdicts.
const (
	verdictOK    = "ok"
	verdictShort = "short"
	verdictNoisy = "too noisy"
)

// report is what is known of one run.
type report struct {
	Rate    float64      `json:"rate"`    // a second, of the schedule
	Seconds float64      `json:"seconds"` // of the schedule
	Gaps    string       `json:"gaps"`
	Signed  bool         `json:"signed"`
	Answers string       `json:"answers,omitempty"` // the kind of key that signs them
	Goodput float64      `json:"goodput"`           // share of the arrivals
	Kinds   []kindReport `json:"kinds"`

	// CPU time a request, in microseconds; 0: not known.
	Server   float64 `json:"serverMicros"`
	Postgres float64 `json:"postgresMicros"`
	Load     float64 `json:"loadMicros"`
	// Of all CPU time, what the three had; and how many answers 00 a second all of it
	// would give at that cost, which no design of queues gets beyond.
	Busy  float64 `json:"busy"`
	Bound float64 `json:"boundPerSecond"`

	Noise noise `json:"noise"`
	// How late this program sent, in milliseconds.
	LateP999 float64 `json:"lateP999Millis"`
	LateMax  float64 `json:"lateMaxMillis"`

	Connections int    `json:"connections"` // made during the run
	Waited      int    `json:"waited"`      // requests that found none free
	Verdict     string `json:"verdict"`
	Why         string `json:"why,omitempty"`
}

// kindReport is the part of one kind of message; times are in milliseconds.
type kindReport struct {
	Name     string         `json:"name"`
	Goal     float64        `json:"goalMillis"`
	Arrivals int            `json:"arrivals"`
	Answered int            `json:"answered"` // 00
	InTime   int            `json:"inTime"`
	P50      float64        `json:"p50Millis"`
	P99      float64        `json:"p99Millis"`
	P999     float64        `json:"p999Millis"`
	Max      float64        `json:"maxMillis"`
	Failures map[string]int `json:"failures,omitempty"`

	worst []string
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// newReport puts together what a run gave.
func newReport(t *tally, used usage, n noise) report {
	r := report{
		Noise: n, LateP999: millis(quantile(t.late, .999)), LateMax: millis(quantile(t.late, 1)), Connections: t.opened, Waited: t.waited,
	}
	arrivals, inTime, answered := 0, 0, 0
	for k := range kind(kinds) {
		o := t.of[k]
		arrivals, inTime, answered = arrivals+o.arrivals, inTime+o.inTime, answered+o.good
		r.Kinds = append(r.Kinds, kindReport{
			Name: k.String(), Goal: millis(k.goal()), Arrivals: o.arrivals, Answered: o.good, InTime: o.inTime,
			P50: millis(quantile(o.took, .5)), P99: millis(quantile(o.took, .99)), P999: millis(quantile(o.took, .999)), Max: millis(quantile(o.took, 1)),
			Failures: o.failures, worst: o.worst(),
		})
	}
	if arrivals > 0 {
		r.Goodput = float64(inTime) / float64(arrivals)
		each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / float64(arrivals) }
		r.Server, r.Postgres, r.Load = each(used.server), each(used.postgres), each(used.own)
	}
	if used.whole > 0 {
		r.Busy = float64(used.server+used.postgres+used.own) / float64(used.whole)
	}
	if used.server > 0 && used.postgres > 0 {
		r.Bound = float64(answered) / t.took.Seconds() / r.Busy
	}
	r.judge()
	return r
}

// judge says whether the goals were met. What was taken from a run can only have
// made it worse, so one that met them has met them in noise as well.
func (r *report) judge() {
	var short []string
	if r.Goodput < leastGoodput {
		short = append(short, fmt.Sprintf("goodput %.2f %%, want %.0f", 100*r.Goodput, 100*leastGoodput))
	}
	for _, k := range r.Kinds {
		if k.P999 >= k.Goal {
			short = append(short, fmt.Sprintf("p99.9 of %s %.0f ms, want under %.0f", k.Name, k.P999, k.Goal))
		}
	}
	r.Why = strings.Join(short, "; ")
	switch {
	case r.Why == "":
		r.Verdict = verdictOK
	case r.Noise.tooMuch():
		r.Verdict = verdictNoisy
		r.Why += fmt.Sprintf("; but others took %.1f %% of the CPU", 100*r.Noise.stolen())
	default:
		r.Verdict = verdictShort
	}
}

// print writes it for people.
func (r report) print(out io.Writer) error {
	signed := "unsigned"
	if r.Signed {
		signed = "signed, answers with " + r.Answers
	}
	fmt.Fprintf(out, "%.0f requests a second for %.0f s, %s gaps, %s\n", r.Rate, r.Seconds, r.Gaps, signed)
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tarrivals\tanswered 00\tin time\tp50 ms\tp99 ms\tp99.9 ms\tmax ms\tgoal ms\t")
	for _, k := range r.Kinds {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.0f\t\n", k.Name, k.Arrivals, k.Answered, k.InTime, k.P50, k.P99, k.P999, k.Max, k.Goal)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, k := range r.Kinds {
		for _, why := range k.worst {
			fmt.Fprintf(out, "  %s: %d times %s\n", k.Name, k.Failures[why], why)
		}
	}
	fmt.Fprintf(out, "goodput %.2f %%; CPU time a request: controller %.0f us, PostgreSQL %.0f us, this load %.0f us; the three had %.0f %% of the machine\n",
		100*r.Goodput, r.Server, r.Postgres, r.Load, 100*r.Busy)
	if r.Bound > 0 {
		fmt.Fprintf(out, "at that cost the whole machine gives %.0f answers a second at most\n", r.Bound)
	}
	fmt.Fprintf(out, "noise: other programs %.1f %% of the CPU, stolen by the host %.1f %%, stalls %.1f %%; sent late by %.1f ms at p99.9, %.1f at most; %d connections made, %d requests waited for one\n",
		100*r.Noise.Others, 100*r.Noise.Steal, 100*r.Noise.Stalled, r.LateP999, r.LateMax, r.Connections, r.Waited)
	_, err := fmt.Fprintln(out, "verdict:", strings.TrimSuffix(r.Verdict+": "+r.Why, ": "))
	return err
}
