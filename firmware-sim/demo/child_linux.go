package demo

import "syscall"

// childAttributes put the controller into a process group of its own, so that
// Ctrl-C reaches it once and through us, and end it with the thread that
// started it, should the demo be killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
