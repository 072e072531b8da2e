package main

import (
	"fmt"
	"slices"
)

// A row is one goal: a figure of ours, what it is compared with, and how they
// should stand to each other.
type row struct {
	Name string
	// Package is where the benchmark stands, below the repository's root; Bench is
	// what -bench gets, one regular expression a level.
	Package, Bench string
	// Ours and Ref are the figures. Without a Ref the figure itself is judged.
	Ours, Ref figure
	// Goal is the bound of the ratio ours to ref, or of the figure. AtLeast says
	// which side of it is good.
	Goal    float64
	AtLeast bool
	// Once is for a benchmark that takes long by itself, such as a load of half a
	// minute: it runs once a round, whatever -benchtime says.
	Once bool
	// Rounds is how many rounds it gets, where that is fewer than the others get;
	// 0: as many.
	Rounds int
	// Notes are figures to be shown beside, such as the knee of a load. What a
	// benchmark does not tell is left out.
	Notes []figure
}

// figure is a metric of a benchmark, such as {"BenchmarkIdle/journal", "ns/op"}.
// The name is without the number of CPUs at its end.
type figure struct{ Bench, Unit string }

// rounds is how many rounds the row gets of so many.
func (r row) rounds(all int) int {
	if r.Rounds > 0 {
		return min(r.Rounds, all)
	}
	return all
}

// goal is the row's goal as the table has it.
func (r row) goal() string {
	if r.AtLeast {
		return ">= " + number(&r.Goal)
	}
	return "<= " + number(&r.Goal)
}

// run names what is run for the row: rows that name the same share it.
func (r row) run() string { return fmt.Sprint(r.Package, " ", r.Bench, " ", r.Once) }

// rows are the goals of the project's table of limits and goals, in the order of a
// payment's way.
func rows() []row {
	return slices.Concat(journalRows(), doorRows(), linkRows(), deviceRows(), wholeRows())
}
