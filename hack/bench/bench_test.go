package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line, name string
		unit       string
		want       float64
	}{
		{"BenchmarkIdle/journal-2         \t    5000\t    271234 ns/op", "BenchmarkIdle/journal", "ns/op", 271234},
		{"BenchmarkMixed/postgres/writers=2/wait=2ms-16  100  10 ns/op  21000.5 decisions/s  12 B/op", "BenchmarkMixed/postgres/writers=2/wait=2ms", "decisions/s", 21000.5},
		{"BenchmarkIdle/journal#01-2  5000  271234 ns/op", "BenchmarkIdle/journal", "ns/op", 271234},
		{"BenchmarkX 1 0 allocs/op", "BenchmarkX", "allocs/op", 0},
		{"PASS", "", "", 0},
		{"BenchmarkX", "", "", 0},
		{"BenchmarkX 5", "", "", 0},
		{"BenchmarkX fast 12 ns/op", "", "", 0},
		{"BenchmarkX 5 twelve ns/op", "", "", 0},
		{"Benchmarks are 12 fine here", "", "", 0},
	} {
		name, values, ok := parse(tt.line)
		if ok != (tt.name != "") || name != tt.name || values[tt.unit] != tt.want {
			t.Errorf("%q: %q %v %v", tt.line, name, values, ok)
		}
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for want, values := range map[float64][]float64{0: nil, 3: {9, 3, 1}, 2: {3, 1, 9, 1}, 7: {7}} {
		if got := median(values); got != want {
			t.Errorf("the median of %v is %v, want %v", values, got, want)
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	a, b := figure{"BenchmarkA", "ns/op"}, figure{"BenchmarkB", "ns/op"}
	for _, tt := range []struct {
		name    string
		row     row
		a, b    []float64
		noise   noise
		verdict verdict
		goal    string
	}{
		{"as fast as wanted", row{Ours: a, Ref: b, Goal: 4, AtLeast: true}, []float64{400, 500, 1}, []float64{100}, noise{}, ok, ">= 4"},
		{"not as fast", row{Ours: a, Ref: b, Goal: 4, AtLeast: true}, []float64{399}, []float64{100}, noise{}, short, ">= 4"},
		{"as cheap as wanted", row{Ours: a, Ref: b, Goal: 1.5}, []float64{150}, []float64{100}, noise{}, ok, "<= 1.5"},
		{"dearer", row{Ours: a, Ref: b, Goal: 1.5}, []float64{151}, []float64{100}, noise{}, short, "<= 1.5"},
		{"a figure alone", row{Ours: a, Goal: 0}, []float64{0}, nil, noise{}, ok, "<= 0"},
		{"a figure alone, too high", row{Ours: a, Goal: 0}, []float64{1}, nil, noise{}, short, "<= 0"},
		{"somebody took the core", row{Ours: a, Goal: 5}, []float64{1}, nil, noise{Stalled: .11}, noisy, "<= 5"},
		{"somebody else was busy", row{Ours: a, Goal: 5}, []float64{9}, nil, noise{Others: .16}, noisy, "<= 5"},
		{"a count does not care", row{Ours: figure{"BenchmarkC", "allocs/op"}, Goal: 5}, nil, nil, noise{Others: .9}, ok, "<= 5"},
	} {
		got, err := judge(tt.row, []round{{samples{a: tt.a, b: tt.b, figure{"BenchmarkC", "allocs/op"}: {3}}, tt.noise}})
		if err != nil || got.Verdict != tt.verdict || got.Goal != tt.goal || (got.Ratio == nil) != (tt.row.Ref == figure{}) {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
	}
	for name, taken := range map[string]samples{
		"ours is missing":          {b: {1}},
		"the reference is missing": {a: {1}},
		"the reference is 0":       {a: {1}, b: {0}},
	} {
		if got, err := judge(row{Ours: a, Ref: b}, []round{{samples: taken}}); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestNoisyRounds: a row is judged by its quiet rounds where at least half were, and
// not judged where not.
func TestNoisyRounds(t *testing.T) {
	t.Parallel()
	a, beside := figure{"BenchmarkA", "ns/op"}, figure{"BenchmarkA/x", "knee/s"}
	took := func(value float64, others float64) round {
		return round{samples{a: {value}, beside: {10 * value}}, noise{Others: others}}
	}
	for _, tt := range []struct {
		name    string
		rounds  []round
		verdict verdict
		value   float64
		counted int
		left    int
		worst   float64
	}{
		{"all quiet", []round{took(1, .01), took(3, .05), took(2, 0)}, ok, 2, 3, 0, .05},
		{"one noisy is left out", []round{took(1, .01), took(99, .5), took(3, 0)}, ok, 2, 2, 1, .01},
		{"half of them", []round{took(7, .01), took(99, .5)}, short, 7, 1, 1, .01},
		{"most of them", []round{took(1, .01), took(99, .5), took(98, .6)}, noisy, 98, 3, 0, .6},
	} {
		got, err := judge(row{Ours: a, Goal: 5, Notes: []figure{beside, {"BenchmarkA", "nobody tells"}}}, tt.rounds)
		if err != nil || got.Verdict != tt.verdict || got.Value != tt.value || got.Rounds != tt.counted || got.Noisy != tt.left || got.Noise.Others != tt.worst {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
		if want := "x " + number(10*tt.value) + " knee/s"; got.beside() != want {
			t.Errorf("%s: beside it stands %q, want %q", tt.name, got.beside(), want)
		}
	}
}

// TestRoundsOfARow: a row that takes long may ask for fewer rounds than the others,
// never for more.
func TestRoundsOfARow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ own, all, want int }{{0, 3, 3}, {1, 3, 1}, {2, 1, 1}} {
		if got := (row{Rounds: tt.own}).rounds(tt.all); got != tt.want {
			t.Errorf("%d of %d rounds: %d, want %d", tt.own, tt.all, got, tt.want)
		}
	}
}

// TestRowsShareARun: rows of one benchmark are measured by one run of it, where they
// ask for the same number of rounds.
func TestRowsShareARun(t *testing.T) {
	t.Parallel()
	asked := map[string]int{}
	for _, r := range rows() {
		if before, there := asked[r.run()]; there && before != r.rounds(100) {
			t.Errorf("%s shares its run, and asks for %d rounds instead of %d", r.Name, r.rounds(100), before)
		}
		asked[r.run()] = r.rounds(100)
	}
	a := row{Package: "p", Bench: "b"}
	for _, other := range []row{{Package: "q", Bench: "b"}, {Package: "p", Bench: "c"}, {Package: "p", Bench: "b", Once: true}} {
		if a.run() == other.run() {
			t.Errorf("%+v and %+v share a run", a, other)
		}
	}
}

// TestSetting: the head of the table says what the run was made on.
func TestSetting(t *testing.T) {
	t.Parallel()
	line := setting(t.Context(), time.Date(2026, 11, 22, 23, 4, 5, 0, time.UTC)).String()
	for _, want := range []string{"machine: ", " cores, ", "; date: 2026-11-22 23:04 UTC; go: 1.", "; postgresql: "} {
		if !strings.Contains(line, want) {
			t.Errorf("%q does not hold %q", line, want)
		}
	}
	if strings.Contains(line, "\n") {
		t.Errorf("more than one line: %q", line)
	}
}

// TestOthers: what is neither idle nor ours is somebody else's.
func TestOthers(t *testing.T) {
	t.Parallel()
	before, err := readStat("cpu  100 0 100 1000 50 0 0 0 0 0\n")
	if err != nil {
		t.Fatal(err)
	}
	after, err := readStat("cpu  250 10 130 1100 60 5 5 100 0 0\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := (after.whole - before.whole) / tick; got != 410 {
		t.Errorf("%d ticks, want 410", got)
	}
	after.ours = 150 * tick // of 300 that were busy
	if got, want := after.others(before), 150./410; got != want {
		t.Errorf("others had %v, want %v", got, want)
	}
	if got := before.others(before); got != 0 {
		t.Errorf("in no time others had %v", got)
	}
	for _, line := range []string{"", "cpu 1 2 3", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2 3 x 5 6 7 8"} {
		if u, err := readStat(line); err == nil {
			t.Errorf("%q is read as %+v", line, u)
		}
	}
	if _, err := cpu(); err != nil {
		t.Error(err)
	}
	if got := spin(); got < 0 {
		t.Errorf("stalled for %v", got)
	}
}

// TestRowsNameBenchmarks: a row that matches nothing would be found out only after
// minutes.
func TestRowsNameBenchmarks(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, r := range rows() {
		if names[r.Name] || r.Name == "" {
			t.Errorf("two rows are called %q", r.Name)
		}
		names[r.Name] = true
		first, _, _ := strings.Cut(r.Ours.Bench, "/")
		pattern, _, _ := strings.Cut(r.Bench, "/")
		if pattern != "^"+first+"$" || !declares(t, "../../"+r.Package, first) {
			t.Errorf("%s: %s has no %s, or -bench=%s does not run it", r.Name, r.Package, first, r.Bench)
		}
	}
}

// TestWhatFails: a row that cannot be measured says so, and costs the others nothing.
func TestWhatFails(t *testing.T) {
	b := bench{root: filepath.Join("..", ".."), binaries: t.TempDir(), time: "1x", talk: io.Discard, raw: io.Discard}
	const upixml = "controller/internal/upixml"
	results, err := b.measure(t.Context(), []row{
		{Name: "there is none", Package: upixml, Bench: "^BenchmarkNone$", Ours: figure{"BenchmarkNone", "ns/op"}, Goal: 1},
		{Name: "there is one", Package: upixml, Bench: "^BenchmarkScan$/^ReqPay$/^ours$", Ours: figure{"BenchmarkScan/ReqPay/ours", "allocs/op"}, Goal: 1e9},
	}, 1, time.Minute)
	if err == nil || !strings.Contains(err.Error(), "there is none") {
		t.Errorf("the error is %v", err)
	}
	if len(results) != 2 || results[0].Verdict != failed || results[0].Goal != "<= 1" || results[1].Verdict != ok {
		t.Errorf("the rows are %+v", results)
	}
}
