//go:build unix

package main

import (
	"syscall"
	"time"
)

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
