package upi

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// probe sleeps and looks, on one core, until ctx ends.
func probe(ctx context.Context, core int, tell func(look)) error {
	// Never unlocked: the thread is bound to its core and ends with this goroutine.
	runtime.LockOSThread()
	var mask [16]uint64
	mask[core/64] = 1 << (core % 64)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask))); errno != 0 {
		return errno
	}
	stat, err := os.Open(fmt.Sprintf("/proc/self/task/%d/schedstat", syscall.Gettid()))
	if err != nil {
		return err
	}
	defer stat.Close()
	s := &sleeper{fd: stat.Fd(), sleep: syscall.NsecToTimespec(lookEvery.Nanoseconds())}
	for ctx.Err() == nil {
		if errno := s.look(); errno != 0 {
			return errno
		}
		before, err := queued(s.textBefore[:s.before])
		if err != nil {
			return err
		}
		after, err := queued(s.textAfter[:s.after])
		if err != nil {
			return err
		}
		tell(look{time.Duration(s.woke.Nano() - s.slept.Nano()), after - before})
	}
	return nil
}

// sleeper is what a look needs and gives; the kernel writes into it.
type sleeper struct {
	fd                    uintptr // of the thread's schedstat
	sleep, slept, woke    syscall.Timespec
	before, after         uintptr // how long the texts are
	textBefore, textAfter [64]byte
}

const clockMonotonic = 1

// look sleeps between two looks at the clock. Nothing in it lets the runtime put
// another goroutine in between, as it does at the beginning of an ordinary function
// to one that had a core for long, which this one seems to: that would look like a
// stall.
//
//go:nosplit
func (s *sleeper) look() (errno syscall.Errno) {
	s.before, _, errno = syscall.RawSyscall6(syscall.SYS_PREAD64, s.fd, uintptr(unsafe.Pointer(&s.textBefore)), 64, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if _, _, errno = syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&s.slept)), 0); errno != 0 {
		return errno
	}
	// A signal that ends it makes a short look.
	_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&s.sleep)), 0, 0)
	if _, _, errno = syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&s.woke)), 0); errno != 0 {
		return errno
	}
	s.after, _, errno = syscall.RawSyscall6(syscall.SYS_PREAD64, s.fd, uintptr(unsafe.Pointer(&s.textAfter)), 64, 0, 0, 0)
	return errno
}

// queued is how long the thread was ready and another had its core: the second
// number of its schedstat, in nanoseconds.
func queued(text []byte) (time.Duration, error) {
	_, rest, _ := bytes.Cut(text, []byte(" "))
	number, _, _ := bytes.Cut(rest, []byte(" "))
	ns, err := strconv.ParseInt(string(number), 10, 64)
	return time.Duration(ns), err
}
