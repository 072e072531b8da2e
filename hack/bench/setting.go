package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// facts say what a run was made on.
type facts []fact

type fact struct{ key, value string }

// String is the facts on one line.
func (f facts) String() string {
	var all []string
	for _, one := range f {
		all = append(all, one.key+": "+one.value)
	}
	return strings.Join(all, "; ")
}

// setting is what there is to know of this machine and its programs.
func setting(ctx context.Context, now time.Time) facts {
	return facts{
		{"machine", fmt.Sprintf("%s, %d cores, %s/%s", processor("/proc/cpuinfo"), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)},
		{"date", now.UTC().Format("2006-01-02 15:04 UTC")},
		{"go", strings.TrimPrefix(runtime.Version(), "go")},
		{"postgresql", postgresVersion(ctx)},
	}
}

// processor is the name that the kernel gives to the first core.
func processor(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return "unknown processor"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// postgresVersion is that of the server that the benchmarks start: the one in PATH,
// else the newest of a distribution's.
func postgresVersion(ctx context.Context) string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.Sort(found)
	slices.Reverse(found)
	for _, program := range append([]string{"postgres"}, found...) {
		if out, err := exec.CommandContext(ctx, program, "--version").Output(); err == nil {
			return strings.TrimPrefix(strings.TrimSpace(string(out)), "postgres (PostgreSQL) ")
		}
	}
	return "not found"
}
