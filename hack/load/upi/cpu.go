package upi

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is what /proc counts in: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// process is what /proc/PID/stat says.
type process struct {
	name      string
	parent    int
	own, dead time.Duration // CPU time of its own, and of children that have ended
}

var errStat = errors.New("/proc has another form than is known here")

// parseProcess reads pid (name) state ppid ...; the name may hold spaces and
// brackets. Fields 14 to 17 are user and system time, its own and its children's.
func parseProcess(stat []byte) (p process, err error) {
	open, shut := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || shut < open {
		return p, errStat
	}
	p.name = string(stat[open+1 : shut])
	fields := strings.Fields(string(stat[shut+1:]))
	if len(fields) < 15 {
		return p, errStat
	}
	if p.parent, err = strconv.Atoi(fields[1]); err != nil {
		return p, errStat
	}
	var ticks [4]time.Duration
	for i := range ticks {
		n, err := strconv.ParseInt(fields[11+i], 10, 64)
		if err != nil {
			return p, errStat
		}
		ticks[i] = time.Duration(n) * tick
	}
	p.own, p.dead = ticks[0]+ticks[1], ticks[2]+ticks[3]
	return p, nil
}

// processes reads all that there are.
func processes() (map[int]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	all := map[int]process{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		if all[pid], err = parseProcess(stat); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// treeTime is the CPU time of a process and of all below it, the ended ones with
// them: PostgreSQL is a process for each connection.
func treeTime(all map[int]process, root int) (time.Duration, error) {
	p, there := all[root]
	if !there {
		return 0, fmt.Errorf("process %d is gone", root)
	}
	sum := p.own + p.dead
	for pid, child := range all {
		if child.parent == root {
			below, err := treeTime(all, pid)
			if err != nil {
				return 0, err
			}
			sum += below
		}
	}
	return sum, nil
}

// ownTime is this process's CPU time.
func ownTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// machine is the CPU time of all cores since the machine was started.
type machine struct{ busy, steal, whole time.Duration }

// parseMachine reads the first line of /proc/stat: user nice system idle iowait irq
// softirq steal; the guests after them are in user already.
func parseMachine(line string) (m machine, err error) {
	words := strings.Fields(line)
	if len(words) < 9 || words[0] != "cpu" {
		return m, errStat
	}
	for i, word := range words[1:9] {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return m, errStat
		}
		t := time.Duration(n) * tick
		m.whole += t
		switch i {
		case 3, 4:
		case 7:
			m.steal += t
		default:
			m.busy += t
		}
	}
	return m, nil
}

// usage is who had how much CPU time at one moment. A process that is not known is
// nobody's: its time is others'.
type usage struct {
	server, postgres, own time.Duration
	machine
}

// takeUsage reads it for the server and PostgreSQL by their process ids; 0: not
// known.
func takeUsage(server, postgres int) (u usage, err error) {
	all, err := processes()
	if err != nil {
		return u, err
	}
	for _, of := range []struct {
		pid  int
		time *time.Duration
	}{{server, &u.server}, {postgres, &u.postgres}} {
		if of.pid == 0 {
			continue
		}
		if *of.time, err = treeTime(all, of.pid); err != nil {
			return u, err
		}
	}
	if u.own, err = ownTime(); err != nil {
		return u, err
	}
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return u, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	u.machine, err = parseMachine(line)
	return u, err
}

// since is what was used after an earlier moment.
func (u usage) since(before usage) usage {
	return usage{
		u.server - before.server, u.postgres - before.postgres, u.own - before.own,
		machine{u.busy - before.busy, u.steal - before.steal, u.whole - before.whole},
	}
}

// others is the share of all CPU time that neither we had nor nobody; of a server
// whose process is not known it has that as well.
func (u usage) others() float64 {
	if u.whole <= 0 {
		return 0
	}
	return max(0, float64(u.busy-u.server-u.postgres-u.own)/float64(u.whole))
}

// stolen is the share that the machine's host gave to other guests, as it tells.
func (u usage) stolen() float64 {
	if u.whole <= 0 {
		return 0
	}
	return float64(u.steal) / float64(u.whole)
}
