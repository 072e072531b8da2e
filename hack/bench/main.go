package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	only := flag.String("only", "", "measure the rows whose name matches this regular expression")
	rounds := flag.Int("rounds", 3, "how often each row is measured, in turn; its figures are the medians")
	each := flag.String("benchtime", "1s", "how long each benchmark runs in a round, as go test -benchtime takes it")
	out := flag.String("out", "bench.json", "where the rows go as JSON")
	raw := flag.String("raw", "bench.txt", "where the benchmarks' own lines go, for benchstat")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only, *rounds, *each, *out, *raw); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, rounds int, each, out, raw string) error {
	match, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	var chosen []row
	for _, r := range rows() {
		if match.MatchString(r.Name) {
			chosen = append(chosen, r)
		}
	}
	if len(chosen) == 0 || rounds < 1 {
		return fmt.Errorf("nothing to measure: %d rows match %q, %d rounds", len(chosen), only, rounds)
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(root, "go.work")); err != nil {
		return fmt.Errorf("run it at the repository's root: %w", err)
	}
	binaries, err := os.MkdirTemp("", "galla-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(binaries)
	lines, err := os.Create(raw)
	if err != nil {
		return err
	}
	defer lines.Close()
	b := bench{root: root, binaries: binaries, time: each, talk: os.Stderr, raw: lines}
	results, err := b.measure(ctx, chosen, rounds)
	if err != nil {
		return err
	}
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

// measure takes the rows in turn, round after round.
func (b bench) measure(ctx context.Context, chosen []row, rounds int) ([]result, error) {
	for i, r := range chosen { // before anything is measured: a compiler is noise
		fmt.Fprintf(b.talk, "building %d of %d: %s\n", i+1, len(chosen), r.Package)
		if _, err := b.build(ctx, r.Package); err != nil {
			return nil, err
		}
	}
	taken, noises := make([]samples, len(chosen)), make([]noise, len(chosen))
	begin := time.Now()
	for n := range rounds {
		for i, r := range chosen {
			fmt.Fprintf(b.talk, "%5s round %d of %d: %s\n", time.Since(begin).Round(time.Second), n+1, rounds, r.Name)
			if taken[i] == nil {
				taken[i] = samples{}
			}
			seen := noise{Stalled: calm()}
			before, err := cpu()
			if err != nil {
				return nil, err
			}
			if err := b.round(ctx, r, taken[i]); err != nil {
				return nil, err
			}
			after, err := cpu()
			if err != nil {
				return nil, err
			}
			if !r.Servers {
				seen.Others = after.others(before)
			}
			noises[i].worse(seen)
		}
	}
	var results []result
	for i, r := range chosen {
		one, err := judge(r, taken[i], noises[i])
		if err != nil {
			return nil, err
		}
		results = append(results, one)
	}
	return results, nil
}

// table prints the results for people.
func table(w io.Writer, results []result) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tVALUE\tUNIT\tREFERENCE\tRATIO\tGOAL\tVERDICT")
	for _, r := range results {
		fmt.Fprintln(t, strings.Join([]string{r.Name, number(r.Value), r.Unit, number(r.Reference), number(r.Ratio), r.Goal, string(r.Verdict)}, "\t"))
	}
	return t.Flush()
}
