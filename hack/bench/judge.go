package main

import (
	"fmt"
	"math"
	"strconv"
)

// verdict is what a row comes to.
type verdict string

const (
	ok    verdict = "ok"
	short verdict = "short"
	noisy verdict = "too noisy"
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
	Noise   noise    `json:"noise"`
}

// judge compares the medians of what was measured.
func judge(r row, taken samples, n noise) (result, error) {
	ours, ref := taken[r.Ours], taken[r.Ref]
	if len(ours) == 0 || r.Ref != (figure{}) && len(ref) == 0 {
		return result{}, fmt.Errorf("%s: the benchmarks do not tell %v and %v", r.Name, r.Ours, r.Ref)
	}
	one := result{Name: r.Name, Value: median(ours), Unit: r.Ours.Unit, Noise: n, Verdict: short}
	judged := one.Value
	if r.Ref != (figure{}) {
		reference := median(ref)
		if reference == 0 {
			return result{}, fmt.Errorf("%s: the reference is 0", r.Name)
		}
		judged = one.Value / reference
		one.Reference, one.Ratio = &reference, &judged
	}
	sign := "<="
	met := judged <= r.Goal
	if r.AtLeast {
		sign, met = ">=", judged >= r.Goal
	}
	one.Goal = sign + " " + number(&r.Goal)
	switch {
	case n.tooMuch() && !counted(r.Ours.Unit):
		one.Verdict = noisy
	case met:
		one.Verdict = ok
	}
	return one, nil
}

// counted units do not depend on how busy the machine is.
func counted(unit string) bool {
	switch unit {
	case "allocs/op", "B/op", "spiB/op", "MB", "KB/terminal", "syncs/op":
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
