package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "measure the rows whose name matches this regular expression")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each row is measured, in turn; its figures are the medians")
	flag.StringVar(&o.each, "benchtime", "1s", "how long each benchmark runs in a round, as go test -benchtime takes it")
	flag.DurationVar(&o.limit, "limit", 16*time.Minute, "when to stop measuring noisy rounds again, and to begin no further one")
	flag.StringVar(&o.out, "out", "bench.json", "where the rows go as JSON")
	flag.StringVar(&o.raw, "raw", "bench.txt", "where the benchmarks' own lines go, for benchstat")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	only, each, out, raw string
	rounds               int
	limit                time.Duration
}

func run(ctx context.Context, o options) error {
	match, err := regexp.Compile(o.only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	var chosen []row
	for _, r := range rows() {
		if match.MatchString(r.Name) {
			chosen = append(chosen, r)
		}
	}
	if len(chosen) == 0 || o.rounds < 1 {
		return fmt.Errorf("nothing to measure: %d rows match %q, %d rounds", len(chosen), o.only, o.rounds)
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(root, "go.work")); err != nil {
		return fmt.Errorf("run it at the repository's root: %w", err)
	}
	if err := adopt(); err != nil {
		return err
	}
	binaries, err := os.MkdirTemp("", "galla-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(binaries)
	lines, err := os.Create(o.raw)
	if err != nil {
		return err
	}
	defer lines.Close()
	head := setting(ctx, time.Now())
	for _, line := range head { // benchstat reads such lines as what a run was made on
		fmt.Fprintf(lines, "%s: %s\n", line.key, line.value)
	}
	b := bench{root: root, binaries: binaries, time: o.each, talk: os.Stderr, raw: lines}
	results, err := b.measure(ctx, chosen, o.rounds, o.limit)
	if len(results) == 0 {
		return err
	}
	// What could not be measured is said last, below the table of the rest.
	return errors.Join(b.report(head, results, o.out), err)
}

// report prints the table and writes the same as JSON.
func (b bench) report(head facts, results []result, out string) error {
	fmt.Println(head)
	if err := table(os.Stdout, results); err != nil {
		return err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(results); err != nil {
		return err
	}
	return os.WriteFile(out, text.Bytes(), 0o644)
}

// measure takes the rows in turn, round after round; then those again whose rounds
// were noisy, as often once more, while there is time.
func (b bench) measure(ctx context.Context, chosen []row, rounds int, limit time.Duration) ([]result, error) {
	begin := time.Now()
	for i, r := range chosen { // before anything is measured: a compiler is noise
		fmt.Fprintf(b.talk, "building %d of %d: %s\n", i+1, len(chosen), r.Package)
		if _, err := b.build(ctx, r.Package); err != nil {
			return nil, err
		}
	}
	taken := make([][]round, len(chosen))
	broken := map[string]error{} // what could not be run, once
	for n := range 2 * rounds {
		shared := map[string]round{} // rows of one benchmark share its run
		for i, r := range chosen {
			wanted, again := r.rounds(rounds), n >= rounds
			switch {
			case broken[r.run()] != nil:
				continue
			case !again && len(taken[i]) == wanted, again && (r.quiet(taken[i]) >= wanted || len(taken[i]) >= 2*wanted):
				continue
			case len(taken[i]) > 0 && time.Since(begin) > limit:
				continue
			}
			one, there := shared[r.run()]
			if !there {
				fmt.Fprintf(b.talk, "%5s round %d: %s\n", time.Since(begin).Round(time.Second), len(taken[i])+1, r.Name)
				var err error
				if one, err = b.watched(ctx, r); err != nil {
					if ctx.Err() != nil {
						return nil, err
					}
					broken[r.run()] = err
					continue
				}
				shared[r.run()] = one
			}
			taken[i] = append(taken[i], one)
		}
	}
	var results []result
	var errs []error
	for i, r := range chosen {
		one, err := judge(r, taken[i])
		if err != nil {
			one = result{Name: r.Name, Unit: r.Ours.Unit, Goal: r.goal(), Verdict: failed}
			if broken[r.run()] != nil { // which says why
				err = nil
			}
		}
		errs = append(errs, err)
		results = append(results, one)
	}
	return results, errors.Join(append(errs, slices.Collect(maps.Values(broken))...)...)
}

// watched runs a row's benchmarks once and sees who else was there.
func (b bench) watched(ctx context.Context, r row) (round, error) {
	one := round{samples: samples{}, noise: noise{Stalled: calm()}}
	before, err := cpu()
	if err != nil {
		return one, err
	}
	if err := b.round(ctx, r, one.samples); err != nil {
		return one, err
	}
	reap() // what it started and left behind is ours as well
	after, err := cpu()
	one.Others = after.others(before)
	return one, err
}

// table prints the results for people.
func table(w io.Writer, results []result) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tVALUE\tUNIT\tREFERENCE\tRATIO\tGOAL\tVERDICT\tBESIDE")
	for _, r := range results {
		fmt.Fprintln(t, strings.Join([]string{r.Name, number(r.Value), r.Unit, number(r.Reference), number(r.Ratio), r.Goal, string(r.Verdict), r.beside()}, "\t"))
	}
	return t.Flush()
}
