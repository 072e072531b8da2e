//go:build unix

package fleet

import "syscall"

// openFiles raises this process's limit of open files as far as it may, and
// returns it.
func openFiles() (uint64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	if limit.Cur < limit.Max {
		raised := limit
		raised.Cur = raised.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised); err == nil {
			limit = raised
		} // else what there is has to do
	}
	return limit.Cur, nil
}

// apart keeps a child out of the terminal's own signals: its parent tells it when
// to stop.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
