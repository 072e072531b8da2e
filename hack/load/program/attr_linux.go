package program

import "syscall"

// childAttr is that of a process which ends with us, and not by a Ctrl-C that is
// meant for us: it is stopped in order.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
