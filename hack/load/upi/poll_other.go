//go:build unix && !linux

package upi

import (
	"errors"
	"syscall"
	"time"
)

var errLinux = errors.New("the load of the UPI network needs Linux")

type poller struct{}

type event struct {
	fd            int
	serial        int32
	read, written bool
}

func newPoller() (*poller, error)                     { return nil, errLinux }
func (*poller) close()                                {}
func (*poller) watch(int, int32, bool, bool) error    { return errLinux }
func (*poller) wait(time.Duration, func(event)) error { return errLinux }
func dial(syscall.Sockaddr) (int, error)              { return -1, errLinux }
func socketError(int) error                           { return errLinux }
