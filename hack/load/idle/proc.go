package idle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cost is what the kernel has counted for one process or several.
type cost struct {
	cpu      time.Duration
	switches int64 // context switches, wanted or not
	calls    int64 // read and write system calls, and their kin
}

// add counts another process.
func (c *cost) add(o cost) {
	c.cpu += o.cpu
	c.switches += o.switches
	c.calls += o.calls
}

// since is what came after an earlier reading.
func (c cost) since(before cost) cost {
	return cost{c.cpu - before.cpu, c.switches - before.switches, c.calls - before.calls}
}

// processCost reads the counters of a process: those of all its threads.
func processCost(proc string, pid int) (c cost, err error) {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	threads, err := os.ReadDir(filepath.Join(dir, "task"))
	if err != nil {
		return c, err
	}
	for _, thread := range threads {
		one, err := threadCost(filepath.Join(dir, "task", thread.Name()))
		switch {
		case errors.Is(err, os.ErrNotExist): // it has just ended
		case err != nil:
			return c, err
		default:
			c.add(one)
		}
	}
	io, err := os.ReadFile(filepath.Join(dir, "io"))
	if err != nil {
		return c, err
	}
	fields, err := counters(string(io), "syscr", "syscw")
	if err != nil {
		return c, err
	}
	c.calls = fields["syscr"] + fields["syscw"]
	return c, nil
}

// threadCost reads those of one thread.
func threadCost(dir string) (c cost, err error) {
	schedule, err := os.ReadFile(filepath.Join(dir, "schedstat")) // on CPU, waiting, slices
	if err != nil {
		return c, err
	}
	first, _, _ := strings.Cut(string(schedule), " ")
	nanoseconds, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return c, fmt.Errorf("schedstat: %w", err)
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return c, err
	}
	fields, err := counters(string(status), "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")
	if err != nil {
		return c, err
	}
	c.cpu = time.Duration(nanoseconds)
	c.switches = fields["voluntary_ctxt_switches"] + fields["nonvoluntary_ctxt_switches"]
	return c, nil
}

// counters reads lines of "name: number".
func counters(text string, names ...string) (map[string]int64, error) {
	found := map[string]int64{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		for _, want := range names {
			if name != want {
				continue
			}
			n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			found[name] = n
		}
	}
	if len(found) != len(names) {
		return nil, fmt.Errorf("not all of %v are there", names)
	}
	return found, nil
}

// parentOf reads a process's parent: the second field after the name in brackets,
// which may hold anything.
func parentOf(stat string) (int, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, fmt.Errorf("stat is %q", stat)
	}
	return strconv.Atoi(fields[1])
}

// treeCost is that of a process and its children: PostgreSQL is one for each
// connection, and they stay as long as it does. A child that ends between two
// readings takes its costs with it.
func treeCost(proc string, root int) (all cost, err error) {
	if all, err = processCost(proc, root); err != nil {
		return all, err
	}
	entries, err := os.ReadDir(proc)
	if err != nil {
		return all, err
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(proc, entry.Name(), "stat"))
		if err != nil {
			continue // it has ended
		}
		parent, err := parentOf(string(stat))
		if err != nil {
			return all, err
		}
		if parent != root {
			continue
		}
		if one, err := processCost(proc, pid); err == nil {
			all.add(one)
		}
	}
	return all, nil
}
