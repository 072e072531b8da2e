package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// verdict is what a row comes to.
type verdict string

const (
	ok    verdict = "ok"
	short verdict = "short"
	noisy verdict = "too noisy"
	// failed: it could not be measured, and is not judged.
	failed verdict = "failed"
)

// result is a row that was measured; bench.json is an array of them.
type result struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Reference is the other figure of the same run; null when there is none, and
	// Value itself is judged.
	Reference *float64 `json:"reference"`
	// Ratio is Value to Reference, or null.
	Ratio   *float64 `json:"ratio"`
	Goal    string   `json:"goal"` // ">= 4"
	Verdict verdict  `json:"verdict"`
	// Rounds is how many rounds the figures are the medians of, Noisy how many
	// were left out.
	Rounds int `json:"rounds"`
	Noisy  int `json:"noisy"`
	// Noise is the worst of those that count.
	Noise noise `json:"noise"`
	// Beside are the row's notes, by unit.
	Beside []beside `json:"beside,omitempty"`
}

// beside is a figure that is shown with a row and not judged.
type beside struct {
	Bench string  `json:"bench"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
}

// beside writes the notes on one line.
func (r result) beside() string {
	var all []string
	for _, b := range r.Beside {
		_, part, _ := strings.Cut(b.Bench, "/")
		all = append(all, strings.TrimSpace(part+" "+number(b.Value)+" "+b.Unit))
	}
	return strings.Join(all, ", ")
}

// round is one round of a row.
type round struct {
	samples
	noise
}

// noisy reports whether a round says nothing of the row: somebody else was there,
// and what is measured depends on it.
func (r row) noisy(n noise) bool { return n.tooMuch() && !counted(r.Ours.Unit) }

// quiet counts the rounds that say something.
func (r row) quiet(taken []round) int {
	n := 0
	for _, one := range taken {
		if !r.noisy(one.noise) {
			n++
		}
	}
	return n
}

// judge compares the medians of the quiet rounds. Where fewer than half of the
// rounds were quiet, it takes all, and the verdict is that it was too noisy.
func judge(r row, taken []round) (result, error) {
	one := result{Name: r.Name, Unit: r.Ours.Unit, Goal: r.goal(), Verdict: short}
	tooNoisy := 2*r.quiet(taken) < len(taken)
	all := samples{}
	for _, t := range taken {
		if !tooNoisy && r.noisy(t.noise) {
			one.Noisy++
			continue
		}
		one.Rounds++
		one.Noise.worse(t.noise)
		for f, values := range t.samples {
			all[f] = append(all[f], values...)
		}
	}
	ours, ref := all[r.Ours], all[r.Ref]
	if len(ours) == 0 || r.Ref != (figure{}) && len(ref) == 0 {
		return result{}, fmt.Errorf("%s: the benchmarks do not tell %v and %v", r.Name, r.Ours, r.Ref)
	}
	one.Value = median(ours)
	judged := one.Value
	if r.Ref != (figure{}) {
		reference := median(ref)
		if reference == 0 {
			return result{}, fmt.Errorf("%s: the reference is 0", r.Name)
		}
		judged = one.Value / reference
		one.Reference, one.Ratio = &reference, &judged
	}
	for _, note := range r.Notes {
		if values := all[note]; len(values) > 0 {
			one.Beside = append(one.Beside, beside{note.Bench, note.Unit, median(values)})
		}
	}
	met := judged <= r.Goal
	if r.AtLeast {
		met = judged >= r.Goal
	}
	switch {
	case tooNoisy:
		one.Verdict = noisy
	case met:
		one.Verdict = ok
	}
	return one, nil
}

// counted units do not depend on how busy the machine is.
func counted(unit string) bool {
	switch unit {
	case "allocs/op", "B/op", "spiB/op", "MB", "KB/terminal", "syncs/op", "lost-sales":
		return true
	}
	return false
}

// number writes a figure with three digits that count; "-" where there is none.
func number[T float64 | *float64](value T) string {
	var v float64
	switch value := any(value).(type) {
	case float64:
		v = value
	case *float64:
		if value == nil {
			return "-"
		}
		v = *value
	}
	if math.Abs(v) >= 100 {
		return strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
