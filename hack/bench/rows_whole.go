package main

import (
	"regexp"
	"slices"
)

// wholeRows are the goals of the programs as they run.
func wholeRows() []row { return slices.Concat(upiRows(), terminalRows(), idleRows()) }

// upiRows are the UPI path, with the load beside it on the same cores. What it comes
// to is a matter of how many cores there are: beside the goal's rate stands what this
// machine bears.
func upiRows() []row {
	const upi = "hack/load/upi"
	of := func(bench, unit string) figure { return figure{"BenchmarkUPI/" + bench, unit} }
	costs := func(bench string, more ...string) (all []figure) {
		for _, unit := range append(more, "requests/s", "us-server/request", "us-postgres/request", "bound-requests/s", "stolen-%") {
			all = append(all, of(bench, unit))
		}
		return all
	}
	at := func(name, bench, unit string, goal float64, atLeast bool, notes []figure) row {
		return row{
			Name: name, Package: upi, Bench: "^BenchmarkUPI$/^" + regexp.QuoteMeta(bench) + "$", Once: true, Rounds: 1,
			Ours: of(bench, unit), Goal: goal, AtLeast: atLeast, Notes: notes,
		}
	}
	return []row{
		at("UPI, 10,000 requests a second: good answers in time, %", "rate=10000", "goodput-%", 99, true, costs("rate=10000")),
		at("UPI, 10,000 requests a second: ReqValQr, p99.9", "rate=10000", "p99.9-ms-ReqValQr", 100, false, nil),
		at("UPI, 10,000 requests a second: ReqPay, p99.9", "rate=10000", "p99.9-ms-ReqPay", 150, false, nil),
		at("UPI, four fifths of this machine's knee: good answers in time, %", "bearable", "goodput-%", 99, true, costs("bearable", "knee-requests/s")),
		at("UPI, four fifths of this machine's knee: ReqValQr, p99.9", "bearable", "p99.9-ms-ReqValQr", 100, false, nil),
		at("UPI, four fifths of this machine's knee: ReqPay, p99.9", "bearable", "p99.9-ms-ReqPay", 150, false, nil),
		at("UPI, signed, answers with RSA, four fifths of its knee: good answers in time, %", "signed", "goodput-%", 99, true, costs("signed", "knee-requests/s")),
		at("UPI, signed, answers with P-256, four fifths of its knee: good answers in time, %", "signed-P-256", "goodput-%", 99, true, costs("signed-P-256", "knee-requests/s")),
	}
}

// terminalRows are the way to the terminals, and ten thousand of them.
func terminalRows() []row {
	crowd := func(name, rate, unit string, goal float64, notes ...string) row {
		bench := "BenchmarkTerminals/rate=" + rate
		r := row{
			Name: name, Package: "hack/load/crowd", Bench: "^BenchmarkTerminals$/^rate=" + rate + "$", Once: true, Rounds: 1,
			Ours: figure{bench, unit}, Goal: goal,
		}
		for _, unit := range notes {
			r.Notes = append(r.Notes, figure{bench, unit})
		}
		return r
	}
	frame := func(unit string) figure { return figure{"BenchmarkInitToFrame", unit} }
	return []row{
		{
			Name:    "init to the frame on a terminal, median, against a commit and a publish",
			Package: "firmware-sim/terminal", Bench: "^BenchmarkInitToFrame$",
			Ours: frame("times"), Goal: 2,
			Notes: []figure{frame("ms-frame"), frame("ms-answered"), frame("ms-frame-without-disk"), frame("ms-commit"), frame("ms-publish")},
		},
		crowd("10,000 terminals on a controller: memory of each", "200", "KB/terminal", 15, "s-storm", "s-sync", "%-idle-core"),
		crowd("10,000 terminals, killed and back: memory against before", "200", "times-after-herd", 1.2),
		crowd("10,000 terminals, 200 sales a second: back after a kill, s", "200", "s-herd", 60, "p50-ms-told", "p99-ms-told", "us-cpu/sale"),
		crowd("10,000 terminals, 200 sales a second: sales lost", "200", "lost-sales", 0),
		crowd("10,000 terminals, 1,000 sales a second: back after a kill, s", "1000", "s-herd", 60, "away-after-herd", "p50-ms-told", "p99-ms-told", "us-cpu/sale"),
		crowd("10,000 terminals, 1,000 sales a second: sales lost", "1000", "lost-sales", 0),
	}
}

// idleRows are what waiting costs. A controller looks for work once a second, which
// is to take less than half a hundredth of a core.
func idleRows() []row {
	waits := func(name, unit string, notes ...string) row {
		r := row{
			Name: name, Package: "hack/load/idle", Bench: "^BenchmarkIdle$", Once: true, Rounds: 1,
			Ours: figure{"BenchmarkIdle", unit}, Goal: 5,
		}
		for _, unit := range notes {
			r.Notes = append(r.Notes, figure{"BenchmarkIdle", unit})
		}
		return r
	}
	return []row{
		waits("idle controller on PostgreSQL, 10,000 terminals known, ms of CPU a second", "ms-CPU/s-controller"),
		waits("PostgreSQL below it, ms of CPU a second", "ms-CPU/s-postgresql", "transactions/s", "rows/s"),
		waits("idle controller on SQLite, ms of CPU a second", "ms-CPU/s-sqlite"),
		waits("idle terminal, connected, ms of CPU a second", "ms-CPU/s-terminal"),
	}
}
