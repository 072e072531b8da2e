package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// samples are the values of each figure, one a round or more.
type samples map[figure][]float64

// add reads the lines that a test binary printed.
func (s samples) add(out io.Reader) error {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		name, values, ok := parse(lines.Text())
		if !ok {
			continue
		}
		for unit, v := range values {
			s[figure{name, unit}] = append(s[figure{name, unit}], v)
		}
	}
	return lines.Err()
}

// cpus is what follows a name: which of several runs it was, and how many CPUs it had.
var cpus = regexp.MustCompile(`(#\d+)?-\d+$`)

// parse reads a line such as "BenchmarkX/y-2   100   12 ns/op   3 decisions/s".
func parse(line string) (name string, values map[string]float64, ok bool) {
	words := strings.Fields(line)
	if len(words) < 4 || len(words)%2 != 0 || !strings.HasPrefix(words[0], "Benchmark") {
		return "", nil, false
	}
	if _, err := strconv.Atoi(words[1]); err != nil {
		return "", nil, false
	}
	values = map[string]float64{}
	for i := 2; i < len(words); i += 2 {
		v, err := strconv.ParseFloat(words[i], 64)
		if err != nil {
			return "", nil, false
		}
		values[words[i+1]] = v
	}
	return cpus.ReplaceAllString(words[0], ""), values, true
}

// median of values; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// bench runs benchmarks of the packages below root.
type bench struct {
	root, binaries string
	time           string    // of one benchmark, as -benchtime takes it
	talk, raw      io.Writer // progress, and the benchmarks' own lines
}

// build makes the package's test binary.
func (b bench) build(ctx context.Context, pkg string) (binary string, err error) {
	binary = filepath.Join(b.binaries, strings.ReplaceAll(pkg, "/", "-")+".test")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "./"+pkg)
	build.Dir = b.root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the tests of %s: %w\n%s", pkg, err, out)
	}
	return binary, nil
}

// round runs one row's benchmarks once.
func (b bench) round(ctx context.Context, r row, into samples) error {
	binary, err := b.build(ctx, r.Package)
	if err != nil {
		return err
	}
	each := b.time
	if r.Once {
		each = "1x"
	}
	run := exec.CommandContext(ctx, binary, "-test.run=^$", "-test.bench="+r.Bench, "-test.benchtime="+each, "-test.benchmem", "-test.timeout=10m")
	run.Dir = filepath.Join(b.root, r.Package)
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	out, err := run.CombinedOutput()
	fmt.Fprintf(b.raw, "pkg: %s\n%s", r.Package, out)
	if err != nil {
		return fmt.Errorf("%s of %s: %w\n%s", r.Bench, r.Package, err, out)
	}
	return into.add(bytes.NewReader(out))
}
