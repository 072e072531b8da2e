//go:build linux || darwin || freebsd || netbsd || openbsd

package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// hold takes the lock that a running agent holds on its spool, and keeps it until
// release, so that none starts meanwhile. Without a spool none has ever run.
func hold(spool string) (release func(), inUse bool, err error) {
	f, err := os.Open(spool)
	if errors.Is(err, fs.ErrNotExist) {
		return func() {}, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("doctor: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		_ = f.Close()
		return nil, true, nil
	case err != nil:
		_ = f.Close()
		return nil, false, fmt.Errorf("doctor: lock %s: %w", spool, err)
	}
	return func() { _ = f.Close() }, false, nil // the lock goes with the file
}
