package crowd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is what /proc counts in: USER_HZ is 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// collections is how often the controller is asked to collect its garbage before its
// memory is read: each collection halves a stack that has become too large.
const collections = 6

// memory is what the controller has, in bytes.
type memory struct {
	Resident int64 `json:"resident"`
	Heap     int64 `json:"heap"`
	Stacks   int64 `json:"stacks"`
}

// memory reads it at rest, after collections.
func (h *house) memory(ctx context.Context) (m memory, err error) {
	for range collections {
		if m, err = h.profiled(ctx); err != nil {
			return m, err
		}
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.process.Pid()))
	if err != nil {
		return m, err
	}
	m.Resident, err = residentOf(status)
	return m, err
}

// residentOf reads VmRSS, which is in kB.
func residentOf(status []byte) (int64, error) {
	for line := range bytes.Lines(status) {
		if text, ok := strings.CutPrefix(string(line), "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("/proc does not tell the memory of the controller")
}

// profiled has the controller collect and reads what its heap profile says at its
// end: runtime.MemStats in lines such as "# HeapInuse = 123".
func (h *house) profiled(ctx context.Context) (m memory, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.profiles+"/debug/pprof/heap?gc=1&debug=1", nil)
	if err != nil {
		return m, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return m, err
	}
	defer answer.Body.Close()
	return readMemStats(answer.Body)
}

func readMemStats(r io.Reader) (m memory, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		for prefix, to := range map[string]*int64{"# HeapInuse = ": &m.Heap, "# Stack = ": &m.Stacks} {
			if text, ok := strings.CutPrefix(lines.Text(), prefix); ok {
				used, _, _ := strings.Cut(text, " / ")
				if *to, err = strconv.ParseInt(used, 10, 64); err != nil {
					return m, err
				}
			}
		}
	}
	if m.Heap == 0 || m.Stacks == 0 {
		err = errors.New("the heap profile does not tell the memory in use")
	}
	return m, errors.Join(err, lines.Err())
}

// cpu is the CPU time that a process has used.
func cpu(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return cpuOf(stat)
}

// cpuOf reads pid (name) state ppid ...; the name may hold spaces and brackets.
// Fields 14 and 15 are user and system time.
func cpuOf(stat []byte) (time.Duration, error) {
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("/proc has another form than is known here")
	}
	var used time.Duration
	for _, text := range fields[11:13] {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, err
		}
		used += time.Duration(n) * clockTick
	}
	return used, nil
}
