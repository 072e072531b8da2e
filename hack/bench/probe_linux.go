package main

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// reapFor is how long what a benchmark left behind may take to end. A server that
// is told to stop by the end of its pipe needs some tenths of a second.
const reapFor = 10 * time.Second

// adopt makes this process the parent of whatever its children leave behind, such
// as the servers of a benchmark that end after it: what they cost is then known.
func adopt() error {
	const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER of prctl(2)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		return fmt.Errorf("become the parent of what benchmarks leave behind: %w", errno)
	}
	return nil
}

// reap waits for all that is left of a benchmark whose own process has been waited
// for. What does not end in time counts as somebody else's.
func reap() {
	for end := time.Now().Add(reapFor); time.Now().Before(end); {
		switch pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); {
		case errors.Is(err, syscall.ECHILD):
			return
		case pid == 0 || err != nil:
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// ownTime is the CPU time of this process and of the children that it has waited
// for, and theirs.
func ownTime() (time.Duration, error) {
	var all time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			return 0, err
		}
		all += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return all, nil
}
